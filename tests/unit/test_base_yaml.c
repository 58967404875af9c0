/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

START_TEST(test_tree_has_kinds_and_lines)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - {c: \"\"}\n";
	struct base_yaml *root = base_yaml_parse("f", base_span_str(text));
	const struct base_yaml *list;

	ck_assert_ptr_nonnull(root);
	ck_assert_int_eq(root->kind, BASE_YAML_MAP);
	ck_assert_str_eq(base_yaml_get(root, "a")->text, "1");
	list = base_yaml_get(root, "b");
	ck_assert_int_eq(list->kind, BASE_YAML_LIST);
	ck_assert_uint_eq(list->count, 2);
	ck_assert_int_eq(list->items[0]->line, 3);
	ck_assert_int_eq(list->items[1]->line, 4);
	ck_assert_str_eq(base_yaml_get(list->items[1], "c")->text, "");
	ck_assert_ptr_null(base_yaml_get(root, "c"));
	base_yaml_free(root);
}
END_TEST

static void
assert_refused(struct base_span text, const char *what)
{
	ck_assert_ptr_null(base_yaml_parse("f", text));
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s", mc_err_last()->detail);
}

START_TEST(test_refusals)
{
	assert_refused(base_span_str("a: &x 1\n"), "f:1: anchors");
	assert_refused(base_span_str("a: {}\nb: !t {}\n"), "f:2: anchors");
	assert_refused(base_span_str("a: 1\nb: *a\n"), "f:2: aliases");
	assert_refused(base_span_str("a: 1\n...\n---\nb: 1\n"), "f:3: a second document");
	assert_refused(base_span_str("%TAG ! tag:x,2000:\n---\na: 1\n"), "tag directives");
	assert_refused(base_span_str("a: {b: 1,\n b: 2}\n"), "f:2: b is already set on line 1");
	assert_refused(base_span_str("{a: 1}: 2\n"), "f:1: a key must be a word");
	assert_refused(base_span_str(""), "f:1: the file is empty");
	assert_refused(base_span_str("a: [1\n"), "not YAML");
	assert_refused(base_span_str("a: \xff\xfe\n"), "save it as UTF-8");
	assert_refused(base_span_of("a: \0\n", 5), "f:1:");
}
END_TEST

START_TEST(test_limits)
{
	struct base_buf buf;

	base_buf_init(&buf, 2 * LIMIT_CONFIG);
	base_buf_append_str(&buf, "[");
	for (int i = 0; i < LIMIT_YAML_ITEMS + 1; i++) {
		base_buf_append_str(&buf, "1,");
	}
	base_buf_append_str(&buf, "]");
	assert_refused(base_buf_span(&buf), "too many entries");
	base_buf_reset(&buf);
	for (int i = 0; i < 17; i++) {
		base_buf_append_str(&buf, "[");
	}
	assert_refused(base_buf_span(&buf), "nested deeper");
	base_buf_reset(&buf);
	for (int i = 0; i < LIMIT_CONFIG; i++) {
		base_buf_append_str(&buf, "#");
	}
	assert_refused(base_buf_span(&buf), "the file is empty");
	base_buf_append_str(&buf, "#");
	assert_refused(base_buf_span(&buf), "larger than 1 MiB");
	base_buf_clear(&buf);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_yaml");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_tree_has_kinds_and_lines);
	tcase_add_test(tcase, test_refusals);
	tcase_add_test(tcase, test_limits);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
