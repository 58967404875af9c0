/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that other programs of ours do: meshca becomes them, or makes JSON of what they say. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/cli.h"
#include "api/cli_admin.h"
#include "api/cli_rest.h"
#include "base/proc.h"

#define ARGV_MAX 12

/* Becomes a program of ours. Returns only on failure. */
static int
become(const struct cli *cli, const char *name, const char **argv)
{
	char *path = base_xasprintf("%s/%s", base_proc_dir(), name);
	int failure;

	argv[0] = path;
	(void)fflush(NULL);
	(void)execv(path, (char *const *)(uintptr_t)argv);
	failure = errno;
	(void)cli_fail(cli, CLI_FAILED, "io", "%s: %s", path, strerror(failure));
	free(path);
	return CLI_FAILED;
}

/* Starts a program of ours whose descriptor said is the other end of *out. -1 after a report. */
static pid_t
start(const struct cli *cli, const char *name, const char **argv, int said, int *out)
{
	char *path = base_xasprintf("%s/%s", base_proc_dir(), name);
	int fds[2];
	pid_t pid;

	argv[0] = path;
	if (pipe2(fds, O_CLOEXEC) != 0) {
		(void)cli_fail(cli, CLI_FAILED, "io", "pipe: %s", strerror(errno));
		free(path);
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], said);
		(void)execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0) {
		(void)cli_fail(cli, CLI_FAILED, "io", "starting %s: %s", name, strerror(errno));
		(void)close(fds[0]);
	}
	(void)close(fds[1]);
	free(path);
	*out = fds[0];
	return pid;
}

/* Runs a program of ours to its end: {"ok": ..., "report": [what it said on said, line by line]}.
 * What a program says on standard error ends with why it failed: then that is reported, too. */
static int
run_json(const struct cli *cli, const char *name, const char **argv, int said)
{
	json_t *report = json_array();
	char *line = NULL;
	size_t size = 0;
	int status = -1;
	int fd = -1;
	pid_t pid = start(cli, name, argv, said, &fd);
	json_t *object;
	FILE *in;
	int ret;

	if (pid < 0) {
		json_decref(report);
		return CLI_FAILED;
	}
	in = fdopen(fd, "r");
	while (in != NULL && getline(&line, &size, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		(void)json_array_append_new(report, cli_json_string(line + strspn(line, " ")));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	object = json_pack("{s:b, s:O}", "ok", status == 0, "report", report);
	cli_json_print(object);
	json_decref(object);
	if (in != NULL) {
		(void)fclose(in);
	}
	ret = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
	if (ret != CLI_OK && said == STDERR_FILENO) {
		const char *last = json_string_value(
		    json_array_get(report, json_array_size(report) - 1));

		(void)cli_fail(cli, CLI_FAILED, "ceremony", "%s",
		    last == NULL ? "the program said nothing" : last);
	}
	json_decref(report);
	free(line);
	return ret;
}

static const char *
config_path(const struct cli *cli)
{
	const char *path = cli_args_get(&cli->args, "--config");

	return path == NULL ? CLI_CONFIG_DEFAULT : path;
}

static int
ceremony(struct cli *cli, const char **argv)
{
	return cli->json ? run_json(cli, "meshcad", argv, STDERR_FILENO)
			 : become(cli, "meshcad", argv);
}

int
cli_init(struct cli *cli)
{
	const char *file = cli_args_get(&cli->args, "--root-passphrase-file");
	const char *argv[ARGV_MAX] = {NULL, "--init", "--config", config_path(cli), NULL};

	if (file != NULL) {
		argv[4] = "--root-passphrase-file";
		argv[5] = file;
	}
	return ceremony(cli, argv);
}

int
cli_program_environment_add(struct cli *cli)
{
	const char *root = cli_args_get(&cli->args, "--root-passphrase-file");
	const char *argv[ARGV_MAX] = {NULL, "--environment-add", cli->args.operands[0],
	    "--config", config_path(cli), NULL};

	if (cli_args_has(&cli->args, "--passphrase-file")) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "meshcad is not running: it takes the passphrase from passphrase_file in the "
		    "configuration, or asks; leave --passphrase-file out");
	}
	if (root != NULL) {
		argv[5] = "--root-passphrase-file";
		argv[6] = root;
	}
	return ceremony(cli, argv);
}

int
cli_ledger_verify(struct cli *cli)
{
	const char *path = cli_args_get(&cli->args, "--ledger");
	const char *argv[ARGV_MAX] = {NULL, "--verify", path, NULL};
	struct config *config = NULL;
	int ret;

	if (path == NULL) {
		config = cli_config(cli);
		if (config == NULL) {
			return cli_fail_err(cli, mc_err_last()->code);
		}
		argv[2] = config->ledger_path;
	}
	ret = cli->json ? run_json(cli, "meshca-ledger", argv, STDOUT_FILENO)
			: become(cli, "meshca-ledger", argv);
	config_free(config);
	return ret;
}
