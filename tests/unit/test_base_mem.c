/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <check.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"

START_TEST(test_strings)
{
	char *str = base_xasprintf("%s-%d", "a", 5);
	char *part = base_xstrndup("abcdef", 3);
	char *whole = base_xstrndup("ab", 9);

	ck_assert_str_eq(str, "a-5");
	ck_assert_str_eq(part, "abc");
	ck_assert_str_eq(whole, "ab");
	free(str);
	free(part);
	free(whole);
	char *none = base_xstrndup(NULL, 0); /* an empty span's */
	ck_assert_str_eq(none, "");
	free(none);
	free(base_xcalloc(0, 0));
	base_copy(NULL, NULL, 0);
	base_freezero(NULL, 0);
}
END_TEST

START_TEST(test_overflow_aborts)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)close(STDERR_FILENO);
		(void)base_xreallocarray(NULL, SIZE_MAX / 2, 3);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* A sanitizer's allocator exits instead. */
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}
END_TEST

/* A pipe that holds len bytes of 'p' and then tail. */
static int
pipe_with(size_t len, const char *tail)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	for (size_t i = 0; i < len; i++) {
		ck_assert_int_eq(write(fds[1], "p", 1), 1);
	}
	ck_assert_int_eq(write(fds[1], tail, strlen(tail)), (ssize_t)strlen(tail));
	ck_assert_int_eq(close(fds[1]), 0);
	return fds[0];
}

static void
check_read(size_t len, const char *tail, ssize_t want)
{
	int fd = pipe_with(len, tail);
	struct base_secret *secret = base_secret_read_fd(fd, 16);

	if (want < 0) {
		ck_assert_ptr_null(secret);
		ck_assert_int_eq(mc_err_last()->code, MC_ETOOBIG);
	} else {
		ck_assert_ptr_nonnull(secret);
		ck_assert_uint_eq(base_secret_len(secret), (size_t)want);
	}
	base_secret_free(secret);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(test_secret_from_fd)
{
	check_read(0, "", 0);
	check_read(0, "\n", 0);
	check_read(5, "\n", 5);
	check_read(5, "\n\n", 6);
	check_read(16, "", 16);
	check_read(16, "\n", 16);
	check_read(17, "", -1);
	check_read(16, "\n\n", -1);
	check_read(40, "", -1);
	ck_assert_ptr_null(base_secret_read_fd(-1, 16));
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
}
END_TEST

START_TEST(test_secret_shrinks)
{
	struct base_secret *secret = base_secret_new(6);
	unsigned char *ptr = base_secret_ptr(secret);

	memcpy(ptr, "secret", 6);
	base_secret_shrink(secret, 2);
	ck_assert_uint_eq(base_secret_len(secret), 2);
	ck_assert_mem_eq(ptr, "se\0\0\0\0", 6);
	base_secret_shrink(secret, 5);
	ck_assert_uint_eq(base_secret_len(secret), 2);
	base_secret_free(secret);
	base_secret_free(NULL);
}
END_TEST

START_TEST(test_hardened)
{
	struct rlimit core = {1, 1};
	struct base_secret *secret = base_secret_new(32);
	char *str = OPENSSL_malloc(10);

	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert_uint_eq(core.rlim_max, 0);
	ck_assert_int_eq(CRYPTO_secure_malloc_initialized(), 1);
	ck_assert_int_eq(CRYPTO_secure_allocated(base_secret_ptr(secret)), 1);
	memcpy(str, "123456789", 10);
	str = OPENSSL_realloc(str, 100000);
	ck_assert_str_eq(str, "123456789");
	OPENSSL_free(str);
	base_secret_free(secret);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
START_TEST(test_openssl_memory_is_wiped)
{
	volatile unsigned char *ptr = OPENSSL_malloc(4096);
	unsigned left = 0;

	memset((void *)(uintptr_t)ptr, 0x5a, 4096);
	OPENSSL_free((void *)(uintptr_t)ptr);
	/* Reads freed memory on purpose; the allocator's links are at its beginning. */
	for (size_t i = 64; i < 4096; i++) {
		left += ptr[i] == 0x5a;
	}
	ck_assert_uint_eq(left, 0);
}
END_TEST

/* A record's block is kept for the next record, and comes back without what was in it. */
START_TEST(test_record_blocks_are_wiped_and_reused)
{
	enum { COUNT = 6, RECORD = 16384 + 332 };
	unsigned char *first[COUNT];
	unsigned reused = 0;

	for (int i = 0; i < COUNT; i++) {
		first[i] = OPENSSL_malloc(RECORD);
		memset(first[i], 0x5a, RECORD);
	}
	for (int i = 0; i < COUNT; i++) {
		OPENSSL_free(first[i]);
	}
	for (int i = 0; i < 4; i++) {
		unsigned char *again = OPENSSL_malloc(RECORD + (size_t)i);

		for (int k = 0; k < COUNT; k++) {
			reused += again == first[k];
		}
		for (int k = 0; k < RECORD; k++) {
			ck_assert_uint_eq(again[k], 0);
		}
		again[0] = 1; /* leaked on purpose: the next must be another */
	}
	ck_assert_uint_eq(reused, 4);
}
END_TEST
#endif

int
main(void)
{
	Suite *suite = suite_create("base_mem");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	base_mem_harden(1);
	tcase_add_test(tcase, test_strings);
	tcase_add_test(tcase, test_overflow_aborts);
	tcase_add_test(tcase, test_secret_from_fd);
	tcase_add_test(tcase, test_secret_shrinks);
	tcase_add_test(tcase, test_hardened);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_test(tcase, test_openssl_memory_is_wiped);
	tcase_add_test(tcase, test_record_blocks_are_wiped_and_reused);
#endif
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
