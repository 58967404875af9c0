/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of an environment on disk: generated files, changes by hand. */
#ifndef TESTS_GENERATED_FOLDER_H
#define TESTS_GENERATED_FOLDER_H

#include "folder_make.h"

#include "base/yaml.h"
#include "k8s/generate_disk.h"
#include "k8s/generate_int.h"

#define ENV "production"

static struct base_arena *arena;
static char *folder;

static inline void
begin(void)
{
	arena = base_arena_new();
	folder = folder_make();
}

static inline void
end(void)
{
	base_arena_free(arena);
	folder_drop(folder);
}

static inline const struct base_tree *
read_text(const char *text)
{
	const struct base_tree *documents = base_yaml_read(arena, "t", NULL, base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	return documents->items[0];
}

static inline const struct base_tree *
file_of(const char *path, const char *text)
{
	struct base_tree_build *file = base_tree_map(arena, &gen_here);

	base_tree_put(file, "path", base_tree_string(arena, path, &gen_here));
	base_tree_put(file, "text", base_tree_string(arena, text, &gen_here));
	return base_tree_done(file);
}

/* Files and their MANIFEST.json from {path: text}. */
static inline const struct base_tree *
files_of(const char *yaml)
{
	const struct base_tree *map = read_text(yaml);
	struct base_tree_build *files = base_tree_list(arena, &gen_here);
	struct base_tree_build *all = base_tree_list(arena, &gen_here);
	const struct base_tree *list;

	for (uint32_t i = 0; i < map->count; i++) {
		base_tree_push(files, file_of(map->entries[i].key, map->entries[i].value->text));
	}
	list = base_tree_done(files);
	base_tree_push(all, gen_manifest(arena, list, read_text("environment: {name: " ENV "}\n"),
				list));
	for (uint32_t i = 0; i < list->count; i++) {
		base_tree_push(all, list->items[i]);
	}
	return base_tree_done(all);
}

/* "+a ~b -c !d" for added, changed, removed, changed by hand. */
static inline const char *
changes_of(const struct base_tree *files)
{
	static const char signs[] = {' ', '+', '~', '-', '!'};
	const struct k8s_change *changes;
	const char *all = "";
	size_t count;

	ck_assert_int_eq(k8s_generate_compare(arena, folder, ENV, files, &changes, &count), MC_OK);
	for (size_t i = 0; i < count; i++) {
		all = base_arena_printf(arena, "%s%s%c%s", all, i > 0 ? " " : "", signs[changes[i].kind],
		    changes[i].path);
	}
	return all;
}

static inline const char *
on_disk(const char *path)
{
	char *whole = base_xasprintf("%s/environments/" ENV "/%s", folder, path), *text = NULL;
	int fd = open(whole, O_RDONLY | O_CLOEXEC);
	const char *copy = NULL;
	size_t len;

	if (fd >= 0) {
		ck_assert_int_eq(base_proc_read_all(fd, LIMIT_YAML, &text, &len), MC_OK);
		copy = base_arena_strdup(arena, text);
		free(text);
		(void)close(fd);
	}
	free(whole);
	return copy;
}

static inline enum mc_err
write_one(const char *environment, const struct base_tree *files, bool force)
{
	const struct k8s_generate_part part = {environment, files};

	return k8s_generate_write(folder, &part, 1, force);
}

static inline void
write_files(const struct base_tree *files)
{
	ck_assert_msg(write_one(ENV, files, false) == MC_OK, "%s",
	    mc_err_last()->detail);
}

static inline void
put(const char *path, const char *text)
{
	char *whole = base_xasprintf("environments/" ENV "/%s", path);

	folder_put(folder, whole, text);
	free(whole);
}

#endif
