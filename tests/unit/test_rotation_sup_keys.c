/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rotation/sup.h"

static char dir_path[] = "/tmp/meshca-keys-XXXXXX";

static char *
path_of(const char *name)
{
	return base_xasprintf("%s/%s", dir_path, name);
}

static void
put(const char *name, const char *text, mode_t mode, time_t at)
{
	char *path = path_of(name);
	struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at}};
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(futimens(fd, times), 0);
	(void)close(fd);
	free(path);
}

static void
drop(const char *name)
{
	char *path = path_of(name);

	(void)unlink(path);
	free(path);
}

static void
assert_content(int fd, const char *text)
{
	char buf[64] = {0};

	ck_assert_int_gt(read(fd, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, text);
}

START_TEST(test_active_first_then_the_newest)
{
	struct config_environment env = {.key_dir = dir_path};
	int fds[SUP_KEYFILES];

	ck_assert_uint_eq(sup_keys_issuing(&env, fds), 0);
	put("issuing-00000001.pem", "old", 0600, 1000);
	ck_assert_uint_eq(sup_keys_issuing(&env, fds), 0);
	put("issuing.pem", "active", 0600, 500);
	put("issuing-00000002.pem", "newer", 0600, 2000);
	put("issuing-0000000Z.pem", "no", 0600, 9000);
	put("issuing-00000003.pem.tmp", "no", 0600, 9000);
	put("issuing-123.pem", "no", 0600, 9000);
	ck_assert_uint_eq(sup_keys_issuing(&env, fds), 3);
	assert_content(fds[0], "active");
	assert_content(fds[1], "newer");
	assert_content(fds[2], "old");
	for (size_t i = 0; i < 3; i++) {
		(void)close(fds[i]);
	}
	drop("issuing-0000000Z.pem");
	drop("issuing-00000003.pem.tmp");
	drop("issuing-123.pem");
}
END_TEST

START_TEST(test_only_so_many_older_ones)
{
	struct config_environment env = {.key_dir = dir_path};
	int fds[SUP_KEYFILES];
	size_t count;

	put("issuing.pem", "active", 0600, 500);
	for (int i = 0; i < 3 * SUP_KEYFILES; i++) {
		char *name = base_xasprintf("issuing-%08x.pem", (unsigned)i);
		char *text = base_xasprintf("%d", (i * 7) % (3 * SUP_KEYFILES));

		put(name, text, 0600, 1000 + (i * 7) % (3 * SUP_KEYFILES));
		free(text);
		free(name);
	}
	count = sup_keys_issuing(&env, fds);
	ck_assert_uint_eq(count, SUP_KEYFILES);
	for (size_t i = 1; i < count; i++) {
		char *text = base_xasprintf("%d", 3 * SUP_KEYFILES - (int)i);

		assert_content(fds[i], text);
		free(text);
	}
	for (size_t i = 0; i < count; i++) {
		(void)close(fds[i]);
	}
	for (int i = 0; i < 3 * SUP_KEYFILES; i++) {
		char *name = base_xasprintf("issuing-%08x.pem", (unsigned)i);

		drop(name);
		free(name);
	}
	drop("issuing.pem");
}
END_TEST

START_TEST(test_links_and_folders_are_not_key_files)
{
	char *link = path_of("link.pem"), *target = path_of("target.pem");

	put("target.pem", "x", 0600, 1);
	ck_assert_int_eq(symlink(target, link), 0);
	ck_assert(sup_keys_have(dir_path, "target.pem"));
	ck_assert(!sup_keys_have(dir_path, "link.pem"));
	ck_assert(!sup_keys_have("/", "tmp"));
	ck_assert(!sup_keys_have(dir_path, "none.pem"));
	ck_assert_int_eq(mc_err_last()->code, MC_ENOTFOUND);
	drop("link.pem");
	drop("target.pem");
	free(link);
	free(target);
}
END_TEST

START_TEST(test_passphrase_files)
{
	char *path = path_of("pass");
	struct base_secret *secret;

	ck_assert_ptr_null(sup_keys_passphrase(path));
	ck_assert_int_eq(mc_err_last()->code, MC_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "make it"));
	put("pass", "swordfish\n", 0644, 1);
	ck_assert_ptr_null(sup_keys_passphrase(path));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "chmod 600"));
	put("pass", "\n", 0600, 1);
	ck_assert_ptr_null(sup_keys_passphrase(path));
	ck_assert_int_eq(mc_err_last()->code, MC_EPASSPHRASE);
	put("pass", "swordfish\n", 0640, 1); /* a Kubernetes secret with fsGroup */
	secret = sup_keys_passphrase(path);
	ck_assert_ptr_nonnull(secret);
	ck_assert(base_span_equal_str(sup_secret_span(secret), "swordfish"));
	base_secret_free(secret);
	drop("pass");
	free(path);
}
END_TEST

START_TEST(test_one_daemon_at_a_time)
{
	struct config config = {.state_dir = path_of("a/b/state"), .run_dir = path_of("a/run"),
	    .ledger_path = path_of("a/ledger/ledger.db")};
	int lock = -1, second = -1;
	struct stat st;
	char *ledger = path_of("a/ledger");

	ck_assert_int_eq(sup_keys_folders(&config, &lock), MC_OK);
	ck_assert_int_ge(lock, 0);
	ck_assert_int_eq(stat(ledger, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(sup_keys_folders(&config, &second), MC_EBUSY);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "another meshcad"));
	(void)close(lock);
	ck_assert_int_eq(sup_keys_folders(&config, &second), MC_OK);
	(void)close(second);
	drop("a/b/state/meshcad.lock");
	for (const char *const *name = (const char *const[]){"a/b/state", "a/b", "a/run",
		 "a/ledger", "a", NULL}; *name != NULL; name++) {
		char *path = path_of(*name);

		ck_assert_int_eq(rmdir(path), 0);
		free(path);
	}
	free(ledger);
	free(config.state_dir);
	free(config.run_dir);
	free(config.ledger_path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rotation_sup_keys");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (mkdtemp(dir_path) == NULL) {
		return 1;
	}
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_active_first_then_the_newest);
	tcase_add_test(tcase, test_only_so_many_older_ones);
	tcase_add_test(tcase, test_links_and_folders_are_not_key_files);
	tcase_add_test(tcase, test_passphrase_files);
	tcase_add_test(tcase, test_one_daemon_at_a_time);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	(void)rmdir(dir_path);
	return failed == 0 ? 0 : 1;
}
