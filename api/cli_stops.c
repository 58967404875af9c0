/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_stops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli_table.h"
#include "base/mem.h"
#include "ca/spiffe.h"

#define LIVE_MAX 10000000 /* certificates that are looked at: all of them */
#define PROGRESS 50       /* revocations between two lines */

/* --- what a document says of an identity --- */

/* Rows of a document as an array, in its order: by namespace and account. */
struct registry {
	const struct base_applied *head;
	struct base_applied_row *rows;
	size_t count;
};

static void
registry_open(struct registry *registry, const struct base_applied *head)
{
	struct base_span rest = head->rows;

	*registry = (struct registry){.head = head};
	registry->rows = base_xcalloc((size_t)head->count + 1, sizeof(*registry->rows));
	while (registry->count < head->count &&
	    base_applied_next(&rest, &registry->rows[registry->count])) {
		registry->count++;
	}
}

static int
order(struct base_span a, struct base_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int sign = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

	return sign != 0 ? sign : (a.len > b.len) - (a.len < b.len);
}

static int
by_account(const void *key, const void *row)
{
	const struct spiffe_id *id = key;
	const struct base_applied_row *other = row;
	int sign = order(id->ns, other->namespace);

	return sign != 0 ? sign : order(id->sa, other->account);
}

/* NULL: it may have certificates; else why not. The ledger decides; this says it beforehand. */
static const char *
refusal(const struct registry *registry, const char *identity)
{
	const struct base_applied_row *row = NULL;
	struct spiffe_id id;

	if (registry->head->environment.len == 0) {
		return NULL;
	}
	if (spiffe_id_parse(base_span_str(identity), &id) == MC_OK &&
	    base_span_equal(id.trust_domain, registry->head->trust_domain)) {
		row = bsearch(&id, registry->rows, registry->count, sizeof(*registry->rows),
		    by_account);
	}
	if (row == NULL) {
		return registry->head->registered_only ? "not registered" : NULL;
	}
	return row->state == BASE_APPLIED_ACTIVE ? NULL
						 : base_applied_state_name((uint8_t)row->state);
}

/* --- what there is --- */

static void
count_in(json_t *by_identity, const json_t *cert, const struct registry *now,
    const struct registry *before)
{
	const char *identity = cli_json_text(cert, "identity");
	const char *not_after = cli_json_text(cert, "not_after");
	const char *why = refusal(now, identity);
	json_t *stop = json_object_get(by_identity, identity);

	if (why == NULL) {
		return;
	}
	if (stop == NULL) {
		stop = json_pack("{s:s, s:s, s:b, s:i, s:s, s:[]}", "identity", identity, "why", why,
		    "already", refusal(before, identity) != NULL, "certificates", 0,
		    "last_not_after", not_after, "serials");
		if (json_object_set_new(by_identity, identity, stop) != 0) {
			return;
		}
	}
	(void)json_array_append(json_object_get(stop, "serials"), json_object_get(cert, "serial"));
	(void)json_integer_set(json_object_get(stop, "certificates"),
	    json_integer_value(json_object_get(stop, "certificates")) + 1);
	if (strcmp(not_after, cli_json_text(stop, "last_not_after")) > 0) {
		(void)json_string_set(json_object_get(stop, "last_not_after"), not_after);
	}
}

int
cli_stops_find(const struct cli *cli, const struct cli_client *client,
    const struct base_applied *now, const struct base_applied *before, json_t **out)
{
	json_t *by_identity = json_object();
	json_t *live = NULL;
	json_t *stop;
	const char *identity;
	struct registry registries[2];
	char *path = base_xasprintf("/v1/certificates?environment=%.*s&profile=svid&state=signed",
	    (int)now->environment.len, (const char *)now->environment.ptr);
	int ret = cli_rest_list(cli, client, path, "certificates", LIVE_MAX, &live);

	registry_open(&registries[0], now);
	registry_open(&registries[1], before);
	for (size_t i = 0; i < json_array_size(json_object_get(live, "certificates")); i++) {
		count_in(by_identity, json_array_get(json_object_get(live, "certificates"), i),
		    &registries[0], &registries[1]);
	}
	*out = json_array();
	json_object_foreach(by_identity, identity, stop) {
		(void)json_array_append(*out, stop);
	}
	free(registries[0].rows);
	free(registries[1].rows);
	json_decref(by_identity);
	json_decref(live);
	free(path);
	return ret;
}

size_t
cli_stops_unmeant(const json_t *stops)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(stops); i++) {
		const json_t *stop = json_array_get(stops, i);

		if (!json_is_true(json_object_get(stop, "already")) &&
		    strcmp(cli_json_text(stop, "why"), "not registered") == 0) {
			count++;
		}
	}
	return count;
}

void
cli_stops_print(const json_t *stops, FILE *out)
{
	static const char *const HEADINGS[] = {"RENEWAL STOPS FOR", "WHY", "SINCE", "CERTIFICATES",
	    "LAST EXPIRES", NULL};
	struct cli_table *table;

	if (json_array_size(stops) == 0) {
		return;
	}
	table = cli_table_new(HEADINGS);
	for (size_t i = 0; i < json_array_size(stops); i++) {
		const json_t *stop = json_array_get(stops, i);
		char count[24];
		const char *const cells[] = {cli_json_text(stop, "identity"),
		    cli_json_text(stop, "why"),
		    json_is_true(json_object_get(stop, "already")) ? "before" : "this copy", count,
		    cli_json_text(stop, "last_not_after")};

		(void)snprintf(count, sizeof(count), "%lld",
		    (long long)json_integer_value(json_object_get(stop, "certificates")));
		cli_table_row(table, cells);
	}
	cli_table_print(table, out);
	cli_table_free(table);
}

/* --- revoking them --- */

static int
revoke_one(const struct cli *cli, const struct cli_client *client, const char *serial,
    const json_t *body)
{
	char *path = base_xasprintf("/v1/certificates/%s/revoke", serial);
	const struct cli_rest_act act = {.method = "POST", .path = path, .body = body};
	json_t *answer = NULL;
	bool done = false;
	int ret = cli_rest_attempt(cli, client, &act, 409, &done, &answer);

	json_decref(answer);
	free(path);
	return ret;
}

int
cli_stops_revoke(const struct cli *cli, const struct cli_client *client, const json_t *stops,
    size_t *count)
{
	json_t *body = json_pack("{s:s}", "reason", "cessationOfOperation");
	size_t all = 0;
	int ret = CLI_OK;

	*count = 0;
	for (size_t i = 0; i < json_array_size(stops); i++) {
		all += json_array_size(json_object_get(json_array_get(stops, i), "serials"));
	}
	for (size_t i = 0; i < json_array_size(stops) && ret == CLI_OK; i++) {
		const json_t *serials = json_object_get(json_array_get(stops, i), "serials");

		for (size_t j = 0; j < json_array_size(serials) && ret == CLI_OK; j++) {
			ret = revoke_one(cli, client, json_string_value(json_array_get(serials, j)),
			    body);
			*count += ret == CLI_OK;
			if (*count % PROGRESS == 0 && ret == CLI_OK) {
				cli_note("revoked %zu of %zu", *count, all);
			}
		}
	}
	json_decref(body);
	return ret;
}
