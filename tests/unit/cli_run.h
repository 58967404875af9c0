/* SPDX-License-Identifier: Apache-2.0 */
/* Runs verbs of `meshca` as its main does, in this process, and keeps what they say. */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/cli.h"
#include "api/cli_verbs.h"

#define SAID_MAX (256 * 1024)

/* What went to standard output and standard error between said_begin() and said_end(). */
struct said {
	int fds[2];  /* where it goes meanwhile */
	int kept[2]; /* where it went before */
	char out[SAID_MAX];
	char err[SAID_MAX];
};

static struct said said;

static inline void
said_begin(void)
{
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		said.fds[i] = memfd_create("said", MFD_CLOEXEC);
		said.kept[i] = dup(STDOUT_FILENO + i);
		ck_assert(said.fds[i] >= 0 && said.kept[i] >= 0);
		ck_assert_int_ge(dup2(said.fds[i], STDOUT_FILENO + i), 0);
	}
}

static inline void
said_end(void)
{
	char *texts[] = {said.out, said.err};

	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		ssize_t len = pread(said.fds[i], texts[i], SAID_MAX - 1, 0);

		(void)dup2(said.kept[i], STDOUT_FILENO + i);
		(void)close(said.kept[i]);
		(void)close(said.fds[i]);
		ck_assert_int_ge(len, 0);
		texts[i][len] = '\0';
	}
}

/* words: as in argv, the program's name first. Returns the exit status. */
static inline int
cli_run(const char *const *words)
{
	struct cli cli = {.json = false};
	char error[CLI_ERROR_MAX] = "";
	enum cli_parse parsed = cli_args_parse(CLI_VERBS, CLI_VERB_COUNT,
	    (char *const *)(uintptr_t)words, &cli.args, error);
	int ret;

	ck_assert_msg(parsed == CLI_PARSE_RUN, "%s", error);
	cli.json = cli_args_has(&cli.args, "--json");
	said_begin();
	ret = cli.args.verb->run(&cli);
	said_end();
	return ret;
}
#define CLI_RUN(...) cli_run((const char *const[]){"meshca", __VA_ARGS__, NULL})

#define SAYS(text, part)                                                                     \
	ck_assert_msg(strstr((text), (part)) != NULL, "\"%s\" does not say \"%s\"", (text), (part))
#define SAYS_NOT(text, part)                                                                 \
	ck_assert_msg(strstr((text), (part)) == NULL, "\"%s\" says \"%s\"", (text), (part))
/* A refusal: its exit status, what it says, and nothing on standard output. */
#define REFUSES(run, code, part)                                                             \
	do {                                                                                 \
		int ran_ = (run);                                                            \
		ck_assert_msg(ran_ == (int)(code), "%d: %s", ran_, said.err);                     \
		SAYS(said.err, (part));                                                      \
		ck_assert_str_eq(said.out, "");                                              \
	} while (0)

#endif
