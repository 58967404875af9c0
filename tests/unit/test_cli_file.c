/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/cli.h"
#include "tests/unit/check_main.h"

static char dir[64];
static char path[128];

static void
start(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/meshca-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/file", dir);
}

/* Removes the folder; returns how many files were in it. */
static unsigned
stop(void)
{
	DIR *list = opendir(dir);
	struct dirent *entry;
	char name[400];
	unsigned count = 0;

	while ((entry = readdir(list)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			(void)snprintf(name, sizeof(name), "%s/%s", dir, entry->d_name);
			ck_assert_int_eq(unlink(name), 0);
			count++;
		}
	}
	(void)closedir(list);
	ck_assert_int_eq(rmdir(dir), 0);
	return count;
}

static void
file_is(const char *text, unsigned mode)
{
	struct base_buf bytes;
	struct stat st;

	base_buf_init(&bytes, 4096);
	ck_assert_int_eq(cli_file_read(path, 4096, &bytes), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&bytes), text));
	base_buf_clear(&bytes);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, mode);
}

START_TEST(a_file_is_written_whole_with_its_mode)
{
	start();
	ck_assert_int_eq(cli_file_write(dir, "file", 0600, base_span_str("one")), MC_OK);
	file_is("one", 0600);
	ck_assert_int_eq(cli_file_write(dir, "file", 0644, base_span_str("another")), MC_OK);
	file_is("another", 0644);
	ck_assert_uint_eq(stop(), 1); /* nothing is left beside it */
}
END_TEST

START_TEST(what_cannot_be_written_is_named_and_leaves_nothing)
{
	start();
	ck_assert_int_eq(mkdir(path, 0700), 0); /* in the way */
	ck_assert_int_eq(cli_file_write(dir, "file", 0600, base_span_str("x")), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, path));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(cli_file_write("/nonexistent", "file", 0600, base_span_str("x")), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "/nonexistent/file"));
	ck_assert_uint_eq(stop(), 0);
}
END_TEST

START_TEST(reading_is_bounded)
{
	struct base_buf bytes;

	start();
	base_buf_init(&bytes, 4096);
	ck_assert_int_eq(cli_file_read(path, 10, &bytes), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, path));
	ck_assert_int_eq(cli_file_write(dir, "file", 0600, base_span_str("0123456789")), MC_OK);
	ck_assert_int_eq(cli_file_read(path, 10, &bytes), MC_OK);
	base_buf_reset(&bytes);
	ck_assert_int_eq(cli_file_read(path, 9, &bytes), MC_ETOOBIG);
	base_buf_clear(&bytes);
	ck_assert_uint_eq(stop(), 1);
}
END_TEST

START_TEST(a_folder_is_made_once)
{
	struct stat st;
	char inner[160];

	start();
	(void)snprintf(inner, sizeof(inner), "%s/folder", dir);
	ck_assert_int_eq(cli_file_dir(inner), MC_OK);
	ck_assert_int_eq(stat(inner, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(cli_file_dir(inner), MC_OK);
	ck_assert_int_eq(rmdir(inner), 0);
	ck_assert_int_eq(cli_file_write(dir, "folder", 0600, base_span_str("x")), MC_OK);
	ck_assert_int_eq(cli_file_dir(inner), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "is not a directory"));
	ck_assert_uint_eq(stop(), 1);
}
END_TEST

/* --out /dev/null, /dev/stdout, a pipe: root must not replace a device by a file. */
START_TEST(what_is_no_file_is_written_to_not_replaced)
{
	char got[8] = "";
	struct stat st;
	int fd;

	start();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(cli_output(path, base_span_str("pem")), MC_OK);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISFIFO(st.st_mode));
	ck_assert_int_eq(read(fd, got, sizeof(got)), 3);
	ck_assert_str_eq(got, "pem");
	(void)close(fd);
	ck_assert_uint_eq(stop(), 1);
	start();
	ck_assert_int_eq(cli_output(path, base_span_str("pem")), MC_OK);
	file_is("pem", 0644);
	ck_assert_uint_eq(stop(), 1);
}
END_TEST

CHECK_MAIN("cli_file", a_file_is_written_whole_with_its_mode,
    what_cannot_be_written_is_named_and_leaves_nothing, reading_is_bounded, a_folder_is_made_once,
    what_is_no_file_is_written_to_not_replaced)
