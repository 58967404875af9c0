/* SPDX-License-Identifier: Apache-2.0 */
/* `meshca manifests generate` and `check`: manifests against those in a folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli_mesh.h"
#include "base/clock.h"
#include "k8s/lint.h"
#include "k8s/workloads.h"

/* One environment as it would be written. */
struct plan {
	struct cli_made made;
	const struct k8s_change *changes;
	size_t count;
	size_t by_kind[K8S_HAND_CHANGED + 1];
	const struct base_tree *risks;
};

struct plans {
	struct plan *rows;
	size_t count;
	size_t hand_changed, changed; /* files of all */
};

static const struct {
	const char *key;
	const char *word;
} KINDS[] = {
    [K8S_ADDED] = {"added", "added"},
    [K8S_CHANGED] = {"changed", "changed"},
    [K8S_REMOVED] = {"removed", "removed"},
    [K8S_HAND_CHANGED] = {"handChanged", "changed by hand"},
};

/* Makes every environment that is asked for, before anything is written. */
static int
make_plans(const struct cli *cli, struct cli_mesh *mesh, struct plans *plans)
{
	const char *dir = cli_args_get(&cli->args, "--out");
	const char **names = cli_mesh_environments(cli, mesh, &plans->count);

	plans->rows = base_arena_calloc(mesh->arena, plans->count, sizeof(*plans->rows));
	for (size_t i = 0; i < plans->count; i++) {
		struct plan *plan = &plans->rows[i];
		int ret = cli_mesh_make(cli, mesh, names[i], &plan->made);
		enum mc_err err;

		if (ret != CLI_OK) {
			return ret;
		}
		err = k8s_generate_compare(mesh->arena, dir, names[i], plan->made.files, &plan->changes,
		    &plan->count);
		if (err != MC_OK) {
			return cli_fail_err(cli, err);
		}
		for (size_t j = 0; j < plan->count; j++) {
			plan->by_kind[plan->changes[j].kind]++;
		}
		plans->hand_changed += plan->by_kind[K8S_HAND_CHANGED];
		plans->changed += plan->count;
		plan->risks = k8s_generate_risks(mesh->arena,
		    k8s_generate_old_facts(mesh->arena, dir, names[i]),
		    k8s_model_facts(mesh->arena, plan->made.model));
	}
	return CLI_OK;
}

/* --- reports --- */
static const struct base_tree *
plan_tree(struct base_arena *arena, const struct plan *plan)
{
	struct base_tree_build *map = base_tree_map(arena, &CLI_HERE);

	base_tree_put(map, "name", base_tree_string(arena, plan->made.environment, &CLI_HERE));
	for (int kind = K8S_ADDED; kind <= K8S_HAND_CHANGED; kind++) {
		struct base_tree_build *list = base_tree_list(arena, &CLI_HERE);

		for (size_t i = 0; i < plan->count; i++) {
			if ((int)plan->changes[i].kind == kind) {
				base_tree_push(list, base_tree_string(arena, plan->changes[i].path, &CLI_HERE));
			}
		}
		base_tree_put(map, KINDS[kind].key, base_tree_done(list));
	}
	base_tree_put(map, "risks", plan->risks);
	return base_tree_done(map);
}

static const struct base_tree *
plans_tree(struct base_arena *arena, const struct plans *plans)
{
	struct base_tree_build *list = base_tree_list(arena, &CLI_HERE);

	for (size_t i = 0; i < plans->count; i++) {
		base_tree_push(list, plan_tree(arena, &plans->rows[i]));
	}
	return base_tree_done(list);
}

static void
print_paths(const struct plan *plan, enum k8s_change_kind kind, FILE *out)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->changes[i].kind == kind) {
			(void)fprintf(out, "environments/%s/%s: %s\n", plan->made.environment,
			    plan->changes[i].path, KINDS[kind].word);
		}
	}
}

static void
print_summary(const struct plans *plans)
{
	for (size_t i = 0; i < plans->count; i++) {
		const struct plan *plan = &plans->rows[i];

		if (plan->count == 0) {
			(void)printf("%s: no change\n", plan->made.environment);
			continue;
		}
		(void)printf("%s: %zu files added, %zu changed, %zu removed", plan->made.environment,
		    plan->by_kind[K8S_ADDED], plan->by_kind[K8S_CHANGED], plan->by_kind[K8S_REMOVED]);
		if (plan->by_kind[K8S_HAND_CHANGED] > 0) {
			(void)printf(", %zu changed by hand", plan->by_kind[K8S_HAND_CHANGED]);
		}
		(void)putchar('\n');
		/* of an environment that is new as a whole, every fact is */
		for (uint32_t j = 0; plan->by_kind[K8S_ADDED] < plan->made.files->count &&
		     j < plan->risks->count; j++) {
			(void)printf("  %s: %s\n", base_tree_str(plan->risks->items[j], "risk", ""),
			    base_tree_str(plan->risks->items[j], "text", ""));
		}
	}
}

/* --- generate --- */
static int
refuse_hand_changes(const struct cli *cli, struct cli_mesh *mesh, const struct plans *plans)
{
	if (cli->json) {
		struct base_tree_build *out = base_tree_map(mesh->arena, &CLI_HERE);
		int ret;

		base_tree_put(out, "written", base_tree_boolean(mesh->arena, false, &CLI_HERE));
		base_tree_put(out, "environments", plans_tree(mesh->arena, plans));
		ret = cli_print_json(cli, base_tree_done(out));
		return ret == CLI_OK ? CLI_FAILED : ret;
	}
	for (size_t i = 0; i < plans->count; i++) {
		print_paths(&plans->rows[i], K8S_HAND_CHANGED, stderr);
	}
	return cli_fail(cli, CLI_FAILED, "conflict",
	    "nothing was written: files changed by hand (%zu); put the change into the inventory, or "
	    "give --force", plans->hand_changed);
}

static int
generate(const struct cli *cli, struct cli_mesh *mesh)
{
	bool force = cli_args_has(&cli->args, "--force");
	struct base_tree_build *out;
	struct k8s_generate_part *parts;
	struct plans plans = {0};
	int ret = make_plans(cli, mesh, &plans);
	enum mc_err err;

	if (ret != CLI_OK) {
		return ret;
	}
	if (plans.hand_changed > 0 && !force) {
		return refuse_hand_changes(cli, mesh, &plans);
	}
	parts = base_arena_calloc(mesh->arena, plans.count, sizeof(*parts));
	for (size_t i = 0; i < plans.count; i++) {
		parts[i] = (struct k8s_generate_part){plans.rows[i].made.environment,
		    plans.rows[i].made.files};
	}
	err = k8s_generate_write(cli_args_get(&cli->args, "--out"), parts, plans.count, force);
	if (err != MC_OK) {
		return cli_fail_err(cli, err);
	}
	if (!cli->json) {
		print_summary(&plans);
		return CLI_OK;
	}
	out = base_tree_map(mesh->arena, &CLI_HERE);
	base_tree_put(out, "written", base_tree_boolean(mesh->arena, true, &CLI_HERE));
	base_tree_put(out, "environments", plans_tree(mesh->arena, &plans));
	return cli_print_json(cli, base_tree_done(out));
}

int
cli_manifests_generate(struct cli *cli)
{
	struct cli_mesh mesh;
	int ret = cli_mesh_open(cli, true, &mesh);

	if (ret == CLI_OK) {
		/* the day does not matter here: what has expired is for check and lint to say */
		k8s_inventory_lint(mesh.inventory, 0);
		ret = cli_mesh_is_sound(cli, k8s_inventory_findings(mesh.inventory)) ? CLI_OK
										     : CLI_FAILED;
	}
	if (ret == CLI_OK) {
		ret = generate(cli, &mesh);
	}
	cli_mesh_close(&mesh);
	return ret;
}

/* --- check --- */
/* What is wrong beside drift; told once. */
struct verdict {
	bool is_unsound; /* an error of the inventory: something has expired, or is not allowed */
	const struct base_tree *workloads; /* LIST of {at, what} */
	const struct base_tree *shadows;   /* LIST of paths whose built-in file has changed */
	const struct base_tree *unused;    /* LIST of paths of templates that nothing includes */
	const struct base_tree *left_over; /* LIST of environments that the inventory has no more */
};

/* Asked for single environments, the others are not looked at. */
static int
find_left_over(const struct cli *cli, struct cli_mesh *mesh, struct verdict *verdict)
{
	verdict->left_over = base_tree_done(base_tree_list(mesh->arena, &CLI_HERE));
	if (cli_args_nth(&cli->args, "--environment", 0) != NULL) {
		return CLI_OK;
	}
	verdict->left_over = k8s_generate_left_over(mesh->arena, cli_args_get(&cli->args, "--out"),
	    mesh->inventory);
	return verdict->left_over == NULL ? cli_fail_err(cli, mc_err_last()->code) : CLI_OK;
}

static const struct base_tree *
changed_shadows(struct cli_mesh *mesh)
{
	struct base_tree_build *list = base_tree_list(mesh->arena, &CLI_HERE);
	const struct base_tree *shadows = k8s_templates_shadows(mesh->templates, mesh->arena);

	for (uint32_t i = 0; i < shadows->count; i++) {
		if (base_tree_bool(shadows->items[i], "changed", false)) {
			base_tree_push(list, base_tree_get(shadows->items[i], "path"));
		}
	}
	return base_tree_done(list);
}

static int
check_workloads(const struct cli *cli, struct cli_mesh *mesh, const struct plans *plans,
    struct verdict *verdict)
{
	const char *dir = cli_args_get(&cli->args, "--workloads");
	struct base_tree_build *list = base_tree_list(mesh->arena, &CLI_HERE);
	struct base_tree_build *told = base_tree_map(mesh->arena, &CLI_HERE);

	for (size_t i = 0; dir != NULL && i < plans->count; i++) {
		const struct base_tree *found = k8s_workloads_check(mesh->arena, dir,
		    plans->rows[i].made.files, plans->rows[i].made.model);

		if (found == NULL) {
			return cli_fail_err(cli, mc_err_last()->code);
		}
		for (uint32_t j = 0; j < found->count; j++) {
			const char *text = base_arena_printf(mesh->arena, "%s: %s",
			    base_tree_str(found->items[j], "at", ""), base_tree_str(found->items[j], "what", ""));

			/* environments have most of it in common */
			if (base_tree_build_find(told, text) == NULL) {
				base_tree_put(told, text, found->items[j]);
				base_tree_push(list, found->items[j]);
			}
		}
	}
	verdict->workloads = base_tree_done(list);
	return CLI_OK;
}

static int
print_check_json(const struct cli *cli, struct cli_mesh *mesh, const struct plans *plans,
    const struct verdict *verdict)
{
	struct base_tree_build *out = base_tree_map(mesh->arena, &CLI_HERE);

	base_tree_put(out, "inventory",
	    cli_findings_tree(mesh->arena, k8s_inventory_findings(mesh->inventory)));
	base_tree_put(out, "environments", plans_tree(mesh->arena, plans));
	base_tree_put(out, "workloads", verdict->workloads);
	base_tree_put(out, "changedBuiltins", verdict->shadows);
	base_tree_put(out, "unusedTemplates", verdict->unused);
	base_tree_put(out, "leftOver", verdict->left_over);
	return cli_print_json(cli, base_tree_done(out));
}

static void
print_check(const struct cli *cli, struct cli_mesh *mesh, const struct plans *plans,
    const struct verdict *verdict)
{
	if (verdict->is_unsound) {
		cli_print_findings(cli->args.operands[0], k8s_inventory_findings(mesh->inventory), stdout);
	}
	for (uint32_t i = 0; i < verdict->shadows->count; i++) {
		cli_note("warning: %s/%s: the built-in template has changed since; compare them, and name "
		    "its new hash", cli_args_get(&cli->args, "--templates"),
		    verdict->shadows->items[i]->text);
	}
	for (uint32_t i = 0; i < verdict->unused->count; i++) {
		cli_note("warning: %s/%s: no template includes it; correct its path, or remove it",
		    cli_args_get(&cli->args, "--templates"), verdict->unused->items[i]->text);
	}
	for (uint32_t i = 0; i < verdict->workloads->count; i++) {
		(void)printf("%s: %s\n", base_tree_str(verdict->workloads->items[i], "at", ""),
		    base_tree_str(verdict->workloads->items[i], "what", ""));
	}
	for (uint32_t i = 0; i < verdict->left_over->count; i++) {
		(void)printf("environments/%s: the inventory has no such environment; remove the folder when "
		    "nothing runs from it\n", verdict->left_over->items[i]->text);
	}
	for (size_t i = 0; i < plans->count; i++) {
		for (int kind = K8S_ADDED; kind <= K8S_HAND_CHANGED; kind++) {
			print_paths(&plans->rows[i], (enum k8s_change_kind)kind, stdout);
		}
	}
	if (plans->changed > 0) {
		print_summary(plans);
	}
}

static int
check(const struct cli *cli, struct cli_mesh *mesh, int64_t at)
{
	const struct k8s_findings *findings = k8s_inventory_findings(mesh->inventory);
	struct plans plans = {0};
	struct verdict verdict = {.shadows = changed_shadows(mesh),
	    .unused = k8s_templates_unused(mesh->templates, mesh->arena)};
	int ret = make_plans(cli, mesh, &plans);

	if (ret == CLI_OK) {
		ret = check_workloads(cli, mesh, &plans, &verdict);
	}
	if (ret == CLI_OK) {
		ret = find_left_over(cli, mesh, &verdict);
	}
	if (ret != CLI_OK) {
		return ret;
	}
	/* last: no environment of an inventory with errors can be made */
	k8s_inventory_lint(mesh->inventory, at);
	verdict.is_unsound = k8s_findings_have_error(findings);
	if (cli->json) {
		ret = print_check_json(cli, mesh, &plans, &verdict);
	} else {
		print_check(cli, mesh, &plans, &verdict);
	}
	return ret == CLI_OK && (verdict.is_unsound || verdict.workloads->count > 0 ||
				    verdict.left_over->count > 0 || plans.changed > 0)
	    ? CLI_FAILED
	    : ret;
}

int
cli_manifests_check(struct cli *cli)
{
	const char *date = cli_args_get(&cli->args, "--at");
	int64_t at = base_clock_now();
	struct cli_mesh mesh;
	int ret;

	if (date != NULL && !cli_date(date, &at)) {
		return cli_fail(cli, CLI_USAGE, "usage", "--at %s is no date such as 2027-03-31", date);
	}
	ret = cli_mesh_open(cli, true, &mesh);
	if (ret == CLI_OK) {
		ret = check(cli, &mesh, at);
	}
	cli_mesh_close(&mesh);
	return ret;
}
