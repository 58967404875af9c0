/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a model: one line for everything that opens or closes a door, so that a review sees
 * what a change means and not only which files it touches. Keys are stable: a fact of the same
 * class and key before and after is the same door.
 */
#include "k8s/model_facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "k8s/model.h"

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
    {"off", 0},
    {"on", 2},
    {"allowed", 0},
    {"forbidden", 2},
    {"privileged", 0},
    {"baseline", 1},
    {"restricted", 2},
    {"TLSV1_2", 1},
    {"TLSV1_3", 2},
    {"1.2", 1},
    {"1.3", 2},
    {"detect", 1},
    {"block", 2},
    {"open when it fails", 0},
    {"closed when it fails", 2},
    {"none", 0},
    {"by the application", 1},
};

int64_t
k8s_fact_strength(const char *word)
{
	for (size_t i = 0; i < sizeof(STRENGTHS) / sizeof(STRENGTHS[0]); i++) {
		if (strcmp(STRENGTHS[i].word, word) == 0) {
			return STRENGTHS[i].strength;
		}
	}
	return K8S_FACT_STRONG;
}

void
k8s_fact_add(struct k8s_facts *facts, const struct k8s_fact *fact)
{
	if (facts->count == facts->max) {
		size_t max = facts->max == 0 ? 64 : facts->max * 2;
		struct k8s_fact *at = base_arena_calloc(facts->arena, max, sizeof(*at));

		base_copy(at, facts->at, facts->count * sizeof(*at));
		facts->at = at;
		facts->max = max;
	}
	facts->at[facts->count++] = *fact;
}

static void
add(struct k8s_facts *facts, const char *class, const char *key, const char *value)
{
	const struct k8s_fact fact = {class, key, value, "", k8s_fact_strength(value)};

	k8s_fact_add(facts, &fact);
}

/* Of what opens by being there: its value has no rank. */
static void
add_opening(struct k8s_facts *facts, const char *class, const char *key, const char *value)
{
	const struct k8s_fact fact = {class, key, value, "", K8S_FACT_STRONG};

	k8s_fact_add(facts, &fact);
}

const struct base_tree *
k8s_fact_items(const struct base_tree *map, const char *key)
{
	static const struct base_tree NONE = {.kind = BASE_TREE_LIST};
	const struct base_tree *list = base_tree_get(map, key);

	return list == NULL || list->kind != BASE_TREE_LIST ? &NONE : list;
}

void
k8s_fact_list(struct base_buf *buf, const struct base_tree *map, const char *key)
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

const char *
k8s_fact_text(struct k8s_facts *facts, struct base_buf *buf)
{
	char *text = base_buf_take_str(buf);
	const char *out = base_arena_strdup(facts->arena, text == NULL ? "too long to be told" : text);

	free(text);
	return out;
}

const char *
k8s_fact_name(struct k8s_facts *facts, const struct base_tree *at)
{
	return base_arena_printf(facts->arena, "%s/%s", base_tree_str(at, "namespace", ""),
	    base_tree_str(at, "name", ""));
}

/* The key says who, whom and where; the value what is allowed there. */
static void
edge_facts(struct k8s_facts *facts, const struct base_tree *edge)
{
	const struct base_tree *ports = k8s_fact_items(edge, "ports");
	const struct base_tree *from = base_tree_get(edge, "from");
	const struct base_tree *to = base_tree_get(edge, "to");
	struct base_buf key, value;

	base_buf_init(&key, K8S_FACT_TEXT);
	base_buf_init(&value, K8S_FACT_TEXT);
	base_buf_appendf(&key, "%s %s -> %s %s", base_tree_str(from, "kind", ""),
	    k8s_fact_name(facts, from), base_tree_str(to, "kind", ""), k8s_fact_name(facts, to));
	for (size_t i = 0; i < ports->count; i++) {
		base_buf_appendf(&key, "%s%s", i == 0 ? " port " : ",",
		    base_tree_str(ports->items[i], "workloadPort", ""));
	}
	base_buf_append_str(&value, "methods ");
	k8s_fact_list(&value, edge, "methods");
	base_buf_append_str(&value, " paths ");
	k8s_fact_list(&value, edge, "paths");
	add(facts, "edge", k8s_fact_text(facts, &key), k8s_fact_text(facts, &value));
	if (strcmp(base_tree_str(from, "kind", ""), "monitoring") != 0) {
		add_opening(facts, "principal",
		    base_arena_printf(facts->arena, "%s enters %s %s",
			base_tree_str(from, "principal", ""), base_tree_str(to, "kind", ""),
			k8s_fact_name(facts, to)),
		    "allowed");
	}
}

/* A door for who shows no identity: each address for itself, so that one more is seen. */
static void
stranger_facts(struct k8s_facts *facts, const struct base_tree *service)
{
	const struct base_tree *rules = k8s_fact_items(service, "byAddress");

	for (size_t i = 0; i < rules->count; i++) {
		const struct base_tree *blocks = k8s_fact_items(rules->items[i], "ipBlocks");

		for (size_t j = 0; j < blocks->count; j++) {
			add_opening(facts, "stranger",
			    base_arena_printf(facts->arena, "%s enters port %s of %s without an identity",
				blocks->items[j]->text,
				k8s_fact_items(rules->items[i], "ports")->items[0]->text,
				k8s_fact_name(facts, service)),
			    base_tree_str(rules->items[i], "reason", ""));
		}
	}
}

/* Rights of a data service's users, which the data service itself holds them to. */
static void
topic_facts(struct k8s_facts *facts, const struct base_tree *user, const char *data)
{
	const struct base_tree *rights = k8s_fact_items(user, "acls");

	for (size_t i = 0; i < rights->count; i++) {
		const char *access = base_tree_str(rights->items[i], "access", "");

		add_opening(facts, "topic",
		    base_arena_printf(facts->arena, "%s of %s for %s",
			base_tree_str(rights->items[i], "topic", ""), data,
			base_tree_str(user, "principal", "")),
		    base_arena_printf(facts->arena, "access %s",
			strcmp(access, "read-write") == 0 ? "read,write" : access));
	}
}

static void
workload_facts(struct k8s_facts *facts, const struct base_tree *service)
{
	const struct base_tree *ports = k8s_fact_items(service, "portMtls");
	const struct base_tree *routes = k8s_fact_items(service, "routes");
	const struct base_tree *exposed = k8s_fact_items(service, "exposed");
	const struct base_tree *users = k8s_fact_items(service, "users");
	const char *name = k8s_fact_name(facts, service);

	stranger_facts(facts, service);
	for (size_t i = 0; i < ports->count; i++) {
		add(facts, "mtls",
		    base_arena_printf(facts->arena, "port %s of %s",
			base_tree_str(ports->items[i], "port", ""), name),
		    base_tree_str(ports->items[i], "mode", ""));
	}
	for (size_t i = 0; i < routes->count; i++) {
		if (base_tree_get(routes->items[i], "fault") != NULL) {
			add_opening(facts, "fault",
			    base_arena_printf(facts->arena, "route %s of %s",
				base_tree_str(routes->items[i], "name", ""), name),
			    base_arena_printf(facts->arena, "until %s",
				base_tree_str(routes->items[i], "faultExpires", "for ever")));
		}
	}
	for (size_t i = 0; i < exposed->count; i++) {
		add_opening(facts, "exposure", name,
		    base_arena_printf(facts->arena, "at gateway %s",
			base_tree_str(base_tree_get(exposed->items[i], "gateway"), "ref", "")));
	}
	for (size_t i = 0; i < users->count; i++) {
		topic_facts(facts, users->items[i], name);
	}
	k8s_guards_of_workload(facts, service);
}

static void
external_facts(struct k8s_facts *facts, const struct base_tree *external)
{
	const struct base_tree *hosts = k8s_fact_items(external, "hosts");
	const char *gateway =
	    base_tree_str(base_tree_get(external, "gateway"), "ref", "none");

	for (size_t i = 0; i < hosts->count; i++) {
		add_opening(facts, "egress",
		    base_arena_printf(facts->arena, "%s:%s",
			base_tree_str(hosts->items[i], "host", ""),
			base_tree_str(hosts->items[i], "port", "")),
		    base_arena_printf(facts->arena, "through %s", gateway));
	}
	k8s_guards_of_external(facts, external);
}

static void
gateway_facts(struct k8s_facts *facts, const struct base_tree *gateway)
{
	const struct base_tree *hosts = k8s_fact_items(gateway, "hosts");

	for (size_t i = 0; i < hosts->count; i++) {
		add_opening(facts, "exposure", hosts->items[i]->text,
		    base_arena_printf(facts->arena, "at gateway %s", k8s_fact_name(facts, gateway)));
	}
	k8s_guards_of_gateway(facts, gateway);
}

static void
identity_facts(struct k8s_facts *facts, const struct base_tree *identity)
{
	const struct base_tree *names = k8s_fact_items(identity, "dnsNames");
	const char *id = base_tree_str(identity, "spiffeId", "");

	add(facts, "identity", id, base_tree_str(identity, "state", "active"));
	for (size_t i = 0; i < names->count; i++) {
		add(facts, "identity",
		    base_arena_printf(facts->arena, "%s as %s", id, names->items[i]->text),
		    "active");
	}
}

static void
environment_facts(struct k8s_facts *facts, const struct base_tree *model)
{
	const struct base_tree *environment = base_tree_get(model, "environment");
	const struct base_tree *namespaces = k8s_fact_items(model, "namespaces");
	const struct base_tree *aliases = k8s_fact_items(environment, "trustDomainAliases");
	const char *collector = base_tree_str(base_tree_at(model, "mesh.monitoring"), "principal", "");

	add_opening(facts, "principal",
	    base_arena_printf(facts->arena, "%s collects metrics", collector), "allowed");
	add(facts, "mtls", "environment", base_tree_str(environment, "mtls", ""));
	add(facts, "egress", "outbound", base_tree_str(environment, "outbound", ""));
	add(facts, "identity", "registration", base_tree_str(environment, "registration", ""));
	for (size_t i = 0; i < aliases->count; i++) {
		add_opening(facts, "principal",
		    base_arena_printf(facts->arena, "everybody of trust domain %s", aliases->items[i]->text),
		    "as of this one");
	}
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
	const struct k8s_fact *x = a;
	const struct k8s_fact *y = b;
	int order = strcmp(x->class, y->class);

	order = order != 0 ? order : strcmp(x->key, y->key);
	return order != 0 ? order : strcmp(x->value, y->value);
}

static const struct base_tree *
fact_tree(struct k8s_facts *facts, const struct k8s_fact *fact)
{
	struct base_arena *arena = facts->arena;
	struct base_tree_build *map = base_tree_map(arena, facts->origin);

	base_tree_put(map, "class", base_tree_string(arena, fact->class, facts->origin));
	base_tree_put(map, "key", base_tree_string(arena, fact->key, facts->origin));
	base_tree_put(map, "value", base_tree_string(arena, fact->value, facts->origin));
	base_tree_put(map, "strength", base_tree_number(arena, fact->strength, facts->origin));
	if (*fact->of != '\0') {
		base_tree_put(map, "of", base_tree_string(arena, fact->of, facts->origin));
	}
	return base_tree_done(map);
}

typedef void facts_fn(struct k8s_facts *facts, const struct base_tree *item);

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
	struct k8s_facts facts = {.arena = arena, .origin = model->origin};
	struct base_tree_build *list = base_tree_list(arena, model->origin);
	const struct base_tree *identities = k8s_fact_items(model, "identities");

	environment_facts(&facts, model);
	k8s_guards_of_environment(&facts, model);
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
		const struct base_tree *items = k8s_fact_items(model, PARTS[i].key);

		for (size_t j = 0; j < items->count; j++) {
			PARTS[i].fn(&facts, items->items[j]);
		}
	}
	for (size_t i = 0; i < identities->count; i++) {
		k8s_guards_of_identity(&facts, base_tree_get(model, "environment"), identities->items[i]);
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
