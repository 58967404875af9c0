/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers, trust bundles and CRLs over REST. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_rest.h"
#include "api/cli_table.h"

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

/* GETs prefix NAME suffix, and writes it to --out or standard output. */
static int
fetch_raw(struct cli *cli, const char *prefix, const char *name, const char *suffix,
    const char *accept)
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
	base_buf_append_str(&path, prefix);
	cli_path_escape(&path, name);
	base_buf_append_str(&path, suffix);
	text = base_buf_take_str(&path);
	ret = text == NULL ? cli_fail(cli, CLI_USAGE, "usage", "the name is too long")
			   : cli_rest_get(cli, &client, text, accept, &answer);
	if (ret == CLI_OK) {
		err = cli_output(cli_args_get(&cli->args, "--out"), base_buf_span(&answer.body));
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
		return fetch_raw(cli, "/v1/environments/", name, "/bundle?format=pem",
		    "application/x-pem-file");
	}
	if (strcmp(format, "spiffe") == 0) {
		return fetch_raw(cli, "/v1/environments/", name, "/bundle?format=spiffe",
		    "application/json");
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
		return fetch_raw(cli, "/v1/environments/", environment, "/crl",
		    "application/x-pem-file");
	}
	return fetch_raw(cli, "/v1/issuers/", issuer, "/crl",
	    format != NULL && strcmp(format, "der") == 0 ? "application/pkix-crl"
							 : "application/x-pem-file");
}
