/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing environments' folders: a new folder is made beside each old one, filled with the
 * generated files and with links to those that are not ours; when all are full and flushed, each is
 * exchanged with the old one in one step of the file system (renameat2 with RENAME_EXCHANGE). So
 * what fails on the way changes nothing, and whoever kills us leaves of each the old folder or the
 * new one, and perhaps one beside it, which the next run removes.
 *
 * What is no longer generated is gone because nothing links it: no path from MANIFEST.json, which
 * others may have written, is ever removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "k8s/generate_disk.h"
#include "k8s/generate_int.h"

#define DIR_MODE 0777  /* less the umask */
#define FILE_MODE 0666

static enum mc_err
fail_io(const char *what)
{
	int error = errno;

	return MC_FAIL(MC_EIO, "%.160s: %s; nothing was changed%s", what, strerror(error),
	    error == ENOSPC || error == EDQUOT ? ", make room and generate again" : "");
}

static enum mc_err
write_text(int fd, const char *text, const char *path)
{
	struct base_span rest = base_span_str(text);

	while (rest.len > 0) {
		ssize_t done = write(fd, rest.ptr, rest.len);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return fail_io(path);
		}
		rest = base_span_of(rest.ptr + done, rest.len - (size_t)done);
	}
	return MC_OK;
}

/* The folders on the way to path, below root. */
static enum mc_err
make_parents(int root, const char *path)
{
	char *copy = base_xstrdup(path);
	enum mc_err ret = MC_OK;

	for (char *slash = strchr(copy, '/'); slash != NULL && ret == MC_OK;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(root, copy, DIR_MODE) != 0 && errno != EEXIST) {
			ret = fail_io(copy);
		}
		*slash = '/';
	}
	free(copy);
	return ret;
}

static enum mc_err
write_file(int root, const struct gen_entry *entry)
{
	enum mc_err ret = make_parents(root, entry->path);
	int fd;

	if (ret != MC_OK) {
		return ret;
	}
	fd = openat(root, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0) {
		return fail_io(entry->path);
	}
	ret = write_text(fd, entry->text, entry->path);
	if (close(fd) != 0 && ret == MC_OK) {
		ret = fail_io(entry->path);
	}
	return ret;
}

/* --- what is not ours --- */
struct keep {
	const struct gen_entries *entries;
	int fresh; /* root of the new folder */
};

static enum mc_err keep_folder(const struct keep *keep, int fd, const char *prefix,
    unsigned depth);

static enum mc_err
keep_one(const struct keep *keep, int folder, const char *name, const char *path, unsigned depth)
{
	struct stat st;
	enum mc_err ret;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		return fail_io(path);
	}
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		return fd < 0 ? fail_io(path) : keep_folder(keep, fd, path, depth + 1);
	}
	if (gen_disk_find(keep->entries, path) != NULL) {
		return MC_OK;
	}
	ret = make_parents(keep->fresh, path);
	if (ret == MC_OK && linkat(folder, name, keep->fresh, path, 0) != 0) {
		ret = errno == EEXIST || errno == ENOTDIR
		    ? MC_FAIL(MC_ECONFLICT, "%.160s is in the way of what is generated; move it", path)
		    : fail_io(path);
	}
	return ret;
}

/* Links what is in the folder into the new one. Takes over fd. A folder without a file is not
 * kept: it may be one that we emptied. */
static enum mc_err
keep_folder(const struct keep *keep, int fd, const char *prefix, unsigned depth)
{
	DIR *stream = fdopendir(fd);
	const struct dirent *entry;
	enum mc_err ret = MC_OK;

	if (stream == NULL) {
		(void)close(fd);
		return fail_io(prefix);
	}
	if (depth > GEN_DISK_DEPTH) {
		ret = MC_FAIL(MC_ETOOBIG, "%.160s: more than %d folders deep", prefix, GEN_DISK_DEPTH);
	}
	while (ret == MC_OK && (entry = readdir(stream)) != NULL) {
		char *path;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		path = *prefix == '\0' ? base_xstrdup(entry->d_name)
				       : base_xasprintf("%s/%s", prefix, entry->d_name);
		ret = keep_one(keep, fd, entry->d_name, path, depth);
		free(path);
	}
	(void)closedir(stream);
	return ret;
}

/* --- the folder --- */
/* Fills the new folder. old: -1 when there is none. */
static enum mc_err
fill(int fresh, int old, const struct gen_entries *entries)
{
	const struct keep keep = {entries, fresh};
	enum mc_err ret = MC_OK;

	for (size_t i = 0; i < entries->count && ret == MC_OK; i++) {
		if (entries->rows[i].text != NULL) {
			ret = write_file(fresh, &entries->rows[i]);
		}
	}
	if (ret == MC_OK && old >= 0) {
		int copy = openat(old, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		ret = copy < 0 ? fail_io(".") : keep_folder(&keep, copy, "", 0);
	}
	return ret;
}

/* Opens dir/environments, makes both if needed, and keeps others out while it is open. */
static enum mc_err
open_parent(const char *dir, int *out)
{
	char *path = base_xasprintf("%s/environments", dir);
	enum mc_err ret = MC_OK;
	int fd = -1;

	if ((mkdir(dir, DIR_MODE) != 0 && errno != EEXIST) ||
	    (mkdir(path, DIR_MODE) != 0 && errno != EEXIST) ||
	    (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		ret = fail_io(path);
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ret = MC_FAIL(MC_EBUSY, "%s: another run is writing there; wait for it", path);
		(void)close(fd);
	} else {
		*out = fd;
	}
	free(path);
	return ret;
}

/* How many of the changes were made by hand; the first is named. */
static enum mc_err
refuse_hand_changes(const struct k8s_change *changes, size_t count)
{
	const char *first = NULL;
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (changes[i].kind == K8S_HAND_CHANGED) {
			first = first == NULL ? changes[i].path : first;
			found++;
		}
	}
	return first == NULL ? MC_OK
			     : MC_FAIL(MC_ECONFLICT, "files changed by hand: %zu, %.120s first; put "
				   "the change into the inventory, or force", found, first);
}

/* --- all of a run --- */
struct place {
	const struct k8s_generate_part *part;
	const char *name; /* of the new folder, beside the old one */
	bool exists;      /* the old one */
	bool fresh;       /* the new one is there: full, or, once exchanged, the old one */
};

/* Fills the new folder beside the old one, when there is a change at all. */
static enum mc_err
prepare(struct base_arena *arena, const char *dir, int parent, struct place *place, bool force)
{
	const struct k8s_generate_part *part = place->part;
	const struct k8s_change *changes;
	struct gen_entries entries;
	bool damaged;
	size_t count = 0;
	int old = -1, fresh = -1;
	enum mc_err ret = gen_disk_remove(parent, place->name); /* of a run that was killed */

	if (ret == MC_OK) {
		ret = k8s_generate_compare(arena, dir, part->environment, part->files, &changes, &count);
	}
	if (ret == MC_OK && !force) {
		ret = refuse_hand_changes(changes, count);
	}
	if (ret == MC_OK && count > 0) {
		ret = gen_disk_open(dir, part->environment, &old);
	}
	if (ret != MC_OK || count == 0) {
		return ret;
	}
	place->exists = old >= 0;
	if (mkdirat(parent, place->name, DIR_MODE) != 0) {
		ret = fail_io(place->name);
		goto out;
	}
	place->fresh = true;
	fresh = openat(parent, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fresh < 0) {
		ret = fail_io(place->name);
		goto out;
	}
	entries = gen_disk_entries(arena, gen_disk_manifest(arena, old, &damaged), part->files);
	ret = fill(fresh, old, &entries);
out:
	if (fresh >= 0) {
		(void)close(fresh);
	}
	if (old >= 0) {
		(void)close(old);
	}
	return ret;
}

/* done: how many stand already. */
static enum mc_err
put_in_place(int parent, const struct place *place, size_t done)
{
	const char *name = place->part->environment;

	if (renameat2(parent, place->name, parent, name,
		place->exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0) {
		return done == 0 ? fail_io(name)
				 : MC_FAIL(MC_EIO, "%.160s: %s; %zu environments before it are new, generate again",
				       name, strerror(errno), done);
	}
	return MC_OK;
}

/* parent is the folder "environments". */
static enum mc_err
exchange(int parent, const struct place *places, size_t count)
{
	size_t done = 0, changed = 0;

	for (size_t i = 0; i < count; i++) {
		changed += places[i].fresh ? 1 : 0;
	}
	if (changed == 0) {
		return MC_OK;
	}
	/* one flush of the file system: one for each file takes seconds for a few hundred */
	if (syncfs(parent) != 0) {
		return fail_io("flushing");
	}
	for (size_t i = 0; i < count; i++) {
		enum mc_err ret = places[i].fresh ? put_in_place(parent, &places[i], done) : MC_OK;

		if (ret != MC_OK) {
			return ret;
		}
		done += places[i].fresh ? 1 : 0;
	}
	return fsync(parent) != 0
	    ? MC_FAIL(MC_EIO, "what was generated is in place, but flushing failed: %s", strerror(errno))
	    : MC_OK;
}

enum mc_err
k8s_generate_write(const char *dir, const struct k8s_generate_part *parts, size_t count, bool force)
{
	struct base_arena *arena = base_arena_new();
	struct place *places = base_arena_calloc(arena, count, sizeof(*places));
	int parent = -1;
	enum mc_err ret = open_parent(dir, &parent);

	for (size_t i = 0; ret == MC_OK && i < count; i++) {
		places[i] = (struct place){.part = &parts[i],
		    .name = base_arena_printf(arena, ".%s.new", parts[i].environment)};
		ret = prepare(arena, dir, parent, &places[i], force);
	}
	if (ret == MC_OK) {
		ret = exchange(parent, places, count);
	}
	/* what is there now is the old folder, or a new one that failed */
	for (size_t i = 0; i < count; i++) {
		enum mc_err removed = places[i].fresh ? gen_disk_remove(parent, places[i].name) : MC_OK;

		ret = ret != MC_OK ? ret : removed;
	}
	if (parent >= 0) {
		(void)close(parent);
	}
	base_arena_free(arena);
	return ret;
}
