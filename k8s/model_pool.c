/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools of connections to data services. Each host of one is a server of its own (a primary, the
 * replicas), so callers are added up per host: pool size times most pods at one time. One cluster counts,
 * since each has data services of its own.
 */
#include <inttypes.h>
#include <string.h>

#include "k8s/model_int.h"

static int64_t
pool_size(const struct k8s_edge *edge)
{
	return base_tree_int(base_tree_get(edge->call, "pool"), "size", 0);
}

/* Most pods at one time. A rollout's new pods come beside the old ones, which stay until all is
 * well: at its last step there are twice as many. */
static int64_t
replicas_of(const struct k8s_node *node)
{
	const struct base_tree *rollout = base_tree_get(node->spec, "rollout");
	int64_t most = base_tree_int(base_tree_get(node->spec, "scaling"), "max", 1);

	return rollout != NULL && rollout->kind == BASE_TREE_MAP ? 2 * most : most;
}

static bool
is_caller_of(const struct k8s_edge *edge, const char *host)
{
	return edge->why == K8S_WHY_DECLARED && strcmp(edge->ports[0]->host, host) == 0;
}

/* A destination rule's limit holds in each caller's proxy by itself; and one rule is for all. */
int64_t
k8s_pool_largest(const struct k8s_node *data, const char *host)
{
	int64_t largest = 0;

	for (const struct k8s_edge *in = data->in_first; in != NULL; in = in->next_in) {
		if (is_caller_of(in, host)) {
			if (pool_size(in) == 0) {
				return 0; /* nobody knows what this one needs */
			}
			largest = pool_size(in) > largest ? pool_size(in) : largest;
		}
	}
	return largest;
}

static const struct base_tree *
pool_tree(struct k8s_model *model, const struct k8s_edge *edge)
{
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);

	k8s_put_str(model, map, "caller", edge->from->name, edge->origin);
	k8s_put_str(model, map, "namespace", edge->from->namespace, edge->origin);
	k8s_put_str(model, map, "port", edge->ports[0]->declared, edge->origin);
	k8s_put_int(model, map, "size", pool_size(edge), edge->origin);
	k8s_put_int(model, map, "replicas", replicas_of(edge->from), edge->from->origin);
	k8s_put_int(model, map, "total", pool_size(edge) * replicas_of(edge->from), edge->origin);
	return base_tree_done(map);
}

static const struct base_tree *
pools_tree(struct k8s_model *model, const struct k8s_node *data)
{
	/* Kafka's clients have no pools: they keep a connection to each broker they need. */
	bool wanted = strcmp(base_tree_str(data->spec, "engine", "other"), "kafka") != 0;
	struct base_tree_build *list = base_tree_list(model->arena, data->origin);

	for (const struct k8s_edge *in = data->in_first; in != NULL; in = in->next_in) {
		if (in->why != K8S_WHY_DECLARED) {
			continue;
		}
		if (pool_size(in) > 0) {
			base_tree_push(list, pool_tree(model, in));
		} else if (wanted) {
			k8s_model_find(model, LINT_POOL_MISSING, in->call->origin,
			    "say pool: {size: N} at the call",
			    "%s/%s calls %s/%s without saying how many connections each pod keeps",
			    in->from->namespace, in->from->name, data->namespace, data->name);
		}
	}
	return base_tree_done(list);
}

static int64_t
host_total(const struct k8s_node *data, const char *host)
{
	int64_t total = 0;

	for (const struct k8s_edge *in = data->in_first; in != NULL; in = in->next_in) {
		if (is_caller_of(in, host)) {
			total += pool_size(in) * replicas_of(in->from);
		}
	}
	return total;
}

static void
check_total(struct k8s_model *model, const struct k8s_node *data, const char *host,
    int64_t total, int64_t limit)
{
	const struct base_tree *most = base_tree_get(data->spec, "maxConnections");
	const struct base_origin *origin = most->origin;

	if (total <= limit) {
		return;
	}
	for (const struct k8s_edge *in = data->in_first; in != NULL; in = in->next_in) {
		if (is_caller_of(in, host) && pool_size(in) > 0) {
			origin = k8s_origin_join(model->arena, origin, in->call->origin);
		}
	}
	k8s_model_find(model, LINT_POOLS_LARGE, origin,
	    "make pools or scaling.max smaller, or raise maxConnections",
	    "callers of %s.%s may open %" PRId64 " connections, but it takes %" PRId64
	    " (maxConnections less reservedConnections)",
	    host, data->namespace, total, limit);
}

static const struct base_tree *
total_tree(struct k8s_model *model, const struct k8s_node *data, const char *host, int64_t total)
{
	const struct base_tree *most = base_tree_get(data->spec, "maxConnections");
	int64_t limit = base_tree_int(data->spec, "maxConnections", 0) -
			base_tree_int(data->spec, "reservedConnections", 0);
	struct base_tree_build *map = base_tree_map(model->arena, data->origin);

	k8s_put_str(model, map, "host", k8s_service_host(model, data->namespace, host),
	    data->origin);
	k8s_put_int(model, map, "total", total, data->origin);
	if (most != NULL && base_tree_is_scalar(most)) {
		k8s_put_int(model, map, "limit", limit, most->origin);
		check_total(model, data, host, total, limit);
	}
	return base_tree_done(map);
}

void
k8s_put_pools(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *data)
{
	struct base_tree_build *totals = base_tree_list(model->arena, data->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);
	int64_t largest = 0;

	for (size_t i = 0; i < data->port_count; i++) {
		const char *host = data->ports[i].host;
		int64_t total = host_total(data, host);

		if (k8s_index_get(seen, host) == NULL && total > 0) {
			k8s_index_put(seen, host, totals);
			largest = total > largest ? total : largest;
			base_tree_push(totals, total_tree(model, data, host, total));
		}
	}
	base_tree_put(map, "pools", pools_tree(model, data));
	base_tree_put(map, "poolTotals", base_tree_done(totals));
	k8s_put_int(model, map, "poolTotal", largest, data->origin);
}
