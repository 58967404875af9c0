/* SPDX-License-Identifier: Apache-2.0 */
/* Identities of a model as the ledger keeps them. */
#include "k8s/model_int.h"

#define SECOND_MS 1000

static size_t
texts(struct base_arena *arena, const struct base_tree *map, const char *key,
    const char *const **out)
{
	const struct base_tree *list = base_tree_get(map, key);
	size_t count = list == NULL || list->kind != BASE_TREE_LIST ? 0 : list->count;
	const char **all = base_arena_calloc(arena, count, sizeof(const char *));

	for (size_t i = 0; i < count; i++) {
		all[i] = list->items[i]->text;
	}
	*out = all;
	return count;
}

static void
registration(struct base_arena *arena, const struct base_tree *model,
    const struct base_tree *identity, struct k8s_registration *out)
{
	const struct base_tree *environment = base_tree_get(model, "environment");
	int64_t ttl = k8s_duration_ms(base_tree_str(identity, "maxTtl", NULL));

	out->environment = base_tree_str(environment, "name", "");
	out->trust_domain = base_tree_str(environment, "trustDomain", "");
	out->namespace = base_tree_str(identity, "namespace", "");
	out->service_account = base_tree_str(identity, "serviceAccount", "");
	out->owner = base_tree_str(identity, "owner", "");
	out->state = base_tree_str(identity, "state", "active");
	out->max_ttl_s = ttl < 0 ? 0 : ttl / SECOND_MS;
	out->key_type_count = texts(arena, identity, "keyTypes", &out->key_types);
	out->dns_name_count = texts(arena, identity, "dnsNames", &out->dns_names);
}

size_t
k8s_model_registrations(struct base_arena *arena, const struct base_tree *model,
    const struct k8s_registration **out)
{
	const struct base_tree *list = base_tree_get(model, "identities");
	size_t count = list == NULL || list->kind != BASE_TREE_LIST ? 0 : list->count;
	struct k8s_registration *all = base_arena_calloc(arena, count, sizeof(*all));

	for (size_t i = 0; i < count; i++) {
		registration(arena, model, list->items[i], &all[i]);
	}
	*out = all;
	return count;
}
