/* SPDX-License-Identifier: Apache-2.0 */
/* What is logged goes into a memory file, and can be looked for there. */
#ifndef TESTS_LOG_CATCH_H
#define TESTS_LOG_CATCH_H

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

#define LOG_CATCH_MAX (256 * 1024)

static int log_file = -1, log_stderr_was = -1;

/* Standard error is what it was before. */
static inline void
log_let_go(void)
{
	ck_assert_int_ge(dup2(log_stderr_was, STDERR_FILENO), 0);
	(void)close(log_stderr_was);
	(void)close(log_file);
	log_file = log_stderr_was = -1;
}

static inline void
log_catch(const char *role)
{
	if (log_file >= 0) { /* left by a test that failed */
		log_let_go();
	}
	log_file = memfd_create("log", MFD_CLOEXEC);
	log_stderr_was = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	ck_assert_int_ge(dup2(log_file, STDERR_FILENO), 0);
	base_log_open(role, NULL, LOG_LVL_DEBUG);
}

/* How often this was logged. */
static inline unsigned
log_count(const char *text)
{
	static char all[LOG_CATCH_MAX + 1];
	ssize_t len = pread(log_file, all, LOG_CATCH_MAX, 0);
	unsigned found = 0;

	ck_assert(len >= 0 && len < LOG_CATCH_MAX); /* all of it */
	all[len] = '\0';
	for (const char *at = all; (at = strstr(at, text)) != NULL; at += strlen(text)) {
		found++;
	}
	return found;
}

#endif
