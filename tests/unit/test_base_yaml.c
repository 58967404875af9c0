/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include "check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"

static const struct base_tree *
read_ok(struct base_arena *arena, const char *text)
{
	const struct base_tree *documents =
	    base_yaml_read(arena, "f", "Mesh", base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	return documents;
}

static void
assert_refused(struct base_span text, const char *what)
{
	struct base_arena *arena = base_arena_new();

	ck_assert_msg(base_yaml_read(arena, "f", NULL, text) == NULL, "taken: %.*s", (int)text.len,
	    (const char *)text.ptr);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s is not in: %s", what,
	    mc_err_last()->detail);
	ck_assert_msg(strchr(mc_err_last()->detail, ';') != NULL, "no advice: %s",
	    mc_err_last()->detail);
	base_arena_free(arena);
}

static char *
written(const struct base_tree *node)
{
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	base_yaml_write(&buf, node);
	return base_buf_take_str(&buf);
}

START_TEST(test_tree_has_kinds_and_places)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents =
	    read_ok(arena, "a: 1\nb:\n  - x\n  - {c: \"\"}\n---\nsecond\n---\n");
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
	ck_assert_uint_eq(read_ok(arena, "# nothing\n")->count, 0);
	base_arena_free(arena);
}
END_TEST

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
		root = read_ok(arena, line)->items[0];
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
		assert_refused(base_span_str(line), "f:2: ");
		(void)snprintf(line, sizeof(line), "x: z\n%s: 1\n", texts[i]);
		assert_refused(base_span_str(line), "f:2: a key");
	}
	assert_refused(base_span_str("1: x\n"), "f:1: a key (1) must be a word");
	assert_refused(base_span_str("true: x\n"), "f:1: a key (true) must be a word");
	assert_refused(base_span_str("~: x\n"), "f:1: a key (~) must be a word");
}
END_TEST

START_TEST(test_refusals)
{
	assert_refused(base_span_str("a: &x 1\n"), "f:1: anchors");
	assert_refused(base_span_str("a: {}\nb: !t {}\n"), "f:2: anchors");
	assert_refused(base_span_str("a: !!str 1\n"), "f:1: anchors");
	assert_refused(base_span_str("a: ! 1\n"), "f:1: anchors");
	assert_refused(base_span_str("a: 1\nb: *a\n"), "f:2: aliases");
	assert_refused(base_span_str("%TAG ! tag:x,2000:\n---\na: 1\n"), "f:1: directives");
	assert_refused(base_span_str("%YAML 1.1\n---\na: 1\n"), "f:1: directives");
	assert_refused(base_span_str("a: {b: 1,\n b: 2}\n"), "f:2: b is already set on line 1");
	assert_refused(base_span_str("{a: 1}: 2\n"), "f:1: a key must be a word");
	assert_refused(base_span_str("[a]: 2\n"), "f:1: a key must be a word");
	assert_refused(base_span_str("a: [1\n"), "not YAML");
	assert_refused(base_span_str("a:\n\tb: 1\n"), "f:2: a tab");
	assert_refused(base_span_str("a: \xff\xfe\n"), "save it as UTF-8");
	assert_refused(base_span_str("a: \"\\0\"\n"), "f:1: a NUL inside");
	assert_refused(base_span_of("a: \0\n", 5), "f:1:");
	assert_refused(base_span_str("\"\\ud83d\"\n"), "not YAML");
}
END_TEST

/* A duplicate among many, where keys are found by hash. */
/* Whoever is told a line looks there. */
START_TEST(test_line_of_what_is_no_text)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents = read_ok(arena, "\xef\xbb\xbf" "a: 1\nb: 2\n");

	ck_assert_int_eq(base_tree_int(documents->items[0], "a", 0), 1);
	ck_assert_int_eq(base_tree_get(documents->items[0], "b")->origin->line, 2);
	base_arena_free(arena);
	assert_refused(base_span_str("a: 1\nb: 2\nc: \xff\n"), "f:3: ");
	assert_refused(base_span_of("a: 1\nb: \0\n", 10), "f:2: ");
	assert_refused(base_span_str("a: \x1b\n"), "f:1: ");
	assert_refused(base_span_str("# \xc3\xbc\xc3\xbc\xc3\xbc\nb:\n\tc: 1\n"), "f:3: a tab; indent");
	assert_refused(base_span_str("# \xc3\xbc\na: 1\nno: 2\n"), "f:3: a key (no) is a boolean");
}
END_TEST

START_TEST(test_duplicate_in_a_large_map)
{
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	for (int i = 0; i < 1000; i++) {
		base_buf_appendf(&buf, "key-%d: 1\n", i);
	}
	base_buf_append_str(&buf, "key-77: 2\n");
	assert_refused(base_buf_span(&buf), "f:1001: key-77 is already set on line 78");
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_limits)
{
	struct base_buf buf;

	base_buf_init(&buf, 2 * LIMIT_YAML);
	base_buf_append_str(&buf, "[");
	for (int i = 0; i < LIMIT_YAML_ITEMS + 1; i++) {
		base_buf_append_str(&buf, "1,");
	}
	base_buf_append_str(&buf, "]");
	assert_refused(base_buf_span(&buf), "too many entries");
	base_buf_reset(&buf);
	for (int i = 0; i < LIMIT_YAML_DEPTH + 1; i++) {
		base_buf_append_str(&buf, "[");
	}
	assert_refused(base_buf_span(&buf), "nested deeper than 64 levels");
	base_buf_reset(&buf);
	for (int i = 0; i < LIMIT_YAML + 1; i++) {
		base_buf_append_str(&buf, "#");
	}
	assert_refused(base_buf_span(&buf), "larger than 16 MiB");
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_json_is_read)
{
	static const char text[] =
	    "{\"a\":\"\\/\\\"\\\\\\n\\u00e9\",\n\t\"b\":[1,-2.5,1E+3,true,null,{}],\"c\":{\"d\":[]},"
	    "\"e\":\"x \\ud83d\\uDE00 \\\\ud83d\\\\ude00\"}";
	struct base_arena *arena = base_arena_new();
	const struct base_tree *root = read_ok(arena, text)->items[0];
	struct base_buf buf;

	ck_assert_str_eq(base_tree_str(root, "a", ""), "/\"\\\n\xc3\xa9");
	ck_assert_str_eq(base_tree_str(root, "e", ""), "x \xf0\x9f\x98\x80 \\ud83d\\ude00");
	ck_assert_int_eq(base_tree_get(root, "b")->items[2]->kind, BASE_TREE_FLOAT);
	base_buf_init(&buf, LIMIT_YAML);
	base_json_write(&buf, root, 0);
	ck_assert(base_span_equal_str(base_buf_span(&buf),
	    "{\"a\":\"/\\\"\\\\\\n\xc3\xa9\",\"b\":[1,-2.5,1E+3,true,null,{}],\"c\":{\"d\":[]},"
	    "\"e\":\"x \xf0\x9f\x98\x80 \\\\ud83d\\\\ude00\"}"));
	base_buf_reset(&buf);
	base_json_write(&buf, base_tree_at(root, "c"), 2);
	ck_assert(base_span_equal_str(base_buf_span(&buf), "{\n  \"d\": []\n}"));
	base_buf_clear(&buf);
	/* in YAML that is no JSON, a single-quoted escape is text */
	root = read_ok(arena, "{a: '\\ud83d\\ude00'}")->items[0];
	ck_assert_str_eq(base_tree_str(root, "a", ""), "\\ud83d\\ude00");
	base_arena_free(arena);
}
END_TEST

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
	const struct base_tree *root = read_ok(arena, text)->items[0];
	char *out = written(root), *again;

	ck_assert_str_eq(out, text);
	again = written(read_ok(arena, out)->items[0]);
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
	static const struct base_origin here = {.file = "test", .line = 1};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct base_tree_build *map = base_tree_map(arena, &here);
		struct base_tree_build *list = base_tree_list(arena, &here);
		const struct base_tree *value = base_tree_string(arena, texts[i], &here), *root;
		char *out;

		base_tree_push(list, value);
		base_tree_put(map, texts[i], value);
		base_tree_put(map, "list", base_tree_done(list));
		root = base_tree_done(map);
		out = written(root);
		ck_assert_msg(base_tree_equal(root, read_ok(arena, out)->items[0]), "%s", out);
		free(out);
		out = written(value);
		ck_assert_msg(base_tree_equal(value, read_ok(arena, out)->items[0]), "%s", out);
		free(out);
	}
	base_arena_free(arena);
}
END_TEST

START_TEST(test_long_key_and_bad_text)
{
	struct base_arena *arena = base_arena_new();
	static const struct base_origin here = {.file = "test", .line = 1};
	struct base_tree_build *map = base_tree_map(arena, &here);
	char key[3001], *out;
	const struct base_tree *root;
	struct base_buf buf;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	base_tree_put(map, key, base_tree_number(arena, 1, &here));
	root = base_tree_done(map);
	out = written(root);
	ck_assert(base_tree_equal(root, read_ok(arena, out)->items[0]));
	free(out);
	/* not UTF-8: nothing is guessed */
	base_buf_init(&buf, LIMIT_YAML);
	base_yaml_write(&buf, base_tree_string(arena, "\xc0\x80", &here));
	ck_assert(base_buf_failed(&buf));
	base_buf_clear(&buf);
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

CHECK_MAIN("base_yaml", test_tree_has_kinds_and_places, test_types,
    test_ambiguous_scalars_are_refused, test_refusals, test_line_of_what_is_no_text,
    test_duplicate_in_a_large_map, test_limits, test_json_is_read, test_written_form,
    test_scalars_survive, test_long_key_and_bad_text, test_large_documents_are_fast)
