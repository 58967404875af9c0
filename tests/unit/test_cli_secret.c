/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "api/cli.h"
#include "base/limits.h"
#include "tests/unit/check_main.h"
#include "tests/unit/folder_make.h"

static const struct cli_verb VERB = {"unseal", NULL, 0, "", false, NULL,
    {{"--passphrase-file", "FILE", CLI_OPT_ONE, ""}}};

/* A command line with --passphrase-file; NULL: without. */
static struct cli
cli_with(const char *path)
{
	struct cli cli = {.args.verb = &VERB};

	if (path != NULL) {
		cli.args.values[cli.args.value_count++] =
		    (struct cli_value){&VERB.options[0], path};
	}
	return cli;
}

static struct base_secret *
get(const char *path)
{
	struct cli cli = cli_with(path);

	return cli_passphrase(&cli, "--passphrase-file", "Passphrase", false);
}

static void
is(struct base_secret *secret, const char *text)
{
	ck_assert_ptr_nonnull(secret);
	ck_assert_uint_eq(base_secret_len(secret), strlen(text));
	ck_assert_mem_eq(base_secret_ptr(secret), text, strlen(text));
	base_secret_free(secret);
}

static void
refused(const char *path, enum mc_err code, const char *what)
{
	ck_assert_ptr_null(get(path));
	ck_assert_int_eq(mc_err_last()->code, code);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s", mc_err_last()->detail);
}

START_TEST(a_file_of_mine_is_read)
{
	char *folder = folder_make();
	char *path = base_xasprintf("%s/pass", folder);
	static char longest[LIMIT_PASSPHRASE + 2];

	folder_put(folder, "pass", "open sesame\n");
	is(get(path), "open sesame");
	folder_put(folder, "pass", " two\nlines "); /* only the last line end is not of it */
	is(get(path), " two\nlines ");
	memset(longest, 'x', LIMIT_PASSPHRASE);
	folder_put(folder, "pass", longest);
	is(get(path), longest);
	longest[LIMIT_PASSPHRASE] = 'x';
	folder_put(folder, "pass", longest);
	refused(path, MC_ETOOBIG, "longer");
	free(path);
	folder_drop(folder);
}
END_TEST

START_TEST(a_file_that_others_may_read_is_refused)
{
	static const mode_t open_to[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644};
	char *folder = folder_make();
	char *path = base_xasprintf("%s/pass", folder);

	folder_put(folder, "pass", "open sesame\n");
	for (size_t i = 0; i < sizeof(open_to) / sizeof(open_to[0]); i++) {
		ck_assert_int_eq(chmod(path, open_to[i]), 0);
		refused(path, MC_EUSAGE, path);
		refused(path, MC_EUSAGE, "chmod 600");
	}
	ck_assert_int_eq(chmod(path, 0400), 0);
	is(get(path), "open sesame");
	free(path);
	folder_drop(folder);
}
END_TEST

START_TEST(an_empty_or_absent_file_is_refused_by_name)
{
	char *folder = folder_make();
	char *path = base_xasprintf("%s/pass", folder);

	refused(path, MC_EIO, path);
	folder_put(folder, "pass", "");
	refused(path, MC_EUSAGE, path);
	folder_put(folder, "pass", "\n");
	refused(path, MC_EUSAGE, "empty");
	free(path);
	folder_drop(folder);
}
END_TEST

/* <(pass show root): the mode of a pipe says nothing. */
START_TEST(a_pipe_may_have_any_mode)
{
	char *folder = folder_make();
	char *path = base_xasprintf("%s/pipe", folder);
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	if (fork() == 0) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		_exit(write(fd, "piped\n", 6) == 6 ? 0 : 1);
	}
	is(get(path), "piped");
	(void)wait(NULL);
	free(path);
	folder_drop(folder);
}
END_TEST

/* Puts text where standard input comes from, and asks for "-". */
static struct base_secret *
get_from_input(const char *text)
{
	struct base_secret *secret;
	int kept = dup(STDIN_FILENO);
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fds[1]);
	ck_assert_int_ge(dup2(fds[0], STDIN_FILENO), 0);
	(void)close(fds[0]);
	secret = get("-");
	if (kept >= 0) {
		(void)dup2(kept, STDIN_FILENO);
		(void)close(kept);
	}
	return secret;
}

START_TEST(a_dash_is_standard_input)
{
	is(get_from_input("open sesame\n"), "open sesame");
}
END_TEST

/* `producer | meshca unseal x --passphrase-file -` whose producer failed. */
START_TEST(nothing_on_standard_input_is_refused_too)
{
	ck_assert_ptr_null(get_from_input(""));
	ck_assert_int_eq(mc_err_last()->code, MC_EUSAGE);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "empty"));
	ck_assert_ptr_null(get_from_input("\n"));
	ck_assert_int_eq(mc_err_last()->code, MC_EUSAGE);
}
END_TEST

/* --- the terminal --- */

/* What came of a question; the child's exit status. */
enum came { CAME_RIGHT = 10, CAME_OTHER, CAME_REFUSED, CAME_OTHER_ERROR, CAME_LOUD };

static bool
is_loud(void)
{
	struct termios mode;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	bool ret = tcgetattr(tty, &mode) == 0 && (mode.c_lflag & ECHO) != 0;

	(void)close(tty);
	return ret;
}

static void
child_asks(bool is_new)
{
	struct cli cli = cli_with(NULL);
	struct base_secret *secret;

	(void)signal(SIGINT, SIG_DFL); /* not the one of the test's runner */
	secret = cli_passphrase(&cli, "--passphrase-file", "Passphrase of x", is_new);
	if (!is_loud()) {
		_exit(CAME_LOUD);
	}
	if (secret == NULL) {
		_exit(mc_err_last()->code == MC_EUSAGE ? CAME_REFUSED : CAME_OTHER_ERROR);
	}
	_exit(base_secret_len(secret) == 4 && memcmp(base_secret_ptr(secret), "word", 4) == 0
		? CAME_RIGHT
		: CAME_OTHER);
}

/* Reads from the terminal until text was seen. all: what came so far. */
static void
expect(int master, const char *text, char *all, size_t size)
{
	size_t len = strlen(all);

	while (strstr(all, text) == NULL && len + 1 < size) {
		ssize_t got = read(master, all + len, size - len - 1);

		ck_assert_msg(got > 0, "the terminal ended after \"%s\"", all);
		len += (size_t)got;
		all[len] = '\0';
	}
}

/* Answers the questions of a child that has a terminal; seen: all that was on it. */
static int
ask_at_terminal(bool is_new, const char *first, const char *second, char *seen, size_t size)
{
	static const char *const PROMPTS[] = {"Passphrase of x: ", "the same once more: "};
	const char *const answers[] = {first, second};
	int status = 0;
	int master = -1;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0) {
		child_asks(is_new);
	}
	ck_assert_int_gt(pid, 0);
	seen[0] = '\0';
	for (int i = 0; i < 2 && answers[i] != NULL; i++) {
		expect(master, PROMPTS[i], seen, size);
		ck_assert_int_eq(write(master, answers[i], strlen(answers[i])),
		    (ssize_t)strlen(answers[i]));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	(void)close(master);
	return status;
}

START_TEST(the_terminal_is_asked_without_echo)
{
	char seen[4096];
	int status = ask_at_terminal(false, "word\n", NULL, seen, sizeof(seen));

	ck_assert_int_eq(WEXITSTATUS(status), CAME_RIGHT);
	ck_assert_ptr_null(strstr(seen, "word"));
	status = ask_at_terminal(false, "\n", NULL, seen, sizeof(seen));
	ck_assert_int_eq(WEXITSTATUS(status), CAME_REFUSED);
	status = ask_at_terminal(false, "\004", NULL, seen, sizeof(seen));
	ck_assert_int_eq(WEXITSTATUS(status), CAME_REFUSED);
}
END_TEST

START_TEST(a_new_one_is_asked_for_twice)
{
	char seen[4096];
	int status = ask_at_terminal(true, "word\n", "word\n", seen, sizeof(seen));

	ck_assert_int_eq(WEXITSTATUS(status), CAME_RIGHT);
	ck_assert_ptr_null(strstr(seen, "word"));
	status = ask_at_terminal(true, "word\n", "worD\n", seen, sizeof(seen));
	ck_assert_int_eq(WEXITSTATUS(status), CAME_REFUSED);
	status = ask_at_terminal(true, "word\n", "words\n", seen, sizeof(seen));
	ck_assert_int_eq(WEXITSTATUS(status), CAME_REFUSED);
	status = ask_at_terminal(true, "word\n", "\n", seen, sizeof(seen));
	ck_assert_int_eq(WEXITSTATUS(status), CAME_REFUSED);
}
END_TEST

/* Control-C ends it as it ends any program. */
START_TEST(an_interrupt_still_ends_the_program)
{
	char seen[4096];
	int status = ask_at_terminal(false, "wo\003", NULL, seen, sizeof(seen));

	ck_assert_msg(WIFSIGNALED(status), "it exits with %d", WEXITSTATUS(status));
	ck_assert_int_eq(WTERMSIG(status), SIGINT);
}
END_TEST

START_TEST(without_a_terminal_the_option_is_named)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setsid(); /* no controlling terminal */
		_exit(get(NULL) == NULL && mc_err_last()->code == MC_EUSAGE &&
			    strstr(mc_err_last()->detail, "--passphrase-file") != NULL
			? 0
			: 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

CHECK_MAIN("cli_secret", a_file_of_mine_is_read, a_file_that_others_may_read_is_refused,
    an_empty_or_absent_file_is_refused_by_name, a_pipe_may_have_any_mode,
    a_dash_is_standard_input, nothing_on_standard_input_is_refused_too,
    the_terminal_is_asked_without_echo, a_new_one_is_asked_for_twice,
    an_interrupt_still_ends_the_program, without_a_terminal_the_option_is_named)
