/* SPDX-License-Identifier: Apache-2.0 */
/* One form for one tree, which is read back as the same tree. */
#include "yaml_text.h"

#include "check_main.h"

#include <stdlib.h>

static const struct base_origin here = {.file = "test", .line = 1};

/* One form for one tree, byte for byte. */
START_TEST(test_written_form)
{
	static const char text[] = "apiVersion: apps/v1\n"
				   "metadata:\n"
				   "  labels:\n"
				   "    \"istio.io/rev@x\": \"1-31-0\"\n"
				   "  name: a\n"
				   "spec:\n"
				   "  empty: {}\n"
				   "  list:\n"
				   "  - a: 1\n"
				   "    b: 0.95\n"
				   "    c:\n"
				   "    - x\n"
				   "  - - z\n"
				   "    - []\n"
				   "  - null\n"
				   "  - true\n"
				   "  - \"true\"\n"
				   "  - |\n"
				   "    two\n"
				   "\n"
				   "      lines\n"
				   "  last: |-\n"
				   "    no\n"
				   "    end\n"
				   "  \"yes\": \" lead\"\n";
	struct base_arena *arena = base_arena_new();
	const struct base_tree *root = yaml_read_ok(arena, text)->items[0];
	char *out = yaml_written(root), *again;

	ck_assert_str_eq(out, text);
	again = yaml_written(yaml_read_ok(arena, out)->items[0]);
	ck_assert_str_eq(again, text);
	free(again);
	free(out);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_scalars_survive)
{
	static const char *const texts[] = {"", " lead", "trail ", "a: b", "a #b", "- x", "\t",
	    "yes", "null", "~", "1e3", "0x1f", "12:30:00", "=", "<<", "\xe2\x80\xa8", "\xc2\x85",
	    "\357\273\277bom", "\x01\x1f\x7f", "a\n", "a\nb", "a\n\n", "\n", "\n\n", "\na", " a\nb", "a\n b\n",
	    "a \nb", "a\n\tb", "a\r\nb\r\n", "a\n#b\n", "a\n---\nb", "{{ .x }}", "@x", "`", "%a",
	    "a.", ".", "/", "//", "-", "?", "a\\b", "a\"b", "\xf0\x9f\x98\x80", "...", "---"};
	struct base_arena *arena = base_arena_new();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct base_tree_build *map = base_tree_map(arena, &here);
		struct base_tree_build *list = base_tree_list(arena, &here);
		const struct base_tree *value = base_tree_string(arena, texts[i], &here), *root;
		char *out;

		base_tree_push(list, value);
		base_tree_put(map, texts[i], value);
		base_tree_put(map, "list", base_tree_done(list));
		root = base_tree_done(map);
		out = yaml_written(root);
		ck_assert_msg(base_tree_equal(root, yaml_read_ok(arena, out)->items[0]), "%s", out);
		free(out);
		out = yaml_written(value);
		ck_assert_msg(base_tree_equal(value, yaml_read_ok(arena, out)->items[0]), "%s", out);
		free(out);
	}
	base_arena_free(arena);
}
END_TEST

START_TEST(test_long_key_and_bad_text)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *map = base_tree_map(arena, &here);
	char key[3001], *out;
	const struct base_tree *root;
	struct base_buf buf;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	base_tree_put(map, key, base_tree_number(arena, 1, &here));
	root = base_tree_done(map);
	out = yaml_written(root);
	ck_assert(base_tree_equal(root, yaml_read_ok(arena, out)->items[0]));
	free(out);
	/* not UTF-8: nothing is guessed */
	base_buf_init(&buf, LIMIT_YAML);
	base_yaml_write(&buf, base_tree_string(arena, "\xc0\x80", &here));
	ck_assert(base_buf_failed(&buf));
	base_buf_clear(&buf);
	base_arena_free(arena);
}
END_TEST

static void
check_written(const char *text, const char *expect)
{
	struct base_arena *arena = base_arena_new();
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	base_yaml_write(&buf, base_tree_string(arena, text, &here));
	ck_assert_msg(!base_buf_failed(&buf) && base_span_equal_str(base_buf_span(&buf), expect), "%.*s",
	    (int)buf.len, (const char *)buf.ptr);
	base_buf_clear(&buf);
	base_arena_free(arena);
}

/* Plain only where no reader sees anything but a text; what is not plain is quoted, or a block. */
START_TEST(test_each_string_has_one_form)
{
	check_written("a", "a\n");
	check_written("/var/lib", "/var/lib\n");
	check_written("Az09._-/", "Az09._-/\n");
	check_written("a.", "\"a.\"\n");
	check_written("9a", "\"9a\"\n");
	check_written("-a", "\"-a\"\n");
	check_written("a:b", "\"a:b\"\n");
	check_written("Off", "\"Off\"\n");
	check_written("a\tb", "\"a\\tb\"\n");
	check_written("a\rb", "\"a\\rb\"\n");
	check_written("\x01\x7f", "\"\\u0001\\u007f\"\n");
	check_written("\xc2\x9f\xc2\xa0", "\"\\u009f\xc2\xa0\"\n");
	check_written("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\\u2028\\u2029\xe2\x80\xaa\"\n");
	check_written("\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbd", "\"\\ufeff\\ufffe\xef\xbf\xbd\"\n");
	check_written("a\n", "|\n  a\n");
	check_written("a\nb", "|-\n  a\n  b\n");
	check_written("a\n\n", "\"a\\n\\n\"\n");
	check_written(" a\nb", "\" a\\nb\"\n");
	check_written("a \nb", "\"a \\nb\"\n");
	check_written("a\n\tb", "\"a\\n\\tb\"\n");
	check_written("a\tb\nc", "|-\n  a\tb\n  c\n");
	check_written("a\n\n  b\n", "|\n  a\n\n    b\n");
}
END_TEST

/* RFC 3629: too long, halves of pairs, past the end, cut off. */
START_TEST(test_what_is_not_utf8_fails)
{
	static const char *const BAD[] = { "\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82",
		"\xf0\x9f\x98", "a\n\xff" };
	static const char *const GOOD[] = { "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xf4\x8f\xbf\xbf" };
	struct base_arena *arena = base_arena_new();
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		base_buf_reset(&buf);
		base_yaml_write(&buf, base_tree_string(arena, BAD[i], &here));
		ck_assert_msg(base_buf_failed(&buf), "%zu", i);
		base_buf_reset(&buf);
		base_json_write(&buf, base_tree_string(arena, BAD[i], &here), 0);
		ck_assert_msg(base_buf_failed(&buf), "%zu", i);
	}
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		base_buf_reset(&buf);
		base_yaml_write(&buf, base_tree_string(arena, GOOD[i], &here));
		ck_assert_msg(!base_buf_failed(&buf), "%zu", i);
		ck_assert(base_tree_equal(base_tree_string(arena, GOOD[i], &here),
		    base_yaml_read(arena, "f", NULL, base_buf_span(&buf))->items[0]));
	}
	base_buf_clear(&buf);
	base_arena_free(arena);
}
END_TEST

/* A key whose colon readers would not look for that far away. */
START_TEST(test_keys_at_the_length_where_their_form_changes)
{
	struct base_arena *arena = base_arena_new();
	char key[514];

	for (size_t len = 512; len <= 513; len++) {
		struct base_tree_build *map = base_tree_map(arena, &here);
		const struct base_tree *root;
		char *out;

		memset(key, 'k', len);
		key[len] = '\0';
		base_tree_put(map, key, base_tree_number(arena, 1, &here));
		root = base_tree_done(map);
		out = yaml_written(root);
		ck_assert((strncmp(out, "? k", 3) == 0) == (len == 513));
		ck_assert(base_tree_equal(root, yaml_read_ok(arena, out)->items[0]));
		free(out);
	}
	base_arena_free(arena);
}
END_TEST

/* Past the ceiling nothing but the failure is left to tell. */
START_TEST(test_a_ceiling_holds)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *root = yaml_read_ok(arena, "a: [1, 2]\n")->items[0];
	struct base_buf buf;

	for (size_t max = 0; max <= 11; max++) {
		base_buf_init(&buf, max);
		base_yaml_write(&buf, root); /* "a:\n- 1\n- 2\n" */
		ck_assert(base_buf_failed(&buf) == (max < 11));
		base_buf_clear(&buf);
		base_buf_init(&buf, max);
		base_json_write(&buf, root, 0); /* {"a":[1,2]} */
		ck_assert(base_buf_failed(&buf) == (max < 11));
		base_buf_clear(&buf);
	}
	base_arena_free(arena);
}
END_TEST

/* Strings in one form, numbers as they were typed; one line, or indented. */
START_TEST(test_json_form)
{
	static const char text[] =
	    "{\"a\":\"\\/\\\"\\\\\\n\\u00e9\",\n\t\"b\":[1,-2.5,1E+3,true,null,{}],\"c\":{\"d\":[],\"e\":{\"f\":1}}}";
	struct base_arena *arena = base_arena_new();
	const struct base_tree *root = yaml_read_ok(arena, text)->items[0];
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	base_json_write(&buf, root, 0);
	ck_assert(base_span_equal_str(base_buf_span(&buf),
	    "{\"a\":\"/\\\"\\\\\\n\xc3\xa9\",\"b\":[1,-2.5,1E+3,true,null,{}],\"c\":{\"d\":[],\"e\":{\"f\":1}}}"));
	base_buf_reset(&buf);
	base_json_write(&buf, base_tree_at(root, "c"), 2);
	ck_assert(base_span_equal_str(base_buf_span(&buf),
	    "{\n  \"d\": [],\n  \"e\": {\n    \"f\": 1\n  }\n}"));
	base_buf_clear(&buf);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("base_yaml_write", test_written_form, test_scalars_survive, test_long_key_and_bad_text,
    test_each_string_has_one_form, test_what_is_not_utf8_fails,
    test_keys_at_the_length_where_their_form_changes, test_a_ceiling_holds, test_json_form)
