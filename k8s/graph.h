/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of one environment: who may talk to whom, on which ports, and why. Built once from
 * the resolved inventory, in time linear in nodes and edges, and read-only afterwards.
 * Everything in it lives in the arena of the model.
 */
#ifndef K8S_GRAPH_H
#define K8S_GRAPH_H

#include "base/tree.h"
#include "k8s/inventory.h"

enum k8s_node_kind {
	K8S_NODE_INVALID = 0,
	K8S_NODE_SERVICE,
	K8S_NODE_DATA,
	K8S_NODE_GATEWAY,
	K8S_NODE_EXTERNAL,
	K8S_NODE_MONITORING,
	K8S_NODE_BACKUP,
	K8S_NODE_OPERATOR,
	K8S_NODE_KIND_COUNT
};

enum k8s_why {
	K8S_WHY_INVALID = 0,
	K8S_WHY_DECLARED,
	K8S_WHY_GATEWAY,
	K8S_WHY_MONITORING,
	K8S_WHY_BACKUP,
	K8S_WHY_REPLICATION,
	K8S_WHY_OPERATOR,
	K8S_WHY_EGRESS,
	K8S_WHY_FIREWALL
};

#define K8S_AGENT_METRICS_PORT 15020 /* istio: merged metrics and rewritten probes, plaintext */

struct k8s_port {
	const char *name;     /* of the Service's port: "tcp-postgres" */
	const char *declared; /* as the inventory names it: "postgres" */
	const char *protocol; /* as declared */
	int64_t port;         /* of the Service */
	int64_t workload;     /* of the pod: what policies want */
	bool http;
	bool grpc;
	bool peer;       /* between the members of a data service */
	bool monitoring; /* scraped over mTLS */
	const char *host; /* short name of the Service that has it */
	const char *role; /* primary, replica, any; NULL */
	const struct base_tree *spec;
};

struct k8s_edge;

struct k8s_node {
	enum k8s_node_kind kind;
	const char *namespace;
	const char *name;
	const char *account;   /* NULL: has no identity of its own */
	const char *principal; /* without the scheme, as policies want it */
	const struct base_tree *spec;
	const struct base_origin *origin;
	bool pci;
	struct k8s_port *ports;
	size_t port_count;
	struct k8s_edge *in_first, *in_last;
	struct k8s_edge *out_first, *out_last;
	size_t in_count;
	size_t out_count;
	size_t number; /* dense, over all nodes */
	struct k8s_node *of; /* of backup and operator: the data service; else NULL */
};

struct k8s_edge {
	struct k8s_node *from;
	struct k8s_node *to;
	enum k8s_why why;
	const struct k8s_port **ports;
	size_t port_count;
	bool http;                       /* the ports speak HTTP; an edge never mixes */
	const struct base_tree *methods; /* LIST, NULL: any */
	const struct base_tree *paths;   /* LIST of policy patterns, NULL: any */
	const struct base_tree *call;    /* what the caller declared; NULL when derived */
	const struct base_origin *origin;
	struct k8s_edge *next_in;  /* next into the same node */
	struct k8s_edge *next_out; /* next out of the same node */
	struct k8s_edge *next;     /* next of the graph */
};

struct k8s_nodes {
	struct k8s_node *at;
	size_t count;
};

struct k8s_index;
struct k8s_model;

struct k8s_graph {
	struct k8s_nodes nodes[K8S_NODE_KIND_COUNT];
	size_t node_count;
	struct k8s_index *names; /* nodes by kind, namespace and name */
	struct k8s_edge *first;
	struct k8s_edge *last;
	size_t edge_count;
};

/* --- an index from text to pointers, in an arena; keys are not copied --- */
struct k8s_index *k8s_index_new(struct base_arena *arena);
/* Sets the value of a key; value is not NULL. */
void k8s_index_put(struct k8s_index *index, const char *key, void *value);
/* NULL when the key has no value. */
void *k8s_index_get(const struct k8s_index *index, const char *key);

/* --- building --- */
/* All nodes and edges of model->resolved, from its arena; uses its mesh and trust_domain. It is
 * model->graph from the beginning, and what is returned. What is wrong becomes findings. */
struct k8s_graph *k8s_graph_new(struct k8s_model *model);
/* The node that a document in namespace `own` means by a name, given as "name" or "namespace/name"
 * or with a namespace (may be NULL): in that namespace; else in its own; else the only one
 * anywhere. NULL when there is none, or several; *ambiguous is always set, true for several. */
struct k8s_node *k8s_graph_find(struct k8s_model *model, enum k8s_node_kind kind,
    const char *namespace, const char *own, const char *name, bool *ambiguous);
/* Copies the edge into the arena and links it, last of the graph and of both nodes. Returns the copy;
 * the ports that it points to are not copied. */
struct k8s_edge *k8s_graph_add(struct k8s_model *model, const struct k8s_edge *edge);
/* Edges that calls on one side and accepts on the other agree on. */
void k8s_graph_declare(struct k8s_model *model);
/* Edges that follow from gateways, firewalls, monitoring, backups, peers, operators, egress. */
void k8s_graph_derive(struct k8s_model *model);
/* Circles of synchronous calls: a finding for each that shares no service with another, and for at
 * least one of those that do. */
void k8s_graph_check_circles(struct k8s_model *model);
/* Pods that the selectors of two documents choose: a finding for each two. An empty selector is a
 * finding by itself. */
void k8s_graph_check_selectors(struct k8s_model *model);

/* "service", "data", ...: as the model and findings have it; "" for the invalid ones. */
const char *k8s_node_word(enum k8s_node_kind kind);
const char *k8s_why_word(enum k8s_why why);
/* Path patterns of policies: does every path of q match p too? */
bool k8s_path_covers(const char *p, const char *q);
/* Strings that both LISTs allow, in a's order; NULL stands for any. *empty when they have nothing
 * in common. */
const struct base_tree *k8s_methods_common(struct base_arena *arena, const struct base_tree *a,
    const struct base_tree *b, bool *empty);
const struct base_tree *k8s_paths_common(struct base_arena *arena, const struct base_tree *a,
    const struct base_tree *b, bool *empty);

#endif
