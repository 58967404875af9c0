/* SPDX-License-Identifier: Apache-2.0 */
/* Facts while they are collected: of what opens (model_facts.c), of what protects
 * (model_guards.c). */
#ifndef K8S_MODEL_FACTS_H
#define K8S_MODEL_FACTS_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/tree.h"

#define K8S_FACT_TEXT LIMIT_INVENTORY /* one fact: an edge with all of its paths, whose changes must be seen */
#define K8S_FACT_STRONG 2   /* what has no rank is as strong as anything */

struct k8s_fact {
	const char *class;
	const char *key;
	const char *value;
	const char *of; /* key of the fact without which this one means nothing; "": none */
	int64_t strength;
};

struct k8s_facts {
	struct base_arena *arena;
	const struct base_origin *origin;
	struct k8s_fact *at;
	size_t count;
	size_t max;
};

/* Copies the fact; its texts are not copied and must live as long as the arena. */
void k8s_fact_add(struct k8s_facts *facts, const struct k8s_fact *fact);
/* How strong this word is: PERMISSIVE under STRICT, detect under block; K8S_FACT_STRONG for a word without a rank. */
int64_t k8s_fact_strength(const char *word);
/* Appends "a,b", or "any" for a list that is not there. */
void k8s_fact_list(struct base_buf *buf, const struct base_tree *map, const char *key);
/* What buf holds, in the arena; clears it. After a sticky error "too long to be told", since an empty text could be
 * that of another fact. */
const char *k8s_fact_text(struct k8s_facts *facts, struct base_buf *buf);
/* NAMESPACE/NAME */
const char *k8s_fact_name(struct k8s_facts *facts, const struct base_tree *at);
/* The LIST at this key, or an empty one, also for a NULL map and for what is no list. */
const struct base_tree *k8s_fact_items(const struct base_tree *map, const char *key);

/* Class guard: what refuses or bounds, so that taking it away is seen. Each adds those of one MAP of the model. */
void k8s_guards_of_environment(struct k8s_facts *facts, const struct base_tree *model);
void k8s_guards_of_workload(struct k8s_facts *facts, const struct base_tree *workload);
void k8s_guards_of_gateway(struct k8s_facts *facts, const struct base_tree *gateway);
void k8s_guards_of_external(struct k8s_facts *facts, const struct base_tree *external);
/* environment: of the model, whose lifetime of certificates holds without one of its own. A longer one is of class
 * exception. */
void k8s_guards_of_identity(struct k8s_facts *facts, const struct base_tree *environment,
    const struct base_tree *identity);

#endif
