/* SPDX-License-Identifier: Apache-2.0 */
/*
 * External services: what their callers see, what the egress gateway sees, and the two legs
 * between. A caller reaches the gateway over mutual TLS; the gateway reaches the host, and makes
 * the TLS connection itself when it may, so that routes, timeouts and logs work there.
 */
#include <string.h>

#include "k8s/model_int.h"

#define PORT_HTTP 80 /* what an application dials when the gateway makes the TLS connection */

/* One external service on its way. */
struct external {
	const struct k8s_node *node;
	const struct k8s_node *gateway; /* NULL: none, which is a finding of the graph */
	const char *protocol;
	const char *layer;
	bool originate;
	int64_t port;
	int64_t application_port;
};

static const char *
layer_of(const char *protocol, bool originate)
{
	if (originate || strcmp(protocol, "http") == 0) {
		return "http";
	}
	return strcmp(protocol, "tcp") == 0 ? "tcp" : "tls";
}

static bool
originates(const struct k8s_node *node)
{
	/* Only HTTP says where one request ends, so only there the gateway can take over. */
	return strcmp(node->ports[0].protocol, "https") == 0 &&
	       base_tree_bool(base_tree_get(node->spec, "tls"), "originate", true);
}

bool
k8s_external_is_http(const struct k8s_node *external)
{
	return strcmp(layer_of(external->ports[0].protocol, originates(external)), "http") == 0;
}

static struct external
external_of(struct k8s_model *model, const struct k8s_node *node)
{
	struct external out = {.node = node, .gateway = k8s_external_gateway(model, node)};

	out.protocol = node->ports[0].protocol;
	out.originate = originates(node);
	out.layer = layer_of(out.protocol, out.originate);
	out.port = node->ports[0].port;
	out.application_port = out.originate ? PORT_HTTP : out.port;
	return out;
}

static const struct base_origin *
tls_origin(const struct external *external)
{
	const struct base_tree *tls = base_tree_get(external->node->spec, "tls");

	return tls == NULL ? external->node->origin : tls->origin;
}

/* The name asked for at this host; an inventory's own word holds for all hosts. */
static const struct base_tree *
sni_of(const struct external *external, const struct base_tree *host)
{
	const struct base_tree *own =
	    base_tree_get(base_tree_get(external->node->spec, "tls"), "sni");

	return own != NULL && base_tree_is_scalar(own) ? own : host;
}

/* By which the gateway tells its servers apart: always the host. What the host itself is asked for
 * (tls.sni) is of the second leg only. */
const struct base_tree *
k8s_external_sni(struct k8s_model *model, const struct k8s_node *external)
{
	const struct base_tree *hosts =
	    k8s_list_or_empty(model, external->spec, "hosts", external->origin);
	struct base_tree_build *list = base_tree_list(model->arena, hosts->origin);

	if (hosts->count > 0) {
		base_tree_push(list, hosts->items[0]);
	}
	return base_tree_done(list);
}

/* Without names of its own a certificate must have the host's: a proxy that is told no name
 * takes every certificate of every public authority. */
static const struct base_tree *
names_of(struct k8s_model *model, const struct external *external, const struct base_tree *host)
{
	const struct base_tree *own =
	    base_tree_get(base_tree_get(external->node->spec, "tls"), "subjectAltNames");
	struct base_tree_build *list;

	if (own != NULL && own->kind == BASE_TREE_LIST && own->count > 0) {
		return own;
	}
	list = base_tree_list(model->arena, host->origin);
	base_tree_push(list, host);
	return base_tree_done(list);
}

static const struct base_tree *
hosts_tree(struct k8s_model *model, const struct external *external,
    const struct base_tree *addresses)
{
	const struct base_origin *port = external->node->ports[0].spec == NULL
					     ? external->node->origin
					     : external->node->ports[0].spec->origin;
	struct base_tree_build *list = base_tree_list(model->arena, addresses->origin);

	for (size_t i = 0; i < addresses->count; i++) {
		struct base_tree_build *map =
		    base_tree_map(model->arena, addresses->items[i]->origin);

		base_tree_put(map, "host", addresses->items[i]);
		k8s_put_int(model, map, "port", external->port, port);
		base_tree_put(map, "sni", sni_of(external, addresses->items[i]));
		base_tree_put(map, "subjectAltNames",
		    names_of(model, external, addresses->items[i]));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

static const struct base_tree *
tls_tree(struct k8s_model *model, const struct external *external,
    const struct base_tree *addresses)
{
	const struct base_tree *tls = base_tree_get(external->node->spec, "tls");
	struct base_tree_build *map = base_tree_map(model->arena, tls_origin(external));

	k8s_put_flag(model, map, "originate", external->originate, tls_origin(external));
	if (addresses->count > 0) {
		base_tree_put(map, "sni", sni_of(external, addresses->items[0]));
		base_tree_put(map, "subjectAltNames",
		    names_of(model, external, addresses->items[0]));
	}
	k8s_put_same(map, "minVersion", tls, "minVersion");
	k8s_put_same(map, "caSecret", tls, "caSecret");
	return base_tree_done(map);
}

static const struct base_tree *
ports_tree(struct k8s_model *model, const struct external *external, int64_t number,
    const char *protocol)
{
	static const struct {
		const char *layer, *name;
	} NAMES[] = {{"HTTP", "http"}, {"HTTPS", "https"}, {"TLS", "tls"}, {"TCP", "tcp"}};
	const struct base_origin *origin = external->node->origin;
	struct base_tree_build *list = base_tree_list(model->arena, origin);
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_int(model, map, "number", number, origin);
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		if (strcmp(NAMES[i].layer, protocol) == 0) {
			k8s_put_str(model, map, "name", NAMES[i].name, origin);
		}
	}
	k8s_put_str(model, map, "protocol", protocol, origin);
	base_tree_push(list, base_tree_done(map));
	return base_tree_done(list);
}

/* The word of a ServiceEntry's port for what passes there. */
static const char *
application_protocol(const struct external *external)
{
	if (strcmp(external->layer, "http") == 0) {
		return "HTTP";
	}
	return strcmp(external->layer, "tls") == 0 ? "TLS" : "TCP";
}

static const char *
gateway_protocol(const struct external *external)
{
	return external->originate ? "HTTPS" : application_protocol(external);
}

/* Its own namespace, and those of callers elsewhere: nobody else sees the host. */
static const struct base_tree *
export_to(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	k8s_push_str(model, list, ".", node->origin);
	for (const struct k8s_edge *in = node->in_first; in != NULL; in = in->next_in) {
		const char *namespace = in->from->namespace;

		if (in->why == K8S_WHY_DECLARED && strcmp(namespace, node->namespace) != 0 &&
		    k8s_index_get(seen, namespace) == NULL) {
			k8s_index_put(seen, namespace, list);
			k8s_push_str(model, list, namespace, in->origin);
		}
	}
	return base_tree_done(list);
}

static const struct base_tree *
callers_tree(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (const struct k8s_edge *in = node->in_first; in != NULL; in = in->next_in) {
		if (in->why == K8S_WHY_DECLARED) {
			base_tree_push(list, k8s_caller(model, in->from, in->origin));
		}
	}
	return base_tree_done(list);
}

/* Names of subsets and routes of several external services meet in the gateway's namespace. */
static const char *
subset_name(struct k8s_model *model, const struct k8s_node *node)
{
	return base_arena_printf(model->arena, "%s-%s", node->namespace, node->name);
}

static const struct base_tree *
gateway_tree(struct k8s_model *model, const struct external *external)
{
	const struct k8s_node *gateway = external->gateway;
	const struct base_origin *origin =
	    k8s_origin_join(model->arena, external->node->origin, gateway->origin);
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "name", gateway->name, gateway->origin);
	k8s_put_str(model, map, "namespace", gateway->namespace, gateway->origin);
	k8s_put_str(model, map, "ref",
	    base_arena_printf(model->arena, "%s/%s", gateway->namespace, gateway->name),
	    gateway->origin);
	k8s_put_str(model, map, "host",
	    k8s_service_host(model, gateway->namespace, gateway->name), gateway->origin);
	k8s_put_identity(model, map, gateway);
	k8s_put_same(map, "selector", gateway->spec, "selector");
	k8s_put_int(model, map, "port", gateway->ports[0].port, gateway->origin);
	k8s_put_str(model, map, "subset", subset_name(model, external->node), origin);
	base_tree_put(map, "sni", k8s_external_sni(model, external->node)->items[0]);
	return base_tree_done(map);
}

/* The destination of the first leg: from the caller's proxy to the gateway. */
static const struct base_tree *
to_gateway(struct k8s_model *model, const struct external *external)
{
	const struct k8s_node *gateway = external->gateway;
	struct base_tree_build *map = base_tree_map(model->arena, gateway->origin);
	struct base_tree_build *port = base_tree_map(model->arena, gateway->origin);

	k8s_put_str(model, map, "host",
	    k8s_service_host(model, gateway->namespace, gateway->name), gateway->origin);
	k8s_put_str(model, map, "subset", subset_name(model, external->node), gateway->origin);
	k8s_put_int(model, port, "number", gateway->ports[0].port, gateway->origin);
	base_tree_put(map, "port", base_tree_done(port));
	return base_tree_done(map);
}

static const struct base_tree *
policy_tree(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *pool = base_tree_get(node->spec, "pool");
	const struct base_tree *requests = base_tree_get(node->spec, "requestsPerConnection");
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);
	struct base_tree_build *pools, *http;

	if (requests == NULL || requests->kind == BASE_TREE_NULL) {
		base_tree_put(map, "connectionPool", k8s_model_pool(model, pool, node->origin));
		return base_tree_done(map);
	}
	pools = base_tree_map(model->arena, node->origin);
	http = base_tree_map(model->arena, requests->origin);
	pool = k8s_model_pool(model, pool, node->origin);
	k8s_put_same(http, "http1MaxPendingRequests", base_tree_get(pool, "http"),
	    "http1MaxPendingRequests");
	k8s_put_same(http, "http2MaxRequests", base_tree_get(pool, "http"), "http2MaxRequests");
	k8s_put_same(http, "idleTimeout", base_tree_get(pool, "http"), "idleTimeout");
	base_tree_put(http, "maxRequestsPerConnection", requests);
	base_tree_put(pools, "tcp", base_tree_get(pool, "tcp"));
	base_tree_put(pools, "http", base_tree_done(http));
	base_tree_put(map, "connectionPool", base_tree_done(pools));
	return base_tree_done(map);
}

static bool
any_pci(const struct k8s_node *node)
{
	for (const struct k8s_edge *in = node->in_first; in != NULL; in = in->next_in) {
		if (in->from->pci) {
			return true;
		}
	}
	return false;
}

/* Outcomes after which the host may have done what it was asked. */
static bool
is_too_late(const struct base_tree *retries)
{
	static const char *const LATE[] = {"5xx", "gateway-error", "reset", "retriable-4xx",
	    "cancelled", "deadline-exceeded", "internal"};
	static const char *const CODES[] = {"408", "500", "502", "504"};
	const struct base_tree *on = base_tree_get(retries, "retryOn");
	const struct base_tree *codes = base_tree_get(retries, "statusCodes");
	bool late = false;

	for (size_t i = 0; i < sizeof(LATE) / sizeof(LATE[0]); i++) {
		late = late || k8s_list_has(on, LATE[i]);
	}
	for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++) {
		late = late || k8s_list_has(codes, CODES[i]);
	}
	return late;
}

/* Retries at the gateway are of every method, so they are held against what a host may have done. */
static const struct base_tree *
external_retries(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *retries = base_tree_get(node->spec, "retries");

	if (base_tree_int(retries, "attempts", 0) == 0) {
		return k8s_model_retries(model, retries, node->origin);
	}
	if (any_pci(node)) {
		k8s_model_find(model, LINT_RETRY_PCI, retries->origin, "leave retries out",
		    "%s is called by a service of class pci and has retries", node->name);
		return k8s_model_retries(model, NULL, retries->origin);
	}
	if (!base_tree_bool(node->spec, "idempotent", false) && is_too_late(retries)) {
		k8s_model_find(model, LINT_RETRY_UNSAFE, retries->origin,
		    "retry only what did not arrive (connect-failure, refused-stream, 429, 503), or "
		    "write idempotent: true if it is",
		    "requests to %s are retried when they may have been done", node->name);
	}
	return k8s_model_retries(model, retries, node->origin);
}

static void
put_legs(struct k8s_model *model, struct base_tree_build *map, const struct external *external)
{
	base_tree_put(map, "applicationPorts",
	    ports_tree(model, external, external->application_port,
		application_protocol(external)));
	base_tree_put(map, "ports",
	    ports_tree(model, external, external->port, gateway_protocol(external)));
	k8s_put_int(model, map, "applicationPort", external->application_port,
	    external->node->origin);
	if (external->gateway != NULL) {
		base_tree_put(map, "gateway", gateway_tree(model, external));
		base_tree_put(map, "toGateway", to_gateway(model, external));
	}
}

static const struct base_tree *
external_tree(struct k8s_model *model, const struct k8s_node *node)
{
	struct external external = external_of(model, node);
	const struct base_tree *addresses =
	    k8s_list_or_empty(model, node->spec, "hosts", node->origin);
	const struct base_origin *origin = node->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "name", node->name, origin);
	k8s_put_str(model, map, "namespace", node->namespace, origin);
	k8s_put_same(map, "owner", node->spec, "owner");
	k8s_put_str(model, map, "protocol", external.protocol, origin);
	base_tree_put(map, "hosts", hosts_tree(model, &external, addresses));
	base_tree_put(map, "addresses", addresses);
	k8s_put_str(model, map, "layer", external.layer, origin);
	base_tree_put(map, "exportTo", export_to(model, node));
	put_legs(model, map, &external);
	base_tree_put(map, "tls", tls_tree(model, &external, addresses));
	base_tree_put(map, "callers", callers_tree(model, node));
	k8s_put_same(map, "timeout", node->spec, "timeout");
	base_tree_put(map, "retries", external_retries(model, node));
	base_tree_put(map, "policy", policy_tree(model, node));
	k8s_put_flag(model, map, "pci", any_pci(node), origin);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_externals(struct k8s_model *model)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[K8S_NODE_EXTERNAL];
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (size_t i = 0; i < nodes->count; i++) {
		base_tree_push(list, external_tree(model, &nodes->at[i]));
	}
	return base_tree_done(list);
}
