/* SPDX-License-Identifier: Apache-2.0 */
/* Lints of single documents, merged for an environment. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "k8s/inventory_int.h"

#define DAY_S 86400

/* Where to look for what a key says, or does not. */
static const struct base_origin *
origin_of(const struct base_tree *map, const char *key)
{
	const struct base_tree *value = base_tree_get(map, key);

	return value != NULL ? value->origin : map->origin;
}

static const char *
name_of(const struct base_tree *spec)
{
	return base_tree_str(spec, "name", "");
}

static bool
says(const struct base_tree *map, const char *key, const char *value)
{
	return strcmp(base_tree_str(map, key, ""), value) == 0;
}

static bool
has_item(const struct base_tree *list, const char *text)
{
	for (uint32_t i = 0; list != NULL && list->kind == BASE_TREE_LIST && i < list->count; i++) {
		if (base_tree_is_scalar(list->items[i]) &&
		    strcmp(list->items[i]->text, text) == 0) {
			return true;
		}
	}
	return false;
}

static bool
is_pci(const struct base_tree *spec)
{
	return says(spec, "class", "pci");
}

/* What the environment says of the namespace of a document; NULL: nothing. */
static const struct base_tree *
namespace_of(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *list = base_tree_at(run->all, "environment.namespaces");

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		if (says(list->items[i], "name", base_tree_str(spec, "namespace", ""))) {
			return list->items[i];
		}
	}
	return NULL;
}

static bool
is_permissive(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *namespace = namespace_of(run, spec);
	const char *mtls = base_tree_str(base_tree_at(run->all, "environment.policies"), "mtls",
	    "STRICT");

	return strcmp(base_tree_str(namespace, "mtls", mtls), "PERMISSIVE") == 0;
}

/* --- ports --- */
/* istio.io, ops/deployment/application-requirements: ports of the proxy. */
static bool
is_reserved(int64_t port)
{
	static const int64_t PORTS[] = {15000, 15001, 15002, 15004, 15006, 15008, 15009, 15020,
	    15021, 15053, 15090};

	for (size_t i = 0; i < sizeof(PORTS) / sizeof(PORTS[0]); i++) {
		if (PORTS[i] == port) {
			return true;
		}
	}
	return false;
}

static void
lint_port(const struct k8s_lint_run *run, const struct base_tree *spec,
    const struct base_tree *port)
{
	int64_t number = base_tree_int(port, "port", 0);
	int64_t target = base_tree_int(port, "targetPort", number);

	if (is_reserved(target)) {
		k8s_findings_add(run->findings, LINT_PORT_RESERVED, port->origin,
		    "let the workload listen elsewhere",
		    "%.64s: port %lld of the workload belongs to the proxy", name_of(spec),
		    (long long)target);
	}
	if (is_pci(spec) && base_tree_get(port, "plaintext") != NULL) {
		k8s_findings_add(run->findings, LINT_PLAINTEXT_PCI, origin_of(port, "plaintext"),
		    "remove plaintext", "%.64s is of class pci, and port %.64s takes plaintext",
		    name_of(spec), name_of(port));
	}
	if (target == base_tree_int(base_tree_get(spec, "probes"), "managementPort", -1)) {
		k8s_findings_add(run->findings, LINT_MANAGEMENT_PORT, port->origin,
		    "give probes a port of their own, or leave managementPort out",
		    "%.64s: callers reach the management port by port %.64s", name_of(spec),
		    name_of(port));
	}
}

static void
lint_ports(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *ports = base_tree_get(spec, "ports");

	if (is_pci(spec) && is_permissive(run, spec) &&
	    !says(namespace_of(run, spec), "enforcement", "observe")) {
		k8s_findings_add(run->findings, LINT_PLAINTEXT_PCI, origin_of(spec, "class"),
		    "write mtls: STRICT for its namespace",
		    "%.64s is of class pci, and its namespace takes plaintext in %.64s",
		    name_of(spec), run->name);
	}
	for (uint32_t i = 0; i < ports->count; i++) {
		const struct base_tree *port = ports->items[i];

		lint_port(run, spec, port);
		for (uint32_t j = 0; j < i; j++) {
			const struct base_tree *other = ports->items[j];

			if (base_tree_int(port, "port", 0) != base_tree_int(other, "port", 0) ||
			    !says(port, "host", base_tree_str(other, "host", ""))) {
				continue;
			}
			k8s_findings_add(run->findings, LINT_PORT_TWICE, port->origin,
			    "give one of them another port",
			    "%.64s: ports %.64s and %.64s have the same number", name_of(spec),
			    name_of(other), name_of(port));
		}
	}
}

static void
lint_scaling(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *scaling = base_tree_get(spec, "scaling");
	int64_t min = base_tree_int(scaling, "min", 1);
	int64_t max = base_tree_int(scaling, "max", INT64_MAX);

	if (min > max) {
		k8s_findings_add(run->findings, LINT_SCALING_RANGE, origin_of(scaling, "min"),
		    "write max, too, or a smaller min",
		    "%.64s in %.64s: min %lld is above max %lld", name_of(spec), run->name,
		    (long long)min, (long long)max);
	}
}

/* --- Service --- */
static void
lint_fault(const struct k8s_lint_run *run, const struct base_tree *spec,
    const struct base_tree *fault)
{
	const char *expires = base_tree_str(fault, "expires", NULL);
	const char *allowed = base_tree_str(
	    base_tree_at(run->all, "environment.policies"), "faults", "forbidden");
	char midnight[32];
	int64_t last_day;

	if (strcmp(allowed, "allowed") != 0) {
		k8s_findings_add(run->findings, LINT_FAULT_FORBIDDEN, fault->origin,
		    "put it under spec.environments of one that allows faults",
		    "%.64s forbids faults; this is one of %.64s", run->name, name_of(spec));
	}
	if (expires == NULL) {
		k8s_findings_add(run->findings, LINT_FAULT_ENDLESS, fault->origin,
		    "add expires: and its last day", "a fault of %.64s has no end",
		    name_of(spec));
		return;
	}
	(void)snprintf(midnight, sizeof(midnight), "%.10sT00:00:00Z", expires);
	if (!base_clock_parse_rfc3339(midnight, &last_day)) {
		k8s_findings_add(run->findings, LINT_FAULT_ENDLESS, origin_of(fault, "expires"),
		    "write a day that exists", "%.10s is on no calendar", expires);
	} else if (run->at >= last_day + DAY_S) {
		k8s_findings_add(run->findings, LINT_FAULT_EXPIRED, origin_of(fault, "expires"),
		    "remove the fault, or decide anew how long", "a fault of %.64s ended on %.10s",
		    name_of(spec), expires);
	}
}

static void
lint_service_pci(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *redact =
	    base_tree_get(base_tree_get(spec, "logging"), "redact");
	const struct base_tree *policies = base_tree_at(run->all, "environment.policies");
	bool enforced = !says(namespace_of(run, spec), "enforcement", "observe");

	if (!has_item(redact, "query") || !has_item(redact, "authorization")) {
		k8s_findings_add(run->findings, LINT_REDACT_PCI, origin_of(spec, "logging"),
		    "write logging: {redact: [query, authorization]}",
		    "%.64s is of class pci, and its logs keep queries or tokens", name_of(spec));
	}
	if (enforced && !base_tree_bool(policies, "networkPolicy", false)) {
		k8s_findings_add(run->findings, LINT_NETWORK_PCI, origin_of(spec, "class"),
		    "write networkPolicy: true in its policies",
		    "%.64s is of class pci, and %.64s has no NetworkPolicy", name_of(spec),
		    run->name);
	}
}

/* The first protocol word of a port says whether requests can be told apart (graph.c: speaks_http). */
static bool
has_http(const struct base_tree *ports)
{
	for (uint32_t i = 0; i < ports->count; i++) {
		if (says(ports->items[i], "protocol", "http") ||
		    says(ports->items[i], "protocol", "http2") ||
		    says(ports->items[i], "protocol", "grpc") ||
		    says(ports->items[i], "protocol", "grpc-web")) {
			return true;
		}
	}
	return false;
}

static void
lint_rollout(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *rollout = base_tree_get(spec, "rollout");
	const char *who = base_tree_str(base_tree_at(run->all, "mesh"), "progressiveDelivery",
	    "argo-rollouts");

	if (rollout == NULL || rollout->kind != BASE_TREE_MAP) {
		return;
	}
	if (!says(base_tree_get(spec, "workload"), "kind", "Rollout") ||
	    strcmp(who, "argo-rollouts") != 0) {
		k8s_findings_add(run->findings, LINT_ROLLOUT, rollout->origin,
		    "write workload: {kind: Rollout} and the mesh's progressiveDelivery: argo-rollouts, "
		    "or take rollout out", "%.64s has a rollout that nobody runs", name_of(spec));
	}
	if (strcmp(base_tree_str(rollout, "strategy", "canary"), "canary") == 0 &&
	    !has_http(base_tree_get(spec, "ports"))) {
		k8s_findings_add(run->findings, LINT_ROLLOUT, rollout->origin,
		    "write strategy: blue-green", "%.64s has a canary and no port that speaks HTTP",
		    name_of(spec));
	}
}

static void
lint_service(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *faults = base_tree_get(spec, "faults");

	lint_ports(run, spec);
	lint_scaling(run, spec);
	lint_rollout(run, spec);
	for (uint32_t i = 0; faults != NULL && i < faults->count; i++) {
		lint_fault(run, spec, faults->items[i]);
	}
	if (is_pci(spec)) {
		lint_service_pci(run, spec);
	}
}

/* --- DataService --- */
static bool
has_port(const struct base_tree *spec, const char *key, const char *value)
{
	const struct base_tree *ports = base_tree_get(spec, "ports");

	for (uint32_t i = 0; i < ports->count; i++) {
		if (says(ports->items[i], key, value)) {
			return true;
		}
	}
	return false;
}

static void
lint_engine(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	bool redis = says(spec, "engine", "redis-cluster");
	bool kafka = says(spec, "engine", "kafka");

	if (redis && !base_tree_bool(spec, "headless", false)) {
		k8s_findings_add(run->findings, LINT_REDIS_CLUSTER, origin_of(spec, "engine"),
		    "write headless: true", "%.64s is a Redis cluster without a headless Service",
		    name_of(spec));
	}
	if ((redis || (kafka && base_tree_int(spec, "brokers", 1) > 1)) &&
	    !has_port(spec, "peer", "true")) {
		k8s_findings_add(run->findings, LINT_PEER_PORT, origin_of(spec, "ports"),
		    "add the ports on which its pods call each other, with peer: true",
		    "%.64s declares no port for its own pods", name_of(spec));
	}
	if (kafka && base_tree_get(spec, "brokers") == NULL) {
		k8s_findings_add(run->findings, LINT_BROKERS, origin_of(spec, "engine"),
		    "write brokers: and how many there are",
		    "%.64s does not say how many brokers it has", name_of(spec));
	}
	if ((says(spec, "engine", "mysql") || has_port(spec, "protocol", "mysql")) &&
	    is_permissive(run, spec)) {
		k8s_findings_add(run->findings, LINT_SERVER_FIRST, origin_of(spec, "engine"),
		    "write mtls: STRICT for its namespace",
		    "%.64s speaks first, and %.64s takes plaintext, too", name_of(spec), run->name);
	}
	if (says(spec, "engine", "postgresql") && has_port(spec, "protocol", "tls")) {
		k8s_findings_add(run->findings, LINT_POSTGRES_TLS, origin_of(spec, "ports"),
		    "write protocol: tcp", "%.64s has a port of protocol tls", name_of(spec));
	}
}

static void
lint_data(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const struct base_tree *breaker = base_tree_get(spec, "breaker");

	lint_ports(run, spec);
	lint_engine(run, spec);
	if (breaker != NULL && has_port(spec, "role", "primary") &&
	    !has_port(spec, "role", "replica")) {
		k8s_findings_add(run->findings, LINT_EJECT_PRIMARY, breaker->origin,
		    "remove the breaker", "%.64s has only a primary, which nothing may eject",
		    name_of(spec));
	}
}

/* --- Gateway --- */
static void
lint_direction(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	static const char *const OF_INGRESS[] = {"hosts", "certificate", "clientRanges", "limits",
	    "waf"};

	if (says(spec, "direction", "egress")) {
		for (size_t i = 0; i < sizeof(OF_INGRESS) / sizeof(OF_INGRESS[0]); i++) {
			if (base_tree_get(spec, OF_INGRESS[i]) != NULL) {
				k8s_findings_add(run->findings, LINT_GATEWAY_PART,
				    origin_of(spec, OF_INGRESS[i]), "remove it",
				    "%.64s is an egress gateway, and %s is of ingress gateways",
				    name_of(spec), OF_INGRESS[i]);
			}
		}
		return;
	}
	if (base_tree_get(spec, "hosts") == NULL || base_tree_get(spec, "hosts")->count == 0) {
		k8s_findings_add(run->findings, LINT_GATEWAY_HOSTS, origin_of(spec, "direction"),
		    "add hosts:", "%.64s answers for no host in %.64s", name_of(spec), run->name);
	}
	if (base_tree_get(spec, "certificate") == NULL) {
		k8s_findings_add(run->findings, LINT_GATEWAY_HOSTS, origin_of(spec, "direction"),
		    "add certificate:", "%.64s has no certificate in %.64s", name_of(spec),
		    run->name);
	}
}

static void
lint_gateway(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	static const char *const FILTERED[] = {"limits", "waf"};
	const struct base_tree *waf = base_tree_get(spec, "waf");
	const struct base_tree *ranges = base_tree_get(spec, "clientRanges");
	bool stable = says(base_tree_at(run->all, "environment.istio"), "profile", "stable");

	lint_direction(run, spec);
	lint_scaling(run, spec);
	for (size_t i = 0; stable && i < 2; i++) {
		if (base_tree_get(spec, FILTERED[i]) != NULL) {
			k8s_findings_add(run->findings, LINT_STABLE_PROFILE,
			    origin_of(spec, FILTERED[i]),
			    "write profile: default, or null for it in this environment",
			    "%.64s has the profile stable, which refuses the %s of %.64s", run->name,
			    FILTERED[i], name_of(spec));
		}
	}
	if (base_tree_get(ranges, "allow") != NULL &&
	    says(base_tree_get(spec, "certificate"), "challenge", "http-01")) {
		k8s_findings_add(run->findings, LINT_CHALLENGE_ADDRESS, origin_of(ranges, "allow"),
		    "write challenge: dns-01, or leave clientRanges.allow out",
		    "%.64s lets in some addresses only, and the issuer of its certificate asks by HTTP",
		    name_of(spec));
	}
	if (base_tree_get(waf, "image") != NULL && base_tree_get(waf, "sha256") == NULL) {
		k8s_findings_add(run->findings, LINT_WAF_UNPINNED, origin_of(waf, "image"),
		    "add sha256:", "%.64s: the filter's image has no digest", name_of(spec));
	}
	if (says(waf, "backend", "coraza-wasm") && base_tree_get(waf, "imageRanges") == NULL &&
	    !says(namespace_of(run, spec), "enforcement", "observe") &&
	    base_tree_bool(base_tree_at(run->all, "environment.policies"), "networkPolicy", false)) {
		k8s_findings_add(run->findings, LINT_WAF_IMAGE, waf->origin,
		    "add imageRanges: with the addresses of its registry",
		    "NetworkPolicy keeps %.64s in %.64s from the image of its firewall",
		    name_of(spec), run->name);
	}
	if ((ranges != NULL ||
		base_tree_get(base_tree_get(spec, "limits"), "perClientPerMinute") != NULL) &&
	    base_tree_int(spec, "trustedProxies", 0) == 0) {
		k8s_findings_add(run->findings, LINT_CLIENT_ADDRESS,
		    ranges != NULL ? ranges->origin : origin_of(spec, "limits"),
		    "write trustedProxies:, or keep externalTrafficPolicy: Local",
		    "%.64s takes whoever opens the connection for the client", name_of(spec));
	}
}

/* --- ExternalService --- */
static void
lint_external(const struct k8s_lint_run *run, const struct base_tree *spec)
{
	const char *protocol = base_tree_str(spec, "protocol", "https");
	bool originate = base_tree_bool(base_tree_get(spec, "tls"), "originate", false);

	bool http = strcmp(protocol, "http") == 0 || (strcmp(protocol, "https") == 0 && originate);

	/* Only HTTP says in each request which host is meant. Elsewhere the first leg has the name of
	 * one host, and the gateway would send all of them there. */
	if (!http && base_tree_get(spec, "hosts")->count > 1) {
		k8s_findings_add(run->findings, LINT_TCP_HOSTS, origin_of(spec, "hosts"),
		    "write an ExternalService for each host",
		    "%.64s has several hosts, but the gateway cannot see which is meant (%s)",
		    name_of(spec), protocol);
	}
	if (strcmp(protocol, "tls") == 0 && originate) {
		k8s_findings_add(run->findings, LINT_PROTOCOL_TLS, origin_of(spec, "protocol"),
		    "write protocol: https, or tls: {originate: false}",
		    "%.64s speaks TLS already, and the gateway would make it again", name_of(spec));
	}
}

void
k8s_lint_document(const struct k8s_lint_run *run, enum k8s_kind kind,
    const struct base_tree *spec)
{
	if (kind == K8S_SERVICE) {
		lint_service(run, spec);
	} else if (kind == K8S_DATA_SERVICE) {
		lint_data(run, spec);
	} else if (kind == K8S_GATEWAY) {
		lint_gateway(run, spec);
	} else if (kind == K8S_EXTERNAL_SERVICE) {
		lint_external(run, spec);
	}
}
