/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a session: one large block of its own, whose pages an idle connection gives back. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/h2_int.h"
#include "tests/unit/check_main.h"

#define FRAME 16384

START_TEST(the_first_large_block_has_pages_of_its_own)
{
	struct h2_conn conn = {0};
	nghttp2_mem mem = h2_mem_of(&conn);
	uint8_t *small, *large, *other;

	small = mem.malloc(FRAME - 1, mem.mem_user_data);
	ck_assert_ptr_nonnull(small);
	ck_assert_ptr_null(conn.frames);
	large = mem.malloc(FRAME, mem.mem_user_data);
	ck_assert_ptr_eq(conn.frames, large);
	ck_assert_uint_eq(conn.frames_size, FRAME);
	ck_assert_uint_eq((uintptr_t)large % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
	other = mem.malloc(FRAME, mem.mem_user_data);
	ck_assert_ptr_ne(other, large);
	ck_assert_ptr_eq(conn.frames, large);
	memset(small, 1, FRAME - 1);
	memset(large, 2, FRAME);
	memset(other, 3, FRAME);
	mem.free(other, mem.mem_user_data);
	mem.free(small, mem.mem_user_data);
	ck_assert_ptr_eq(conn.frames, large);
	mem.free(NULL, mem.mem_user_data);
	ck_assert_ptr_eq(conn.frames, large);
	mem.free(large, mem.mem_user_data);
	ck_assert_ptr_null(conn.frames);
	/* and so is the next one */
	large = mem.realloc(NULL, FRAME, mem.mem_user_data);
	ck_assert_ptr_eq(conn.frames, large);
	mem.free(large, mem.mem_user_data);
	ck_assert_ptr_null(conn.frames);
}
END_TEST

START_TEST(zeroed_blocks_are_zero)
{
	struct h2_conn conn = {0};
	nghttp2_mem mem = h2_mem_of(&conn);
	uint8_t *block = mem.calloc(4, FRAME, mem.mem_user_data);

	for (size_t i = 0; i < (size_t)4 * FRAME; i++) {
		ck_assert_uint_eq(block[i], 0);
	}
	mem.free(block, mem.mem_user_data);
}
END_TEST

/* Grown or shrunk it becomes an ordinary block, with its bytes. */
START_TEST(a_large_block_may_change_its_size)
{
	static const size_t sizes[] = {2 * FRAME, FRAME, 100};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct h2_conn conn = {0};
		nghttp2_mem mem = h2_mem_of(&conn);
		uint8_t *block = mem.malloc(FRAME, mem.mem_user_data);
		size_t kept = sizes[i] < FRAME ? sizes[i] : FRAME;

		for (size_t at = 0; at < FRAME; at++) {
			block[at] = (uint8_t)(at * 7);
		}
		block = mem.realloc(block, sizes[i], mem.mem_user_data);
		ck_assert_ptr_nonnull(block);
		ck_assert_ptr_null(conn.frames);
		for (size_t at = 0; at < kept; at++) {
			ck_assert_uint_eq(block[at], (uint8_t)(at * 7));
		}
		block = mem.realloc(block, 10, mem.mem_user_data);
		ck_assert_uint_eq(block[9], 63);
		mem.free(block, mem.mem_user_data);
	}
}
END_TEST

static bool
resident(const struct h2_conn *conn)
{
	unsigned char pages[64] = {0};
	bool any = false;

	ck_assert_int_eq(mincore(conn->frames, conn->frames_size, pages), 0);
	for (size_t i = 0; i < conn->frames_size / (size_t)sysconf(_SC_PAGESIZE); i++) {
		any = any || (pages[i] & 1);
	}
	return any;
}

/* With a session of nghttp2's, whose frame buffer it is. */
START_TEST(an_idle_connection_gives_its_pages_back)
{
	struct h2_conn conn = {0};
	nghttp2_mem mem = h2_mem_of(&conn);
	nghttp2_session_callbacks *callbacks;
	const uint8_t *piece;
	ssize_t n;

	nghttp2_session_callbacks_new(&callbacks);
	ck_assert_int_eq(nghttp2_session_server_new3(&conn.session, callbacks, &conn, NULL, &mem),
	    0);
	ck_assert_ptr_nonnull(conn.frames); /* the block that all this is about */
	ck_assert_int_eq(nghttp2_submit_settings(conn.session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
	/* something is to be written: not now */
	conn.frames_used = true;
	memset(conn.frames, 1, conn.frames_size);
	h2_mem_release(&conn);
	ck_assert(conn.frames_used && resident(&conn));
	n = nghttp2_session_mem_send(conn.session, &piece);
	ck_assert_int_eq(n, 9);
	ck_assert_int_eq(piece[3], NGHTTP2_SETTINGS);
	ck_assert_int_eq(nghttp2_session_mem_send(conn.session, &piece), 0);
	h2_mem_release(&conn);
	ck_assert(!conn.frames_used && !resident(&conn));
	/* given back already: what is there now is not touched */
	memset(conn.frames, 1, conn.frames_size);
	h2_mem_release(&conn);
	ck_assert(resident(&conn));
	/* and the session goes on */
	ck_assert_int_eq(nghttp2_submit_ping(conn.session, NGHTTP2_FLAG_NONE, NULL), 0);
	ck_assert_int_eq(nghttp2_session_mem_send(conn.session, &piece), 17);
	ck_assert_int_eq(piece[3], NGHTTP2_PING);
	nghttp2_session_del(conn.session);
	ck_assert_ptr_null(conn.frames);
	nghttp2_session_callbacks_del(callbacks);
	h2_mem_release(&conn); /* without a block there is nothing to do */
}
END_TEST

CHECK_MAIN("api_h2_mem", the_first_large_block_has_pages_of_its_own, zeroed_blocks_are_zero,
    a_large_block_may_change_its_size, an_idle_connection_gives_its_pages_back)
