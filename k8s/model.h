/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model: everything that templates place, derived from one resolved environment. All
 * arithmetic and all inference is here; templates only say where a value goes.
 * Its shape: docs/internals/model.md; its JSON Schema: k8s_model_schema().
 */
#ifndef K8S_MODEL_H
#define K8S_MODEL_H

#include "k8s/inventory.h"

#define K8S_MODEL_VERSION 1

/* Derives the model of an environment from what k8s_inventory_resolve gives, which must live as long
 * as the arena: the model shares parts of it. Returns a MAP in the arena, or NULL with MC_EUSAGE
 * recorded when resolved has no mesh or no environment. What is doubtful in the graph (an edge that
 * only one side declares, budgets that cannot be met, pools larger than the database) goes into
 * findings, which may be NULL, and is no failure. */
const struct base_tree *k8s_model_derive(struct base_arena *arena,
    const struct base_tree *resolved, struct k8s_findings *findings);
/* JSON Schema 2020-12 of the model, a MAP in the arena. A model has no key that is not in it. */
const struct base_tree *k8s_model_schema(struct base_arena *arena);

/*
 * What a reviewer must see when it changes: a LIST of MAPs {class, key, value, strength, of?} in the
 * arena, sorted by class, key and value, each once. class is edge, mtls, egress, principal, identity,
 * fault, exposure, stranger, topic, exception (doors) or guard (what refuses or bounds); of, on guards,
 * is the key of the fact without which it means nothing, and absent where it stands for itself.
 * strength orders values of one key: lower is weaker (PERMISSIVE under STRICT; of a limit its amount
 * below nought).
 */
const struct base_tree *k8s_model_facts(struct base_arena *arena, const struct base_tree *model);

#endif
