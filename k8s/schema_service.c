/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of kind Service. */
#include "k8s/schema_parts.h"

static const struct k8s_field PORT[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL,
	"Name of the port; also what a workload's port is held against."},
    {"protocol", K8S_ENUM, K8S_REQUIRED, NULL,
	"http|http2|https|grpc|grpc-web|tcp|tls|mongo|mysql|redis", NULL,
	"A word that Istio knows (others are guessed from traffic); for postgres or kafka: tcp."},
    {"port", K8S_INT, K8S_REQUIRED, NULL, K8S_PORT, NULL, "Port of the Service."},
    {"targetPort", K8S_INT, 0, NULL, K8S_PORT, NULL,
	"Port of the workload, which policies name; without it port."},
    {"plaintext", K8S_MAP, 0, NULL, NULL, &K8S_PLAINTEXT, "Takes connections without mTLS."},
    K8S_END,
};
static const struct k8s_map PORT_MAP = {"Port", "name", NULL, PORT, "A port of a service."};

static const struct k8s_field PROBES[] = {
    {"liveness", K8S_FILE_PATH, 0, NULL, NULL, NULL, "Path of the liveness probe."},
    {"readiness", K8S_FILE_PATH, 0, NULL, NULL, NULL, "Path of the readiness probe."},
    {"startup", K8S_FILE_PATH, 0, NULL, NULL, NULL, "Path of the startup probe."},
    {"managementPort", K8S_INT, 0, NULL, K8S_PORT, NULL,
	"Port that answers probes, when it is not a port of the service; no caller reaches it."},
    K8S_END,
};
static const struct k8s_map PROBES_MAP = {"Probes", NULL, NULL, PROBES,
    "How the kubelet asks after the application; the injector sends it through port 15020."};

static const struct k8s_field CALL_POOL[] = {
    {"size", K8S_INT, K8S_REQUIRED, NULL, "1..100000", NULL,
	"Connections that each pod holds at most; times the most pods it must fit the database."},
    K8S_END,
};
static const struct k8s_map CALL_POOL_MAP = {"CallPool", NULL, NULL, CALL_POOL,
    "The application's own pool of connections."};

static const struct k8s_field CALL_TOPIC[] = {
    {"name", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "Topic of the DataService."},
    {"access", K8S_ENUM, K8S_REQUIRED, NULL, "read|write|read-write", NULL,
	"What it may do there."},
    {"group", K8S_NAME, 0, NULL, NULL, NULL, "Consumer group; needed to read."},
    K8S_END,
};
static const struct k8s_map CALL_TOPIC_MAP = {"CallTopic", "name", NULL, CALL_TOPIC,
    "A topic that is used."};

static const struct k8s_field CALL[] = {
    {"service", K8S_NAME, 0, NULL, NULL, NULL, "Name of a Service."},
    {"data", K8S_NAME, 0, NULL, NULL, NULL, "Name of a DataService."},
    {"external", K8S_NAME, 0, NULL, NULL, NULL, "Name of an ExternalService."},
    {"namespace", K8S_LABEL, 0, NULL, NULL, NULL,
	"Its namespace; without it the caller's own, or the only one that has such a name."},
    {"port", K8S_LABEL, 0, NULL, NULL, NULL,
	"Name of its port; without it all that it accepts, with methods or paths those that speak HTTP."},
    {"methods", K8S_ENUM, K8S_LIST | K8S_SOME, NULL, K8S_METHODS, NULL,
	"HTTP methods; without it all that the callee accepts."},
    {"paths", K8S_PATH, K8S_LIST | K8S_SOME, NULL, NULL, NULL,
	"HTTP paths; without it all that the callee accepts."},
    {"timeout", K8S_DURATION, 0, NULL, NULL, NULL,
	"How long this caller waits, when it is less than the callee's own timeout."},
    {"asynchronous", K8S_BOOL, 0, "false", NULL, NULL,
	"No request waits for it, so it needs no room in timeouts."},
    {"pool", K8S_MAP, 0, NULL, NULL, &CALL_POOL_MAP, "The application's pool, for data."},
    {"topics", K8S_MAP, K8S_LIST, NULL, NULL, &CALL_TOPIC_MAP, "Topics used, for Kafka."},
    K8S_END,
};
static const struct k8s_map CALL_MAP = {"Call", NULL, "service|data|external", CALL,
    "Somebody that this service calls. It gives no access: the callee must accept it."};

static const struct k8s_field ACCEPT[] = {
    {"from", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "Name of the Service that calls."},
    {"namespace", K8S_LABEL, 0, NULL, NULL, NULL,
	"Its namespace; without it the callee's own, or the only one that has such a name."},
    {"ports", K8S_LABEL, K8S_LIST | K8S_SOME, NULL, NULL, NULL,
	"Names of ports it may use; without it all that are not for peers or monitoring, with methods or "
	"paths those that speak HTTP."},
    {"methods", K8S_ENUM, K8S_LIST | K8S_SOME, NULL, K8S_METHODS, NULL,
	"HTTP methods it may use; without it all."},
    {"paths", K8S_PATH, K8S_LIST | K8S_SOME, NULL, NULL, NULL,
	"HTTP paths it may use; without it all."},
    K8S_END,
};
static const struct k8s_map ACCEPT_MAP = {"Accept", NULL, NULL, ACCEPT,
    "Somebody that may call this service."};

static const struct k8s_field ROUTE[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL,
	"Name of the route; patches and filters hold on to it."},
    {"methods", K8S_ENUM, K8S_LIST | K8S_SOME, NULL, K8S_METHODS, NULL,
	"Methods it matches; without it all."},
    {"paths", K8S_PATH, K8S_LIST | K8S_SOME, NULL, NULL, NULL,
	"Paths it matches; without it all."},
    {"idempotent", K8S_BOOL, 0, "false", NULL, NULL,
	"Doing it twice does no more than once; only such routes are retried."},
    {"timeout", K8S_DURATION, 0, NULL, NULL, NULL, "Without it the service's."},
    {"retries", K8S_MAP, K8S_PART, NULL, NULL, &K8S_RETRIES,
	"What differs from the service's retries."},
    K8S_END,
};
static const struct k8s_map ROUTE_MAP = {"Route", "name", NULL, ROUTE,
    "Requests that are treated alike. The first route that matches counts."};

static const struct k8s_field JWT_RULE[] = {
    {"methods", K8S_ENUM, K8S_LIST | K8S_SOME, NULL, K8S_METHODS, NULL,
	"Methods; without it all."},
    {"paths", K8S_PATH, K8S_LIST | K8S_SOME, NULL, NULL, NULL, "Paths; without it all."},
    {"claims", K8S_WORDS, 0, NULL, NULL, NULL,
	"Claims that the token must have, each with one of these values."},
    K8S_END,
};
static const struct k8s_map JWT_RULE_MAP = {"TokenRule", NULL, NULL, JWT_RULE,
    "Requests that a token gives access to."};

static const struct k8s_field JWT[] = {
    {"provider", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "Name of an IdentityProvider."},
    {"rules", K8S_MAP, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, &JWT_RULE_MAP,
	"What tokens give access to; everything else is refused."},
    {"from", K8S_ENUM, K8S_LIST | K8S_SOME, "gateway", "gateway|services", NULL,
	"Whose requests need a token."},
    K8S_END,
};
static const struct k8s_map JWT_MAP = {"Tokens", NULL, NULL, JWT,
    "Tokens of people, checked by the service's own proxy."};

static const struct k8s_field LOGGING[] = {
    {"redact", K8S_ENUM, K8S_LIST, NULL, "query|authorization|cookie|client-address|user-agent",
	NULL, "What access logs and traces must not hold."},
    K8S_END,
};
static const struct k8s_map LOGGING_MAP = {"Logging", NULL, NULL, LOGGING, "Access logs."};

static const struct k8s_field OBJECTIVES[] = {
    {"availability", K8S_PERCENT, 0, "99.9", NULL, NULL, "Part of requests that succeed."},
    {"latency", K8S_DURATION, 0, "500ms", NULL, NULL, "99 of 100 requests take no longer."},
    K8S_END,
};
static const struct k8s_map OBJECTIVES_MAP = {"Objectives", NULL, NULL, OBJECTIVES,
    "What the owner promises; alerts hold it to this."};

static const struct k8s_field STEP[] = {
    {"weight", K8S_INT, K8S_REQUIRED, NULL, "1..100", NULL, "Percent that goes to the new one."},
    {"pause", K8S_DURATION, 0, NULL, NULL, NULL, "Wait before the next step."},
    K8S_END,
};
static const struct k8s_map STEP_MAP = {"RolloutStep", NULL, NULL, STEP, "A step of a canary."};

static const struct k8s_field ANALYSIS[] = {
    {"successRate", K8S_PERCENT, 0, "99", NULL, NULL, "Lowest part of requests that succeed."},
    {"latency", K8S_DURATION, 0, "500ms", NULL, NULL, "Highest 99th percentile."},
    {"minimumRequests", K8S_INT, 0, "50", "1..1000000000", NULL,
	"Requests in an interval below which nothing is known: no traffic never promotes."},
    {"interval", K8S_DURATION, 0, "1m", NULL, NULL, "Time between two looks."},
    {"failures", K8S_INT, 0, "2", "1..100", NULL, "Bad looks after which it is rolled back."},
    K8S_END,
};
static const struct k8s_map ANALYSIS_MAP = {"Analysis", NULL, NULL, ANALYSIS,
    "When a new version is good enough."};

static const struct k8s_field ROLLOUT[] = {
    {"strategy", K8S_ENUM, 0, "canary", "canary|blue-green", NULL, "How new versions come."},
    {"steps", K8S_MAP, K8S_LIST, NULL, NULL, &STEP_MAP, "Steps of a canary."},
    {"analysis", K8S_MAP, K8S_ALWAYS, NULL, NULL, &ANALYSIS_MAP, "Criteria of success."},
    K8S_END,
};
static const struct k8s_map ROLLOUT_MAP = {"Rollout", NULL, NULL, ROLLOUT,
    "Progressive delivery; needs a workload of kind Rollout."};

static const struct k8s_field FAULT_DELAY[] = {
    {"percent", K8S_PERCENT, K8S_REQUIRED, NULL, NULL, NULL, "Part of the requests."},
    {"duration", K8S_DURATION, K8S_REQUIRED, NULL, NULL, NULL, "How long they wait."},
    K8S_END,
};
static const struct k8s_map FAULT_DELAY_MAP = {"FaultDelay", NULL, NULL, FAULT_DELAY,
    "Requests that are held back."};

static const struct k8s_field FAULT_ABORT[] = {
    {"percent", K8S_PERCENT, K8S_REQUIRED, NULL, NULL, NULL, "Part of the requests."},
    {"status", K8S_INT, K8S_REQUIRED, NULL, "400..599", NULL, "The answer they get."},
    K8S_END,
};
static const struct k8s_map FAULT_ABORT_MAP = {"FaultAbort", NULL, NULL, FAULT_ABORT,
    "Requests that are refused."};

static const struct k8s_field FAULT[] = {
    {"route", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Name of the route."},
    {"delay", K8S_MAP, 0, NULL, NULL, &FAULT_DELAY_MAP, "Hold requests back."},
    {"abort", K8S_MAP, 0, NULL, NULL, &FAULT_ABORT_MAP, "Refuse requests."},
    {"expires", K8S_DATE, 0, NULL, NULL, NULL, "Last day; needed."},
    K8S_END,
};
static const struct k8s_map FAULT_MAP = {"Fault", "route", NULL, FAULT,
    "A fault injected on purpose. Only where the environment allows it, and for a time."};

static const struct k8s_field SERVICE[] = {
    {"owner", K8S_TEXT, K8S_NEEDED, NULL, NULL, NULL, "Team that answers for it."},
    {"onCall", K8S_TEXT, 0, NULL, NULL, NULL, "Route of alerts to the people on call."},
    {"class", K8S_ENUM, 0, "standard", "standard|pci", NULL,
	"pci: handles card data; stricter rules apply and evidence is kept."},
    {"serviceAccount", K8S_NAME, 0, NULL, NULL, NULL,
	"Its Kubernetes service account; without it the document's name."},
    {"identity", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_IDENTITY, "Registration."},
    {"service", K8S_ENUM, 0, "generated", "generated|existing", NULL,
	"existing: the Kubernetes Service is yours and is not generated."},
    {"workload", K8S_MAP, K8S_NEEDED, NULL, NULL, &K8S_WORKLOAD, "Its pods."},
    {"ports", K8S_MAP, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, &PORT_MAP, "Its ports."},
    {"probes", K8S_MAP, 0, NULL, NULL, &PROBES_MAP, "Health."},
    {"calls", K8S_MAP, K8S_LIST, NULL, NULL, &CALL_MAP, "Whom it calls."},
    {"accepts", K8S_MAP, K8S_LIST, NULL, NULL, &ACCEPT_MAP, "Who may call it."},
    {"timeout", K8S_DURATION, 0, "5s", NULL, NULL, "Longest a request may take."},
    {"retries", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_RETRIES, "Retries."},
    {"routes", K8S_MAP, K8S_LIST, NULL, NULL, &ROUTE_MAP,
	"Its routes in order; one that matches everything is added when there is none."},
    {"balancing", K8S_ENUM, 0, "LEAST_REQUEST",
	"LEAST_REQUEST|LEAST_CONN|ROUND_ROBIN|RANDOM", NULL,
	"LEAST_CONN is an old name of LEAST_REQUEST."},
    {"warmup", K8S_DURATION, 0, NULL, NULL, NULL,
	"Time in which a new pod comes to its full share."},
    {"pool", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_POOL, "Limits of connections."},
    {"breaker", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_BREAKER, "Circuit breaker."},
    {"gateway", K8S_NAME, 0, NULL, NULL, NULL,
	"Ingress gateway of its gatewayPaths; without it the only one."},
    {"gatewayPaths", K8S_PATH, K8S_LIST, NULL, NULL, NULL,
	"Paths that the ingress gateway hands on to it; without it none."},
    {"jwt", K8S_MAP, 0, NULL, NULL, &JWT_MAP, "Tokens of people."},
    {"egressGateway", K8S_NAME, 0, NULL, NULL, NULL,
	"Egress gateway of its own; ExternalServices it calls must leave through it."},
    {"logging", K8S_MAP, 0, NULL, NULL, &LOGGING_MAP, "Access logs."},
    {"resources", K8S_MAP, 0, NULL, NULL, &K8S_RESOURCES, "Of the application."},
    {"proxy", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_PROXY, "Of the proxy."},
    {"scaling", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_SCALING, "How many pods."},
    {"objectives", K8S_MAP, K8S_ALWAYS, NULL, NULL, &OBJECTIVES_MAP, "Service levels."},
    {"rollout", K8S_MAP, 0, NULL, NULL, &ROLLOUT_MAP, "Progressive delivery."},
    {"faults", K8S_MAP, K8S_LIST, NULL, NULL, &FAULT_MAP, "Fault injection."},
    {"environments", K8S_EACH, K8S_TOP, NULL, NULL, &K8S_SERVICE_SPEC,
	"What differs in an environment."},
    K8S_END,
};
const struct k8s_map K8S_SERVICE_SPEC = {"Service", NULL, NULL, SERVICE,
    "An application in the mesh. One document per service."};
