/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "api/cli_mesh.h"
#include "api/cli_table.h"

int
cli_manifests_templates(struct cli *cli)
{
	static const char *const HEADINGS[] = {"TEMPLATE", "SHA-256", NULL};
	struct base_arena *arena = base_arena_new();
	const struct base_tree *list = k8s_templates_list(arena);
	int ret = CLI_OK;

	if (cli->json) {
		struct base_tree_build *out = base_tree_map(arena, &CLI_HERE);

		base_tree_put(out, "templates", list);
		ret = cli_print_json(cli, base_tree_done(out));
	} else {
		struct cli_table *table = cli_table_new(HEADINGS);

		for (uint32_t i = 0; i < list->count; i++) {
			const char *cells[] = {base_tree_str(list->items[i], "path", ""),
			    base_tree_str(list->items[i], "sha256", "")};

			cli_table_row(table, cells);
		}
		cli_table_print(table, stdout);
		cli_table_free(table);
	}
	base_arena_free(arena);
	return ret;
}
