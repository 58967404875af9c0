/* SPDX-License-Identifier: Apache-2.0 */
/* Generated files against those on disk. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "k8s/generate_disk.h"
#include "k8s/generate_int.h"

/* K8S_CHANGE_INVALID: nothing has to be done. */
static enum k8s_change_kind
compare_file(struct base_arena *arena, const struct gen_entry *entry, int root, bool damaged)
{
	size_t len = 0;
	char *text = NULL;
	enum gen_disk_state state = gen_disk_read(root, entry->path, &text, &len);
	struct base_span have = base_span_of(text, len);
	/* MANIFEST.json is in no list: whole, it is as we left it */
	bool is_manifest = strcmp(entry->path, GEN_MANIFEST) == 0;
	bool untouched = state == GEN_DISK_FILE &&
	    (is_manifest ? !damaged
			 : entry->before != NULL &&
			    strcmp(entry->before, gen_sha256(arena, have)) == 0);
	bool same = state == GEN_DISK_FILE && entry->text != NULL &&
	    base_span_equal_str(have, entry->text);

	free(text);
	if (same || (entry->text == NULL && state == GEN_DISK_ABSENT)) {
		return K8S_CHANGE_INVALID;
	}
	if (state == GEN_DISK_ABSENT) {
		/* removed by hand, or new */
		return entry->before != NULL ? K8S_HAND_CHANGED : K8S_ADDED;
	}
	if (!untouched) {
		return K8S_HAND_CHANGED;
	}
	return entry->text == NULL ? K8S_REMOVED : K8S_CHANGED;
}

enum mc_err
k8s_generate_compare(struct base_arena *arena, const char *dir, const char *environment,
    const struct base_tree *files, const struct k8s_change **out, size_t *count)
{
	struct gen_entries entries;
	struct k8s_change *changes;
	bool damaged = false;
	size_t found = 0;
	int root = -1;
	enum mc_err ret = gen_disk_open(dir, environment, &root);

	if (ret != MC_OK) {
		return ret;
	}
	entries = gen_disk_entries(arena, gen_disk_manifest(arena, root, &damaged), files);
	changes = base_arena_calloc(arena, entries.count, sizeof(*changes));
	for (size_t i = 0; i < entries.count; i++) {
		enum k8s_change_kind kind = compare_file(arena, &entries.rows[i], root, damaged);

		if (kind != K8S_CHANGE_INVALID) {
			changes[found++] = (struct k8s_change){kind, entries.rows[i].path};
		}
	}
	if (root >= 0) {
		(void)close(root);
	}
	*out = changes;
	*count = found;
	return MC_OK;
}
