/* SPDX-License-Identifier: Apache-2.0 */
/* Single templates, parsed and not evaluated. */
#ifndef TESTS_TEMPLATE_PARSE_MAKE_H
#define TESTS_TEMPLATE_PARSE_MAKE_H

#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "check_main.h"
#include "k8s/template_int.h"

static bool
parse(struct base_arena *arena, const char *text, struct tmpl_file *out)
{
	const struct base_tree *documents =
	    base_yaml_read(arena, "t.yaml", "template", base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	ck_assert_uint_eq(documents->count, 1);
	*out = (struct tmpl_file){.path = "t.yaml", .shown = "t.yaml"};
	return tmpl_parse(arena, out, documents->items[0]);
}

/* Refused with MC_ECONFIG, this in the message, and what to do behind a semicolon. */
static void
parse_refused(const char *text, const char *what)
{
	struct base_arena *arena = base_arena_new();
	struct tmpl_file file;

	ck_assert_msg(!parse(arena, text, &file), "%s was taken", text);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s\n%s is not in %s", text, what,
	    mc_err_last()->detail);
	ck_assert_msg(strchr(mc_err_last()->detail, ';') != NULL, "%s", mc_err_last()->detail);
	base_arena_free(arena);
}

#endif
