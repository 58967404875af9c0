/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers, trust bundles and CRLs over REST. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_rest.h"
#include "api/cli_table.h"
#include "base/enc.h"

static void
print_issuers(const json_t *list)
{
	static const char *const HEADINGS[] = {"ENVIRONMENT", "PROFILE", "STATE", "EXPIRES", "CRL",
	    "NEXT CRL", "ID", NULL};
	struct cli_table *table = cli_table_new(HEADINGS);
	const json_t *rows = json_object_get(list, "issuers");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const json_t *crl = json_object_get(row, "crl");
		char number[24] = "";
		const char *const cells[] = {cli_json_text(row, "environment"),
		    cli_json_text(row, "profile"), cli_json_text(row, "state"),
		    cli_json_text(row, "not_after"), number, cli_json_text(crl, "next_update"),
		    cli_json_text(row, "id")};

		if (json_is_integer(json_object_get(crl, "number"))) {
			(void)snprintf(number, sizeof(number), "%lld",
			    (long long)json_integer_value(json_object_get(crl, "number")));
		}
		cli_table_row(table, cells);
	}
	cli_table_print(table, stdout);
	cli_table_free(table);
}

int
cli_issuer_list(struct cli *cli)
{
	struct cli_rest_act act = {.method = "GET"};
	struct cli_client client;
	struct base_buf path;
	json_t *list = NULL;
	char *text;
	int ret = cli_client_open(cli, false, &client);

	if (ret != CLI_OK) {
		return ret;
	}
	base_buf_init(&path, 4096);
	base_buf_append_str(&path, "/v1/issuers");
	cli_path_query(&path, "environment", cli_args_get(&cli->args, "--environment"));
	text = base_buf_take_str(&path);
	act.path = text;
	ret = text == NULL ? cli_fail(cli, CLI_USAGE, "usage", "the name is too long")
			   : cli_rest_call(cli, &client, &act, &list);
	if (ret == CLI_OK && cli->json) {
		cli_json_print(list);
	} else if (ret == CLI_OK) {
		print_issuers(list);
	}
	json_decref(list);
	free(text);
	cli_client_clear(&client);
	return ret;
}

/* A resource that is bytes: prefix NAME suffix. */
struct raw {
	const char *prefix, *name, *suffix;
	const char *accept;
	bool is_pem_crls; /* with --json: {"crls": [PEM, ...]} */
};

/* PEM blocks, one after the other, as such an object. NULL with MC_EENCODING recorded. */
static char *
crls_json(struct base_span pem)
{
	json_t *list = json_array();
	json_t *object;
	enum mc_err err = MC_OK;
	char *text = NULL;

	while (err == MC_OK && pem.len > 0) {
		struct base_buf der, block;

		base_buf_init(&der, CLI_HTTP_BODY_MAX);
		base_buf_init(&block, 2 * (size_t)CLI_HTTP_BODY_MAX);
		err = base_enc_unpem(&der, "X509 CRL", pem, &pem);
		if (err == MC_OK) {
			base_enc_pem(&block, "X509 CRL", base_buf_span(&der));
			(void)json_array_append_new(list,
			    json_stringn((const char *)block.ptr, block.len));
		}
		base_buf_clear(&der);
		base_buf_clear(&block);
	}
	object = json_pack("{s:o}", "crls", list);
	if (err == MC_OK) {
		text = json_dumps(object, JSON_INDENT(2));
	}
	json_decref(object);
	return text;
}

/* Writes what came to --out or standard output. */
static enum mc_err
put_raw(const struct cli *cli, const struct raw *raw, struct base_span body)
{
	const char *path = cli_args_get(&cli->args, "--out");
	struct base_buf out;
	enum mc_err err;
	char *json;

	if (!cli->json || !raw->is_pem_crls) {
		return cli_output(path, body);
	}
	json = crls_json(body);
	if (json == NULL) {
		return MC_FAIL(MC_EENCODING, "the server's answer is no list of CRLs in PEM");
	}
	base_buf_init(&out, 4 * (size_t)CLI_HTTP_BODY_MAX);
	base_buf_appendf(&out, "%s\n", json);
	err = cli_output(path, base_buf_span(&out));
	base_buf_clear(&out);
	free(json);
	return err;
}

/* GETs it, and writes it to --out or standard output. */
static int
fetch_raw(struct cli *cli, const struct raw *raw)
{
	struct cli_http_answer answer = {.status = 0};
	struct cli_client client;
	struct base_buf path;
	enum mc_err err;
	char *text;
	int ret = cli_client_open(cli, true, &client);

	if (ret != CLI_OK) {
		return ret;
	}
	base_buf_init(&path, 4096);
	base_buf_append_str(&path, raw->prefix);
	cli_path_escape(&path, raw->name);
	base_buf_append_str(&path, raw->suffix);
	text = base_buf_take_str(&path);
	ret = text == NULL ? cli_fail(cli, CLI_USAGE, "usage", "the name is too long")
			   : cli_rest_get(cli, &client, text, raw->accept, &answer);
	if (ret == CLI_OK) {
		err = put_raw(cli, raw, base_buf_span(&answer.body));
		ret = err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
	}
	cli_http_answer_clear(&answer);
	free(text);
	cli_client_clear(&client);
	return ret;
}

int
cli_bundle(struct cli *cli)
{
	const char *format = cli_args_get(&cli->args, "--format");
	const char *name = cli_args_get(&cli->args, "--environment");

	if (format == NULL) {
		format = cli->json ? "spiffe" : "pem";
	}
	if (strcmp(format, "pem") == 0) {
		return fetch_raw(cli, &(struct raw){"/v1/environments/", name,
		    "/bundle?format=pem", "application/x-pem-file", false});
	}
	if (strcmp(format, "spiffe") == 0) {
		return fetch_raw(cli, &(struct raw){"/v1/environments/", name,
		    "/bundle?format=spiffe", "application/json", false});
	}
	return cli_fail(cli, CLI_USAGE, "usage", "--format is pem or spiffe, not %s", format);
}

int
cli_crl(struct cli *cli)
{
	const char *environment = cli_args_get(&cli->args, "--environment");
	const char *issuer = cli_args_get(&cli->args, "--issuer");
	const char *format = cli_args_get(&cli->args, "--format");

	if ((environment == NULL) == (issuer == NULL)) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "give --environment for all its CRLs, or --issuer for one");
	}
	if (format != NULL && strcmp(format, "pem") != 0 &&
	    (strcmp(format, "der") != 0 || issuer == NULL)) {
		return cli_fail(cli, CLI_USAGE, "usage", "--format is pem, or der with --issuer");
	}
	if (environment != NULL) {
		return fetch_raw(cli, &(struct raw){"/v1/environments/", environment, "/crl",
		    "application/x-pem-file", true});
	}
	if (format != NULL && strcmp(format, "der") == 0) {
		return fetch_raw(cli, &(struct raw){"/v1/issuers/", issuer, "/crl",
		    "application/pkix-crl", false});
	}
	return fetch_raw(cli, &(struct raw){"/v1/issuers/", issuer, "/crl",
	    "application/x-pem-file", true});
}
