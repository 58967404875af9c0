/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_table.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const HEADINGS[] = {"A", "LONG NAME", "C", NULL};

static void
check_print(struct cli_table *table, const char *want)
{
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");

	cli_table_print(table, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, want);
	cli_table_free(table);
}

START_TEST(test_widths)
{
	struct cli_table *table = cli_table_new(HEADINGS);

	cli_table_row(table, (const char *const[]){"first", "x", "end"});
	cli_table_row(table, (const char *const[]){"", NULL, "a longer end"});
	check_print(table, "A      LONG NAME  C\n"
			   "first  x          end\n"
			   "-      -          a longer end\n");
}
END_TEST

START_TEST(test_headings_alone)
{
	check_print(cli_table_new(HEADINGS), "A  LONG NAME  C\n");
}
END_TEST

/* Widths count characters, not bytes. */
START_TEST(test_utf8)
{
	struct cli_table *table = cli_table_new(HEADINGS);

	cli_table_row(table, (const char *const[]){"Z\xc3\xbcrich", "\xe2\x82\xac", "x"});
	check_print(table, "A       LONG NAME  C\n"
			   "Z\xc3\xbcrich  \xe2\x82\xac          x\n");
}
END_TEST

/* What comes from a server must not drive the terminal. */
START_TEST(test_control_characters)
{
	struct cli_table *table = cli_table_new(HEADINGS);

	cli_table_row(table,
	    (const char *const[]){"\x1b[31m", "a\nb", "\xc2\x9b" "1m\xff\xc3(\x7f"});
	check_print(table, "A      LONG NAME  C\n"
			   "?[31m  a?b        ??1m?" "?(?\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_table");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_widths);
	tcase_add_test(tcase, test_headings_alone);
	tcase_add_test(tcase, test_utf8);
	tcase_add_test(tcase, test_control_characters);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
