/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs about an inventory's folder. They read files and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli_mesh.h"
#include "api/cli_table.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

int
cli_inventory_lint(struct cli *cli)
{
	const char *dir = cli->args.operands[0];
	const char *date = cli_args_get(&cli->args, "--at");
	int64_t at = base_clock_now();
	struct k8s_inventory *inventory;
	const struct k8s_findings *findings;
	int ret;

	if (date != NULL && !cli_date(date, &at)) {
		return cli_fail(cli, CLI_USAGE, "usage", "--at %s is no date such as 2027-03-31",
		    date);
	}
	inventory = k8s_inventory_read(dir);
	k8s_inventory_lint(inventory, at);
	findings = k8s_inventory_findings(inventory);
	ret = k8s_findings_have_error(findings) ? CLI_FAILED : CLI_OK;
	if (cli->json) {
		int printed = cli_print_json(cli,
		    cli_findings_tree(k8s_inventory_arena(inventory), findings));

		ret = printed == CLI_OK ? ret : printed;
	} else {
		cli_print_findings(dir, findings, stdout);
	}
	k8s_inventory_free(inventory);
	return ret;
}

/* The inventory of a verb that needs a sound one. NULL: findings are reported. */
static struct k8s_inventory *
load(const struct cli *cli)
{
	const char *dir = cli->args.operands[0];
	struct k8s_inventory *inventory = k8s_inventory_read(dir);
	const struct k8s_findings *findings = k8s_inventory_findings(inventory);

	if (!k8s_findings_have_error(findings)) {
		return inventory;
	}
	if (!cli->json) {
		cli_print_findings(dir, findings, stderr);
	}
	(void)cli_fail(cli, CLI_FAILED, "inventory",
	    "the inventory has errors; see meshca inventory lint %s", dir);
	k8s_inventory_free(inventory);
	return NULL;
}

/* --- show --- */
struct show {
	struct base_arena *arena;
	struct cli_table *table;        /* or */
	struct base_tree_build *rows;
};

static void
show_value(struct show *show, const char *path, const struct base_tree *node)
{
	const char *value = node->kind == BASE_TREE_LIST  ? "[]"
			    : node->kind == BASE_TREE_MAP ? "{}"
							  : node->text;
	const struct base_origin *at = node->origin;

	if (show->table != NULL) {
		const char *place = at->line > 0
		    ? base_arena_printf(show->arena, "%s:%d", at->file, at->line)
		    : at->file;
		const char *cells[] = {path, value, place, at->layer};

		cli_table_row(show->table, cells);
	} else {
		struct base_tree_build *row = base_tree_map(show->arena, &CLI_HERE);

		cli_put_text(show->arena, row, "path", path);
		cli_put_text(show->arena, row, "value", value);
		cli_put_place(show->arena, row, at);
		base_tree_push(show->rows, base_tree_done(row));
	}
}

/* What an item of a list is called in paths: by name, and namespace if it has one. */
static const char *
item_name(struct show *show, const struct base_tree *item, uint32_t index)
{
	const char *name = base_tree_str(item, "name", NULL);
	const char *namespace = base_tree_str(item, "namespace", NULL);

	if (name == NULL) {
		return base_arena_printf(show->arena, "%u", index);
	}
	return namespace == NULL ? name
				 : base_arena_printf(show->arena, "%s/%s", namespace, name);
}

static void
show_node(struct show *show, const char *path, const struct base_tree *node)
{
	if (node->kind == BASE_TREE_MAP && node->count > 0) {
		for (uint32_t i = 0; i < node->count; i++) {
			const char *key = node->entries[i].key;

			show_node(show, path[0] == '\0'
				? key
				: base_arena_printf(show->arena, "%s.%s", path, key),
			    node->entries[i].value);
		}
	} else if (node->kind == BASE_TREE_LIST && node->count > 0) {
		for (uint32_t i = 0; i < node->count; i++) {
			show_node(show, base_arena_printf(show->arena, "%s[%s]", path,
			    item_name(show, node->items[i], i)), node->items[i]);
		}
	} else {
		show_value(show, path, node);
	}
}

static int
show_resolved(const struct cli *cli, struct k8s_inventory *inventory, const char *environment)
{
	static const char *const HEADINGS[] = {"VALUE OF", "VALUE", "FROM", "LAYER", NULL};
	struct base_arena *arena = k8s_inventory_arena(inventory);
	const struct base_tree *resolved = k8s_inventory_resolve(inventory, environment);
	struct show show = {arena, NULL, NULL};
	struct base_tree_build *out;
	const char *hash;

	if (resolved == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	hash = k8s_inventory_hash(arena, resolved);
	if (hash == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	if (!cli->json) {
		show.table = cli_table_new(HEADINGS);
		show_node(&show, "", resolved);
		cli_table_print(show.table, stdout);
		cli_table_free(show.table);
		return CLI_OK;
	}
	show.rows = base_tree_list(arena, &CLI_HERE);
	show_node(&show, "", resolved);
	out = base_tree_map(arena, &CLI_HERE);
	cli_put_text(arena, out, "environment", environment);
	cli_put_text(arena, out, "sha256", hash);
	base_tree_put(out, "resolved", resolved);
	base_tree_put(out, "values", base_tree_done(show.rows));
	return cli_print_json(cli, base_tree_done(out));
}

static int
show_documents(const struct cli *cli, struct k8s_inventory *inventory)
{
	static const char *const HEADINGS[] = {"KIND", "NAMESPACE", "NAME", "FROM", NULL};
	struct base_arena *arena = k8s_inventory_arena(inventory);
	struct cli_table *table = cli_table_new(HEADINGS);
	struct base_tree_build *list = base_tree_list(arena, &CLI_HERE);
	struct base_tree_build *out = base_tree_map(arena, &CLI_HERE);
	int ret = CLI_OK;

	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		const struct base_tree *documents =
		    k8s_inventory_documents(inventory, (enum k8s_kind)kind);

		for (uint32_t i = 0; i < documents->count; i++) {
			const struct base_tree *document = documents->items[i];
			const struct base_tree *metadata = base_tree_get(document, "metadata");
			const char *cells[] = {K8S_KINDS[kind].name,
			    base_tree_str(metadata, "namespace", NULL),
			    base_tree_str(metadata, "name", ""),
			    base_arena_printf(arena, "%s:%d", document->origin->file,
				document->origin->line)};
			struct base_tree_build *row = base_tree_map(arena, &CLI_HERE);

			cli_table_row(table, cells);
			cli_put_text(arena, row, "kind", cells[0]);
			cli_put_text(arena, row, "namespace", cells[1]);
			cli_put_text(arena, row, "name", cells[2]);
			cli_put_place(arena, row, document->origin);
			base_tree_push(list, base_tree_done(row));
		}
	}
	if (cli->json) {
		base_tree_put(out, "documents", base_tree_done(list));
		ret = cli_print_json(cli, base_tree_done(out));
	} else {
		cli_table_print(table, stdout);
	}
	cli_table_free(table);
	return ret;
}

int
cli_inventory_show(struct cli *cli)
{
	const char *environment = cli_args_get(&cli->args, "--resolved");
	struct k8s_inventory *inventory = load(cli);
	int ret;

	if (inventory == NULL) {
		return CLI_FAILED;
	}
	ret = environment != NULL ? show_resolved(cli, inventory, environment)
				  : show_documents(cli, inventory);
	k8s_inventory_free(inventory);
	return ret;
}

int
cli_inventory_environments(struct cli *cli)
{
	struct k8s_inventory *inventory = load(cli);
	struct base_tree_build *list;
	struct base_tree_build *out;
	struct base_arena *arena;
	int ret = CLI_OK;

	if (inventory == NULL) {
		return CLI_FAILED;
	}
	arena = k8s_inventory_arena(inventory);
	list = base_tree_list(arena, &CLI_HERE);
	out = base_tree_map(arena, &CLI_HERE);
	for (size_t i = 0; i < k8s_inventory_environment_count(inventory); i++) {
		const char *name = k8s_inventory_environment(inventory, i);

		base_tree_push(list, base_tree_string(arena, name, &CLI_HERE));
		if (!cli->json) {
			(void)puts(name);
		}
	}
	if (cli->json) {
		base_tree_put(out, "environments", base_tree_done(list));
		ret = cli_print_json(cli, base_tree_done(out));
	}
	k8s_inventory_free(inventory);
	return ret;
}

int
cli_inventory_schema(struct cli *cli)
{
	struct base_arena *arena = base_arena_new();
	int ret = cli_print_json(cli, k8s_schema_json(arena));

	base_arena_free(arena);
	return ret;
}

int
cli_inventory_explain(struct cli *cli)
{
	const char *code = cli->args.operands[0];

	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const struct k8s_lint_info *info = k8s_lint_nth(i);
		struct base_tree_build *out;
		struct base_arena *arena;
		int ret;

		if (strcmp(info->code, code) != 0) {
			continue;
		}
		if (!cli->json) {
			(void)printf("%s %s: %s\n", info->code, k8s_severity_word(info->severity),
			    info->text);
			return CLI_OK;
		}
		arena = base_arena_new();
		out = base_tree_map(arena, &CLI_HERE);
		cli_put_text(arena, out, "code", info->code);
		cli_put_text(arena, out, "severity", k8s_severity_word(info->severity));
		cli_put_text(arena, out, "why", info->text);
		cli_put_text(arena, out, "trap", info->trap);
		ret = cli_print_json(cli, base_tree_done(out));
		base_arena_free(arena);
		return ret;
	}
	return cli_fail(cli, CLI_NOT_FOUND, "not-found", "there is no finding %s", code);
}
