/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that derive the model share. Whatever a function returns lives in the arena of the model, or is shared
 * with the resolved environment; nobody frees it. A tree is never NULL unless its comment says so. */
#ifndef K8S_MODEL_INT_H
#define K8S_MODEL_INT_H

#include "base/tree.h"
#include "k8s/graph.h"
#include "k8s/lint.h"
#include "k8s/model.h"

struct k8s_model {
	struct base_arena *arena;
	const struct base_tree *resolved;
	struct k8s_findings *findings; /* may be NULL */
	const struct base_tree *mesh;
	const struct base_tree *environment;
	const char *trust_domain;
	const char *istio_namespace;
	const char *mtls;       /* policy of the environment */
	bool faults_allowed;
	struct k8s_graph *graph;
	struct k8s_index *namespaces; /* struct k8s_space by name */
	struct k8s_space *first_space; /* all of them by name */
	struct k8s_index *providers;  /* identity providers' specs by name */
};

/* A namespace of the environment, as far as others need it. */
struct k8s_space {
	const char *name;
	const char *kind; /* apps, data, gateway, system, monitoring */
	const struct base_tree *spec; /* merged entry of Mesh and Environment; may be NULL */
	const struct base_origin *origin;
	const char *enforcement; /* enforce or observe */
	const char *mtls;
	bool injected;
	bool pci;
	struct base_tree_build *accounts;
	struct base_tree_build *owners;
	struct k8s_index *account_set;
	struct k8s_index *owner_set;
	struct k8s_space *next;
};

/* --- findings --- */
/* Adds to the findings, if anybody wants them; a sentence of more than 511 bytes is cut. */
void k8s_model_find(struct k8s_model *model, enum k8s_lint lint, const struct base_origin *at,
    const char *fix, const char *fmt, ...) MC_PRINTF(5, 6);

/* --- origins --- */
/* A copy of `first` with `then` and what caused it behind; `first` itself when it has the place of `then` already. NULL
 * for either gives the other, for both NULL. */
const struct base_origin *k8s_origin_join(struct base_arena *arena, const struct base_origin *first,
    const struct base_origin *then);

/* --- small trees --- */
/* Copies key and text; puts nothing for a NULL text. */
void k8s_put_str(struct k8s_model *model, struct base_tree_build *map, const char *key,
    const char *text, const struct base_origin *origin);
void k8s_put_int(struct k8s_model *model, struct base_tree_build *map, const char *key,
    int64_t value, const struct base_origin *origin);
/* Puts true; for false nothing, so that templates can ask with @if. */
void k8s_put_flag(struct k8s_model *model, struct base_tree_build *map, const char *key, bool value,
    const struct base_origin *origin);
void k8s_put_bool(struct k8s_model *model, struct base_tree_build *map, const char *key, bool value,
    const struct base_origin *origin);
/* Puts at key the value that `from` has at `as`, with its own origin; nothing when there is none, or null. */
void k8s_put_same(struct base_tree_build *map, const char *key, const struct base_tree *from,
    const char *as);
void k8s_push_str(struct k8s_model *model, struct base_tree_build *list, const char *text,
    const struct base_origin *origin);
/* The LIST at this key, or a finished empty one, also for a NULL map and for what is no list. */
const struct base_tree *k8s_list_or_empty(struct k8s_model *model, const struct base_tree *map,
    const char *key, const struct base_origin *origin);
/* Exactly this text; false for NULL and for what is no list. */
bool k8s_list_has(const struct base_tree *list, const char *text);
/* A scalar that the inventory types as text ("99.9") as a number node; NULL for NULL, a list or a map. */
const struct base_tree *k8s_number_of(struct k8s_model *model, const struct base_tree *scalar);

/* --- durations: Go's syntax, "1h30m", "500ms", of whole numbers with h, m, s, ms --- */
/* Milliseconds; -1 when text is NULL, empty or no duration, or when one of its numbers is above INT32_MAX. */
int64_t k8s_duration_ms(const char *text);
/* ms is not negative; in the largest unit that leaves no rest: "90m", "1500ms", "0s". */
const char *k8s_duration_text(struct base_arena *arena, int64_t ms);

/* --- names --- */
/* TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, without the scheme, as policies want it. */
const char *k8s_principal(struct k8s_model *model, const char *namespace, const char *account);
/* NAME.NAMESPACE.svc.cluster.local */
const char *k8s_service_host(struct k8s_model *model, const char *namespace, const char *name);
/* A duration as Go prints it, which is how pilot-agent is told one: 24h0m0s. What is below a second is cut off. */
const char *k8s_go_duration(struct k8s_model *model, const char *text);
/* Puts serviceAccount, principal, spiffeId, and certificateTtl where it is less than the environment's. The node has an
 * account. */
void k8s_put_identity(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node);
/* {name, namespace, principal} */
const struct base_tree *k8s_caller(struct k8s_model *model, const struct k8s_node *node,
    const struct base_origin *origin);

/* --- the parts --- */
/* Fills namespaces and first_space; the graph is there. */
void k8s_model_spaces(struct k8s_model *model);
/* NULL when the environment has no such namespace. With a NULL name the first of all; next leads on, by name. */
const struct k8s_space *k8s_model_space(struct k8s_model *model, const char *name);
/* Do its rules only watch? */
bool k8s_observes(const struct k8s_space *space);
/* Hosts of a Sidecar that knows all of the mesh: a LIST. */
const struct base_tree *k8s_everybody(struct k8s_model *model, const struct base_origin *origin);
/* What its proxies do with hosts that they do not know. */
void k8s_put_outbound(struct k8s_model *model, struct base_tree_build *map, const char *key,
    const struct k8s_space *space);
/* The values of the model's keys of these names: MAPs of mesh and environment, else LISTs. */
const struct base_tree *k8s_model_mesh(struct k8s_model *model);
const struct base_tree *k8s_model_environment(struct k8s_model *model);
const struct base_tree *k8s_model_namespaces(struct k8s_model *model);
const struct base_tree *k8s_model_services(struct k8s_model *model);
const struct base_tree *k8s_model_data_services(struct k8s_model *model);
const struct base_tree *k8s_model_gateways(struct k8s_model *model);
const struct base_tree *k8s_model_externals(struct k8s_model *model);
const struct base_tree *k8s_model_identities(struct k8s_model *model);
const struct base_tree *k8s_model_edges(struct k8s_model *model);
const struct base_tree *k8s_model_evidence(struct k8s_model *model);

/* Whether rules of its namespace refuse or only watch, and the namespace's mTLS. */
void k8s_put_applies(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node);
/* What services and data services have in common: names, identity, selector, workload, how
 * policies apply. */
void k8s_put_workload(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node);
/* Puts telemetry, and what stands in the document: proxy, probes, resources, scaling, objectives. */
void k8s_put_tuning(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node);
/* One port, all ports; with a finding for each two that share a workload port. */
const struct base_tree *k8s_model_port(struct k8s_model *model, const struct k8s_port *port);
const struct base_tree *k8s_model_ports(struct k8s_model *model, const struct k8s_node *node);
/* Puts portMtls and portLevelMtls when a port takes plaintext, with the findings of those ports. */
void k8s_put_port_mtls(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *node);
/* Has one of the edge's ports before this one its workload port? */
bool k8s_edge_has_port_before(const struct k8s_edge *edge, size_t at);
/* A LIST of one rule for each edge into the node, sorted by name; no two have one name. */
const struct base_tree *k8s_model_allow(struct k8s_model *model, const struct k8s_node *node);
/* One rule for each plaintext port that names callers: name, declared, ports, ipBlocks, reason. */
const struct base_tree *k8s_model_by_address(struct k8s_model *model, const struct k8s_node *node);
/* Findings of ranges that are no addresses or are read otherwise than they are written; `list` may be
 * NULL, `where` says whose it is. */
void k8s_model_check_ranges(struct k8s_model *model, const struct base_tree *list,
    const char *where);
/* Findings of a port that has a map `plaintext`. */
void k8s_model_check_plaintext(struct k8s_model *model, const struct k8s_node *node,
    const struct k8s_port *port);
/* What the node calls, what its proxy must know of, and the peers of its NetworkPolicy. */
const struct base_tree *k8s_model_callees(struct k8s_model *model, const struct k8s_node *node);
const struct base_tree *k8s_model_sidecar(struct k8s_model *model, const struct k8s_node *node);
const struct base_tree *k8s_model_network(struct k8s_model *model, const struct k8s_node *node);
/* Host that a callee is reached at over this port: of the Service that has it, of the callee itself for NULL; of an
 * external service its first host. */
const char *k8s_callee_host(struct k8s_model *model, const struct k8s_node *to,
    const struct k8s_port *port);
/* The egress gateway of an external service; NULL for none. */
struct k8s_node *k8s_external_gateway(struct k8s_model *model, const struct k8s_node *external);
/* The service that a gateway's waf names; NULL for none, or several. */
struct k8s_node *k8s_gateway_firewall(struct k8s_model *model, const struct k8s_node *gateway);
/* -1 when nothing bounds it. */
int64_t k8s_external_timeout_ms(struct k8s_model *model, const struct k8s_node *external);

/* Does the gateway see its requests? Else only connections. */
bool k8s_external_is_http(const struct k8s_node *external);
/* Server names of the first leg's TLS: the first host, whatever tls.sni says. */
const struct base_tree *k8s_external_sni(struct k8s_model *model, const struct k8s_node *external);

/* --- data services --- */
/* The largest pool that one pod of a caller keeps at this host; 0 when one of them is unknown. */
int64_t k8s_pool_largest(const struct k8s_node *data, const char *host);
/* Puts pools, poolTotals and poolTotal; findings where they are too many. */
void k8s_put_pools(struct k8s_model *model, struct base_tree_build *map,
    const struct k8s_node *data);

/* --- gateways --- */
#define K8S_GATEWAY_HTTP_PORT 80

bool k8s_is_ingress(const struct k8s_node *gateway);
/* Where clients' requests reach services: its port with a certificate (port 80 beside it only redirects), else 80. */
int64_t k8s_gateway_client_port(const struct k8s_node *gateway);
/* Each host, and each with any port. */
const struct base_tree *k8s_all_hosts(struct k8s_model *model, const struct base_tree *hosts);
/* Rules of who may pass, and of whom addresses keep out (all of them deny). */
const struct base_tree *k8s_gateway_allow(struct k8s_model *model, const struct k8s_node *node);
const struct base_tree *k8s_gateway_ip_rules(struct k8s_model *model, const struct k8s_node *node);
/* A finding for each two services whose paths meet. */
void k8s_gateway_check_paths(struct k8s_model *model, const struct k8s_node *node);

/* Routes of a service in their order, the last of which takes everything; each to its subset stable, a canary's to both.
 * Findings of retries and faults. */
const struct base_tree *k8s_model_routes(struct k8s_model *model, const struct k8s_node *node);
/* Of its ports without HTTP. */
const struct base_tree *k8s_model_tcp_routes(struct k8s_model *model, const struct k8s_node *node);
/* The same routes narrowed to the paths that gateways pass on; one item per gateway. */
const struct base_tree *k8s_model_exposed(struct k8s_model *model, const struct k8s_node *node);
const struct base_tree *k8s_model_subsets(struct k8s_model *model, const struct k8s_node *node);
bool k8s_is_canary(const struct k8s_node *node);
/* NULL without a rollout. */
const struct base_tree *k8s_model_rollout(struct k8s_model *model, const struct k8s_node *node);
const struct base_tree *k8s_model_policy(struct k8s_model *model, const struct k8s_node *node);
/* In Istio's words; shared with externals. pool may be NULL. */
const struct base_tree *k8s_model_pool(struct k8s_model *model, const struct base_tree *pool,
    const struct base_origin *origin);
/* HTTPRetry of what an inventory says; attempts 0 alone for NULL and for none. */
const struct base_tree *k8s_model_retries(struct k8s_model *model, const struct base_tree *retries,
    const struct base_origin *origin);
/* NULL for what is no MAP. Shared with data services. */
const struct base_tree *k8s_model_outlier(struct k8s_model *model,
    const struct base_tree *breaker);
/* The identity provider that a token rule names; NULL for none, with a finding when the name is nobody's. */
const struct base_tree *k8s_model_provider(struct k8s_model *model, const struct base_tree *jwt);
/* timeout in milliseconds of one declared route of a service; the service's own without one, or for a NULL route; -1 when
 * nothing bounds it. */
int64_t k8s_route_timeout_ms(const struct k8s_node *node, const struct base_tree *route);
/* Holds the service's timeouts against those of its callees: {own, worst}, and findings. */
const struct base_tree *k8s_model_budget(struct k8s_model *model, const struct k8s_node *node);

#endif
