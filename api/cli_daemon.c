/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that steer the daemon on this machine, over its local socket. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/cli.h"
#include "api/cli_admin.h"
#include "api/cli_rest.h"
#include "api/cli_table.h"
#include "base/msg_issue.h"

/* Sends a request that answers with nothing but its outcome and perhaps a text. done is said
 * when it worked and no text came. */
static int
act(struct cli *cli, uint16_t type, const struct msg_table *table, const void *object,
    const char *done)
{
	struct cli_admin_answer answer = {.status = MC_EINTERNAL};
	struct config *config = cli_config(cli);
	enum mc_err err;
	int ret = CLI_OK;

	if (config == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	err = cli_admin_call(config, type, table, object, &answer);
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
	} else if (answer.status != MC_OK) {
		ret = cli_fail_remote(cli, answer.status, base_buf_span(&answer.detail));
	} else if (answer.text.len > 0) {
		cli_done(cli, "%.*s", (int)answer.text.len, (const char *)answer.text.ptr);
	} else {
		cli_done(cli, "%s", done);
	}
	cli_admin_answer_clear(&answer);
	config_free(config);
	return ret;
}

int
cli_reload(struct cli *cli)
{
	const struct msg_empty empty = {0};

	return act(cli, MSG_ADM_RELOAD, &msg_empty_table, &empty, "the configuration is applied");
}

int
cli_clock_accept(struct cli *cli)
{
	const struct msg_empty empty = {0};

	return act(cli, MSG_ADM_CLOCK, &msg_empty_table, &empty, "the present time is accepted");
}

/* The passphrase of --passphrase-file; without it nothing, or what the terminal gives
 * when must_ask. False when it failed. */
static bool
get_passphrase(struct cli *cli, bool must_ask, bool is_new, struct base_secret **out)
{
	char *prompt;

	*out = NULL;
	if (!cli_args_has(&cli->args, "--passphrase-file") && !must_ask) {
		return true;
	}
	prompt = base_xasprintf("Passphrase of %.63s",
	    cli->args.operand_count > 0 ? cli->args.operands[0]
					: cli_args_get(&cli->args, "--environment"));
	*out = cli_passphrase(cli, "--passphrase-file", prompt, is_new);
	free(prompt);
	return *out != NULL;
}

static struct base_span
secret_span(struct base_secret *secret)
{
	if (secret == NULL) {
		return base_span_of(NULL, 0);
	}
	return base_span_of(base_secret_ptr(secret), base_secret_len(secret));
}

/* False when the configuration has no such environment. *has_file: whether the daemon has its
 * passphrase at hand. */
static bool
find_environment(struct cli *cli, const char *environment, bool *has_file)
{
	struct config *config = cli_config(cli);
	const struct config_environment *env;

	if (config == NULL) {
		return false;
	}
	env = config_environment(config, environment);
	*has_file = env != NULL && env->passphrase_file != NULL;
	if (env == NULL) {
		(void)MC_FAIL(MC_ENOTFOUND, "the configuration has no environment %s",
		    environment);
	}
	config_free(config);
	return env != NULL;
}

int
cli_unseal(struct cli *cli)
{
	struct base_secret *secret;
	struct msg_adm_environment request = {
	    .environment = base_span_str(cli->args.operands[0])};
	bool has_file = false;
	int ret;

	if (!find_environment(cli, cli->args.operands[0], &has_file) ||
	    !get_passphrase(cli, true, false, &secret)) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	request.passphrase = secret_span(secret);
	ret = act(cli, MSG_ADM_UNSEAL, &msg_adm_environment_table, &request, "unsealed");
	base_secret_free(secret);
	return ret;
}

int
cli_issuer_rotate(struct cli *cli)
{
	const char *environment = cli_args_get(&cli->args, "--environment");
	struct msg_adm_environment request = {.environment = base_span_str(environment)};
	struct base_secret *secret;
	bool has_file = false;
	int ret;

	if (!find_environment(cli, environment, &has_file) ||
	    !get_passphrase(cli, !has_file, false, &secret)) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	request.passphrase = secret_span(secret);
	cli_note("a new issuing key for %s, then a new signer takes over", environment);
	ret = act(cli, MSG_ADM_ROTATE, &msg_adm_environment_table, &request,
	    "the new issuing key signs");
	base_secret_free(secret);
	return ret;
}

static int
crl_renew_root(struct cli *cli)
{
	struct msg_adm_environment request = {.environment = base_span_of(NULL, 0)};
	struct base_secret *secret;
	int ret;

	if (cli_args_has(&cli->args, "--passphrase-file")) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "--passphrase-file goes with --environment; the root's is "
		    "--root-passphrase-file");
	}
	secret = cli_passphrase(cli, "--root-passphrase-file", "Passphrase of the root", false);
	if (secret == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	request.root_passphrase = secret_span(secret);
	cli_note("a new CRL of the root");
	ret = act(cli, MSG_ADM_CA_CRL, &msg_adm_environment_table, &request,
	    "the root's CRL is renewed");
	base_secret_free(secret);
	return ret;
}

int
cli_crl_renew(struct cli *cli)
{
	const char *environment = cli_args_get(&cli->args, "--environment");
	struct msg_adm_environment request = {.environment = base_span_of(NULL, 0)};
	struct base_secret *secret;
	bool has_file = false;
	int ret;

	if ((environment != NULL) == cli_args_has(&cli->args, "--root")) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "give --environment for the CRL of its CA, or --root for the root's");
	}
	if (environment == NULL) {
		return crl_renew_root(cli);
	}
	if (cli_args_has(&cli->args, "--root-passphrase-file")) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "--root-passphrase-file goes with --root");
	}
	if (!find_environment(cli, environment, &has_file) ||
	    !get_passphrase(cli, !has_file, false, &secret)) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	request.environment = base_span_str(environment);
	request.passphrase = secret_span(secret);
	cli_note("a new CRL of the CA of %s", environment);
	ret = act(cli, MSG_ADM_CA_CRL, &msg_adm_environment_table, &request,
	    "the CRL is renewed");
	base_secret_free(secret);
	return ret;
}

/* Before anybody types a passphrase. The daemon looks again: it alone may see every key folder. */
static enum mc_err
check_new(const struct config *config, const char *name)
{
	const struct config_environment *env = config_environment(config, name);
	char *path;
	bool taken;

	if (env == NULL) {
		return MC_FAIL(MC_ENOTFOUND, "the configuration has no environment %s", name);
	}
	path = base_xasprintf("%s/issuing.pem", env->key_dir);
	taken = access(path, F_OK) == 0;
	free(path);
	return taken ? MC_FAIL(MC_ECONFLICT, "the keys of %s are there already; nothing was changed",
			   name)
		     : MC_OK;
}

int
cli_environment_add(struct cli *cli)
{
	const char *name = cli->args.operands[0];
	struct msg_adm_environment request = {.environment = base_span_str(name)};
	struct config *config = cli_config(cli);
	struct base_secret *secret = NULL;
	struct base_secret *root = NULL;
	bool has_file = false;
	bool is_up;
	enum mc_err err;
	int ret;

	if (config == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	is_up = cli_admin_is_up(config);
	err = check_new(config, name);
	config_free(config);
	if (err != MC_OK) {
		return cli_fail_err(cli, err);
	}
	if (!is_up) {
		return cli_program_environment_add(cli);
	}
	if (!find_environment(cli, name, &has_file) ||
	    !get_passphrase(cli, !has_file, true, &secret)) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	if (strcmp(name, CONFIG_OPERATORS) != 0) { /* the root does not certify that one */
		root = cli_passphrase(cli, "--root-passphrase-file", "Passphrase of the root",
		    false);
		if (root == NULL) {
			ret = cli_fail_err(cli, mc_err_last()->code);
			goto out;
		}
	}
	request.passphrase = secret_span(secret);
	request.root_passphrase = secret_span(root);
	cli_note("keys and certificates for %s", name);
	ret = act(cli, MSG_ADM_ENV_ADD, &msg_adm_environment_table, &request,
	    "the environment is added and serves");
out:
	base_secret_free(secret);
	base_secret_free(root);
	return ret;
}

static void
number(const json_t *object, const char *name, char out[24])
{
	(void)snprintf(out, 24, "%lld",
	    (long long)json_integer_value(json_object_get(object, name)));
}

static void
status_table(const json_t *status)
{
	static const char *const HEADINGS[] = {"ROLE", "ENVIRONMENT", "STATE", "PID", "UID",
	    "RESTARTS", "DETAIL", NULL};
	struct cli_table *table = cli_table_new(HEADINGS);
	const json_t *roles = json_object_get(status, "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const json_t *role = json_array_get(roles, i);
		char pid[24];
		char uid[24];
		char restarts[24];
		const char *const cells[] = {cli_json_text(role, "role"), cli_json_text(role, "environment"),
		    cli_json_text(role, "state"), pid, uid, restarts, cli_json_text(role, "detail")};

		number(role, "pid", pid);
		number(role, "uid", uid);
		number(role, "restarts", restarts);
		cli_table_row(table, cells);
	}
	(void)printf("meshcad %s: %s\n\n", cli_json_text(status, "version"),
	    json_is_true(json_object_get(status, "ready")) ? "ready" : "NOT READY");
	cli_table_print(table, stdout);
	cli_table_free(table);
	if (json_is_true(json_object_get(status, "shared_uid"))) {
		(void)puts("\nWARNING: roles share one uid: a broken one can reach the others.");
	}
}

int
cli_status(struct cli *cli)
{
	const struct msg_empty empty = {0};
	struct cli_admin_answer answer = {.status = MC_EINTERNAL};
	struct config *config = cli_config(cli);
	json_t *status = NULL;
	enum mc_err err;
	int ret;

	if (config == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	err = cli_admin_call(config, MSG_ADM_STATUS, &msg_empty_table, &empty, &answer);
	config_free(config);
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
		goto out;
	}
	if (answer.status != MC_OK) {
		ret = cli_fail_remote(cli, answer.status, base_buf_span(&answer.detail));
		goto out;
	}
	status = json_loadb((const char *)answer.text.ptr, answer.text.len, 0, NULL);
	if (status == NULL) {
		ret = cli_fail(cli, CLI_FAILED, "encoding", "the daemon's answer is not JSON");
		goto out;
	}
	if (cli->json) {
		cli_json_print(status);
	} else {
		status_table(status);
	}
	ret = CLI_OK;
out:
	json_decref(status);
	cli_admin_answer_clear(&answer);
	return ret;
}
