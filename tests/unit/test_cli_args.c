/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_args.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int
never(struct cli *cli)
{
	(void)cli;
	abort();
}

static const struct cli_verb VERBS[] = {
    {"run", NULL, 0, "runs", false, never, {{NULL, NULL, CLI_OPT_INVALID, NULL}}},
    {"thing add", "NAME", 1, "adds", true, never,
	{{"--role", "ROLE", CLI_OPT_REQUIRED, "the role"},
	    {"--dns", "NAME", CLI_OPT_MANY, "a name"},
	    {"--fast", NULL, CLI_OPT_FLAG, "hurry"}}},
    {"thing list", NULL, 0, "lists", false, never, {{"--limit", "N", CLI_OPT_ONE, "rows"}}},
};
#define VERB_COUNT (sizeof(VERBS) / sizeof(VERBS[0]))

static struct cli_args args;
static char error[CLI_ERROR_MAX];

static enum cli_parse
parse(char *const *argv)
{
	error[0] = '\0';
	return cli_args_parse(VERBS, VERB_COUNT, argv, &args, error);
}
#define PARSE(...) parse((char *[]){A("meshca"), __VA_ARGS__, NULL})
#define A(text) ((char *)(uintptr_t)(text))

START_TEST(test_verb_and_options)
{
	ck_assert_int_eq(PARSE(A("thing"), A("add"), A("--role"), A("admin"), A("bob"),
			     A("--dns=a"), A("--fast"), A("--dns"), A("b"), A("--json")),
	    CLI_PARSE_RUN);
	ck_assert_ptr_eq(args.verb, &VERBS[1]);
	ck_assert_str_eq(args.operands[0], "bob");
	ck_assert_str_eq(cli_args_get(&args, "--role"), "admin");
	ck_assert_str_eq(cli_args_nth(&args, "--dns", 0), "a");
	ck_assert_str_eq(cli_args_nth(&args, "--dns", 1), "b");
	ck_assert_ptr_null(cli_args_nth(&args, "--dns", 2));
	ck_assert(cli_args_has(&args, "--fast"));
	ck_assert(cli_args_has(&args, "--json"));
	ck_assert(!cli_args_has(&args, "--config"));
}
END_TEST

START_TEST(test_common_options_go_with_every_verb)
{
	ck_assert_int_eq(PARSE(A("run"), A("--config"), A("/x")), CLI_PARSE_RUN);
	ck_assert_str_eq(cli_args_get(&args, "--config"), "/x");
	ck_assert_int_eq(PARSE(A("thing"), A("list"), A("--url"), A("https://x")),
	    CLI_PARSE_INVALID);
	ck_assert_int_eq(PARSE(A("thing"), A("add"), A("bob"), A("--role=x"), A("--url"), A("y")),
	    CLI_PARSE_RUN);
}
END_TEST

static void
check_refused(enum cli_parse got, const char *what)
{
	ck_assert_int_eq(got, CLI_PARSE_INVALID);
	ck_assert_msg(strstr(error, what) != NULL, "\"%s\" does not say \"%s\"", error, what);
}

START_TEST(test_refusals_say_what)
{
	check_refused(parse((char *[]){A("meshca"), NULL}), "a command is missing");
	check_refused(PARSE(A("fly")), "no command fly");
	check_refused(PARSE(A("thing")), "thing what?");
	check_refused(PARSE(A("thing"), A("fly")), "no command thing fly");
	check_refused(PARSE(A("run"), A("fast")), "fast is one word too many");
	check_refused(PARSE(A("run"), A("--fast")), "--fast is not an option of run");
	check_refused(PARSE(A("thing"), A("add"), A("--role"), A("x")), "NAME is missing");
	check_refused(PARSE(A("thing"), A("add"), A("bob")), "--role ROLE is missing");
	check_refused(PARSE(A("thing"), A("add"), A("bob"), A("--role")), "--role needs a value");
	check_refused(PARSE(A("thing"), A("add"), A("bob"), A("--fast=1")), "takes no value");
	check_refused(PARSE(A("thing"), A("list"), A("--limit=1"), A("--limit=2")), "twice");
	check_refused(PARSE(A("thing"), A("add"), A("a"), A("b"), A("--role=x")), "b is one word");
}
END_TEST

START_TEST(test_prefixes_are_not_names)
{
	check_refused(PARSE(A("ru")), "no command ru");
	check_refused(PARSE(A("runs")), "no command runs");
	check_refused(PARSE(A("thing"), A("adds")), "no command thing adds");
	check_refused(PARSE(A("thing"), A("list"), A("--lim=1")), "--lim=1 is not");
}
END_TEST

START_TEST(test_dashes_end_options)
{
	ck_assert_int_eq(PARSE(A("thing"), A("add"), A("--role=x"), A("--"), A("--odd")),
	    CLI_PARSE_RUN);
	ck_assert_str_eq(args.operands[0], "--odd");
}
END_TEST

START_TEST(test_too_many_values)
{
	char *argv[CLI_VALUES_MAX + 8];
	size_t n = 0;

	argv[n++] = A("meshca");
	argv[n++] = A("thing");
	argv[n++] = A("add");
	argv[n++] = A("bob");
	argv[n++] = A("--role=x");
	while (n < CLI_VALUES_MAX + 7) {
		argv[n++] = A("--dns=a");
	}
	argv[n] = NULL;
	check_refused(parse(argv), "too many options");
}
END_TEST

START_TEST(test_help_and_version)
{
	ck_assert_int_eq(PARSE(A("--help")), CLI_PARSE_HELP);
	ck_assert_str_eq(error, "");
	ck_assert_int_eq(PARSE(A("thing"), A("--help")), CLI_PARSE_HELP);
	ck_assert_str_eq(error, "thing");
	ck_assert_int_eq(PARSE(A("thing"), A("add"), A("--help")), CLI_PARSE_HELP);
	ck_assert_ptr_eq(args.verb, &VERBS[1]);
	ck_assert_int_eq(PARSE(A("help"), A("thing")), CLI_PARSE_HELP);
	ck_assert_str_eq(error, "thing");
	ck_assert_int_eq(PARSE(A("help"), A("thing"), A("add")), CLI_PARSE_HELP);
	ck_assert_ptr_eq(args.verb, &VERBS[1]);
	check_refused(PARSE(A("help"), A("thing"), A("eat")), "no command thing eat");
	check_refused(PARSE(A("help"), A("nothing")), "no command nothing;");
	ck_assert_int_eq(PARSE(A("--version")), CLI_PARSE_VERSION);
}
END_TEST

START_TEST(test_topics)
{
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");

	ck_assert(!cli_args_help(out, VERBS, VERB_COUNT, NULL, "run"));
	ck_assert(cli_args_help(out, VERBS, VERB_COUNT, NULL, "thing"));
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_nonnull(strstr(text, "thing add NAME"));
	ck_assert_ptr_null(strstr(text, "  run"));
}
END_TEST

START_TEST(test_durations)
{
	static const char *const bad[] = {"", "s", "-1", "0", "1x", "1.5h", "h1", " 1h", "1h ",
	    "99999999999999999999", "3661d", "1hh"};
	int64_t s = 0;

	ck_assert(cli_args_duration("90", &s) && s == 90);
	ck_assert(cli_args_duration("90s", &s) && s == 90);
	ck_assert(cli_args_duration("30m", &s) && s == 1800);
	ck_assert(cli_args_duration("24h", &s) && s == 86400);
	ck_assert(cli_args_duration("7d", &s) && s == 604800);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!cli_args_duration(bad[i], &s), "%s", bad[i]);
	}
	ck_assert(!cli_args_number("11", 0, 10, &s));
	ck_assert(cli_args_number("10", 0, 10, &s) && s == 10);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_args");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_verb_and_options);
	tcase_add_test(tcase, test_common_options_go_with_every_verb);
	tcase_add_test(tcase, test_refusals_say_what);
	tcase_add_test(tcase, test_prefixes_are_not_names);
	tcase_add_test(tcase, test_dashes_end_options);
	tcase_add_test(tcase, test_too_many_values);
	tcase_add_test(tcase, test_help_and_version);
	tcase_add_test(tcase, test_topics);
	tcase_add_test(tcase, test_durations);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
