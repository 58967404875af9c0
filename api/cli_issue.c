/* SPDX-License-Identifier: Apache-2.0 */
/* cert issue: a certificate over REST, from a CSR of the caller's or with a key made here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_crypto.h"
#include "api/cli_rest.h"
#include "base/limits.h"

struct issue {
	const char *environment;
	const char *profile;
	const char *namespace;
	const char *account;
	const char *dns[LIMIT_DNS_NAMES];
	size_t dns_count;
	int64_t ttl_s;
	struct cli_key *key; /* NULL: the CSR is the caller's */
	struct base_buf csr;
};

/* Options into the struct, with the checks that need no server. */
static int
read_options(const struct cli *cli, struct issue *issue)
{
	const char *ttl = cli_args_get(&cli->args, "--ttl");
	const char *dns;

	issue->environment = cli_args_get(&cli->args, "--environment");
	issue->profile = cli_args_get(&cli->args, "--profile");
	issue->namespace = cli_args_get(&cli->args, "--namespace");
	issue->account = cli_args_get(&cli->args, "--service-account");
	if (issue->profile == NULL) {
		issue->profile = "svid";
	}
	if (ttl != NULL && !cli_args_duration(ttl, &issue->ttl_s)) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "--ttl is a duration such as 90s, 30m, 24h, not %s", ttl);
	}
	while ((dns = cli_args_nth(&cli->args, "--dns", issue->dns_count)) != NULL) {
		if (issue->dns_count == LIMIT_DNS_NAMES) {
			return cli_fail(cli, CLI_USAGE, "usage", "at most %d --dns names",
			    LIMIT_DNS_NAMES);
		}
		issue->dns[issue->dns_count++] = dns;
	}
	if (strcmp(issue->profile, "svid") == 0 &&
	    (issue->namespace == NULL || issue->account == NULL)) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "profile svid needs --namespace and --service-account");
	}
	if (!cli_args_has(&cli->args, "--csr") && !cli_args_has(&cli->args, "--out")) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "--csr FILE is missing; without it a key is made here, which needs --out DIR");
	}
	return CLI_OK;
}

/* The SPIFFE ID, whose trust domain the server knows. Returns a cli_exit. */
static int
find_identity(const struct cli *cli, const struct cli_client *client, const struct issue *issue,
    char **out)
{
	const struct cli_rest_act act = {.method = "GET", .path = "/v1/environments"};
	const json_t *rows;
	json_t *list;
	int ret = cli_rest_call(cli, client, &act, &list);

	*out = NULL;
	if (ret != CLI_OK) {
		return ret;
	}
	rows = json_object_get(list, "environments");
	for (size_t i = 0; i < json_array_size(rows) && *out == NULL; i++) {
		const json_t *row = json_array_get(rows, i);

		if (strcmp(cli_json_text(row, "name"), issue->environment) == 0) {
			*out = base_xasprintf("spiffe://%s/ns/%s/sa/%s",
			    cli_json_text(row, "trust_domain"), issue->namespace,
			    issue->account);
		}
	}
	json_decref(list);
	return *out != NULL ? CLI_OK
			    : cli_fail(cli, CLI_NOT_FOUND, "not-found",
				  "there is no environment %s", issue->environment);
}

/* The CSR of --csr, or a new key and its CSR. */
static int
prepare_csr(const struct cli *cli, const struct cli_client *client, struct issue *issue)
{
	const char *file = cli_args_get(&cli->args, "--csr");
	const char *type = cli_args_get(&cli->args, "--key-type");
	enum cli_key_type key_type = cli_key_type_parse(type == NULL ? "p256" : type);
	char *identity = NULL;
	enum mc_err err;

	if (file != NULL) {
		err = cli_file_read(file, LIMIT_CSR_PEM, &issue->csr);
		return err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
	}
	if (key_type == CLI_KEY_INVALID) {
		return cli_fail(cli, CLI_USAGE, "usage", "--key-type is p256 or rsa2048");
	}
	if (strcmp(issue->profile, "svid") == 0) {
		int ret = find_identity(cli, client, issue, &identity);

		if (ret != CLI_OK) {
			return ret;
		}
	}
	issue->key = cli_key_generate(key_type);
	err = issue->key == NULL
	    ? mc_err_last()->code
	    : cli_key_csr(issue->key, identity, issue->dns, issue->dns_count, &issue->csr);
	free(identity);
	return err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
}

static json_t *
body_new(const struct issue *issue)
{
	json_t *body = json_pack("{s:s, s:s%}", "profile", issue->profile, "csr",
	    (const char *)issue->csr.ptr, issue->csr.len);

	if (strcmp(issue->profile, "svid") == 0) {
		(void)json_object_set_new(body, "namespace", json_string(issue->namespace));
		(void)json_object_set_new(body, "service_account", json_string(issue->account));
	}
	if (issue->dns_count > 0) {
		json_t *names = json_array();

		for (size_t i = 0; i < issue->dns_count; i++) {
			(void)json_array_append_new(names, json_string(issue->dns[i]));
		}
		(void)json_object_set_new(body, "dns_names", names);
	}
	if (issue->ttl_s > 0) {
		(void)json_object_set_new(body, "ttl_seconds", json_integer(issue->ttl_s));
	}
	return body;
}

/* The chain to --out: a file, or a folder with the key when it was made here. */
static enum mc_err
save(const struct cli *cli, const struct issue *issue, const json_t *answer)
{
	const char *out = cli_args_get(&cli->args, "--out");
	struct base_buf chain;
	struct base_buf key;
	enum mc_err ret = MC_OK;

	base_buf_init(&chain, 2 * LIMIT_FRAME);
	base_buf_init(&key, 16 * 1024);
	cli_json_chain(answer, &chain);
	if (issue->key == NULL) {
		ret = cli_output(out, base_buf_span(&chain));
		goto out;
	}
	ret = cli_key_pem(issue->key, &key);
	if (ret == MC_OK) {
		ret = cli_file_dir(out);
	}
	if (ret == MC_OK) {
		ret = cli_file_write(out, "key.pem", 0600, base_buf_span(&key));
	}
	if (ret == MC_OK) {
		ret = cli_file_write(out, "cert-chain.pem", 0644, base_buf_span(&chain));
	}
out:
	base_buf_clear(&chain);
	base_buf_clear(&key);
	return ret;
}

static int
ask(const struct cli *cli, const struct cli_client *client, const struct issue *issue)
{
	struct cli_rest_act act = {.method = "POST",
	    .key = cli_args_get(&cli->args, "--idempotency-key")};
	json_t *body = body_new(issue);
	json_t *cert = NULL;
	struct base_buf path;
	enum mc_err err;
	char *text;
	int ret;

	base_buf_init(&path, 1024);
	base_buf_append_str(&path, "/v1/environments/");
	cli_path_escape(&path, issue->environment);
	base_buf_append_str(&path, "/certificates");
	text = base_buf_take_str(&path);
	act.path = text;
	act.body = body;
	ret = body == NULL || text == NULL
	    ? cli_fail(cli, CLI_USAGE, "encoding", "an argument is too long or not UTF-8")
	    : cli_rest_call(cli, client, &act, &cert);
	json_decref(body);
	free(text);
	if (ret != CLI_OK) {
		return ret;
	}
	/* With --json the answer, which has the chain, is what goes to standard output. */
	err = cli->json && !cli_args_has(&cli->args, "--out") ? MC_OK : save(cli, issue, cert);
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
	} else if (cli->json) {
		cli_json_print(cert);
	} else {
		cli_note("serial %s, until %s", cli_json_text(cert, "serial"),
		    cli_json_text(cert, "not_after"));
	}
	json_decref(cert);
	return ret;
}

int
cli_cert_issue(struct cli *cli)
{
	struct issue issue = {.key = NULL};
	struct cli_client client;
	int ret = read_options(cli, &issue);

	if (ret == CLI_OK) {
		ret = cli_client_open(cli, false, &client);
	}
	if (ret != CLI_OK) {
		return ret;
	}
	base_buf_init(&issue.csr, LIMIT_CSR_PEM);
	ret = prepare_csr(cli, &client, &issue);
	if (ret == CLI_OK) {
		ret = ask(cli, &client, &issue);
	}
	cli_key_free(issue.key);
	base_buf_clear(&issue.csr);
	cli_client_clear(&client);
	return ret;
}
