/* SPDX-License-Identifier: Apache-2.0 */
/* From the root template's list to files: objects are checked (generate_object.c), put in order
 * (generate_order.c), bound by kustomizations (generate_kustomize.c) and listed in MANIFEST.json
 * (generate_manifest.c). */
#ifndef K8S_GENERATE_INT_H
#define K8S_GENERATE_INT_H

#include "k8s/generate.h"

#define GEN_MANIFEST "MANIFEST.json"
#define GEN_KUSTOMIZATION "kustomization.yaml"
#define GEN_MANIFEST_VERSION 1

/* Values of the key "kind" of a file. */
#define GEN_KIND_OBJECTS "objects"
#define GEN_KIND_PATCHES "patches"
#define GEN_KIND_KUSTOMIZATION "kustomization"
#define GEN_KIND_MANIFEST "manifest"

/* One object or patch, and where it goes. */
struct gen_object {
	const char *path; /* of its file */
	const char *group; /* "" is the core group */
	const char *version;
	const char *kind;
	const char *namespace; /* "": none */
	const char *name;
	const struct base_origin *at; /* its first line in the template */
	const struct base_tree *tree; /* as it is written */
	bool patch;
};

struct gen_objects {
	struct gen_object *rows; /* heap */
	size_t count;
	size_t cap;
};

/* Its apiVersion, kind, name and namespace, which live as long as tree and arena; path and patch are left as they are.
 * False with MC_ECONFIG recorded; then *out is filled in part. */
bool gen_object_identify(struct base_arena *arena, const struct base_tree *tree,
    struct gen_object *out);
/* An object of any namespace, as Kubernetes serves it. What is in no list of ours is taken for
 * namespaced. */
bool gen_object_is_cluster_scoped(const char *group, const char *kind);
/* Takes apart the list that the root template gives, and checks all that one object or file can be checked for. *out is
 * empty before. False with MC_ECONFIG recorded; free the rows in any case. */
bool gen_objects_collect(struct base_arena *arena, const struct base_tree *entries,
    struct gen_objects *out);

/* Order by group, kind, namespace, name; 0 for an object and its patch. */
int gen_order_identity(const struct gen_object *a, const struct gen_object *b);
/* In place; a patch stands behind its object. */
void gen_order_by_identity(struct gen_objects *objects);
/* By file, then by identity. */
void gen_order_by_path(struct gen_objects *objects);

/* Pushes a {path, kind, documents, text} for every kustomization. objects are in order of their
 * paths, and there is one. False with MC_ECONFIG recorded, or MC_ETOOBIG; then some were pushed. */
bool gen_kustomize(struct base_arena *arena, const struct gen_objects *objects,
    struct base_tree_build *files);

/* {path, kind, documents, text}, text of all documents under a head; NULL with MC_ETOOBIG recorded when that is above
 * LIMIT_YAML. */
const struct base_tree *gen_file(struct base_arena *arena, const char *path, const char *kind,
    const struct base_tree *documents);
/* The same for a text that is written already. Copies it, and leaves the buffer empty in any case. */
const struct base_tree *gen_file_of_text(struct base_arena *arena, const char *path,
    const char *kind, const struct base_tree *documents, struct base_buf *text);
/* MANIFEST.json of these files (sorted by path), as a file. NULL with MC_ETOOBIG recorded. */
const struct base_tree *gen_manifest(struct base_arena *arena, const struct base_tree *files,
    const struct base_tree *resolved, const struct base_tree *model);
/* Lower-case hex of the SHA-256 of these bytes, in the arena. */
const char *gen_sha256(struct base_arena *arena, struct base_span bytes);
/* The origin of what no template and no inventory says. */
extern const struct base_origin gen_here;

#endif
