/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/template.h"

#include "check_main.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/template_int.h"

static char *folder;

static void
make_folder(void)
{
	folder = base_xstrdup("/tmp/meshca-template-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
put_file(const char *name, const char *text, size_t len)
{
	char *path = base_xasprintf("%s/%s", folder, name);
	char *slash = path + strlen(folder) + 1;
	int fd;

	while ((slash = strchr(slash, '/')) != NULL) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash++ = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
	free(path);
}

static void
put(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

static void
drop_folder(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", folder, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
	free(folder);
}

/* t.yaml with this text, evaluated; NULL: refused. The caller frees. */
static char *
run(const char *template, const char *model)
{
	struct k8s_templates *templates;
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents, *result;
	char *out = NULL;

	put("t.yaml", template);
	templates = k8s_templates_open(folder);
	documents = base_yaml_read(arena, "model", NULL, base_span_str(model));
	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	if (templates != NULL) {
		result = k8s_templates_evaluate(templates, arena, "t.yaml", documents->items[0]);
		if (result != NULL) {
			struct base_buf buf;

			base_buf_init(&buf, LIMIT_YAML);
			base_json_write(&buf, result, 0);
			out = base_buf_take_str(&buf);
		}
	}
	k8s_templates_free(templates);
	base_arena_free(arena);
	return out;
}

static const char MODEL[] = "a: {b: 5, s: text, f: 0.5, t: true, neg: false, none: null, e: [],\n"
			    "    l: [x, \"y\"]}\n"
			    "ports: [{name: http, port: 80}, {name: tcp, port: 90, extra: z}]\n"
			    "name: shop\n";

static void
gives(const char *template, const char *json)
{
	char *out = run(template, MODEL);

	ck_assert_msg(out != NULL, "%s\n%s", template, mc_err_last()->detail);
	ck_assert_msg(strcmp(out, json) == 0, "%s\ngives %s\nnot   %s", template, out, json);
	free(out);
}

static void
refused(const char *template, const char *what)
{
	char *out = run(template, MODEL);

	ck_assert_msg(out == NULL, "%s\nwas taken: %s", template, out);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s\n%s is not in %s", template,
	    what, mc_err_last()->detail);
	ck_assert_msg(strchr(mc_err_last()->detail, ';') != NULL, "%s", mc_err_last()->detail);
}

START_TEST(test_substitution)
{
	make_folder();
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
	gives("- 1\n- null\n- {a: [b]}\n", "[1,null,{\"a\":[\"b\"]}]");
	drop_folder();
}
END_TEST

START_TEST(test_optional)
{
	make_folder();
	gives("x?: \"@{a.b}\"\nyy?: \"@{a.zz}\"\nz?: \"@{zz.y}\"\nnn?: \"@{a.none}\"\n", "{\"x\":5}");
	gives("x?: {\"@if\": a.zz, \"@then\": 1}\nyy?: {\"@each\": a.e, \"@as\": i, \"@do\": 1}\n", "{}");
	gives("yy?: {\"@each\": a.zz, \"@as\": i, \"@do\": 1}\n", "{}");
	gives("yy?: {\"@concat\": [\"@{a.e}\"]}\nz?: \"@{a.e}\"\n", "{\"z\":[]}");
	gives("yy?: {\"@each\": a.l, \"@as\": i, \"@do\": \"@{i}\"}\n", "{\"yy\":[\"x\",\"y\"]}");
	gives("\"@{name}?\": \"@{a.b}\"\n", "{\"shop\":5}");
	refused("x?: \"p-@{a.zz}\"\n", "t.yaml:1: @{a.zz} leads nowhere: no zz at model:1");
	drop_folder();
}
END_TEST

START_TEST(test_each)
{
	make_folder();
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
	refused("- \"@each\": a.l\n  \"@as\": p\n  \"@do\": {\"@each\": a.l, \"@as\": p, \"@do\": 1}\n",
	    "t.yaml:3: @as p is bound already");
	refused("- \"@each\": a.l\n  \"@as\": p\n", "t.yaml:1: @each without @do");
	refused("- \"@each\": a.l\n  \"@as\": p.q\n  \"@do\": 1\n", "@as p.q has a dot");
	refused("- \"@each\": a.l\n  \"@as\": p\n  \"@do\": 1\n  x: 1\n", "t.yaml:4: x does not go with @each");
	refused("- {\"@each\": a.l, \"@as\": p, \"@do\": 1}\n- \"@{p}\"\n", "@{p} leads nowhere: no p here");
	drop_folder();
}
END_TEST

START_TEST(test_if)
{
	make_folder();
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
	refused("x: {\"@if\": a.b, \"@equals\": [1], \"@then\": 1}\n", "@equals is no literal");
	refused("x: {\"@if\": a.b, \"@equals\": \"@{a}\", \"@then\": 1}\n", "@equals is no literal");
	refused("x: {\"@if\": a.b, \"@else\": 1}\n", "@if without @then");
	refused("x: {\"@if\": \"a b\", \"@then\": 1}\n", "\"a b\" is no path");
	refused("x: {\"@if\": [a], \"@then\": 1}\n", "@if is no plain word");
	refused("{\"@if\": a.zz, \"@then\": 1}\n", "gives nothing");
	drop_folder();
}
END_TEST

START_TEST(test_merge_and_concat)
{
	make_folder();
	gives("x: 1\n\"@merge\": [\"@{a}\", {z: 2}, {\"@if\": a.zz, \"@then\": {q: 1}}]\nyy: 3\n",
	    "{\"x\":1,\"yy\":3,\"b\":5,\"s\":\"text\",\"f\":0.5,\"t\":true,\"neg\":false,\"none\":null,"
	    "\"e\":[],\"l\":[\"x\",\"y\"],\"z\":2}");
	gives("x: {\"@concat\": [\"@{a.l}\", [1], {\"@if\": a.zz, \"@then\": [2]}, "
	      "{\"@each\": a.l, \"@as\": i, \"@do\": \"@{i}\"}]}\n", "{\"x\":[\"x\",\"y\",1,\"x\",\"y\"]}");
	gives("- {\"@concat\": [[1], [2]]}\n", "[1,2]");
	refused("b: 1\n\"@merge\": [\"@{a}\"]\n", "model:1: b is there already, from ");
	refused("\"@{name}\": 1\nshop: 2\n", "t.yaml:2: shop is there already");
	refused("\"@merge\": [\"@{a.b}\"]\n", "t.yaml:1: no map in @merge (from model:1)");
	refused("\"@merge\": {a: 1}\n", "@merge is no list");
	refused("x: {\"@concat\": [1]}\n", "no list in @concat");
	refused("x: {\"@concat\": 1}\n", "@concat is no list");
	refused("x: {\"@concat\": [], yy: 1}\n", "yy does not go with @concat");
	drop_folder();
}
END_TEST

START_TEST(test_include)
{
	make_folder();
	put("parts/port.yaml", "\"@arguments\": [port, tag]\n\"@body\":\n  nn: \"@{port.name}\"\n"
			       "  t?: \"@{tag}\"\n");
	put("list.yaml", "[1, 2]\n");
	gives("- \"@each\": ports\n  \"@as\": p\n  \"@do\":\n    \"@include\": parts/port.yaml\n"
	      "    \"@with\": {port: \"@{p}\", tag?: \"@{p.extra}\"}\n",
	    "[{\"nn\":\"http\"},{\"nn\":\"tcp\",\"t\":\"z\"}]");
	gives("- {\"@include\": list.yaml}\n- 3\n", "[1,2,3]");
	gives("x: {\"@include\": list.yaml}\n", "{\"x\":[1,2]}");
	refused("{\"@include\": parts/port.yaml, \"@with\": {port: \"@{name}\", tag: 1}}\n",
	    "port.yaml:3: @{port.name} leads nowhere: no name at model:4");
	refused("{\"@include\": parts/port.yaml, \"@with\": {port: 1}}\n", "needs the argument tag");
	refused("{\"@include\": parts/port.yaml}\n", "needs the argument port");
	refused("{\"@include\": parts/port.yaml, \"@with\": {port: 1, tag: 1, z: 1}}\n",
	    "has no argument z");
	refused("{\"@include\": list.yaml, \"@with\": {z: 1}}\n", "has no argument z");
	refused("{\"@include\": none.yaml}\n", "t.yaml:1: there is no template none.yaml");
	refused("{\"@include\": \"@{name}\"}\n", "@include is no plain word");
	refused("{\"@include\": list.yaml, x: 1}\n", "x does not go with @include");
	refused("{\"@include\": list.yaml, \"@with\": 1}\n", "@with is no map");
	refused("{\"@include\": t.yaml}\n", "t.yaml includes itself");
	put("loop.yaml", "{\"@include\": t.yaml}\n");
	refused("x: [{\"@include\": loop.yaml}]\n", "includes itself");
	put("loop.yaml", "1\n");
	/* a template sees its arguments only */
	put("port.yaml", "\"@arguments\": [p]\n\"@body\": \"@{name}-@{p}\"\n");
	refused("1\n", "port.yaml:2: @{name}: nothing binds name");
	put("port.yaml", "\"@arguments\": [p]\n\"@body\": 1\n");
	refused("1\n", "argument p is not used");
	put("port.yaml", "\"@{name}\"\n");
	refused("x: {\"@include\": port.yaml}\n", "port.yaml:1: @{name} leads nowhere: no name here");
	put("port.yaml", "\"@arguments\": [p, p]\n\"@body\": \"@{p}\"\n");
	refused("1\n", "argument p is there twice");
	put("port.yaml", "\"@arguments\": p\n\"@body\": \"@{p}\"\n");
	refused("1\n", "@arguments is no list");
	put("port.yaml", "\"@arguments\": [p]\n");
	refused("1\n", "@arguments without @body");
	put("port.yaml", "1\n---\n2\n");
	refused("1\n", "port.yaml:1: 2 documents");
	put("port.yaml", "1\n");
	refused("\"@arguments\": [p]\n\"@body\": \"@{p}\"\n", "the root has @arguments");
	drop_folder();
}
END_TEST

START_TEST(test_include_depth)
{
	make_folder();
	for (int i = 0; i < LIMIT_TEMPLATE_DEPTH; i++) {
		char name[32], text[64];

		(void)snprintf(name, sizeof(name), "d%02d.yaml", i);
		(void)snprintf(text, sizeof(text), "{\"@include\": d%02d.yaml}\n", i + 1);
		put(name, i + 1 < LIMIT_TEMPLATE_DEPTH ? text : "deep\n");
	}
	gives("{\"@include\": d01.yaml}\n", "\"deep\"");
	refused("{\"@include\": d00.yaml}\n", "includes within each other");
	drop_folder();
}
END_TEST

/* What multiplies has an end, though nothing of it is a loop. */
START_TEST(test_includes_that_multiply)
{
	make_folder();
	for (unsigned i = 0; i < 14; i++) {
		char *path = base_xasprintf("m%02u.yaml", i);
		char *one = base_xasprintf("- {\"@include\": m%02u.yaml}\n", i + 1);
		char *text = base_xasprintf("%s%s%s%s%s%s%s%s%s%s", one, one, one, one, one, one, one, one, one,
		    one);

		put(path, text);
		free(path);
		free(one);
		free(text);
	}
	put("m14.yaml", "[x]\n");
	refused("x: {\"@include\": m00.yaml}\n", "gives more than 512 MiB; loop over less, or include less");
	drop_folder();
}
END_TEST

/* A text that repeats its values has each of their places once. */
START_TEST(test_places_of_a_long_text)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents =
	    base_yaml_read(arena, "model", NULL, base_span_str("a: 1\nb: 2\n"));
	struct k8s_templates *templates;
	const struct base_tree *result;
	const struct base_origin *at;
	struct base_buf text;

	make_folder();
	base_buf_init(&text, LIMIT_YAML);
	base_buf_append_str(&text, "\"");
	for (unsigned i = 0; i < 20000; i++) {
		base_buf_append_str(&text, "@{a}@{b}");
	}
	base_buf_append_str(&text, "\"\n");
	base_buf_append_u8(&text, '\0');
	put("t.yaml", (const char *)text.ptr);
	base_buf_clear(&text);
	templates = k8s_templates_open(folder);
	ck_assert_msg(templates != NULL, "%s", mc_err_last()->detail);
	result = k8s_templates_evaluate(templates, arena, "t.yaml", documents->items[0]);
	ck_assert_ptr_nonnull(result);
	at = result->origin;
	ck_assert_int_eq(at->line, 1);
	ck_assert_int_eq(at->also->line, 2);
	ck_assert_ptr_null(at->also->also);
	k8s_templates_free(templates);
	drop_folder();
	base_arena_free(arena);
}
END_TEST

START_TEST(test_other_errors)
{
	make_folder();
	refused("x: \"@{zz}\"\n", "t.yaml:1: @{zz} leads nowhere: no zz here");
	refused("a: 1\nx: \"@{a.b.c}\"\n", "t.yaml:2: @{a.b.c} leads nowhere: no c at model:1");
	refused("x: \"p-@{a.l}\"\n", "t.yaml:1: @{a.l} is no scalar; change model:2");
	refused("x: \"p-@{a.none}\"\n", "@{a.none} is no scalar");
	refused("\"@{a.l}\": 1\n", "a key is no scalar");
	refused("x: \"@{a\"\n", "\"@{\" without \"}\"");
	refused("x: \"@{}\"\n", "is no path");
	refused("x: \"@{a..b}\"\n", "is no path");
	refused("x: \"@{a b}\"\n", "is no path");
	refused("\"@eech\": 1\n", "t.yaml:1: @eech is no control word");
	refused("\"@do\": 1\n", "@do is no control word");
	refused("x: &a 1\n", "t.yaml:1: anchors");
	drop_folder();
}
END_TEST

START_TEST(test_origins)
{
	struct k8s_templates *templates;
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents, *root, *both;

	make_folder();
	put("t.yaml", "x: \"@{a.b}\"\nyy: literal\nz: \"@{a.b}-@{name}\"\n");
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
	drop_folder();
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
	make_folder();
	put("own.yaml", "1\n");
	put("notes.txt", "not: [yaml\n");
	for (size_t i = 0; i < k8s_builtin_count; i++) {
		char *text = base_xasprintf("# shadows %s\n%.*s",
		    i % 2 == 0 ? base_tree_str(list->items[i], "sha256", "") : "0123",
		    (int)k8s_builtins[i].len, (const char *)k8s_builtins[i].text);

		put(k8s_builtins[i].path, text);
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
	drop_folder();
	ck_assert_ptr_null(k8s_templates_open("/tmp/meshca-no-such-folder"));
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_template", test_substitution, test_optional, test_each, test_if,
    test_merge_and_concat, test_include, test_include_depth, test_includes_that_multiply,
    test_places_of_a_long_text, test_other_errors, test_origins, test_builtins_and_shadows)
