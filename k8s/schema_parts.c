/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of the schema that several kinds share. */
#include "k8s/schema_parts.h"

static const struct k8s_field IDENTITY[] = {
    {"state", K8S_ENUM, 0, "active", "active|suspended|retired", NULL,
	"Whether certificates are issued: suspended and retired ones are refused at renewal."},
    {"maxTtl", K8S_DURATION, 0, NULL, NULL, NULL,
	"Longest lifetime of a certificate; without it the environment's workloadTtl."},
    {"keyTypes", K8S_ENUM, K8S_LIST | K8S_SOME, NULL, "p-256|p-384|rsa-2048|rsa-3072|rsa-4096",
	NULL, "Keys that certificates may be for; without it the environment's."},
    {"dnsNames", K8S_HOST, K8S_LIST, NULL, NULL, NULL,
	"Names that its server certificates (profile server) may hold; SVIDs never hold any."},
    K8S_END,
};
const struct k8s_map K8S_IDENTITY = {"Identity", NULL, NULL, IDENTITY,
    "The registration of a service account with the authority. The SPIFFE ID is derived from "
    "trust domain, namespace and service account; it is never typed."};

static const struct k8s_field WORKLOAD[] = {
    {"kind", K8S_ENUM, 0, "Deployment", "Deployment|StatefulSet|DaemonSet|Rollout", NULL,
	"Kind of the workload that runs the pods; it belongs to you and is never generated."},
    {"name", K8S_NAME, 0, NULL, NULL, NULL, "Its name; without it the document's."},
    {"selector", K8S_TEXTS, K8S_REQUIRED, NULL, NULL, NULL,
	"Labels of the pods, as in the workload's own selector."},
    K8S_END,
};
const struct k8s_map K8S_WORKLOAD = {"Workload", NULL, NULL, WORKLOAD,
    "The pods behind a document."};

static const struct k8s_field CALLER_PODS[] = {
    {"namespace", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL,
	"Their namespace, which is none of this inventory's."},
    {"selector", K8S_TEXTS, 0, NULL, NULL, NULL, "Their labels; without it all of its pods."},
    K8S_END,
};
static const struct k8s_map CALLER_PODS_MAP = {"CallerPods", NULL, NULL, CALLER_PODS,
    "Pods of the cluster that have no proxy."};

static const struct k8s_field PLAINTEXT_CALLER[] = {
    {"addresses", K8S_CIDR, K8S_LIST | K8S_SOME | K8S_REQUIRED, NULL, NULL, NULL,
	"Where its connections come from, as the proxy sees it: the other end of the connection, whatever a header "
	"says. One address is 192.0.2.7/32. A balancer that puts its own address in place of the client's lets in all of "
	"its clients."},
    {"pods", K8S_MAP, 0, NULL, NULL, &CALLER_PODS_MAP,
	"Which pods these addresses are of; NetworkPolicy then lets in those pods in place of the addresses."},
    K8S_END,
};
static const struct k8s_map PLAINTEXT_CALLER_MAP = {"PlaintextCaller", NULL, NULL, PLAINTEXT_CALLER,
    "A caller without an identity. It may use the whole port, without a token; who has an identity needs calls and "
    "accepts all the same."};

static const struct k8s_field PLAINTEXT[] = {
    {"reason", K8S_TEXT, K8S_REQUIRED, NULL, NULL, NULL,
	"Why this port takes connections without mTLS; it is shown in every review."},
    {"callers", K8S_MAP, K8S_LIST | K8S_SOME, NULL, NULL, &PLAINTEXT_CALLER_MAP,
	"Who may come without an identity; without it nobody may."},
    K8S_END,
};
const struct k8s_map K8S_PLAINTEXT = {"Plaintext", NULL, NULL, PLAINTEXT,
    "An exception from mTLS for one port."};

static const struct k8s_field AMOUNTS[] = {
    {"cpu", K8S_QUANTITY, 0, NULL, NULL, NULL, "Processor time: 250m is a quarter of a core."},
    {"memory", K8S_QUANTITY, 0, NULL, NULL, NULL, "Memory: 512Mi."},
    K8S_END,
};
static const struct k8s_map AMOUNTS_MAP = {"Amounts", NULL, NULL, AMOUNTS,
    "Amounts of processor time and memory."};

static const struct k8s_field RESOURCES[] = {
    {"requests", K8S_MAP, 0, NULL, NULL, &AMOUNTS_MAP, "What is set aside for each pod."},
    {"limits", K8S_MAP, 0, NULL, NULL, &AMOUNTS_MAP, "What each pod may take at most."},
    K8S_END,
};
const struct k8s_map K8S_RESOURCES = {"Resources", NULL, NULL, RESOURCES,
    "Resources of the application's container."};

static const struct k8s_field PROXY_REQUESTS[] = {
    {"cpu", K8S_QUANTITY, 0, "100m", NULL, NULL, "Processor time."},
    {"memory", K8S_QUANTITY, 0, "128Mi", NULL, NULL, "Memory."},
    K8S_END,
};
static const struct k8s_map PROXY_REQUESTS_MAP = {"ProxyRequests", NULL, NULL, PROXY_REQUESTS,
    "What is set aside for each proxy."};

static const struct k8s_field PROXY_LIMITS[] = {
    {"cpu", K8S_QUANTITY, 0, "1", NULL, NULL, "Processor time."},
    {"memory", K8S_QUANTITY, 0, "512Mi", NULL, NULL, "Memory."},
    K8S_END,
};
static const struct k8s_map PROXY_LIMITS_MAP = {"ProxyLimits", NULL, NULL, PROXY_LIMITS,
    "What each proxy may take at most."};

static const struct k8s_field PROXY[] = {
    {"requests", K8S_MAP, K8S_ALWAYS, NULL, NULL, &PROXY_REQUESTS_MAP, "Set aside."},
    {"limits", K8S_MAP, K8S_ALWAYS, NULL, NULL, &PROXY_LIMITS_MAP, "At most."},
    {"concurrency", K8S_INT, 0, NULL, "1..64", NULL,
	"Worker threads; without it as many as the limit of cpu gives."},
    K8S_END,
};
const struct k8s_map K8S_PROXY = {"Proxy", NULL, NULL, PROXY,
    "Resources of the proxy in each pod."};

static const struct k8s_field SCALING[] = {
    {"min", K8S_INT, 0, "2", "1..1000", NULL, "Fewest pods."},
    {"max", K8S_INT, 0, "4", "1..1000", NULL,
	"Most pods. Pools of connections are reckoned with this number, of a service with a rollout with "
	"twice as many; what a Deployment's update adds for a while is not counted."},
    {"cpuPercent", K8S_INT, 0, "70", "1..100", NULL,
	"Part of the requested cpu at which pods are added."},
    K8S_END,
};
const struct k8s_map K8S_SCALING = {"Scaling", NULL, NULL, SCALING, "How many pods run."};

static const struct k8s_field RETRIES[] = {
    {"attempts", K8S_INT, 0, "2", "0..10", NULL, "Tries after the first; 0: never."},
    {"perTryTimeout", K8S_DURATION, 0, NULL, NULL, NULL,
	"Longest one try may take; without it the route's timeout."},
    {"retryOn", K8S_ENUM, K8S_LIST,
	"connect-failure|refused-stream|unavailable|reset-before-request",
	"5xx|gateway-error|reset|reset-before-request|connect-failure|refused-stream|"
	"retriable-4xx|retriable-status-codes|envoy-ratelimited|cancelled|deadline-exceeded|"
	"internal|resource-exhausted|unavailable",
	NULL, "Outcomes that are tried again, in Envoy's words."},
    {"statusCodes", K8S_INT, K8S_LIST, NULL, "400..599", NULL,
	"HTTP statuses that retriable-status-codes stands for."},
    {"backoff", K8S_DURATION, 0, NULL, NULL, NULL,
	"Base of the exponential wait between tries; without it 25ms."},
    K8S_END,
};
const struct k8s_map K8S_RETRIES = {"Retries", NULL, NULL, RETRIES,
    "Retries by the caller's proxy. Only routes that are idempotent get them."};

static const struct k8s_field POOL[] = {
    {"maxConnections", K8S_INT, 0, "200", "1..1000000", NULL,
	"Connections of one caller's proxy to all pods."},
    {"pendingRequests", K8S_INT, 0, "100", "1..1000000", NULL,
	"Requests that wait for a connection; past it callers get 503 at once."},
    {"maxRequests", K8S_INT, 0, NULL, "1..1000000", NULL,
	"Requests under way of one caller's proxy (HTTP/2)."},
    {"requestsPerConnection", K8S_INT, 0, "1000", "0..1000000", NULL,
	"Requests after which a connection is replaced; 0: never."},
    {"connectTimeout", K8S_DURATION, 0, "2s", NULL, NULL, "Longest wait for a connection."},
    {"idleTimeout", K8S_DURATION, 0, "1h", NULL, NULL,
	"Silence after which a connection is closed."},
    K8S_END,
};
const struct k8s_map K8S_POOL = {"Pool", NULL, NULL, POOL,
    "Limits of the connections that a caller's proxy opens."};

static const struct k8s_field BREAKER[] = {
    {"consecutive5xx", K8S_INT, 0, "5", "0..1000", NULL,
	"Answers 5xx in a row that eject a pod; 0: none does."},
    {"consecutiveGatewayErrors", K8S_INT, 0, "5", "0..1000", NULL,
	"Answers 502, 503, 504 in a row that eject a pod; 0: none does."},
    {"interval", K8S_DURATION, 0, "10s", NULL, NULL, "Time between two looks."},
    {"baseEjectionTime", K8S_DURATION, 0, "30s", NULL, NULL,
	"First ejection; each further one is as much longer."},
    {"maxEjectionPercent", K8S_INT, 0, "50", "0..100", NULL,
	"Most of the pods that may be ejected at once."},
    {"minHealthPercent", K8S_INT, 0, NULL, "0..100", NULL,
	"Below so many healthy pods no one is ejected."},
    K8S_END,
};
const struct k8s_map K8S_BREAKER = {"Breaker", NULL, NULL, BREAKER,
    "When a caller's proxy stops using a pod that fails."};
