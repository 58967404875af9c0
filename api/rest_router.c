/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_int.h"
#include "base/enc.h"
#include "base/mem.h"

static const struct rest_route routes[] = {
    {"GET", "/openapi.json", MSG_USER_INVALID, NULL, rest_openapi, {NULL}, {NULL}},
    {"GET", "/v1/environments", MSG_USER_VIEWER, NULL, rest_environments_list, {NULL}, {NULL}},
    {"GET", "/v1/environments/{env}/bundle", MSG_USER_INVALID, NULL, rest_environment_bundle,
	{"format", NULL}, {REST_PEM, REST_JSON, NULL}},
    {"GET", "/v1/environments/{env}/crl", MSG_USER_INVALID, NULL, rest_environment_crl, {NULL},
	{REST_PEM, NULL}},
    {"POST", "/v1/environments/{env}/certificates", MSG_USER_OPERATOR, REST_JSON,
	rest_certificates_issue, {NULL}, {NULL}},
    {"GET", "/v1/environments/{env}/inventory", MSG_USER_VIEWER, NULL, rest_inventory_get,
	{NULL}, {REST_JSON, REST_INVENTORY, NULL}},
    {"PUT", "/v1/environments/{env}/inventory", MSG_USER_ADMIN, REST_INVENTORY,
	rest_inventory_put, {NULL}, {NULL}},
    {"GET", "/v1/environments/{env}/registrations", MSG_USER_VIEWER, NULL,
	rest_registrations_list, {"cursor", "limit", NULL}, {NULL}},
    {"GET", "/v1/issuers", MSG_USER_VIEWER, NULL, rest_issuers_list, {"environment", NULL},
	{NULL}},
    {"GET", "/v1/issuers/{id}", MSG_USER_VIEWER, NULL, rest_issuer_get, {NULL},
	{REST_JSON, REST_PEM, REST_DER, NULL}},
    {"GET", "/v1/issuers/{id}/crl", MSG_USER_INVALID, NULL, rest_issuer_crl, {NULL},
	{REST_CRL, REST_PEM, NULL}},
    {"GET", "/v1/certificates", MSG_USER_VIEWER, NULL, rest_certificates_list,
	{"environment", "identity", "profile", "state", "expires_before", "cursor", "limit",
	    NULL},
	{NULL}},
    {"GET", "/v1/certificates/{serial}", MSG_USER_VIEWER, NULL, rest_certificate_get, {NULL},
	{REST_JSON, REST_PEM, REST_DER, NULL}},
    {"POST", "/v1/certificates/{serial}/revoke", MSG_USER_OPERATOR, REST_JSON,
	rest_certificate_revoke, {NULL}, {NULL}},
    {"GET", "/v1/users", MSG_USER_VIEWER, NULL, rest_users_list, {NULL}, {NULL}},
    {"POST", "/v1/users", MSG_USER_ADMIN, REST_JSON, rest_users_add, {NULL}, {NULL}},
    {"POST", "/v1/users/{name}/remove", MSG_USER_ADMIN, REST_JSON, rest_user_remove, {NULL}, {NULL}},
    {"GET", "/v1/events", MSG_USER_VIEWER, NULL, rest_events_list, {"cursor", "limit", NULL},
	{NULL}},
    {NULL, NULL, MSG_USER_INVALID, NULL, NULL, {NULL}, {NULL}},
};

const struct rest_route *
rest_router_table(void)
{
	return routes;
}

enum mc_err
rest_decode(const char *text, size_t len, char out[REST_PARAM_LEN + 1])
{
	size_t n = 0;
	json_t *checked;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];
		size_t got;

		if (byte == '%') {
			if (len - i < 3 ||
			    base_enc_unhex(base_span_of(text + i + 1, 2), &byte, 1, &got) != MC_OK) {
				return MC_FAIL(MC_EUSAGE, "percent-encoding is malformed");
			}
			i += 2;
		}
		if (byte < 0x20 || byte == 0x7f) {
			return MC_FAIL(MC_EUSAGE, "a control character in path or query");
		}
		if (n == REST_PARAM_LEN) {
			return MC_FAIL(MC_EUSAGE, "a value in path or query is longer than %d bytes",
			    REST_PARAM_LEN);
		}
		out[n++] = (char)byte;
	}
	out[n] = '\0';
	checked = json_stringn(out, n); /* NULL unless valid UTF-8 */
	if (checked == NULL) {
		return MC_FAIL(MC_EUSAGE, "path or query is not UTF-8");
	}
	json_decref(checked);
	return MC_OK;
}

/* MC_ENOTFOUND when the path is another one. */
static enum mc_err
match_path(const char *template, const char *path, struct rest_match *out)
{
	size_t count = 0;

	while (*template == '/' && *path == '/') {
		size_t want = strcspn(++template, "/");
		size_t have = strcspn(++path, "/");

		if (*template == '{') {
			enum mc_err err;

			if (have == 0 || count == REST_PARAMS_MAX) {
				return MC_ENOTFOUND;
			}
			err = rest_decode(path, have, out->params[count++]);
			if (err != MC_OK) {
				return err;
			}
		} else if (want != have || strncmp(template, path, want) != 0) {
			return MC_ENOTFOUND;
		}
		template += want;
		path += have;
	}
	return *template == '\0' && *path == '\0' ? MC_OK : MC_ENOTFOUND;
}

static void
allow(struct rest_match *out, const char *method)
{
	size_t len = strlen(out->allow);

	snprintf(out->allow + len, sizeof(out->allow) - len, "%s%s%s", len == 0 ? "" : ", ", method,
	    strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

enum mc_err
rest_router_find(const char *method, const char *path, struct rest_match *out)
{
	enum mc_err err;

	*out = (struct rest_match){0};
	if (strcmp(method, "HEAD") == 0) {
		method = "GET";
	}
	for (const struct rest_route *route = routes; route->method != NULL; route++) {
		err = match_path(route->path, path, out);
		if (err == MC_ENOTFOUND) {
			continue;
		}
		if (err != MC_OK) {
			return err;
		}
		if (strcmp(route->method, method) == 0) {
			out->route = route;
			return MC_OK;
		}
		allow(out, route->method);
	}
	if (out->allow[0] != '\0') {
		return MC_FAIL(MC_EMETHOD, "this resource takes %s", out->allow);
	}
	return MC_FAIL(MC_ENOTFOUND, "there is no such resource");
}

static const char *
skip_space(const char *p)
{
	return p + strspn(p, " \t");
}

/* A media range's weight in thousandths; 1000 when it has no q parameter. */
static int
weight(const char *params, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		if ((params[i] == ';' || params[i] == ' ') &&
		    (params[i + 1] == 'q' || params[i + 1] == 'Q') && params[i + 2] == '=') {
			int value = 0;
			int scale = 1000;

			for (i += 3; i < len; i++) {
				if (params[i] >= '0' && params[i] <= '9' && scale > 0) {
					value += (params[i] - '0') * scale;
					scale /= 10;
				} else if (params[i] != '.') {
					break;
				}
			}
			return value > 1000 ? 1000 : value;
		}
	}
	return 1000;
}

/* How precisely the range of len bytes names type: 3 exact, 2 "type/ *", 1 any, 0 not. */
static int
precision(const char *range, size_t len, const char *type)
{
	size_t main_len = strcspn(type, "/") + 1;

	if (len == strlen(type) && strncasecmp(range, type, len) == 0) {
		return 3;
	}
	if (len == main_len + 1 && range[main_len] == '*' &&
	    strncasecmp(range, type, main_len) == 0) {
		return 2;
	}
	return len == 3 && strncmp(range, "*/*", 3) == 0 ? 1 : 0;
}

static int
quality(const char *accept, const char *type)
{
	int best = 0;
	int q = 0;

	for (const char *p = skip_space(accept); *p != '\0';) {
		size_t whole = strcspn(p, ",");
		size_t range = strcspn(p, ";, \t");
		int found = precision(p, range, type);

		if (found > best) {
			best = found;
			q = weight(p + range, whole - range);
		}
		p += whole;
		p = skip_space(*p == ',' ? p + 1 : p);
	}
	return q;
}

int
rest_accept(const char *accept, const char *const *offers)
{
	int best = -1;
	int best_q = 0;

	if (accept == NULL || *skip_space(accept) == '\0') {
		return 0;
	}
	for (int i = 0; offers[i] != NULL; i++) {
		int q = quality(accept, offers[i]);

		if (q > best_q) {
			best = i;
			best_q = q;
		}
	}
	return best;
}

bool
rest_etag_matches(const char *header, const char *etag)
{
	size_t len = strlen(etag);

	if (header == NULL) {
		return false;
	}
	for (const char *p = skip_space(header); *p != '\0';) {
		size_t whole = strcspn(p, ",");

		if (*p == '*') {
			return true;
		}
		if (p[0] == 'W' && p[1] == '/') {
			p += 2;
			whole -= 2;
		}
		if (strncmp(p, etag, len) == 0 && strchr(", \t", p[len]) != NULL) {
			return true;
		}
		p += whole;
		p = skip_space(*p == ',' ? p + 1 : p);
	}
	return false;
}
