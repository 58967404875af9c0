/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data services: their hosts, what a proxy must never do to their connections, and who is who
 * inside. The pools of callers are reckoned in model_pool.c.
 */
#include <string.h>

#include "k8s/model_int.h"

#define IDLE_MARGIN_MS INT64_C(300000) /* above the pools' lifetime: clocks and slow closers */

static const struct base_tree *
keepalive(struct k8s_model *model, const struct k8s_node *node)
{
	static const char *const SAME[] = {"time", "interval", "probes"};
	const struct base_tree *spec = base_tree_get(node->spec, "keepalive");
	struct base_tree_build *map;

	if (spec == NULL || spec->kind != BASE_TREE_MAP) {
		return NULL;
	}
	map = base_tree_map(model->arena, spec->origin);
	for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
		k8s_put_same(map, SAME[i], spec, SAME[i]);
	}
	return base_tree_done(map);
}

/* The inventory's own word, or more than any pool keeps a connection; Istio's hour is less. */
static const struct base_tree *
idle_timeout(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *own = base_tree_get(node->spec, "idleTimeout");
	const struct base_tree *lifetime = base_tree_get(node->spec, "poolMaxLifetime");
	int64_t own_ms = k8s_duration_ms(base_tree_str(node->spec, "idleTimeout", NULL));
	int64_t lifetime_ms = k8s_duration_ms(base_tree_str(node->spec, "poolMaxLifetime", NULL));

	if (own_ms < 0) {
		return lifetime_ms < 0 ? NULL
				       : base_tree_string(model->arena,
					     k8s_duration_text(model->arena,
						 lifetime_ms + IDLE_MARGIN_MS),
					     lifetime->origin);
	}
	return own;
}

static void
check_idle(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *own = base_tree_get(node->spec, "idleTimeout");
	const struct base_tree *lifetime = base_tree_get(node->spec, "poolMaxLifetime");
	int64_t own_ms = k8s_duration_ms(base_tree_str(node->spec, "idleTimeout", NULL));
	int64_t lifetime_ms = k8s_duration_ms(base_tree_str(node->spec, "poolMaxLifetime", NULL));

	if (own_ms > 0 && own_ms <= lifetime_ms) {
		k8s_model_find(model, LINT_IDLE_SHORT,
		    k8s_origin_join(model->arena, own->origin, lifetime->origin),
		    "leave idleTimeout out, or put it above poolMaxLifetime",
		    "proxies close connections to %s/%s after %s of silence, but pools keep them %s",
		    node->namespace, node->name, own->text, lifetime->text);
	}
}

/* A primary is alone: an outlier detection that ejects it ejects the database. */
static bool
may_eject(const char *role)
{
	return role != NULL && strcmp(role, "replica") == 0;
}

static const struct base_tree *
host_policy(struct k8s_model *model, const struct k8s_node *node, const char *host,
    const char *role)
{
	int64_t largest = k8s_pool_largest(node, host);
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);
	struct base_tree_build *pool = base_tree_map(model->arena, node->origin);
	struct base_tree_build *tcp = base_tree_map(model->arena, node->origin);

	if (largest > 0) {
		k8s_put_int(model, tcp, "maxConnections", largest, node->origin);
	}
	k8s_put_same(tcp, "connectTimeout", node->spec, "connectTimeout");
	base_tree_put(tcp, "tcpKeepalive", keepalive(model, node));
	base_tree_put(tcp, "idleTimeout", idle_timeout(model, node));
	base_tree_put(pool, "tcp", base_tree_done(tcp));
	base_tree_put(map, "connectionPool", base_tree_done(pool));
	if (may_eject(role)) {
		base_tree_put(map, "outlierDetection",
		    k8s_model_outlier(model, base_tree_get(node->spec, "breaker")));
	}
	return base_tree_done(map);
}

/* One Kubernetes Service, with every port that says it has. */
static const struct base_tree *
host_tree(struct k8s_model *model, const struct k8s_node *node, const char *host)
{
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);
	struct base_tree_build *ports = base_tree_list(model->arena, node->origin);
	const char *role = NULL;

	for (size_t i = 0; i < node->port_count; i++) {
		if (strcmp(node->ports[i].host, host) == 0) {
			role = role == NULL ? node->ports[i].role : role;
			base_tree_push(ports, k8s_model_port(model, &node->ports[i]));
		}
	}
	k8s_put_str(model, map, "host", k8s_service_host(model, node->namespace, host),
	    node->origin);
	k8s_put_str(model, map, "name", host, node->origin);
	k8s_put_str(model, map, "role", role, node->origin);
	base_tree_put(map, "ports", base_tree_done(ports));
	base_tree_put(map, "policy", host_policy(model, node, host, role));
	return base_tree_done(map);
}

static const struct base_tree *
hosts_tree(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	for (size_t i = 0; i < node->port_count; i++) {
		const char *host = node->ports[i].host;

		if (k8s_index_get(seen, host) == NULL) {
			k8s_index_put(seen, host, list);
			base_tree_push(list, host_tree(model, node, host));
		}
	}
	return base_tree_done(list);
}

/* Clients of Kafka are told names of single brokers, so each has a Service of its own. */
static const struct base_tree *
brokers_tree(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *count = base_tree_get(node->spec, "brokers");
	const struct base_origin *origin = count == NULL ? node->origin : count->origin;
	const char *pods = base_tree_str(base_tree_get(node->spec, "workload"), "name", node->name);
	struct base_tree_build *list = base_tree_list(model->arena, origin);

	for (int64_t i = 0; i < base_tree_int(node->spec, "brokers", 0); i++) {
		const char *name = base_arena_printf(model->arena, "%s-%d", node->name, (int)i);
		struct base_tree_build *map = base_tree_map(model->arena, origin);

		k8s_put_str(model, map, "name", name, origin);
		k8s_put_str(model, map, "host", k8s_service_host(model, node->namespace, name),
		    origin);
		k8s_put_int(model, map, "ordinal", i, origin);
		k8s_put_str(model, map, "podName",
		    base_arena_printf(model->arena, "%s-%d", pods, (int)i), origin);
		base_tree_put(map, "policy", host_policy(model, node, node->name, NULL));
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

/* --- accounts --- */

static const struct k8s_node *
account_of(const struct k8s_model *model, enum k8s_node_kind kind, const struct k8s_node *data)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[kind];

	for (size_t i = 0; i < nodes->count; i++) {
		if (nodes->at[i].of == data) {
			return &nodes->at[i];
		}
	}
	return NULL;
}

static const struct base_tree *
backup_tree(struct k8s_model *model, const struct k8s_node *data)
{
	const struct k8s_node *node = account_of(model, K8S_NODE_BACKUP, data);
	struct base_tree_build *map;

	if (node == NULL || node->out_first == NULL) {
		return NULL;
	}
	map = base_tree_map(model->arena, node->origin);
	k8s_put_str(model, map, "serviceAccount", node->account, node->origin);
	k8s_put_str(model, map, "principal", node->principal, node->origin);
	k8s_put_int(model, map, "port", node->out_first->ports[0]->port, node->origin);
	k8s_put_int(model, map, "workloadPort", node->out_first->ports[0]->workload, node->origin);
	return base_tree_done(map);
}

static const struct base_tree *
operator_tree(struct k8s_model *model, const struct k8s_node *data)
{
	const struct k8s_node *node = account_of(model, K8S_NODE_OPERATOR, data);
	struct base_tree_build *map;

	if (node == NULL) {
		return NULL;
	}
	map = base_tree_map(model->arena, node->origin);
	k8s_put_str(model, map, "namespace", node->namespace, node->origin);
	k8s_put_str(model, map, "serviceAccount", node->account, node->origin);
	k8s_put_str(model, map, "principal", node->principal, node->origin);
	k8s_put_same(map, "kind", node->spec, "kind");
	return base_tree_done(map);
}

/* --- topics --- */

static bool
has_topic(const struct k8s_node *data, const char *name)
{
	const struct base_tree *topics = base_tree_get(data->spec, "topics");

	for (size_t i = 0; topics != NULL && i < topics->count; i++) {
		if (strcmp(base_tree_str(topics->items[i], "name", ""), name) == 0) {
			return true;
		}
	}
	return false;
}

static const struct base_tree *
acl_tree(struct k8s_model *model, const struct k8s_edge *edge, const struct base_tree *topic)
{
	const char *name = base_tree_str(topic, "name", "");
	struct base_tree_build *map;

	if (!has_topic(edge->to, name)) {
		k8s_model_find(model, LINT_TOPIC_UNKNOWN, topic->origin,
		    "declare it in topics of the DataService, or correct the name",
		    "%s/%s has no topic named %s", edge->to->namespace, edge->to->name, name);
		return NULL;
	}
	map = base_tree_map(model->arena, topic->origin);
	k8s_put_same(map, "topic", topic, "name");
	k8s_put_same(map, "access", topic, "access");
	k8s_put_same(map, "group", topic, "group");
	return base_tree_done(map);
}

/* Its name there says the namespace too: rights of one must not fall to a namesake. */
static const struct base_tree *
user_tree(struct k8s_model *model, const struct k8s_edge *edge, const struct base_tree *topics)
{
	const struct k8s_node *caller = edge->from;
	struct base_tree_build *map = base_tree_map(model->arena, edge->origin);
	struct base_tree_build *acls = base_tree_list(model->arena, topics->origin);

	for (size_t i = 0; i < topics->count; i++) {
		base_tree_push(acls, acl_tree(model, edge, topics->items[i]));
	}
	k8s_put_str(model, map, "name",
	    base_arena_printf(model->arena, "%s.%s", caller->namespace, caller->name),
	    edge->origin);
	k8s_put_str(model, map, "serviceAccount", caller->account, caller->origin);
	k8s_put_str(model, map, "namespace", caller->namespace, caller->origin);
	k8s_put_str(model, map, "principal", caller->principal, caller->origin);
	base_tree_put(map, "acls", base_tree_done(acls));
	return base_tree_done(map);
}

static void
put_users(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *data)
{
	bool anonymous = strcmp(base_tree_str(data->spec, "authentication", "none"), "none") == 0;
	struct base_tree_build *list = base_tree_list(model->arena, data->origin);
	bool any = false;

	for (const struct k8s_edge *in = data->in_first; in != NULL; in = in->next_in) {
		const struct base_tree *topics = base_tree_get(in->call, "topics");

		if (topics == NULL || topics->kind != BASE_TREE_LIST || topics->count == 0) {
			continue;
		}
		if (anonymous) {
			k8s_model_find(model, LINT_TOPIC_ANONYMOUS, topics->origin,
			    "set authentication of the DataService",
			    "%s/%s asks nobody who they are, so rights to its topics bind nobody",
			    data->namespace, data->name);
			continue;
		}
		any = true;
		base_tree_push(list, user_tree(model, in, topics));
	}
	if (any) {
		base_tree_put(map, "users", base_tree_done(list));
	}
	if (!anonymous) {
		k8s_put_same(map, "authentication", data->spec, "authentication");
	}
}

/* --- the whole --- */

static void
put_reach(struct k8s_model *model, struct base_tree_build *map, const struct k8s_node *node)
{
	base_tree_put(map, "ports", k8s_model_ports(model, node));
	k8s_put_port_mtls(model, map, node);
	base_tree_put(map, "subsets", base_tree_done(base_tree_list(model->arena, node->origin)));
	base_tree_put(map, "allow", k8s_model_allow(model, node));
	base_tree_put(map, "byAddress", k8s_model_by_address(model, node));
	base_tree_put(map, "sidecar", k8s_model_sidecar(model, node));
	base_tree_put(map, "callees", k8s_model_callees(model, node));
	base_tree_put(map, "network", k8s_model_network(model, node));
}

static const struct base_tree *
data_tree(struct k8s_model *model, const struct k8s_node *node)
{
	static const char *const SAME[] = {"engine", "maxConnections", "reservedConnections"};
	struct base_tree_build *map = base_tree_map(model->arena, node->origin);

	check_idle(model, node);
	k8s_put_workload(model, map, node);
	for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
		k8s_put_same(map, SAME[i], node->spec, SAME[i]);
	}
	k8s_put_flag(model, map, "headless", base_tree_bool(node->spec, "headless", false),
	    node->origin);
	put_reach(model, map, node);
	base_tree_put(map, "hosts", hosts_tree(model, node));
	base_tree_put(map, "brokers", brokers_tree(model, node));
	k8s_put_pools(model, map, node);
	base_tree_put(map, "idleTimeout", idle_timeout(model, node));
	base_tree_put(map, "backup", backup_tree(model, node));
	base_tree_put(map, "operator", operator_tree(model, node));
	put_users(model, map, node);
	base_tree_put(map, "topics", k8s_list_or_empty(model, node->spec, "topics", node->origin));
	k8s_put_tuning(model, map, node);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_data_services(struct k8s_model *model)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[K8S_NODE_DATA];
	struct base_tree_build *list = base_tree_list(model->arena, model->mesh->origin);

	for (size_t i = 0; i < nodes->count; i++) {
		base_tree_push(list, data_tree(model, &nodes->at[i]));
	}
	return base_tree_done(list);
}
