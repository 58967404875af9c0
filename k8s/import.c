/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts of inventory documents from Kubernetes objects and observed edges. */
#include "k8s/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "k8s/import_int.h"
#include "k8s/schema.h"

#define SCHEME "spiffe://"

static const struct base_origin DRAFT = {"import", 0, "import", NULL};

void
k8s_import_note(struct k8s_import *import, char *text)
{
	base_utf8_clean(text);
	if (base_tree_build_find(import->told, text) == NULL) {
		const struct base_tree *node = base_tree_string(import->arena, text, &DRAFT);

		base_tree_put(import->told, text, node);
		base_tree_push(import->notes, node);
	}
}

const struct base_tree *
k8s_import_text(struct k8s_import *import, const char *text)
{
	return text == NULL ? NULL : base_tree_string(import->arena, text, &DRAFT);
}

static struct k8s_import_draft *
find_draft(struct k8s_import *import, const char *namespace, const char *name)
{
	for (size_t i = 0; i < import->count; i++) {
		if (strcmp(import->drafts[i].namespace, namespace) == 0 &&
		    strcmp(import->drafts[i].name, name) == 0) {
			return &import->drafts[i];
		}
	}
	return NULL;
}

bool
k8s_import_is_list(const struct base_tree *node)
{
	return node != NULL && node->kind == BASE_TREE_LIST;
}

/* --- reading objects --- */
static const char *
engine_of(const struct base_tree *ports)
{
	static const struct {
		int64_t port;
		const char *engine;
	} ENGINES[] = {{5432, "postgresql"}, {3306, "mysql"}, {27017, "mongodb"}, {6379, "redis"},
	    {9092, "kafka"}};
	for (uint32_t i = 0; i < ports->count; i++) {
		int64_t port = base_tree_int(ports->items[i], "port", 0);

		for (size_t j = 0; j < sizeof(ENGINES) / sizeof(ENGINES[0]); j++) {
			if (ENGINES[j].port == port) {
				return ENGINES[j].engine;
			}
		}
	}
	return NULL;
}

/* The inventory has no ports but those of TCP. */
static const struct base_tree *
tcp_ports(struct k8s_import *import, const struct base_tree *object, const char *namespace,
    const char *name)
{
	const struct base_tree *ports = base_tree_at(object, "spec.ports");
	struct base_tree_build *list = base_tree_list(import->arena, &DRAFT);

	for (uint32_t i = 0; k8s_import_is_list(ports) && i < ports->count; i++) {
		const char *protocol = base_tree_str(ports->items[i], "protocol", "TCP");

		if (strcmp(protocol, "TCP") == 0) {
			base_tree_push(list, ports->items[i]);
		} else {
			k8s_import_note(import, base_arena_printf(import->arena,
			    "%s/%s: port %s speaks %s: left out", namespace, name,
			    base_tree_str(ports->items[i], "port", ""), protocol));
		}
	}
	return base_tree_done(list);
}

static void
take_service(struct k8s_import *import, const struct base_tree *object, const char *namespace,
    const char *name)
{
	const struct base_tree *selector = base_tree_at(object, "spec.selector");
	const struct base_tree *ports;
	struct k8s_import_draft *draft;

	if (selector == NULL || selector->kind != BASE_TREE_MAP || selector->count == 0) {
		k8s_import_note(import, base_arena_printf(import->arena,
		    "Service %s/%s has no selector: left out", namespace, name));
		return;
	}
	if (find_draft(import, namespace, name) != NULL) {
		return;
	}
	ports = tcp_ports(import, object, namespace, name);
	if (ports->count == 0) {
		k8s_import_note(import, base_arena_printf(import->arena,
		    "Service %s/%s has no port of TCP: left out", namespace, name));
		return;
	}
	draft = &import->drafts[import->count++];
	draft->ports = ports;
	draft->namespace = namespace;
	draft->name = name;
	draft->engine = engine_of(ports);
	draft->object = object;
}

static void
take_object(struct k8s_import *import, const struct base_tree *object)
{
	const char *kind = base_tree_str(object, "kind", "");
	const char *namespace =
	    base_tree_str(base_tree_get(object, "metadata"), "namespace", NULL);
	const char *name = base_tree_str(base_tree_get(object, "metadata"), "name", NULL);

	if (namespace == NULL || name == NULL) {
		return;
	}
	if (strcmp(kind, "Service") == 0) {
		take_service(import, object, namespace, name);
	} else if (strcmp(kind, "ServiceAccount") == 0) {
		base_tree_put(import->accounts,
		    base_arena_printf(import->arena, "%s/%s", namespace, name),
		    base_tree_boolean(import->arena, true, &DRAFT));
	} else if (strcmp(kind, "AuthorizationPolicy") == 0) {
		import->policies[import->policy_count++] = object;
	}
}

static const struct base_tree *
items_of(const struct base_tree *tree)
{
	const struct base_tree *items = base_tree_get(tree, "items");

	return items != NULL && items->kind == BASE_TREE_LIST ? items : NULL;
}

static bool
take_objects(struct k8s_import *import, const struct base_tree *objects)
{
	size_t count = 0;

	for (uint32_t i = 0; i < objects->count; i++) {
		const struct base_tree *items = items_of(objects->items[i]);

		if (base_tree_str(objects->items[i], "kind", NULL) == NULL) {
			(void)MC_FAIL(MC_EUSAGE, "no Kubernetes objects: kubectl get -o json prints some");
			return false;
		}
		count += items != NULL ? items->count : 1;
	}
	import->drafts = base_arena_calloc(import->arena, count, sizeof(*import->drafts));
	import->policies =
	    base_arena_calloc(import->arena, count, sizeof(const struct base_tree *));
	for (uint32_t i = 0; i < objects->count; i++) {
		const struct base_tree *items = items_of(objects->items[i]);

		for (uint32_t j = 0; items != NULL && j < items->count; j++) {
			take_object(import, items->items[j]);
		}
		if (items == NULL) {
			take_object(import, objects->items[i]);
		}
	}
	return true;
}

static int
compare_drafts(const void *a, const void *b)
{
	const struct k8s_import_draft *x = a;
	const struct k8s_import_draft *y = b;
	int order = strcmp(x->namespace, y->namespace);

	return order != 0 ? order : strcmp(x->name, y->name);
}

/* --- who calls whom --- */
static bool
same_caller(const struct k8s_import_caller *a, const struct k8s_import_caller *b)
{
	return strcmp(a->namespace, b->namespace) == 0 && strcmp(a->name, b->name) == 0;
}

static bool
same_list(const struct base_tree *a, const struct base_tree *b)
{
	return a == b || base_tree_equal(a, b);
}

void
k8s_import_add_caller(struct k8s_import *import, struct k8s_import_draft *draft, const struct k8s_import_caller *caller, bool seen)
{
	struct k8s_import_caller *grown;

	for (size_t i = 0; i < draft->caller_count; i++) {
		const struct k8s_import_caller *other = &draft->callers[i];

		if (same_caller(other, caller) &&
		    (seen || (same_list(other->ports, caller->ports) &&
			same_list(other->methods, caller->methods) &&
			same_list(other->paths, caller->paths)))) {
			return;
		}
	}
	grown = base_arena_calloc(import->arena, draft->caller_count + 1, sizeof(*grown));
	base_copy(grown, draft->callers, draft->caller_count * sizeof(*grown));
	grown[draft->caller_count++] = *caller;
	draft->callers = grown;
}

const char *
k8s_import_service_of(struct k8s_import *import, const char *namespace, const char *account)
{
	for (size_t i = 0; i < import->count; i++) {
		if (strcmp(import->drafts[i].namespace, namespace) == 0 &&
		    import->drafts[i].account != NULL &&
		    strcmp(import->drafts[i].account, account) == 0) {
			return import->drafts[i].name;
		}
	}
	if (find_draft(import, namespace, account) == NULL) {
		k8s_import_note(import, base_arena_printf(import->arena,
		    "which service runs as %s/%s is not known: its callees name the account",
		    namespace, account));
	}
	return account;
}

bool
k8s_import_split_principal(struct k8s_import *import, const char *principal, const char **namespace,
    const char **account)
{
	const char *path = strncmp(principal, SCHEME, strlen(SCHEME)) == 0 ? principal + strlen(SCHEME)
									  : principal;
	const char *ns = strchr(path, '/');
	const char *sa = ns != NULL && strncmp(ns, "/ns/", 4) == 0 ? strchr(ns + 4, '/') : NULL;

	if (sa == NULL || sa == ns + 4 || strncmp(sa, "/sa/", 4) != 0 || sa[4] == '\0' ||
	    strpbrk(ns + 4, "*") != NULL || strchr(sa + 4, '/') != NULL) {
		return false;
	}
	*namespace = base_arena_strndup(import->arena, ns + 4, (size_t)(sa - ns - 4));
	*account = sa + 4;
	return true;
}

static const struct base_tree *
label(const struct base_tree *edge, const char *name)
{
	const struct base_tree *value = base_tree_get(base_tree_get(edge, "metric"), name);

	return value != NULL && value->kind == BASE_TREE_STRING && value->text[0] != '\0' &&
		strcmp(value->text, "unknown") != 0
	    ? value
	    : NULL;
}

static const char *
label_text(const struct base_tree *edge, const char *name)
{
	const struct base_tree *value = label(edge, name);

	return value == NULL ? NULL : value->text;
}

/* A series that counted nothing is an edge that nobody used: [time, "0"]. */
static bool
was_used(const struct base_tree *edge)
{
	const struct base_tree *value = base_tree_get(edge, "value");

	return value == NULL || value->kind != BASE_TREE_LIST || value->count != 2 ||
	       !base_tree_is_scalar(value->items[1]) || strcmp(value->items[1]->text, "0") != 0;
}

static struct k8s_import_draft *
callee_of(struct k8s_import *import, const struct base_tree *edge)
{
	const char *namespace = label_text(edge, "destination_service_namespace");
	const char *name = label_text(edge, "destination_service_name");

	return namespace == NULL || name == NULL ? NULL : find_draft(import, namespace, name);
}

/* Accounts first, so that callers can be named by them. */
static void
learn_account(struct k8s_import *import, const struct base_tree *edge)
{
	const char *principal = label_text(edge, "destination_principal");
	struct k8s_import_draft *draft = callee_of(import, edge);
	const char *namespace;
	const char *account;

	if (draft != NULL && principal != NULL && draft->account == NULL &&
	    k8s_import_split_principal(import, principal, &namespace, &account) &&
	    strcmp(namespace, draft->namespace) == 0) {
		draft->account = account;
	}
}

static void
take_edge(struct k8s_import *import, const struct base_tree *edge)
{
	struct k8s_import_draft *callee = callee_of(import, edge);
	const char *principal = label_text(edge, "source_principal");
	struct k8s_import_caller caller = {NULL, NULL, NULL, NULL, NULL};
	const char *account;

	if (!was_used(edge)) {
		return;
	}
	if (callee == NULL) {
		const char *host = label_text(edge, "destination_service_name");

		k8s_import_note(import, base_arena_printf(import->arena,
		    "calls to %s were seen, which is no Service here: an ExternalService?",
		    host != NULL ? host : "somebody unknown"));
		return;
	}
	if (principal != NULL &&
	    k8s_import_split_principal(import, principal, &caller.namespace, &account)) {
		caller.name = k8s_import_service_of(import, caller.namespace, account);
	} else {
		caller.namespace = label_text(edge, "source_workload_namespace");
		caller.name = label_text(edge, "source_workload");
		k8s_import_note(import, base_arena_printf(import->arena,
		    "%s/%s was called without mTLS", callee->namespace, callee->name));
	}
	if (caller.namespace != NULL && caller.name != NULL) {
		k8s_import_add_caller(import, callee, &caller, true);
	}
}

static bool
take_edges(struct k8s_import *import, const struct base_tree *edges, bool accounts)
{
	for (uint32_t i = 0; i < edges->count; i++) {
		const struct base_tree *result = base_tree_at(edges->items[i], "data.result");

		if (result == NULL || result->kind != BASE_TREE_LIST) {
			(void)MC_FAIL(MC_EUSAGE, "no answer of Prometheus' query API: no data.result");
			return false;
		}
		for (uint32_t j = 0; j < result->count; j++) {
			if (accounts) {
				learn_account(import, result->items[j]);
			} else {
				take_edge(import, result->items[j]);
			}
		}
	}
	return true;
}

/* --- writing documents --- */
/* Of a port: what it says itself, else what its name begins with, as Istio reads it. NULL: neither
 * is a word that it knows, and it guesses. */
static const char *
protocol_of(struct k8s_import *import, const struct base_tree *port)
{
	const char *name = base_tree_str(port, "name", "");
	const char *said = base_tree_str(port, "appProtocol",
	    base_arena_strndup(import->arena, name, strcspn(name, "-")));

	if (strcmp(said, "kubernetes.io/h2c") == 0) {
		return "http2";
	}
	if (strcmp(said, "kubernetes.io/ws") == 0) {
		return "http";
	}
	return k8s_word_in("http|http2|https|grpc|grpc-web|tcp|tls|mongo|mysql|redis", said) ? said : NULL;
}

static const struct base_tree *
protocol_node(struct k8s_import *import, const struct k8s_import_draft *draft,
    const struct base_tree *port)
{
	const char *protocol = protocol_of(import, port);

	if (protocol == NULL) {
		k8s_import_note(import, base_arena_printf(import->arena,
		    "%s/%s: write the protocol of port %s: tcp is in the draft, but Istio guesses from traffic",
		    draft->namespace, draft->name, base_tree_str(port, "port", "")));
		protocol = "tcp";
	}
	return k8s_import_text(import, protocol);
}

static const struct base_tree *
ports_of(struct k8s_import *import, const struct k8s_import_draft *draft)
{
	const struct base_tree *ports = draft->ports;
	struct base_tree_build *list = base_tree_list(import->arena, &DRAFT);

	for (uint32_t i = 0; i < ports->count; i++) {
		const struct base_tree *port = ports->items[i];
		const struct base_tree *target = base_tree_get(port, "targetPort");
		struct base_tree_build *out = base_tree_map(import->arena, &DRAFT);

		base_tree_put(out, "name", k8s_import_text(import, base_tree_str(port, "name", "port")));
		if (draft->engine == NULL) {
			base_tree_put(out, "protocol", protocol_node(import, draft, port));
		}
		base_tree_put(out, "port", base_tree_get(port, "port"));
		if (target != NULL && target->kind == BASE_TREE_INT) {
			base_tree_put(out, "targetPort", target);
		} else if (target != NULL) {
			k8s_import_note(import, base_arena_printf(import->arena,
			    "%s/%s: write the number of targetPort %s", draft->namespace, draft->name,
			    base_tree_str(port, "targetPort", "")));
		}
		base_tree_push(list, base_tree_done(out));
	}
	return base_tree_done(list);
}

static const struct base_tree *
all_ports(struct k8s_import *import, const struct k8s_import_draft *draft)
{
	const struct base_tree *ports = draft->ports;
	struct base_tree_build *names = base_tree_list(import->arena, &DRAFT);

	for (uint32_t i = 0; i < ports->count; i++) {
		base_tree_push(names,
		    k8s_import_text(import, base_tree_str(ports->items[i], "name", "port")));
	}
	return base_tree_done(names);
}

static int
compare_callers(const void *a, const void *b)
{
	const struct k8s_import_caller *x = a;
	const struct k8s_import_caller *y = b;
	int order = strcmp(x->namespace, y->namespace);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static const struct base_tree *
accepts_of(struct k8s_import *import, const struct k8s_import_draft *draft)
{
	struct base_tree_build *list;

	if (draft->caller_count == 0) {
		return NULL;
	}
	qsort(draft->callers, draft->caller_count, sizeof(*draft->callers), compare_callers);
	list = base_tree_list(import->arena, &DRAFT);
	for (size_t i = 0; i < draft->caller_count; i++) {
		const struct k8s_import_caller *caller = &draft->callers[i];
		struct base_tree_build *out = base_tree_map(import->arena, &DRAFT);
		const struct base_tree *ports = caller->ports;

		if (ports == NULL && draft->engine != NULL) {
			ports = all_ports(import, draft);
		}
		base_tree_put(out, "from", k8s_import_text(import, caller->name));
		if (strcmp(caller->namespace, draft->namespace) != 0) {
			base_tree_put(out, "namespace", k8s_import_text(import, caller->namespace));
		}
		base_tree_put(out, "ports", ports);
		if (draft->engine == NULL) {
			base_tree_put(out, "methods", caller->methods);
			base_tree_put(out, "paths", caller->paths);
		}
		base_tree_push(list, base_tree_done(out));
	}
	return base_tree_done(list);
}

static bool
calls(const struct k8s_import_draft *callee, const struct k8s_import_draft *caller)
{
	for (size_t i = 0; i < callee->caller_count; i++) {
		if (strcmp(callee->callers[i].namespace, caller->namespace) == 0 &&
		    strcmp(callee->callers[i].name, caller->name) == 0) {
			return true;
		}
	}
	return false;
}

static const struct base_tree *
calls_of(struct k8s_import *import, const struct k8s_import_draft *draft)
{
	struct base_tree_build *list = base_tree_list(import->arena, &DRAFT);
	const struct base_tree *done;

	for (size_t i = 0; i < import->count; i++) {
		const struct k8s_import_draft *callee = &import->drafts[i];
		const struct base_tree *ports = callee->ports;
		struct base_tree_build *out;

		if (callee == draft || !calls(callee, draft)) {
			continue;
		}
		out = base_tree_map(import->arena, &DRAFT);
		base_tree_put(out, callee->engine != NULL ? "data" : "service",
		    k8s_import_text(import, callee->name));
		if (strcmp(callee->namespace, draft->namespace) != 0) {
			base_tree_put(out, "namespace", k8s_import_text(import, callee->namespace));
		}
		if (ports->count == 1) {
			base_tree_put(out, "port",
			    k8s_import_text(import, base_tree_str(ports->items[0], "name", "port")));
		}
		base_tree_push(list, base_tree_done(out));
	}
	done = base_tree_done(list);
	return done->count > 0 ? done : NULL;
}

static const struct base_tree *
document(struct k8s_import *import, const char *kind, const struct k8s_import_draft *draft,
    const struct base_tree *spec)
{
	struct base_tree_build *metadata = base_tree_map(import->arena, &DRAFT);
	struct base_tree_build *out = base_tree_map(import->arena, &DRAFT);

	base_tree_put(metadata, "name", k8s_import_text(import, draft != NULL ? draft->name : "mesh"));
	if (draft != NULL) {
		base_tree_put(metadata, "namespace", k8s_import_text(import, draft->namespace));
	}
	base_tree_put(out, "apiVersion", k8s_import_text(import, K8S_API_VERSION));
	base_tree_put(out, "kind", k8s_import_text(import, kind));
	base_tree_put(out, "metadata", base_tree_done(metadata));
	base_tree_put(out, "spec", spec);
	return base_tree_done(out);
}

static const struct base_tree *
draft_document(struct k8s_import *import, struct k8s_import_draft *draft)
{
	struct base_tree_build *workload = base_tree_map(import->arena, &DRAFT);
	struct base_tree_build *spec = base_tree_map(import->arena, &DRAFT);
	const char *cluster_ip =
	    base_tree_str(base_tree_get(draft->object, "spec"), "clusterIP", "");
	const char *own = base_arena_printf(import->arena, "%s/%s", draft->namespace, draft->name);

	if (draft->account != NULL && strcmp(draft->account, draft->name) != 0) {
		base_tree_put(spec, "serviceAccount", k8s_import_text(import, draft->account));
	} else if (draft->account == NULL && base_tree_build_find(import->accounts, own) == NULL) {
		k8s_import_note(import, base_arena_printf(import->arena, "%s: write its serviceAccount", own));
	}
	if (draft->engine != NULL) {
		base_tree_put(spec, "engine", k8s_import_text(import, draft->engine));
		if (strcmp(cluster_ip, "None") == 0) {
			base_tree_put(spec, "headless", base_tree_boolean(import->arena, true, &DRAFT));
		}
	}
	base_tree_put(spec, "service", k8s_import_text(import, "existing"));
	base_tree_put(workload, "selector", base_tree_at(draft->object, "spec.selector"));
	base_tree_put(spec, "workload", base_tree_done(workload));
	base_tree_put(spec, "ports", ports_of(import, draft));
	if (draft->engine == NULL) {
		base_tree_put(spec, "calls", calls_of(import, draft));
	}
	base_tree_put(spec, "accepts", accepts_of(import, draft));
	return document(import, draft->engine != NULL ? "DataService" : "Service", draft,
	    base_tree_done(spec));
}

static const struct base_tree *
mesh_document(struct k8s_import *import)
{
	struct base_tree_build *namespaces = base_tree_list(import->arena, &DRAFT);
	struct base_tree_build *spec = base_tree_map(import->arena, &DRAFT);

	for (size_t i = 0; i < import->count; i++) {
		struct base_tree_build *one = base_tree_map(import->arena, &DRAFT);

		if (i > 0 && strcmp(import->drafts[i].namespace, import->drafts[i - 1].namespace) == 0) {
			continue;
		}
		base_tree_put(one, "name", k8s_import_text(import, import->drafts[i].namespace));
		base_tree_push(namespaces, base_tree_done(one));
	}
	base_tree_put(spec, "namespaces", base_tree_done(namespaces));
	return document(import, "Mesh", NULL, base_tree_done(spec));
}

const struct base_tree *
k8s_import(struct base_arena *arena, const struct base_tree *objects, const struct base_tree *edges)
{
	struct k8s_import import = {.arena = arena,
	    .accounts = base_tree_map(arena, &DRAFT),
	    .told = base_tree_map(arena, &DRAFT),
	    .notes = base_tree_list(arena, &DRAFT)};
	struct base_tree_build *documents = base_tree_list(arena, &DRAFT);
	struct base_tree_build *out = base_tree_map(arena, &DRAFT);

	if (!take_objects(&import, objects)) {
		return NULL;
	}
	if (import.count > 1) {
		qsort(import.drafts, import.count, sizeof(*import.drafts), compare_drafts);
	}
	if (!take_edges(&import, edges, true)) {
		return NULL;
	}
	for (size_t i = 0; i < import.policy_count; i++) {
		k8s_import_policy(&import, import.policies[i]);
	}
	if (!take_edges(&import, edges, false)) {
		return NULL;
	}
	base_tree_push(documents, mesh_document(&import));
	for (size_t i = 0; i < import.count; i++) {
		base_tree_push(documents, draft_document(&import, &import.drafts[i]));
	}
	k8s_import_note(&import,
	    base_arena_strdup(arena, "write documents of kind Environment, and owners"));
	base_tree_put(out, "documents", base_tree_done(documents));
	base_tree_put(out, "notes", base_tree_done(import.notes));
	return base_tree_done(out);
}
