/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of ours are looked for beside the command: so this program, copied into a folder with scripts that
 * stand for them, is the command there. */
#include <fcntl.h>
#include <sys/sendfile.h>

#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"
#include "tests/unit/folder_make.h"

/* Says its arguments, one a line and with a space before each, on a descriptor. */
#define SAYS_ARGUMENTS(fd, status)                                                           \
	"#!/bin/sh\nfor word; do echo \" $word\" >&" fd "; done\nexit " status "\n"

static char *folder;
static char *command;
static char *config;

static void
put_program(const char *name, const char *text)
{
	char *path = base_xasprintf("%s/%s", folder, name);

	folder_put(folder, name, text);
	ck_assert_int_eq(chmod(path, 0700), 0);
	free(path);
}

static void
start(void)
{
	struct stat st;
	char *text;
	int from;
	int to;

	folder = folder_make();
	command = base_xasprintf("%s/meshca", folder);
	config = base_xasprintf("%s/meshca.yaml", folder);
	text = base_xasprintf("state_dir: %s\nenvironments:\n  - name: production\n"
			      "    grpc: {listen: \"127.0.0.1:15012\"}\n",
	    folder);
	folder_put(folder, "meshca.yaml", text);
	free(text);
	from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	to = open(command, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	ck_assert(from >= 0 && to >= 0 && fstat(from, &st) == 0);
	while (st.st_size > 0) {
		ssize_t did = sendfile(to, from, NULL, (size_t)st.st_size);

		ck_assert_int_gt(did, 0);
		st.st_size -= did;
	}
	(void)close(from);
	(void)close(to);
}

static void
stop(void)
{
	free(config);
	free(command);
	folder_drop(folder);
}

/* As cli_run(), in the folder's command. */
static int
run(const char *const *words)
{
	int status = 0;
	pid_t pid;

	said_begin();
	pid = fork();
	if (pid == 0) {
		(void)execv(command, (char *const *)(uintptr_t)words);
		_exit(126);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	said_end();
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}
#define RUN(...) run((const char *const[]){"meshca", __VA_ARGS__, "--config", config, NULL})

START_TEST(init_becomes_the_daemon)
{
	char *want;

	start();
	put_program("meshcad", SAYS_ARGUMENTS("1", "7"));
	ck_assert_int_eq(RUN("init"), 7); /* its status is ours */
	want = base_xasprintf(" --init\n --config\n %s\n", config);
	ck_assert_str_eq(said.out, want);
	ck_assert_int_eq(RUN("init", "--root-passphrase-file", "/f"), 7);
	SAYS(said.out, want);
	SAYS(said.out, "\n --root-passphrase-file\n /f\n");
	ck_assert_int_eq(run((const char *const[]){"meshca", "init", NULL}), 7);
	ck_assert_str_eq(said.out, " --init\n --config\n /etc/meshca/meshca.yaml\n");
	free(want);
	stop();
}
END_TEST

START_TEST(json_is_made_of_what_it_says)
{
	start();
	put_program("meshcad", SAYS_ARGUMENTS("2", "0"));
	ck_assert_int_eq(RUN("init", "--json"), CLI_OK);
	SAYS(said.out, "\"ok\": true");
	SAYS(said.out, "\"report\": [\n    \"--init\",\n    \"--config\",\n");
	ck_assert_str_eq(said.err, "");
	stop();
}
END_TEST

START_TEST(a_failure_ends_with_its_last_line)
{
	start();
	put_program("meshcad", "#!/bin/sh\necho first >&2\necho ' the reason' >&2\nexit 9\n");
	ck_assert_int_eq(RUN("init", "--json"), 9);
	SAYS(said.out, "\"ok\": false");
	SAYS(said.out, "\"first\"");
	ck_assert_str_eq(said.err, "{\"error\":\"ceremony\",\"detail\":\"the reason\"}\n");
	put_program("meshcad", "#!/bin/sh\nexit 1\n");
	ck_assert_int_eq(RUN("init", "--json"), 1);
	SAYS(said.err, "the program said nothing");
	put_program("meshcad", "#!/bin/sh\nkill -9 $$\n");
	ck_assert_int_eq(RUN("init", "--json"), CLI_FAILED);
	SAYS(said.out, "\"ok\": false");
	stop();
}
END_TEST

/* A report is whole, whatever bytes are in it. */
START_TEST(a_line_that_is_no_text_is_not_lost)
{
	start();
	put_program("meshcad", "#!/bin/sh\nprintf 'a\\377b\\n' >&2\nexit 1\n");
	ck_assert_int_eq(RUN("init", "--json"), 1);
	SAYS(said.out, "\"a?b\"");
	SAYS(said.err, "a?b");
	stop();
}
END_TEST

START_TEST(a_program_that_is_not_there_is_named)
{
	start();
	ck_assert_int_eq(RUN("init"), CLI_FAILED);
	SAYS(said.err, "/meshcad: No such file");
	ck_assert_int_eq(RUN("init", "--json"), 127);
	SAYS(said.out, "\"ok\": false");
	stop();
}
END_TEST

/* Without a daemon the ceremony is run here. */
START_TEST(environment_add_becomes_the_daemon_when_there_is_none)
{
	start();
	put_program("meshcad", SAYS_ARGUMENTS("1", "0"));
	ck_assert_int_eq(RUN("environment", "add", "production"), CLI_OK);
	SAYS(said.out, " --environment-add\n production\n --config\n ");
	SAYS_NOT(said.out, "--root-passphrase-file");
	ck_assert_int_eq(RUN("environment", "add", "production", "--root-passphrase-file", "/f"),
	    CLI_OK);
	SAYS(said.out, "\n --root-passphrase-file\n /f\n");
	ck_assert_int_eq(RUN("environment", "add", "production", "--passphrase-file", "/f"),
	    CLI_USAGE);
	SAYS(said.err, "leave --passphrase-file out");
	ck_assert_str_eq(said.out, "");
	ck_assert_int_eq(RUN("environment", "add", "staging"), CLI_NOT_FOUND);
	ck_assert_str_eq(said.out, "");
	stop();
}
END_TEST

START_TEST(the_ledger_is_verified_by_its_own_program)
{
	char *want;

	start();
	put_program("meshca-ledger", SAYS_ARGUMENTS("1", "3"));
	ck_assert_int_eq(RUN("ledger", "verify", "--ledger", "/x/y.db"), 3);
	ck_assert_str_eq(said.out, " --verify\n /x/y.db\n");
	want = base_xasprintf(" --verify\n %s/ledger/ledger.db\n", folder);
	ck_assert_int_eq(RUN("ledger", "verify"), 3);
	ck_assert_str_eq(said.out, want);
	ck_assert_int_eq(RUN("ledger", "verify", "--ledger", "/x/y.db", "--json"), 3);
	SAYS(said.out, "\"ok\": false");
	SAYS(said.out, "\"/x/y.db\"");
	ck_assert_str_eq(said.err, ""); /* it says on standard output what is wrong */
	free(want);
	folder_put(folder, "meshca.yaml", "nonsense");
	ck_assert_int_eq(RUN("ledger", "verify"), CLI_FAILED);
	SAYS(said.err, "meshca.yaml");
	stop();
}
END_TEST

static int
test(void)
{
	const TTest *const tests[] = {init_becomes_the_daemon, json_is_made_of_what_it_says,
	    a_failure_ends_with_its_last_line, a_line_that_is_no_text_is_not_lost,
	    a_program_that_is_not_there_is_named, environment_add_becomes_the_daemon_when_there_is_none,
	    the_ledger_is_verified_by_its_own_program};
	Suite *suite = suite_create("cli_program");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		tcase_add_test(tcase, tests[i]);
	}
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* With words it is the command. */
int
main(int argc, char **argv)
{
	struct cli cli = {.json = false};
	char error[CLI_ERROR_MAX] = "";
	int ret;

	if (argc < 2) {
		return test();
	}
	if (cli_args_parse(CLI_VERBS, CLI_VERB_COUNT, argv, &cli.args, error) != CLI_PARSE_RUN) {
		(void)fprintf(stderr, "%s\n", error);
		return 125;
	}
	cli.json = cli_args_has(&cli.args, "--json");
	ret = cli.args.verb->run(&cli);
	(void)fflush(stdout);
	return ret;
}
