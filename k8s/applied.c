/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/applied.h"

#include <string.h>

#include "base/applied.h"
#include "base/yaml.h"
#include "k8s/model_int.h"

#define SECOND_MS 1000
#define ISTIOD "istiod"
#define NAMES_MAX (LIMIT_DNS_NAMES * (LIMIT_DNS_NAME + 1))

static struct base_span
text(const struct base_tree *map, const char *key)
{
	return base_span_str(base_tree_str(map, key, ""));
}

static uint32_t
items(const struct base_tree *list)
{
	return list == NULL || list->kind != BASE_TREE_LIST ? 0 : list->count;
}

static enum base_applied_state
state_of(const char *word)
{
	for (uint8_t i = BASE_APPLIED_ACTIVE; i <= BASE_APPLIED_RETIRED; i++) {
		if (strcmp(word, base_applied_state_name(i)) == 0) {
			return (enum base_applied_state)i;
		}
	}
	return BASE_APPLIED_INVALID;
}

static uint32_t
keys_of(const struct base_tree *list)
{
	uint32_t keys = 0;

	for (uint32_t i = 0; i < items(list); i++) {
		keys |= base_applied_key_bit(base_span_str(list->items[i]->text));
	}
	return keys;
}

/* Adds names to a comma-separated list. */
static void
put_names(struct base_buf *list, const struct base_tree *names)
{
	for (uint32_t i = 0; i < items(names); i++) {
		base_buf_appendf(list, "%s%s", list->len == 0 ? "" : ",", names->items[i]->text);
	}
}

/* Those of istiod's serving certificate: its own, and one for each revision. */
static void
put_istiod_names(struct base_buf *list, const struct base_tree *model, const char *namespace)
{
	const struct base_tree *revisions = base_tree_at(model, "environment.revisions");

	base_buf_appendf(list, "%s" ISTIOD ".%s.svc", list->len == 0 ? "" : ",", namespace);
	for (uint32_t i = 0; i < items(revisions); i++) {
		base_buf_appendf(list, "," ISTIOD "-%s.%s.svc",
		    base_tree_str(revisions->items[i], "name", ""), namespace);
	}
}

static bool
is_istiod(const struct base_tree *identity, const char *namespace)
{
	return base_span_equal_str(text(identity, "namespace"), namespace) &&
	    base_span_equal_str(text(identity, "serviceAccount"), ISTIOD);
}

static void
put_identity(struct base_buf *out, const struct base_tree *model, const struct base_tree *identity,
    const char *istio_namespace)
{
	int64_t ttl = k8s_duration_ms(base_tree_str(identity, "maxTtl", NULL));
	struct base_buf list;
	struct base_applied_row row = {
	    .namespace = text(identity, "namespace"),
	    .account = text(identity, "serviceAccount"),
	    .owner = text(identity, "owner"),
	    .state = state_of(base_tree_str(identity, "state", "active")),
	    .max_ttl_s = ttl < 0 ? 0 : ttl / SECOND_MS,
	    .key_types = keys_of(base_tree_get(identity, "keyTypes")),
	};

	base_buf_init(&list, NAMES_MAX);
	put_names(&list, base_tree_get(identity, "dnsNames"));
	if (is_istiod(identity, istio_namespace)) {
		put_istiod_names(&list, model, istio_namespace);
	}
	row.dns_names = base_buf_span(&list);
	base_applied_put_row(out, &row);
	base_buf_clear(&list);
}

/* istiod has no workload certificate, so who does not describe it has no identity of it. */
static void
put_istiod(struct base_buf *out, const struct base_tree *model, const char *namespace)
{
	struct base_applied_row row = {
	    .namespace = base_span_str(namespace),
	    .account = base_span_str(ISTIOD),
	    .state = BASE_APPLIED_ACTIVE,
	};
	struct base_buf list;

	base_buf_init(&list, NAMES_MAX);
	put_istiod_names(&list, model, namespace);
	row.dns_names = base_buf_span(&list);
	base_applied_put_row(out, &row);
	base_buf_clear(&list);
}

/* Where istiod's place among the sorted identities is; identities->count: behind all. */
static uint32_t
place_of_istiod(const struct base_tree *identities, const char *namespace, bool *there)
{
	const struct base_applied_row istiod = {
	    .namespace = base_span_str(namespace),
	    .account = base_span_str(ISTIOD),
	};

	*there = false;
	for (uint32_t i = 0; i < items(identities); i++) {
		const struct base_applied_row row = {
		    .namespace = text(identities->items[i], "namespace"),
		    .account = text(identities->items[i], "serviceAccount"),
		};
		int order = base_applied_order(&row, &istiod);

		if (order >= 0) {
			*there = order == 0;
			return i;
		}
	}
	return items(identities);
}

enum mc_err
k8s_applied_write(const struct base_tree *resolved, const struct base_tree *model,
    struct base_buf *out)
{
	const struct base_tree *environment = base_tree_get(model, "environment");
	const struct base_tree *identities = base_tree_get(model, "identities");
	const struct base_tree *istio = base_tree_at(model, "mesh.istio");
	const char *namespace = base_tree_str(istio, "namespace", "istio-system");
	bool there = false;
	uint32_t place = place_of_istiod(identities, namespace, &there);
	struct base_applied head = {
	    .environment = text(environment, "name"),
	    .trust_domain = text(environment, "trustDomain"),
	    .registered_only = base_span_equal_str(text(environment, "registration"),
		"registered-only"),
	    .count = items(identities) + (there ? 0 : 1),
	};
	size_t start = out->len;

	base_applied_put_head(out, &head);
	for (uint32_t i = 0; i <= items(identities); i++) {
		if (i == place && !there) {
			put_istiod(out, model, namespace);
		}
		if (i < items(identities)) {
			put_identity(out, model, identities->items[i], namespace);
		}
	}
	base_json_write(out, resolved, 0);
	base_buf_append_u8(out, '\n');
	if (base_buf_failed(out)) {
		return MC_FAIL(MC_ETOOBIG, "the inventory of an environment has at most %d bytes",
		    LIMIT_APPLIED);
	}
	return base_applied_parse(base_span_of(out->ptr + start, out->len - start), &head);
}
