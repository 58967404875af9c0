/* SPDX-License-Identifier: Apache-2.0 */
/* What templates evaluate to, and what they refuse of a model. */
#include "template_make.h"

#include "check_main.h"

START_TEST(test_substitution)
{
	folder = folder_make();
	gives("x: \"@{a.b}\"\n", "{\"x\":5}");
	gives("x: \"@{a.l}\"\n", "{\"x\":[\"x\",\"y\"]}");
	gives("\"@{ports}\"\n", "[{\"name\":\"http\",\"port\":80},{\"name\":\"tcp\",\"port\":90,"
				"\"extra\":\"z\"}]");
	gives("x: p-@{a.b}-@{a.s}-@{a.f}-@{a.t}\n", "{\"x\":\"p-5-text-0.5-true\"}");
	gives("x: \"@@{a.b} @@@{ @{name}\"\n", "{\"x\":\"@{a.b} @@{ shop\"}");
	gives("x: \"@@{a.b}\"\n", "{\"x\":\"@{a.b}\"}");
	gives("\"@@{k}\": 1\n", "{\"@{k}\":1}");
	gives("\"@{name}\": 1\n\"k-@{a.b}\": 2\n", "{\"shop\":1,\"k-5\":2}");
	gives("x: \"{{ .v }} ${v} $1 %X% @ {} }\"\n\"@type\": t\n",
	    "{\"x\":\"{{ .v }} ${v} $1 %X% @ {} }\",\"@type\":\"t\"}");
	gives("- \"@{a.l}\"\n", "[[\"x\",\"y\"]]");
	gives("- 1\n- null\n- {a: [b]}\n", "[1,null,{\"a\":[\"b\"]}]");
	folder_drop(folder);
}
END_TEST

START_TEST(test_optional)
{
	folder = folder_make();
	gives("x?: \"@{a.b}\"\nyy?: \"@{a.zz}\"\nz?: \"@{zz.y}\"\nnn?: \"@{a.none}\"\n", "{\"x\":5}");
	gives("x?: {\"@if\": a.zz, \"@then\": 1}\nyy?: {\"@each\": a.e, \"@as\": i, \"@do\": 1}\n", "{}");
	gives("yy?: {\"@each\": a.zz, \"@as\": i, \"@do\": 1}\n", "{}");
	gives("yy?: {\"@concat\": [\"@{a.e}\"]}\nz?: \"@{a.e}\"\n", "{\"z\":[]}");
	gives("yy?: {\"@each\": a.l, \"@as\": i, \"@do\": \"@{i}\"}\n", "{\"yy\":[\"x\",\"y\"]}");
	gives("z?: []\nw?: [{\"@if\": a.zz, \"@then\": 1}]\n", "{\"z\":[],\"w\":[]}");
	gives("\"@{name}?\": \"@{a.b}\"\n", "{\"shop\":5}");
	refused("x?: \"p-@{a.zz}\"\n", "t.yaml:1: @{a.zz} leads nowhere: no zz at model:1");
	folder_drop(folder);
}
END_TEST

START_TEST(test_each)
{
	folder = folder_make();
	gives("- first\n- \"@each\": ports\n  \"@as\": p\n  \"@do\": \"@{p.name}\"\n- last\n",
	    "[\"first\",\"http\",\"tcp\",\"last\"]");
	gives("- \"@each\": ports\n  \"@as\": p\n  \"@do\": [1, \"@{p.port}\"]\n", "[1,80,1,90]");
	gives("- \"@each\": ports\n  \"@as\": p\n  \"@do\": {nn: \"@{p.name}\", e?: \"@{p.extra}\"}\n",
	    "[{\"nn\":\"http\"},{\"nn\":\"tcp\",\"e\":\"z\"}]");
	gives("\"@merge\":\n- \"@each\": ports\n  \"@as\": p\n  \"@do\": {\"@{p.name}\": \"@{p.port}\"}\n",
	    "{\"http\":80,\"tcp\":90}");
	gives("- \"@each\": ports\n  \"@as\": p\n  \"@do\":\n    \"@each\": a.l\n    \"@as\": i\n"
	      "    \"@do\": \"@{i}@{p.port}\"\n", "[\"x80\",\"y80\",\"x90\",\"y90\"]");
	gives("- \"@each\": ports\n  \"@as\": p\n  \"@do\": {\"@if\": p.extra, \"@then\": \"@{p.name}\"}\n",
	    "[\"tcp\"]");
	refused("- \"@each\": a.zz\n  \"@as\": p\n  \"@do\": 1\n", "t.yaml:1: @{a.zz} leads nowhere");
	refused("- \"@each\": a.s\n  \"@as\": p\n  \"@do\": 1\n",
	    "t.yaml:1: @{a.s} is no list; change model:1");
	refused("- \"@each\": a.l\n  \"@as\": name\n  \"@do\": 1\n", "@as name is a key of the model");
	refused("- {\"@each\": a.l, \"@as\": p, \"@do\": 1}\n- \"@{p}\"\n", "@{p} leads nowhere: no p here");
	folder_drop(folder);
}
END_TEST

START_TEST(test_if)
{
	folder = folder_make();
	gives("- {\"@if\": a.b, \"@then\": 1, \"@else\": 2}\n- {\"@if\": a.zz, \"@then\": 1, \"@else\": 2}\n"
	      "- {\"@if\": a.neg, \"@then\": 1, \"@else\": 3}\n- {\"@if\": a.none, \"@then\": 1, \"@else\": 4}\n"
	      "- {\"@if\": a.e, \"@then\": 1, \"@else\": 5}\n- {\"@if\": a.zz, \"@then\": 1}\n"
	      "- {\"@if\": zz.y, \"@then\": 1}\n", "[1,2,3,4,5]");
	gives("- {\"@if\": a.s, \"@equals\": text, \"@then\": 1}\n- {\"@if\": a.b, \"@equals\": 5, \"@then\": 2}\n"
	      "- {\"@if\": a.b, \"@equals\": \"5\", \"@then\": 3}\n- {\"@if\": a.zz, \"@equals\": 5, \"@then\": 4}\n"
	      "- {\"@if\": a.neg, \"@equals\": false, \"@then\": 5}\n", "[1,2,5]");
	gives("- {\"@if\": a.b, \"@then\": [1, 2]}\n", "[1,2]");
	gives("x: {\"@if\": a.b, \"@then\": [1, 2]}\n", "{\"x\":[1,2]}");
	/* what is not taken is not evaluated */
	gives("x: {\"@if\": a.zz, \"@then\": \"@{a.zz}\", \"@else\": 1}\n", "{\"x\":1}");
	refused("x: {\"@if\": a.zz, \"@then\": 1}\n", "t.yaml:1: x gets nothing");
	refused("{\"@if\": a.zz, \"@then\": 1}\n", "gives nothing");
	folder_drop(folder);
}
END_TEST

START_TEST(test_merge_and_concat)
{
	folder = folder_make();
	gives("x: 1\n\"@merge\": [\"@{a}\", {z: 2}, {\"@if\": a.zz, \"@then\": {q: 1}}]\nyy: 3\n",
	    "{\"x\":1,\"yy\":3,\"b\":5,\"s\":\"text\",\"f\":0.5,\"t\":true,\"neg\":false,\"none\":null,"
	    "\"e\":[],\"l\":[\"x\",\"y\"],\"z\":2}");
	gives("x: {\"@concat\": [\"@{a.l}\", [1], {\"@if\": a.zz, \"@then\": [2]}, "
	      "{\"@each\": a.l, \"@as\": i, \"@do\": \"@{i}\"}]}\n", "{\"x\":[\"x\",\"y\",1,\"x\",\"y\"]}");
	gives("- {\"@concat\": [[1], [2]]}\n", "[1,2]");
	refused("b: 1\n\"@merge\": [\"@{a}\"]\n", "model:1: b is there already, from ");
	refused("\"@{name}\": 1\nshop: 2\n", "t.yaml:2: shop is there already");
	refused("\"@merge\": [\"@{a.b}\"]\n", "t.yaml:1: no map in @merge (from model:1)");
	refused("x: {\"@concat\": [1]}\n", "no list in @concat");
	folder_drop(folder);
}
END_TEST

START_TEST(test_other_errors)
{
	folder = folder_make();
	refused("x: \"@{zz}\"\n", "t.yaml:1: @{zz} leads nowhere: no zz here");
	refused("a: 1\nx: \"@{a.b.c}\"\n", "t.yaml:2: @{a.b.c} leads nowhere: no c at model:1");
	refused("x: \"p-@{a.l}\"\n", "t.yaml:1: @{a.l} is no scalar; change model:2");
	refused("x: \"p-@{a.none}\"\n", "@{a.none} is no scalar");
	refused("\"@{a.l}\": 1\n", "a key is no scalar");
	folder_drop(folder);
}
END_TEST

/* An included template sees its arguments only, the root all but arguments. */
START_TEST(test_include)
{
	folder = folder_make();
	folder_put(folder, "parts/port.yaml", "\"@arguments\": [port, tag]\n\"@body\":\n  nn: \"@{port.name}\"\n"
			       "  t?: \"@{tag}\"\n");
	folder_put(folder, "list.yaml", "[1, 2]\n");
	gives("- \"@each\": ports\n  \"@as\": p\n  \"@do\":\n    \"@include\": parts/port.yaml\n"
	      "    \"@with\": {port: \"@{p}\", tag?: \"@{p.extra}\"}\n",
	    "[{\"nn\":\"http\"},{\"nn\":\"tcp\",\"t\":\"z\"}]");
	gives("- {\"@include\": list.yaml}\n- 3\n", "[1,2,3]");
	gives("x: {\"@include\": list.yaml}\n", "{\"x\":[1,2]}");
	refused("{\"@include\": parts/port.yaml, \"@with\": {port: \"@{name}\", tag: 1}}\n",
	    "port.yaml:3: @{port.name} leads nowhere: no name at model:4");
	folder_put(folder, "port.yaml", "\"@{name}\"\n");
	refused("x: {\"@include\": port.yaml}\n", "port.yaml:1: @{name} leads nowhere: no name here");
	refused("\"@arguments\": [p]\n\"@body\": \"@{p}\"\n", "the root has @arguments");
	folder_drop(folder);
}
END_TEST

/* What multiplies has an end, though nothing of it is a loop. */
START_TEST(test_includes_that_multiply)
{
	folder = folder_make();
	for (unsigned i = 0; i < 14; i++) {
		char *path = base_xasprintf("m%02u.yaml", i);
		char *one = base_xasprintf("- {\"@include\": m%02u.yaml}\n", i + 1);
		char *text = base_xasprintf("%s%s%s%s%s%s%s%s%s%s", one, one, one, one, one, one, one, one, one,
		    one);

		folder_put(folder, path, text);
		free(path);
		free(one);
		free(text);
	}
	folder_put(folder, "m14.yaml", "[x]\n");
	refused("x: {\"@include\": m00.yaml}\n", "gives more than 512 MiB; loop over less, or include less");
	folder_drop(folder);
}
END_TEST

/* A text that repeats its values has each of their places once. */
START_TEST(test_places_of_a_long_text)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents =
	    base_yaml_read(arena, "model", NULL, base_span_str("a: 1\nb: 2\nc: 3\n"));
	struct k8s_templates *templates;
	const struct base_tree *result;
	const struct base_origin *at;
	struct base_buf text;

	folder = folder_make();
	base_buf_init(&text, LIMIT_YAML);
	base_buf_append_str(&text, "\"");
	for (unsigned i = 0; i < 20000; i++) {
		base_buf_append_str(&text, "@{a}@{b}@{c}");
	}
	base_buf_append_str(&text, "\"\n");
	base_buf_append_u8(&text, '\0');
	folder_put(folder, "t.yaml", (const char *)text.ptr);
	base_buf_clear(&text);
	templates = k8s_templates_open(folder);
	ck_assert_msg(templates != NULL, "%s", mc_err_last()->detail);
	result = k8s_templates_evaluate(templates, arena, "t.yaml", documents->items[0]);
	ck_assert_ptr_nonnull(result);
	at = result->origin;
	ck_assert_int_eq(at->line, 1);
	ck_assert_int_eq(at->also->line, 2);
	ck_assert_int_eq(at->also->also->line, 3);
	ck_assert_ptr_null(at->also->also->also);
	k8s_templates_free(templates);
	folder_drop(folder);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_origins)
{
	struct k8s_templates *templates;
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents, *root, *both;

	folder = folder_make();
	folder_put(folder, "t.yaml", "x: \"@{a.b}\"\nyy: literal\nz: \"@{a.b}-@{name}\"\n");
	templates = k8s_templates_open(folder);
	ck_assert_msg(templates != NULL, "%s", mc_err_last()->detail);
	documents = base_yaml_read(arena, "model", "Mesh", base_span_str(MODEL));
	root = k8s_templates_evaluate(templates, arena, "t.yaml", documents->items[0]);
	ck_assert_ptr_nonnull(root);
	ck_assert_str_eq(root->entries[0].origin->layer, "template");
	ck_assert_int_eq(root->entries[0].origin->line, 1);
	ck_assert_str_eq(root->entries[0].value->origin->file, "model");
	ck_assert_int_eq(root->entries[0].value->origin->line, 1);
	ck_assert_str_eq(root->entries[1].value->origin->layer, "template");
	both = root->entries[2].value;
	ck_assert_str_eq(both->text, "5-shop");
	ck_assert_int_eq(both->origin->line, 1);
	ck_assert_int_eq(both->origin->also->line, 4);
	ck_assert_ptr_null(k8s_templates_evaluate(templates, arena, "none.yaml", root));
	k8s_templates_free(templates);
	base_arena_free(arena);
	folder_drop(folder);
}
END_TEST

/* A text made of values has the ceiling of a file, its end included. */
START_TEST(test_long_text_is_refused)
{
	enum { MIB = 1024 * 1024 };
	static const struct base_origin HERE = {.file = "model", .line = 1};
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *model = base_tree_map(arena, &HERE);
	const struct base_tree *done, *result;
	struct k8s_templates *templates;
	char *text = base_xcalloc(1, MIB + 1);

	for (size_t i = 0; i < MIB; i++) {
		text[i] = 'x';
	}
	base_tree_put(model, "a", base_tree_string(arena, text, &HERE));
	text[MIB - 1] = '\0';
	base_tree_put(model, "b", base_tree_string(arena, text, &HERE));
	done = base_tree_done(model);
	free(text);
	folder = folder_make();
#define FIVE "@{a}@{a}@{a}@{a}@{a}"
	folder_put(folder, "fits.yaml", "\"" FIVE FIVE FIVE "@{b}\"\n");
	folder_put(folder, "over.yaml", "\"" FIVE FIVE FIVE "@{a}\"\n");
	templates = k8s_templates_open(folder);
	ck_assert_msg(templates != NULL, "%s", mc_err_last()->detail);
	result = k8s_templates_evaluate(templates, arena, "fits.yaml", done);
	ck_assert_ptr_nonnull(result);
	ck_assert_uint_eq(strlen(result->text), (size_t)LIMIT_YAML - 1);
	ck_assert_ptr_null(k8s_templates_evaluate(templates, arena, "over.yaml", done));
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "longer than 16 MiB"));
	k8s_templates_free(templates);
	folder_drop(folder);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_template_eval", test_substitution, test_optional, test_each, test_if,
    test_merge_and_concat, test_include, test_other_errors, test_includes_that_multiply,
    test_long_text_is_refused, test_places_of_a_long_text, test_origins)
