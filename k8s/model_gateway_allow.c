/* SPDX-License-Identifier: Apache-2.0 */
/* Who may pass a gateway: clients to paths of services, callers to external services, and what
 * their addresses forbid. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "k8s/model_int.h"

static const struct base_tree *
ports_text(struct k8s_model *model, int64_t port, const struct base_origin *origin)
{
	struct base_tree_build *list = base_tree_list(model->arena, origin);

	k8s_push_str(model, list, base_arena_printf(model->arena, "%" PRId64, port), origin);
	return base_tree_done(list);
}

int64_t
k8s_gateway_client_port(const struct k8s_node *node)
{
	const struct base_tree *certificate = base_tree_get(node->spec, "certificate");

	return certificate != NULL && certificate->kind == BASE_TREE_MAP ? node->ports[0].workload
									: K8S_GATEWAY_HTTP_PORT;
}

static const char *
to_name(struct k8s_model *model, const struct k8s_node *to)
{
	return base_arena_printf(model->arena, "to-%s-%s", to->namespace, to->name);
}

/* Port 80 only redirects, and answers the issuer of certificates; but a redirect that no rule
 * allows is a refusal. */
static const struct base_tree *
allow_redirect(struct k8s_model *model, const struct k8s_node *node,
    const struct base_tree *all_hosts)
{
	const struct base_tree *certificate = base_tree_get(node->spec, "certificate");
	struct base_tree_build *map;

	if (certificate == NULL || certificate->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, certificate->origin);
	k8s_put_str(model, map, "name", "redirect", certificate->origin);
	base_tree_put(map, "hosts", all_hosts);
	base_tree_put(map, "ports", ports_text(model, K8S_GATEWAY_HTTP_PORT, certificate->origin));
	return base_tree_done(map);
}

static const struct base_tree *
allow_service(struct k8s_model *model, const struct k8s_node *node, const struct k8s_edge *edge,
    const struct base_tree *all_hosts)
{
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

	k8s_put_str(model, map, "name", to_name(model, edge->to), edge->origin);
	k8s_put_str(model, map, "service", edge->to->name, edge->origin);
	base_tree_put(map, "hosts", all_hosts);
	base_tree_put(map, "paths", edge->paths);
	base_tree_put(map, "ports", ports_text(model, k8s_gateway_client_port(node), edge->origin));
	return base_tree_done(map);
}

static const struct base_tree *
callers_principals(struct k8s_model *model, const struct k8s_node *external)
{
	struct base_tree_build *list = base_tree_list(model->arena, external->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	for (const struct k8s_edge *in = external->in_first; in != NULL; in = in->next_in) {
		if (in->why == K8S_WHY_DECLARED &&
		    k8s_index_get(seen, in->from->principal) == NULL) {
			k8s_index_put(seen, in->from->principal, list);
			k8s_push_str(model, list, in->from->principal, in->origin);
		}
	}
	return base_tree_done(list);
}

/* HTTP is told apart by its host, the rest by the server name of the first leg's TLS. */
static const struct base_tree *
allow_external(struct k8s_model *model, const struct k8s_node *node, const struct k8s_edge *edge)
{
	const struct k8s_node *external = edge->to;
	const struct base_tree *hosts =
	    k8s_list_or_empty(model, external->spec, "hosts", external->origin);
	const struct base_tree *principals = callers_principals(model, external);
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

	if (principals->count == 0) {
		return NULL; /* a rule without principals would let everybody out */
	}
	k8s_put_str(model, map, "name", to_name(model, external), edge->origin);
	if (k8s_external_is_http(external)) {
		base_tree_put(map, "hosts", k8s_all_hosts(model, hosts));
	} else {
		base_tree_put(map, "sni", k8s_external_sni(model, external));
	}
	base_tree_put(map, "principals", principals);
	base_tree_put(map, "ports", ports_text(model, node->ports[0].workload, node->origin));
	return base_tree_done(map);
}

const struct base_tree *
k8s_gateway_allow(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *all_hosts = k8s_all_hosts(model,
	    k8s_list_or_empty(model, node->spec, "hosts", node->origin));
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	if (k8s_is_ingress(node)) {
		base_tree_push(list, allow_redirect(model, node, all_hosts));
	}
	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		if (edge->why == K8S_WHY_GATEWAY) {
			base_tree_push(list, allow_service(model, node, edge, all_hosts));
		} else if (edge->why == K8S_WHY_EGRESS) {
			base_tree_push(list, allow_external(model, node, edge));
		}
	}
	return base_tree_done(list);
}

/* --- addresses --- */

struct ip_paths {
	const struct base_tree *paths;
	int64_t port;
};

static const struct base_tree *
ip_rule(struct k8s_model *model, const char *name, const char *key,
    const struct base_tree *addresses, const struct ip_paths *only)
{
	struct base_tree_build *map;

	if (addresses == NULL || addresses->kind != BASE_TREE_LIST || addresses->count == 0) {
		return NULL;
	}
	map = base_tree_map(model->arena, addresses->origin);
	k8s_put_str(model, map, "name", name, addresses->origin);
	k8s_put_str(model, map, "action", "DENY", addresses->origin);
	if (only != NULL) {
		/* A DENY that names paths and no port shuts every port without HTTP. */
		base_tree_put(map, "paths", only->paths);
		base_tree_put(map, "ports", ports_text(model, only->port, addresses->origin));
	}
	base_tree_put(map, key, addresses);
	return base_tree_done(map);
}

/* All of them deny: an ALLOW by address would let in what no service has opened. */
const struct base_tree *
k8s_gateway_ip_rules(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *ranges = base_tree_get(node->spec, "clientRanges");
	const struct base_tree *admin = base_tree_get(ranges, "admin");
	struct ip_paths paths = {base_tree_get(admin, "paths"), k8s_gateway_client_port(node)};
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	base_tree_push(list,
	    ip_rule(model, "denied-clients", "remoteIpBlocks", base_tree_get(ranges, "deny"), NULL));
	base_tree_push(list,
	    ip_rule(model, "other-clients", "notRemoteIpBlocks", base_tree_get(ranges, "allow"),
		NULL));
	base_tree_push(list,
	    ip_rule(model, "admin", "notRemoteIpBlocks", base_tree_get(admin, "allow"),
		&paths));
	return base_tree_done(list);
}

/* --- paths --- */

struct claim {
	const struct base_tree *path;
	const struct k8s_node *service;
	const char *literal; /* what stands before the first wildcard */
	size_t order;
};

static int
by_literal(const void *a, const void *b)
{
	const struct claim *x = a;
	const struct claim *y = b;
	int order = strcmp(x->literal, y->literal);

	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static size_t
claims_read(struct k8s_model *model, const struct k8s_node *node, struct claim **out)
{
	size_t count = 0;
	size_t max = 0;

	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		max += edge->why == K8S_WHY_GATEWAY ? edge->paths->count : 0;
	}
	*out = base_arena_calloc(model->arena, max, sizeof(**out));
	for (const struct k8s_edge *edge = node->out_first; edge != NULL; edge = edge->next_out) {
		for (size_t i = 0; edge->why == K8S_WHY_GATEWAY && i < edge->paths->count; i++) {
			const struct base_tree *path = edge->paths->items[i];
			struct claim *claim = &(*out)[count];

			claim->path = path;
			claim->service = edge->to;
			claim->literal = base_arena_strndup(model->arena, path->text,
			    strcspn(path->text, "*{"));
			claim->order = count++;
		}
	}
	return count;
}

static void
claims_compare(struct k8s_model *model, const struct claim *before, const struct claim *claim)
{
	if (before->service == claim->service ||
	    (!k8s_path_covers(before->path->text, claim->path->text) &&
		!k8s_path_covers(claim->path->text, before->path->text))) {
		return;
	}
	k8s_model_find(model, LINT_PATH_TWICE,
	    k8s_origin_join(model->arena, claim->path->origin, before->path->origin),
	    "give each its own paths",
	    "%s/%s claims %s and %s/%s claims %s: which of them gets a request depends on when "
	    "their routes were made",
	    before->service->namespace, before->service->name, before->path->text,
	    claim->service->namespace, claim->service->name, claim->path->text);
}

/* In the order of literals, all that could cover a path are those whose literal it begins with:
 * a stack holds them, so a thousand services are not held against each other one by one. */
void
k8s_gateway_check_paths(struct k8s_model *model, const struct k8s_node *node)
{
	struct claim *claims;
	size_t count = claims_read(model, node, &claims);
	size_t *open = base_arena_calloc(model->arena, count, sizeof(*open));
	size_t depth = 0;

	qsort(claims, count, sizeof(*claims), by_literal);
	for (size_t i = 0; i < count; i++) {
		while (depth > 0 && strncmp(claims[i].literal, claims[open[depth - 1]].literal,
					strlen(claims[open[depth - 1]].literal)) != 0) {
			depth--;
		}
		for (size_t j = 0; j < depth; j++) {
			claims_compare(model, &claims[open[j]], &claims[i]);
		}
		open[depth++] = i;
	}
}
