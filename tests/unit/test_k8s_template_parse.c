/* SPDX-License-Identifier: Apache-2.0 */
/* The template language as it is read: what a tree becomes, and what is no template. */
#include "template_parse_make.h"

static const struct tmpl *
body(struct base_arena *arena, const char *text)
{
	struct tmpl_file file;

	ck_assert_msg(parse(arena, text, &file), "%s\n%s", text, mc_err_last()->detail);
	return file.body;
}

/* What has nothing to evaluate is one tree, shared by all results. */
START_TEST(test_literals_stay_whole)
{
	static const char *const TEXTS[] = {"{a: 1, b: [x, {c: null}]}", "[1, 2]", "text", "0.5", "null",
	    "{\"@type\": type.example/a}", "{x: \"{{ .v }} ${v} @ {} }\"}", "\"@\"", "{\"?\": 1}"};
	struct base_arena *arena = base_arena_new();

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		const struct tmpl *node = body(arena, TEXTS[i]);
		const struct base_tree *same = base_yaml_read(arena, "x", NULL, base_span_str(TEXTS[i]));

		ck_assert_msg(node->kind == TMPL_LITERAL, "%s", TEXTS[i]);
		ck_assert_msg(base_tree_equal(node->literal, same->items[0]), "%s", TEXTS[i]);
	}
	base_arena_free(arena);
}
END_TEST

/* "@@{" is "@{", in keys too, and nothing of it is evaluated. */
START_TEST(test_escapes)
{
	struct base_arena *arena = base_arena_new();
	const struct tmpl *node = body(arena, "{\"@@{k}\": [\"a@@{b}\", \"@@@{\"]}");
	const struct tmpl *mixed = body(arena, "\"@@{a} @{b}\"");

	ck_assert_int_eq(node->kind, TMPL_LITERAL);
	ck_assert_str_eq(node->literal->entries[0].key, "@{k}");
	ck_assert_str_eq(node->literal->entries[0].value->items[0]->text, "a@{b}");
	ck_assert_str_eq(node->literal->entries[0].value->items[1]->text, "@@{");
	ck_assert_int_eq(mixed->kind, TMPL_TEXT);
	ck_assert_uint_eq(mixed->part_count, 2);
	ck_assert_str_eq(mixed->parts[0].literal, "@{a} ");
	ck_assert_str_eq(mixed->parts[1].path.text, "b");
	base_arena_free(arena);
}
END_TEST

/* Only a path that is alone keeps the type of its value. */
START_TEST(test_values_and_texts)
{
	struct base_arena *arena = base_arena_new();
	const struct tmpl *value = body(arena, "\"@{a.b-c.d_9}\"");
	const struct tmpl *text = body(arena, "\"x@{a}@{b}-\"");

	ck_assert_int_eq(value->kind, TMPL_VALUE);
	ck_assert_str_eq(value->path.text, "a.b-c.d_9");
	ck_assert_uint_eq(value->path.count, 3);
	ck_assert_str_eq(value->path.names[0], "a");
	ck_assert_str_eq(value->path.names[1], "b-c");
	ck_assert_str_eq(value->path.names[2], "d_9");
	ck_assert_int_eq(text->kind, TMPL_TEXT);
	ck_assert_uint_eq(text->part_count, 4);
	ck_assert_str_eq(text->parts[0].literal, "x");
	ck_assert_str_eq(text->parts[1].path.text, "a");
	ck_assert_str_eq(text->parts[2].path.text, "b");
	ck_assert_str_eq(text->parts[3].literal, "-");
	ck_assert_int_eq(body(arena, "\" @{a}\"")->kind, TMPL_TEXT);
	base_arena_free(arena);
}
END_TEST

/* A key that ends in "?" is optional; a lone "?" is a key. */
START_TEST(test_optional_keys)
{
	struct base_arena *arena = base_arena_new();
	const struct tmpl *map = body(arena, "{a?: 1, b: 2, \"@{c}?\": 3, d??: 4}");

	ck_assert_int_eq(map->kind, TMPL_MAP);
	ck_assert_uint_eq(map->entry_count, 4);
	ck_assert(map->entries[0].optional && !map->entries[1].optional);
	ck_assert(map->entries[2].optional && map->entries[3].optional);
	ck_assert_str_eq(map->entries[0].key->literal->text, "a");
	ck_assert_int_eq(map->entries[2].key->kind, TMPL_VALUE);
	ck_assert_str_eq(map->entries[3].key->literal->text, "d?");
	base_arena_free(arena);
}
END_TEST

START_TEST(test_control_words)
{
	struct base_arena *arena = base_arena_new();
	const struct tmpl *each = body(arena, "{\"@each\": a.b, \"@as\": i, \"@do\": \"@{i}\"}");
	const struct tmpl *when = body(arena, "{\"@if\": a, \"@equals\": 5, \"@then\": 1, \"@else\": \"@{b}\"}");
	const struct tmpl *include = body(arena, "{\"@include\": x/y.yaml, \"@with\": {p: \"@{a}\"}}");
	const struct tmpl *merge = body(arena, "{x: 1, \"@merge\": [\"@{a}\", {q: 1}]}");
	const struct tmpl *concat = body(arena, "{\"@concat\": [[1], \"@{a}\"]}");

	ck_assert_int_eq(each->kind, TMPL_EACH);
	ck_assert_str_eq(each->path.text, "a.b");
	ck_assert_str_eq(each->name, "i");
	ck_assert_int_eq(each->then->kind, TMPL_VALUE);
	ck_assert_int_eq(when->kind, TMPL_IF);
	ck_assert_int_eq(when->literal->kind, BASE_TREE_INT);
	ck_assert_int_eq(when->then->kind, TMPL_LITERAL);
	ck_assert_int_eq(when->otherwise->kind, TMPL_VALUE);
	ck_assert_int_eq(include->kind, TMPL_INCLUDE);
	ck_assert_str_eq(include->name, "x/y.yaml");
	ck_assert_str_eq(include->with->entries[0].key->literal->text, "p");
	ck_assert_int_eq(merge->kind, TMPL_MAP);
	ck_assert_uint_eq(merge->entry_count, 1);
	ck_assert_uint_eq(merge->item_count, 2);
	ck_assert_int_eq(concat->kind, TMPL_CONCAT);
	ck_assert_uint_eq(concat->item_count, 2);
	base_arena_free(arena);
}
END_TEST

/* Maps and lists of @merge alone are to be evaluated, though they are literals. */
START_TEST(test_merge_is_no_literal)
{
	struct base_arena *arena = base_arena_new();

	ck_assert_int_eq(body(arena, "{\"@merge\": [{a: 1}]}")->kind, TMPL_MAP);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_bad_substitutions)
{
	parse_refused("x: \"@{a\"\n", "t.yaml:1: \"@{\" without \"}\"");
	parse_refused("\"@{a\": 1\n", "\"@{\" without \"}\"");
	parse_refused("x: \"@{}\"\n", "\"\" is no path");
	parse_refused("x: \"@{a..b}\"\n", "is no path");
	parse_refused("x: \"@{.a}\"\n", "is no path");
	parse_refused("x: \"@{a.}\"\n", "is no path");
	parse_refused("x: \"@{a b}\"\n", "\"a b\" is no path");
	parse_refused("x: 1\nz:\n- \"@{a/b}\"\n", "t.yaml:3: \"a/b\" is no path");
}
END_TEST

START_TEST(test_bad_each)
{
	parse_refused("- \"@each\": a.l\n  \"@as\": p\n", "t.yaml:1: @each without @do");
	parse_refused("- {\"@each\": a, \"@do\": 1}\n", "@each without @as");
	parse_refused("- \"@each\": a.l\n  \"@as\": p.q\n  \"@do\": 1\n", "@as p.q has a dot");
	parse_refused("- \"@each\": a.l\n  \"@as\": p\n  \"@do\": 1\n  x: 1\n", "t.yaml:4: x does not go with @each");
	parse_refused("- {\"@each\": [a], \"@as\": p, \"@do\": 1}\n", "@each is no plain word");
	parse_refused("- {\"@each\": a, \"@as\": \"@{b}\", \"@do\": 1}\n", "@as is no plain word");
	parse_refused("- {\"@each\": a, \"@as\": p, \"@do\": \"@{\"}\n", "without \"}\"");
}
END_TEST

START_TEST(test_bad_if)
{
	parse_refused("x: {\"@if\": a.b, \"@equals\": [1], \"@then\": 1}\n", "@equals is no literal");
	parse_refused("x: {\"@if\": a.b, \"@equals\": \"@{a}\", \"@then\": 1}\n", "@equals is no literal");
	parse_refused("x: {\"@if\": a.b, \"@else\": 1}\n", "@if without @then");
	parse_refused("x: {\"@if\": \"a b\", \"@then\": 1}\n", "\"a b\" is no path");
	parse_refused("x: {\"@if\": [a], \"@then\": 1}\n", "@if is no plain word");
	parse_refused("x: {\"@if\": a, \"@then\": \"@{\"}\n", "without \"}\"");
	parse_refused("x: {\"@if\": a, \"@then\": 1, \"@else\": \"@{\"}\n", "without \"}\"");
	parse_refused("x: {\"@if\": a, \"@then\": 1, \"@do\": 1}\n", "@do does not go with @if");
}
END_TEST

START_TEST(test_bad_merge_concat_include)
{
	parse_refused("\"@merge\": {a: 1}\n", "@merge is no list");
	parse_refused("\"@merge\": [\"@{\"]\n", "without \"}\"");
	parse_refused("x: {\"@concat\": 1}\n", "@concat is no list");
	parse_refused("x: {\"@concat\": [], yy: 1}\n", "yy does not go with @concat");
	parse_refused("{\"@include\": \"@{name}\"}\n", "@include is no plain word");
	parse_refused("{\"@include\": 1}\n", "@include is no plain word");
	parse_refused("{\"@include\": list.yaml, x: 1}\n", "x does not go with @include");
	parse_refused("{\"@include\": list.yaml, \"@with\": 1}\n", "@with is no map");
	parse_refused("{\"@include\": list.yaml, \"@with\": {a: \"@{\"}}\n", "without \"}\"");
}
END_TEST

/* A word that the language has not, or not there, is a mistake and never copied. */
START_TEST(test_unknown_words)
{
	parse_refused("\"@eech\": 1\n", "t.yaml:1: @eech is no control word");
	parse_refused("\"@do\": 1\n", "@do is no control word");
	parse_refused("x: {a: 1, \"@arguments\": [a]}\n", "@arguments is no control word");
	parse_refused("x: {\"@\": 1}\n", "@ is no control word");
}
END_TEST

START_TEST(test_arguments)
{
	struct base_arena *arena = base_arena_new();
	struct tmpl_file file;

	ck_assert(parse(arena, "\"@arguments\": [p, q-1]\n\"@body\": \"@{p}@{q-1}\"\n", &file));
	ck_assert(file.has_arguments);
	ck_assert_uint_eq(file.argument_count, 2);
	ck_assert_str_eq(file.arguments[0], "p");
	ck_assert_str_eq(file.arguments[1], "q-1");
	ck_assert_int_eq(file.body->kind, TMPL_TEXT);
	ck_assert(parse(arena, "\"@arguments\": []\n\"@body\": 1\n", &file));
	ck_assert(file.has_arguments && file.argument_count == 0);
	ck_assert(parse(arena, "x: 1\n", &file));
	ck_assert(!file.has_arguments);
	base_arena_free(arena);
	parse_refused("\"@arguments\": [p, p]\n\"@body\": \"@{p}\"\n", "argument p is there twice");
	parse_refused("\"@arguments\": [p, q, p]\n\"@body\": \"@{p}@{q}\"\n", "argument p is there twice");
	parse_refused("\"@arguments\": p\n\"@body\": \"@{p}\"\n", "@arguments is no list");
	parse_refused("\"@arguments\": [p]\n", "@arguments without @body");
	parse_refused("\"@arguments\": [1]\n\"@body\": 1\n", "an argument is no name");
	parse_refused("\"@arguments\": [p.q]\n\"@body\": 1\n", "argument p.q has a dot");
	parse_refused("\"@arguments\": [\"p q\"]\n\"@body\": 1\n", "is no path");
	parse_refused("\"@arguments\": [p]\n\"@body\": \"@{p}\"\nx: 1\n", "t.yaml:3: x does not go with @arguments");
}
END_TEST

/* Of a long name its end is shown: 60 bytes. */
START_TEST(test_messages)
{
	static const char LONG[] = "f23456789012345678901234567890123456789012345678901234567890";
	const struct base_origin at = {.file = "dir/t.yaml", .line = 7};
	char longer[64];

	ck_assert_uint_eq(strlen(LONG), 60);
	ck_assert_ptr_eq(tmpl_shown(LONG), LONG);
	(void)snprintf(longer, sizeof(longer), "x%s", LONG);
	ck_assert_str_eq(tmpl_shown(longer), LONG);
	ck_assert(!tmpl_refuse(&at, "%s; do %d", "what", 5));
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_str_eq(mc_err_last()->detail, "dir/t.yaml:7: what; do 5");
}
END_TEST

CHECK_MAIN("k8s_template_parse", test_literals_stay_whole, test_escapes, test_values_and_texts,
    test_optional_keys, test_control_words, test_merge_is_no_literal, test_bad_substitutions,
    test_bad_each, test_bad_if, test_bad_merge_concat_include, test_unknown_words, test_arguments,
    test_messages)
