/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From model and templates to files: an environment's folder, complete and self-contained.
 */
#ifndef K8S_GENERATE_H
#define K8S_GENERATE_H

#include "base/buf.h"
#include "k8s/model.h"
#include "k8s/template.h"

/* The root template: evaluates to a LIST of MAPs {path, wave, objects} or {path, patches}, path
 * relative to the environment's folder and ending in .yaml, wave the sync wave, objects a LIST of
 * objects, patches a LIST of one partial object for the users' own kustomizations. */
#define K8S_ROOT_TEMPLATE "tree.yaml"

/* All files of an environment: a LIST of MAPs {path, kind: objects|patches|kustomization|manifest,
 * documents, text} sorted by path, text as it is written; every folder has its
 * kustomization.yaml, and MANIFEST.json is among them. Every object was checked: apiVersion,
 * kind and metadata.name are there, metadata.namespace exactly on namespaced kinds, none twice,
 * fewer than LIMIT_FOLDER_OBJECTS in a folder. In the arena, sharing parts of the model. NULL with
 * the failure recorded: MC_ECONFIG for what the templates give, MC_ETOOBIG for a file above LIMIT_YAML. */
const struct base_tree *k8s_generate_files(struct base_arena *arena,
    struct k8s_templates *templates, const struct base_tree *resolved,
    const struct base_tree *model);

/* The environment's objects as one stream, in the order of groups, kinds, namespaces, names; as
 * JSON one List of them, which kubectl takes, too. Appends to out, whose ceiling the caller chose:
 * MC_ETOOBIG when it is reached, MC_ECONFIG when a document is no object. What out holds after a
 * failure is of no use; the caller clears it. */
enum mc_err k8s_generate_render(struct base_buf *out, const struct base_tree *files, bool json)
    MC_MUST_CHECK;

enum k8s_change_kind {
	K8S_CHANGE_INVALID = 0,
	K8S_ADDED,
	K8S_CHANGED,
	K8S_REMOVED,     /* no longer generated: pruned */
	K8S_HAND_CHANGED /* on disk it is not what MANIFEST.json says */
};

struct k8s_change {
	enum k8s_change_kind kind;
	const char *path;
};

/* Holds the files against dir/environments/NAME. *count is how many differ (0: no drift), *out the list
 * in the arena, sorted by path. Returns MC_OK, MC_EIO, or MC_ECONFLICT (NAME is no folder); then both
 * are untouched. */
enum mc_err k8s_generate_compare(struct base_arena *arena, const char *dir, const char *environment,
    const struct base_tree *files, const struct k8s_change **out, size_t *count) MC_MUST_CHECK;
struct k8s_generate_part {
	const char *environment;
	const struct base_tree *files;
};

/* Writes the folders, each all or nothing (a new folder beside it, flushed, exchanged in one step):
 * files that are no longer generated are gone, files that were never ours are kept. The first is
 * exchanged when all are full, so a failure before changes none. Each environment stands there once.
 * MC_ECONFLICT when files were changed by hand and force is false, or something that is not ours is in
 * the way; MC_EBUSY while another run writes below dir; MC_ETOOBIG when folders that are not ours are
 * more than 64 deep: nothing is written. MC_EIO for what the system refuses; nothing was changed
 * where its text says so. */
enum mc_err k8s_generate_write(const char *dir, const struct k8s_generate_part *parts, size_t count,
    bool force) MC_MUST_CHECK;
/* The facts that the folder's MANIFEST.json holds; an empty LIST when there is none, or none that can be read. */
const struct base_tree *k8s_generate_old_facts(struct base_arena *arena, const char *dir,
    const char *environment);
/* What a change of facts (k8s_model_facts) means: a LIST of MAPs {risk: weakened|added|removed|changed,
 * text}, sorted in this order of risks, then by text. What is no LIST has no facts. */
const struct base_tree *k8s_generate_risks(struct base_arena *arena, const struct base_tree *before,
    const struct base_tree *after);

/* Where every field of an object comes from: a LIST of MAPs {field, value, template, inventory,
 * layer}, the last two absent where no inventory said the value. namespace: NULL or "" for none. Of
 * several groups that have this kind, and of an object and its patch, the first file's. NULL with
 * MC_ENOTFOUND recorded when there is no such object. */
const struct base_tree *k8s_generate_explain(struct base_arena *arena,
    const struct base_tree *files, const char *kind, const char *namespace, const char *name);

/* Environments that were generated below dir and that the inventory no longer has: a sorted LIST of
 * names in the arena. Nothing removes them: what a cluster runs is for people to end. NULL with MC_EIO
 * recorded; a dir that is not there has none. */
const struct base_tree *k8s_generate_left_over(struct base_arena *arena, const char *dir,
    const struct k8s_inventory *inventory);

#endif
