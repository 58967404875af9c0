/* SPDX-License-Identifier: Apache-2.0 */
/* What services and data services have in common. */
#include <inttypes.h>
#include <string.h>

#include "k8s/model_int.h"

void
k8s_put_applies(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	const struct k8s_space *space = k8s_model_space(model, node->namespace);
	bool observe = k8s_observes(space);

	k8s_put_bool(model, map, "enforce", !observe, space->origin);
	k8s_put_bool(model, map, "observe", observe, space->origin);
	k8s_put_str(model, map, "mtls", space->mtls, space->origin);
}

void
k8s_put_workload(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	const struct base_tree *spec = node->spec;
	const struct base_tree *workload = base_tree_get(spec, "workload");
	const struct base_origin *at = workload == NULL ? node->origin : workload->origin;
	struct base_tree_build *pods = base_tree_map(model->arena, at);

	k8s_put_str(model, map, "name", node->name, node->origin);
	k8s_put_str(model, map, "namespace", node->namespace, node->origin);
	k8s_put_str(model, map, "host", k8s_service_host(model, node->namespace, node->name),
	    node->origin);
	k8s_put_same(map, "owner", spec, "owner");
	k8s_put_same(map, "onCall", spec, "onCall");
	k8s_put_str(model, map, "class", node->pci ? "pci" : "standard",
	    base_tree_get(spec, "class") == NULL ? node->origin
						 : base_tree_get(spec, "class")->origin);
	k8s_put_flag(model, map, "pci", node->pci, node->origin);
	k8s_put_identity(model, map, node);
	k8s_put_same(map, "selector", workload, "selector");
	k8s_put_str(model, pods, "kind", base_tree_str(workload, "kind", "Deployment"), at);
	k8s_put_str(model, pods, "name", base_tree_str(workload, "name", node->name), at);
	base_tree_put(map, "workload", base_tree_done(pods));
	k8s_put_flag(model, map, "generate",
	    strcmp(base_tree_str(spec, "service", "generated"), "existing") != 0, node->origin);
	k8s_put_applies(model, map, node);
}

void
k8s_put_tuning(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	static const char *const SAME[] = {"proxy", "probes", "resources", "scaling",
	    "objectives"};
	const struct base_tree *redact =
	    base_tree_get(base_tree_get(node->spec, "logging"), "redact");
	const struct base_origin *at = redact == NULL ? node->origin : redact->origin;
	struct base_tree_build *telemetry = base_tree_map(model->arena, at);

	base_tree_put(telemetry, "redact",
	    redact == NULL ? base_tree_done(base_tree_list(model->arena, at)) : redact);
	k8s_put_flag(model, telemetry, "noQuery", k8s_list_has(redact, "query"), at);
	k8s_put_flag(model, telemetry, "noAuthorization", k8s_list_has(redact, "authorization"), at);
	base_tree_put(map, "telemetry", base_tree_done(telemetry));
	for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
		k8s_put_same(map, SAME[i], node->spec, SAME[i]);
	}
}

const struct base_tree *
k8s_model_port(struct k8s_model *model, const struct k8s_port *port)
{
	const struct base_origin *at = port->spec->origin;
	struct base_tree_build *map = base_tree_map(model->arena, at);

	k8s_put_str(model, map, "name", port->name, at);
	k8s_put_str(model, map, "declared", port->declared, at);
	k8s_put_str(model, map, "protocol", port->protocol, at);
	k8s_put_str(model, map, "appProtocol", port->protocol, at);
	k8s_put_int(model, map, "port", port->port, at);
	k8s_put_int(model, map, "workloadPort", port->workload, at);
	k8s_put_flag(model, map, "http", port->http, at);
	k8s_put_flag(model, map, "tcp", !port->http, at);
	k8s_put_flag(model, map, "grpc", port->grpc, at);
	k8s_put_flag(model, map, "peer", port->peer, at);
	k8s_put_flag(model, map, "monitoring", port->monitoring, at);
	k8s_put_same(map, "plaintext", port->spec, "plaintext");
	return base_tree_done(map);
}

bool
k8s_edge_has_port_before(const struct k8s_edge *edge, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (edge->ports[i]->workload == edge->ports[at]->workload) {
			return true;
		}
	}
	return false;
}

/* A rule sees only the workload's port, so whoever may use one of such names may use all. */
static void
check_shared(struct k8s_model *model, const struct k8s_node *node, size_t at)
{
	const struct k8s_port *port = &node->ports[at];

	for (size_t i = 0; i < at; i++) {
		if (node->ports[i].workload == port->workload) {
			k8s_model_find(model, LINT_PORT_SHARED,
			    k8s_origin_join(model->arena, port->spec->origin,
				node->ports[i].spec->origin),
			    "give it a targetPort of its own where callers must be kept apart",
			    "%s and %s of %s/%s are both port %" PRId64
			    " of its pods: whoever may use one may use both",
			    node->ports[i].declared, port->declared, node->namespace, node->name,
			    port->workload);
			return;
		}
	}
}

const struct base_tree *
k8s_model_ports(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (size_t i = 0; i < node->port_count; i++) {
		check_shared(model, node, i);
		base_tree_push(list, k8s_model_port(model, &node->ports[i]));
	}
	return base_tree_done(list);
}

/* Names that share a workload port have one mode, and the first one's reason. */
static bool
is_plaintext_before(const struct k8s_node *node, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (node->ports[i].workload == node->ports[at].workload &&
		    base_tree_get(node->ports[i].spec, "plaintext") != NULL) {
			return true;
		}
	}
	return false;
}

/* portLevelMtls wants workload ports, and a policy with a selector (its CEL says so). */
void
k8s_put_port_mtls(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);
	struct base_tree_build *levels = base_tree_map(model->arena, node->origin);
	bool any = false;

	for (size_t i = 0; i < node->port_count; i++) {
		const struct base_tree *plain = base_tree_get(node->ports[i].spec, "plaintext");
		struct base_tree_build *item, *mode;

		if (plain == NULL || plain->kind != BASE_TREE_MAP) {
			continue;
		}
		k8s_model_check_plaintext(model, node, &node->ports[i]);
		if (is_plaintext_before(node, i)) {
			continue;
		}
		any = true;
		item = base_tree_map(model->arena, plain->origin);
		k8s_put_int(model, item, "port", node->ports[i].workload, plain->origin);
		k8s_put_str(model, item, "mode", "PERMISSIVE", plain->origin);
		k8s_put_same(item, "reason", plain, "reason");
		base_tree_push(list, base_tree_done(item));
		mode = base_tree_map(model->arena, plain->origin);
		k8s_put_str(model, mode, "mode", "PERMISSIVE", plain->origin);
		base_tree_put(levels,
		    base_arena_printf(model->arena, "%" PRId64, node->ports[i].workload),
		    base_tree_done(mode));
	}
	if (any) {
		base_tree_put(map, "portMtls", base_tree_done(list));
		base_tree_put(map, "portLevelMtls", base_tree_done(levels));
	}
}

const char *
k8s_callee_host(struct k8s_model *model, const struct k8s_node *to, const struct k8s_port *port)
{
	if (to->kind == K8S_NODE_EXTERNAL) {
		const struct base_tree *hosts = base_tree_get(to->spec, "hosts");

		return hosts == NULL || hosts->count == 0 ? to->name : hosts->items[0]->text;
	}
	return k8s_service_host(model, to->namespace,
	    port == NULL || port->host == NULL ? to->name : port->host);
}

int64_t
k8s_external_timeout_ms(struct k8s_model *model, const struct k8s_node *external)
{
	(void)model;
	return k8s_duration_ms(base_tree_str(external->spec, "timeout", NULL));
}
