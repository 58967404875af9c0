/* SPDX-License-Identifier: Apache-2.0 */
/* The set of templates: built-in ones, and those of a folder that shadow them. */
#include "k8s/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/enc.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/yaml.h"
#include "k8s/template_int.h"

#define FOLDER_DEPTH 8 /* folders within the folder of templates */
#define TEMPLATE_LAYER "template"
#define SHADOW_WORD "# shadows "

void
k8s_templates_free(struct k8s_templates *templates)
{
	if (templates == NULL) {
		return;
	}
	base_arena_free(templates->arena);
	free(templates->files);
	free(templates);
}

static int
by_path(const void *a, const void *b)
{
	const struct tmpl_file *left = a, *right = b;

	return strcmp(left->path, right->path);
}

struct tmpl_file *
tmpl_find(const struct k8s_templates *templates, const char *path)
{
	const struct tmpl_file key = {.path = path};

	return templates->count == 0 ? NULL
				     : bsearch(&key, templates->files, templates->count,
					   sizeof(key), by_path);
}

/* --- one file --- */
static bool
parse_text(struct k8s_templates *templates, struct tmpl_file *file, struct base_span text)
{
	const struct base_origin at = {.file = file->shown, .line = 1};
	const struct base_tree *documents =
	    base_yaml_read(templates->arena, file->shown, TEMPLATE_LAYER, text);

	if (documents == NULL) {
		return false;
	}
	if (documents->count != 1) {
		return tmpl_refuse(&at, "%u documents; a template is one", documents->count);
	}
	return tmpl_parse(templates->arena, file, documents->items[0]);
}

static struct tmpl_file *
file_add(struct k8s_templates *templates)
{
	if (templates->count == templates->cap) {
		templates->cap = templates->cap == 0 ? 64 : templates->cap * 2;
		templates->files = base_xreallocarray(templates->files, templates->cap,
		    sizeof(*templates->files));
	}
	templates->files[templates->count] = (struct tmpl_file){0};
	return &templates->files[templates->count++];
}

static bool
add_builtins(struct k8s_templates *templates)
{
	for (size_t i = 0; i < k8s_builtin_count; i++) {
		const struct k8s_builtin *builtin = &k8s_builtins[i];
		struct tmpl_file *file = tmpl_find(templates, builtin->path);

		if (file != NULL) {
			file->builtin = true;
		}
	}
	/* appended after the look-ups, which need the files of the folder sorted */
	for (size_t i = 0, shadows = templates->count; i < k8s_builtin_count; i++) {
		const struct k8s_builtin *builtin = &k8s_builtins[i];
		const struct tmpl_file key = {.path = builtin->path};
		struct tmpl_file *file;

		if (shadows > 0 && bsearch(&key, templates->files, shadows, sizeof(key), by_path)) {
			continue;
		}
		file = file_add(templates);
		file->path = builtin->path;
		file->shown = builtin->path;
		file->builtin = true;
		if (!parse_text(templates, file, base_span_of(builtin->text, builtin->len))) {
			return false;
		}
	}
	return true;
}

/* The hash that the first line names; NULL: none. */
static const char *
shadow_hash(struct base_arena *arena, const char *text)
{
	size_t skip = strlen(SHADOW_WORD);

	if (strncmp(text, SHADOW_WORD, skip) != 0) {
		return NULL;
	}
	return base_arena_strndup(arena, text + skip, strcspn(text + skip, " \r\n"));
}

static bool
add_file(struct k8s_templates *templates, int dir, const char *name, const char *path,
    const char *shown)
{
	const struct base_origin at = {.file = shown, .line = 1};
	struct tmpl_file *file;
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool done = false;

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)tmpl_refuse(&at, "cannot be opened: %s; check its mode", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		(void)tmpl_refuse(&at, "is not a regular file; remove it");
	} else if (base_proc_read_all(fd, LIMIT_YAML, &text, &len) != MC_OK) {
		(void)tmpl_refuse(&at, "cannot be read or is larger than " LIMIT_YAML_TEXT "; split it");
	} else {
		file = file_add(templates);
		file->path = path;
		file->shown = shown;
		file->from_dir = true;
		file->shadow_sha256 = shadow_hash(templates->arena, text);
		done = parse_text(templates, file, base_span_of(text, len));
	}
	free(text);
	if (fd >= 0) {
		(void)close(fd);
	}
	return done;
}

static bool
ends_in_yaml(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".yaml") == 0;
}

static bool add_folder(struct k8s_templates *templates, int fd, const char *dir, const char *prefix,
    unsigned depth);

/* path: below dir. One that cannot be read would leave built-in templates in place unseen. */
static bool
add_subfolder(struct k8s_templates *templates, int parent, const char *dir, const char *path,
    unsigned depth)
{
	const struct base_origin at = {
	    .file = base_arena_printf(templates->arena, "%s/%s", dir, path), .line = 0};
	const char *slash = strrchr(path, '/');
	int fd = openat(parent, slash == NULL ? path : slash + 1,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		return tmpl_refuse(&at, "cannot be opened: %s; check its mode", strerror(errno));
	}
	return add_folder(templates, fd, dir, base_arena_printf(templates->arena, "%s/", path),
	    depth + 1);
}

/* Takes over fd. prefix: "" or ends in "/". */
static bool
add_folder(struct k8s_templates *templates, int fd, const char *dir, const char *prefix,
    unsigned depth)
{
	const struct base_origin at = {
	    .file = base_arena_printf(templates->arena, "%s/%s", dir, prefix), .line = 0};
	DIR *stream = fdopendir(fd);
	const struct dirent *entry;
	bool done = true;

	if (stream == NULL || depth == FOLDER_DEPTH) {
		(void)tmpl_refuse(&at, "cannot be read, or more than %d folders deep; flatten it",
		    FOLDER_DEPTH);
		done = false;
	}
	while (done && (entry = readdir(stream)) != NULL) {
		const char *path = base_arena_printf(templates->arena, "%s%s", prefix, entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.' ||
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			continue;
		}
		if (S_ISDIR(st.st_mode)) {
			done = add_subfolder(templates, fd, dir, path, depth);
		} else if (ends_in_yaml(entry->d_name)) {
			done = add_file(templates, fd, entry->d_name, path,
			    base_arena_printf(templates->arena, "%s/%s", dir, path));
		}
	}
	if (stream != NULL) {
		(void)closedir(stream);
	} else {
		(void)close(fd);
	}
	return done;
}

/* --- includes --- */
struct visit {
	struct k8s_templates *templates;
	struct tmpl_file *from;
};

static bool visit_file(struct k8s_templates *templates, struct tmpl_file *file);

static bool
takes(const struct tmpl_file *file, const char *name)
{
	for (uint32_t i = 0; i < file->argument_count; i++) {
		if (strcmp(file->arguments[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static bool
gives(const struct tmpl *with, const char *name)
{
	if (with != NULL && with->kind == TMPL_LITERAL) {
		return base_tree_get(with->literal, name) != NULL;
	}
	for (uint32_t i = 0; with != NULL && i < with->entry_count; i++) {
		if (with->entries[i].key->kind == TMPL_LITERAL &&
		    strcmp(with->entries[i].key->literal->text, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Each argument is given, and nothing else. */
static bool
check_with(const struct tmpl *include, const struct tmpl_file *file)
{
	const struct tmpl *with = include->with;
	uint32_t count = with == NULL ? 0
	    : with->kind == TMPL_LITERAL ? with->literal->count
					 : with->entry_count;

	if (with != NULL && with->kind == TMPL_MAP && with->item_count > 0) {
		return tmpl_refuse(with->at, "@merge in @with; name the arguments");
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct tmpl *key = with->kind == TMPL_LITERAL ? NULL : with->entries[i].key;
		const char *name = key == NULL ? with->literal->entries[i].key
		    : key->kind == TMPL_LITERAL ? key->literal->text
						: "@{}";

		if (!takes(file, name)) {
			return tmpl_refuse(with->at, "%.60s has no argument %.40s; remove it",
			    tmpl_shown(file->shown), name);
		}
	}
	for (uint32_t i = 0; i < file->argument_count; i++) {
		if (!gives(with, file->arguments[i])) {
			return tmpl_refuse(include->at, "%.60s needs the argument %.40s; add it to @with",
			    tmpl_shown(file->shown), file->arguments[i]);
		}
	}
	return true;
}

static bool
visit_include(void *self, const struct tmpl *include)
{
	struct visit *visit = self;
	struct tmpl_file *file = tmpl_find(visit->templates, include->name);

	if (file == NULL) {
		return tmpl_refuse(include->at, "there is no template %.80s; check its path",
		    include->name);
	}
	if (file->visiting) {
		return tmpl_refuse(include->at, "%.80s includes itself; recursion is not taken",
		    include->name);
	}
	if (!check_with(include, file) || !visit_file(visit->templates, file)) {
		return false;
	}
	if (file->depth + 1 > visit->from->depth) {
		visit->from->depth = file->depth + 1;
	}
	if (visit->from->depth > LIMIT_TEMPLATE_DEPTH) {
		return tmpl_refuse(include->at, "more than %d includes within each other; flatten them",
		    LIMIT_TEMPLATE_DEPTH);
	}
	return true;
}

/* Depth first; each file once. */
static bool
visit_file(struct k8s_templates *templates, struct tmpl_file *file)
{
	struct visit visit = {templates, file};
	bool done;

	if (file->depth > 0) {
		return true;
	}
	file->depth = 1;
	file->visiting = true;
	done = tmpl_each_include(file->body, visit_include, &visit);
	file->visiting = false;
	return done;
}

static void reach(struct k8s_templates *templates, const char *path);

static bool
reach_include(void *self, const struct tmpl *include)
{
	reach(self, include->name);
	return true;
}

/* Includes make no circle by now. */
static void
reach(struct k8s_templates *templates, const char *path)
{
	struct tmpl_file *file = tmpl_find(templates, path);

	if (file != NULL && !file->reached) {
		file->reached = true;
		(void)tmpl_each_include(file->body, reach_include, templates);
	}
}

const struct base_tree *
k8s_templates_unused(struct k8s_templates *templates, struct base_arena *arena)
{
	static const struct base_origin here = {.file = "built-in"};
	struct base_tree_build *list = base_tree_list(arena, &here);

	reach(templates, "tree.yaml");
	reach(templates, "mesh-config.yaml");
	for (size_t i = 0; i < templates->count; i++) {
		if (templates->files[i].from_dir && !templates->files[i].reached) {
			base_tree_push(list, base_tree_string(arena, templates->files[i].path, &here));
		}
	}
	return base_tree_done(list);
}

static bool
open_all(struct k8s_templates *templates, const char *dir)
{
	if (dir != NULL) {
		const struct base_origin at = {.file = dir, .line = 0};
		int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0) {
			return tmpl_refuse(&at, "cannot be opened: %s; name a folder", strerror(errno));
		}
		if (!add_folder(templates, fd, base_arena_strdup(templates->arena, dir), "", 0)) {
			return false;
		}
		if (templates->count > 0) {
			qsort(templates->files, templates->count, sizeof(*templates->files), by_path);
		}
	}
	if (!add_builtins(templates)) {
		return false;
	}
	if (templates->count > 0) {
		qsort(templates->files, templates->count, sizeof(*templates->files), by_path);
	}
	for (size_t i = 0; i < templates->count; i++) {
		if (!visit_file(templates, &templates->files[i])) {
			return false;
		}
	}
	return true;
}

struct k8s_templates *
k8s_templates_open(const char *dir)
{
	struct k8s_templates *templates = base_xcalloc(1, sizeof(*templates));

	templates->arena = base_arena_new();
	if (!open_all(templates, dir)) {
		k8s_templates_free(templates);
		return NULL;
	}
	return templates;
}

/* --- shadows --- */
static const char *
builtin_sha256(struct base_arena *arena, const char *path)
{
	char hex[2 * BASE_SHA256_LEN + 1] = "";
	uint8_t digest[BASE_SHA256_LEN];

	for (size_t i = 0; i < k8s_builtin_count; i++) {
		if (strcmp(k8s_builtins[i].path, path) == 0) {
			base_crypto_sha256(
			    base_span_of(k8s_builtins[i].text, k8s_builtins[i].len), digest);
			base_enc_hex(digest, sizeof(digest), hex);
		}
	}
	return base_arena_strdup(arena, hex);
}

const struct base_tree *
k8s_templates_shadows(struct k8s_templates *templates, struct base_arena *arena)
{
	static const struct base_origin here = {.file = "built-in"};
	struct base_tree_build *list = base_tree_list(arena, &here);

	for (size_t i = 0; i < templates->count; i++) {
		const struct tmpl_file *file = &templates->files[i];
		struct base_tree_build *row;
		const char *hash;

		if (!file->from_dir || !file->builtin) {
			continue;
		}
		hash = builtin_sha256(arena, file->path);
		row = base_tree_map(arena, &here);
		base_tree_put(row, "path", base_tree_string(arena, file->path, &here));
		base_tree_put(row, "sha256", base_tree_string(arena, hash, &here));
		base_tree_put(row, "changed", base_tree_boolean(arena, file->shadow_sha256 == NULL ||
			strcmp(file->shadow_sha256, hash) != 0, &here));
		base_tree_push(list, base_tree_done(row));
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_templates_list(struct base_arena *arena)
{
	static const struct base_origin here = {.file = "built-in"};
	struct base_tree_build *list = base_tree_list(arena, &here);

	for (size_t i = 0; i < k8s_builtin_count; i++) {
		struct base_tree_build *row = base_tree_map(arena, &here);

		base_tree_put(row, "path", base_tree_string(arena, k8s_builtins[i].path, &here));
		base_tree_put(row, "sha256", base_tree_string(arena,
			builtin_sha256(arena, k8s_builtins[i].path), &here));
		base_tree_push(list, base_tree_done(row));
	}
	return base_tree_done(list);
}
