/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of the model as JSON Schema 2020-12, from one table for each map. Tests hold models of
 * real inventories against it; nothing may stand in a model that is not here.
 */
#include <string.h>

#include "k8s/model_int.h"

#define SCHEMA "https://json-schema.org/draft/2020-12/schema"

enum type {
	TYPE_INVALID = 0,
	TEXT,
	INT,
	NUMBER,
	BOOL,
	FLAG,   /* true, or not there */
	TEXTS,  /* list of texts */
	LABELS, /* any keys, texts */
	WHOLE,  /* copied from the inventory, whose schema holds */
	WHOLES, /* list of such */
	MAP,
	MAPS /* list of maps */
};

struct field {
	const char *key;
	enum type type;
	bool optional;
	const struct field *of; /* of MAP and MAPS */
};

#define NEED(key, type) {key, type, false, NULL}
#define MAY(key, type) {key, type, true, NULL}
#define END {NULL, TYPE_INVALID, false, NULL}
#define WORKLOAD_IDENTITY \
	NEED("serviceAccount", TEXT), NEED("principal", TEXT), NEED("spiffeId", TEXT), MAY("certificateTtl", TEXT)

/* --- mesh and environment --- */
static const struct field ISTIO[] = {NEED("namespace", TEXT), MAY("version", TEXT), END};
static const struct field AUTHORITY[] = {NEED("namespace", TEXT), NEED("service", TEXT),
    NEED("serviceAccount", TEXT), NEED("address", TEXT), NEED("port", INT), END};
static const struct field MONITORING[] = {NEED("namespace", TEXT), NEED("serviceAccount", TEXT),
    NEED("principal", TEXT), END};
static const struct field MESH[] = {NEED("name", TEXT), MAY("delivery", TEXT),
    MAY("progressiveDelivery", TEXT), {"istio", MAP, false, ISTIO},
    {"authority", MAP, false, AUTHORITY}, {"monitoring", MAP, true, MONITORING}, END};
static const struct field CLUSTER[] = {NEED("name", TEXT), MAY("region", TEXT), MAY("role", TEXT),
    END};
static const struct field REVISION[] = {NEED("name", TEXT), MAY("tag", TEXT), END};
static const struct field REGISTRY[] = {MAY("REGISTRY_ONLY", FLAG), END};
static const struct field ISTIOD[] = {NEED("caAddress", TEXT), NEED("env", LABELS),
    NEED("trustDomain", TEXT), NEED("trustDomainAliases", TEXTS), NEED("proxyMetadata", LABELS),
    END};
static const struct field PUBLISH[] = {NEED("kind", TEXT), NEED("name", TEXT),
    MAY("namespace", TEXT), MAY("namespaces", TEXTS), NEED("keys", TEXTS), NEED("why", TEXT), END};
static const struct field ENVIRONMENT[] = {NEED("name", TEXT), NEED("trustDomain", TEXT),
    NEED("trustDomainAliases", TEXTS), NEED("registration", TEXT),
    {"clusters", MAPS, false, CLUSTER}, MAY("revision", TEXT),
    {"revisions", MAPS, false, REVISION}, NEED("profile", TEXT), NEED("mtls", TEXT),
    NEED("outbound", TEXT), NEED("networkPolicy", BOOL), NEED("traceSampling", NUMBER),
    NEED("faultsAllowed", BOOL), NEED("workloadTtl", TEXT), NEED("rotateAt", TEXT),
    MAY("keyTypes", TEXTS), MAY("meshMinVersion", TEXT), {"registry", MAP, true, REGISTRY},
    {"istiod", MAP, false, ISTIOD}, {"publish", MAPS, false, PUBLISH}, END};

/* --- namespaces --- */
static const struct field ACCOUNT[] = {NEED("name", TEXT), MAY("owner", TEXT),
    NEED("automount", BOOL), END};
static const struct field NAMESPACE[] = {NEED("name", TEXT), NEED("kind", TEXT),
    MAY("create", FLAG), NEED("injected", BOOL), MAY("revision", TEXT), MAY("podSecurity", TEXT),
    MAY("labels", LABELS), NEED("enforce", BOOL), NEED("observe", BOOL), NEED("mtls", TEXT),
    MAY("pci", FLAG), MAY("strangers", FLAG), NEED("sidecarHosts", TEXTS), MAY("outbound", TEXT),
    {"accounts", MAPS, false, ACCOUNT},
    NEED("owners", TEXTS), END};

/* --- what workloads have in common --- */
static const struct field POD[] = {NEED("kind", TEXT), NEED("name", TEXT), END};
static const struct field PLAINTEXT[] = {NEED("reason", TEXT), MAY("callers", WHOLES), END};
static const struct field PORT[] = {NEED("name", TEXT), NEED("declared", TEXT),
    NEED("protocol", TEXT), NEED("appProtocol", TEXT), NEED("port", INT),
    NEED("workloadPort", INT), MAY("http", FLAG), MAY("tcp", FLAG), MAY("grpc", FLAG),
    MAY("peer", FLAG), MAY("monitoring", FLAG), {"plaintext", MAP, true, PLAINTEXT}, END};
static const struct field PORT_MTLS[] = {NEED("port", INT), NEED("mode", TEXT),
    NEED("reason", TEXT), END};
static const struct field SUBSET[] = {NEED("name", TEXT), MAY("labels", LABELS), END};
static const struct field FROM[] = {NEED("kind", TEXT), NEED("name", TEXT),
    NEED("namespace", TEXT), END};
static const struct field WHEN[] = {NEED("key", TEXT), NEED("values", TEXTS), END};
static const struct field JWT_RULE[] = {MAY("methods", TEXTS), MAY("paths", TEXTS),
    NEED("requestPrincipals", TEXTS), {"when", MAPS, false, WHEN}, END};
static const struct field ALLOW_JWT[] = {NEED("issuer", TEXT), {"rules", MAPS, false, JWT_RULE},
    END};
static const struct field ALLOW[] = {NEED("name", TEXT), {"from", MAP, false, FROM},
    NEED("principals", TEXTS), NEED("ports", TEXTS), MAY("methods", TEXTS), MAY("paths", TEXTS),
    MAY("http", FLAG), MAY("tcp", FLAG), {"jwt", MAP, true, ALLOW_JWT}, END};
static const struct field BY_ADDRESS[] = {NEED("name", TEXT), NEED("declared", TEXT), NEED("ports", TEXTS),
    NEED("ipBlocks", TEXTS), NEED("reason", TEXT), END};
static const struct field SIDECAR[] = {NEED("hosts", TEXTS), MAY("outbound", TEXT), END};
static const struct field CALLEE[] = {NEED("kind", TEXT), NEED("name", TEXT),
    NEED("namespace", TEXT), NEED("host", TEXT), NEED("port", INT), NEED("workloadPort", INT),
    MAY("timeout", TEXT), END};
static const struct field PEER_PORT[] = {NEED("port", INT), NEED("protocol", TEXT), END};
static const struct field PEER[] = {NEED("why", TEXT), MAY("namespace", TEXT),
    MAY("selector", LABELS), MAY("ipBlocks", TEXTS), {"ports", MAPS, false, PEER_PORT}, END};
static const struct field NETWORK[] = {{"ingress", MAPS, false, PEER},
    {"egress", MAPS, false, PEER}, END};
static const struct field TELEMETRY[] = {NEED("redact", TEXTS), MAY("noQuery", FLAG),
    MAY("noAuthorization", FLAG), END};

/* --- traffic, in Istio's words --- */
static const struct field BALANCER[] = {NEED("simple", TEXT), MAY("warmup", LABELS), END};
static const struct field TCP_POOL[] = {MAY("maxConnections", INT), MAY("connectTimeout", TEXT),
    MAY("tcpKeepalive", WHOLE), MAY("idleTimeout", TEXT), END};
static const struct field HTTP_POOL[] = {MAY("http1MaxPendingRequests", INT),
    MAY("http2MaxRequests", INT), MAY("maxRequestsPerConnection", INT), MAY("idleTimeout", TEXT),
    END};
static const struct field POOL[] = {{"tcp", MAP, false, TCP_POOL}, {"http", MAP, true, HTTP_POOL},
    END};
static const struct field OUTLIER[] = {MAY("consecutive5xxErrors", INT),
    MAY("consecutiveGatewayErrors", INT), MAY("interval", TEXT), MAY("baseEjectionTime", TEXT),
    MAY("maxEjectionPercent", INT), MAY("minHealthPercent", INT), END};
static const struct field POLICY[] = {{"loadBalancer", MAP, true, BALANCER},
    {"connectionPool", MAP, false, POOL}, {"outlierDetection", MAP, true, OUTLIER}, END};
static const struct field NUMBERED[] = {NEED("number", INT), END};
static const struct field DESTINATION[] = {NEED("host", TEXT), NEED("subset", TEXT),
    {"port", MAP, false, NUMBERED}, END};
static const struct field WEIGHTED[] = {{"destination", MAP, false, DESTINATION},
    NEED("weight", INT), END};
static const struct field STRING_MATCH[] = {MAY("exact", TEXT), MAY("prefix", TEXT),
    MAY("regex", TEXT), END};
static const struct field MATCH[] = {{"method", MAP, true, STRING_MATCH},
    {"uri", MAP, true, STRING_MATCH}, MAY("port", INT), END};
static const struct field RETRIES[] = {NEED("attempts", INT), MAY("perTryTimeout", TEXT),
    MAY("retryOn", TEXT), MAY("backoff", TEXT), END};
static const struct field PERCENTAGE[] = {NEED("value", NUMBER), END};
static const struct field DELAY[] = {{"percentage", MAP, false, PERCENTAGE},
    NEED("fixedDelay", TEXT), END};
static const struct field ABORT[] = {{"percentage", MAP, false, PERCENTAGE},
    NEED("httpStatus", INT), END};
static const struct field FAULT[] = {{"delay", MAP, true, DELAY}, {"abort", MAP, true, ABORT}, END};
static const struct field ROUTE[] = {NEED("name", TEXT), {"match", MAPS, true, MATCH},
    MAY("methods", TEXTS), MAY("timeout", TEXT), {"retries", MAP, false, RETRIES},
    {"destinations", MAPS, false, WEIGHTED}, {"fault", MAP, true, FAULT},
    MAY("faultExpires", TEXT), MAY("idempotent", FLAG), END};
static const struct field TCP_ROUTE[] = {NEED("name", TEXT), NEED("port", INT),
    {"destination", MAP, false, DESTINATION}, END};
static const struct field AT_GATEWAY[] = {NEED("name", TEXT), NEED("namespace", TEXT),
    NEED("ref", TEXT), END};
static const struct field EXPOSED[] = {{"gateway", MAP, false, AT_GATEWAY}, NEED("hosts", TEXTS),
    {"routes", MAPS, false, ROUTE}, END};

/* --- services --- */
static const struct field BUDGET[] = {NEED("own", TEXT), NEED("worst", TEXT), END};
static const struct field JWT[] = {NEED("provider", TEXT), NEED("issuer", TEXT),
    NEED("jwksUri", TEXT), NEED("audiences", TEXTS), MAY("fromHeaders", WHOLES),
    NEED("forwardOriginalToken", BOOL), MAY("outputClaimToHeaders", WHOLES),
    MAY("spaceDelimitedClaims", TEXTS), END};
static const struct field ANALYSIS[] = {MAY("successRate", TEXT), MAY("latency", TEXT),
    MAY("minimumRequests", INT), MAY("interval", TEXT), MAY("failures", INT),
    NEED("failureLimit", INT), END};
static const struct field ROLLOUT[] = {MAY("strategy", TEXT), MAY("canary", FLAG),
    MAY("blueGreen", FLAG), NEED("stableSubset", TEXT), MAY("canarySubset", TEXT),
    MAY("steps", WHOLES), {"analysis", MAP, true, ANALYSIS}, END};
static const struct field USED_TOPIC[] = {NEED("name", TEXT), NEED("access", TEXT),
    MAY("group", TEXT), NEED("data", TEXT), NEED("namespace", TEXT), END};

#define PLACE \
	NEED("name", TEXT), NEED("namespace", TEXT), NEED("host", TEXT), MAY("owner", TEXT), \
	    MAY("onCall", TEXT)
#define APPLIES NEED("enforce", BOOL), NEED("observe", BOOL), NEED("mtls", TEXT)
#define POD_WORKLOAD \
	NEED("class", TEXT), MAY("pci", FLAG), WORKLOAD_IDENTITY, NEED("selector", LABELS), \
	    {"workload", MAP, false, POD}, MAY("generate", FLAG), APPLIES, \
	    {"ports", MAPS, false, PORT}, {"portMtls", MAPS, true, PORT_MTLS}, \
	    MAY("portLevelMtls", WHOLE), {"subsets", MAPS, false, SUBSET}, \
	    {"allow", MAPS, false, ALLOW}, {"byAddress", MAPS, false, BY_ADDRESS}, \
	    {"sidecar", MAP, false, SIDECAR}, \
	    {"callees", MAPS, false, CALLEE}, {"network", MAP, false, NETWORK}, \
	    {"telemetry", MAP, false, TELEMETRY}, MAY("proxy", WHOLE), MAY("probes", WHOLE), \
	    MAY("resources", WHOLE), MAY("scaling", WHOLE), MAY("objectives", WHOLE)

static const struct field SERVICE[] = {PLACE, POD_WORKLOAD, MAY("managementPort", INT),
    {"policy", MAP, false, POLICY}, {"routes", MAPS, false, ROUTE},
    {"tcpRoutes", MAPS, false, TCP_ROUTE}, {"exposed", MAPS, false, EXPOSED},
    {"budget", MAP, false, BUDGET}, {"jwt", MAP, true, JWT}, {"rollout", MAP, true, ROLLOUT},
    {"topics", MAPS, false, USED_TOPIC}, END};

/* --- data services --- */
static const struct field HOST[] = {NEED("host", TEXT), NEED("name", TEXT), MAY("role", TEXT),
    {"ports", MAPS, false, PORT}, {"policy", MAP, false, POLICY}, END};
static const struct field BROKER[] = {NEED("name", TEXT), NEED("host", TEXT),
    NEED("ordinal", INT), NEED("podName", TEXT), {"policy", MAP, false, POLICY}, END};
static const struct field CALLER_POOL[] = {NEED("caller", TEXT), NEED("namespace", TEXT),
    NEED("port", TEXT), NEED("size", INT), NEED("replicas", INT), NEED("total", INT), END};
static const struct field POOL_TOTAL[] = {NEED("host", TEXT), NEED("total", INT),
    MAY("limit", INT), END};
static const struct field BACKUP[] = {NEED("serviceAccount", TEXT), NEED("principal", TEXT),
    NEED("port", INT), NEED("workloadPort", INT), END};
static const struct field OPERATOR[] = {NEED("namespace", TEXT), NEED("serviceAccount", TEXT),
    NEED("principal", TEXT), MAY("kind", TEXT), END};
static const struct field ACL[] = {NEED("topic", TEXT), NEED("access", TEXT), MAY("group", TEXT),
    END};
static const struct field USER[] = {NEED("name", TEXT), NEED("serviceAccount", TEXT),
    NEED("namespace", TEXT), NEED("principal", TEXT), {"acls", MAPS, false, ACL}, END};
static const struct field DATA[] = {PLACE, POD_WORKLOAD, NEED("engine", TEXT),
    MAY("headless", FLAG), MAY("maxConnections", INT), MAY("reservedConnections", INT),
    {"hosts", MAPS, false, HOST}, {"brokers", MAPS, false, BROKER},
    {"pools", MAPS, false, CALLER_POOL}, {"poolTotals", MAPS, false, POOL_TOTAL},
    NEED("poolTotal", INT), MAY("idleTimeout", TEXT), {"backup", MAP, true, BACKUP},
    {"operator", MAP, true, OPERATOR}, MAY("authentication", TEXT), {"users", MAPS, true, USER},
    NEED("topics", WHOLES), END};

/* --- gateways, external services --- */
static const struct field CERTIFICATE[] = {NEED("name", TEXT), NEED("namespace", TEXT),
    NEED("secretName", TEXT), MAY("issuerKind", TEXT), MAY("issuer", TEXT),
    MAY("challenge", TEXT), NEED("hosts", TEXTS), NEED("minProtocolVersion", TEXT), END};
static const struct field GATEWAY_ROUTE[] = {NEED("service", TEXT), NEED("namespace", TEXT),
    NEED("destination", TEXT), NEED("port", INT), NEED("workloadPort", INT), NEED("paths", TEXTS),
    END};
static const struct field GATEWAY_ALLOW[] = {NEED("name", TEXT), MAY("service", TEXT),
    MAY("hosts", TEXTS), MAY("paths", TEXTS), NEED("ports", TEXTS), MAY("principals", TEXTS),
    MAY("sni", TEXTS), END};
static const struct field IP_RULE[] = {NEED("name", TEXT), NEED("action", TEXT),
    MAY("paths", TEXTS), MAY("ports", TEXTS), MAY("remoteIpBlocks", TEXTS),
    MAY("notRemoteIpBlocks", TEXTS), END};
static const struct field PER_INSTANCE[] = {MAY("requestsPerSecond", INT), MAY("burst", INT),
    MAY("perClientPerMinute", INT), MAY("connections", INT), END};
static const struct field LIMITS[] = {MAY("requestsPerSecond", INT), MAY("burst", INT),
    MAY("perClientPerMinute", INT), MAY("connections", INT), MAY("bodyBytes", INT),
    {"perInstance", MAP, false, PER_INSTANCE}, END};
static const struct field WAF[] = {NEED("backend", TEXT), MAY("mode", TEXT), NEED("failure", TEXT),
    MAY("image", TEXT), MAY("sha256", TEXT), MAY("service", TEXT), MAY("host", TEXT),
    MAY("port", INT), NEED("engine", TEXT),
    NEED("failOpen", BOOL), NEED("failStrategy", TEXT), END};
static const struct field CALLER[] = {NEED("name", TEXT), NEED("namespace", TEXT),
    NEED("principal", TEXT), END};
static const struct field GATEWAY[] = {PLACE, MAY("ingress", FLAG), MAY("egress", FLAG),
    WORKLOAD_IDENTITY, NEED("selector", LABELS), APPLIES, NEED("hosts", TEXTS),
    NEED("allHosts", TEXTS), NEED("boundHosts", TEXTS), {"certificate", MAP, true, CERTIFICATE}, MAY("trustedProxies", INT),
    {"routes", MAPS, false, GATEWAY_ROUTE}, {"allow", MAPS, false, GATEWAY_ALLOW},
    {"ipRules", MAPS, false, IP_RULE}, {"limits", MAP, true, LIMITS}, {"waf", MAP, true, WAF},
    MAY("resources", WHOLE), MAY("scaling", WHOLE), {"network", MAP, false, NETWORK},
    NEED("externals", TEXTS), {"callers", MAPS, false, CALLER}, END};
static const struct field EXTERNAL_HOST[] = {NEED("host", TEXT), NEED("port", INT),
    NEED("sni", TEXT), NEED("subjectAltNames", TEXTS), END};
static const struct field ENTRY_PORT[] = {NEED("number", INT), NEED("name", TEXT),
    NEED("protocol", TEXT), END};
static const struct field EXTERNAL_TLS[] = {MAY("originate", FLAG), NEED("sni", TEXT),
    NEED("subjectAltNames", TEXTS), MAY("minVersion", TEXT), MAY("caSecret", TEXT), END};
static const struct field EGRESS[] = {NEED("name", TEXT), NEED("namespace", TEXT),
    NEED("ref", TEXT), NEED("host", TEXT), WORKLOAD_IDENTITY, NEED("selector", LABELS),
    NEED("port", INT), NEED("subset", TEXT), NEED("sni", TEXT), END};
static const struct field EXTERNAL[] = {NEED("name", TEXT), NEED("namespace", TEXT),
    MAY("owner", TEXT), NEED("protocol", TEXT), {"hosts", MAPS, false, EXTERNAL_HOST},
    NEED("addresses", TEXTS), NEED("layer", TEXT), NEED("exportTo", TEXTS),
    {"applicationPorts", MAPS, false, ENTRY_PORT}, {"ports", MAPS, false, ENTRY_PORT},
    NEED("applicationPort", INT), {"gateway", MAP, true, EGRESS},
    {"toGateway", MAP, true, DESTINATION}, {"tls", MAP, false, EXTERNAL_TLS},
    {"callers", MAPS, false, CALLER}, MAY("timeout", TEXT), {"retries", MAP, false, RETRIES},
    {"policy", MAP, false, POLICY}, MAY("pci", FLAG), END};

/* --- lists for reviews --- */
static const struct field IDENTITY[] = {NEED("namespace", TEXT), WORKLOAD_IDENTITY,
    MAY("owner", TEXT), NEED("state", TEXT), NEED("kind", TEXT), NEED("name", TEXT),
    MAY("external", FLAG), MAY("maxTtl", TEXT), MAY("keyTypes", TEXTS), MAY("dnsNames", TEXTS),
    END};
static const struct field EDGE_FROM[] = {NEED("kind", TEXT), NEED("namespace", TEXT),
    NEED("name", TEXT), NEED("principal", TEXT), END};
static const struct field EDGE_PORT[] = {NEED("name", TEXT), NEED("port", INT),
    NEED("workloadPort", INT), NEED("protocol", TEXT), END};
static const struct field EDGE[] = {{"from", MAP, false, EDGE_FROM}, {"to", MAP, false, FROM},
    {"ports", MAPS, false, EDGE_PORT}, MAY("methods", TEXTS), MAY("paths", TEXTS),
    NEED("why", TEXT), END};
static const struct field OBJECT[] = {NEED("kind", TEXT), NEED("namespace", TEXT),
    NEED("name", TEXT), END};
static const struct field EVIDENCE[] = {NEED("requirement", TEXT), NEED("service", TEXT),
    NEED("namespace", TEXT), NEED("what", TEXT), {"objects", MAPS, false, OBJECT}, END};

static const struct field MODEL[] = {NEED("version", INT), {"mesh", MAP, false, MESH},
    {"environment", MAP, false, ENVIRONMENT}, {"namespaces", MAPS, false, NAMESPACE},
    {"services", MAPS, false, SERVICE}, {"dataServices", MAPS, false, DATA},
    {"gateways", MAPS, false, GATEWAY}, {"externals", MAPS, false, EXTERNAL},
    {"identities", MAPS, false, IDENTITY}, {"edges", MAPS, false, EDGE},
    {"evidence", MAPS, false, EVIDENCE}, END};

/* --- the tables as a schema --- */
static const struct base_origin HERE = {.file = "built-in"};

static const struct base_tree *
typed(struct base_arena *arena, const char *type)
{
	struct base_tree_build *map = base_tree_map(arena, &HERE);

	base_tree_put(map, "type", base_tree_string(arena, type, &HERE));
	return base_tree_done(map);
}

static const struct base_tree *
list_of(struct base_arena *arena, const struct base_tree *items)
{
	struct base_tree_build *map = base_tree_map(arena, &HERE);

	base_tree_put(map, "type", base_tree_string(arena, "array", &HERE));
	base_tree_put(map, "items", items);
	return base_tree_done(map);
}

static const struct base_tree *
flag(struct base_arena *arena)
{
	struct base_tree_build *map = base_tree_map(arena, &HERE);

	base_tree_put(map, "const", base_tree_boolean(arena, true, &HERE));
	return base_tree_done(map);
}

static const struct base_tree *
labels(struct base_arena *arena)
{
	struct base_tree_build *map = base_tree_map(arena, &HERE);

	base_tree_put(map, "type", base_tree_string(arena, "object", &HERE));
	base_tree_put(map, "additionalProperties", typed(arena, "string"));
	return base_tree_done(map);
}

static const struct base_tree *object(struct base_arena *arena, const struct field *fields);

/* The tables hold no circle, so this ends: MODEL is five deep at most below a route. */
static const struct base_tree *
value(struct base_arena *arena, const struct field *field)
{
	switch (field->type) {
	case TEXT:
		return typed(arena, "string");
	case INT:
		return typed(arena, "integer");
	case NUMBER:
		return typed(arena, "number");
	case BOOL:
		return typed(arena, "boolean");
	case FLAG:
		return flag(arena);
	case TEXTS:
		return list_of(arena, typed(arena, "string"));
	case LABELS:
		return labels(arena);
	case WHOLE:
		return typed(arena, "object");
	case WHOLES:
		return list_of(arena, typed(arena, "object"));
	case MAP:
		return object(arena, field->of);
	case MAPS:
		return list_of(arena, object(arena, field->of));
	case TYPE_INVALID:
		break;
	}
	return NULL;
}

static void
put_object(struct base_arena *arena, struct base_tree_build *map, const struct field *fields)
{
	struct base_tree_build *properties = base_tree_map(arena, &HERE);
	struct base_tree_build *required = base_tree_list(arena, &HERE);

	for (const struct field *field = fields; field->key != NULL; field++) {
		base_tree_put(properties, field->key, value(arena, field));
		if (!field->optional) {
			base_tree_push(required, base_tree_string(arena, field->key, &HERE));
		}
	}
	base_tree_put(map, "type", base_tree_string(arena, "object", &HERE));
	base_tree_put(map, "properties", base_tree_done(properties));
	base_tree_put(map, "required", base_tree_done(required));
	base_tree_put(map, "additionalProperties", base_tree_boolean(arena, false, &HERE));
}

static const struct base_tree *
object(struct base_arena *arena, const struct field *fields)
{
	struct base_tree_build *map = base_tree_map(arena, &HERE);

	put_object(arena, map, fields);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_schema(struct base_arena *arena)
{
	struct base_tree_build *map = base_tree_map(arena, &HERE);

	base_tree_put(map, "$schema", base_tree_string(arena, SCHEMA, &HERE));
	base_tree_put(map, "title",
	    base_tree_string(arena,
		base_arena_printf(arena, "Model of one environment, version %d", K8S_MODEL_VERSION),
		&HERE));
	put_object(arena, map, MODEL);
	return base_tree_done(map);
}
