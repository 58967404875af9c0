/* SPDX-License-Identifier: Apache-2.0 */
/* What the root template gives: objects with their files and waves, each checked. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "k8s/generate_disk.h"
#include "k8s/generate_int.h"
#include "k8s/template_int.h"

#define WAVE_ANNOTATION "argocd.argoproj.io/sync-wave"
#define WAVE_MAX 10000 /* either way; Argo CD takes any number, ours are within 100 */

const struct base_origin gen_here = {.file = "built-in"};

/* Kinds without a namespace, sorted by group and kind: Kubernetes 1.32, cert-manager 1.21,
 * Gateway API 1.6, Argo Rollouts 1.9, Chaos Mesh 2.8. */
static const struct scope {
	const char *group;
	const char *kind;
} CLUSTER_SCOPED[] = {
    {"", "Namespace"},
    {"", "Node"},
    {"", "PersistentVolume"},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicy"},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration"},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy"},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"},
    {"apiextensions.k8s.io", "CustomResourceDefinition"},
    {"apiregistration.k8s.io", "APIService"},
    {"argoproj.io", "ClusterAnalysisTemplate"},
    {"cert-manager.io", "ClusterIssuer"},
    {"certificates.k8s.io", "CertificateSigningRequest"},
    {"certificates.k8s.io", "ClusterTrustBundle"},
    {"chaos-mesh.org", "RemoteCluster"},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema"},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"},
    {"gateway.networking.k8s.io", "GatewayClass"},
    {"networking.k8s.io", "IngressClass"},
    {"node.k8s.io", "RuntimeClass"},
    {"rbac.authorization.k8s.io", "ClusterRole"},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding"},
    {"scheduling.k8s.io", "PriorityClass"},
    {"storage.k8s.io", "CSIDriver"},
    {"storage.k8s.io", "StorageClass"},
    {"storage.k8s.io", "VolumeAttachment"},
};

static int
by_scope(const void *a, const void *b)
{
	const struct scope *left = a, *right = b;
	int order = strcmp(left->group, right->group);

	return order != 0 ? order : strcmp(left->kind, right->kind);
}

bool
gen_object_is_cluster_scoped(const char *group, const char *kind)
{
	const struct scope key = {group, kind};

	return bsearch(&key, CLUSTER_SCOPED, sizeof(CLUSTER_SCOPED) / sizeof(CLUSTER_SCOPED[0]),
		   sizeof(key), by_scope) != NULL;
}

/* --- one object --- */
/* Text of a key that must be a string with something in it; NULL: it is not. */
static const char *
text_at(const struct base_tree *map, const char *key)
{
	const struct base_tree *node = base_tree_get(map, key);

	return node != NULL && node->kind == BASE_TREE_STRING && *node->text != '\0' ? node->text
										      : NULL;
}

bool
gen_object_identify(struct base_arena *arena, const struct base_tree *tree,
    struct gen_object *out)
{
	const struct base_tree *metadata = base_tree_get(tree, "metadata");
	const char *api = text_at(tree, "apiVersion"), *slash;

	out->tree = tree;
	out->at = tree->kind == BASE_TREE_MAP && tree->count > 0 ? tree->entries[0].origin
								 : tree->origin;
	out->kind = text_at(tree, "kind");
	out->name = text_at(metadata, "name");
	out->namespace = "";
	if (tree->kind != BASE_TREE_MAP) {
		return tmpl_refuse(out->at, "an object that is no map; give apiVersion, kind, metadata");
	}
	if (api == NULL || out->kind == NULL) {
		return tmpl_refuse(out->at, "an object without apiVersion or kind; add them");
	}
	if (out->name == NULL) {
		return tmpl_refuse(out->at, "%.60s without metadata.name; add it", out->kind);
	}
	if (base_tree_get(metadata, "namespace") != NULL) {
		out->namespace = text_at(metadata, "namespace");
	}
	if (out->namespace == NULL) {
		return tmpl_refuse(out->at, "%.60s %.60s: metadata.namespace must be a string; fix it",
		    out->kind, out->name);
	}
	slash = strchr(api, '/');
	out->group = slash == NULL ? "" : base_arena_strndup(arena, api, (size_t)(slash - api));
	out->version = slash == NULL ? api : slash + 1;
	return true;
}

/* A namespace exactly on namespaced kinds, and nothing that kustomize takes apart. */
static bool
check_object(const struct gen_object *object)
{
	bool cluster = gen_object_is_cluster_scoped(object->group, object->kind);

	if (cluster && *object->namespace != '\0') {
		return tmpl_refuse(object->at, "%.60s %.60s has no namespace in Kubernetes; remove "
		    "metadata.namespace", object->kind, object->name);
	}
	if (!cluster && *object->namespace == '\0') {
		return tmpl_refuse(object->at, "%.60s %.60s without metadata.namespace; add it",
		    object->kind, object->name);
	}
	if (strcmp(object->kind, "List") == 0) {
		return tmpl_refuse(object->at, "a List; give its objects one by one");
	}
	return true;
}

/* The map with one more entry, or another value for one that it has. */
static const struct base_tree *
with_entry(struct base_arena *arena, const struct base_tree *map, const char *key,
    const struct base_tree *value, const struct base_origin *at)
{
	struct base_tree_build *build = base_tree_map(arena, map->origin);

	for (uint32_t i = 0; i < map->count; i++) {
		base_tree_put_at(build, map->entries[i].key, map->entries[i].value,
		    map->entries[i].origin);
	}
	base_tree_put_at(build, key, value, at);
	return base_tree_done(build);
}

/* The origin that an entry has in the map; fallback when it has none. */
static const struct base_origin *
entry_at(const struct base_tree *map, const char *key, const struct base_origin *fallback)
{
	for (uint32_t i = 0; i < map->count; i++) {
		if (strcmp(map->entries[i].key, key) == 0) {
			return map->entries[i].origin;
		}
	}
	return fallback;
}

static bool
add_wave(struct base_arena *arena, struct gen_object *object, const struct base_tree *wave)
{
	const struct base_tree *metadata = base_tree_get(object->tree, "metadata");
	const struct base_tree *annotations = base_tree_get(metadata, "annotations");
	const struct base_tree *value = base_tree_string(arena, wave->text, wave->origin);

	if (base_tree_get(annotations, WAVE_ANNOTATION) != NULL ||
	    (annotations != NULL && annotations->kind != BASE_TREE_MAP)) {
		return tmpl_refuse(object->at, "%.60s %.60s: annotations must be a map without "
		    WAVE_ANNOTATION "; the file's wave says it", object->kind, object->name);
	}
	if (annotations == NULL) {
		annotations = base_tree_done(base_tree_map(arena, wave->origin));
	}
	annotations = with_entry(arena, annotations, WAVE_ANNOTATION, value, wave->origin);
	metadata = with_entry(arena, metadata, "annotations", annotations,
	    entry_at(metadata, "annotations", wave->origin));
	object->tree = with_entry(arena, object->tree, "metadata", metadata,
	    entry_at(object->tree, "metadata", wave->origin));
	return true;
}

static void
push(struct gen_objects *objects, const struct gen_object *object)
{
	if (objects->count == objects->cap) {
		objects->cap = objects->cap == 0 ? 256 : objects->cap * 2;
		objects->rows =
		    base_xreallocarray(objects->rows, objects->cap, sizeof(*objects->rows));
	}
	objects->rows[objects->count++] = *object;
}

/* --- one file of the list --- */
/* Below the folder, of harmless characters, none of the names that we give, and not deeper than what the next run
 * reads and prunes. */
static bool
path_is_fine(const char *path)
{
	size_t len = strlen(path), depth = 0;
	const char *slash = strrchr(path, '/');
	const char *last = slash == NULL ? path : slash + 1;

	if (len <= 5 || len > 1000 || strcmp(path + len - 5, ".yaml") != 0 || *last == '.' ||
	    strcmp(last, GEN_KUSTOMIZATION) == 0) {
		return false;
	}
	for (const char *segment = path; segment != NULL;) {
		size_t size = strcspn(segment, "/");
		bool folder = segment[size] == '/';

		if (size == 0 || size > 200 || *segment == '.' || *segment == '-' ||
		    strspn(segment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-/") < size ||
		    /* a folder and a file could take the same name */
		    (folder && size > 5 && strncmp(segment + size - 5, ".yaml", 5) == 0)) {
			return false;
		}
		depth += folder ? 1 : 0;
		segment = folder ? segment + size + 1 : NULL;
	}
	return depth <= GEN_DISK_DEPTH;
}

static bool
check_keys(const struct base_tree *entry)
{
	for (uint32_t i = 0; i < entry->count; i++) {
		const char *key = entry->entries[i].key;

		if (strcmp(key, "path") != 0 && strcmp(key, "wave") != 0 &&
		    strcmp(key, "objects") != 0 && strcmp(key, "patches") != 0) {
			return tmpl_refuse(entry->entries[i].origin,
			    "a file has no key %.60s; it has path, wave, objects, patches", key);
		}
	}
	return true;
}

/* Takes the list at key; a missing one is empty. wave: NULL for patches. */
static bool
collect_list(struct base_arena *arena, const struct base_tree *list, const char *path,
    const struct base_tree *wave, struct gen_objects *out)
{
	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		struct gen_object object = {.path = path, .patch = wave == NULL};

		if (!gen_object_identify(arena, list->items[i], &object)) {
			return false;
		}
		if (!object.patch &&
		    (!check_object(&object) || !add_wave(arena, &object, wave))) {
			return false;
		}
		push(out, &object);
	}
	return true;
}

static bool
collect_file(struct base_arena *arena, const struct base_tree *entry, struct gen_objects *out)
{
	const struct base_tree *wave = base_tree_get(entry, "wave");
	const struct base_tree *objects = base_tree_get(entry, "objects");
	const struct base_tree *patches = base_tree_get(entry, "patches");
	const char *path = text_at(entry, "path");
	const struct base_origin *at =
	    entry->kind == BASE_TREE_MAP && entry->count > 0 ? entry->entries[0].origin : entry->origin;
	int64_t number = base_tree_int(entry, "wave", WAVE_MAX + 1);

	if (path == NULL || !path_is_fine(path)) {
		return tmpl_refuse(at, "path %.100s is not fit for a file; give one below the environment's "
		    "folder, of letters, digits and ._-, that ends in .yaml", path == NULL ? "missing" : path);
	}
	if (!check_keys(entry)) {
		return false;
	}
	if ((objects != NULL && objects->kind != BASE_TREE_LIST) ||
	    (patches != NULL && patches->kind != BASE_TREE_LIST)) {
		return tmpl_refuse(at, "%.100s: objects and patches are lists; make them so", path);
	}
	if (patches != NULL && (objects != NULL || wave != NULL)) {
		return tmpl_refuse(at, "%.100s: patches have no wave and no objects beside them; use "
		    "another file", path);
	}
	if (patches == NULL && (number < -WAVE_MAX || number > WAVE_MAX)) {
		return tmpl_refuse(at, "%.100s: wave must be a number of at most %d; add it", path,
		    WAVE_MAX);
	}
	if (patches != NULL) {
		return collect_list(arena, patches, path, NULL, out);
	}
	return collect_list(arena, objects, path, base_tree_number(arena, number, wave->origin), out);
}

bool
gen_objects_collect(struct base_arena *arena, const struct base_tree *entries,
    struct gen_objects *out)
{
	if (entries->kind != BASE_TREE_LIST) {
		return tmpl_refuse(entries->origin, K8S_ROOT_TEMPLATE " must give a list of files; "
		    "begin it with \"- path:\"");
	}
	for (uint32_t i = 0; i < entries->count; i++) {
		if (!collect_file(arena, entries->items[i], out)) {
			return false;
		}
	}
	if (out->count == 0) {
		return tmpl_refuse(entries->origin, K8S_ROOT_TEMPLATE " gives no object; check its "
		    "conditions");
	}
	return true;
}
