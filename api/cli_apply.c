/* SPDX-License-Identifier: Apache-2.0 */
/* `meshca inventory apply`, `diff` and `applied`: an inventory's environment against the authority's copy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/cli_approval.h"
#include "api/cli_mesh.h"
#include "api/cli_stops.h"
#include "api/cli_table.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/applied.h"

#define INVENTORY_TYPE "application/vnd.meshca.inventory"
#define VALUE_WIDTH 48      /* of a value in a table; --json has it whole */
#define REGISTRATIONS_MAX 1000000
#define BUSY_TRIES 5

/* What the folder says, what is applied, and what lies between. */
struct plan {
	const char *environment;
	struct cli_client client;
	struct cli_mesh mesh;
	struct base_buf new;
	struct base_buf old; /* empty: none was applied */
	struct base_applied new_head;
	struct base_applied old_head;
	const struct base_tree *diff;
	json_t *stops;
};

static void
plan_clear(struct plan *plan)
{
	json_decref(plan->stops);
	base_buf_clear(&plan->new);
	base_buf_clear(&plan->old);
	cli_mesh_close(&plan->mesh);
	cli_client_clear(&plan->client);
}

/* --- making it --- */

static char *
path_of(const char *environment, const char *what)
{
	struct base_buf path;
	char *text;

	base_buf_init(&path, 1024);
	base_buf_append_str(&path, "/v1/environments/");
	cli_path_escape(&path, environment);
	base_buf_appendf(&path, "/%s", what);
	text = base_buf_take_str(&path);
	return text != NULL ? text : base_xstrdup("/");
}

static int
write_new(const struct cli *cli, struct plan *plan)
{
	const struct base_tree *resolved;
	const struct base_tree *model;
	int ret = cli_mesh_open(cli, false, &plan->mesh);
	enum mc_err err;

	if (ret == CLI_OK) {
		ret = cli_mesh_model(cli, &plan->mesh, plan->environment, &resolved, &model);
	}
	if (ret != CLI_OK) {
		return ret;
	}
	err = k8s_applied_write(resolved, model, &plan->new);
	if (err == MC_OK) {
		err = base_applied_parse(base_buf_span(&plan->new), &plan->new_head);
	}
	return err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
}

/* *found false: none was applied. */
static int
fetch(const struct cli *cli, const struct cli_client *client, const char *environment,
    struct base_buf *out, bool *found)
{
	char *path = path_of(environment, "inventory");
	char *registrations = path_of(environment, "registrations?limit=1");
	const struct cli_rest_act known = {.method = "GET", .path = registrations};
	struct cli_http_answer answer;
	json_t *page = NULL;
	/* Which of the two is not there? This one is, where the environment is. */
	int ret = cli_rest_call(cli, client, &known, &page);

	*found = false;
	if (ret == CLI_OK) {
		ret = cli_rest_find(cli, client, path, INVENTORY_TYPE, &answer, found);
		if (*found) {
			base_buf_append_span(out, base_buf_span(&answer.body));
		}
		cli_http_answer_clear(&answer);
	}
	json_decref(page);
	free(registrations);
	free(path);
	return ret;
}

static int
compare(const struct cli *cli, struct plan *plan)
{
	bool found = false;
	int ret = fetch(cli, &plan->client, plan->environment, &plan->old, &found);

	if (ret != CLI_OK) {
		return ret;
	}
	if (found && base_applied_parse(base_buf_span(&plan->old), &plan->old_head) != MC_OK) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	plan->diff = k8s_applied_diff(plan->mesh.arena, base_buf_span(&plan->old),
	    base_buf_span(&plan->new));
	if (plan->diff == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	cli_note("looking who has certificates in %s", plan->environment);
	return cli_stops_find(cli, &plan->client, &plan->new_head, &plan->old_head, &plan->stops);
}

/* Clear it after success and failure. */
static int
plan_make(const struct cli *cli, struct plan *plan)
{
	int ret;

	*plan = (struct plan){.environment = cli_args_get(&cli->args, "--environment")};
	base_buf_init(&plan->new, LIMIT_APPLIED);
	base_buf_init(&plan->old, LIMIT_APPLIED);
	ret = cli_client_open(cli, false, &plan->client);
	if (ret == CLI_OK) {
		ret = write_new(cli, plan);
	}
	return ret == CLI_OK ? compare(cli, plan) : ret;
}

static bool
is_same(const struct plan *plan)
{
	return base_span_equal(base_buf_span(&plan->old), base_buf_span(&plan->new));
}

/* --- showing it --- */

static const char *
cut(struct base_arena *arena, const char *text)
{
	return text == NULL || strlen(text) <= VALUE_WIDTH
	    ? text
	    : base_arena_printf(arena, "%.*s...", VALUE_WIDTH, text);
}

static void
print_rows(struct base_arena *arena, const struct base_tree *rows, const char *what,
    const char *heading)
{
	const char *const headings[] = {heading, "APPLIED", "HERE", NULL};
	struct cli_table *table;

	if (rows->count == 0) {
		return;
	}
	table = cli_table_new(headings);
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct base_tree *row = rows->items[i];
		const char *const cells[] = {base_tree_str(row, what, ""),
		    cut(arena, base_tree_str(row, "old", NULL)),
		    cut(arena, base_tree_str(row, "new", NULL))};

		cli_table_row(table, cells);
	}
	cli_table_print(table, stdout);
	cli_table_free(table);
}

static void
print_plan(const struct plan *plan)
{
	const struct base_tree *mode = base_tree_get(plan->diff, "registration");

	if (mode != NULL) {
		(void)printf("registration: %s -> %s\n", base_tree_str(mode, "old", "none"),
		    base_tree_str(mode, "new", ""));
	}
	print_rows(plan->mesh.arena, base_tree_get(plan->diff, "registrations"), "identity",
	    "REGISTRATION");
	if (plan->old.len > 0) { /* else it is the whole inventory */
		print_rows(plan->mesh.arena, base_tree_get(plan->diff, "values"), "path", "VALUE");
	}
	cli_stops_print(plan->stops, stdout);
	if (!plan->new_head.registered_only) {
		cli_note("%s is open: who is not registered gets certificates all the same",
		    plan->environment);
	}
}

/* The difference as JSON, with who stops. */
static json_t *
plan_json(const struct plan *plan)
{
	struct base_buf text;
	json_t *json;

	base_buf_init(&text, LIMIT_RENDER);
	base_json_write(&text, plan->diff, 0);
	json = json_loadb((const char *)text.ptr, text.len, 0, NULL);
	base_buf_clear(&text);
	(void)json_object_set(json, "stops", plan->stops);
	(void)json_object_set_new(json, "same", json_boolean(is_same(plan)));
	return json;
}

/* answer: of what was applied; NULL: nothing was. */
static void
print_json(const struct plan *plan, json_t *answer)
{
	json_t *json = plan_json(plan);

	if (answer != NULL) {
		(void)json_object_set(json, "applied", answer);
	}
	cli_json_print(json);
	json_decref(json);
}

int
cli_inventory_diff(struct cli *cli)
{
	struct plan plan;
	int ret = plan_make(cli, &plan);

	if (ret == CLI_OK && cli->json) {
		print_json(&plan, NULL);
	} else if (ret == CLI_OK) {
		print_plan(&plan);
	}
	if (ret == CLI_OK && !is_same(&plan)) {
		ret = CLI_DIFFERS;
	} else if (ret == CLI_OK && !cli->json) {
		cli_done(cli, "%s is applied as it stands here", plan.environment);
	}
	plan_clear(&plan);
	return ret;
}

/* --- applying it --- */

/* One inventory of a person is taken at a time: another of the same one may be on its way. */
static int
put_patiently(const struct cli *cli, const struct cli_client *client,
    const struct cli_rest_act *act, json_t **answer)
{
	for (unsigned i = 0; i < BUSY_TRIES; i++) {
		bool done = false;
		int ret = cli_rest_attempt(cli, client, act, 503, &done, answer);

		if (ret != CLI_OK || done) {
			return ret;
		}
		cli_note("the authority is busy; trying again");
		(void)sleep(1);
	}
	return cli_rest_call(cli, client, act, answer);
}

static int
put_new(const struct cli *cli, struct plan *plan, json_t **answer)
{
	char *path = path_of(plan->environment, "inventory");
	const char *fields[4] = {NULL, NULL, NULL, NULL};
	struct cli_rest_act act = {.method = "PUT", .path = path, .type = INVENTORY_TYPE,
	    .bytes = base_buf_span(&plan->new), .fields = fields};
	struct cli_approval approval;
	struct base_applied_change change = {.environment = plan->new_head.environment};
	char replaces[2 * BASE_SHA256_LEN + 1] = "none";
	struct base_buf text;
	enum mc_err err;
	char *expires;
	char *signature;
	char *copy;
	int ret;

	base_crypto_sha256(act.bytes, change.sha256);
	if (plan->old.len > 0) {
		base_crypto_sha256(base_buf_span(&plan->old), change.replaces);
		base_enc_hex(change.replaces, sizeof(change.replaces), replaces);
	}
	base_buf_init(&text, 1024);
	base_applied_approval(&text, &change);
	err = cli_approval_make(plan->client.key, base_buf_span(&text), &approval);
	base_buf_clear(&text);
	expires = base_xasprintf("Approval-Expires-At: %s", approval.expires_at);
	signature = base_xasprintf("Approval-Signature: %.*s", (int)approval.signature.len,
	    (const char *)approval.signature.ptr);
	copy = base_xasprintf("Approval-Replaces: %s", replaces);
	fields[0] = expires;
	fields[1] = signature;
	fields[2] = copy;
	ret = err == MC_OK ? put_patiently(cli, &plan->client, &act, answer)
			   : cli_fail_err(cli, err);
	cli_approval_clear(&approval);
	free(copy);
	free(expires);
	free(signature);
	free(path);
	return ret;
}

static int
revoke_stopped(const struct cli *cli, struct plan *plan, json_t *answer)
{
	size_t count = 0;
	int ret = CLI_OK;

	if (cli_args_has(&cli->args, "--revoke")) {
		/* Anew: agents went on renewing until it was applied. */
		json_decref(plan->stops);
		plan->stops = NULL;
		ret = cli_stops_find(cli, &plan->client, &plan->new_head, &plan->old_head,
		    &plan->stops);
		if (ret == CLI_OK) {
			ret = cli_stops_revoke(cli, &plan->client, plan->stops, &count);
		}
		cli_note("revoked %zu certificates", count);
		(void)json_object_set_new(answer, "revoked", json_integer((json_int_t)count));
	} else if (json_array_size(plan->stops) > 0) {
		cli_note("Their certificates last until they expire; --revoke ends them now.");
	}
	return ret;
}

static int
apply(const struct cli *cli, struct plan *plan)
{
	size_t unmeant = cli_stops_unmeant(plan->stops);
	json_t *answer = NULL;
	int ret;

	if (unmeant > 0 && !cli_args_has(&cli->args, "--force")) {
		if (cli->json) {
			print_json(plan, NULL);
		}
		return cli_fail(cli, CLI_FAILED, "conflict",
		    "nothing was applied: %zu identities have certificates and would get no further "
		    "one; register them, set their state, or give --force", unmeant);
	}
	ret = put_new(cli, plan, &answer);
	if (ret == CLI_OK && !cli->json) {
		cli_done(cli, "applied to %s as copy %lld: %s, %lld registrations%s",
		    plan->environment,
		    (long long)json_integer_value(json_object_get(answer, "sequence")),
		    cli_json_text(answer, "registration"),
		    (long long)json_integer_value(json_object_get(answer, "registrations")),
		    json_is_true(json_object_get(answer, "changed")) ? "" : "; it was applied already");
	}
	if (answer != NULL) {
		ret = revoke_stopped(cli, plan, answer);
	}
	if (answer != NULL && cli->json) {
		print_json(plan, answer);
	}
	json_decref(answer);
	return ret;
}

int
cli_inventory_apply(struct cli *cli)
{
	struct plan plan;
	int ret = plan_make(cli, &plan);

	if (ret == CLI_OK && !cli->json) {
		print_plan(&plan);
	}
	if (ret == CLI_OK) {
		ret = apply(cli, &plan);
	}
	plan_clear(&plan);
	return ret;
}

/* --- what is applied --- */

static void
print_applied(const json_t *copy, const json_t *list)
{
	static const char *const HEADINGS[] = {"IDENTITY", "STATE", "OWNER", "REGISTERED",
	    "LAST ISSUED", "EXPIRES", NULL};
	const json_t *rows = json_object_get(list, "registrations");
	struct cli_table *table = cli_table_new(HEADINGS);
	char *head;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *const cells[] = {cli_json_text(row, "identity"),
		    cli_json_text(row, "state"), cli_json_text(row, "owner"),
		    cli_json_text(row, "registered_at"), cli_json_text(row, "last_issued_at"),
		    cli_json_text(row, "last_not_after")};

		cli_table_row(table, cells);
	}
	head = base_xasprintf("copy %lld, applied %s by %s, %s\n",
	    (long long)json_integer_value(json_object_get(copy, "sequence")),
	    cli_json_text(copy, "applied_at"), cli_json_text(copy, "applied_by"),
	    cli_json_text(copy, "registration"));
	cli_put(stdout, head);
	free(head);
	cli_table_print(table, stdout);
	cli_table_free(table);
}

static int
show_document(const struct cli *cli, const struct cli_client *client, const char *path)
{
	struct cli_http_answer answer;
	enum mc_err err;
	int ret = cli_rest_get(cli, client, path, INVENTORY_TYPE, &answer);

	if (ret == CLI_OK) {
		err = cli_output(cli_args_get(&cli->args, "--out"), base_buf_span(&answer.body));
		ret = err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
	}
	cli_http_answer_clear(&answer);
	return ret;
}

static int
show_applied(const struct cli *cli, const struct cli_client *client, const char *environment,
    const char *path)
{
	const struct cli_rest_act act = {.method = "GET", .path = path};
	char *registrations = path_of(environment, "registrations");
	json_t *copy = NULL;
	json_t *list = NULL;
	int ret = cli_rest_call(cli, client, &act, &copy);

	if (ret == CLI_OK) {
		ret = cli_rest_list(cli, client, registrations, "registrations", REGISTRATIONS_MAX,
		    &list);
	}
	if (ret == CLI_OK && cli->json) {
		(void)json_object_set(copy, "registered",
		    json_object_get(list, "registrations"));
		cli_json_print(copy);
	} else if (ret == CLI_OK) {
		print_applied(copy, list);
	}
	json_decref(list);
	json_decref(copy);
	free(registrations);
	return ret;
}

int
cli_inventory_applied(struct cli *cli)
{
	const char *environment = cli_args_get(&cli->args, "--environment");
	struct cli_client client;
	char *path;
	int ret = cli_client_open(cli, false, &client);

	if (ret != CLI_OK) {
		return ret;
	}
	path = path_of(environment, "inventory");
	ret = cli_args_has(&cli->args, "--document")
	    ? show_document(cli, &client, path)
	    : show_applied(cli, &client, environment, path);
	free(path);
	cli_client_clear(&client);
	return ret;
}
