/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that make manifests of an inventory's folder. They read files and nothing else. */
#include "api/cli_mesh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli_table.h"
#include "base/limits.h"
#include "base/yaml.h"

/* --- render --- */
int
cli_manifests_render(struct cli *cli)
{
	struct cli_mesh mesh;
	struct cli_made made;
	struct base_buf out;
	int ret = cli_mesh_open(cli, true, &mesh);

	if (ret == CLI_OK) {
		ret = cli_mesh_make(cli, &mesh, cli->args.operands[1], &made);
	}
	if (ret == CLI_OK) {
		enum mc_err err;

		base_buf_init(&out, LIMIT_RENDER);
		err = k8s_generate_render(&out, made.files, cli->json);
		if (err == MC_OK) {
			err = cli_output(NULL, base_buf_span(&out));
		}
		base_buf_clear(&out);
		ret = err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
	}
	cli_mesh_close(&mesh);
	return ret;
}

/* --- model, mesh-config --- */
int
cli_manifests_model(struct cli *cli)
{
	const struct base_tree *resolved, *model;
	struct cli_mesh mesh;
	int ret = cli_mesh_open(cli, false, &mesh);

	if (ret == CLI_OK) {
		ret = cli_mesh_model(cli, &mesh, cli->args.operands[1], &resolved, &model);
	}
	if (ret == CLI_OK) {
		ret = cli_print_json(cli, model);
	}
	cli_mesh_close(&mesh);
	return ret;
}

int
cli_manifests_model_schema(struct cli *cli)
{
	struct base_arena *arena = base_arena_new();
	int ret = cli_print_json(cli, k8s_model_schema(arena));

	base_arena_free(arena);
	return ret;
}

static int
print_yaml(const struct cli *cli, const struct base_tree *tree)
{
	struct base_buf out;
	enum mc_err err;

	base_buf_init(&out, LIMIT_RENDER);
	base_yaml_write(&out, tree);
	err = cli_output(NULL, base_buf_span(&out));
	base_buf_clear(&out);
	return err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
}

int
cli_manifests_mesh_config(struct cli *cli)
{
	const struct base_tree *resolved, *model, *config;
	struct cli_mesh mesh;
	int ret = cli_mesh_open(cli, true, &mesh);

	if (ret == CLI_OK) {
		ret = cli_mesh_model(cli, &mesh, cli->args.operands[1], &resolved, &model);
	}
	if (ret == CLI_OK) {
		config = k8s_templates_evaluate(mesh.templates, mesh.arena, "mesh-config.yaml",
		    model);
		ret = config == NULL ? cli_fail_err(cli, mc_err_last()->code)
		      : cli->json    ? cli_print_json(cli, config)
				     : print_yaml(cli, config);
	}
	cli_mesh_close(&mesh);
	return ret;
}

/* --- explain --- */
/* KIND/NAMESPACE/NAME or KIND/NAME, taken apart in place. */
static bool
parse_object(char *text, const char *parts[3])
{
	char *first = strchr(text, '/'), *second = first == NULL ? NULL : strchr(first + 1, '/');

	if (first == NULL || (second != NULL && strchr(second + 1, '/') != NULL)) {
		return false;
	}
	*first = '\0';
	parts[0] = text;
	parts[1] = second == NULL ? "" : first + 1;
	parts[2] = second == NULL ? first + 1 : second + 1;
	if (second != NULL) {
		*second = '\0';
	}
	return *parts[0] != '\0' && *parts[2] != '\0';
}

static void
print_fields(struct base_arena *arena, const struct base_tree *rows)
{
	static const char *const HEADINGS[] = {
	    "FIELD", "VALUE", "TEMPLATE", "INVENTORY", "LAYER", NULL};
	struct cli_table *table = cli_table_new(HEADINGS);

	for (uint32_t i = 0; i < rows->count; i++) {
		const struct base_tree *row = rows->items[i], *value = base_tree_get(row, "value");
		const char *cells[] = {base_tree_str(row, "field", ""),
		    value->kind == BASE_TREE_LIST ? "[]"
			: value->kind == BASE_TREE_MAP
			? "{}"
			: base_arena_strndup(arena, value->text, strcspn(value->text, "\n")),
		    base_tree_str(row, "template", ""), base_tree_str(row, "inventory", NULL),
		    base_tree_str(row, "layer", NULL)};

		cli_table_row(table, cells);
	}
	cli_table_print(table, stdout);
	cli_table_free(table);
}

static int
explain(const struct cli *cli, struct cli_mesh *mesh, const char *const parts[3])
{
	const struct base_tree *rows;
	struct base_tree_build *out;
	struct cli_made made;
	int ret = cli_mesh_make(cli, mesh, cli->args.operands[1], &made);

	if (ret != CLI_OK) {
		return ret;
	}
	rows = k8s_generate_explain(mesh->arena, made.files, parts[0], parts[1], parts[2]);
	if (rows == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	if (!cli->json) {
		print_fields(mesh->arena, rows);
		return CLI_OK;
	}
	out = base_tree_map(mesh->arena, &CLI_HERE);
	base_tree_put(out, "fields", rows);
	return cli_print_json(cli, base_tree_done(out));
}

int
cli_manifests_explain(struct cli *cli)
{
	char *object = base_xstrdup(cli->args.operands[2]);
	const char *parts[3];
	struct cli_mesh mesh = {0};
	int ret;

	if (!parse_object(object, parts)) {
		ret = cli_fail(cli, CLI_USAGE, "usage",
		    "%s is not KIND/NAMESPACE/NAME, or KIND/NAME for what has no namespace",
		    cli->args.operands[2]);
	} else {
		ret = cli_mesh_open(cli, true, &mesh);
		if (ret == CLI_OK) {
			ret = explain(cli, &mesh, parts);
		}
	}
	cli_mesh_close(&mesh);
	free(object);
	return ret;
}
