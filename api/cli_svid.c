/* SPDX-License-Identifier: Apache-2.0 */
/* svid fetch: what an Istio agent does, once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_crypto.h"
#include "api/cli_grpc.h"
#include "api/cli_rest.h"
#include "base/clock.h"
#include "base/limits.h"

#define TIMEOUT_S 15
#define CHAIN_MAX (256 * 1024)

struct fetch {
	struct cli_key *key;
	char *identity;
	struct base_buf csr;
	struct base_buf token;
	struct cli_grpc_answer answer;
	struct base_buf chain; /* all elements but the last: what cert-chain.pem holds */
	struct cli_cert cert;
};

static void
fetch_clear(struct fetch *fetch)
{
	cli_key_free(fetch->key);
	free(fetch->identity);
	base_buf_clear(&fetch->csr);
	base_buf_clear(&fetch->token);
	cli_grpc_answer_clear(&fetch->answer);
	base_buf_clear(&fetch->chain);
}

/* The key, its CSR as Istio's agents make it, and the token. */
static enum mc_err
prepare(const struct cli *cli, struct fetch *fetch)
{
	const char *domain = cli_args_get(&cli->args, "--trust-domain");
	const char *type = cli_args_get(&cli->args, "--key-type");
	const char *token = cli_args_get(&cli->args, "--token-file");
	enum cli_key_type key_type = cli_key_type_parse(type == NULL ? "p256" : type);
	enum mc_err ret;

	if (key_type == CLI_KEY_INVALID) {
		return MC_FAIL(MC_EUSAGE, "--key-type is p256 or rsa2048, not %s", type);
	}
	if (token == NULL && !cli_args_has(&cli->args, "--client-cert")) {
		return MC_FAIL(MC_EUSAGE, "--token-file, or --client-cert for a renewal, is missing");
	}
	fetch->identity = base_xasprintf("spiffe://%s/ns/%s/sa/%s",
	    domain == NULL ? "cluster.local" : domain, cli_args_get(&cli->args, "--namespace"),
	    cli_args_get(&cli->args, "--service-account"));
	fetch->key = cli_key_generate(key_type);
	if (fetch->key == NULL) {
		return mc_err_last()->code;
	}
	ret = cli_key_csr(fetch->key, fetch->identity, NULL, 0, &fetch->csr);
	if (ret != MC_OK || token == NULL) {
		return ret;
	}
	ret = cli_file_read(token, LIMIT_TOKEN, &fetch->token);
	while (fetch->token.len > 0 && (fetch->token.ptr[fetch->token.len - 1] == '\n' ||
					   fetch->token.ptr[fetch->token.len - 1] == ' ')) {
		fetch->token.len--;
	}
	return ret;
}

static enum mc_err
call(const struct cli *cli, struct fetch *fetch)
{
	const struct tls_client_options options = {
	    .address = cli_args_get(&cli->args, "--address"),
	    .server_name = cli_args_get(&cli->args, "--server-name"),
	    .ca_file = cli_args_get(&cli->args, "--ca"),
	    .cert_file = cli_args_get(&cli->args, "--client-cert"),
	    .key_file = cli_args_get(&cli->args, "--client-key"),
	    .timeout_ms = TIMEOUT_S * 1000,
	};
	struct cli_grpc_request request = {
	    .cluster = cli_args_get(&cli->args, "--cluster"),
	    .token = base_buf_span(&fetch->token),
	    .csr = base_buf_span(&fetch->csr),
	    .timeout_s = TIMEOUT_S,
	};
	const char *ttl = cli_args_get(&cli->args, "--ttl");
	struct tls_client *tls;
	enum mc_err ret;

	if (ttl != NULL && !cli_args_duration(ttl, &request.ttl_s)) {
		return MC_FAIL(MC_EUSAGE, "--ttl is a duration such as 90s, 30m, 24h, not %s", ttl);
	}
	if (request.cluster == NULL) {
		request.cluster = "Kubernetes";
	}
	tls = tls_client_connect(&options);
	if (tls == NULL) {
		return mc_err_last()->code;
	}
	request.authority =
	    options.server_name != NULL ? options.server_name : tls_client_host(tls);
	ret = cli_grpc_create(tls, &request, &fetch->answer);
	tls_client_free(tls);
	return ret;
}

/* The last element is the trust bundle; the ones before are the chain. */
static enum mc_err
check_answer(struct fetch *fetch)
{
	const struct cli_grpc_answer *answer = &fetch->answer;

	if (answer->chain_len < 2) {
		return MC_FAIL(MC_EPOLICY, "the answer has %zu elements; a chain has at least 2",
		    answer->chain_len);
	}
	for (size_t i = 0; i + 1 < answer->chain_len; i++) {
		base_buf_append_span(&fetch->chain, answer->chain[i]);
	}
	if (base_buf_failed(&fetch->chain)) {
		return MC_FAIL(MC_ETOOBIG, "the chain is too long");
	}
	return cli_cert_check(base_buf_span(&fetch->chain), answer->chain[answer->chain_len - 1],
	    fetch->key, fetch->identity, &fetch->cert);
}

static enum mc_err
save(struct fetch *fetch, const char *dir)
{
	struct base_buf pem;
	enum mc_err ret;

	base_buf_init(&pem, 16 * 1024);
	ret = cli_key_pem(fetch->key, &pem);
	if (ret == MC_OK) {
		ret = cli_file_dir(dir);
	}
	if (ret == MC_OK) {
		ret = cli_file_write(dir, "key.pem", 0600, base_buf_span(&pem));
	}
	if (ret == MC_OK) {
		ret = cli_file_write(dir, "cert-chain.pem", 0644, base_buf_span(&fetch->chain));
	}
	if (ret == MC_OK) {
		ret = cli_file_write(dir, "root-cert.pem", 0644,
		    fetch->answer.chain[fetch->answer.chain_len - 1]);
	}
	base_buf_clear(&pem);
	return ret;
}

static void
report(const struct cli *cli, const struct fetch *fetch, const char *dir)
{
	char before[21];
	char after[21];

	base_clock_rfc3339(fetch->cert.not_before_at, before);
	base_clock_rfc3339(fetch->cert.not_after_at, after);
	if (cli->json) {
		json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "identity",
		    fetch->cert.identity, "serial", fetch->cert.serial, "not_before", before,
		    "not_after", after, "directory", dir);

		cli_json_print(object);
		json_decref(object);
		return;
	}
	(void)printf("%s\nserial   %s\nvalid    %s to %s\nwrote    %s/key.pem, cert-chain.pem,"
		     " root-cert.pem\n",
	    fetch->cert.identity, fetch->cert.serial, before, after, dir);
}

static int
fail_grpc(const struct cli *cli, const struct cli_grpc_answer *answer)
{
	const char *name = cli_grpc_status_name(answer->status);
	enum cli_exit code = CLI_FAILED;

	if (answer->status == 16 || answer->status == 7) {
		code = CLI_DENIED;
	} else if (answer->status == 14 || answer->status == 4) {
		code = CLI_UNREACHABLE;
	}
	return cli_fail(cli, code, name, "the authority answers %s: %s", name, answer->message);
}

int
cli_svid_fetch(struct cli *cli)
{
	const char *dir = cli_args_get(&cli->args, "--out");
	struct fetch fetch = {.key = NULL};
	enum mc_err err;
	int ret;

	base_buf_init(&fetch.csr, LIMIT_CSR_PEM);
	base_buf_init(&fetch.token, LIMIT_TOKEN + 1);
	base_buf_init(&fetch.chain, CHAIN_MAX);
	err = prepare(cli, &fetch);
	if (err == MC_OK) {
		err = call(cli, &fetch);
	}
	if (err == MC_OK && fetch.answer.status != 0) {
		ret = fail_grpc(cli, &fetch.answer);
		goto out;
	}
	if (err == MC_OK) {
		err = check_answer(&fetch);
	}
	if (err == MC_OK) {
		err = save(&fetch, dir);
	}
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
		goto out;
	}
	report(cli, &fetch, dir);
	ret = CLI_OK;
out:
	fetch_clear(&fetch);
	return ret;
}
