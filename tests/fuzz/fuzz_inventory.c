/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inventories of any bytes, as the ledger's copy may come over the network: no crash; what passes
 * resolves in every environment, has a hash, and is the same again after it was written.
 */
#include "base/limits.h"
#include "base/yaml.h"
#include "k8s/applied.h"
#include "k8s/lint.h"
#include "k8s/model.h"
#include "tests/fuzz/fuzz.h"

#define HEAD "apiVersion: meshca.dev/v1alpha1\nkind: "
#define AT INT64_C(1795478400) /* 2026-11-24 */

/* Enough of a mesh for one more document of any kind. */
static const char BASE[] =
    HEAD "Mesh\nmetadata: {name: base}\n"
	 "spec: {namespaces: [{name: ecotrack}, {name: data}], defaults: {service: {owner: a}}}\n---\n"
    HEAD "Environment\nmetadata: {name: one}\n"
	 "spec: {clusters: [{name: a}], istio: {revisions: [{name: a}], tag: a}}\n---\n"
    HEAD "Environment\nmetadata: {name: production}\n"
	 "spec: {clusters: [{name: b}], istio: {revisions: [{name: a}], tag: a}}\n";

static void
write_and_read(struct base_arena *arena, const struct base_tree *tree)
{
	const struct base_tree *again;
	struct base_buf text;

	base_buf_init(&text, LIMIT_YAML);
	base_yaml_write(&text, tree);
	FUZZ_HOLDS(!base_buf_failed(&text));
	again = base_yaml_read(arena, "again", NULL, base_buf_span(&text));
	FUZZ_HOLDS(again != NULL && again->count == 1);
	FUZZ_HOLDS(base_tree_equal(again->items[0], tree));
	base_buf_clear(&text);
}

/* What passes its schema has a model, whatever its graph looks like. */
static void
derive(struct base_arena *arena, const struct base_tree *all)
{
	const struct base_tree *model = k8s_model_derive(arena, all, NULL);
	const struct base_tree *diff;
	struct base_buf document;

	FUZZ_HOLDS(model != NULL);
	FUZZ_HOLDS(base_tree_get(model, "evidence") != NULL);
	FUZZ_HOLDS(k8s_model_facts(arena, model)->count > 0);
	base_buf_init(&document, LIMIT_APPLIED);
	if (k8s_applied_write(all, model, &document) == MC_OK) {
		diff = k8s_applied_diff(arena, base_buf_span(&document), base_buf_span(&document));
		FUZZ_HOLDS(diff != NULL && base_tree_get(diff, "registration") == NULL);
		FUZZ_HOLDS(base_tree_get(diff, "registrations")->count == 0);
		FUZZ_HOLDS(base_tree_get(diff, "values")->count == 0);
	}
	base_buf_clear(&document);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct k8s_file files[] = {{"base.yaml", base_span_str(BASE)},
	    {"input.yaml", base_span_of(data, size)}};
	/* a Mesh of its own stands alone: there is exactly one */
	bool whole = memmem(data, size, "kind: Mesh", 10) != NULL;
	struct k8s_inventory *inventory =
	    k8s_inventory_from(whole ? &files[1] : files, whole ? 1 : 2);
	struct base_arena *arena = k8s_inventory_arena(inventory);
	bool good = !k8s_findings_have_error(k8s_inventory_findings(inventory));

	for (size_t i = 0; good && i < k8s_inventory_environment_count(inventory); i++) {
		const struct base_tree *all =
		    k8s_inventory_resolve(inventory, k8s_inventory_environment(inventory, i));

		FUZZ_HOLDS(all != NULL && strlen(k8s_inventory_hash(arena, all)) == 64);
		write_and_read(arena, all);
		derive(arena, all);
	}
	k8s_inventory_lint(inventory, AT);
	k8s_inventory_free(inventory);
	return 0;
}
