/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of what refuses or bounds: network policies, tokens, firewall, limits, lifetimes. Opening
 * a door is one way to weaken a mesh, taking a guard away is the other. A guard says whose it is
 * (of), so that one that goes together with its service is no weakening.
 */
#include <stdlib.h>
#include <string.h>

#include "k8s/model_facts.h"
#include "k8s/model_int.h"

static void
guard(struct k8s_facts *facts, const char *of, const char *key, const char *value)
{
	const struct k8s_fact fact = {"guard", key, value, of, k8s_fact_strength(value)};

	k8s_fact_add(facts, &fact);
}

/* The less it lets through, the stronger. NULL: there is none. */
static void
limit(struct k8s_facts *facts, const char *of, const char *key, const char *value, int64_t amount)
{
	const struct k8s_fact fact = {"guard", key, value, of, -amount};

	if (value != NULL) {
		k8s_fact_add(facts, &fact);
	}
}

static const char *
of_name(struct k8s_facts *facts, const char *what, const struct base_tree *at)
{
	return base_arena_printf(facts->arena, "%s of %s", what, k8s_fact_name(facts, at));
}

/* "WORD a,b" of a list; NULL when there is none. */
static const char *
listed(struct k8s_facts *facts, const char *word, const struct base_tree *map, const char *key)
{
	struct base_buf buf;

	if (base_tree_get(map, key) == NULL) {
		return NULL;
	}
	base_buf_init(&buf, K8S_FACT_TEXT);
	base_buf_appendf(&buf, "%s ", word);
	k8s_fact_list(&buf, map, key);
	return k8s_fact_text(facts, &buf);
}

/* --- environment --- */
static void
namespace_guards(struct k8s_facts *facts, const struct base_tree *space)
{
	const char *name = base_tree_str(space, "name", "");
	const char *of = base_arena_printf(facts->arena, "namespace %s", name);
	const char *level = base_tree_str(space, "podSecurity", NULL);

	guard(facts, of, base_arena_printf(facts->arena, "proxies in namespace %s", name),
	    base_tree_bool(space, "injected", false) ? "on" : "off");
	if (level != NULL) {
		guard(facts, of, base_arena_printf(facts->arena, "pod security of namespace %s", name),
		    level);
	}
}

void
k8s_guards_of_environment(struct k8s_facts *facts, const struct base_tree *model)
{
	const struct base_tree *environment = base_tree_get(model, "environment");
	const struct base_tree *namespaces = k8s_fact_items(model, "namespaces");
	const char *ttl = base_tree_str(environment, "workloadTtl", NULL);
	const char *keys = listed(facts, "keys", environment, "keyTypes");

	guard(facts, "", "network policies",
	    base_tree_bool(environment, "networkPolicy", false) ? "on" : "off");
	guard(facts, "", "fault injection",
	    base_tree_bool(environment, "faultsAllowed", false) ? "allowed" : "forbidden");
	guard(facts, "", "TLS between proxies", base_tree_str(environment, "meshMinVersion", ""));
	limit(facts, "", "lifetime of certificates", ttl, k8s_duration_ms(ttl));
	if (keys != NULL) {
		guard(facts, "", "keys of certificates", keys);
	}
	for (size_t i = 0; i < namespaces->count; i++) {
		namespace_guards(facts, namespaces->items[i]);
	}
}

/* --- services and data services --- */
/* One token rule as conditions: "issuer I methods GET paths /a CLAIM v". */
static void
append_rule(struct base_buf *buf, const char *issuer, const struct base_tree *rule)
{
	const struct base_tree *claims = k8s_fact_items(rule, "when");

	base_buf_appendf(buf, "%sissuer %s methods ", buf->len > 0 ? "; " : "", issuer);
	k8s_fact_list(buf, rule, "methods");
	base_buf_append_str(buf, " paths ");
	k8s_fact_list(buf, rule, "paths");
	for (size_t i = 0; i < claims->count; i++) {
		base_buf_appendf(buf, " %s ", base_tree_str(claims->items[i], "key", ""));
		k8s_fact_list(buf, claims->items[i], "values");
	}
}

static void
token_guards(struct k8s_facts *facts, const struct base_tree *workload,
    const struct base_tree *allow)
{
	const struct base_tree *jwt = base_tree_get(allow, "jwt");
	const struct base_tree *from = base_tree_get(allow, "from");
	const struct base_tree *rules = k8s_fact_items(jwt, "rules");
	struct base_buf buf;

	if (jwt == NULL) {
		return;
	}
	base_buf_init(&buf, K8S_FACT_TEXT);
	for (size_t i = 0; i < rules->count; i++) {
		append_rule(&buf, base_tree_str(jwt, "issuer", ""), rules->items[i]);
	}
	guard(facts, base_tree_str(workload, "spiffeId", ""),
	    base_arena_printf(facts->arena, "tokens from %s %s at %s", base_tree_str(from, "kind", ""),
		k8s_fact_name(facts, from), k8s_fact_name(facts, workload)),
	    k8s_fact_text(facts, &buf));
}

void
k8s_guards_of_workload(struct k8s_facts *facts, const struct base_tree *workload)
{
	const struct base_tree *allow = k8s_fact_items(workload, "allow");
	const char *authentication = base_tree_str(workload, "authentication", NULL);
	const char *of = base_tree_str(workload, "spiffeId", "");

	for (size_t i = 0; i < allow->count; i++) {
		token_guards(facts, workload, allow->items[i]);
	}
	if (authentication != NULL) {
		guard(facts, of, of_name(facts, "authentication", workload), authentication);
	}
	if (base_tree_bool(workload, "pci", false)) {
		guard(facts, of, of_name(facts, "class", workload), "pci");
	}
}

/* --- gateways --- */
static void
limit_guards(struct k8s_facts *facts, const struct base_tree *gateway, const char *of)
{
	static const char *const LIMITS[] = {"requestsPerSecond", "burst", "perClientPerMinute",
	    "connections", "bodyBytes"};
	const struct base_tree *limits = base_tree_get(gateway, "limits");

	for (size_t i = 0; i < sizeof(LIMITS) / sizeof(LIMITS[0]); i++) {
		limit(facts, of, of_name(facts, LIMITS[i], gateway),
		    base_tree_str(limits, LIMITS[i], NULL), base_tree_int(limits, LIMITS[i], 0));
	}
	/* each one more lets clients write one more address into X-Forwarded-For */
	limit(facts, of, of_name(facts, "trustedProxies", gateway),
	    base_tree_str(gateway, "trustedProxies", NULL), base_tree_int(gateway, "trustedProxies", 0));
}

/* A rule refuses some addresses, or all but some; on some paths, or on all. */
static void
address_guards(struct k8s_facts *facts, const struct base_tree *gateway,
    const struct base_tree *rule, const char *of)
{
	const struct base_tree *denied = k8s_fact_items(rule, "remoteIpBlocks");
	const struct base_tree *paths = k8s_fact_items(rule, "paths");
	const char *name = of_name(facts, base_tree_str(rule, "name", ""), gateway);
	const char *allowed = listed(facts, "addresses", rule, "notRemoteIpBlocks");

	for (size_t i = 0; i < denied->count; i++) {
		guard(facts, of, base_arena_printf(facts->arena, "%s: %s", name, denied->items[i]->text),
		    "refused");
	}
	for (size_t i = 0; allowed != NULL && i < paths->count; i++) {
		guard(facts, of, base_arena_printf(facts->arena, "%s: %s", name, paths->items[i]->text),
		    "refused to others");
	}
	if (allowed != NULL) {
		guard(facts, of, name, allowed);
	}
}

void
k8s_guards_of_gateway(struct k8s_facts *facts, const struct base_tree *gateway)
{
	const struct base_tree *rules = k8s_fact_items(gateway, "ipRules");
	const struct base_tree *waf = base_tree_get(gateway, "waf");
	const struct base_tree *certificate = base_tree_get(gateway, "certificate");
	const char *of = base_tree_str(gateway, "spiffeId", "");

	for (size_t i = 0; i < rules->count; i++) {
		address_guards(facts, gateway, rules->items[i], of);
	}
	limit_guards(facts, gateway, of);
	if (certificate != NULL) {
		guard(facts, of, of_name(facts, "TLS", gateway),
		    base_tree_str(certificate, "minProtocolVersion", ""));
	}
	if (waf != NULL) {
		guard(facts, of, of_name(facts, "firewall", gateway), base_tree_str(waf, "mode", ""));
		guard(facts, of, of_name(facts, "failing firewall", gateway),
		    base_arena_printf(facts->arena, "%s when it fails", base_tree_str(waf, "failure", "")));
	}
}

/* --- external services --- */
void
k8s_guards_of_external(struct k8s_facts *facts, const struct base_tree *external)
{
	const struct base_tree *hosts = k8s_fact_items(external, "hosts");
	const struct base_tree *tls = base_tree_get(external, "tls");
	const char *protocol = base_tree_str(external, "protocol", "");
	bool inside = strcmp(protocol, "https") == 0 || strcmp(protocol, "tls") == 0;
	bool originate = base_tree_bool(tls, "originate", false);

	for (size_t i = 0; i < hosts->count; i++) {
		const char *of = base_arena_printf(facts->arena, "%s:%s",
		    base_tree_str(hosts->items[i], "host", ""), base_tree_str(hosts->items[i], "port", ""));
		const char *names = listed(facts, "names", hosts->items[i], "subjectAltNames");

		guard(facts, of, base_arena_printf(facts->arena, "TLS to %s", of),
		    originate ? "by the gateway" : inside ? "by the application" : "none");
		if (originate) {
			guard(facts, of, base_arena_printf(facts->arena, "version of TLS to %s", of),
			    base_tree_str(tls, "minVersion", ""));
		}
		if (originate && names != NULL) {
			guard(facts, of, base_arena_printf(facts->arena, "certificate of %s", of), names);
		}
	}
}

/* --- identities --- */
void
k8s_guards_of_identity(struct k8s_facts *facts, const struct base_tree *environment,
    const struct base_tree *identity)
{
	const char *id = base_tree_str(identity, "spiffeId", "");
	const char *ttl = base_tree_str(identity, "maxTtl", NULL);
	const char *keys = listed(facts, "keys", identity, "keyTypes");
	int64_t usual = k8s_duration_ms(base_tree_str(environment, "workloadTtl", NULL));
	struct k8s_fact fact = {"guard", base_arena_printf(facts->arena, "lifetime of %s", id), ttl, id,
	    -k8s_duration_ms(ttl)};

	if (ttl != NULL) {
		/* longer than others' is no guard, but an exception from theirs */
		fact.class = k8s_duration_ms(ttl) > usual ? "exception" : "guard";
		k8s_fact_add(facts, &fact);
	}
	if (keys != NULL) {
		guard(facts, id, base_arena_printf(facts->arena, "keys of %s", id), keys);
	}
}
