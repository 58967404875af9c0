/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "tests/unit/admin_server.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"

static char *folder;
static char paths[4][128]; /* of the configuration, two passphrases, and one that others may read */
#define CONFIG paths[0]
#define PASS paths[1]
#define ROOT_PASS paths[2]
#define OPEN_PASS paths[3]

static void
start(void)
{
	static const char *const NAMES[] = {"meshca.yaml", "pass", "root.pass", "open.pass"};

	folder = folder_make();
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, NAMES[i]);
	}
	admin_put_config(folder);
	folder_put(folder, "pass", "sesame\n");
	folder_put(folder, "root.pass", "root sesame\n");
	folder_put(folder, "open.pass", "x\n");
	ck_assert_int_eq(chmod(OPEN_PASS, 0644), 0);
	admin_start(folder);
}

static void
stop(void)
{
	admin_stop();
	folder_drop(folder);
}

#define RUN(...) CLI_RUN(__VA_ARGS__, "--config", CONFIG)

/* The last request. */
static void
asked(uint16_t type, const char *environment, const char *passphrase, const char *root_passphrase)
{
	ck_assert_uint_gt(admin.count, 0);
	ck_assert_int_eq(admin.type, type);
	ck_assert_str_eq(admin.environment, environment);
	ck_assert_str_eq(admin.passphrase, passphrase);
	ck_assert_str_eq(admin.root_passphrase, root_passphrase);
}

START_TEST(an_act_says_its_outcome)
{
	start();
	ck_assert_int_eq(RUN("reload"), CLI_OK);
	ck_assert_int_eq(admin.type, MSG_ADM_RELOAD);
	ck_assert_str_eq(said.out, "the configuration is applied\n");
	ck_assert_int_eq(RUN("clock", "accept", "--json"), CLI_OK);
	ck_assert_int_eq(admin.type, MSG_ADM_CLOCK);
	ck_assert_str_eq(said.out, "{\"outcome\":\"the present time is accepted\"}\n");
	admin.answer.text = base_span_str("nothing had changed");
	ck_assert_int_eq(RUN("reload"), CLI_OK);
	ck_assert_str_eq(said.out, "nothing had changed\n");
	stop();
}
END_TEST

START_TEST(a_refusal_of_the_daemon_is_passed_on)
{
	start();
	admin.answer = (struct msg_adm_ans){.status = (uint32_t)MC_EPASSPHRASE,
	    .detail = base_span_str("production")};
	REFUSES(RUN("unseal", "production", "--passphrase-file", PASS), CLI_FAILED, "(production)");
	REFUSES(RUN("reload", "--json"), CLI_FAILED, "\"error\":");
	admin.answer.status = (uint32_t)MC_EDENIED;
	REFUSES(RUN("status"), CLI_DENIED, "meshca: ");
	stop();
}
END_TEST

START_TEST(without_a_configuration_nobody_is_asked)
{
	start();
	REFUSES(CLI_RUN("reload", "--config", "/nonexistent/m.yaml"), CLI_FAILED, "/nonexistent/m.yaml");
	REFUSES(CLI_RUN("status", "--config", "/nonexistent/m.yaml"), CLI_FAILED, "m.yaml");
	REFUSES(CLI_RUN("unseal", "production", "--config", "/nonexistent/m.yaml"), CLI_FAILED, "m.yaml");
	REFUSES(RUN("unseal", "nowhere", "--passphrase-file", PASS), CLI_NOT_FOUND,
	    "the configuration has no environment nowhere");
	REFUSES(RUN("issuer", "rotate", "--environment", "nowhere"), CLI_NOT_FOUND, "nowhere");
	REFUSES(RUN("environment", "add", "nowhere"), CLI_NOT_FOUND, "nowhere");
	ck_assert_uint_eq(admin.count, 0);
	stop();
}
END_TEST

START_TEST(a_passphrase_goes_to_the_daemon_and_nowhere_else)
{
	start();
	ck_assert_int_eq(RUN("unseal", "production", "--passphrase-file", PASS), CLI_OK);
	asked(MSG_ADM_UNSEAL, "production", "sesame", "");
	SAYS_NOT(said.out, "sesame");
	SAYS_NOT(said.err, "sesame");
	admin.count = 0;
	REFUSES(RUN("unseal", "production", "--passphrase-file", OPEN_PASS), CLI_USAGE, "chmod 600");
	REFUSES(RUN("unseal", "production", "--passphrase-file", "/nonexistent/p"), CLI_FAILED,
	    "/nonexistent/p");
	ck_assert_uint_eq(admin.count, 0);
	stop();
}
END_TEST

/* Where the daemon has a passphrase at hand, none is asked for; one that is given wins. */
START_TEST(a_configured_passphrase_is_the_daemons)
{
	start();
	ck_assert_int_eq(RUN("issuer", "rotate", "--environment", "staging"), CLI_OK);
	asked(MSG_ADM_ROTATE, "staging", "", "");
	SAYS(said.err, "a new issuing key for staging");
	ck_assert_int_eq(RUN("issuer", "rotate", "--environment", "staging", "--passphrase-file", PASS),
	    CLI_OK);
	asked(MSG_ADM_ROTATE, "staging", "sesame", "");
	ck_assert_int_eq(RUN("crl", "renew", "--environment", "staging"), CLI_OK);
	asked(MSG_ADM_CA_CRL, "staging", "", "");
	stop();
}
END_TEST

/* A verb of production, whose passphrase nobody gave, where there is no terminal. */
static void
asks_for_the_option(const char *const *words)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setsid();
		_exit(cli_run(words) == CLI_USAGE &&
			    strstr(said.err, "no terminal to ask for a passphrase; use --") != NULL
			? 0
			: 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
#define ASKS(...)                                                                            \
	asks_for_the_option((const char *const[]){"meshca", __VA_ARGS__, "--config", CONFIG, NULL})

START_TEST(a_passphrase_that_nobody_has_is_asked_for)
{
	start();
	ASKS("unseal", "production");
	ASKS("unseal", "staging"); /* to unseal is to say it */
	ASKS("issuer", "rotate", "--environment", "production");
	ASKS("crl", "renew", "--environment", "production");
	ASKS("crl", "renew", "--root");
	ASKS("environment", "add", "production");
	ASKS("environment", "add", "staging"); /* the root's */
	ck_assert_uint_eq(admin.count, 0);
	stop();
}
END_TEST

START_TEST(a_crl_is_of_an_environment_or_of_the_root)
{
	start();
	REFUSES(RUN("crl", "renew"), CLI_USAGE, "give --environment");
	REFUSES(RUN("crl", "renew", "--root", "--environment", "staging"), CLI_USAGE, "or --root");
	REFUSES(RUN("crl", "renew", "--root", "--passphrase-file", PASS), CLI_USAGE,
	    "--passphrase-file goes with --environment");
	REFUSES(RUN("crl", "renew", "--environment", "staging", "--root-passphrase-file", ROOT_PASS),
	    CLI_USAGE, "--root-passphrase-file goes with --root");
	ck_assert_uint_eq(admin.count, 0);
	ck_assert_int_eq(RUN("crl", "renew", "--root", "--root-passphrase-file", ROOT_PASS), CLI_OK);
	asked(MSG_ADM_CA_CRL, "", "", "root sesame");
	ck_assert_int_eq(RUN("crl", "renew", "--environment", "production", "--passphrase-file", PASS),
	    CLI_OK);
	asked(MSG_ADM_CA_CRL, "production", "sesame", "");
	stop();
}
END_TEST

START_TEST(an_environment_is_added_by_the_daemon_that_is_up)
{
	start();
	ck_assert_int_eq(RUN("environment", "add", "production", "--passphrase-file", PASS,
			     "--root-passphrase-file", ROOT_PASS),
	    CLI_OK);
	asked(MSG_ADM_ENV_ADD, "production", "sesame", "root sesame");
	ck_assert_str_eq(said.out, "the environment is added and serves\n");
	/* the root does not certify the operators: it is not asked for */
	ck_assert_int_eq(RUN("environment", "add", "operators", "--passphrase-file", PASS), CLI_OK);
	asked(MSG_ADM_ENV_ADD, "operators", "sesame", "");
	admin.count = 0;
	REFUSES(RUN("environment", "add", "production", "--passphrase-file", PASS,
		    "--root-passphrase-file", OPEN_PASS),
	    CLI_USAGE, "chmod 600");
	ck_assert_uint_eq(admin.count, 0);
	stop();
}
END_TEST

/* Before anybody is asked for a passphrase. */
START_TEST(keys_that_are_there_are_not_made_again)
{
	start();
	folder_put(folder, "keys/production/issuing.pem", "key");
	REFUSES(RUN("environment", "add", "production", "--passphrase-file", OPEN_PASS), CLI_FAILED,
	    "the keys of production are there already; nothing was changed");
	ck_assert_uint_eq(admin.count, 0);
	stop();
}
END_TEST

START_TEST(status_is_a_table_or_json)
{
	static const char TEXT[] =
	    "{\"version\":\"9.9\",\"ready\":true,\"shared_uid\":true,\"roles\":[{\"role\":\"signer\","
	    "\"environment\":\"production\",\"pid\":4711,\"uid\":1001,\"state\":\"sealed\",\"detail\":"
	    "\"waits\",\"restarts\":3}]}";
	json_t *json;

	start();
	admin.answer.text = base_span_str(TEXT);
	ck_assert_int_eq(RUN("status"), CLI_OK);
	SAYS(said.out, "meshcad 9.9: ready\n");
	SAYS(said.out, "4711");
	SAYS(said.out, "sealed");
	SAYS(said.out, "waits");
	SAYS(said.out, "WARNING: roles share one uid");
	ck_assert_int_eq(RUN("status", "--json"), CLI_OK);
	json = json_loads(said.out, 0, NULL);
	ck_assert(json_is_true(json_object_get(json, "shared_uid")));
	json_decref(json);
	admin.answer.text = base_span_str("{\"ready\":false}");
	ck_assert_int_eq(RUN("status"), CLI_OK);
	SAYS(said.out, ": NOT READY\n");
	SAYS_NOT(said.out, "WARNING");
	admin.answer.text = base_span_str("fine, thank you");
	REFUSES(RUN("status"), CLI_FAILED, "not JSON");
	stop();
}
END_TEST

START_TEST(without_a_daemon_it_is_said)
{
	start();
	admin_stop();
	REFUSES(RUN("status"), CLI_UNREACHABLE, "is meshcad running?");
	REFUSES(RUN("reload", "--json"), CLI_UNREACHABLE, "is meshcad running?");
	folder_drop(folder);
}
END_TEST

CHECK_MAIN("cli_daemon", an_act_says_its_outcome, a_refusal_of_the_daemon_is_passed_on,
    without_a_configuration_nobody_is_asked, a_passphrase_goes_to_the_daemon_and_nowhere_else,
    a_configured_passphrase_is_the_daemons, a_passphrase_that_nobody_has_is_asked_for,
    a_crl_is_of_an_environment_or_of_the_root,
    an_environment_is_added_by_the_daemon_that_is_up, keys_that_are_there_are_not_made_again,
    status_is_a_table_or_json, without_a_daemon_it_is_said)
