/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rest_int.h"
#include "tests/unit/api_fakes.h"
#include "tests/unit/check_main.h"

#include "api/openapi.h"

static struct rest_match match;

START_TEST(finds_routes_and_their_parameters)
{
	ck_assert_int_eq(rest_router_find("GET", "/v1/environments/production/bundle", &match), MC_OK);
	ck_assert(match.route->fn == rest_environment_bundle);
	ck_assert_str_eq(match.params[0], "production");
	ck_assert_int_eq(rest_router_find("HEAD", "/v1/certificates/0aff", &match), MC_OK);
	ck_assert(match.route->fn == rest_certificate_get);
	ck_assert_str_eq(match.params[0], "0aff");
	ck_assert_int_eq(rest_router_find("POST", "/v1/certificates/0aff/revoke", &match), MC_OK);
	ck_assert(match.route->fn == rest_certificate_revoke);
}
END_TEST

START_TEST(an_encoded_slash_divides_nothing)
{
	ck_assert_int_eq(rest_router_find("GET", "/v1/environments/a%2Fb/bundle", &match), MC_OK);
	ck_assert_str_eq(match.params[0], "a/b");
	ck_assert_int_eq(rest_router_find("GET", "/v1/environments/a/b/bundle", &match),
	    MC_ENOTFOUND);
}
END_TEST

START_TEST(refuses_what_is_not_text)
{
	static const char *const bad[] = {"%", "%4", "%zz", "%00", "a%0ab", "%ff", "%c3%28", "\x7f"};
	char path[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(path, sizeof(path), "/v1/environments/%s/crl", bad[i]);
		ck_assert_msg(rest_router_find("GET", path, &match) == MC_EUSAGE, "%s", bad[i]);
	}
}
END_TEST

START_TEST(refuses_a_parameter_above_its_ceiling)
{
	char path[REST_PARAM_LEN + 64];
	char name[REST_PARAM_LEN + 2];

	memset(name, 'a', sizeof(name));
	name[REST_PARAM_LEN] = '\0';
	snprintf(path, sizeof(path), "/v1/users/%s/remove", name);
	ck_assert_int_eq(rest_router_find("POST", path, &match), MC_OK);
	name[REST_PARAM_LEN] = 'a';
	name[REST_PARAM_LEN + 1] = '\0';
	snprintf(path, sizeof(path), "/v1/users/%s/remove", name);
	ck_assert_int_eq(rest_router_find("POST", path, &match), MC_EUSAGE);
}
END_TEST

START_TEST(other_paths_are_not_found)
{
	static const char *const bad[] = {"", "/", "/v1", "/v1/", "/v1/environments/", "/v1/users//",
	    "/V1/users", "/v1/certificates/0a/", "/v1/certificates//revoke", "v1/users",
	    "/openapi.json/x"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(rest_router_find("GET", bad[i], &match) == MC_ENOTFOUND, "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_wrong_method_names_the_right_ones)
{
	ck_assert_int_eq(rest_router_find("PUT", "/v1/users", &match), MC_EMETHOD);
	ck_assert_str_eq(match.allow, "GET, HEAD, POST");
	ck_assert_int_eq(rest_router_find("GET", "/v1/users/alice/remove", &match), MC_EMETHOD);
	ck_assert_str_eq(match.allow, "POST");
	ck_assert_int_eq(rest_router_find("get", "/v1/users", &match), MC_EMETHOD);
}
END_TEST

/* Who may do what, said a second time: a slip in the table must not open an act. */
START_TEST(each_route_has_its_role)
{
	static const struct {
		const char *method, *path;
		enum msg_user_role least;
	} roles[] = {
	    {"GET", "/openapi.json", MSG_USER_INVALID},
	    {"GET", "/v1/environments/{env}/bundle", MSG_USER_INVALID},
	    {"GET", "/v1/environments/{env}/crl", MSG_USER_INVALID},
	    {"GET", "/v1/issuers/{id}/crl", MSG_USER_INVALID},
	    {"POST", "/v1/environments/{env}/certificates", MSG_USER_OPERATOR},
	    {"POST", "/v1/certificates/{serial}/revoke", MSG_USER_OPERATOR},
	    {"PUT", "/v1/environments/{env}/inventory", MSG_USER_ADMIN},
	    {"POST", "/v1/users", MSG_USER_ADMIN},
	    {"POST", "/v1/users/{name}/remove", MSG_USER_ADMIN},
	};
	size_t found = 0;

	for (const struct rest_route *route = rest_router_table(); route->method != NULL; route++) {
		/* what is not in the list reads, and is for viewers */
		enum msg_user_role least = MSG_USER_VIEWER;
		bool listed = false;

		for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
			if (strcmp(roles[i].method, route->method) == 0 &&
			    strcmp(roles[i].path, route->path) == 0) {
				least = roles[i].least;
				listed = true;
				found++;
			}
		}
		ck_assert_msg(route->least == least, "%s %s", route->method, route->path);
		ck_assert_msg(listed || strcmp(route->method, "GET") == 0, "%s %s", route->method,
		    route->path);
	}
	ck_assert_uint_eq(found, sizeof(roles) / sizeof(roles[0]));
}
END_TEST

START_TEST(accept_picks_the_best_offer)
{
	static const char *const offers[] = {REST_JSON, REST_PEM, REST_DER, NULL};
	const struct {
		const char *accept;
		int want;
	} cases[] = {{NULL, 0}, {"", 0}, {"*/*", 0}, {"application/x-pem-file", 1},
	    {"APPLICATION/PKIX-CERT", 2}, {"text/html", -1}, {"text/html, */*;q=0.1", 0},
	    {"application/*", 0}, {"application/json;q=0.5, application/pkix-cert", 2},
	    {"application/json;q=0, */*", 1}, {"*/*, application/json;q=0", 1},
	    {"application/json;q=0", -1}, {"application/x-pem-file ; q=0.3 , application/json;q=0.2", 1},
	    {"text/*", -1}, {"application/jsonx", -1}, {",,application/pkix-cert", 2}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(rest_accept(cases[i].accept, offers) == cases[i].want, "%s: %d",
		    cases[i].accept, rest_accept(cases[i].accept, offers));
	}
}
END_TEST

START_TEST(etags_match_as_rfc_9110_says)
{
	ck_assert(rest_etag_matches("\"1.der\"", "\"1.der\""));
	ck_assert(rest_etag_matches("W/\"1.der\"", "\"1.der\""));
	ck_assert(rest_etag_matches("\"0\", \"1.der\" , \"2\"", "\"1.der\""));
	ck_assert(rest_etag_matches("*", "\"1.der\""));
	ck_assert(!rest_etag_matches(NULL, "\"1.der\""));
	ck_assert(!rest_etag_matches("\"11.der\"", "\"1.der\""));
	ck_assert(!rest_etag_matches("\"1.der\"x", "\"1.der\""));
	ck_assert(!rest_etag_matches("", "\"1.der\""));
}
END_TEST

static const json_t *
resolve(const json_t *root, const json_t *node)
{
	const char *ref = json_string_value(json_object_get(node, "$ref"));

	if (ref == NULL) {
		return node;
	}
	ck_assert_int_eq(strncmp(ref, "#/components/parameters/", 24), 0);
	return json_object_get(
	    json_object_get(json_object_get(root, "components"), "parameters"), ref + 24);
}

static void
check_operation(const json_t *root, const struct rest_route *route, const json_t *operation)
{
	json_t *parameters = json_object_get(operation, "parameters");
	const json_t *security = json_object_get(operation, "security");
	size_t queries = 0;
	size_t at;
	json_t *entry;

	/* public, and only public, routes say so */
	ck_assert_msg((route->least == MSG_USER_INVALID) ==
		(json_is_array(security) && json_array_size(security) == 0),
	    "%s %s", route->method, route->path);
	if (route->body == NULL) {
		ck_assert_ptr_null(json_object_get(operation, "requestBody"));
	} else {
		ck_assert_msg(json_object_get(json_object_get(json_object_get(operation,
		    "requestBody"), "content"), route->body) != NULL,
		    "%s %s", route->method, route->path);
	}
	json_array_foreach(parameters, at, entry) {
		const json_t *parameter = resolve(root, entry);
		const char *name = json_string_value(json_object_get(parameter, "name"));
		bool known = false;

		ck_assert_ptr_nonnull(name);
		if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0) {
			continue;
		}
		for (size_t i = 0; route->query[i] != NULL; i++) {
			known = known || strcmp(route->query[i], name) == 0;
		}
		ck_assert_msg(known, "%s of %s", name, route->path);
		queries++;
	}
	for (size_t i = 0; route->query[i] != NULL; i++) {
		queries--;
	}
	ck_assert_uint_eq(queries, 0);
}

START_TEST(openapi_and_the_table_say_the_same)
{
	json_t *root = json_loadb((const char *)openapi_json, openapi_json_len,
	    JSON_REJECT_DUPLICATES, NULL);
	size_t documented = 0;
	size_t routes = 0;
	const char *path;
	json_t *item;

	ck_assert_ptr_nonnull(root);
	json_object_foreach(json_object_get(root, "paths"), path, item) {
		documented += json_object_size(item);
	}
	for (const struct rest_route *route = rest_router_table(); route->method != NULL; route++) {
		const char *method = strcmp(route->method, "GET") == 0 ? "get"
		    : strcmp(route->method, "POST") == 0               ? "post"
		    : strcmp(route->method, "PUT") == 0                ? "put"
								       : "delete";
		const json_t *operation = json_object_get(
		    json_object_get(json_object_get(root, "paths"), route->path), method);

		ck_assert_msg(operation != NULL, "%s %s", route->method, route->path);
		check_operation(root, route, operation);
		routes++;
	}
	ck_assert_uint_eq(routes, documented);
	json_decref(root);
}
END_TEST

CHECK_MAIN("api_rest_router", finds_routes_and_their_parameters, an_encoded_slash_divides_nothing,
    refuses_what_is_not_text, refuses_a_parameter_above_its_ceiling, other_paths_are_not_found,
    a_wrong_method_names_the_right_ones, each_route_has_its_role, accept_picks_the_best_offer,
    etags_match_as_rfc_9110_says, openapi_and_the_table_say_the_same)
