/* SPDX-License-Identifier: Apache-2.0 */
/* The set of templates: files of a folder over the built-in ones, and what includes what. */
#include "template_make.h"

#include <stdio.h>

#include "check_main.h"
#include "k8s/template_int.h"

START_TEST(test_include)
{
	folder = folder_make();
	folder_put(folder, "parts/port.yaml", "\"@arguments\": [port, tag]\n\"@body\": \"@{port}@{tag}\"\n");
	folder_put(folder, "list.yaml", "[1, 2]\n");
	gives("{\"@include\": parts/port.yaml, \"@with\": {port: 1, tag: 2}}\n", "\"12\"");
	refused("{\"@include\": parts/port.yaml, \"@with\": {port: 1}}\n", "needs the argument tag");
	refused("{\"@include\": parts/port.yaml}\n", "needs the argument port");
	refused("{\"@include\": parts/port.yaml, \"@with\": {port: 1, tag: 1, z: 1}}\n",
	    "has no argument z");
	refused("{\"@include\": list.yaml, \"@with\": {z: 1}}\n", "has no argument z");
	refused("{\"@include\": list.yaml, \"@with\": {\"@merge\": [{z: 1}]}}\n", "@merge in @with");
	refused("{\"@include\": parts/port.yaml, \"@with\": {\"@{name}\": 1, port: 1, tag: 1}}\n",
	    "has no argument @{}");
	refused("{\"@include\": none.yaml}\n", "t.yaml:1: there is no template none.yaml");
	refused("{\"@include\": t.yaml}\n", "t.yaml includes itself");
	folder_put(folder, "loop.yaml", "{\"@include\": t.yaml}\n");
	refused("x: [{\"@include\": loop.yaml}]\n", "includes itself");
	folder_put(folder, "loop.yaml", "1\n");
	/* a template sees its arguments only */
	folder_put(folder, "port.yaml", "\"@arguments\": [p]\n\"@body\": \"@{name}-@{p}\"\n");
	refused("1\n", "port.yaml:2: @{name}: nothing binds name");
	folder_put(folder, "port.yaml", "\"@arguments\": [p]\n\"@body\": 1\n");
	refused("1\n", "argument p is not used");
	folder_put(folder, "port.yaml", "x: &a 1\n");
	refused("1\n", "port.yaml:1: anchors");
	folder_put(folder, "port.yaml", "1\n---\n2\n");
	refused("1\n", "port.yaml:1: 2 documents");
	folder_put(folder, "port.yaml", "1\n");
	folder_drop(folder);
}
END_TEST

START_TEST(test_include_depth)
{
	folder = folder_make();
	for (int i = 0; i < LIMIT_TEMPLATE_DEPTH; i++) {
		char name[32], text[64];

		(void)snprintf(name, sizeof(name), "d%02d.yaml", i);
		(void)snprintf(text, sizeof(text), "{\"@include\": d%02d.yaml}\n", i + 1);
		folder_put(folder, name, i + 1 < LIMIT_TEMPLATE_DEPTH ? text : "deep\n");
	}
	gives("{\"@include\": d01.yaml}\n", "\"deep\"");
	refused("{\"@include\": d00.yaml}\n", "includes within each other");
	folder_drop(folder);
}
END_TEST

/* The built-in files are sound, and a file of the same path takes the place of one. */
START_TEST(test_builtins_and_shadows)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *list = k8s_templates_list(arena), *shadows;
	struct k8s_templates *templates = k8s_templates_open(NULL);

	ck_assert_msg(templates != NULL, "%s", mc_err_last()->detail);
	ck_assert_uint_eq(k8s_templates_shadows(templates, arena)->count, 0);
	ck_assert_uint_eq(list->count, k8s_builtin_count);
	k8s_templates_free(templates);
	folder = folder_make();
	folder_put(folder, "own.yaml", "1\n");
	folder_put(folder, "notes.txt", "not: [yaml\n");
	for (size_t i = 0; i < k8s_builtin_count; i++) {
		char *text = base_xasprintf("# shadows %s\n%.*s",
		    i % 2 == 0 ? base_tree_str(list->items[i], "sha256", "") : "0123",
		    (int)k8s_builtins[i].len, (const char *)k8s_builtins[i].text);

		folder_put(folder, k8s_builtins[i].path, text);
		free(text);
	}
	templates = k8s_templates_open(folder);
	ck_assert_msg(templates != NULL, "%s", mc_err_last()->detail);
	shadows = k8s_templates_shadows(templates, arena);
	ck_assert_uint_eq(shadows->count, k8s_builtin_count);
	ck_assert_uint_eq(k8s_templates_unused(templates, arena)->count, 1);
	ck_assert_str_eq(k8s_templates_unused(templates, arena)->items[0]->text, "own.yaml");
	for (uint32_t i = 0; i < shadows->count; i++) {
		ck_assert_str_eq(base_tree_str(shadows->items[i], "path", ""), k8s_builtins[i].path);
		ck_assert(base_tree_bool(shadows->items[i], "changed", false) == (i % 2 == 1));
	}
	k8s_templates_free(templates);
	folder_drop(folder);
	ck_assert_ptr_null(k8s_templates_open("/tmp/meshca-no-such-folder"));
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_template", test_include, test_include_depth, test_builtins_and_shadows)
