/* SPDX-License-Identifier: Apache-2.0 */
/* The files of an inventory's folder. Nothing is followed out of it, and nothing is read that
 * could block or has no end. */
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
#include "base/utf8.h"
#include "k8s/inventory_int.h"

/* What could not be read; told when there is an inventory to tell it. */
struct fault {
	char *path;
	const char *fix; /* static */
	char *what;
};

struct walk {
	struct k8s_file *files;
	size_t count;
	size_t cap;
	size_t bytes;
	struct fault *faults;
	size_t fault_count;
	bool full; /* a limit is reached: nothing more is read */
};

/* Takes what. */
static void
fault(struct walk *walk, const char *path, const char *fix, char *what)
{
	walk->faults = base_xreallocarray(walk->faults, walk->fault_count + 1,
	    sizeof(*walk->faults));
	walk->faults[walk->fault_count++] =
	    (struct fault){base_xstrdup(path), fix, what};
}

static void
fault_errno(struct walk *walk, const char *path)
{
	fault(walk, path, "make it readable, or remove it",
	    base_xasprintf("cannot be read: %s", strerror(errno)));
}

static void
fault_full(struct walk *walk, const char *path)
{
	walk->full = true;
	fault(walk, path, "keep other files elsewhere, or join small ones",
	    base_xasprintf("more than %d files or %d bytes", LIMIT_INVENTORY_FILES, LIMIT_INVENTORY));
}

static bool
is_yaml(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* Names are printed, and go into JSON. */
static bool
is_printable(const char *name)
{
	while (*name != '\0') {
		size_t len = base_utf8_len(name);

		if (len == 0) {
			return false;
		}
		name += len;
	}
	return true;
}

static void
keep(struct walk *walk, const char *path, char *text, size_t len)
{
	if (walk->count == walk->cap) {
		walk->cap = walk->cap == 0 ? 64 : walk->cap * 2;
		walk->files = base_xreallocarray(walk->files, walk->cap, sizeof(*walk->files));
	}
	walk->files[walk->count++] = (struct k8s_file){base_xstrdup(path),
	    base_span_of((const uint8_t *)text, len)};
	walk->bytes += len;
}

static void
read_file(struct walk *walk, int dir, const char *name, const char *path)
{
	struct stat st;
	char *text;
	size_t len;
	int fd;

	if (walk->count == LIMIT_INVENTORY_FILES) {
		fault_full(walk, path);
		return;
	}
	/* not blocking: whoever swaps the file for a FIFO in between gets an error, not us a wait */
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		fault_errno(walk, path);
		return;
	}
	if (fstat(fd, &st) != 0) {
		fault_errno(walk, path);
	} else if (!S_ISREG(st.st_mode)) {
		fault(walk, path, "remove it", base_xstrdup("is not a regular file"));
	} else if (base_proc_read_all(fd, LIMIT_YAML, &text, &len) != MC_OK) {
		fault(walk, path, "split it", base_xasprintf("cannot be read: %s",
		    mc_err_last()->detail));
	} else if (len > LIMIT_INVENTORY - walk->bytes) {
		fault_full(walk, path);
		free(text);
	} else {
		keep(walk, path, text, len);
	}
	(void)close(fd);
}

static void read_folder(struct walk *walk, int fd, const char *path, unsigned depth);

static void
read_entry(struct walk *walk, int dir, const char *name, const char *path, unsigned depth)
{
	struct stat st, target;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		fault_errno(walk, path);
	} else if (S_ISLNK(st.st_mode)) {
		/* one to something else is nobody's document */
		if (is_yaml(name) ||
		    (fstatat(dir, name, &target, 0) == 0 && S_ISDIR(target.st_mode))) {
			fault(walk, path, "put the file itself here",
			    base_xstrdup("is a link; links are not followed"));
		}
	} else if (S_ISDIR(st.st_mode) && depth == LIMIT_INVENTORY_DEPTH) {
		fault(walk, path, "flatten it",
		    base_xasprintf("folders are nested deeper than %d", LIMIT_INVENTORY_DEPTH));
	} else if (S_ISDIR(st.st_mode)) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0) {
			fault_errno(walk, path);
		} else {
			read_folder(walk, fd, path, depth + 1);
		}
	} else if (is_yaml(name)) {
		read_file(walk, dir, name, path);
	}
}

/* NULL at the end, with errno 0 unless it failed. */
static const struct dirent *
next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* Takes fd. path: relative to the inventory, "" for itself. */
static void
read_folder(struct walk *walk, int fd, const char *path, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		fault_errno(walk, path);
		(void)close(fd);
		return;
	}
	while (!walk->full && (entry = next_entry(dir)) != NULL) {
		char *below;

		if (entry->d_name[0] == '.') {
			continue;
		}
		if (!is_printable(entry->d_name)) {
			fault(walk, path, "rename it",
			    base_xstrdup("a file's name has control characters, or is not UTF-8"));
			continue;
		}
		below = base_xasprintf("%s%s%s", path, path[0] != '\0' ? "/" : "", entry->d_name);
		read_entry(walk, dirfd(dir), entry->d_name, below, depth);
		free(below);
	}
	if (!walk->full && errno != 0) {
		fault_errno(walk, path);
	}
	(void)closedir(dir);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct k8s_file *)a)->path, ((const struct k8s_file *)b)->path);
}

static void
tell(struct k8s_inventory *inventory, struct fault *one)
{
	struct base_origin *origin = base_arena_calloc(inventory->arena, 1, sizeof(*origin));

	origin->file = base_arena_strdup(inventory->arena,
	    one->path[0] != '\0' ? one->path : K8S_LINT_WHOLE);
	k8s_findings_add(inventory->findings, LINT_FILES, origin, one->fix, "%s", one->what);
	free(one->path);
	free(one->what);
}

struct k8s_inventory *
k8s_inventory_read(const char *dir)
{
	struct walk walk = {NULL, 0, 0, 0, NULL, 0, false};
	struct k8s_inventory *inventory;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		fault(&walk, "", "name the inventory's folder",
		    base_xasprintf("%s: %s", dir, strerror(errno)));
	} else {
		read_folder(&walk, fd, "", 1);
	}
	if (walk.count > 1) {
		qsort(walk.files, walk.count, sizeof(*walk.files), compare_paths);
	}
	inventory = k8s_inventory_from(walk.files, walk.count);
	for (size_t i = 0; i < walk.fault_count; i++) {
		tell(inventory, &walk.faults[i]);
	}
	k8s_findings_sort(inventory->findings);
	for (size_t i = 0; i < walk.count; i++) {
		free((void *)(uintptr_t)walk.files[i].path);
		free((void *)(uintptr_t)walk.files[i].text.ptr);
	}
	free(walk.files);
	free(walk.faults);
	return inventory;
}
