/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the kinds Gateway and IdentityProvider. */
#include "k8s/schema_parts.h"

static const struct k8s_field CERTIFICATE[] = {
    {"issuerKind", K8S_ENUM, 0, "ClusterIssuer", "ClusterIssuer|Issuer", NULL,
	"Kind of cert-manager's issuer."},
    {"issuer", K8S_NAME, K8S_REQUIRED, NULL, NULL, NULL, "Its name."},
    {"challenge", K8S_ENUM, 0, "dns-01", "dns-01|http-01", NULL,
	"How the names are proven; http-01 needs port 80 to answer before the redirect."},
    {"secretName", K8S_NAME, 0, NULL, NULL, NULL,
	"Secret that cert-manager writes, in the gateway's namespace; without it NAME-tls."},
    {"minVersion", K8S_ENUM, 0, "1.2", "1.2|1.3", NULL, "Lowest version of TLS, in quotes."},
    K8S_END,
};
static const struct k8s_map CERTIFICATE_MAP = {"Certificate", NULL, NULL, CERTIFICATE,
    "The certificate that clients see."};

static const struct k8s_field ADMIN[] = {
    {"paths", K8S_PATH, K8S_LIST | K8S_SOME | K8S_REQUIRED, NULL, NULL, NULL,
	"Paths as the gateway reads them; an application that takes what follows a ; for parameters "
	"must refuse it itself."},
    {"allow", K8S_CIDR, K8S_LIST | K8S_SOME | K8S_REQUIRED, NULL, NULL, NULL,
	"The only addresses that reach them."},
    K8S_END,
};
static const struct k8s_map ADMIN_MAP = {"AdminRange", NULL, NULL, ADMIN,
    "Paths for some addresses only."};

static const struct k8s_field RANGES[] = {
    {"allow", K8S_CIDR, K8S_LIST, NULL, NULL, NULL,
	"The only addresses that reach anything; without it all."},
    {"deny", K8S_CIDR, K8S_LIST, NULL, NULL, NULL, "Addresses that reach nothing."},
    {"admin", K8S_MAP, 0, NULL, NULL, &ADMIN_MAP, "Paths for some addresses only."},
    K8S_END,
};
static const struct k8s_map RANGES_MAP = {"ClientRanges", NULL, NULL, RANGES,
    "Rules by the client's address, which trustedProxies says how to find."};

static const struct k8s_field LIMITS[] = {
    {"requestsPerSecond", K8S_INT, 0, NULL, "1..1000000", NULL, "Requests of all clients."},
    {"burst", K8S_INT, 0, NULL, "1..1000000", NULL,
	"Requests that may come at once; without it requestsPerSecond."},
    {"perClientPerMinute", K8S_INT, 0, NULL, "1..1000000", NULL,
	"Requests of one client address."},
    {"connections", K8S_INT, 0, NULL, "1..1000000", NULL, "Open connections."},
    {"bodyBytes", K8S_INT, 0, NULL, "1..1073741824", NULL, "Largest body of a request."},
    K8S_END,
};
static const struct k8s_map LIMITS_MAP = {"Limits", NULL, NULL, LIMITS,
    "Limits against overload, for all pods together: they are divided by the most pods, so that "
    "the sum never passes them. Port 80, which only redirects, is counted by itself. They need EnvoyFilter, which the profile stable refuses."};

static const struct k8s_field WAF[] = {
    {"backend", K8S_ENUM, K8S_NEEDED, NULL, "coraza-wasm|ext-authz", NULL,
	"Who judges requests: a Wasm filter in the gateway, or a service of yours."},
    {"mode", K8S_ENUM, 0, "detect", "detect|block", NULL,
	"coraza-wasm: detect only writes logs. ext-authz: the service decides by itself."},
    {"failure", K8S_ENUM, K8S_NEEDED, NULL, "open|closed", NULL,
	"What happens to requests when it fails; decide for every environment."},
    {"image", K8S_TEXT, 0, NULL, NULL, NULL, "coraza-wasm: oci:// address of the filter."},
    {"sha256", K8S_DIGEST, 0, NULL, NULL, NULL, "coraza-wasm: its digest."},
    {"imageRanges", K8S_CIDR, K8S_LIST | K8S_SOME, NULL, NULL, NULL,
	"coraza-wasm: addresses of the registry, whence the gateway's own agent fetches the image; "
	"NetworkPolicy lets it go nowhere else."},
    {"service", K8S_NAME, 0, NULL, NULL, NULL,
	"ext-authz: name of a Service of the mesh, asked on its first port that speaks HTTP."},
    K8S_END,
};
static const struct k8s_map WAF_MAP = {"Waf", NULL, NULL, WAF, "Web application firewall."};

static const struct k8s_field GATEWAY[] = {
    {"owner", K8S_TEXT, 0, NULL, NULL, NULL, "Team that answers for it."},
    {"onCall", K8S_TEXT, 0, NULL, NULL, NULL, "Route of alerts to the people on call."},
    {"direction", K8S_ENUM, K8S_NEEDED, NULL, "ingress|egress", NULL,
	"From clients into the mesh, or from the mesh to external services."},
    {"serviceAccount", K8S_NAME, 0, NULL, NULL, NULL,
	"Its Kubernetes service account; without it the document's name."},
    {"identity", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_IDENTITY, "Registration."},
    {"selector", K8S_TEXTS, K8S_NEEDED, NULL, NULL, NULL, "Labels of its pods."},
    {"hosts", K8S_HOST, K8S_LIST, NULL, NULL, NULL, "ingress: names that clients ask for."},
    {"certificate", K8S_MAP, 0, NULL, NULL, &CERTIFICATE_MAP, "ingress: its certificate."},
    {"trustedProxies", K8S_INT, 0, "0", "0..10", NULL,
	"Proxies of yours in front of it, each of which adds to X-Forwarded-For; with 0 the "
	"client is who opened the connection."},
    {"clientRanges", K8S_MAP, 0, NULL, NULL, &RANGES_MAP, "Rules by address."},
    {"limits", K8S_MAP, 0, NULL, NULL, &LIMITS_MAP, "Limits against overload."},
    {"waf", K8S_MAP, 0, NULL, NULL, &WAF_MAP, "Web application firewall."},
    {"resources", K8S_MAP, 0, NULL, NULL, &K8S_RESOURCES, "Of its pods."},
    {"scaling", K8S_MAP, K8S_ALWAYS, NULL, NULL, &K8S_SCALING, "How many pods."},
    {"environments", K8S_EACH, K8S_TOP, NULL, NULL, &K8S_GATEWAY_SPEC,
	"What differs in an environment."},
    K8S_END,
};
const struct k8s_map K8S_GATEWAY_SPEC = {"Gateway", NULL, NULL, GATEWAY,
    "A gateway: its pods come with Istio's chart, its rules from here."};

static const struct k8s_field HEADER[] = {
    {"name", K8S_WORD, 0, "Authorization", NULL, NULL, "Header that holds the token."},
    {"prefix", K8S_ENUM, 0, "Bearer ", "Bearer ", NULL, "What comes before it; null: nothing."},
    K8S_END,
};
static const struct k8s_map HEADER_MAP = {"TokenHeader", NULL, NULL, HEADER,
    "The one place where a token is looked for."};

static const struct k8s_field CLAIM_HEADER[] = {
    {"header", K8S_WORD, K8S_REQUIRED, NULL, NULL, NULL, "Header the application gets."},
    {"claim", K8S_WORD, K8S_REQUIRED, NULL, NULL, NULL, "Claim whose value it has."},
    K8S_END,
};
static const struct k8s_map CLAIM_HEADER_MAP = {"ClaimHeader", "header", NULL, CLAIM_HEADER,
    "A claim that is handed on as a header."};

static const struct k8s_field PROVIDER[] = {
    {"issuer", K8S_URL, K8S_NEEDED, NULL, NULL, NULL, "Claim iss of its tokens, exactly."},
    {"jwksUri", K8S_URL, K8S_NEEDED, NULL, NULL, NULL,
	"Where istiod fetches its keys; when it cannot, all tokens are refused."},
    {"audiences", K8S_WORD, K8S_LIST | K8S_SOME | K8S_NEEDED, NULL, NULL, NULL,
	"Claim aud must hold one of these."},
    {"header", K8S_MAP, K8S_ALWAYS, NULL, NULL, &HEADER_MAP, "Where the token is."},
    {"spaceDelimitedClaims", K8S_WORD, K8S_LIST, NULL, NULL, NULL,
	"Claims whose text is a list of words."},
    {"forwardToken", K8S_BOOL, 0, "false", NULL, NULL, "The application gets the token too."},
    {"claimHeaders", K8S_MAP, K8S_LIST, NULL, NULL, &CLAIM_HEADER_MAP,
	"Claims that are handed on."},
    {"caConfigMap", K8S_NAME, 0, NULL, NULL, NULL,
	"ConfigMap in Istio's namespace with the private CA of jwksUri (key extra.pem)."},
    {"environments", K8S_EACH, K8S_TOP, NULL, NULL, &K8S_PROVIDER_SPEC,
	"What differs in an environment."},
    K8S_END,
};
const struct k8s_map K8S_PROVIDER_SPEC = {"IdentityProvider", NULL, NULL, PROVIDER,
    "Who signs the tokens of people."};
