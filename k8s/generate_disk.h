/* SPDX-License-Identifier: Apache-2.0 */
/* An environment's folder on disk, and what MANIFEST.json says about it. */
#ifndef K8S_GENERATE_DISK_H
#define K8S_GENERATE_DISK_H

#include "k8s/generate.h"

#define GEN_DISK_DEPTH 64 /* folders within folders, ours and others */

/* A path that was generated before, or is now. */
struct gen_entry {
	const char *path;
	const char *before; /* SHA-256 that MANIFEST.json says, or NULL */
	const char *text;   /* what it shall be now, or NULL: no longer generated */
};

/* Of one environment; sorted by path, each path once, MANIFEST.json among them. Rows live in the arena, texts with the
 * trees that they are of. */
struct gen_entries {
	struct gen_entry *rows;
	size_t count;
};

/* dir/environments/environment: *out, which the caller closes, or -1 when there is none. MC_EIO when it cannot be opened,
 * MC_ECONFLICT when it is no folder (a link to one is none); then *out is untouched. */
enum mc_err gen_disk_open(const char *dir, const char *environment, int *out) MC_MUST_CHECK;

enum gen_disk_state {
	GEN_DISK_INVALID = 0,
	GEN_DISK_ABSENT,
	GEN_DISK_FILE,
	GEN_DISK_OTHER /* no regular file, unreadable, or larger than any of ours */
};
/* The file below root (-1: none); links in its place are not followed. *out: its text, heap; only of GEN_DISK_FILE, else
 * untouched. */
enum gen_disk_state gen_disk_read(int root, const char *path, char **out, size_t *out_len);
/* MANIFEST.json below root (-1: none), in the arena. NULL: there is none, or it is damaged (*damaged: no file, not read, or
 * of another version). */
const struct base_tree *gen_disk_manifest(struct base_arena *arena, int root, bool *damaged);

/* What was generated before and what is now, as one list. manifest may be NULL. */
struct gen_entries gen_disk_entries(struct base_arena *arena, const struct base_tree *manifest,
    const struct base_tree *files);
/* The entry of this path; NULL: not one of ours. */
const struct gen_entry *gen_disk_find(const struct gen_entries *entries, const char *path);

/* Removes name below parent with all that is in it; links are not followed. MC_OK when there is
 * no such thing. MC_EIO when something cannot be removed, or is more than GEN_DISK_DEPTH folders deep; some of it may be
 * gone then. */
enum mc_err gen_disk_remove(int parent, const char *name) MC_MUST_CHECK;

#endif
