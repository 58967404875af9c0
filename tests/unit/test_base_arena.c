/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "check_main.h"

START_TEST(gives_zeroed_room_that_nothing_else_has)
{
	struct base_arena *arena = base_arena_new();
	unsigned char *rooms[400];

	for (size_t i = 0; i < 400; i++) {
		/* small ones, and now and then one larger than a chunk */
		size_t len = i % 50 == 49 ? 100000 : i;

		rooms[i] = base_arena_calloc(arena, len, 1);
		ck_assert_uint_eq((uintptr_t)rooms[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < len; j++) {
			ck_assert_uint_eq(rooms[i][j], 0);
		}
		memset(rooms[i], (int)(i & 0xff), len);
	}
	for (size_t i = 0; i < 400; i++) {
		size_t len = i % 50 == 49 ? 100000 : i;

		for (size_t j = 0; j < len; j++) {
			ck_assert_uint_eq(rooms[i][j], i & 0xff);
		}
	}
	ck_assert_uint_ge(base_arena_size(arena), 8 * 100000);
	ck_assert_ptr_nonnull(base_arena_calloc(arena, 0, 0));
	base_arena_free(arena);
	base_arena_free(NULL);
}
END_TEST

START_TEST(copies_and_prints_texts)
{
	struct base_arena *arena = base_arena_new();
	static char long_text[20000];

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	ck_assert_str_eq(base_arena_strdup(arena, "abc"), "abc");
	ck_assert_str_eq(base_arena_strndup(arena, "abc", 2), "ab");
	ck_assert_str_eq(base_arena_strndup(arena, "", 0), "");
	ck_assert_str_eq(base_arena_printf(arena, "%s-%d", "a", 7), "a-7");
	ck_assert_uint_eq(strlen(base_arena_printf(arena, "%s%s", long_text, long_text)),
	    2 * strlen(long_text));
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("base_arena", gives_zeroed_room_that_nothing_else_has, copies_and_prints_texts)
