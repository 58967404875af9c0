/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the kinds DataService and ExternalService. */
#include "k8s/schema_parts.h"

static const struct k8s_field OPERATOR[] = {
    {"kind", K8S_ENUM, 0, "other", "strimzi|other", NULL,
	"strimzi: users and rights of topics are written as its KafkaUser objects."},
    {"namespace", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Where it runs."},
    {"serviceAccount", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "As whom it runs."},
    K8S_END,
};
static const struct k8s_map OPERATOR_MAP = {"Operator", NULL, NULL, OPERATOR,
    "Who runs the database; it may reach every port."};

static const struct k8s_field BACKUP[] = {
    {"serviceAccount", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL,
	"Of the job that makes backups, in the namespace of the data."},
    {"port", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Name of the port it reads from."},
    K8S_END,
};
static const struct k8s_map BACKUP_MAP = {"Backup", NULL, NULL, BACKUP,
    "Who makes backups; it has an edge of its own."};

static const struct k8s_field PORT[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Name of the port."},
    {"protocol", K8S_ENUM, 0, "tcp", "tcp|tls|mongo|mysql|redis", NULL,
	"tls only when the client speaks TLS from the first byte (Postgres does not)."},
    {"port", K8S_INT, K8S_REQUIRED, NULL, K8S_PORT, NULL, "Port of the Service."},
    {"targetPort", K8S_INT, 0, NULL, K8S_PORT, NULL, "Port of the pods; without it port."},
    {"host", K8S_LABEL, 0, NULL, NULL, NULL,
	"Name of the Kubernetes Service; without it the document's."},
    {"role", K8S_ENUM, 0, NULL, "primary|replica|any", NULL,
	"Whom clients reach there; without it nobody but peers and monitoring."},
    {"peer", K8S_BOOL, 0, "false", NULL, NULL,
	"Pods of this service call each other here: an edge of the account to itself."},
    {"monitoring", K8S_BOOL, 0, "false", NULL, NULL, "Monitoring collects metrics here."},
    {"plaintext", K8S_MAP, 0, NULL, NULL, &K8S_PLAINTEXT, "Takes connections without mTLS."},
    K8S_END,
};
static const struct k8s_map PORT_MAP = {"DataPort", "name", NULL, PORT,
    "A port of a data service. Every port must be here, peers' ports too: what no Service "
    "declares has no mTLS."};

static const struct k8s_field KEEPALIVE[] = {
    {"time", K8S_DURATION, 0, "5m", NULL, NULL, "Silence before the first probe."},
    {"interval", K8S_DURATION, 0, "30s", NULL, NULL, "Time between probes."},
    {"probes", K8S_INT, 0, "3", "1..100", NULL, "Probes without answer that end it."},
    K8S_END,
};
static const struct k8s_map KEEPALIVE_MAP = {"Keepalive", NULL, NULL, KEEPALIVE,
    "TCP keepalive of callers' proxies."};

static const struct k8s_field ACCEPT[] = {
    {"from", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "Name of the Service that calls."},
    {"namespace", K8S_LABEL, 0, NULL, NULL, NULL,
	"Its namespace; without it the only one that has such a service."},
    {"ports", K8S_LABEL, K8S_LIST | K8S_SOME | K8S_REQUIRED, NULL, NULL, NULL,
	"Names of the ports it may use."},
    K8S_END,
};
static const struct k8s_map ACCEPT_MAP = {"DataAccept", NULL, NULL, ACCEPT,
    "Somebody that may call this data service."};

static const struct k8s_field TOPIC[] = {
    {"name", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "Name of the topic."},
    {"partitions", K8S_INT, 0, "12", "1..10000", NULL, "Its partitions."},
    {"replicas", K8S_INT, 0, "3", "1..100", NULL, "Copies of each."},
    {"retention", K8S_DURATION, 0, NULL, NULL, NULL, "How long messages are kept."},
    K8S_END,
};
static const struct k8s_map TOPIC_MAP = {"Topic", "name", NULL, TOPIC, "A topic."};

static const struct k8s_field DATA[] = {
    {"owner", K8S_TEXT, K8S_NEEDED, NULL, NULL, NULL, "Team that answers for it."},
    {"onCall", K8S_TEXT, 0, NULL, NULL, NULL, "Route of alerts to the people on call."},
    {"class", K8S_ENUM, 0, "standard", "standard|pci", NULL, "As of a Service."},
    {"engine", K8S_ENUM, K8S_NEEDED, NULL,
	"postgresql|mysql|mongodb|redis|redis-cluster|kafka|other", NULL, "What it is."},
    {"serviceAccount", K8S_NAME, 0, NULL, NULL, NULL,
	"Its Kubernetes service account; without it the document's name."},
    {"identity", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_IDENTITY, "Registration."},
    {"operator", K8S_MAP, 0, NULL, NULL, &OPERATOR_MAP, "Who runs it."},
    {"workload", K8S_MAP, K8S_NEEDED, NULL, NULL, &K8S_WORKLOAD, "Its pods."},
    {"service", K8S_ENUM, 0, "generated", "generated|existing", NULL,
	"existing: its Kubernetes Services belong to somebody else, such as the operator."},
    {"headless", K8S_BOOL, 0, "false", NULL, NULL, "Clients reach single pods by address."},
    {"brokers", K8S_INT, 0, NULL, "1..1000", NULL,
	"Kafka: brokers; each has a Service, which its advertised.listeners must name."},
    {"authentication", K8S_ENUM, 0, "none", "none|scram-sha-256|scram-sha-512", NULL,
	"How clients prove to the database who they are; rights of topics need it."},
    {"ports", K8S_MAP, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, &PORT_MAP, "Its ports."},
    {"accepts", K8S_MAP, K8S_LIST, NULL, NULL, &ACCEPT_MAP, "Who may call it."},
    {"maxConnections", K8S_INT, K8S_NEEDED, NULL, "1..1000000", NULL,
	"Connections that the database takes."},
    {"reservedConnections", K8S_INT, 0, "0", "0..1000000", NULL,
	"Of these, what is kept for people, backups and replication."},
    {"poolMaxLifetime", K8S_DURATION, 0, "30m", NULL, NULL,
	"How long applications keep a connection; idle timeouts of proxies are above it."},
    {"idleTimeout", K8S_DURATION, 0, NULL, NULL, NULL,
	"Silence after which proxies close a connection, 0s: never; without it derived."},
    {"connectTimeout", K8S_DURATION, 0, "3s", NULL, NULL, "Longest wait for a connection."},
    {"keepalive", K8S_MAP, K8S_ALWAYS, NULL, NULL, &KEEPALIVE_MAP, "TCP keepalive."},
    {"breaker", K8S_MAP, 0, NULL, NULL, &K8S_BREAKER,
	"Circuit breaker; never where there is a primary, which could be ejected."},
    {"backup", K8S_MAP, 0, NULL, NULL, &BACKUP_MAP, "Backups."},
    {"topics", K8S_MAP, K8S_LIST, NULL, NULL, &TOPIC_MAP, "Topics of Kafka."},
    {"resources", K8S_MAP, 0, NULL, NULL, &K8S_RESOURCES, "Of the database."},
    {"proxy", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_PROXY, "Of the proxy."},
    {"environments", K8S_EACH, K8S_TOP, NULL, NULL, &K8S_DATA_SPEC,
	"What differs in an environment."},
    K8S_END,
};
const struct k8s_map K8S_DATA_SPEC = {"DataService", NULL, NULL, DATA,
    "A database, cache or broker in the mesh."};

static const struct k8s_field TLS[] = {
    {"originate", K8S_BOOL, 0, "true", NULL, NULL,
	"The egress gateway makes the TLS connection; false: the application does."},
    {"sni", K8S_HOST, 0, NULL, NULL, NULL, "Server name asked for; without it the host."},
    {"subjectAltNames", K8S_HOST, K8S_LIST, NULL, NULL, NULL,
	"Names, one of which its certificate must have; without it the host."},
    {"minVersion", K8S_ENUM, 0, "1.2", "1.2", NULL,
	"Lowest version of TLS, in quotes; Istio has no setting for a higher one here."},
    {"caSecret", K8S_NAME, 0, NULL, NULL, NULL,
	"Secret in the gateway's namespace with a private CA (key ca.crt); without it the "
	"public ones."},
    K8S_END,
};
static const struct k8s_map TLS_MAP = {"ExternalTls", NULL, NULL, TLS,
    "TLS to an external service."};

static const struct k8s_field EXTERNAL[] = {
    {"owner", K8S_TEXT, K8S_NEEDED, NULL, NULL, NULL, "Team that answers for it."},
    {"hosts", K8S_HOST, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, NULL, "Its DNS names."},
    {"port", K8S_INT, 0, "443", K8S_PORT, NULL, "Its port."},
    {"protocol", K8S_ENUM, 0, "https", "https|tls|http|tcp", NULL, "What it speaks."},
    {"tls", K8S_MAP, K8S_ALWAYS, NULL, NULL, &TLS_MAP, "TLS."},
    {"callers", K8S_NAME, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, NULL,
	"Services that may call it: in this namespace, or the only ones of that name."},
    {"gateway", K8S_NAME, K8S_NEEDED, NULL, NULL, NULL,
	"Egress gateway; there is no way around it."},
    {"timeout", K8S_DURATION, 0, "4s", NULL, NULL,
	"Longest a request may take; less than a Service's default, which waits for it."},
    {"retries", K8S_MAP, 0, NULL, NULL, &K8S_RETRIES,
	"Retries of every method; without it none. Never for a caller of class pci."},
    {"idempotent", K8S_BOOL, 0, "false", NULL, NULL,
	"Doing any request twice does no more than once; without it only what did not arrive is retried."},
    {"pool", K8S_MAP, 0, NULL, NULL, &K8S_POOL, "Limits of connections."},
    {"requestsPerConnection", K8S_INT, 0, NULL, "1..1000000", NULL,
	"Requests after which a connection is replaced."},
    {"environments", K8S_EACH, K8S_TOP, NULL, NULL, &K8S_EXTERNAL_SPEC,
	"What differs in an environment."},
    K8S_END,
};
const struct k8s_map K8S_EXTERNAL_SPEC = {"ExternalService", NULL, NULL, EXTERNAL,
    "Somebody outside that the mesh calls, through an egress gateway."};
