/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of a folder, evaluated against a small model. */
#ifndef TESTS_TEMPLATE_MAKE_H
#define TESTS_TEMPLATE_MAKE_H

#include "folder_make.h"

#include "base/yaml.h"
#include "k8s/template.h"

static char *folder; /* of the test that runs: from folder_make() to folder_drop() */

static const char MODEL[] = "a: {b: 5, s: text, f: 0.5, t: true, neg: false, none: null, e: [],\n"
			    "    l: [x, \"y\"]}\n"
			    "ports: [{name: http, port: 80}, {name: tcp, port: 90, extra: z}]\n"
			    "name: shop\n";

/* t.yaml with this text, evaluated against MODEL, as JSON; NULL: refused. The caller frees. */
static char *
run(const char *template)
{
	struct k8s_templates *templates;
	struct base_arena *arena = base_arena_new();
	const struct base_tree *documents, *result;
	char *out = NULL;

	folder_put(folder, "t.yaml", template);
	templates = k8s_templates_open(folder);
	documents = base_yaml_read(arena, "model", NULL, base_span_str(MODEL));
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

static void
gives(const char *template, const char *json)
{
	char *out = run(template);

	ck_assert_msg(out != NULL, "%s\n%s", template, mc_err_last()->detail);
	ck_assert_msg(strcmp(out, json) == 0, "%s\ngives %s\nnot   %s", template, out, json);
	free(out);
}

static void
refused(const char *template, const char *what)
{
	char *out = run(template);

	ck_assert_msg(out == NULL, "%s\nwas taken: %s", template, out);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s\n%s is not in %s", template,
	    what, mc_err_last()->detail);
	ck_assert_msg(strchr(mc_err_last()->detail, ';') != NULL, "%s", mc_err_last()->detail);
}

#endif
