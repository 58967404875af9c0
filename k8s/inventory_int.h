/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the inventory share. */
#ifndef K8S_INVENTORY_INT_H
#define K8S_INVENTORY_INT_H

#include "k8s/inventory.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

struct k8s_inventory {
	struct base_arena *arena;
	struct k8s_findings *findings;
	const struct base_tree *documents[K8S_KIND_COUNT]; /* LISTs, sorted */
	const struct base_tree **resolved; /* one for each Environment; NULL entries: not yet */
	bool whole; /* Mesh and Environments are all known, so what is missing is missing */
};

/* A copy of the tree whose origins, those of keys too, all name this layer, which must live as long as the
 * arena. The tree itself is left as it is; what is behind `also` is shared. */
const struct base_tree *k8s_inventory_stamp(struct base_arena *arena,
    const struct base_tree *tree, const char *layer);
/* Merges one environment; index as of k8s_inventory_environment. */
const struct base_tree *k8s_inventory_merge(struct k8s_inventory *inventory, size_t index);
/* Holds the merged documents of all environments against what they must have. */
void k8s_inventory_check_merged(struct k8s_inventory *inventory);

/* One environment under the lints. */
struct k8s_lint_run {
	struct k8s_inventory *inventory;
	struct k8s_findings *findings;
	const struct base_tree *all; /* resolved */
	const char *name;
	int64_t at;
};

/* Everything about one document of a kind, merged. */
void k8s_lint_document(const struct k8s_lint_run *run, enum k8s_kind kind,
    const struct base_tree *spec);

#endif
