/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that every part of the derivation needs. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "k8s/model_int.h"

#define FINDING_TEXT 512 /* a finding is a sentence */

void
k8s_model_find(struct k8s_model *model, enum k8s_lint lint, const struct base_origin *at,
    const char *fix, const char *fmt, ...)
{
	char text[FINDING_TEXT];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	k8s_findings_add(model->findings, lint, at, fix, "%s", text);
}

static bool
same_place(const struct base_origin *a, const struct base_origin *b)
{
	return a->line == b->line && strcmp(a->file, b->file) == 0;
}

const struct base_origin *
k8s_origin_join(struct base_arena *arena, const struct base_origin *first,
    const struct base_origin *then)
{
	struct base_origin *head = NULL;
	struct base_origin *last = NULL;

	if (first == NULL || then == NULL) {
		return first == NULL ? then : first;
	}
	for (const struct base_origin *at = first; at != NULL; at = at->also) {
		struct base_origin *copy;

		if (same_place(at, then)) {
			return first;
		}
		copy = base_arena_calloc(arena, 1, sizeof(*copy));
		*copy = *at;
		if (last == NULL) {
			head = copy;
		} else {
			last->also = copy;
		}
		last = copy;
	}
	last->also = then;
	return head;
}

void
k8s_put_str(struct k8s_model *model, struct base_tree_build *map, const char *key,
    const char *text, const struct base_origin *origin)
{
	if (text != NULL) {
		base_tree_put(map, key, base_tree_string(model->arena, text, origin));
	}
}

void
k8s_put_int(struct k8s_model *model, struct base_tree_build *map, const char *key, int64_t value,
    const struct base_origin *origin)
{
	base_tree_put(map, key, base_tree_number(model->arena, value, origin));
}

void
k8s_put_bool(struct k8s_model *model, struct base_tree_build *map, const char *key, bool value,
    const struct base_origin *origin)
{
	base_tree_put(map, key, base_tree_boolean(model->arena, value, origin));
}

void
k8s_put_flag(struct k8s_model *model, struct base_tree_build *map, const char *key, bool value,
    const struct base_origin *origin)
{
	if (value) {
		k8s_put_bool(model, map, key, true, origin);
	}
}

void
k8s_put_same(struct base_tree_build *map, const char *key, const struct base_tree *from,
    const char *as)
{
	const struct base_tree *value = base_tree_get(from, as);

	if (value != NULL && value->kind != BASE_TREE_NULL) {
		base_tree_put(map, key, value);
	}
}

void
k8s_push_str(struct k8s_model *model, struct base_tree_build *list, const char *text,
    const struct base_origin *origin)
{
	base_tree_push(list, base_tree_string(model->arena, text, origin));
}

const struct base_tree *
k8s_list_or_empty(struct k8s_model *model, const struct base_tree *map, const char *key,
    const struct base_origin *origin)
{
	const struct base_tree *list = base_tree_get(map, key);

	if (list != NULL && list->kind == BASE_TREE_LIST) {
		return list;
	}
	return base_tree_done(base_tree_list(model->arena, origin));
}

const struct base_tree *
k8s_number_of(struct k8s_model *model, const struct base_tree *scalar)
{
	if (scalar == NULL || !base_tree_is_scalar(scalar)) {
		return NULL;
	}
	return base_tree_scalar(model->arena,
	    strchr(scalar->text, '.') == NULL ? BASE_TREE_INT : BASE_TREE_FLOAT, scalar->text,
	    scalar->origin);
}

/* The schema has already refused what is no duration; units come in Go's words. */
int64_t
k8s_duration_ms(const char *text)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} UNITS[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
	int64_t total = 0;

	if (text == NULL || *text == '\0') {
		return -1;
	}
	while (*text != '\0') {
		char *end;
		long long value = strtoll(text, &end, 10);
		size_t i = 0;

		if (end == text || value < 0 || value > INT32_MAX) {
			return -1;
		}
		while (i < 4 && strncmp(end, UNITS[i].unit, strlen(UNITS[i].unit)) != 0) {
			i++;
		}
		if (i == 4) {
			return -1;
		}
		total += (int64_t)value * UNITS[i].ms;
		text = end + strlen(UNITS[i].unit);
	}
	return total;
}

const char *
k8s_duration_text(struct base_arena *arena, int64_t ms)
{
	if (ms % 3600000 == 0 && ms > 0) {
		return base_arena_printf(arena, "%" PRId64 "h", ms / 3600000);
	}
	if (ms % 60000 == 0 && ms > 0) {
		return base_arena_printf(arena, "%" PRId64 "m", ms / 60000);
	}
	if (ms % 1000 == 0) {
		return base_arena_printf(arena, "%" PRId64 "s", ms / 1000);
	}
	return base_arena_printf(arena, "%" PRId64 "ms", ms);
}

const char *
k8s_principal(struct k8s_model *model, const char *namespace, const char *account)
{
	return base_arena_printf(model->arena, "%s/ns/%s/sa/%s", model->trust_domain, namespace,
	    account);
}

/* The cluster's DNS domain, which is not the trust domain, even where both read the same. */
const char *
k8s_service_host(struct k8s_model *model, const char *namespace, const char *name)
{
	return base_arena_printf(model->arena, "%s.%s.svc.cluster.local", name, namespace);
}

const char *
k8s_go_duration(struct k8s_model *model, const char *text)
{
	int64_t s = k8s_duration_ms(text) / 1000;

	return base_arena_printf(model->arena, "%" PRId64 "h%" PRId64 "m%" PRId64 "s", s / 3600,
	    s / 60 % 60, s % 60);
}

/* Agents ask for the environment's lifetime; one that is registered for less must ask for less. */
static void
put_certificate_ttl(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node)
{
	const struct base_tree *most = base_tree_at(node->spec, "identity.maxTtl");
	const struct base_tree *asked = base_tree_at(model->environment, "policies.workloadTtl");

	if (most != NULL && (asked == NULL ||
	    k8s_duration_ms(most->text) < k8s_duration_ms(asked->text))) {
		k8s_put_str(model, map, "certificateTtl", k8s_go_duration(model, most->text),
		    most->origin);
	}
}

void
k8s_put_identity(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	const struct base_tree *account = base_tree_get(node->spec, "serviceAccount");
	const struct base_origin *origin = account == NULL ? node->origin : account->origin;

	k8s_put_str(model, map, "serviceAccount", node->account, origin);
	k8s_put_str(model, map, "principal", node->principal, origin);
	k8s_put_str(model, map, "spiffeId",
	    base_arena_printf(model->arena, "spiffe://%s", node->principal), origin);
	put_certificate_ttl(model, map, node);
}

const struct base_tree *
k8s_caller(struct k8s_model *model, const struct k8s_node *node, const struct base_origin *origin)
{
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "name", node->name, origin);
	k8s_put_str(model, map, "namespace", node->namespace, origin);
	k8s_put_str(model, map, "principal", node->principal, origin);
	return base_tree_done(map);
}
