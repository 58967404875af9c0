/* SPDX-License-Identifier: Apache-2.0 */
/* Lints of environments and of the inventory as a whole. What the graph of calls tells: model. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "k8s/inventory_int.h"
#include "k8s/model.h"

static const struct base_tree *
find_named(const struct base_tree *list, const char *name)
{
	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		if (strcmp(base_tree_str(list->items[i], "name", ""), name) == 0) {
			return list->items[i];
		}
	}
	return NULL;
}

/* --- two environments --- */
static void
lint_shared_clusters(const struct k8s_inventory *inventory, size_t a, size_t b)
{
	const struct base_tree *first =
	    base_tree_at(inventory->resolved[a], "environment.clusters");
	const struct base_tree *second =
	    base_tree_at(inventory->resolved[b], "environment.clusters");

	/* Every document is in every environment, so one cluster is the same namespaces, too. */
	for (uint32_t i = 0; i < second->count; i++) {
		const char *name = base_tree_str(second->items[i], "name", "");
		const struct base_tree *twin = find_named(first, name);

		if (twin != NULL) {
			k8s_findings_add(inventory->findings, LINT_CLUSTER_SHARED,
			    second->items[i]->origin, "give each environment clusters of its own",
			    "cluster %.64s with its namespaces is environment %.64s's, too (%s:%d)",
			    name, k8s_inventory_environment(inventory, a), twin->origin->file,
			    twin->origin->line);
		}
	}
}

/* --- what looks like a secret --- */
struct secret {
	const char *pattern;
	const char *what;
};

static const struct secret SECRETS[] = {
	{"-----BEGIN [A-Z ]*(PRIVATE KEY|CERTIFICATE)", "PEM"},
	{"(^|[ =:])eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*", "a token"},
	{"(^|[^A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}($|[^A-Z0-9])", "a key of AWS"},
	{"(^|[^A-Za-z0-9])(ghp|gho|ghs|glpat|xoxb|xoxp|sk_live)[_-][A-Za-z0-9_-]{16,}", "a token"},
	{"[a-z]+://[^/ ]*:[^/ ]*@", "a password in a URL"},
	/* After a colon only what has a digit: "password: see the wiki" is prose. */
	{"(^|[ ,;])[A-Za-z_-]*([Pp]assword|[Ss]ecret|[Tt]oken|[Kk]ey)"
	 "( *= *[^ ]{6,}| *: *([^ ]{3,}[0-9]|[^ ]*[0-9][^ ]{3,}))",
	    "a password"},
};
#define SECRET_COUNT (sizeof(SECRETS) / sizeof(SECRETS[0]))

static void
lint_secret(struct k8s_inventory *inventory, const regex_t *compiled, const char *text,
    const struct base_origin *at)
{
	for (size_t i = 0; i < SECRET_COUNT; i++) {
		if (regexec(&compiled[i], text, 0, NULL, 0) == 0) {
			/* the text itself is not repeated: logs of builds are read by many */
			k8s_findings_add(inventory->findings, LINT_SECRET, at,
			    "take it out, make it invalid, and name a Kubernetes Secret",
			    "this looks like %s", SECRETS[i].what);
			return;
		}
	}
}

static void
lint_secrets_below(struct k8s_inventory *inventory, const regex_t *compiled,
    const struct base_tree *node)
{
	if (node->kind == BASE_TREE_STRING) {
		lint_secret(inventory, compiled, node->text, node->origin);
	}
	for (uint32_t i = 0; node->kind == BASE_TREE_LIST && i < node->count; i++) {
		lint_secrets_below(inventory, compiled, node->items[i]);
	}
	for (uint32_t i = 0; node->kind == BASE_TREE_MAP && i < node->count; i++) {
		lint_secret(inventory, compiled, node->entries[i].key, node->entries[i].origin);
		lint_secrets_below(inventory, compiled, node->entries[i].value);
	}
}

static void
lint_secrets(struct k8s_inventory *inventory)
{
	regex_t compiled[SECRET_COUNT];

	for (size_t i = 0; i < SECRET_COUNT; i++) {
		if (regcomp(&compiled[i], SECRETS[i].pattern, REG_EXTENDED | REG_NOSUB) != 0) {
			abort();
		}
	}
	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		lint_secrets_below(inventory, compiled, inventory->documents[kind]);
	}
	for (size_t i = 0; i < SECRET_COUNT; i++) {
		regfree(&compiled[i]);
	}
}

/* --- one environment --- */
static void
lint_revision(const struct k8s_lint_run *run)
{
	const struct base_tree *istio = base_tree_at(run->all, "environment.istio");
	const struct base_tree *revisions = base_tree_get(istio, "revisions");
	const struct base_tree *tag = base_tree_get(istio, "tag");

	for (uint32_t i = 0; i < revisions->count; i++) {
		const struct base_tree *revision = revisions->items[i];

		if (strcmp(base_tree_str(revision, "name", ""), tag->text) == 0 ||
		    strcmp(base_tree_str(revision, "tag", ""), tag->text) == 0) {
			return;
		}
	}
	k8s_findings_add(run->findings, LINT_REVISION_TAG, tag->origin,
	    "write a revision's name, or give a revision this tag",
	    "no revision of %.64s is or has the tag %.64s", run->name, tag->text);
}

static void
lint_policies(const struct k8s_lint_run *run)
{
	const struct base_tree *policies = base_tree_at(run->all, "environment.policies");
	const struct base_tree *outbound = base_tree_get(policies, "outbound");
	const struct base_tree *mtls = base_tree_get(policies, "mtls");

	if (outbound != NULL && strcmp(outbound->text, "REGISTRY_ONLY") == 0 &&
	    !base_tree_bool(policies, "networkPolicy", false)) {
		k8s_findings_add(run->findings, LINT_EGRESS_OPEN, policies->origin,
		    "write networkPolicy: true", "%.64s has REGISTRY_ONLY without NetworkPolicy",
		    run->name);
	}
	if (mtls != NULL && strcmp(mtls->text, "PERMISSIVE") == 0) {
		k8s_findings_add(run->findings, LINT_PERMISSIVE, mtls->origin,
		    "write mtls: STRICT when every client has a proxy",
		    "%.64s takes connections without mTLS", run->name);
	}
}

static void
lint_namespaces(const struct k8s_lint_run *run)
{
	const struct base_tree *known = base_tree_at(run->all, "mesh.namespaces");
	const struct base_tree *list = base_tree_at(run->all, "environment.namespaces");

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		const char *name = base_tree_str(list->items[i], "name", "");
		const struct base_tree *mtls = base_tree_get(list->items[i], "mtls");

		if (find_named(known, name) == NULL) {
			k8s_findings_add(run->findings, LINT_NAMESPACE_UNKNOWN,
			    list->items[i]->origin, "add it to the Mesh's namespaces",
			    "the mesh has no namespace %.64s", name);
		}
		if (mtls != NULL && strcmp(mtls->text, "PERMISSIVE") == 0) {
			k8s_findings_add(run->findings, LINT_PERMISSIVE, mtls->origin,
			    "write mtls: STRICT when every client has a proxy",
			    "%.64s takes connections without mTLS in %.64s", name, run->name);
		}
	}
}

/* What a document in this namespace would do to all of the mesh. */
static void
lint_place(const struct k8s_lint_run *run, const struct base_tree *namespace)
{
	const char *istio = base_tree_str(base_tree_at(run->all, "mesh.istio"), "namespace",
	    "istio-system");
	const char *authority = base_tree_str(base_tree_at(run->all, "mesh.authority"), "namespace",
	    "meshca");

	if (strcmp(namespace->text, istio) == 0 || strcmp(namespace->text, authority) == 0) {
		k8s_findings_add(run->findings, LINT_NAMESPACE_RESERVED, namespace->origin,
		    "put it into a namespace of its own", "%.64s is %s", namespace->text,
		    strcmp(namespace->text, istio) == 0 ? "Istio's own namespace"
							: "the authority's own namespace");
	}
}

static void
lint_proxy(const struct k8s_lint_run *run, const struct base_tree *spec,
    const struct base_tree *namespace)
{
	const struct base_tree *entry =
	    find_named(base_tree_at(run->all, "mesh.namespaces"), namespace->text);

	if (entry != NULL && !base_tree_bool(entry, "injection", true)) {
		k8s_findings_add(run->findings, LINT_NO_PROXY, namespace->origin,
		    "write injection: true, or put it into another namespace",
		    "pods of %.64s/%.64s have no proxy", namespace->text,
		    base_tree_str(spec, "name", ""));
	}
}

static void
lint_documents(const struct k8s_lint_run *run)
{
	const struct base_tree *known = base_tree_at(run->all, "mesh.namespaces");

	for (uint32_t i = 0; known != NULL && i < known->count; i++) {
		lint_place(run, base_tree_get(known->items[i], "name"));
	}

	for (int kind = K8S_SERVICE; kind < K8S_KIND_COUNT; kind++) {
		const struct base_tree *list = base_tree_get(run->all, K8S_KINDS[kind].list);

		for (uint32_t i = 0; i < list->count; i++) {
			const struct base_tree *namespace =
			    base_tree_get(list->items[i], "namespace");

			if (namespace != NULL && kind != K8S_GATEWAY &&
			    find_named(known, namespace->text) == NULL) {
				k8s_findings_add(run->findings, LINT_NAMESPACE_UNKNOWN,
				    namespace->origin, "add it to the Mesh's namespaces",
				    "the mesh has no namespace %.64s", namespace->text);
			}
			if (namespace != NULL && kind == K8S_GATEWAY) {
				lint_place(run, namespace);
			}
			if (kind == K8S_GATEWAY || kind == K8S_SERVICE || kind == K8S_DATA_SERVICE) {
				lint_proxy(run, list->items[i], namespace);
			}
			k8s_lint_document(run, (enum k8s_kind)kind, list->items[i]);
		}
	}
}

/* --- two documents --- */
/* Two that meet: at a port of the host, at a gateway, which tells hosts apart and no ports, or in a
 * namespace, where proxies take the routes of one. */
static bool
is_same_way(const struct base_tree *a, const struct base_tree *b)
{
	static const char *const KEYS[] = {"port", "gateway", "namespace"};

	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		if (strcmp(base_tree_str(a, KEYS[i], ""), base_tree_str(b, KEYS[i], "")) == 0) {
			return true;
		}
	}
	return false;
}

/* Hosts of other ExternalServices. Each pair once. */
static void
lint_host(const struct k8s_lint_run *run, const struct base_tree *list, uint32_t index,
    const struct base_tree *host)
{
	for (uint32_t j = 0; j < index; j++) {
		const struct base_tree *other = list->items[j];
		const struct base_tree *hosts = base_tree_get(other, "hosts");

		for (uint32_t k = 0; k < hosts->count; k++) {
			if (strcmp(hosts->items[k]->text, host->text) == 0 &&
			    is_same_way(other, list->items[index])) {
				k8s_findings_add(run->findings, LINT_HOST_TWICE, host->origin,
				    "keep one ExternalService and list all callers there",
				    "%.253s is %.64s's, too", host->text,
				    base_tree_str(other, "name", ""));
			}
		}
	}
}

static bool
has_text(const struct base_tree *list, const char *text)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i]->text, text) == 0) {
			return true;
		}
	}
	return false;
}

/* A proxy tells connections without HTTP or TLS apart by their port alone. */
static void
lint_tcp(const struct k8s_lint_run *run, const struct base_tree *list, uint32_t index)
{
	const struct base_tree *one = list->items[index];
	const struct base_tree *callers = base_tree_get(one, "callers");

	for (uint32_t j = 0; strcmp(base_tree_str(one, "protocol", ""), "tcp") == 0 && j < index; j++) {
		const struct base_tree *other = list->items[j];
		bool same = strcmp(base_tree_str(other, "protocol", ""), "tcp") == 0 &&
			    strcmp(base_tree_str(other, "port", ""), base_tree_str(one, "port", "")) == 0;

		for (uint32_t k = 0; same && k < callers->count; k++) {
			if (has_text(base_tree_get(other, "callers"), callers->items[k]->text)) {
				k8s_findings_add(run->findings, LINT_TCP_HOSTS, callers->items[k]->origin,
				    "let one service call only one of them, or give one another port",
				    "%.64s calls %.64s and %.64s, both TCP on port %s: its proxy sends "
				    "all to one", callers->items[k]->text, base_tree_str(other, "name", ""),
				    base_tree_str(one, "name", ""), base_tree_str(one, "port", ""));
			}
		}
	}
}

static void
lint_hosts(const struct k8s_lint_run *run)
{
	const struct base_tree *list = base_tree_get(run->all, "externalServices");

	for (uint32_t i = 0; i < list->count; i++) {
		const struct base_tree *hosts = base_tree_get(list->items[i], "hosts");

		lint_tcp(run, list, i);

		for (uint32_t h = 0; h < hosts->count; h++) {
			lint_host(run, list, i, hosts->items[h]);
		}
	}
}

/* --- names of Kubernetes Services --- */
static const char *
kube_service(const struct base_tree *spec, const struct base_tree *port)
{
	return base_tree_str(port, "host", base_tree_str(spec, "name", ""));
}

/* A Service's own name; of a DataService the names that its ports have. */
static bool
makes_service(const struct base_tree *spec, const char *namespace, const char *name)
{
	const struct base_tree *ports = base_tree_get(spec, "ports");

	if (strcmp(base_tree_str(spec, "namespace", ""), namespace) != 0) {
		return false;
	}
	for (uint32_t i = 0; i < ports->count; i++) {
		if (strcmp(kube_service(spec, ports->items[i]), name) == 0) {
			return true;
		}
	}
	return false;
}

static void
lint_service_names(const struct k8s_lint_run *run)
{
	const struct base_tree *services = base_tree_get(run->all, "services");
	const struct base_tree *data = base_tree_get(run->all, "dataServices");

	for (uint32_t i = 0; i < data->count; i++) {
		for (uint32_t j = 0; j < services->count; j++) {
			const char *name = base_tree_str(services->items[j], "name", "");
			const char *namespace = base_tree_str(services->items[j], "namespace", "");

			if (makes_service(data->items[i], namespace, name)) {
				k8s_findings_add(run->findings, LINT_SERVICE_TWICE,
				    base_tree_get(data->items[i], "name")->origin,
				    "give one of them another name",
				    "%.64s/%.64s is a Service, too (%s:%d)", namespace, name,
				    services->items[j]->origin->file,
				    services->items[j]->origin->line);
			}
		}
	}
}

void
k8s_inventory_lint(struct k8s_inventory *inventory, int64_t at)
{
	size_t count = k8s_inventory_environment_count(inventory);

	if (k8s_findings_have_error(inventory->findings)) {
		return; /* documents are missing: nothing about the whole would be true */
	}
	lint_secrets(inventory);
	for (size_t b = 0; b < count; b++) {
		const struct k8s_lint_run run = {inventory, inventory->findings,
		    inventory->resolved[b], k8s_inventory_environment(inventory, b), at};

		for (size_t a = 0; a < b; a++) {
			lint_shared_clusters(inventory, a, b);
		}
		lint_revision(&run);
		lint_policies(&run);
		lint_namespaces(&run);
		lint_documents(&run);
		lint_hosts(&run);
		lint_service_names(&run);
		/* Only for its findings. */
		(void)k8s_model_derive(inventory->arena, run.all, run.findings);
	}
	k8s_findings_sort(inventory->findings);
}
