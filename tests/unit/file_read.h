/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FILE_READ_H
#define TESTS_FILE_READ_H

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/proc.h"

/* All of a file, which is there; the caller frees. */
static inline char *
slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(base_proc_read_all(fd, LIMIT_CONFIG, &text, &len), MC_OK);
	(void)close(fd);
	return text;
}

#endif
