/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_verbs.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"

/* Every verb's help names its words and each of its options. */
START_TEST(every_help_names_its_words_and_options)
{
	for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
		const struct cli_verb *verb = &CLI_VERBS[i];
		char text[8192] = "";
		FILE *out = fmemopen(text, sizeof(text) - 1, "w");

		ck_assert(cli_args_help(out, CLI_VERBS, CLI_VERB_COUNT, verb, ""));
		ck_assert_int_eq(fclose(out), 0);
		ck_assert_ptr_nonnull(strstr(text, verb->words));
		ck_assert_ptr_nonnull(strstr(text, "--json"));
		ck_assert((strstr(text, "--url") != NULL) == verb->rest);
		for (const struct cli_option *o = verb->options; o->name != NULL; o++) {
			ck_assert_msg(strstr(text, o->name) != NULL, "%s", o->name);
		}
	}
}
END_TEST

/* Of all verbs, however long one is: every summary begins in the same column. */
START_TEST(the_help_of_all_is_a_table)
{
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");

	ck_assert(cli_args_help(out, CLI_VERBS, CLI_VERB_COUNT, NULL, ""));
	ck_assert_int_eq(fclose(out), 0);
	for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
		const char *summary = strstr(text, CLI_VERBS[i].summary);
		const char *line = summary;

		ck_assert_msg(summary != NULL, "%s", CLI_VERBS[i].words);
		while (line[-1] != '\n') {
			line--;
		}
		ck_assert_msg(summary - line == 27, "%s: column %td", CLI_VERBS[i].words,
		    summary - line);
	}
}
END_TEST

/* The table: an option never hides a common one, verbs are unique and runnable. */
START_TEST(no_option_hides_a_common_one_and_verbs_are_unique)
{
	for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
		ck_assert_ptr_nonnull(CLI_VERBS[i].words);
		ck_assert(CLI_VERBS[i].run != NULL);
		ck_assert((CLI_VERBS[i].operands != NULL) == (CLI_VERBS[i].operand_count > 0));
		for (size_t j = i + 1; j < CLI_VERB_COUNT; j++) {
			ck_assert_str_ne(CLI_VERBS[i].words, CLI_VERBS[j].words);
		}
		for (const struct cli_option *o = CLI_VERBS[i].options; o->name != NULL; o++) {
			ck_assert((o->value == NULL) == (o->kind == CLI_OPT_FLAG));
			ck_assert_str_ne(o->name, "--json");
			ck_assert_str_ne(o->name, "--config");
			ck_assert(!CLI_VERBS[i].rest || strcmp(o->name, "--key") != 0);
			ck_assert(!CLI_VERBS[i].rest || strcmp(o->name, "--client") != 0);
		}
	}
}
END_TEST

/* A verb's options end within its array, and fit the values that are taken at once. */
START_TEST(every_verb_ends_its_options)
{
	for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
		size_t count = 0;

		while (count < CLI_OPTIONS_MAX && CLI_VERBS[i].options[count].name != NULL) {
			const struct cli_option *option = &CLI_VERBS[i].options[count++];

			ck_assert_msg(strncmp(option->name, "--", 2) == 0, "%s", option->name);
			ck_assert(option->kind != CLI_OPT_INVALID && option->help != NULL);
			for (size_t j = 0; j + 1 < count; j++) {
				ck_assert_str_ne(option->name, CLI_VERBS[i].options[j].name);
			}
		}
		ck_assert_msg(count < CLI_OPTIONS_MAX, "%s", CLI_VERBS[i].words);
		ck_assert_uint_le(CLI_VERBS[i].operand_count, CLI_OPERANDS_MAX);
	}
}
END_TEST

/* In argument lists and shell histories everybody can read: there are files for it. */
START_TEST(no_option_takes_a_secret)
{
	static const char *const SECRETS[] = {"passphrase", "password", "token", "secret"};

	for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
		for (const struct cli_option *o = CLI_VERBS[i].options; o->name != NULL; o++) {
			for (size_t j = 0; j < sizeof(SECRETS) / sizeof(SECRETS[0]); j++) {
				ck_assert_msg(strstr(o->name, SECRETS[j]) == NULL ||
					strcmp(o->value, "FILE") == 0, "%s", o->name);
			}
		}
	}
}
END_TEST

/* What each verb cannot do without: else a run would look at NULL. */
START_TEST(what_is_needed_is_required)
{
	static const char *const NEEDED[][2] = {{"svid fetch", "--address"}, {"svid fetch", "--ca"},
	    {"svid fetch", "--namespace"}, {"svid fetch", "--service-account"},
	    {"svid fetch", "--out"}, {"cert issue", "--environment"},
	    {"issuer rotate", "--environment"}, {"bundle", "--environment"},
	    {"user add", "--role"}, {"user add", "--out"}, {"inventory diff", "--environment"},
	    {"inventory apply", "--environment"}, {"inventory applied", "--environment"},
	    {"manifests generate", "--out"}, {"manifests check", "--out"}};

	for (size_t i = 0; i < sizeof(NEEDED) / sizeof(NEEDED[0]); i++) {
		const struct cli_option *found = NULL;

		for (size_t j = 0; j < CLI_VERB_COUNT; j++) {
			for (const struct cli_option *o = CLI_VERBS[j].options; o->name != NULL; o++) {
				if (strcmp(CLI_VERBS[j].words, NEEDED[i][0]) == 0 &&
				    strcmp(o->name, NEEDED[i][1]) == 0) {
					found = o;
				}
			}
		}
		ck_assert_msg(found != NULL && found->kind == CLI_OPT_REQUIRED, "%s %s",
		    NEEDED[i][0], NEEDED[i][1]);
	}
}
END_TEST

CHECK_MAIN("cli_verbs", every_help_names_its_words_and_options, the_help_of_all_is_a_table,
    no_option_hides_a_common_one_and_verbs_are_unique, every_verb_ends_its_options,
    no_option_takes_a_secret, what_is_needed_is_required)
