/* SPDX-License-Identifier: Apache-2.0 */
/* The strict subset: what it reads and where that stood, what it refuses and in which line. */
#include "yaml_text.h"

#include "check_main.h"

#include <stdio.h>
#include <time.h>

START_TEST(test_tree_has_kinds_and_places)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents =
	    yaml_read_ok(arena, "a: 1\nb:\n  - x\n  - {c: \"\"}\n---\nsecond\n---\n");
	const struct base_tree *root = documents->items[0], *list = base_tree_get(root, "b");

	ck_assert_uint_eq(documents->count, 3);
	ck_assert_int_eq(base_tree_int(root, "a", 0), 1);
	ck_assert_int_eq(list->kind, BASE_TREE_LIST);
	ck_assert_uint_eq(list->count, 2);
	ck_assert_int_eq(list->items[0]->origin->line, 3);
	ck_assert_int_eq(list->items[1]->origin->line, 4);
	ck_assert_str_eq(list->items[1]->origin->file, "f");
	ck_assert_str_eq(list->items[1]->origin->layer, "Mesh");
	ck_assert_int_eq(root->entries[1].origin->line, 2);
	ck_assert_str_eq(base_tree_str(list->items[1], "c", "-"), "");
	ck_assert_str_eq(documents->items[1]->text, "second");
	ck_assert_int_eq(documents->items[1]->origin->line, 6);
	ck_assert_int_eq(documents->items[2]->kind, BASE_TREE_NULL);
	ck_assert_uint_eq(yaml_read_ok(arena, "# nothing\n")->count, 0);
	/* an empty buffer has no memory at all */
	documents = base_yaml_read(arena, "f", "Mesh", base_span_of(NULL, 0));
	ck_assert_ptr_nonnull(documents);
	ck_assert_uint_eq(documents->count, 0);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_refusals)
{
	yaml_refused(base_span_str("a: &x 1\n"), "f:1: anchors");
	yaml_refused(base_span_str("a: {}\nb: !t {}\n"), "f:2: anchors");
	yaml_refused(base_span_str("a: []\nb: !t [1]\n"), "f:2: anchors");
	yaml_refused(base_span_str("a: &x [1]\n"), "f:1: anchors");
	yaml_refused(base_span_str("a: &x {b: 1}\n"), "f:1: anchors");
	yaml_refused(base_span_str("a: !!str 1\n"), "f:1: anchors");
	yaml_refused(base_span_str("a: ! 1\n"), "f:1: anchors");
	yaml_refused(base_span_str("a: 1\nb: *a\n"), "f:2: aliases");
	yaml_refused(base_span_str("%TAG ! tag:x,2000:\n---\na: 1\n"), "f:1: directives");
	yaml_refused(base_span_str("%YAML 1.1\n---\na: 1\n"), "f:1: directives");
	yaml_refused(base_span_str("a: {b: 1,\n b: 2}\n"), "f:2: b is already set on line 1");
	yaml_refused(base_span_str("{a: 1}: 2\n"), "f:1: a key must be a word");
	yaml_refused(base_span_str("[a]: 2\n"), "f:1: a key must be a word");
	yaml_refused(base_span_str("a: [1\n"), "not YAML");
	yaml_refused(base_span_str("a:\n\tb: 1\n"), "f:2: a tab");
	yaml_refused(base_span_str("a: \xff\xfe\n"), "save it as UTF-8");
	yaml_refused(base_span_str("a: \"\\0\"\n"), "f:1: a NUL inside");
	yaml_refused(base_span_of("a: \0\n", 5), "f:1:");
	yaml_refused(base_span_str("\"\\ud83d\"\n"), "not YAML");
}
END_TEST

/* Whoever is told a line looks there. */
START_TEST(test_line_of_what_is_no_text)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents = yaml_read_ok(arena, "\xef\xbb\xbf" "a: 1\nb: 2\n");

	ck_assert_int_eq(base_tree_int(documents->items[0], "a", 0), 1);
	ck_assert_int_eq(base_tree_get(documents->items[0], "b")->origin->line, 2);
	base_arena_free(arena);
	yaml_refused(base_span_str("a: 1\nb: 2\nc: \xff\n"), "f:3: ");
	yaml_refused(base_span_of("a: 1\nb: \0\n", 10), "f:2: ");
	yaml_refused(base_span_str("a: \x1b\n"), "f:1: ");
	yaml_refused(base_span_str("# \xc3\xbc\xc3\xbc\xc3\xbc\nb:\n\tc: 1\n"), "f:3: a tab; indent");
	yaml_refused(base_span_str("# \xc3\xbc\na: 1\nno: 2\n"), "f:3: a key (no) is a boolean");
}
END_TEST

/* A duplicate among many, where keys are found by hash. */
START_TEST(test_duplicate_in_a_large_map)
{
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	for (int i = 0; i < 1000; i++) {
		base_buf_appendf(&buf, "key-%d: 1\n", i);
	}
	base_buf_append_str(&buf, "key-77: 2\n");
	yaml_refused(base_buf_span(&buf), "f:1001: key-77 is already set on line 78");
	base_buf_clear(&buf);
}
END_TEST

/* Exactly the limit is read. */
START_TEST(test_limits)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents;
	struct base_buf buf;

	base_buf_init(&buf, 2 * LIMIT_YAML);
	base_buf_append_str(&buf, "[");
	for (int i = 0; i < LIMIT_YAML_ITEMS; i++) {
		base_buf_append_str(&buf, "1,");
	}
	base_buf_append_str(&buf, "]");
	documents = base_yaml_read(arena, "f", NULL, base_buf_span(&buf));
	ck_assert_ptr_nonnull(documents);
	ck_assert_uint_eq(documents->items[0]->count, LIMIT_YAML_ITEMS);
	base_buf_reset(&buf);
	base_buf_append_str(&buf, "[");
	for (int i = 0; i < LIMIT_YAML_ITEMS + 1; i++) {
		base_buf_append_str(&buf, "1,");
	}
	base_buf_append_str(&buf, "]");
	yaml_refused(base_buf_span(&buf), "too many entries");
	/* the innermost may be a scalar, the outermost is the list of documents */
	base_buf_reset(&buf);
	for (int i = 0; i < LIMIT_YAML_DEPTH; i++) {
		base_buf_append_str(&buf, "[");
	}
	base_buf_append_str(&buf, "x");
	for (int i = 0; i < LIMIT_YAML_DEPTH; i++) {
		base_buf_append_str(&buf, "]");
	}
	ck_assert_ptr_nonnull(base_yaml_read(arena, "f", NULL, base_buf_span(&buf)));
	base_buf_reset(&buf);
	for (int i = 0; i < LIMIT_YAML_DEPTH + 1; i++) {
		base_buf_append_str(&buf, "[");
	}
	yaml_refused(base_buf_span(&buf), "nested deeper than 64 levels");
	base_buf_reset(&buf);
	memset(base_buf_reserve(&buf, LIMIT_YAML), '#', LIMIT_YAML);
	ck_assert_ptr_nonnull(base_yaml_read(arena, "f", NULL, base_buf_span(&buf)));
	base_buf_append_str(&buf, "#");
	yaml_refused(base_buf_span(&buf), "larger than 16 MiB");
	base_buf_clear(&buf);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_json_is_read)
{
	static const char text[] =
	    "{\"a\":\"\\/\\\"\\\\\\n\\u00e9\",\n\t\"b\":[1,-2.5,1E+3,true,null,{}],\"c\":{\"d\":[]},"
	    "\"e\":\"x \\ud83d\\uDE00 \\\\ud83d\\\\ude00\"}";
	struct base_arena *arena = base_arena_new();
	const struct base_tree *root = yaml_read_ok(arena, text)->items[0];

	ck_assert_str_eq(base_tree_str(root, "a", ""), "/\"\\\n\xc3\xa9");
	ck_assert_str_eq(base_tree_str(root, "e", ""), "x \xf0\x9f\x98\x80 \\ud83d\\ude00");
	ck_assert_int_eq(base_tree_get(root, "b")->items[2]->kind, BASE_TREE_FLOAT);
	/* in YAML that is no JSON, a single-quoted escape is text */
	root = yaml_read_ok(arena, "{a: '\\ud83d\\ude00'}")->items[0];
	ck_assert_str_eq(base_tree_str(root, "a", ""), "\\ud83d\\ude00");
	base_arena_free(arena);
}
END_TEST

/* A pair of escapes is one character; half of one, or a wrong half, is none (RFC 8259 section 7). */
START_TEST(test_json_surrogates)
{
	static const struct {
		const char *text, *value;
	} PAIRS[] = { { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
		{ "\"\\uD800\\uDC00\"", "\xf0\x90\x80\x80" },
		{ "\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf" },
		{ "\"\\\\ud83d\\ude00\"", NULL }, /* an escaped backslash, then half a pair */
		{ "\"\\ude00\\ud83d\"", NULL }, { "\"\\ud83d\\ud83d\"", NULL },
		{ "\"\\ud83dx\"", NULL }, { "\"\\ud83d\\u0041\"", NULL },
		{ "\"\\ud83d\\ue000\"", NULL }, { "\"\\ud83d\\udeg0\"", NULL },
		{ "\"\\ud83d\\ude0\"", NULL }, { "\"\\ud83d", NULL } };
	struct base_arena *arena = base_arena_new();

	for (size_t i = 0; i < sizeof(PAIRS) / sizeof(PAIRS[0]); i++) {
		if (PAIRS[i].value == NULL) {
			yaml_refused(base_span_str(PAIRS[i].text), "f:1: ");
		} else {
			ck_assert_str_eq(yaml_read_ok(arena, PAIRS[i].text)->items[0]->text, PAIRS[i].value);
		}
	}
	base_arena_free(arena);
}
END_TEST

/* Of a long name the end is shown, which tells more. */
START_TEST(test_messages_show_the_end_of_a_long_name)
{
	struct base_arena *arena = base_arena_new();
	char name[300];

	memset(name, 'd', sizeof(name));
	(void)snprintf(name + 280, 20, "/shop/cart.yaml");
	ck_assert_ptr_null(base_yaml_read(arena, name, NULL, base_span_str("a: *x\n")));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "d/shop/cart.yaml:1: "));
	ck_assert_uint_lt(strlen(mc_err_last()->detail), 200);
	base_arena_free(arena);
}
END_TEST

/* 3,000 objects of the size that a service has: CPU time, so that other work does not count. */
START_TEST(test_large_documents_are_fast)
{
	struct base_arena *arena = base_arena_new();
	struct base_buf text, out;
	const struct base_tree *documents;
	clock_t start = clock();

	base_buf_init(&text, LIMIT_YAML);
	for (int i = 0; i < 3000; i++) {
		base_buf_appendf(&text, "---\nmetadata: {name: service-%d, namespace: shop}\n"
		    "spec:\n  ports:\n", i);
		for (int k = 0; k < 20; k++) {
			base_buf_appendf(&text, "  - {name: http-%d, port: %d}\n", k, 8000 + k);
		}
	}
	documents = base_yaml_read(arena, "f", NULL, base_buf_span(&text));
	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	ck_assert_uint_eq(documents->count, 3000);
	base_buf_init(&out, 16 * LIMIT_YAML);
	base_yaml_write(&out, documents);
	ck_assert(!base_buf_failed(&out));
	ck_assert_int_lt((clock() - start) / (CLOCKS_PER_SEC / 1000), 5000);
	base_buf_clear(&out);
	base_buf_clear(&text);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("base_yaml_read", test_tree_has_kinds_and_places, test_refusals, test_line_of_what_is_no_text,
    test_duplicate_in_a_large_map, test_limits, test_json_is_read, test_json_surrogates,
    test_messages_show_the_end_of_a_long_name, test_large_documents_are_fast)
