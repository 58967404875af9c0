/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/generate_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/yaml.h"
#include "k8s/generate_int.h"

enum mc_err
gen_disk_open(const char *dir, const char *environment, int *out)
{
	char *path = base_xasprintf("%s/environments/%s", dir, environment);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum mc_err ret = MC_OK;

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		ret = MC_FAIL(MC_ECONFLICT, "%s is not a folder; move it away", path);
	} else if (fd < 0 && errno != ENOENT) {
		ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	} else {
		*out = fd;
	}
	free(path);
	return ret;
}

enum gen_disk_state
gen_disk_read(int root, const char *path, char **out, size_t *out_len)
{
	enum gen_disk_state state = GEN_DISK_OTHER;
	struct stat st;
	int fd;

	if (root < 0) {
		return GEN_DISK_ABSENT;
	}
	fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT || errno == ENOTDIR ? GEN_DISK_ABSENT : GEN_DISK_OTHER;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    base_proc_read_all(fd, LIMIT_YAML, out, out_len) == MC_OK) {
		state = GEN_DISK_FILE;
	}
	(void)close(fd);
	return state;
}

/* --- MANIFEST.json --- */
const struct base_tree *
gen_disk_manifest(struct base_arena *arena, int root, bool *damaged)
{
	const struct base_tree *documents = NULL, *manifest = NULL;
	size_t len = 0;
	char *text = NULL;
	enum gen_disk_state state = gen_disk_read(root, GEN_MANIFEST, &text, &len);

	if (state == GEN_DISK_FILE) {
		documents = base_yaml_read(arena, GEN_MANIFEST, NULL, base_span_of(text, len));
		free(text);
	}
	if (documents != NULL && documents->count == 1 &&
	    base_tree_int(documents->items[0], "version", 0) == GEN_MANIFEST_VERSION) {
		manifest = documents->items[0];
	}
	*damaged = manifest == NULL && state != GEN_DISK_ABSENT;
	return manifest;
}

const struct base_tree *
k8s_generate_old_facts(struct base_arena *arena, const char *dir, const char *environment)
{
	const struct base_tree *facts = NULL;
	bool damaged;
	int root = -1;

	if (gen_disk_open(dir, environment, &root) == MC_OK && root >= 0) {
		facts = base_tree_get(gen_disk_manifest(arena, root, &damaged), "facts");
		(void)close(root);
	}
	return facts != NULL && facts->kind == BASE_TREE_LIST
	    ? facts
	    : base_tree_done(base_tree_list(arena, &gen_here));
}

/* --- before and now --- */
static int
by_path(const void *a, const void *b)
{
	const struct gen_entry *left = a, *right = b;

	return strcmp(left->path, right->path);
}

struct gen_entries
gen_disk_entries(struct base_arena *arena, const struct base_tree *manifest,
    const struct base_tree *files)
{
	const struct base_tree *hashes = base_tree_get(manifest, "files");
	size_t old = hashes != NULL && hashes->kind == BASE_TREE_MAP ? hashes->count : 0;
	size_t most = old + files->count, count = 0;
	struct gen_entry *rows = base_arena_calloc(arena, most, sizeof(*rows));
	struct gen_entries entries = {rows, 0};

	for (uint32_t i = 0; i < files->count; i++) {
		rows[count++] = (struct gen_entry){
		    .path = base_tree_str(files->items[i], "path", ""),
		    .text = base_tree_str(files->items[i], "text", ""),
		};
	}
	for (size_t i = 0; i < old; i++) {
		const struct base_tree *hash = hashes->entries[i].value;

		rows[count++] = (struct gen_entry){
		    .path = hashes->entries[i].key,
		    .before = base_tree_is_scalar(hash) ? hash->text : "",
		};
	}
	if (count > 1) {
		qsort(rows, count, sizeof(*rows), by_path);
	}
	/* a path stands there twice at most: keys of a map and paths of files are unique */
	for (size_t i = 0; i < count; i++) {
		struct gen_entry *last = entries.count > 0 ? &rows[entries.count - 1] : NULL;

		if (last != NULL && strcmp(last->path, rows[i].path) == 0) {
			last->text = last->text != NULL ? last->text : rows[i].text;
			last->before = last->before != NULL ? last->before : rows[i].before;
		} else {
			rows[entries.count++] = rows[i];
		}
	}
	return entries;
}

const struct gen_entry *
gen_disk_find(const struct gen_entries *entries, const char *path)
{
	const struct gen_entry key = {.path = path};

	return entries->count == 0
	    ? NULL
	    : bsearch(&key, entries->rows, entries->count, sizeof(key), by_path);
}

/* --- removal --- */
static enum mc_err
remove_at(int parent, const char *name, unsigned depth)
{
	enum mc_err ret = MC_OK;
	const struct dirent *entry;
	DIR *stream;
	int fd;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
		return MC_OK;
	}
	if (errno != EISDIR && errno != EPERM) {
		return MC_FAIL(MC_EIO, "removing %.100s: %s", name, strerror(errno));
	}
	fd = depth > GEN_DISK_DEPTH ? -1
				    : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (stream == NULL) {
		ret = MC_FAIL(MC_EIO, "removing %.100s: %s", name, strerror(errno));
		if (fd >= 0) {
			(void)close(fd);
		}
		return ret;
	}
	while (ret == MC_OK && (entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			ret = remove_at(fd, entry->d_name, depth + 1);
		}
	}
	(void)closedir(stream);
	if (ret == MC_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0) {
		ret = MC_FAIL(MC_EIO, "removing %.100s: %s", name, strerror(errno));
	}
	return ret;
}

enum mc_err
gen_disk_remove(int parent, const char *name)
{
	return remove_at(parent, name, 0);
}
