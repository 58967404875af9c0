/* SPDX-License-Identifier: Apache-2.0 */
/* meshca inventory import: a draft for people to finish. */
#include <stdio.h>
#include <string.h>

#include "api/cli.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "k8s/import.h"

static const struct base_origin HERE = {"meshca", 0, "import", NULL};

/* The JSON documents of all files of an option, as one LIST. NULL with the failure recorded. */
static const struct base_tree *
read_all(const struct cli *cli, const char *option, struct base_arena *arena)
{
	struct base_tree_build *list = base_tree_list(arena, &HERE);
	const char *path;

	for (size_t i = 0; (path = cli_args_nth(&cli->args, option, i)) != NULL; i++) {
		const struct base_tree *documents = NULL;
		struct base_buf text;

		base_buf_init(&text, LIMIT_YAML + 1);
		if (cli_file_read(path, LIMIT_YAML, &text) == MC_OK) {
			documents = base_yaml_read(arena, path, NULL, base_buf_span(&text));
		}
		base_buf_clear(&text);
		if (documents == NULL) {
			return NULL;
		}
		for (uint32_t j = 0; j < documents->count; j++) {
			base_tree_push(list, documents->items[j]);
		}
	}
	return base_tree_done(list);
}

static int
print(const struct cli *cli, const struct base_tree *draft)
{
	const struct base_tree *documents = base_tree_get(draft, "documents");
	const struct base_tree *notes = base_tree_get(draft, "notes");
	struct base_buf out;
	enum mc_err err;

	base_buf_init(&out, (size_t)LIMIT_YAML * 8);
	if (cli->json) {
		base_json_write(&out, draft, 2);
		base_buf_append_str(&out, "\n");
	}
	for (uint32_t i = 0; !cli->json && i < documents->count; i++) {
		base_buf_append_str(&out, i > 0 ? "---\n" : "");
		base_yaml_write(&out, documents->items[i]);
	}
	for (uint32_t i = 0; !cli->json && i < notes->count; i++) {
		cli_note("%s", notes->items[i]->text);
	}
	err = base_buf_failed(&out) ? MC_FAIL(MC_ETOOBIG, "the draft is too long")
				    : cli_output(cli_args_get(&cli->args, "--out"), base_buf_span(&out));
	base_buf_clear(&out);
	return err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
}

int
cli_inventory_import(struct cli *cli)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *objects = read_all(cli, "--objects", arena);
	const struct base_tree *edges = objects == NULL ? NULL : read_all(cli, "--edges", arena);
	const struct base_tree *draft = NULL;
	int ret;

	if (!cli_args_has(&cli->args, "--objects")) {
		ret = cli_fail(cli, CLI_USAGE, "usage", "--objects FILE is missing");
		goto out;
	}
	if (edges != NULL) {
		draft = k8s_import(arena, objects, edges);
	}
	ret = draft == NULL ? cli_fail_err(cli, mc_err_last()->code) : print(cli, draft);
out:
	base_arena_free(arena);
	return ret;
}
