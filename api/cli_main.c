/* SPDX-License-Identifier: Apache-2.0 */
/* The `meshca` command: its verbs, and the way into one of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cli.h"
#include "api/cli_verbs.h"

int
main(int argc, char **argv)
{
	struct cli cli = {.json = false};
	char error[CLI_ERROR_MAX] = "";
	int ret = CLI_USAGE;

	(void)argc;
	base_mem_harden(0);
	(void)signal(SIGPIPE, SIG_IGN);
	switch (cli_args_parse(CLI_VERBS, CLI_VERB_COUNT, argv, &cli.args, error)) {
	case CLI_PARSE_RUN:
		cli.json = cli_args_has(&cli.args, "--json");
		ret = cli.args.verb->run(&cli);
		break;
	case CLI_PARSE_HELP:
		(void)cli_args_help(stdout, CLI_VERBS, CLI_VERB_COUNT, cli.args.verb, error);
		ret = CLI_OK;
		break;
	case CLI_PARSE_VERSION:
		(void)puts("meshca " MESHCA_VERSION);
		ret = CLI_OK;
		break;
	case CLI_PARSE_INVALID:
	default:
		(void)fprintf(stderr, "meshca: %s\n", error);
		break;
	}
	if (fflush(stdout) != 0 && ret == CLI_OK) {
		ret = CLI_FAILED;
	}
	return ret;
}
