/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: their codes, and how they are collected, sorted and bounded. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "check_main.h"
#include "k8s/lint.h"

static const struct base_origin AT = {"f", 1, NULL, NULL};

/* Codes are an interface: of four digits, each once, and what number a name has is never another's. */
START_TEST(test_codes)
{
	size_t count = k8s_lint_count();

	ck_assert_uint_gt(count, 80);
	for (size_t i = 0; i < count; i++) {
		const struct k8s_lint_info *info = k8s_lint_nth(i);

		ck_assert_uint_eq(strlen(info->code), 7);
		ck_assert_int_eq(strncmp(info->code, "MCA", 3), 0);
		ck_assert_uint_eq(strspn(info->code + 3, "0123456789"), 4);
		ck_assert(info->severity >= K8S_ERROR && info->severity <= K8S_NOTE);
		ck_assert_str_ne(info->text, "");
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(k8s_lint_nth(j)->code, info->code);
		}
	}
	ck_assert_str_eq(k8s_lint_info(LINT_YAML)->code, "MCA0001");
	ck_assert_str_eq(k8s_lint_info(LINT_WAF_IMAGE)->code, "MCA0134");
	ck_assert_str_eq(k8s_lint_info(LINT_CALL_CIRCLE)->code, "MCA1010");
	ck_assert_int_eq((int)k8s_lint_info(LINT_CALL_CIRCLE)->severity, K8S_WARNING);
	ck_assert_str_eq(k8s_lint_info(LINT_PLAINTEXT_PCI)->trap, "plaintext-port");
	ck_assert_ptr_null(k8s_lint_info(LINT_YAML)->trap);
	ck_assert_ptr_eq(k8s_lint_info(LINT_YAML), k8s_lint_nth(0));
}
END_TEST

START_TEST(test_severities)
{
	ck_assert_str_eq(k8s_severity_word(K8S_ERROR), "error");
	ck_assert_str_eq(k8s_severity_word(K8S_WARNING), "warning");
	ck_assert_str_eq(k8s_severity_word(K8S_NOTE), "note");
}
END_TEST

START_TEST(test_add)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	const struct k8s_finding *one;
	char fix[] = "do that";

	ck_assert_ptr_eq(k8s_findings_arena(findings), arena);
	ck_assert_uint_eq(k8s_findings_count(findings), 0);
	ck_assert(!k8s_findings_have_error(findings));
	k8s_findings_add(findings, LINT_CLIENT_ADDRESS, &AT, fix, "%s is %d", "it", 5);
	fix[0] = 'x'; /* it was copied */
	one = k8s_findings_get(findings, 0);
	ck_assert_int_eq((int)one->severity, K8S_NOTE);
	ck_assert_str_eq(one->code, "MCA0126");
	ck_assert_ptr_eq(one->at, &AT);
	ck_assert_str_eq(one->what, "it is 5");
	ck_assert_str_eq(one->fix, "do that");
	ck_assert(!k8s_findings_have_error(findings));
	k8s_findings_add(findings, LINT_YAML, NULL, "fix", "all of it");
	one = k8s_findings_get(findings, 1);
	ck_assert_str_eq(one->at->file, K8S_LINT_WHOLE);
	ck_assert_int_eq(one->at->line, 0);
	ck_assert(k8s_findings_have_error(findings));
	/* nobody wants to know */
	k8s_findings_add(NULL, LINT_YAML, &AT, "fix", "text");
	base_arena_free(arena);
}
END_TEST

/* The same is told once: the same code, place and text. */
START_TEST(test_once)
{
	static const struct base_origin SAME = {"f", 1, "layer", NULL}, LINE = {"f", 2, NULL, NULL},
	    FILE_2 = {"g", 1, NULL, NULL};
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);

	k8s_findings_add(findings, LINT_TYPE, &AT, "fix", "text");
	k8s_findings_add(findings, LINT_TYPE, &AT, "another fix", "text");
	k8s_findings_add(findings, LINT_TYPE, &SAME, "fix", "text");
	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	ck_assert_str_eq(k8s_findings_get(findings, 0)->fix, "fix");
	k8s_findings_add(findings, LINT_VALUE, &AT, "fix", "text");
	k8s_findings_add(findings, LINT_TYPE, &LINE, "fix", "text");
	k8s_findings_add(findings, LINT_TYPE, &FILE_2, "fix", "text");
	k8s_findings_add(findings, LINT_TYPE, &AT, "fix", "texts");
	ck_assert_uint_eq(k8s_findings_count(findings), 5);
	base_arena_free(arena);
}
END_TEST

/* By file, line, code, and at last by text. */
START_TEST(test_sort)
{
	static const struct base_origin PLACES[] = {{"b", 1, NULL, NULL}, {"a", 10, NULL, NULL}, {"a", 9, NULL, NULL}};
	static const char *const SORTED[] = {"MCA0006 a", "MCA0005 z", "MCA0006 m", "MCA0006 n", "MCA0003 b"};
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);

	k8s_findings_sort(findings);
	k8s_findings_add(findings, LINT_KEY_UNKNOWN, &PLACES[0], "fix", "b");
	k8s_findings_add(findings, LINT_VALUE, &PLACES[1], "fix", "n");
	k8s_findings_add(findings, LINT_VALUE, &PLACES[1], "fix", "m");
	k8s_findings_add(findings, LINT_TYPE, &PLACES[1], "fix", "z");
	k8s_findings_add(findings, LINT_VALUE, &PLACES[2], "fix", "a");
	k8s_findings_sort(findings);
	ck_assert_uint_eq(k8s_findings_count(findings), 5);
	for (size_t i = 0; i < 5; i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);
		char text[16];

		(void)snprintf(text, sizeof(text), "%s %s", one->code, one->what);
		ck_assert_str_eq(text, SORTED[i]);
	}
	base_arena_free(arena);
}
END_TEST

/* Texts hold names from files: what is no printable character is not shown, and all has an end. */
START_TEST(test_texts_are_clean)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	char longer[3001] = "";

	for (size_t i = 0; i < 3000; i++) {
		longer[i] = 'x';
	}
	k8s_findings_add(findings, LINT_TYPE, &AT, "fix \x1b[2J", "a\x1b[2J \xff %.2s", "\xe2\x82\xac");
	ck_assert_str_eq(k8s_findings_get(findings, 0)->what, "a?[2J ? ?\?");
	ck_assert_str_eq(k8s_findings_get(findings, 0)->fix, "fix ?[2J");
	k8s_findings_add(findings, LINT_TYPE, &AT, "fix", "%s", longer);
	ck_assert_uint_eq(strlen(k8s_findings_get(findings, 1)->what), 1023);
	base_arena_free(arena);
}
END_TEST

/* Whoever has ten thousand warnings must still see the one error. */
START_TEST(test_warnings_do_not_hide_an_error)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	size_t errors = 0;

	for (int i = 0; i < LIMIT_FINDINGS + 10; i++) {
		k8s_findings_add(findings, LINT_CALL_ALONE, &AT, "fix", "warning %d", i);
	}
	k8s_findings_add(findings, LINT_YAML, &AT, "fix", "an error");
	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		errors += k8s_findings_get(findings, i)->severity == K8S_ERROR ? 1 : 0;
	}
	ck_assert_uint_eq(k8s_findings_count(findings), LIMIT_FINDINGS + 1);
	ck_assert_uint_eq(errors, 1);
	base_arena_free(arena);
}
END_TEST

/* Past the ceiling it is still known that there is an error. */
START_TEST(test_errors_have_a_ceiling)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);

	for (int i = 0; i <= LIMIT_FINDINGS; i++) {
		struct base_origin *at = base_arena_calloc(arena, 1, sizeof(*at));

		*at = (struct base_origin){"f", i, NULL, NULL};
		k8s_findings_add(findings, LINT_TYPE, at, "fix", "text");
	}
	ck_assert_uint_eq(k8s_findings_count(findings), LIMIT_FINDINGS);
	k8s_findings_add(findings, LINT_CLIENT_ADDRESS, &AT, "fix", "a note");
	ck_assert_uint_eq(k8s_findings_count(findings), LIMIT_FINDINGS + 1);
	ck_assert(k8s_findings_have_error(findings));
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_lint", test_codes, test_severities, test_add, test_once, test_sort, test_texts_are_clean,
    test_warnings_do_not_hide_an_error, test_errors_have_a_ceiling)
