/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kustomization.yaml for every folder. A folder with objects below it names its files and those
 * folders; one with nothing but patches is a Component, for the users' own kustomizations, and no
 * folder with objects names it.
 *
 * A patch has a target, and so a file of its own (kustomize takes no target for several patches in
 * one file). Without a target, kustomize would fail for every workload that is not in the one
 * kustomization at hand; what matches nothing at all is found by the check of workloads.
 */
#include <string.h>

#include "base/limits.h"
#include "k8s/generate_int.h"
#include "k8s/template_int.h"

struct walk {
	struct base_arena *arena;
	const struct gen_objects *objects;
	struct base_tree_build *files;
};

/* What a folder's kustomization names. */
struct folder {
	struct base_tree_build *resources;
	struct base_tree_build *components;
	struct base_tree_build *patches;
	bool has_objects; /* in it or below */
	bool has_patches; /* in it */
	size_t object_count; /* in its own files */
};

static const struct base_tree *
string_of(struct walk *walk, const char *text)
{
	return base_tree_string(walk->arena, text, &gen_here);
}

static const struct base_tree *
patch_entry(struct walk *walk, const char *name, const struct gen_object *patch)
{
	struct base_tree_build *target = base_tree_map(walk->arena, &gen_here);
	struct base_tree_build *entry = base_tree_map(walk->arena, &gen_here);

	if (*patch->group != '\0') {
		base_tree_put(target, "group", string_of(walk, patch->group));
	}
	base_tree_put(target, "version", string_of(walk, patch->version));
	base_tree_put(target, "kind", string_of(walk, patch->kind));
	base_tree_put(target, "name", string_of(walk, patch->name));
	if (*patch->namespace != '\0') {
		base_tree_put(target, "namespace", string_of(walk, patch->namespace));
	}
	base_tree_put(entry, "path", string_of(walk, name));
	base_tree_put(entry, "target", base_tree_done(target));
	return base_tree_done(entry);
}

/* The file that the rows from..to fill. */
static bool
add_file(struct walk *walk, struct folder *folder, const char *name, size_t from, size_t to)
{
	const struct gen_object *first = &walk->objects->rows[from];
	bool patches = first->patch;

	for (size_t i = from; i < to; i++) {
		patches = patches || walk->objects->rows[i].patch;
	}
	if (patches && to - from > 1) {
		return tmpl_refuse(first->at, "%.100s: more than one patch, or objects beside it; give "
		    "each patch its file", first->path);
	}
	if (patches) {
		base_tree_push(folder->patches, patch_entry(walk, name, first));
		folder->has_patches = true;
	} else {
		base_tree_push(folder->resources, string_of(walk, name));
		folder->has_objects = true;
		folder->object_count += to - from;
	}
	return true;
}

static const struct base_tree *
kustomization_of(struct walk *walk, const struct folder *folder)
{
	struct base_tree_build *map = base_tree_map(walk->arena, &gen_here);
	const struct base_tree *components = base_tree_done(folder->components);
	const struct base_tree *patches = base_tree_done(folder->patches);

	base_tree_put(map, "apiVersion", string_of(walk, folder->has_objects
		? "kustomize.config.k8s.io/v1beta1" : "kustomize.config.k8s.io/v1alpha1"));
	base_tree_put(map, "kind", string_of(walk, folder->has_objects ? "Kustomization" : "Component"));
	if (folder->has_objects) {
		base_tree_put(map, "resources", base_tree_done(folder->resources));
		return base_tree_done(map);
	}
	base_tree_put(map, "components", components->count > 0 ? components : NULL);
	base_tree_put(map, "patches", patches->count > 0 ? patches : NULL);
	return base_tree_done(map);
}

static bool
write_folder(struct walk *walk, const struct folder *folder, const char *prefix, size_t from)
{
	struct base_tree_build *documents = base_tree_list(walk->arena, &gen_here);
	const struct base_origin *at = walk->objects->rows[from].at;
	const struct base_tree *file;

	/* of its own: a Component may stand below a folder with objects, never beside them */
	if (folder->has_objects && folder->has_patches) {
		return tmpl_refuse(at, "%.100s: patches and objects in or below one folder; give patches a "
		    "folder of their own", prefix);
	}
	if (folder->object_count >= LIMIT_FOLDER_OBJECTS) {
		return tmpl_refuse(at, "%.100s: %zu objects in one folder, %d at most; give parts of them "
		    "folders of their own", prefix, folder->object_count, LIMIT_FOLDER_OBJECTS - 1);
	}
	base_tree_push(documents, kustomization_of(walk, folder));
	file = gen_file(walk->arena,
	    base_arena_printf(walk->arena, "%s" GEN_KUSTOMIZATION, prefix),
	    GEN_KIND_KUSTOMIZATION, base_tree_done(documents));
	base_tree_push(walk->files, file);
	return file != NULL;
}

/* The rows from..to are below prefix ("" or ends in "/"). Paths are at most 1000 bytes long, so
 * folders within each other end. */
static bool
walk_folder(struct walk *walk, const char *prefix, size_t from, size_t to, bool *has_objects)
{
	struct folder folder = {
	    .resources = base_tree_list(walk->arena, &gen_here),
	    .components = base_tree_list(walk->arena, &gen_here),
	    .patches = base_tree_list(walk->arena, &gen_here),
	};
	size_t skip = strlen(prefix);

	for (size_t i = from, next; i < to; i = next) {
		const char *path = walk->objects->rows[i].path;
		size_t len = strcspn(path + skip, "/");
		bool is_folder = path[skip + len] == '/', objects = false;
		const char *name = base_arena_strndup(walk->arena, path + skip, len);
		size_t whole = skip + len + 1; /* with its "/" or NUL */

		for (next = i + 1;
		     next < to && strncmp(walk->objects->rows[next].path, path, whole) == 0; next++) {
		}
		if (!is_folder) {
			if (!add_file(walk, &folder, name, i, next)) {
				return false;
			}
			continue;
		}
		if (!walk_folder(walk, base_arena_strndup(walk->arena, path, whole), i, next, &objects)) {
			return false;
		}
		base_tree_push(objects ? folder.resources : folder.components, string_of(walk, name));
		folder.has_objects = folder.has_objects || objects;
	}
	*has_objects = folder.has_objects;
	return write_folder(walk, &folder, prefix, from);
}

bool
gen_kustomize(struct base_arena *arena, const struct gen_objects *objects,
    struct base_tree_build *files)
{
	struct walk walk = {arena, objects, files};
	bool has_objects = false;

	return walk_folder(&walk, "", 0, objects->count, &has_objects);
}
