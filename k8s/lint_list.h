/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every finding, once: number, C name, severity, trap in traps.yaml (or NULL), why it matters.
 * Included several times with K8S_LINT_ROW defined; no include guard on purpose. Numbers are an
 * interface: never reused. 00xx reading and schema, 01xx documents and environments, 10xx the
 * graph of calls.
 */
K8S_LINT_ROW(1, LINT_YAML, K8S_ERROR, NULL, "A file cannot be read as YAML.")
K8S_LINT_ROW(2, LINT_FILES, K8S_ERROR, NULL, "The folder cannot be read, or holds too much.")
K8S_LINT_ROW(3, LINT_KEY_UNKNOWN, K8S_ERROR, NULL,
    "A key that nobody reads is a setting that somebody believes in.")
K8S_LINT_ROW(4, LINT_KEY_MISSING, K8S_ERROR, NULL, "A required key is not there.")
K8S_LINT_ROW(5, LINT_TYPE, K8S_ERROR, NULL, "A value has another type than its key.")
K8S_LINT_ROW(6, LINT_VALUE, K8S_ERROR, NULL, "A value is not one that its key takes.")
K8S_LINT_ROW(7, LINT_ONE_OF, K8S_ERROR, NULL, "Exactly one of several keys must be there.")
K8S_LINT_ROW(8, LINT_ITEM_TWICE, K8S_ERROR, NULL,
    "Lists merge by this key, so an item may be there once.")
K8S_LINT_ROW(9, LINT_KIND, K8S_ERROR, NULL, "A document is of no kind that meshca reads.")
K8S_LINT_ROW(10, LINT_DOCUMENT_TWICE, K8S_ERROR, NULL,
    "Two documents of a kind have the same name.")
K8S_LINT_ROW(11, LINT_MESH_COUNT, K8S_ERROR, NULL, "An inventory describes exactly one mesh.")
K8S_LINT_ROW(12, LINT_MERGED_MISSING, K8S_ERROR, NULL,
    "Neither the document nor a default gives a value that is needed.")
K8S_LINT_ROW(13, LINT_ENVIRONMENT_UNKNOWN, K8S_ERROR, NULL,
    "An override names an environment that does not exist.")
K8S_LINT_ROW(14, LINT_NO_ENVIRONMENT, K8S_WARNING, NULL,
    "Without an environment nothing is merged, checked as a whole or generated.")
K8S_LINT_ROW(101, LINT_CLUSTER_SHARED, K8S_ERROR, "environments-apart",
    "Environments in one cluster and namespace overwrite each other's objects.")
K8S_LINT_ROW(102, LINT_STABLE_PROFILE, K8S_ERROR, "stable-profile",
    "The admission profile stable refuses what limits and the firewall are made of.")
K8S_LINT_ROW(103, LINT_FAULT_EXPIRED, K8S_ERROR, "fault-forever",
    "An exception for a time that is over still works until somebody takes it out.")
K8S_LINT_ROW(104, LINT_FAULT_ENDLESS, K8S_ERROR, "fault-forever",
    "A fault that is injected on purpose has a last day.")
K8S_LINT_ROW(105, LINT_FAULT_FORBIDDEN, K8S_ERROR, "fault-forever",
    "Faults are injected only where the environment allows them.")
K8S_LINT_ROW(106, LINT_PLAINTEXT_PCI, K8S_ERROR, "plaintext-port",
    "Class pci has no port without mTLS.")
K8S_LINT_ROW(107, LINT_SECRET, K8S_ERROR, "secret-in-git",
    "An inventory is in Git: it names secrets and never holds one.")
K8S_LINT_ROW(108, LINT_EJECT_PRIMARY, K8S_ERROR, "primary-ejection",
    "A circuit breaker that ejects the one primary turns a slow database into none.")
K8S_LINT_ROW(109, LINT_PEER_PORT, K8S_ERROR, "undeclared-port",
    "Ports between pods that no Service declares have no mTLS, and STRICT resets them.")
K8S_LINT_ROW(110, LINT_BROKERS, K8S_WARNING, "kafka-advertised",
    "advertised.listeners must be names that Services declare, one for each broker.")
K8S_LINT_ROW(111, LINT_REDIS_CLUSTER, K8S_ERROR, "redis-moved",
    "A Redis cluster sends clients to addresses of pods: only a headless Service has those.")
K8S_LINT_ROW(112, LINT_SERVER_FIRST, K8S_ERROR, "server-first",
    "Where plaintext is taken too, the proxy waits for a client that waits for the server.")
K8S_LINT_ROW(113, LINT_POSTGRES_TLS, K8S_ERROR, "postgres-tls",
    "Postgres asks for TLS in its own protocol first, so it is no TLS on the wire.")
K8S_LINT_ROW(114, LINT_NAMESPACE_UNKNOWN, K8S_ERROR, NULL,
    "Namespaces of the mesh are listed in it, with what holds there.")
K8S_LINT_ROW(115, LINT_REVISION_TAG, K8S_ERROR, NULL,
    "A label that no revision answers to leaves pods without a proxy.")
K8S_LINT_ROW(116, LINT_EGRESS_OPEN, K8S_WARNING, "egress-no-boundary",
    "REGISTRY_ONLY and egress gateways are no boundary: only NetworkPolicy stops a workload.")
K8S_LINT_ROW(117, LINT_TCP_HOSTS, K8S_ERROR, "tcp-multi-host",
    "Without HTTP the mesh cannot tell several hosts apart.")
K8S_LINT_ROW(118, LINT_HOST_TWICE, K8S_ERROR, "external-twice",
    "Two descriptions of a host: whose routes count is chance.")
K8S_LINT_ROW(119, LINT_PORT_TWICE, K8S_ERROR, NULL,
    "A Kubernetes Service takes a port number once.")
K8S_LINT_ROW(120, LINT_PORT_RESERVED, K8S_ERROR, "proxy-ports",
    "The proxy itself listens there; some of these ports stay plaintext.")
K8S_LINT_ROW(121, LINT_SCALING_RANGE, K8S_ERROR, NULL, "The fewest pods are more than the most.")
K8S_LINT_ROW(122, LINT_REDACT_PCI, K8S_ERROR, "card-data-in-logs",
    "Card data must not reach logs and traces: queries and tokens may hold it.")
K8S_LINT_ROW(123, LINT_WAF_UNPINNED, K8S_ERROR, "waf-digest",
    "A filter from a registry is code in the gateway: its digest says which.")
K8S_LINT_ROW(124, LINT_GATEWAY_PART, K8S_ERROR, NULL,
    "Settings of the other direction have no effect.")
K8S_LINT_ROW(125, LINT_GATEWAY_HOSTS, K8S_ERROR, "gateway-hosts",
    "An ingress gateway answers only for hosts, with a certificate for them.")
K8S_LINT_ROW(126, LINT_CLIENT_ADDRESS, K8S_NOTE, "client-address",
    "Rules by address see the last balancer, unless trustedProxies counts what is in front.")
K8S_LINT_ROW(127, LINT_MANAGEMENT_PORT, K8S_WARNING, "probe-port",
    "A management port that callers reach gives them what only the kubelet should see.")
K8S_LINT_ROW(128, LINT_PERMISSIVE, K8S_NOTE, "plaintext-port",
    "Plaintext is taken: a workload without a proxy can call as if it were anybody.")
K8S_LINT_ROW(129, LINT_PROTOCOL_TLS, K8S_ERROR, "double-tls",
    "An application that makes TLS itself hides from the gateway what it should originate.")
K8S_LINT_ROW(130, LINT_NETWORK_PCI, K8S_ERROR, "egress-no-boundary",
    "Class pci is cut off by NetworkPolicy wherever its rules are enforced.")
K8S_LINT_ROW(131, LINT_SERVICE_TWICE, K8S_ERROR, NULL,
    "Two documents that are one Kubernetes Service get each other's pods.")
K8S_LINT_ROW(132, LINT_NAMESPACE_RESERVED, K8S_ERROR, "root-namespace",
    "Rules in Istio's own namespace hold for every pod of the mesh with such labels; and proxies need the authority "
    "to start.")
K8S_LINT_ROW(133, LINT_NO_PROXY, K8S_ERROR, "no-proxy",
    "A workload without a proxy has no identity, and no rule holds there.")
K8S_LINT_ROW(134, LINT_WAF_IMAGE, K8S_ERROR, "waf-image",
    "A gateway that may not reach the registry never gets its filter.")
K8S_LINT_ROW(135, LINT_ROLLOUT, K8S_ERROR, NULL,
    "A rollout needs somebody who runs it, and a canary requests that can be shifted: without them a new version goes "
    "to everybody unseen.")
K8S_LINT_ROW(136, LINT_CHALLENGE_ADDRESS, K8S_ERROR, NULL,
    "With HTTP-01 the issuer asks from addresses that nobody knows beforehand.")
#include "k8s/lint_model.h"
