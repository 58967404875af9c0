/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories, models and manifests for the verbs about them. */
#include "api/cli_mesh.h"

#include <stdio.h>
#include <string.h>

#include "k8s/lint.h"

void
cli_mesh_close(struct cli_mesh *mesh)
{
	k8s_inventory_free(mesh->inventory);
	k8s_templates_free(mesh->templates);
	*mesh = (struct cli_mesh){0};
}

bool
cli_mesh_is_sound(const struct cli *cli, const struct k8s_findings *findings)
{
	const char *dir = cli->args.operands[0];

	if (!k8s_findings_have_error(findings)) {
		return true;
	}
	if (!cli->json) {
		cli_print_findings(dir, findings, stderr);
	}
	(void)cli_fail(cli, CLI_FAILED, "inventory",
	    "the inventory has errors; see meshca inventory lint %s", dir);
	return false;
}

int
cli_mesh_open(const struct cli *cli, bool with_templates, struct cli_mesh *mesh)
{
	*mesh = (struct cli_mesh){.inventory = k8s_inventory_read(cli->args.operands[0])};
	mesh->arena = k8s_inventory_arena(mesh->inventory);
	if (!cli_mesh_is_sound(cli, k8s_inventory_findings(mesh->inventory))) {
		return CLI_FAILED;
	}
	if (with_templates) {
		mesh->templates = k8s_templates_open(cli_args_get(&cli->args, "--templates"));
		if (mesh->templates == NULL) {
			return cli_fail_err(cli, mc_err_last()->code);
		}
	}
	return CLI_OK;
}

int
cli_mesh_model(const struct cli *cli, struct cli_mesh *mesh, const char *environment,
    const struct base_tree **resolved, const struct base_tree **model)
{
	struct k8s_findings *findings = k8s_findings_new(mesh->arena);

	*resolved = k8s_inventory_resolve(mesh->inventory, environment);
	*model = *resolved == NULL ? NULL : k8s_model_derive(mesh->arena, *resolved, findings);
	k8s_findings_sort(findings);
	if (!cli_mesh_is_sound(cli, findings)) {
		return CLI_FAILED;
	}
	return *model == NULL ? cli_fail_err(cli, mc_err_last()->code) : CLI_OK;
}

int
cli_mesh_make(const struct cli *cli, struct cli_mesh *mesh, const char *environment,
    struct cli_made *made)
{
	const struct base_tree *resolved;
	int ret = cli_mesh_model(cli, mesh, environment, &resolved, &made->model);

	if (ret != CLI_OK) {
		return ret;
	}
	made->environment = environment;
	made->files = k8s_generate_files(mesh->arena, mesh->templates, resolved, made->model);
	return made->files == NULL ? cli_fail_err(cli, mc_err_last()->code) : CLI_OK;
}

static bool
is_one_of(const char *const *names, size_t count, const char *name)
{
	while (count > 0 && strcmp(names[count - 1], name) != 0) {
		count--;
	}
	return count > 0;
}

/* Each once, however often it was asked for. */
const char **
cli_mesh_environments(const struct cli *cli, struct cli_mesh *mesh, size_t *count)
{
	size_t all = k8s_inventory_environment_count(mesh->inventory), found = 0;
	const char **names = base_arena_calloc(mesh->arena, all + CLI_VALUES_MAX, sizeof(*names));
	const char *name;

	for (size_t i = 0; (name = cli_args_nth(&cli->args, "--environment", i)) != NULL; i++) {
		if (!is_one_of(names, found, name)) {
			names[found++] = name;
		}
	}
	for (size_t i = 0; cli_args_nth(&cli->args, "--environment", 0) == NULL && i < all; i++) {
		names[found++] = k8s_inventory_environment(mesh->inventory, i);
	}
	*count = found;
	return names;
}

