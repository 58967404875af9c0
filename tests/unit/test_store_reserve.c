/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reserve.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"

static char dir[64];
static char path[96];
static char file[112];

static void
start(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/meshca-reserve-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
	(void)snprintf(file, sizeof(file), "%s.reserve", path);
}

static void
end(struct reserve *reserve)
{
	reserve_close(reserve);
	(void)unlink(file);
	(void)rmdir(dir);
}

START_TEST(takes_room_and_gives_it_back_in_steps)
{
	const uint64_t want = 2 * RESERVE_STEP + 5;
	struct reserve *reserve;
	struct stat st;

	start();
	reserve = reserve_open(path, want);
	ck_assert_ptr_nonnull(reserve);
	ck_assert_uint_eq(reserve_missing(reserve), want);
	ck_assert_int_eq(reserve_fill(reserve), MC_OK);
	ck_assert_uint_eq(reserve_missing(reserve), 0);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, want); /* room, not only a length */
	ck_assert(reserve_give(reserve));
	ck_assert_uint_eq(reserve_missing(reserve), RESERVE_STEP);
	ck_assert(reserve_give(reserve));
	ck_assert(reserve_give(reserve)); /* the last five bytes */
	ck_assert(!reserve_give(reserve));
	ck_assert_uint_eq(reserve_missing(reserve), want);
	ck_assert_int_eq(reserve_fill(reserve), MC_OK);
	end(reserve);
}
END_TEST

/* What was given up before a restart is missing after it. */
START_TEST(is_found_as_it_was_left)
{
	struct reserve *reserve;

	start();
	reserve = reserve_open(path, 3 * RESERVE_STEP);
	ck_assert_int_eq(reserve_fill(reserve), MC_OK);
	ck_assert(reserve_give(reserve));
	reserve_close(reserve);
	reserve = reserve_open(path, 3 * RESERVE_STEP);
	ck_assert_ptr_nonnull(reserve);
	ck_assert_uint_eq(reserve_missing(reserve), RESERVE_STEP);
	end(reserve);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
	ck_assert_ptr_null(reserve_open("/nonexistent/ledger.db", RESERVE_STEP));
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
	reserve_close(NULL);
}
END_TEST

CHECK_MAIN("store_reserve", takes_room_and_gives_it_back_in_steps, is_found_as_it_was_left,
    a_folder_that_is_not_there_is_an_error)
