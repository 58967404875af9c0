/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of the graph and of what is derived from it: the numbers from 1001 of the one list,
 * lint_list.h, which includes this file. No include guard on purpose.
 */
K8S_LINT_ROW(1001, LINT_CALL_ALONE, K8S_WARNING, "one-sided-edge",
    "A caller cannot grant itself access: what the callee does not accept is refused.")
K8S_LINT_ROW(1002, LINT_ACCEPT_ALONE, K8S_WARNING, "one-sided-edge",
    "An accepted caller that never calls gets no access, and its entry no reader.")
K8S_LINT_ROW(1003, LINT_EDGE_EMPTY, K8S_WARNING, "one-sided-edge",
    "What is called and what is accepted have no port, method or path in common.")
K8S_LINT_ROW(1004, LINT_EDGE_PCI, K8S_ERROR, "one-sided-edge",
    "Access to class pci is never half declared.")
K8S_LINT_ROW(1005, LINT_NAME_UNKNOWN, K8S_ERROR, NULL,
    "A name that nothing in the environment has.")
K8S_LINT_ROW(1006, LINT_NAME_AMBIGUOUS, K8S_ERROR, NULL,
    "A name that several documents have does not say which is meant.")
K8S_LINT_ROW(1007, LINT_EDGE_NARROWED, K8S_WARNING, "one-sided-edge",
    "A caller asks for more than is accepted: those requests are refused.")
K8S_LINT_ROW(1008, LINT_TCP_HTTP_FIELDS, K8S_ERROR, "tcp-rule-http-fields",
    "A policy rule for a TCP port that names methods or paths never matches.")
K8S_LINT_ROW(1009, LINT_PORT_UNKNOWN, K8S_ERROR, NULL, "A port that the callee does not have.")
K8S_LINT_ROW(1010, LINT_CALL_CIRCLE, K8S_WARNING, NULL,
    "Services that wait for each other in a circle fail together.")
K8S_LINT_ROW(1011, LINT_TIMEOUT_SHORT, K8S_WARNING, "timeout-budget",
    "A caller that gives up before its callees may have finished wastes their work.")
K8S_LINT_ROW(1012, LINT_TRY_SHORT, K8S_WARNING, "timeout-budget",
    "One try must fit into the route, and the callees into one try.")
K8S_LINT_ROW(1013, LINT_RETRY_UNSAFE, K8S_ERROR, "retry-not-idempotent",
    "What is not idempotent must not happen twice.")
K8S_LINT_ROW(1014, LINT_RETRY_PCI, K8S_ERROR, "retry-payment", "A payment is never retried.")
K8S_LINT_ROW(1015, LINT_FAULT_ROUTE, K8S_ERROR, NULL, "A fault of a route that does not exist.")
K8S_LINT_ROW(1016, LINT_POOLS_LARGE, K8S_ERROR, "pool-arithmetic",
    "When every replica fills its pool, the data service refuses connections.")
K8S_LINT_ROW(1017, LINT_POOL_MISSING, K8S_WARNING, "pool-arithmetic",
    "Without a pool size nobody can tell whether the connections suffice.")
K8S_LINT_ROW(1018, LINT_IDLE_SHORT, K8S_ERROR, "tcp-idle-timeout",
    "The proxy closes what the pool believes open.")
K8S_LINT_ROW(1019, LINT_PORT_SHARED, K8S_NOTE, "ap-workload-port",
    "Policies see workload ports: names that share one cannot be told apart.")
K8S_LINT_ROW(1020, LINT_GATEWAY_CHOICE, K8S_ERROR, NULL,
    "Paths for a gateway need an ingress gateway, and a name when there are several.")
K8S_LINT_ROW(1021, LINT_PATH_TWICE, K8S_ERROR, NULL,
    "Two services that claim the same path of a host get each other's requests.")
K8S_LINT_ROW(1022, LINT_TOKEN_PATH, K8S_WARNING, NULL,
    "A token rule for a path that the gateway does not pass on.")
K8S_LINT_ROW(1023, LINT_PROVIDER_UNKNOWN, K8S_ERROR, "jwt-without-rule",
    "Tokens of an identity provider that does not exist are never valid.")
K8S_LINT_ROW(1024, LINT_EGRESS_PCI, K8S_ERROR, "egress-shared",
    "Class pci leaves through an egress gateway of its own.")
K8S_LINT_ROW(1025, LINT_TOPIC_ANONYMOUS, K8S_WARNING, "kafka-acl",
    "Topic rights without authentication of the application bind nobody.")
K8S_LINT_ROW(1026, LINT_TOPIC_UNKNOWN, K8S_WARNING, "kafka-acl",
    "A topic that the data service does not declare.")
K8S_LINT_ROW(1027, LINT_ACCOUNT_SHARED, K8S_ERROR, "shared-account",
    "Workloads that share a service account cannot be told apart.")
K8S_LINT_ROW(1028, LINT_ACCOUNT_DEFAULT, K8S_ERROR, "default-account",
    "Every pod without an account of its own has the account default: it is nobody's identity.")
K8S_LINT_ROW(1029, LINT_LIMIT_SMALL, K8S_WARNING, NULL,
    "A limit below the number of pods cannot be divided among them.")
K8S_LINT_ROW(1030, LINT_REGISTRATION, K8S_ERROR, NULL,
    "The authority takes registrations for lifetimes of whole seconds, from a minute to ten years, and at most 16 DNS "
    "names: what a certificate can hold.")
K8S_LINT_ROW(1031, LINT_PLAINTEXT_REFUSED, K8S_WARNING, NULL,
    "A caller without a proxy has no identity, so no edge lets it in: a port that takes connections without mTLS and names "
    "no callers by address is of use to the mesh alone, which does not need the exception.")
K8S_LINT_ROW(1032, LINT_SELECTOR_SHARED, K8S_ERROR, "selector-shared",
    "Rules hold for pods: those that two documents choose get what both are allowed.")
K8S_LINT_ROW(1033, LINT_FIREWALL_CHOICE, K8S_ERROR, NULL,
    "A gateway whose firewall is a service refuses everything when there is no such service.")
K8S_LINT_ROW(1041, LINT_ADDRESS_INVALID, K8S_ERROR, "address-range",
    "A range that is written otherwise than it is read holds for others than were meant.")
K8S_LINT_ROW(1042, LINT_ADDRESS_WIDE, K8S_WARNING, "plaintext-port",
    "A range of a large part of all addresses is no limit: whoever has a way to the port gets in without an identity.")
K8S_LINT_ROW(1043, LINT_CALLER_PODS, K8S_ERROR, NULL,
    "Pods of the mesh's namespaces come with an identity or not at all: their own NetworkPolicy lets them out by edges only.")
K8S_LINT_ROW(1044, LINT_CALLER_NETWORK, K8S_WARNING, "plaintext-port",
    "Only NetworkPolicy knows pods without an identity; without it everybody at their addresses gets in.")
