/* SPDX-License-Identifier: Apache-2.0 */
/* A folder below /tmp that a test fills, reads and drops. */
#ifndef TESTS_FOLDER_MAKE_H
#define TESTS_FOLDER_MAKE_H

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"

/* The caller gives it to folder_drop. */
static inline char *
folder_make(void)
{
	char *folder = base_xstrdup("/tmp/meshca-folder-XXXXXX");

	ck_assert_ptr_nonnull(mkdtemp(folder));
	return folder;
}

/* With the folders on the way to it. */
static inline void
folder_put(const char *folder, const char *name, const char *text)
{
	char *path = base_xasprintf("%s/%s", folder, name);
	char *slash = path + strlen(folder) + 1;
	int fd;

	while ((slash = strchr(slash, '/')) != NULL) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash++ = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	free(path);
}

/* Frees the name, too. */
static inline void
folder_drop(char *folder)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", folder, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
	free(folder);
}

#endif
