/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"

static int saved_stderr = -1;
static int reader = -1;

static void
capture_start(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(saved_stderr, 0);
	ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
	ck_assert_int_eq(close(fds[1]), 0);
	reader = fds[0];
}

/* The captured bytes; restores standard error. */
static void
capture_end(char *out, size_t size)
{
	size_t len = 0;
	ssize_t got;

	ck_assert_int_ge(dup2(saved_stderr, STDERR_FILENO), 0);
	ck_assert_int_eq(close(saved_stderr), 0);
	while ((got = read(reader, out + len, size - 1 - len)) > 0) {
		len += (size_t)got;
	}
	out[len] = '\0';
	ck_assert_int_eq(close(reader), 0);
}

static void
check_value(const char *value, const char *want)
{
	char line[LIMIT_LOG_LINE + 16];
	const char *at;

	capture_start();
	base_log(LOG_LVL_INFO, "tried", LOG_STR("value", value), LOG_END);
	capture_end(line, sizeof(line));
	at = strstr(line, "\"value\":");
	ck_assert_ptr_nonnull(at);
	ck_assert_str_eq(at + 8, want);
}

START_TEST(test_line)
{
	char line[LIMIT_LOG_LINE + 16];

	base_log_open("signer", "production", LOG_LVL_INFO);
	capture_start();
	base_log(LOG_LVL_DEBUG, "unseen", LOG_END);
	base_log(LOG_LVL_WARN, "seen", LOG_INT("n", -5), LOG_HEX("h", "\x01\xfe", 2), LOG_END);
	capture_end(line, sizeof(line));
	ck_assert_mem_eq(line, "{\"at\":\"20", 9);
	ck_assert_mem_eq(line + 26, ".", 1);
	ck_assert_str_eq(line + 33, "Z\",\"level\":\"warn\",\"role\":\"signer\","
	    "\"environment\":\"production\",\"event\":\"seen\",\"n\":-5,\"h\":\"01fe\"}\n");
	base_log_open("meshca", NULL, LOG_LVL_INFO);
}
END_TEST

START_TEST(test_escapes)
{
	check_value("plain", "\"plain\"}\n");
	check_value("", "\"\"}\n");
	check_value(NULL, "null}\n");
	check_value("a\"b\\c\n\x01\x7f", "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"}\n");
}
END_TEST

START_TEST(test_utf8)
{
	check_value("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91", "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91\"}\n");
	/* stray, overlong, surrogate, above U+10FFFF, cut short, C1 control */
	check_value("a\xff" "b", "\"a\\ufffdb\"}\n");
	check_value("\xc0\x80", "\"\\ufffd\\ufffd\"}\n");
	check_value("\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"}\n");
	check_value("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"}\n");
	check_value("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"}\n");
	check_value("\xe2\x82", "\"\\ufffd\\ufffd\"}\n");
	check_value("\xc2\x9b", "\"\\ufffd\\ufffd\"}\n");
}
END_TEST

/* A line must stay one JSON object whatever is cut: check its end for every length. */
START_TEST(test_long_values_are_cut)
{
	char value[LIMIT_LOG_LINE + 8];
	char line[2 * LIMIT_LOG_LINE];
	bool cut = true;

	for (size_t len = LIMIT_LOG_LINE - 200; len < sizeof(value); len++) {
		memset(value, '\n', len);
		memset(value, 'x', len - 8);
		value[len - 1] = '\0';
		capture_start();
		base_log(LOG_LVL_INFO, "long", LOG_STR("a", value), LOG_INT("b", 1),
		    LOG_END);
		capture_end(line, sizeof(line));
		ck_assert_uint_le(strlen(line), LIMIT_LOG_LINE);
		cut = strstr(line, "\"cut\":true") != NULL;
		if (cut) {
			ck_assert(strstr(line, "\",\"cut\":true}\n") != NULL);
		} else {
			ck_assert(strstr(line, "\",\"b\":1}\n") != NULL);
		}
		ck_assert(!cut || len > LIMIT_LOG_LINE - 200);
	}
	ck_assert(cut);
}
END_TEST

START_TEST(test_error_record)
{
	char line[LIMIT_LOG_LINE + 16];

	capture_start();
	base_log_err(LOG_LVL_ERROR, "failed", MC_FAIL(MC_ESTORE, "page \"7\""));
	base_log_err(LOG_LVL_ERROR, "failed", MC_ERATE);
	capture_end(line, sizeof(line));
	ck_assert_ptr_nonnull(strstr(line, "\"error\":\"store\",\"detail\":\"page \\\"7\\\"\","
					   "\"file\":\"unit/test_base_log.c\",\"line\":"));
	ck_assert_ptr_nonnull(strstr(line, "\"error\":\"rate\"}\n"));
}
END_TEST

START_TEST(test_errno_is_kept)
{
	char line[LIMIT_LOG_LINE + 16];

	capture_start();
	errno = ENOSPC;
	base_log(LOG_LVL_INFO, "x", LOG_END);
	ck_assert_int_eq(errno, ENOSPC);
	capture_end(line, sizeof(line));
}
END_TEST

START_TEST(test_fatal_exits)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(STDERR_FILENO);
		base_log_fatal("broken", MC_EFRAME);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_log");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_line);
	tcase_add_test(tcase, test_escapes);
	tcase_add_test(tcase, test_utf8);
	tcase_add_test(tcase, test_long_values_are_cut);
	tcase_add_test(tcase, test_error_record);
	tcase_add_test(tcase, test_errno_is_kept);
	tcase_add_test(tcase, test_fatal_exits);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
