/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload reaches and is reached by: its callees, what its Sidecar must know of, and the
 * peers of its NetworkPolicy. A callee that a Sidecar does not know is called without mTLS, and
 * refused; so the hosts come from the same edges as the rules.
 */
#include <string.h>

#include "k8s/model_int.h"

#define ISTIOD_XDS_PORT 15012
#define PROXY_STATS_PORT 15090 /* Envoy's own metrics */
#define REGISTRY_PORT 443
#define SOLVER_PORT 8089 /* cert-manager: pkg/issuer/acme/http, acmeSolverListenPort */
#define HEALTH_PORT 15021      /* of gateways, asked by load balancers from anywhere */

static const struct base_tree *
callee(struct k8s_model *model, const struct k8s_edge *edge, const struct k8s_port *port)
{
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);
	const struct k8s_node *to = edge->to;

	k8s_put_str(model, map, "kind", k8s_node_word(to->kind), edge->origin);
	k8s_put_str(model, map, "name", to->name, edge->origin);
	k8s_put_str(model, map, "namespace", to->namespace, edge->origin);
	k8s_put_str(model, map, "host", k8s_callee_host(model, to, port), edge->origin);
	k8s_put_int(model, map, "port", port->port, edge->origin);
	k8s_put_int(model, map, "workloadPort", port->workload, edge->origin);
	if (to->kind != K8S_NODE_DATA) {
		k8s_put_same(map, "timeout", to->spec, "timeout");
	}
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_callees(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		for (size_t i = 0; i < edge->port_count && edge->to != node; i++) {
			base_tree_push(list, callee(model, edge, edge->ports[i]));
		}
	}
	return base_tree_done(list);
}

/* --- Sidecar --- */

struct hosts {
	struct k8s_model *model;
	struct base_tree_build *list;
	struct k8s_index *seen;
};

static void
host_add(struct hosts *hosts, const char *namespace, const char *host,
    const struct base_origin *origin)
{
	const char *text = base_arena_printf(hosts->model->arena, "%s/%s", namespace, host);

	if (k8s_index_get(hosts->seen, text) == NULL) {
		k8s_index_put(hosts->seen, text, hosts);
		k8s_push_str(hosts->model, hosts->list, text, origin);
	}
}

static void
hosts_external(struct hosts *hosts, const struct k8s_edge *edge)
{
	const struct base_tree *names = base_tree_get(edge->to->spec, "hosts");
	const struct k8s_node *gateway = k8s_external_gateway(hosts->model, edge->to);

	for (size_t i = 0; names != NULL && i < names->count; i++) {
		host_add(hosts, edge->to->namespace, names->items[i]->text, edge->origin);
	}
	if (gateway != NULL) {
		host_add(hosts, gateway->namespace,
		    k8s_service_host(hosts->model, gateway->namespace, gateway->name),
		    gateway->origin);
	}
}

static void
hosts_brokers(struct hosts *hosts, const struct k8s_edge *edge)
{
	int64_t brokers = base_tree_int(edge->to->spec, "brokers", 0);

	for (int64_t i = 0; i < brokers; i++) {
		const char *name = base_arena_printf(hosts->model->arena, "%s-%d", edge->to->name,
		    (int)i);

		host_add(hosts, edge->to->namespace,
		    k8s_service_host(hosts->model, edge->to->namespace, name), edge->origin);
	}
}

void
k8s_put_outbound(struct k8s_model *model, struct base_tree_build *map, const char *key,
    const struct k8s_space *space)
{
	const struct base_tree *policies = base_tree_get(model->environment, "policies");

	if (k8s_observes(space)) {
		k8s_put_str(model, map, key, "ALLOW_ANY", space->origin);
	} else {
		k8s_put_same(map, key, policies, "outbound");
	}
}

/* Where a namespace only observes, a call that nobody declared still arrives, and with its
 * caller's identity: so the proxies there know everybody. */
static const struct base_tree *
sidecar_of_all(struct k8s_model *model, const struct k8s_space *space)
{
	struct base_tree_build *map = base_tree_map(model->arena, space->origin);

	base_tree_put(map, "hosts", k8s_everybody(model, space->origin));
	k8s_put_outbound(model, map, "outbound", space);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_sidecar(struct k8s_model *model, const struct k8s_node *node)
{
	const struct k8s_space *space = k8s_model_space(model, node->namespace);
	const struct k8s_nodes *monitoring = &model->graph->nodes[K8S_NODE_MONITORING];
	struct hosts hosts = {model, base_tree_list(model->arena, node->origin),
	    k8s_index_new(model->arena)};
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);

	if (k8s_observes(space)) {
		return sidecar_of_all(model, space);
	}
	host_add(&hosts, model->istio_namespace, "*", model->mesh->origin);
	if (monitoring->count > 0) {
		host_add(&hosts, monitoring->at[0].namespace, "*", monitoring->at[0].origin);
	}
	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		if (edge->to->kind == K8S_NODE_EXTERNAL) {
			hosts_external(&hosts, edge);
			continue;
		}
		for (size_t i = 0; i < edge->port_count; i++) {
			host_add(&hosts, edge->to->namespace,
			    k8s_callee_host(model, edge->to, edge->ports[i]), edge->origin);
		}
		hosts_brokers(&hosts, edge);
	}
	base_tree_put(map, "hosts", base_tree_done(hosts.list));
	k8s_put_outbound(model, map, "outbound", space);
	return base_tree_done(map);
}

/* --- NetworkPolicy --- */

struct peer {
	const char *why;
	const char *namespace; /* NULL: anywhere */
	const struct base_tree *selector;
	const struct base_origin *origin;
	const struct base_tree *ip_blocks; /* without namespace: only there; may be NULL */
};

static void
port_push(struct k8s_model *model, struct base_tree_build *list, int64_t port,
    const char *protocol, const struct base_origin *origin)
{
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_int(model, map, "port", port, origin);
	k8s_put_str(model, map, "protocol", protocol, origin);
	base_tree_push(list, base_tree_done(map));
}

static void
peer_push(struct k8s_model *model, struct base_tree_build *list, const struct peer *peer,
    const struct base_tree *ports)
{
	struct base_tree_build *map = base_tree_map(model->arena, peer->origin);

	k8s_put_str(model, map, "why", peer->why, peer->origin);
	k8s_put_str(model, map, "namespace", peer->namespace, peer->origin);
	base_tree_put(map, "selector", peer->selector);
	base_tree_put(map, "ipBlocks", peer->ip_blocks);
	base_tree_put(map, "ports", ports);
	base_tree_push(list, base_tree_done(map));
}

static const struct base_tree *
label(struct k8s_model *model, const char *key, const char *value,
    const struct base_origin *origin)
{
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, key, value, origin);
	return base_tree_done(map);
}

static const struct base_tree *
selector_of(const struct k8s_node *node)
{
	if (node->kind == K8S_NODE_GATEWAY) {
		return base_tree_get(node->spec, "selector");
	}
	if (node->kind == K8S_NODE_SERVICE || node->kind == K8S_NODE_DATA) {
		return base_tree_at(node->spec, "workload.selector");
	}
	return NULL;
}

static const struct base_tree *
one_port(struct k8s_model *model, int64_t port, const struct base_origin *origin)
{
	struct base_tree_build *list = base_tree_list(model->arena, origin);

	port_push(model, list, port, "TCP", origin);
	return base_tree_done(list);
}

static const struct base_tree *
edge_ports(struct k8s_model *model, const struct k8s_edge *edge)
{
	struct base_tree_build *list = base_tree_list(model->arena, edge->origin);
	bool metrics = false;

	for (size_t i = 0; i < edge->port_count; i++) {
		if (!k8s_edge_has_port_before(edge, i)) {
			port_push(model, list, edge->ports[i]->workload, "TCP", edge->origin);
		}
		metrics |= edge->ports[i]->workload == K8S_AGENT_METRICS_PORT;
	}
	if (metrics) {
		port_push(model, list, PROXY_STATS_PORT, "TCP", edge->origin);
	}
	return base_tree_done(list);
}

/* Pods that were let in or out already: one rule for each is enough. */
static bool
is_again(struct k8s_model *model, struct k8s_index *seen, const struct k8s_node *node)
{
	const char *key = base_arena_printf(model->arena, "%zu", node->number);

	if (k8s_index_get(seen, key) != NULL) {
		return true;
	}
	k8s_index_put(seen, key, seen);
	return false;
}

/* An egress gateway's callers have their edge to the external service; the first leg of it ends
 * here. */
static void
ingress_of_leaving(struct k8s_model *model, const struct k8s_node *node,
    struct base_tree_build *list)
{
	struct k8s_index *seen = k8s_index_new(model->arena);

	for (const struct k8s_edge *out = node->out_first; out != NULL; out = out->next_out) {
		const struct k8s_edge *in = out->why == K8S_WHY_EGRESS ? out->to->in_first : NULL;

		for (; in != NULL; in = in->next_in) {
			struct peer peer = {"egress", in->from->namespace, selector_of(in->from),
			    in->origin, NULL};

			if (in->why == K8S_WHY_DECLARED && !is_again(model, seen, in->from)) {
				peer_push(model, list, &peer,
				    one_port(model, node->ports[0].workload, in->origin));
			}
		}
	}
}

/* Callers without an identity come by their addresses, or, where pods are named, as those pods: what
 * address another pod has is chance. */
static void
ingress_by_address(struct k8s_model *model, const struct k8s_port *port,
    struct base_tree_build *list)
{
	const struct base_tree *callers = base_tree_at(port->spec, "plaintext.callers");

	for (size_t i = 0; callers != NULL && callers->kind == BASE_TREE_LIST && i < callers->count;
	     i++) {
		const struct base_tree *pods = base_tree_get(callers->items[i], "pods");
		struct peer peer = {"plaintext", base_tree_str(pods, "namespace", NULL),
		    base_tree_get(pods, "selector"), callers->items[i]->origin, NULL};

		if (peer.namespace == NULL) {
			peer.ip_blocks = base_tree_get(callers->items[i], "addresses");
		}
		peer_push(model, list, &peer, one_port(model, port->workload, peer.origin));
	}
}

/* Probes need no rule: a policy never cuts off a pod from its own node. */
static const struct base_tree *
ingress(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (const struct k8s_edge *edge = node->in_first; edge != NULL; edge = edge->next_in) {
		struct peer peer = {k8s_why_word(edge->why), edge->from->namespace,
		    selector_of(edge->from), edge->origin, NULL};

		peer_push(model, list, &peer, edge_ports(model, edge));
	}
	ingress_of_leaving(model, node, list);
	for (size_t i = 0; i < node->port_count; i++) {
		ingress_by_address(model, &node->ports[i], list);
	}
	if (node->kind == K8S_NODE_GATEWAY && k8s_is_ingress(node)) {
		struct peer anyone = {"clients", NULL, NULL, node->origin, NULL};
		struct base_tree_build *ports = base_tree_list(model->arena, node->origin);

		port_push(model, ports, 80, "TCP", node->origin);
		port_push(model, ports, 443, "TCP", node->origin);
		port_push(model, ports, HEALTH_PORT, "TCP", node->origin);
		peer_push(model, list, &anyone, base_tree_done(ports));
	}
	return base_tree_done(list);
}

static void
egress_platform(struct k8s_model *model, struct base_tree_build *list)
{
	const struct base_origin *origin = model->mesh->origin;
	const struct base_tree *authority = base_tree_get(model->mesh, "authority");
	struct base_tree_build *dns = base_tree_list(model->arena, origin);
	struct peer peer = {"dns", "kube-system", label(model, "k8s-app", "kube-dns", origin),
	    origin, NULL};

	port_push(model, dns, 53, "UDP", origin);
	port_push(model, dns, 53, "TCP", origin);
	peer_push(model, list, &peer, base_tree_done(dns));
	peer.why = "istiod";
	peer.namespace = model->istio_namespace;
	peer.selector = label(model, "app", "istiod", origin);
	peer_push(model, list, &peer, one_port(model, ISTIOD_XDS_PORT, origin));
	peer.why = "authority";
	peer.namespace = base_tree_str(authority, "namespace", "meshca");
	peer.selector = NULL;
	peer_push(model, list, &peer,
	    one_port(model, base_tree_int(authority, "port", ISTIOD_XDS_PORT), origin));
}

/* The agent in the gateway's pod fetches the firewall's image by itself. */
static void
egress_image(struct k8s_model *model, struct base_tree_build *list, const struct k8s_node *node)
{
	const struct base_tree *waf = base_tree_get(node->spec, "waf");
	struct peer peer = {.why = "waf-image", .ip_blocks = base_tree_get(waf, "imageRanges")};

	if (node->kind == K8S_NODE_GATEWAY && peer.ip_blocks != NULL &&
	    strcmp(base_tree_str(waf, "backend", ""), "coraza-wasm") == 0) {
		peer.origin = peer.ip_blocks->origin;
		peer_push(model, list, &peer, one_port(model, REGISTRY_PORT, peer.origin));
	}
}

/* The pods with which cert-manager answers an issuer's questions (HTTP-01): in the certificate's
 * namespace, which is the gateway's, with a label and a port of cert-manager's own. */
static void
egress_solver(struct k8s_model *model, struct base_tree_build *list, const struct k8s_node *node)
{
	const struct base_tree *certificate = base_tree_get(node->spec, "certificate");
	struct peer peer = {.why = "acme-solver", .namespace = node->namespace};

	if (node->kind == K8S_NODE_GATEWAY &&
	    strcmp(base_tree_str(certificate, "challenge", ""), "http-01") == 0) {
		peer.origin = certificate->origin;
		peer.selector = label(model, "acme.cert-manager.io/http01-solver", "true",
		    peer.origin);
		peer_push(model, list, &peer, one_port(model, SOLVER_PORT, peer.origin));
	}
}

/* To an external service the way leads through its gateway; only the gateway itself leaves. */
static void
egress_edge(struct k8s_model *model, struct base_tree_build *list, const struct k8s_edge *edge,
    struct k8s_index *seen)
{
	struct peer peer = {k8s_why_word(edge->why), edge->to->namespace, selector_of(edge->to),
	    edge->origin, NULL};

	if (edge->to->kind == K8S_NODE_EXTERNAL && edge->why == K8S_WHY_EGRESS) {
		peer.namespace = NULL;
		peer_push(model, list, &peer, edge_ports(model, edge));
	} else if (edge->to->kind == K8S_NODE_EXTERNAL) {
		const struct k8s_node *gateway = k8s_external_gateway(model, edge->to);

		if (gateway != NULL && !is_again(model, seen, gateway)) {
			peer.why = "egress";
			peer.namespace = gateway->namespace;
			peer.selector = selector_of(gateway);
			peer_push(model, list, &peer,
			    one_port(model, gateway->ports[0].workload, edge->origin));
		}
	} else {
		peer_push(model, list, &peer, edge_ports(model, edge));
	}
}

const struct base_tree *
k8s_model_network(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);
	struct base_tree_build *out = base_tree_list(model->arena, node->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	base_tree_put(map, "ingress", ingress(model, node));
	egress_platform(model, out);
	egress_image(model, out, node);
	egress_solver(model, out, node);
	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		egress_edge(model, out, edge, seen);
	}
	base_tree_put(map, "egress", base_tree_done(out));
	return base_tree_done(map);
}
