/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_stops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli_table.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ca/cert_view.h"
#include "ca/spiffe.h"

#define LIVE_MAX 10000000 /* certificates that are looked at: all of them */
#define PROGRESS 50       /* revocations between two lines */
#define WHY_MAX 64
#define NOT_REGISTERED "not registered"

/* --- what a document says of an identity --- */

/* Rows of a document as an array, in its order: by namespace and account. */
struct registry {
	const struct base_applied *head;
	struct base_applied_row *rows;
	size_t count;
};

struct stops {
	const struct cli *cli;
	const struct cli_client *client;
	struct registry now;
	struct registry before;
	json_t *by_identity;
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
by_account(const void *a, const void *b)
{
	return base_applied_order(a, b);
}

static const struct base_applied_row *
row_of(const struct registry *registry, const char *identity)
{
	struct base_applied_row key = {0};
	struct spiffe_id id;

	if (spiffe_id_parse(base_span_str(identity), &id) != MC_OK ||
	    !base_span_equal(id.trust_domain, registry->head->trust_domain)) {
		return NULL;
	}
	key.namespace = id.ns;
	key.account = id.sa;
	return bsearch(&key, registry->rows, registry->count, sizeof(*registry->rows), by_account);
}

static bool
has_name(const struct base_applied_row *row, const char *name)
{
	struct base_span names = row->dns_names;
	struct base_span one;

	while (base_applied_name(&names, &one)) {
		if (base_span_equal_str(one, name)) {
			return true;
		}
	}
	return false;
}

/* The best that is said of who has a DNS name. NULL: nobody has it. */
static const struct base_applied_row *
row_of_name(const struct registry *registry, const char *name)
{
	const struct base_applied_row *found = NULL;

	for (size_t i = 0; i < registry->count; i++) {
		const struct base_applied_row *row = &registry->rows[i];

		if ((found == NULL || row->state == BASE_APPLIED_ACTIVE) && has_name(row, name)) {
			found = row;
		}
	}
	return found;
}

/* One certificate as far as a registration limits its like. */
struct live {
	const char *identity;
	bool is_server;
	int64_t life_s;
	uint32_t key_type; /* 0: nobody asked */
};

/* Puts why the next certificate like this one is refused; false: it is not. The ledger decides; this says it
 * beforehand. */
static bool
refusal(const struct registry *registry, const struct live *live, char why[WHY_MAX])
{
	const struct base_applied_row *row;

	if (registry->head->environment.len == 0) {
		return false;
	}
	row = live->is_server ? row_of_name(registry, live->identity)
			      : row_of(registry, live->identity);
	if (row == NULL) {
		(void)snprintf(why, WHY_MAX, "%s", NOT_REGISTERED);
		return registry->head->registered_only;
	}
	if (row->state != BASE_APPLIED_ACTIVE) {
		(void)snprintf(why, WHY_MAX, "%s", base_applied_state_name((uint8_t)row->state));
		return true;
	}
	if (!live->is_server && row->max_ttl_s != 0 && live->life_s > row->max_ttl_s) {
		(void)snprintf(why, WHY_MAX, "asks for more than %lld s", (long long)row->max_ttl_s);
		return true;
	}
	(void)snprintf(why, WHY_MAX, "has a key of another type");
	return !live->is_server && row->key_types != 0 && live->key_type != 0 &&
	    (row->key_types & live->key_type) == 0;
}

/* --- what there is --- */

/* The key type of a certificate, where a registration limits it: it is not in lists. 0: not to be had. */
static uint32_t
key_type_of(const struct stops *stops, const json_t *cert)
{
	const char *identity = cli_json_text(cert, "identity");
	const struct base_applied_row *row = row_of(&stops->now, identity);
	struct cli_http_answer answer;
	struct cert_view view;
	uint32_t type = 0;
	char *path;

	if (row == NULL || row->key_types == 0) {
		return 0;
	}
	path = base_xasprintf("/v1/certificates/%s", cli_json_text(cert, "serial"));
	if (cli_rest_get(stops->cli, stops->client, path, "application/pkix-cert", &answer) ==
		CLI_OK &&
	    cert_view_parse(base_buf_span(&answer.body), &view) == MC_OK) {
		type = base_applied_key_of(view.key_alg, view.key);
	}
	cli_http_answer_clear(&answer);
	free(path);
	return type;
}

static void
count_in(json_t *stop, const json_t *cert)
{
	const char *not_after = cli_json_text(cert, "not_after");

	(void)json_array_append(json_object_get(stop, "serials"), json_object_get(cert, "serial"));
	(void)json_integer_set(json_object_get(stop, "certificates"),
	    json_integer_value(json_object_get(stop, "certificates")) + 1);
	if (strcmp(not_after, cli_json_text(stop, "last_not_after")) > 0) {
		(void)json_string_set(json_object_get(stop, "last_not_after"), not_after);
	}
}

/* By its newest certificate, which comes first. Of whom nothing stops, null is kept. */
static json_t *
judge(const struct stops *stops, const json_t *cert, bool is_server)
{
	struct live live = {.identity = cli_json_text(cert, "identity"), .is_server = is_server};
	int64_t end = 0;
	int64_t start = 0;
	char why[WHY_MAX];
	char ignored[WHY_MAX];

	if (base_clock_parse_rfc3339(cli_json_text(cert, "not_after"), &end) &&
	    base_clock_parse_rfc3339(cli_json_text(cert, "recorded_at"), &start)) {
		live.life_s = end - start;
	}
	live.key_type = is_server ? 0 : key_type_of(stops, cert);
	if (!refusal(&stops->now, &live, why)) {
		return json_null();
	}
	return json_pack("{s:s, s:s, s:b, s:i, s:s, s:[]}", "identity", live.identity, "why", why,
	    "already", refusal(&stops->before, &live, ignored), "certificates", 0, "last_not_after",
	    cli_json_text(cert, "not_after"), "serials");
}

static int
look_at(struct stops *stops, const char *profile)
{
	bool is_server = strcmp(profile, "server") == 0;
	char *path = base_xasprintf(
	    "/v1/certificates?environment=%.*s&profile=%s&state=signed",
	    (int)stops->now.head->environment.len,
	    (const char *)stops->now.head->environment.ptr, profile);
	json_t *live = NULL;
	const json_t *certs;
	int ret = cli_rest_list(stops->cli, stops->client, path, "certificates", LIVE_MAX, &live);

	certs = json_object_get(live, "certificates");
	for (size_t i = 0; i < json_array_size(certs); i++) {
		const json_t *cert = json_array_get(certs, i);
		const char *identity = cli_json_text(cert, "identity");
		json_t *stop;

		/* The environment's own port: its names are of the configuration. */
		if (is_server && strcmp(cli_json_text(cert, "requester"), "front") == 0) {
			continue;
		}
		stop = json_object_get(stops->by_identity, identity);
		if (stop == NULL) {
			stop = judge(stops, cert, is_server);
			(void)json_object_set_new(stops->by_identity, identity, stop);
		}
		if (!json_is_null(stop)) {
			count_in(stop, cert);
		}
	}
	json_decref(live);
	free(path);
	return ret;
}

int
cli_stops_find(const struct cli *cli, const struct cli_client *client,
    const struct base_applied *now, const struct base_applied *before, json_t **out)
{
	struct stops stops = {.cli = cli, .client = client, .by_identity = json_object()};
	const char *identity;
	json_t *stop;
	int ret;

	registry_open(&stops.now, now);
	registry_open(&stops.before, before);
	ret = look_at(&stops, "svid");
	if (ret == CLI_OK) {
		ret = look_at(&stops, "server");
	}
	*out = json_array();
	json_object_foreach(stops.by_identity, identity, stop) {
		if (!json_is_null(stop)) {
			(void)json_array_append(*out, stop);
		}
	}
	free(stops.now.rows);
	free(stops.before.rows);
	json_decref(stops.by_identity);
	return ret;
}

size_t
cli_stops_unmeant(const json_t *stops)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(stops); i++) {
		const json_t *stop = json_array_get(stops, i);

		if (!json_is_true(json_object_get(stop, "already")) &&
		    strcmp(cli_json_text(stop, "why"), NOT_REGISTERED) == 0) {
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
