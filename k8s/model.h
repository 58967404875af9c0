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

/* Derives the model of an environment. Returns a MAP, or NULL with the failure recorded. What is
 * doubtful in the graph (an edge that only one side declares, budgets that cannot be met, pools
 * larger than the database) goes into findings, which may be NULL. */
const struct base_tree *k8s_model_derive(struct base_arena *arena,
    const struct base_tree *resolved, struct k8s_findings *findings);
/* JSON Schema 2020-12 of the model. */
const struct base_tree *k8s_model_schema(struct base_arena *arena);

/*
 * What a reviewer must see when it changes: a sorted LIST of MAPs
 * {class, key, value, strength, of}: class is edge, mtls, egress, principal, identity, fault, exposure,
 * topic, exception (doors) or guard (what refuses or bounds); of, on guards, is the key of the fact
 * without which it means nothing.
 * strength orders values of one key: lower is weaker (PERMISSIVE under STRICT).
 */
const struct base_tree *k8s_model_facts(struct base_arena *arena, const struct base_tree *model);

#endif
