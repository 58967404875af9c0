/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of environments that the inventory no longer has. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "k8s/generate.h"
#include "k8s/generate_disk.h"
#include "k8s/generate_int.h"

/* Only what we wrote has a manifest; other folders are none of our business. */
static bool
is_ours(struct base_arena *arena, const char *dir, const char *name)
{
	bool damaged;
	bool ours;
	int root = -1;

	if (gen_disk_open(dir, name, &root) != MC_OK || root < 0) {
		return false;
	}
	ours = gen_disk_manifest(arena, root, &damaged) != NULL || damaged;
	(void)close(root);
	return ours;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const struct base_tree *
k8s_generate_left_over(struct base_arena *arena, const char *dir,
    const struct k8s_inventory *inventory)
{
	char *path = base_arena_printf(arena, "%s/environments", dir);
	struct base_tree_build *list = base_tree_list(arena, &gen_here);
	struct dirent **entries = NULL;
	const char **names;
	size_t found = 0;
	int count = scandir(path, &entries, NULL, NULL);

	if (count < 0 && errno != ENOENT) {
		(void)MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	names = base_arena_calloc(arena, count < 0 ? 0 : (size_t)count, sizeof(*names));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (name[0] != '.' && !k8s_inventory_has_environment(inventory, name) &&
		    is_ours(arena, dir, name)) {
			names[found++] = base_arena_strdup(arena, name);
		}
		free(entries[i]);
	}
	free(entries);
	qsort(names, found, sizeof(*names), by_name);
	for (size_t i = 0; i < found; i++) {
		base_tree_push(list, base_tree_string(arena, names[i], &gen_here));
	}
	return base_tree_done(list);
}
