/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for the whole environment: mesh, policies, and what the authority must publish. */
#include <inttypes.h>
#include <string.h>

#include "k8s/model_int.h"

#define AUTHORITY_PORT 15012 /* built-in default of the schema */

static int64_t
authority_port(const struct k8s_model *model)
{
	return base_tree_int(base_tree_get(model->mesh, "authority"), "port", AUTHORITY_PORT);
}

/* By a name that the gRPC listener's certificate carries: NAME.NAMESPACE.svc. */
static const char *
authority_address(struct k8s_model *model)
{
	const struct base_tree *authority = base_tree_get(model->mesh, "authority");

	return base_arena_printf(model->arena, "%s.%s.svc:%" PRId64,
	    base_tree_str(authority, "service", "meshca"),
	    base_tree_str(authority, "namespace", "meshca"), authority_port(model));
}

static const struct base_tree *
authority(struct k8s_model *model)
{
	const struct base_tree *spec = base_tree_get(model->mesh, "authority");
	const struct base_origin *origin = spec == NULL ? model->mesh->origin : spec->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "namespace", base_tree_str(spec, "namespace", "meshca"), origin);
	k8s_put_str(model, map, "service", base_tree_str(spec, "service", "meshca"), origin);
	k8s_put_str(model, map, "serviceAccount", base_tree_str(spec, "serviceAccount", "meshca"),
	    origin);
	k8s_put_str(model, map, "address", authority_address(model), origin);
	k8s_put_int(model, map, "port", authority_port(model), origin);
	return base_tree_done(map);
}

static const struct base_tree *
monitoring(struct k8s_model *model)
{
	const struct k8s_nodes *nodes = &model->graph->nodes[K8S_NODE_MONITORING];
	struct base_tree_build *map;

	if (nodes->count == 0) {
		return NULL;
	}
	map = base_tree_map(model->arena, nodes->at[0].origin);
	k8s_put_str(model, map, "namespace", nodes->at[0].namespace, nodes->at[0].origin);
	k8s_put_str(model, map, "serviceAccount", nodes->at[0].account, nodes->at[0].origin);
	k8s_put_str(model, map, "principal", nodes->at[0].principal, nodes->at[0].origin);
	return base_tree_done(map);
}

const struct base_tree *
k8s_model_mesh(struct k8s_model *model)
{
	const struct base_origin *origin = model->mesh->origin;
	const struct base_tree *istio = base_tree_get(model->environment, "istio");
	struct base_tree_build *map = base_tree_map(model->arena, origin);
	struct base_tree_build *version = base_tree_map(model->arena, origin);
	const char *key = base_tree_get(istio, "version") != NULL ? "version" : NULL;

	k8s_put_same(map, "name", model->mesh, "name");
	k8s_put_same(map, "delivery", model->mesh, "delivery");
	k8s_put_same(map, "progressiveDelivery", model->mesh, "progressiveDelivery");
	k8s_put_str(model, version, "namespace", model->istio_namespace, origin);
	k8s_put_same(version, "version", key == NULL ? base_tree_get(model->mesh, "istio") : istio,
	    "version");
	base_tree_put(map, "istio", base_tree_done(version));
	base_tree_put(map, "authority", authority(model));
	base_tree_put(map, "monitoring", monitoring(model));
	return base_tree_done(map);
}

static const struct base_tree *
proxy_metadata(struct k8s_model *model, const struct base_tree *policies)
{
	const struct base_tree *ttl = base_tree_get(policies, "workloadTtl");
	const struct base_tree *ratio = base_tree_get(policies, "rotateAt");
	const struct base_origin *origin = policies == NULL ? model->environment->origin
							    : policies->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "SECRET_TTL",
	    k8s_go_duration(model, ttl == NULL ? "24h" : ttl->text), ttl == NULL ? origin : ttl->origin);
	k8s_put_str(model, map, "SECRET_GRACE_PERIOD_RATIO", ratio == NULL ? "0.5" : ratio->text,
	    ratio == NULL ? origin : ratio->origin);
	k8s_put_str(model, map, "SECRET_GRACE_PERIOD_RATIO_JITTER", "0.01", origin);
	return base_tree_done(map);
}

/* istiod with an authority outside of it (istio: pilot/pkg/bootstrap/istio_ca.go). */
static const struct base_tree *
istiod(struct k8s_model *model, const struct base_tree *policies)
{
	const struct base_origin *origin = model->environment->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);
	struct base_tree_build *env = base_tree_map(model->arena, origin);

	k8s_put_str(model, map, "caAddress", authority_address(model), origin);
	k8s_put_str(model, env, "ENABLE_CA_SERVER", "false", origin);
	base_tree_put(map, "env", base_tree_done(env));
	k8s_put_str(model, map, "trustDomain", model->trust_domain, origin);
	base_tree_put(map, "trustDomainAliases",
	    k8s_list_or_empty(model, model->environment, "trustDomainAliases", origin));
	base_tree_put(map, "proxyMetadata", proxy_metadata(model, policies));
	return base_tree_done(map);
}

static const struct base_tree *
publication(struct k8s_model *model, const char *kind, const char *name, const char *keys,
    const char *why)
{
	const struct base_origin *origin = model->environment->origin;
	struct base_tree_build *map = base_tree_map(model->arena, origin);
	struct base_tree_build *list = base_tree_list(model->arena, origin);
	bool secret = strcmp(kind, "Secret") == 0;

	k8s_put_str(model, map, "kind", kind, origin);
	k8s_put_str(model, map, "name", name, origin);
	while (*keys != '\0') {
		size_t len = strcspn(keys, " ");

		k8s_push_str(model, list, base_arena_strndup(model->arena, keys, len), origin);
		keys += len + (keys[len] == ' ');
	}
	base_tree_put(map, "keys", base_tree_done(list));
	if (secret) {
		k8s_put_str(model, map, "namespace", model->istio_namespace, origin);
	} else {
		struct base_tree_build *spaces = base_tree_list(model->arena, origin);
		const struct k8s_space *space = k8s_model_space(model, NULL);

		for (; space != NULL; space = space->next) {
			if (space->injected || strcmp(space->kind, "system") == 0) {
				k8s_push_str(model, spaces, space->name, space->origin);
			}
		}
		base_tree_put(map, "namespaces", base_tree_done(spaces));
	}
	k8s_put_str(model, map, "why", why, origin);
	return base_tree_done(map);
}

static const struct base_tree *
publish(struct k8s_model *model)
{
	struct base_tree_build *list = base_tree_list(model->arena, model->environment->origin);

	base_tree_push(list, publication(model, "ConfigMap", "istio-ca-root-cert", "root-cert.pem",
	    "istiod writes it only when it is the authority itself"));
	base_tree_push(list, publication(model, "ConfigMap", "istio-ca-crl", "ca-crl.pem",
	    "proxies read revocation lists from it when it was there at their start"));
	base_tree_push(list, publication(model, "Secret", "istiod-tls", "tls.crt tls.key ca.crt",
	    "istiod's own serving certificate; without it port 15012 stays closed"));
	return base_tree_done(list);
}

static void
put_policies(struct k8s_model *model, struct base_tree_build *map,
    const struct base_tree *policies)
{
	const struct base_origin *origin = policies == NULL ? model->environment->origin
							    : policies->origin;
	const struct base_tree *outbound = base_tree_get(policies, "outbound");
	struct base_tree_build *registry;

	k8s_put_str(model, map, "mtls", model->mtls,
	    base_tree_get(policies, "mtls") == NULL ? origin
						    : base_tree_get(policies, "mtls")->origin);
	k8s_put_same(map, "outbound", policies, "outbound");
	k8s_put_same(map, "networkPolicy", policies, "networkPolicy");
	base_tree_put(map, "traceSampling",
	    k8s_number_of(model, base_tree_get(policies, "traceSampling")));
	k8s_put_bool(model, map, "faultsAllowed", model->faults_allowed,
	    base_tree_get(policies, "faults") == NULL ? origin
						      : base_tree_get(policies, "faults")->origin);
	k8s_put_same(map, "workloadTtl", policies, "workloadTtl");
	k8s_put_same(map, "rotateAt", policies, "rotateAt");
	k8s_put_same(map, "keyTypes", policies, "keyTypes");
	if (base_tree_get(policies, "meshMinVersion") != NULL) {
		k8s_put_str(model, map, "meshMinVersion",
		    strcmp(base_tree_str(policies, "meshMinVersion", "1.2"), "1.3") == 0 ? "TLSV1_3"
										   : "TLSV1_2",
		    base_tree_get(policies, "meshMinVersion")->origin);
	}
	if (outbound != NULL && strcmp(outbound->text, "REGISTRY_ONLY") == 0) {
		registry = base_tree_map(model->arena, outbound->origin);
		k8s_put_bool(model, registry, "REGISTRY_ONLY", true, outbound->origin);
		base_tree_put(map, "registry", base_tree_done(registry));
	}
}

const struct base_tree *
k8s_model_environment(struct k8s_model *model)
{
	const struct base_tree *spec = model->environment;
	const struct base_tree *istio = base_tree_get(spec, "istio");
	const struct base_tree *policies = base_tree_get(spec, "policies");
	struct base_tree_build *map = base_tree_map(model->arena, spec->origin);

	k8s_put_same(map, "name", spec, "name");
	k8s_put_str(model, map, "trustDomain", model->trust_domain, spec->origin);
	base_tree_put(map, "trustDomainAliases",
	    k8s_list_or_empty(model, spec, "trustDomainAliases", spec->origin));
	k8s_put_same(map, "registration", spec, "registration");
	base_tree_put(map, "clusters", k8s_list_or_empty(model, spec, "clusters", spec->origin));
	k8s_put_same(map, "revision", istio, "tag");
	base_tree_put(map, "revisions", k8s_list_or_empty(model, istio, "revisions", spec->origin));
	k8s_put_same(map, "profile", istio, "profile");
	put_policies(model, map, policies);
	base_tree_put(map, "istiod", istiod(model, policies));
	base_tree_put(map, "publish", publish(model));
	return base_tree_done(map);
}
