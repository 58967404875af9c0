/* SPDX-License-Identifier: Apache-2.0 */
/* Files that only the daemon may open: key files (still encrypted), passphrases, folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rotation/sup.h"

#define ACTIVE "issuing.pem"
#define OLDER "issuing-" /* + first 8 hex of the issuer id + .pem */

struct older {
	char name[sizeof(OLDER) + 12];
	time_t at;
};

int
sup_keys_open(const char *dir, const char *name)
{
	char *path = base_xasprintf("%s/%s", dir, name);
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		(void)MC_FAIL(errno == ENOENT ? MC_ENOTFOUND : MC_EIO, "%s: %s", path,
		    strerror(errno));
	} else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)MC_FAIL(MC_EIO, "%s is not a regular file", path);
		(void)close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

bool
sup_keys_have(const char *dir, const char *name)
{
	int fd = sup_keys_open(dir, name);

	if (fd >= 0) {
		(void)close(fd);
	}
	return fd >= 0;
}

bool
sup_keys_any(const struct config *config)
{
	bool found = sup_keys_have(config->operators.key_dir, "environment.pem");

	for (size_t i = 0; i < config->environment_count; i++) {
		found = found || sup_keys_have(config->environments[i].key_dir, "environment.pem");
	}
	return found;
}

/* issuing-XXXXXXXX.pem and nothing else */
static bool
is_older(const char *name)
{
	size_t prefix = sizeof(OLDER) - 1;

	return strncmp(name, OLDER, prefix) == 0 &&
	    strspn(name + prefix, "0123456789abcdef") == 8 &&
	    strcmp(name + prefix + 8, ".pem") == 0;
}

/* Inserts by age, newest first; the oldest falls off the end: its leaves have long expired. */
static size_t
insert(struct older *list, size_t count, const char *name, time_t at)
{
	size_t i = count < SUP_KEYFILES - 1 ? count++ : count - 1;

	if (i == count - 1 && count == SUP_KEYFILES - 1 && list[i].name[0] != '\0' &&
	    list[i].at >= at) {
		return count;
	}
	for (; i > 0 && list[i - 1].at < at; i--) {
		list[i] = list[i - 1];
	}
	base_copy(list[i].name, name, strlen(name) + 1);
	list[i].at = at;
	return count;
}

static size_t
list_older(const char *dir_path, struct older *list)
{
	DIR *dir = opendir(dir_path);
	const struct dirent *entry;
	struct stat st;
	size_t count = 0;

	if (dir == NULL) {
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (is_older(entry->d_name) &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode)) {
			count = insert(list, count, entry->d_name, st.st_mtime);
		}
	}
	(void)closedir(dir);
	return count;
}

size_t
sup_keys_issuing(const struct config_environment *env, int fds[SUP_KEYFILES])
{
	struct older list[SUP_KEYFILES - 1] = {0};
	size_t count, used = 0;

	fds[0] = sup_keys_open(env->key_dir, ACTIVE);
	if (fds[0] < 0) {
		return 0;
	}
	used = 1;
	count = list_older(env->key_dir, list);
	for (size_t i = 0; i < count; i++) {
		int fd = sup_keys_open(env->key_dir, list[i].name);

		if (fd >= 0) {
			fds[used++] = fd;
		}
	}
	return used;
}

struct base_secret *
sup_keys_passphrase(const char *path)
{
	struct base_secret *secret = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT) {
		(void)MC_FAIL(MC_ENOTFOUND, "%s does not exist; make it: (umask 077; openssl rand "
		    "-base64 32 > %s)", path, path);
	} else if (fd < 0 || fstat(fd, &st) != 0) {
		(void)MC_FAIL(MC_EIO, "%s cannot be opened: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
		(void)MC_FAIL(MC_EPOLICY, "%s is open to others; run chmod 600 on it", path);
	} else {
		secret = base_secret_read_fd(fd, LIMIT_PASSPHRASE);
		if (secret != NULL && base_secret_len(secret) == 0) {
			(void)MC_FAIL(MC_EPASSPHRASE, "%s is empty; write a passphrase into it", path);
			base_secret_free(secret);
			secret = NULL;
		}
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return secret;
}

struct base_secret *
sup_keys_copy(struct base_span bytes)
{
	struct base_secret *secret = base_secret_new(bytes.len);

	base_copy(base_secret_ptr(secret), bytes.ptr, bytes.len);
	return secret;
}

static enum mc_err
make_one(const char *path, uid_t uid, gid_t gid)
{
	if (mkdir(path, 0700) == 0) {
		if (geteuid() == 0 && uid != 0 && chown(path, uid, gid) != 0) {
			return MC_FAIL(MC_EIO, "%s: chown: %s", path, strerror(errno));
		}
		return MC_OK;
	}
	if (errno == EEXIST) {
		return MC_OK;
	}
	return MC_FAIL(MC_EIO, "%s cannot be made: %s; make it, or choose another path", path,
	    strerror(errno));
}

enum mc_err
sup_keys_folder(const char *path, uid_t uid, gid_t gid)
{
	char *partial = base_xstrdup(path);
	enum mc_err ret = MC_OK;

	for (char *p = strchr(partial + 1, '/'); p != NULL && ret == MC_OK;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		if (access(partial, F_OK) != 0) {
			ret = make_one(partial, 0, 0);
			/* a role must be able to walk to a folder of its own */
			if (ret == MC_OK && uid != 0 && geteuid() == 0) {
				(void)!chmod(partial, 0711);
			}
		}
		*p = '/';
	}
	if (ret == MC_OK) {
		ret = make_one(partial, uid, gid);
	}
	free(partial);
	return ret;
}

static enum mc_err
lock_state(const struct config *config, int *lock)
{
	char *path = base_xasprintf("%s/meshcad.lock", config->state_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum mc_err ret = MC_OK;

	if (fd < 0) {
		ret = MC_FAIL(MC_EIO, "%s: %s; check who owns state_dir", path, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ret = MC_FAIL(MC_EBUSY, "another meshcad uses %s; stop it first", config->state_dir);
		(void)close(fd);
	} else {
		*lock = fd;
	}
	free(path);
	return ret;
}

/* The ledger's user must be able to walk through state_dir, which stays closed to its eyes. */
static enum mc_err
let_through(const struct config *config)
{
	size_t len = strlen(config->state_dir);
	struct stat st;

	if (geteuid() != 0 || config->ledger_uid == 0 ||
	    strncmp(config->ledger_path, config->state_dir, len) != 0) {
		return MC_OK;
	}
	if (stat(config->state_dir, &st) != 0 ||
	    chmod(config->state_dir, (st.st_mode & 07777) | S_IXOTH) != 0) {
		return MC_FAIL(MC_EIO, "%s: %s", config->state_dir, strerror(errno));
	}
	return MC_OK;
}

enum mc_err
sup_keys_folders(const struct config *config, int *lock)
{
	char *ledger = base_xstrdup(config->ledger_path);
	enum mc_err ret;

	*strrchr(ledger, '/') = '\0';
	ret = sup_keys_folder(config->state_dir, 0, 0);
	if (ret == MC_OK) {
		ret = lock_state(config, lock);
	}
	if (ret == MC_OK) {
		ret = let_through(config);
	}
	if (ret == MC_OK) {
		ret = sup_keys_folder(config->run_dir, 0, 0);
	}
	if (ret == MC_OK && ledger[0] != '\0') {
		ret = sup_keys_folder(ledger, config->ledger_uid, config->ledger_gid);
	}
	free(ledger);
	return ret;
}
