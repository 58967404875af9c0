/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a model: one line for everything that opens or closes a door, so that a review sees
 * what a change means and not only which files it touches. Keys are stable: a fact of the same
 * class and key before and after is the same door.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "k8s/model.h"

#define FACT_TEXT 65536 /* one fact: an edge with all of its paths */

struct fact {
	const char *class;
	const char *key;
	const char *value;
	int64_t strength;
};

struct facts {
	struct base_arena *arena;
	const struct base_origin *origin;
	struct fact *at;
	size_t count;
	size_t max;
};

/* Lower is weaker; what is not here is as strong as anything. */
static const struct {
	const char *word;
	int64_t strength;
} STRENGTHS[] = {
    {"DISABLE", 0},
    {"PERMISSIVE", 1},
    {"STRICT", 2},
    {"ALLOW_ANY", 0},
    {"REGISTRY_ONLY", 2},
    {"open", 0},
    {"registered-only", 2},
    {"observe", 0},
    {"enforce", 2},
    {"retired", 2},
    {"suspended", 1},
    {"active", 0},
};

static int64_t
strength_of(const char *word)
{
	for (size_t i = 0; i < sizeof(STRENGTHS) / sizeof(STRENGTHS[0]); i++) {
		if (strcmp(STRENGTHS[i].word, word) == 0) {
			return STRENGTHS[i].strength;
		}
	}
	return 2;
}

static void
add(struct facts *facts, const char *class, const char *key, const char *value)
{
	if (facts->count == facts->max) {
		size_t max = facts->max == 0 ? 64 : facts->max * 2;
		struct fact *at = base_arena_calloc(facts->arena, max, sizeof(*at));

		base_copy(at, facts->at, facts->count * sizeof(*at));
		facts->at = at;
		facts->max = max;
	}
	facts->at[facts->count++] = (struct fact){class, key, value, strength_of(value)};
}

static const struct base_tree *
list_of(const struct base_tree *map, const char *key)
{
	static const struct base_tree NONE = {.kind = BASE_TREE_LIST};
	const struct base_tree *list = base_tree_get(map, key);

	return list == NULL || list->kind != BASE_TREE_LIST ? &NONE : list;
}

/* "GET,POST" or the word for no limit. */
static void
append_list(struct base_buf *buf, const struct base_tree *map, const char *key)
{
	const struct base_tree *list = base_tree_get(map, key);

	if (list == NULL) {
		base_buf_append_str(buf, "any");
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		base_buf_appendf(buf, "%s%s", i == 0 ? "" : ",", list->items[i]->text);
	}
}

static const char *
taken(struct facts *facts, struct base_buf *buf)
{
	char *text = base_buf_take_str(buf);
	const char *out = base_arena_strdup(facts->arena, text == NULL ? "" : text);

	free(text);
	return out;
}

static const char *
name_of(struct facts *facts, const struct base_tree *at)
{
	return base_arena_printf(facts->arena, "%s/%s", base_tree_str(at, "namespace", ""),
	    base_tree_str(at, "name", ""));
}

/* The key says who, whom and where; the value what is allowed there. */
static void
edge_facts(struct facts *facts, const struct base_tree *edge)
{
	const struct base_tree *ports = list_of(edge, "ports");
	const struct base_tree *from = base_tree_get(edge, "from");
	const struct base_tree *to = base_tree_get(edge, "to");
	struct base_buf key, value;

	base_buf_init(&key, FACT_TEXT);
	base_buf_init(&value, FACT_TEXT);
	base_buf_appendf(&key, "%s %s -> %s %s", base_tree_str(from, "kind", ""),
	    name_of(facts, from), base_tree_str(to, "kind", ""), name_of(facts, to));
	for (size_t i = 0; i < ports->count; i++) {
		base_buf_appendf(&key, "%s%s", i == 0 ? " port " : ",",
		    base_tree_str(ports->items[i], "workloadPort", ""));
	}
	base_buf_append_str(&value, "methods ");
	append_list(&value, edge, "methods");
	base_buf_append_str(&value, " paths ");
	append_list(&value, edge, "paths");
	add(facts, "edge", taken(facts, &key), taken(facts, &value));
	if (strcmp(base_tree_str(from, "kind", ""), "monitoring") != 0) {
		add(facts, "principal",
		    base_arena_printf(facts->arena, "%s enters %s %s",
			base_tree_str(from, "principal", ""), base_tree_str(to, "kind", ""),
			name_of(facts, to)),
		    "allowed");
	}
}

/* A door for who shows no identity: each address for itself, so that one more is seen. */
static void
address_facts(struct facts *facts, const struct base_tree *service)
{
	const struct base_tree *rules = list_of(service, "byAddress");

	for (size_t i = 0; i < rules->count; i++) {
		const struct base_tree *blocks = list_of(rules->items[i], "ipBlocks");

		for (size_t j = 0; j < blocks->count; j++) {
			add(facts, "address",
			    base_arena_printf(facts->arena, "%s enters port %s of %s without an identity",
				blocks->items[j]->text,
				list_of(rules->items[i], "ports")->items[0]->text,
				name_of(facts, service)),
			    base_tree_str(rules->items[i], "reason", ""));
		}
	}
}

static void
workload_facts(struct facts *facts, const struct base_tree *service)
{
	const struct base_tree *ports = list_of(service, "portMtls");
	const struct base_tree *routes = list_of(service, "routes");
	const struct base_tree *exposed = list_of(service, "exposed");
	const char *name = name_of(facts, service);

	address_facts(facts, service);
	for (size_t i = 0; i < ports->count; i++) {
		add(facts, "mtls",
		    base_arena_printf(facts->arena, "port %s of %s",
			base_tree_str(ports->items[i], "port", ""), name),
		    base_tree_str(ports->items[i], "mode", ""));
	}
	for (size_t i = 0; i < routes->count; i++) {
		if (base_tree_get(routes->items[i], "fault") != NULL) {
			add(facts, "fault",
			    base_arena_printf(facts->arena, "route %s of %s",
				base_tree_str(routes->items[i], "name", ""), name),
			    base_arena_printf(facts->arena, "until %s",
				base_tree_str(routes->items[i], "faultExpires", "for ever")));
		}
	}
	for (size_t i = 0; i < exposed->count; i++) {
		add(facts, "exposure", name,
		    base_arena_printf(facts->arena, "at gateway %s",
			base_tree_str(base_tree_get(exposed->items[i], "gateway"), "ref", "")));
	}
}

static void
external_facts(struct facts *facts, const struct base_tree *external)
{
	const struct base_tree *hosts = list_of(external, "hosts");
	const char *gateway =
	    base_tree_str(base_tree_get(external, "gateway"), "ref", "none");

	for (size_t i = 0; i < hosts->count; i++) {
		add(facts, "egress",
		    base_arena_printf(facts->arena, "%s:%s",
			base_tree_str(hosts->items[i], "host", ""),
			base_tree_str(hosts->items[i], "port", "")),
		    base_arena_printf(facts->arena, "through %s", gateway));
	}
}

static void
gateway_facts(struct facts *facts, const struct base_tree *gateway)
{
	const struct base_tree *hosts = list_of(gateway, "hosts");

	for (size_t i = 0; i < hosts->count; i++) {
		add(facts, "exposure", hosts->items[i]->text,
		    base_arena_printf(facts->arena, "at gateway %s", name_of(facts, gateway)));
	}
}

static void
identity_facts(struct facts *facts, const struct base_tree *identity)
{
	const struct base_tree *names = list_of(identity, "dnsNames");
	const char *id = base_tree_str(identity, "spiffeId", "");

	add(facts, "identity", id, base_tree_str(identity, "state", "active"));
	for (size_t i = 0; i < names->count; i++) {
		add(facts, "identity",
		    base_arena_printf(facts->arena, "%s as %s", id, names->items[i]->text),
		    "active");
	}
}

static void
environment_facts(struct facts *facts, const struct base_tree *model)
{
	const struct base_tree *environment = base_tree_get(model, "environment");
	const struct base_tree *namespaces = list_of(model, "namespaces");

	add(facts, "mtls", "environment", base_tree_str(environment, "mtls", ""));
	add(facts, "egress", "outbound", base_tree_str(environment, "outbound", ""));
	add(facts, "identity", "registration", base_tree_str(environment, "registration", ""));
	for (size_t i = 0; i < namespaces->count; i++) {
		const char *name = base_tree_str(namespaces->items[i], "name", "");

		add(facts, "mtls", base_arena_printf(facts->arena, "namespace %s", name),
		    base_tree_str(namespaces->items[i], "mtls", ""));
		add(facts, "edge", base_arena_printf(facts->arena, "rules of namespace %s", name),
		    base_tree_bool(namespaces->items[i], "enforce", true) ? "enforce" : "observe");
	}
}

static int
by_class_and_key(const void *a, const void *b)
{
	const struct fact *x = a;
	const struct fact *y = b;
	int order = strcmp(x->class, y->class);

	order = order != 0 ? order : strcmp(x->key, y->key);
	return order != 0 ? order : strcmp(x->value, y->value);
}

static const struct base_tree *
fact_tree(struct facts *facts, const struct fact *fact)
{
	struct base_arena *arena = facts->arena;
	struct base_tree_build *map = base_tree_map(arena, facts->origin);

	base_tree_put(map, "class", base_tree_string(arena, fact->class, facts->origin));
	base_tree_put(map, "key", base_tree_string(arena, fact->key, facts->origin));
	base_tree_put(map, "value", base_tree_string(arena, fact->value, facts->origin));
	base_tree_put(map, "strength", base_tree_number(arena, fact->strength, facts->origin));
	return base_tree_done(map);
}

typedef void facts_fn(struct facts *facts, const struct base_tree *item);

const struct base_tree *
k8s_model_facts(struct base_arena *arena, const struct base_tree *model)
{
	static const struct {
		const char *key;
		facts_fn *fn;
	} PARTS[] = {
	    {"edges", edge_facts},
	    {"services", workload_facts},
	    {"dataServices", workload_facts},
	    {"externals", external_facts},
	    {"gateways", gateway_facts},
	    {"identities", identity_facts},
	};
	struct facts facts = {.arena = arena, .origin = model->origin};
	struct base_tree_build *list = base_tree_list(arena, model->origin);

	environment_facts(&facts, model);
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
		const struct base_tree *items = list_of(model, PARTS[i].key);

		for (size_t j = 0; j < items->count; j++) {
			PARTS[i].fn(&facts, items->items[j]);
		}
	}
	qsort(facts.at, facts.count, sizeof(*facts.at), by_class_and_key);
	for (size_t i = 0; i < facts.count; i++) {
		bool again = i > 0 && by_class_and_key(&facts.at[i], &facts.at[i - 1]) == 0;

		if (!again) {
			base_tree_push(list, fact_tree(&facts, &facts.at[i]));
		}
	}
	return base_tree_done(list);
}
