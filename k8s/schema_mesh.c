/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the kinds Mesh and Environment, and what all documents have in common. */
#include "k8s/schema_parts.h"

static const struct k8s_field ISTIO[] = {
    {"namespace", K8S_LABEL, 0, "istio-system", NULL, NULL, "Where istiod runs."},
    {"version", K8S_VERSION, 0, "1.31", NULL, NULL, "Version that objects are written for."},
    K8S_END,
};
static const struct k8s_map ISTIO_MAP = {"Istio", NULL, NULL, ISTIO, "The control plane."};

static const struct k8s_field AUTHORITY[] = {
    {"namespace", K8S_LABEL, 0, "meshca", NULL, NULL, "Its namespace."},
    {"service", K8S_LABEL, 0, "meshca", NULL, NULL, "Its Kubernetes Service."},
    {"serviceAccount", K8S_NAME, 0, "meshca", NULL, NULL, "Its service account."},
    {"port", K8S_INT, 0, "15012", K8S_PORT, NULL, "Port on which proxies ask it."},
    K8S_END,
};
static const struct k8s_map AUTHORITY_MAP = {"Authority", NULL, NULL, AUTHORITY,
    "Where meshca itself runs in the cluster."};

static const struct k8s_field MONITORING[] = {
    {"namespace", K8S_LABEL, 0, "monitoring", NULL, NULL, "Its namespace."},
    {"serviceAccount", K8S_NAME, 0, "prometheus", NULL, NULL, "As whom it collects."},
    K8S_END,
};
static const struct k8s_map MONITORING_MAP = {"Monitoring", NULL, NULL, MONITORING,
    "Who collects metrics; its edges are derived."};

static const struct k8s_field NAMESPACE[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Its name."},
    {"injection", K8S_BOOL, 0, "true", NULL, NULL, "Pods get a proxy."},
    {"podSecurity", K8S_ENUM, 0, "restricted", "privileged|baseline|restricted", NULL,
	"Pod security standard; restricted needs Istio's CNI."},
    {"labels", K8S_TEXTS, 0, NULL, NULL, NULL, "Further labels of yours."},
    K8S_END,
};
static const struct k8s_map NAMESPACE_MAP = {"Namespace", "name", NULL, NAMESPACE,
    "A namespace of the mesh."};

static const struct k8s_field DEFAULTS[] = {
    {"service", K8S_MAP, K8S_PART, NULL, NULL, &K8S_SERVICE_SPEC, "For every Service."},
    {"dataService", K8S_MAP, K8S_PART, NULL, NULL, &K8S_DATA_SPEC, "For every DataService."},
    {"gateway", K8S_MAP, K8S_PART, NULL, NULL, &K8S_GATEWAY_SPEC, "For every Gateway."},
    {"externalService", K8S_MAP, K8S_PART, NULL, NULL, &K8S_EXTERNAL_SPEC,
	"For every ExternalService."},
    K8S_END,
};
static const struct k8s_map DEFAULTS_MAP = {"Defaults", NULL, NULL, DEFAULTS,
    "Defaults for documents of a kind."};

static const struct k8s_field MESH[] = {
    {"trustDomain", K8S_NAME, 0, "cluster.local", NULL, NULL,
	"Trust domain of identities, where an environment has no other."},
    {"istio", K8S_MAP, K8S_ALWAYS, NULL, NULL, &ISTIO_MAP, "The control plane."},
    {"authority", K8S_MAP, K8S_ALWAYS, NULL, NULL, &AUTHORITY_MAP, "meshca itself."},
    {"monitoring", K8S_MAP, K8S_ALWAYS, NULL, NULL, &MONITORING_MAP, "Metrics."},
    {"delivery", K8S_ENUM, 0, "argo-cd", "argo-cd|flux|none", NULL,
	"Who applies the files: whose waves and ignore rules are written."},
    {"progressiveDelivery", K8S_ENUM, 0, "argo-rollouts", "argo-rollouts|none", NULL,
	"Who shifts traffic to new versions."},
    {"namespaces", K8S_MAP, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, &NAMESPACE_MAP,
	"Its namespaces; those of gateways need not be here."},
    {"defaults", K8S_MAP, 0, NULL, NULL, &DEFAULTS_MAP, "Defaults in all environments."},
    K8S_END,
};
static const struct k8s_map MESH_MAP = {"Mesh", NULL, NULL, MESH,
    "What holds in every environment. An inventory has exactly one."};

static const struct k8s_field CLUSTER[] = {
    {"name", K8S_WORD, K8S_REQUIRED, NULL, NULL, NULL,
	"Istio's id of the cluster; Istio's own default is Kubernetes."},
    {"region", K8S_WORD, 0, NULL, NULL, NULL, "Region it runs in."},
    {"role", K8S_ENUM, 0, "primary", "primary|remote", NULL, "Has an istiod of its own."},
    K8S_END,
};
static const struct k8s_map CLUSTER_MAP = {"Cluster", "name", NULL, CLUSTER, "A cluster."};

static const struct k8s_field REVISION[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Revision, such as 1-31-0."},
    {"tag", K8S_LABEL, 0, NULL, NULL, NULL, "Tag that points to it."},
    K8S_END,
};
static const struct k8s_map REVISION_MAP = {"Revision", "name", NULL, REVISION,
    "A revision of istiod."};

static const struct k8s_field ENV_ISTIO[] = {
    {"version", K8S_VERSION, 0, NULL, NULL, NULL, "Without it the mesh's."},
    {"profile", K8S_ENUM, 0, "default", "default|stable", NULL,
	"Admission profile; stable refuses EnvoyFilter, WasmPlugin and ProxyConfig."},
    {"revisions", K8S_MAP, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, &REVISION_MAP,
	"Revisions installed."},
    {"tag", K8S_LABEL, K8S_NEEDED, NULL, NULL, NULL,
	"Tag or revision that namespaces carry in istio.io/rev."},
    K8S_END,
};
static const struct k8s_map ENV_ISTIO_MAP = {"EnvironmentIstio", NULL, NULL, ENV_ISTIO,
    "The control plane of an environment."};

static const struct k8s_field POLICIES[] = {
    {"mtls", K8S_ENUM, 0, "STRICT", "STRICT|PERMISSIVE", NULL,
	"STRICT refuses plaintext; PERMISSIVE takes it too."},
    {"outbound", K8S_ENUM, 0, "REGISTRY_ONLY", "REGISTRY_ONLY|ALLOW_ANY", NULL,
	"Hosts that nobody declared. No boundary by itself: networkPolicy is."},
    {"networkPolicy", K8S_BOOL, 0, "true", NULL, NULL, "NetworkPolicy for every edge."},
    {"traceSampling", K8S_PERCENT, 0, "1", NULL, NULL, "Part of requests that are traced."},
    {"faults", K8S_ENUM, 0, "forbidden", "allowed|forbidden", NULL, "Fault injection."},
    {"workloadTtl", K8S_DURATION, 0, "24h", NULL, NULL, "Lifetime of certificates."},
    {"rotateAt", K8S_RATIO, 0, "0.5", NULL, NULL,
	"Part of the lifetime after which proxies renew."},
    {"keyTypes", K8S_ENUM, K8S_LIST | K8S_SOME, "p-256|rsa-2048",
	"p-256|p-384|rsa-2048|rsa-3072|rsa-4096", NULL, "Keys that certificates may be for."},
    {"meshMinVersion", K8S_ENUM, 0, "1.2", "1.2|1.3", NULL,
	"Lowest version of TLS between proxies, in quotes."},
    K8S_END,
};
static const struct k8s_map POLICIES_MAP = {"Policies", NULL, NULL, POLICIES,
    "How strict an environment is."};

static const struct k8s_field ENV_NAMESPACE[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "A namespace of the mesh."},
    {"enforcement", K8S_ENUM, 0, "enforce", "enforce|observe", NULL,
	"observe: rules are written as dry runs, and only logs tell what they would refuse; no "
	"NetworkPolicy and no Sidecar cuts its pods off."},
    {"mtls", K8S_ENUM, 0, NULL, "STRICT|PERMISSIVE", NULL, "Without it the environment's."},
    K8S_END,
};
static const struct k8s_map ENV_NAMESPACE_MAP = {"EnvironmentNamespace", "name", NULL,
    ENV_NAMESPACE, "A namespace in an environment."};

static const struct k8s_field ENVIRONMENT[] = {
    {"clusters", K8S_MAP, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, &CLUSTER_MAP,
	"Its clusters; no two environments share one with the same namespaces."},
    {"istio", K8S_MAP, K8S_NEEDED, NULL, NULL, &ENV_ISTIO_MAP, "The control plane."},
    {"trustDomain", K8S_NAME, 0, NULL, NULL, NULL, "Without it the mesh's."},
    {"trustDomainAliases", K8S_NAME, K8S_LIST, NULL, NULL, NULL,
	"Former trust domains that are still accepted."},
    {"registration", K8S_ENUM, 0, "registered-only", "registered-only|open", NULL,
	"registered-only: once this is applied (meshca inventory apply), the authority certifies no "
	"account and no DNS name that is not in it. open: only what is registered is bound."},
    {"policies", K8S_MAP, K8S_ALWAYS, NULL, NULL, &POLICIES_MAP, "How strict it is."},
    {"namespaces", K8S_MAP, K8S_LIST, NULL, NULL, &ENV_NAMESPACE_MAP,
	"Namespaces that differ; all others enforce."},
    {"defaults", K8S_MAP, 0, NULL, NULL, &DEFAULTS_MAP, "Defaults here, over the mesh's."},
    K8S_END,
};
static const struct k8s_map ENVIRONMENT_MAP = {"Environment", NULL, NULL, ENVIRONMENT,
    "An environment: its clusters, its authority, its rules."};

static const struct k8s_field META_CLUSTER[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Its name, unique for the kind."},
    K8S_END,
};
const struct k8s_map K8S_META_CLUSTER = {"Metadata", NULL, NULL, META_CLUSTER,
    "The name of a document."};

/* Names of services and gateways are names of Kubernetes Services: labels. */
static const struct k8s_field META_NAMESPACED[] = {
    {"name", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL,
	"Its name, unique for kind and namespace."},
    {"namespace", K8S_LABEL, K8S_REQUIRED, NULL, NULL, NULL, "Its namespace."},
    K8S_END,
};
const struct k8s_map K8S_META_NAMESPACED = {"NamespacedMetadata", NULL, NULL, META_NAMESPACED,
    "Name and namespace of a document."};

const struct k8s_kind_info K8S_KINDS[K8S_KIND_COUNT] = {
    [K8S_MESH] = {"Mesh", NULL, NULL, false, &MESH_MAP},
    [K8S_ENVIRONMENT] = {"Environment", NULL, NULL, false, &ENVIRONMENT_MAP},
    [K8S_SERVICE] = {"Service", "services", "service", true, &K8S_SERVICE_SPEC},
    [K8S_DATA_SERVICE] = {"DataService", "dataServices", "dataService", true, &K8S_DATA_SPEC},
    [K8S_GATEWAY] = {"Gateway", "gateways", "gateway", true, &K8S_GATEWAY_SPEC},
    [K8S_EXTERNAL_SERVICE] = {"ExternalService", "externalServices", "externalService", true,
	&K8S_EXTERNAL_SPEC},
    [K8S_IDENTITY_PROVIDER] = {"IdentityProvider", "identityProviders", NULL, false,
	&K8S_PROVIDER_SPEC},
};
