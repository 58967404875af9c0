/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `meshca inventory` and `meshca manifests` share: an inventory, and what is made of it. */
#ifndef API_CLI_MESH_H
#define API_CLI_MESH_H

#include <stdio.h>

#include "api/cli.h"
#include "k8s/generate.h"

/* From the options and the first operand, DIR. */
struct cli_mesh {
	struct k8s_inventory *inventory;
	struct k8s_templates *templates;
	struct base_arena *arena; /* the inventory's */
};

/* One environment with its files. */
struct cli_made {
	const char *environment;
	const struct base_tree *model;
	const struct base_tree *files;
};

extern const struct base_origin CLI_HERE;

/* NULL parts are fine. */
void cli_mesh_close(struct cli_mesh *mesh);
/* Without an error among them. Else they are printed, and cli_fail is done. */
bool cli_mesh_is_sound(const struct cli *cli, const struct k8s_findings *findings);
/* Reads DIR and the templates (--templates, if with_templates). Returns CLI_OK, or what cli_fail gave:
 * the findings are printed. Close it in any case. */
int cli_mesh_open(const struct cli *cli, bool with_templates, struct cli_mesh *mesh);
/* The model and files of an environment. Returns CLI_OK, or what cli_fail gave. */
int cli_mesh_model(const struct cli *cli, struct cli_mesh *mesh, const char *environment,
    const struct base_tree **resolved, const struct base_tree **model);
int cli_mesh_make(const struct cli *cli, struct cli_mesh *mesh, const char *environment,
    struct cli_made *made);
/* Those of --environment, or all; *count may be 0. */
const char **cli_mesh_environments(const struct cli *cli, struct cli_mesh *mesh, size_t *count);

/* Prints a tree as JSON with a line end. Returns an exit status. */
int cli_print_json(const struct cli *cli, const struct base_tree *tree);
/* {findings: [{severity, code, file, line, layer, what, fix}], errors, warnings, notes}. */
const struct base_tree *cli_findings_tree(struct base_arena *arena,
    const struct k8s_findings *findings);
/* Puts a string; nothing when text is NULL. */
void cli_put_text(struct base_arena *arena, struct base_tree_build *map, const char *key,
    const char *text);
/* Puts file, line and layer. */
void cli_put_place(struct base_arena *arena, struct base_tree_build *map,
    const struct base_origin *at);
/* "DIR/file:line: severity CODE what; fix", a line for each. */
void cli_print_findings(const char *dir, const struct k8s_findings *findings, FILE *out);
/* Midnight UTC that a date such as 2027-03-31 begins with. */
bool cli_date(const char *text, int64_t *out);

#endif
