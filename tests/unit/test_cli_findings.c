/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_mesh.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/yaml.h"
#include "k8s/lint.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"

static const struct cli CLI = {.json = true};
static const struct base_origin AT = {"a/b.yaml", 7, "base", NULL};
static const struct base_origin FILE_ONLY = {"c.yaml", 0, "file", NULL};

/* The first code of the list with this severity. */
static enum k8s_lint
code_of(enum k8s_severity severity)
{
	size_t i = 0;

	while (i < k8s_lint_count() && k8s_lint_nth(i)->severity != severity) {
		i++;
	}
	ck_assert_uint_lt(i, k8s_lint_count());
	return (enum k8s_lint)strtol(k8s_lint_nth(i)->code + strlen("MCA"), NULL, 10);
}

static struct k8s_findings *
some(struct base_arena *arena)
{
	struct k8s_findings *findings = k8s_findings_new(arena);

	k8s_findings_add(findings, code_of(K8S_ERROR), &AT, "write it so", "it is %s", "wrong");
	k8s_findings_add(findings, code_of(K8S_WARNING), &FILE_ONLY, "look", "doubtful");
	k8s_findings_add(findings, code_of(K8S_WARNING), NULL, "think", "all of it");
	return findings;
}

START_TEST(a_line_for_each_finding)
{
	struct base_arena *arena = base_arena_new();
	const struct k8s_findings *findings = some(arena);
	char *line = base_xasprintf("dir/a/b.yaml:7: error %s it is wrong; write it so\n",
	    k8s_lint_info(code_of(K8S_ERROR))->code);

	said_begin();
	cli_print_findings("dir///", findings, stdout);
	said_end();
	SAYS(said.out, line);
	SAYS(said.out, "dir/c.yaml: warning "); /* no line, so none is made up */
	SAYS(said.out, "dir: warning ");        /* of the whole inventory */
	SAYS(said.out, " all of it; think\n");
	said_begin();
	cli_print_findings("/", findings, stdout);
	said_end();
	SAYS(said.out, "//a/b.yaml:7: ");
	free(line);
	base_arena_free(arena);
}
END_TEST

START_TEST(findings_are_a_tree_with_counts)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *tree = cli_findings_tree(arena, some(arena));
	const struct base_tree *list = base_tree_get(tree, "findings");
	const struct base_tree *first = list->items[0];

	ck_assert_uint_eq(list->count, 3);
	ck_assert_str_eq(base_tree_get(tree, "errors")->text, "1");
	ck_assert_str_eq(base_tree_get(tree, "warnings")->text, "2");
	ck_assert_str_eq(base_tree_get(tree, "notes")->text, "0");
	ck_assert_str_eq(base_tree_str(first, "severity", ""), "error");
	ck_assert_str_eq(base_tree_str(first, "file", ""), "a/b.yaml");
	ck_assert_str_eq(base_tree_get(first, "line")->text, "7");
	ck_assert_str_eq(base_tree_str(first, "layer", ""), "base");
	ck_assert_str_eq(base_tree_str(first, "what", ""), "it is wrong");
	ck_assert_str_eq(base_tree_str(first, "fix", ""), "write it so");
	base_arena_free(arena);
}
END_TEST

START_TEST(a_tree_is_printed_as_json)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *map = base_tree_map(arena, &CLI_HERE);
	int ret;

	cli_put_text(arena, map, "some", "te\"xt");
	cli_put_text(arena, map, "none", NULL); /* not even its name */
	said_begin();
	ret = cli_print_json(&CLI, base_tree_done(map));
	said_end();
	ck_assert_int_eq(ret, CLI_OK);
	SAYS(said.out, "\"some\": \"te\\\"xt\"");
	SAYS_NOT(said.out, "none");
	SAYS(said.out, "}\n");
	base_arena_free(arena);
}
END_TEST

START_TEST(a_date_is_a_day_and_nothing_else)
{
	static const char *const BAD[] = {"", "2027-3-31", "2027-03-31T00:00:00Z", "2027-02-30",
	    "31-03-2027", "tomorrow", "2027-13-01", "2027/03/31", "2027-03-310"};
	int64_t at = 17;

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		ck_assert_msg(!cli_date(BAD[i], &at), "%s", BAD[i]);
	}
	ck_assert(cli_date("2027-03-31", &at));
	ck_assert_int_eq(at, 1806451200); /* midnight UTC */
	ck_assert(cli_date("2028-02-29", &at));
}
END_TEST

CHECK_MAIN("cli_findings", a_line_for_each_finding, findings_are_a_tree_with_counts,
    a_tree_is_printed_as_json, a_date_is_a_day_and_nothing_else)
