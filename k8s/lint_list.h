/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every finding: MC_LINT(code, severity, trap, text). A code is an interface and never reused:
 * MCA0xxx documents and environments, MCA1xxx the graph and what is derived from it.
 * trap is the trap of docs/traps.md that it guards against, "" for none.
 * No include guard: every includer gives MC_LINT its meaning.
 */
MC_LINT(MCA1001, WARNING, "one-sided-edge", "a call that the callee does not accept gives no access")
MC_LINT(MCA1002, WARNING, "one-sided-edge", "an accepted caller that never calls gives no access")
MC_LINT(MCA1003, WARNING, "one-sided-edge", "what is called and what is accepted have nothing in common")
MC_LINT(MCA1004, ERROR, "one-sided-edge", "an edge of class pci that only one side declares")
MC_LINT(MCA1005, ERROR, "", "a name that nothing in the environment has")
MC_LINT(MCA1006, ERROR, "", "a name that several documents have; say the namespace")
MC_LINT(MCA1007, WARNING, "one-sided-edge", "a caller asks for more than is accepted")
MC_LINT(MCA1008, ERROR, "tcp-rule-http-fields", "methods or paths on a port that does not speak HTTP")
MC_LINT(MCA1009, ERROR, "", "a port that the callee does not have")
MC_LINT(MCA1010, WARNING, "", "services call each other in a circle, each waiting for the next")
MC_LINT(MCA1011, WARNING, "timeout-budget", "a timeout shorter than what the callees may take")
MC_LINT(MCA1012, WARNING, "timeout-budget", "one try is given more time than the whole route")
MC_LINT(MCA1013, ERROR, "retry-not-idempotent", "retries on a route that is not idempotent")
MC_LINT(MCA1014, ERROR, "retry-payment", "retries in class pci")
MC_LINT(MCA1015, WARNING, "fault-disables-timeout", "a fault of a route that does not exist, or where faults are forbidden")
MC_LINT(MCA1016, ERROR, "pool-arithmetic", "connection pools larger than the data service allows")
MC_LINT(MCA1017, WARNING, "pool-arithmetic", "a call to a limited data service without a pool size")
MC_LINT(MCA1018, ERROR, "tcp-idle-timeout", "idle connections are cut before the pool renews them")
MC_LINT(MCA1019, NOTE, "ap-workload-port", "ports that share a workload port cannot be told apart by policy")
MC_LINT(MCA1020, ERROR, "", "gateway paths but no ingress gateway, or several and none named")
MC_LINT(MCA1021, ERROR, "", "two services claim the same path of a gateway")
MC_LINT(MCA1022, WARNING, "jwt-path", "a token rule for a path that the gateway does not pass on")
MC_LINT(MCA1023, ERROR, "", "an identity provider that does not exist")
MC_LINT(MCA1024, ERROR, "pci-egress", "class pci shares its egress gateway, or names another one")
MC_LINT(MCA1025, WARNING, "kafka-acl", "topic rights without authentication of the application")
MC_LINT(MCA1026, WARNING, "kafka-acl", "a topic that the data service does not declare")
MC_LINT(MCA1027, ERROR, "shared-account", "two workloads share a service account")
MC_LINT(MCA1028, ERROR, "default-account", "the account `default` is no identity")
