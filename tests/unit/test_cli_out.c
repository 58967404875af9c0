/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli.h"
#include "api/cli_rest.h"

#include "base/limits.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"

static const struct cli PLAIN = {.json = false};
static const struct cli JSON = {.json = true};

#define SAID(call)                                                                           \
	do {                                                                                 \
		said_begin();                                                                \
		call;                                                                        \
		said_end();                                                                  \
	} while (0)

START_TEST(a_failure_is_a_line_or_an_object_on_standard_error)
{
	int code = 0;

	SAID(code = cli_fail(&PLAIN, CLI_NOT_FOUND, "not-found", "no %s", "such \"thing\""));
	ck_assert_int_eq(code, CLI_NOT_FOUND);
	ck_assert_str_eq(said.err, "meshca: no such \"thing\"\n");
	ck_assert_str_eq(said.out, "");
	SAID(code = cli_fail(&JSON, CLI_DENIED, "denied", "no %s", "such \"thing\""));
	ck_assert_int_eq(code, CLI_DENIED);
	ck_assert_str_eq(said.err, "{\"error\":\"denied\",\"detail\":\"no such \\\"thing\\\"\"}\n");
	ck_assert_str_eq(said.out, "");
}
END_TEST

/* A server's detail may hold anything. */
START_TEST(a_failure_cannot_drive_the_terminal)
{
	SAID((void)cli_fail(&PLAIN, CLI_FAILED, "x", "a%sb", "\x1b[2J\r\n\x01\x1f\x7f"));
	ck_assert_str_eq(said.err, "meshca: a [2J     b\n");
	SAID((void)cli_fail(&PLAIN, CLI_FAILED, "x", "gr\xc3\xbc\xc3\x9f ~"));
	ck_assert_str_eq(said.err, "meshca: gr\xc3\xbc\xc3\x9f ~\n");
	/* one byte or two for the same as ESC [ */
	SAID((void)cli_fail(&PLAIN, CLI_FAILED, "x", "a\x9b" "2Jb\xc2\x9b" "2J"));
	ck_assert_str_eq(said.err, "meshca: a?2Jb\?\?2J\n");
}
END_TEST

/* Neither can the rest of what is said; line ends are of the text. */
START_TEST(an_outcome_cannot_drive_the_terminal)
{
	SAID(cli_done(&PLAIN, "revoked %s", "\x1b[2J\nx\xc2\x9b"));
	ck_assert_str_eq(said.out, "revoked  [2J\nx\?\?\n");
	SAID(cli_note("of %s", "\x1b]0;x\x07\r"));
	ck_assert_str_eq(said.err, "of  ]0;x  \n");
	SAID(cli_put(stdout, "a\tb\nc\n"));
	ck_assert_str_eq(said.out, "a b\nc\n");
}
END_TEST

/* As long as it is: a draft's note may name a hundred services. */
START_TEST(a_note_is_not_cut)
{
	char longer[8192];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	SAID(cli_note("%s", longer));
	ck_assert_uint_eq(strlen(said.err), sizeof(longer));
}
END_TEST

/* With --json the object comes whatever the bytes are. */
START_TEST(bytes_that_are_no_text_become_question_marks)
{
	SAID((void)cli_fail(&JSON, CLI_FAILED, "x", "a\xff%s", "\x80z"));
	ck_assert_str_eq(said.err, "{\"error\":\"x\",\"detail\":\"a\?\?z\"}\n");
	SAID((void)cli_fail(&JSON, CLI_FAILED, "x", "gr\xc3\xbc\xc3\x9f"));
	ck_assert_str_eq(said.err, "{\"error\":\"x\",\"detail\":\"gr\xc3\xbc\xc3\x9f\"}\n");
	SAID(cli_done(&JSON, "\xc3"));
	ck_assert_str_eq(said.out, "{\"outcome\":\"?\"}\n");
}
END_TEST

/* What JSON need not escape, and a terminal obeys. */
START_TEST(an_object_cannot_drive_the_terminal)
{
	json_t *object = json_pack("{s:s}", "a", "\x1b[\x7fgr\xc3\xbc\xc3\x9f\xc2\x9b" "2J\xc2\xa0");

	SAID(cli_json_print(object));
	ck_assert_str_eq(said.out, "{\n  \"a\": \"\\u001B[\\u007Fgr\xc3\xbc\xc3\x9f\\u009B" "2J\xc2\xa0\"\n}\n");
	SAID((void)cli_fail(&JSON, CLI_FAILED, "x", "a\xc2\x80%s", "\x7f"));
	ck_assert_str_eq(said.err, "{\"error\":\"x\",\"detail\":\"a\\u0080\\u007F\"}\n");
	SAID(cli_done(&JSON, "\xc2\x9f"));
	ck_assert_str_eq(said.out, "{\"outcome\":\"\\u009F\"}\n");
	json_decref(object);
}
END_TEST

START_TEST(exit_statuses_follow_from_the_class)
{
	ck_assert_int_eq(cli_exit_of(MC_OK), CLI_OK);
	ck_assert_int_eq(cli_exit_of(MC_EPEER), CLI_UNREACHABLE);
	ck_assert_int_eq(cli_exit_of(MC_EDEADLINE), CLI_UNREACHABLE);
	ck_assert_int_eq(cli_exit_of(MC_ETOKEN), CLI_DENIED);
	ck_assert_int_eq(cli_exit_of(MC_ECLIENT_CERT), CLI_DENIED);
	ck_assert_int_eq(cli_exit_of(MC_EDENIED), CLI_DENIED);
	ck_assert_int_eq(cli_exit_of(MC_ENOTFOUND), CLI_NOT_FOUND);
	ck_assert_int_eq(cli_exit_of(MC_ECONFLICT), CLI_FAILED);
	ck_assert_int_eq(cli_exit_of(MC_EIO), CLI_FAILED);
	ck_assert_int_eq(cli_exit_of(MC_EPASSPHRASE), CLI_FAILED);
	ck_assert_int_eq(cli_exit_of(MC_EINTERNAL), CLI_FAILED);
}
END_TEST

START_TEST(an_error_is_said_with_its_record)
{
	int code = 0;

	(void)MC_FAIL(MC_EIO, "/x: gone");
	SAID(code = cli_fail_err(&PLAIN, MC_EIO));
	ck_assert_int_eq(code, CLI_FAILED);
	ck_assert_str_eq(said.err, "meshca: /x: gone\n");
	/* Of the option's value, so the command line is wrong; from a server it is not. */
	(void)MC_FAIL(MC_EUSAGE, "--x is no number");
	SAID(code = cli_fail_err(&JSON, MC_EUSAGE));
	ck_assert_int_eq(code, CLI_USAGE);
	SAYS(said.err, "\"detail\":\"--x is no number\"");
	SAYS(said.err, mc_err_word(MC_EUSAGE));
	ck_assert_int_eq(cli_exit_of(MC_EUSAGE), CLI_FAILED);
}
END_TEST

/* The record is of another failure: its detail would mislead. */
START_TEST(a_record_of_another_error_is_not_said)
{
	(void)MC_FAIL(MC_EIO, "/x: gone");
	SAID((void)cli_fail_err(&PLAIN, MC_ENOTFOUND));
	SAYS_NOT(said.err, "gone");
	SAYS(said.err, mc_err_text(MC_ENOTFOUND));
}
END_TEST

START_TEST(what_another_process_says_is_bounded)
{
	static char longer[LIMIT_DETAIL + 1];
	int code = 0;

	SAID(code = cli_fail_remote(&PLAIN, MC_EDENIED, base_span_str("not you")));
	ck_assert_int_eq(code, CLI_DENIED);
	SAYS(said.err, mc_err_text(MC_EDENIED));
	SAYS(said.err, " (not you)\n");
	SAID(code = cli_fail_remote(&PLAIN, MC_EUSAGE, base_span_of(NULL, 0)));
	ck_assert_int_eq(code, CLI_FAILED);
	SAYS_NOT(said.err, "(");
	memset(longer, 'x', sizeof(longer));
	longer[LIMIT_DETAIL - 1] = 'y';
	longer[LIMIT_DETAIL] = 'z';
	SAID((void)cli_fail_remote(&PLAIN, MC_EIO, base_span_of(longer, sizeof(longer))));
	SAYS(said.err, "xy)");
	SAYS_NOT(said.err, "z");
}
END_TEST

START_TEST(an_outcome_goes_to_standard_output_and_progress_does_not)
{
	SAID(cli_done(&PLAIN, "%s is done", "it"));
	ck_assert_str_eq(said.out, "it is done\n");
	ck_assert_str_eq(said.err, "");
	SAID(cli_done(&JSON, "%s is \"done\"", "it"));
	ck_assert_str_eq(said.out, "{\"outcome\":\"it is \\\"done\\\"\"}\n");
	SAID(cli_note("%d of %d", 1, 2));
	ck_assert_str_eq(said.out, "");
	ck_assert_str_eq(said.err, "1 of 2\n");
}
END_TEST

CHECK_MAIN("cli_out", a_failure_is_a_line_or_an_object_on_standard_error,
    a_failure_cannot_drive_the_terminal, an_outcome_cannot_drive_the_terminal, a_note_is_not_cut, bytes_that_are_no_text_become_question_marks,
    an_object_cannot_drive_the_terminal, exit_statuses_follow_from_the_class, an_error_is_said_with_its_record,
    a_record_of_another_error_is_not_said, what_another_process_says_is_bounded,
    an_outcome_goes_to_standard_output_and_progress_does_not)
