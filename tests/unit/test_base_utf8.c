/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#include "check_main.h"

START_TEST(knows_characters_and_their_length)
{
	static const struct {
		const char *text;
		size_t len;
	} CASES[] = {
		{"a", 1}, {" ", 1}, {"~", 1}, {"", 0}, {"\n", 0}, {"\t", 0}, {"\x1b", 0}, {"\x7f", 0},
		{"\xc2\xa0", 2}, {"\xc2\x9b", 0} /* C1: a terminal obeys it */, {"\xc3\xa9", 2},
		{"\xc1\x81", 0} /* a long "A" */, {"\xc3", 0}, {"\xc3z", 0}, {"\x80", 0}, {"\xff", 0},
		{"\xe2\x82\xac", 3}, {"\xe0\x82\xac", 0} /* too long */, {"\xe2\x82", 0},
		{"\xed\xa0\x80", 0} /* a surrogate */, {"\xed\x9f\xbf", 3}, {"\xef\xbf\xbd", 3},
		{"\xf0\x9f\x98\x80", 4}, {"\xf0\x8f\x98\x80", 0}, {"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0} /* above U+10FFFF */, {"\xf5\x80\x80\x80", 0},
		{"\xf0\x9f\x98", 0},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_msg(base_utf8_len(CASES[i].text) == CASES[i].len, "case %zu", i);
	}
}
END_TEST

START_TEST(cleans_bytes_that_no_terminal_should_see)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "a\x1b[2J\xc3\xa9\xc3\n\xff.");
	base_utf8_clean(text);
	ck_assert_str_eq(text, "a?[2J\xc3\xa9???.");
}
END_TEST

CHECK_MAIN("base_utf8", knows_characters_and_their_length, cleans_bytes_that_no_terminal_should_see)
