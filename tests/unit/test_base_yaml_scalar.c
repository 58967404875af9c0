/* SPDX-License-Identifier: Apache-2.0 */
/* Types of plain scalars: what readers agree about, and what is refused because they do not. */
#include "base/yaml_int.h"
#include "yaml_text.h"

#include "check_main.h"

#include <stdio.h>

START_TEST(test_types)
{
	static const struct {
		const char *text;
		enum base_tree_kind kind;
	} rows[] = {{"1", BASE_TREE_INT}, {"-7", BASE_TREE_INT}, {"0", BASE_TREE_INT},
	    {"18446744073709551616", BASE_TREE_INT}, {"0.95", BASE_TREE_FLOAT},
	    {"-0.5", BASE_TREE_FLOAT}, {"1e3", BASE_TREE_FLOAT}, {"1.5E-3", BASE_TREE_FLOAT},
	    {"true", BASE_TREE_BOOL}, {"false", BASE_TREE_BOOL}, {"null", BASE_TREE_NULL},
	    {"~", BASE_TREE_NULL}, {"", BASE_TREE_NULL}, {"2026-11-24", BASE_TREE_STRING},
	    {"2026-11-24T10:00:00Z", BASE_TREE_STRING}, {"100m", BASE_TREE_STRING},
	    {"10Mi", BASE_TREE_STRING}, {"192.0.2.0/24", BASE_TREE_STRING},
	    {"1.31.0", BASE_TREE_STRING}, {"1-31-0", BASE_TREE_STRING}, {"5s", BASE_TREE_STRING},
	    {"e3", BASE_TREE_STRING}, {"0xg", BASE_TREE_STRING}, {"a b", BASE_TREE_STRING}, {"host:80", BASE_TREE_STRING}, {"0m", BASE_TREE_STRING},
	    {"\"1\"", BASE_TREE_STRING}, {"'yes'", BASE_TREE_STRING}, {"nothing", BASE_TREE_STRING},
	    {"fe80::1", BASE_TREE_STRING}, {"_1", BASE_TREE_STRING}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct base_arena *arena = base_arena_new();
		char line[64];
		const struct base_tree *root;

		(void)snprintf(line, sizeof(line), "a: %s\n", rows[i].text);
		root = yaml_read_ok(arena, line)->items[0];
		ck_assert_msg(base_tree_get(root, "a")->kind == rows[i].kind, "%s", rows[i].text);
		base_arena_free(arena);
	}
}
END_TEST

START_TEST(test_ambiguous_scalars_are_refused)
{
	static const char *const texts[] = {"yes", "No", "ON", "off", "y", "N", "True", "FALSE",
	    "Null", "0123", "-0123", "00", "0o17", "0x1f", "0b1", "+1", "1_000", ".5", "1.",
	    ".inf", "-.Inf", ".nan", "12:30:00", "22:00", "012e5", "=", "<<", "a\tb"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "x: z\na: %s\n", texts[i]);
		yaml_refused(base_span_str(line), "f:2: ");
		(void)snprintf(line, sizeof(line), "x: z\n%s: 1\n", texts[i]);
		yaml_refused(base_span_str(line), "f:2: a key");
	}
	yaml_refused(base_span_str("1: x\n"), "f:1: a key (1) must be a word");
	yaml_refused(base_span_str("true: x\n"), "f:1: a key (true) must be a word");
	yaml_refused(base_span_str("~: x\n"), "f:1: a key (~) must be a word");
}
END_TEST

static void
check_kind(const char *text, enum base_tree_kind expect)
{
	const char *why = NULL;
	enum base_tree_kind kind = base_yaml_type(text, &why);

	ck_assert_msg(kind == expect, "%s is of kind %d", text, (int)kind);
	/* whoever is refused is told what to write */
	ck_assert_msg((kind == BASE_TREE_INVALID) == (why != NULL && strchr(why, ';') != NULL), "%s", text);
}

/* RFC 8259 section 6, at its edges: what is nearly such a number is refused, and what is far from one is text. */
START_TEST(test_edges_of_numbers)
{
	static const char *const INTS[] = { "0", "-0", "9", "10", "-10", "123456789012345678901234567890" };
	static const char *const FLOATS[] = { "0.0", "-0.10", "1e0", "1E5", "1e+5", "1e-5", "0e0", "10.25e10" };
	static const char *const REFUSED[] = { "+0", "01", "-01", "1.", "-.5", ".5e3", "1e5_0", "1__0", "+1.5",
		"0X1F", "-0x1", "0O7", "0B1", "0b_1", "1:0", "190:20:30.15", "-1:30", "+.inf", ".INF", ".NaN" };
	static const char *const TEXTS[] = { "-", "+", ".", "..", "-.", "e", "e5", "1e", "1e+", "1.2.3", "1e5e5", "1e5.0",
		"1-2", "0x", "0xg", "0o8a", "0b", ":1", "1:", "1::2", ".infinity", "inf", "nan", "_", "1a",
		"a1", "--1", "1 2", "0b12x" };

	for (size_t i = 0; i < sizeof(INTS) / sizeof(INTS[0]); i++) {
		check_kind(INTS[i], BASE_TREE_INT);
	}
	for (size_t i = 0; i < sizeof(FLOATS) / sizeof(FLOATS[0]); i++) {
		check_kind(FLOATS[i], BASE_TREE_FLOAT);
	}
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
		check_kind(REFUSED[i], BASE_TREE_INVALID);
	}
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		check_kind(TEXTS[i], BASE_TREE_STRING);
	}
}
END_TEST

/* In any case of letters, whole words only. */
START_TEST(test_words)
{
	static const char *const WORDS[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n", "NULL",
		"True", "oFF", "Y" };
	static const char *const OTHERS[] = { "", "nul", "nulls", "tru", "yess", "o", "one", "nn", " no", "~" };

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
		ck_assert_msg(base_yaml_is_word(WORDS[i]), "%s", WORDS[i]);
	}
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		ck_assert_msg(!base_yaml_is_word(OTHERS[i]), "%s", OTHERS[i]);
	}
	/* the one form that all readers take alike */
	check_kind("true", BASE_TREE_BOOL);
	check_kind("false", BASE_TREE_BOOL);
	check_kind("null", BASE_TREE_NULL);
	check_kind("True", BASE_TREE_INVALID);
	check_kind("NULL", BASE_TREE_INVALID);
}
END_TEST

CHECK_MAIN("base_yaml_scalar", test_types, test_ambiguous_scalars_are_refused, test_edges_of_numbers,
    test_words)
