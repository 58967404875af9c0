/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates over REST: list, show, issue, revoke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_approval.h"
#include "api/cli_crypto.h"
#include "api/cli_rest.h"
#include "api/cli_table.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/msg.h"

#define LIST_MAX 1000000 /* rows that --limit may ask for */

/* A point in time: RFC 3339, or a duration from now. */
static bool
parse_when(const char *text, char out[21])
{
	int64_t at;

	if (base_clock_parse_rfc3339(text, &at)) {
		base_clock_rfc3339(at, out);
		return true;
	}
	if (cli_args_duration(text, &at)) {
		base_clock_rfc3339(base_clock_now() + at, out);
		return true;
	}
	return false;
}

static void
print_list(const json_t *list)
{
	static const char *const HEADINGS[] = {"SERIAL", "PROFILE", "ENVIRONMENT", "STATE",
	    "EXPIRES", "IDENTITY", NULL};
	struct cli_table *table = cli_table_new(HEADINGS);
	const json_t *rows = json_object_get(list, "certificates");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *const cells[] = {cli_json_text(row, "serial"),
		    cli_json_text(row, "profile"), cli_json_text(row, "environment"),
		    cli_json_text(row, "state"), cli_json_text(row, "not_after"),
		    cli_json_text(row, "identity")};

		cli_table_row(table, cells);
	}
	cli_table_print(table, stdout);
	cli_table_free(table);
	if (!json_is_null(json_object_get(list, "next"))) {
		cli_note("There are more: raise --limit, or filter.");
	}
}

int
cli_cert_list(struct cli *cli)
{
	const char *before = cli_args_get(&cli->args, "--expires-before");
	const char *limit = cli_args_get(&cli->args, "--limit");
	struct cli_client client;
	struct base_buf path;
	json_t *list = NULL;
	int64_t count = LIMIT_PAGE_DEFAULT;
	char when[21];
	char *text;
	int ret;

	if (limit != NULL && !cli_args_number(limit, 1, LIST_MAX, &count)) {
		return cli_fail(cli, CLI_USAGE, "usage", "--limit is a number from 1 to %d",
		    LIST_MAX);
	}
	if (before != NULL && !parse_when(before, when)) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "--expires-before is 2026-11-23T20:41:00Z, or 7d from now");
	}
	ret = cli_client_open(cli, false, &client);
	if (ret != CLI_OK) {
		return ret;
	}
	base_buf_init(&path, LIMIT_HEADER_LIST);
	base_buf_append_str(&path, "/v1/certificates");
	cli_path_query(&path, "environment", cli_args_get(&cli->args, "--environment"));
	cli_path_query(&path, "identity", cli_args_get(&cli->args, "--identity"));
	cli_path_query(&path, "profile", cli_args_get(&cli->args, "--profile"));
	cli_path_query(&path, "state", cli_args_get(&cli->args, "--state"));
	cli_path_query(&path, "expires_before", before == NULL ? NULL : when);
	text = base_buf_take_str(&path);
	ret = text == NULL ? cli_fail(cli, CLI_USAGE, "usage", "the filters are too long")
			   : cli_rest_list(cli, &client, text, "certificates", count, &list);
	if (ret == CLI_OK && cli->json) {
		cli_json_print(list);
	} else if (ret == CLI_OK) {
		print_list(list);
	}
	json_decref(list);
	free(text);
	cli_client_clear(&client);
	return ret;
}

/* A serial number as the API has it, to be freed: colons, as OpenSSL prints them, are left out. */
static char *
serial_text(const char *serial)
{
	char *text = base_xcalloc(1, strlen(serial) + 1);
	char *to = text;

	for (; *serial != '\0'; serial++) {
		if (*serial != ':') {
			*to++ = *serial >= 'A' && *serial <= 'F' ? (char)(*serial + 32) : *serial;
		}
	}
	return text;
}

/* /v1/certificates/SERIAL and what follows; to be freed. */
static char *
serial_path(const char *serial, const char *rest)
{
	char *plain = serial_text(serial);
	struct base_buf path;
	char *text;

	base_buf_init(&path, 4096);
	base_buf_append_str(&path, "/v1/certificates/");
	cli_path_escape(&path, plain);
	base_buf_append_str(&path, rest);
	text = base_buf_take_str(&path);
	free(plain);
	return text == NULL ? base_xstrdup("/v1/certificates/0") : text;
}

/* A member with text or a number as a line; the caller frees it. NULL: it has lines itself, or is none of these. */
static char *
member_line(const char *name, const json_t *value)
{
	char *text;
	char *line;

	if (json_is_string(value) && strchr(json_string_value(value), '\n') == NULL) {
		return base_xasprintf("%-14s %s\n", name, json_string_value(value));
	}
	if (json_is_integer(value)) {
		return base_xasprintf("%-14s %lld\n", name, (long long)json_integer_value(value));
	}
	if (!json_is_object(value)) {
		return NULL;
	}
	text = json_dumps(value, JSON_COMPACT);
	line = base_xasprintf("%-14s %s\n", name, text);
	free(text);
	return line;
}

/* Members one a line; PEM last. */
static void
print_members(const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		char *line = member_line(name, value);

		cli_put(stdout, line == NULL ? "" : line);
		free(line);
	}
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		if (json_is_string(value) && strchr(json_string_value(value), '\n') != NULL) {
			(void)fputc('\n', stdout);
			cli_put(stdout, json_string_value(value));
		}
	}
}

/* Writes one certificate in a media type to --out or standard output. */
static int
show_raw(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *type)
{
	struct cli_http_answer answer;
	int ret = cli_rest_get(cli, client, path, type, &answer);

	if (ret == CLI_OK) {
		enum mc_err err = cli_output(cli_args_get(&cli->args, "--out"),
		    base_buf_span(&answer.body));

		ret = err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
	}
	cli_http_answer_clear(&answer);
	return ret;
}

int
cli_cert_show(struct cli *cli)
{
	const char *format = cli_args_get(&cli->args, "--format");
	struct cli_client client;
	json_t *cert = NULL;
	char *path;
	int ret;

	if (format != NULL && strcmp(format, "pem") != 0 && strcmp(format, "der") != 0) {
		return cli_fail(cli, CLI_USAGE, "usage", "--format is pem or der");
	}
	if (format == NULL && cli_args_has(&cli->args, "--out")) {
		return cli_fail(cli, CLI_USAGE, "usage", "--out goes with --format");
	}
	ret = cli_client_open(cli, false, &client);
	if (ret != CLI_OK) {
		return ret;
	}
	path = serial_path(cli->args.operands[0], "");
	if (format != NULL) {
		ret = show_raw(cli, &client, path,
		    strcmp(format, "pem") == 0 ? "application/x-pem-file"
					       : "application/pkix-cert");
	} else {
		const struct cli_rest_act act = {.method = "GET", .path = path};

		ret = cli_rest_call(cli, &client, &act, &cert);
		if (ret == CLI_OK && cli->json) {
			cli_json_print(cert);
		} else if (ret == CLI_OK) {
			print_members(cert);
		}
	}
	json_decref(cert);
	free(path);
	cli_client_clear(&client);
	return ret;
}

/* What is signed names the serial number that was typed, whatever the server answered. */
static json_t *
revocation_approval(const struct cli_client *client, const char *serial, const char *reason)
{
	char *plain = serial_text(serial);
	struct base_buf what;
	json_t *approval;

	base_buf_init(&what, 4096);
	base_buf_appendf(&what, "meshca-certificate-revoke-v1\n%s\n%s\n", plain, reason);
	approval = cli_approval_json(client->key, &what);
	base_buf_clear(&what);
	free(plain);
	return approval;
}

static bool
is_ca(const json_t *cert)
{
	return msg_profile_parse(base_span_str(cli_json_text(cert, "profile"))) >= MSG_PROFILE_ROOT;
}

/* The body of the request; a CA's certificate goes only with an approval. */
static int
revocation_body(const struct cli *cli, const struct cli_client *client, json_t **out)
{
	const char *serial = cli->args.operands[0];
	const char *reason = cli_args_get(&cli->args, "--reason");
	char *path = serial_path(serial, "");
	const struct cli_rest_act act = {.method = "GET", .path = path};
	json_t *cert = NULL;
	json_t *approval = NULL;
	int ret = cli_rest_call(cli, client, &act, &cert);

	reason = reason == NULL ? "unspecified" : reason;
	if (ret == CLI_OK && is_ca(cert)) {
		approval = revocation_approval(client, serial, reason);
		ret = approval == NULL ? cli_fail_err(cli, mc_err_last()->code) : CLI_OK;
	}
	if (ret == CLI_OK) {
		*out = json_pack("{s:s, s:o*}", "reason", reason, "approval", approval);
	}
	json_decref(cert);
	free(path);
	return ret;
}

int
cli_cert_revoke(struct cli *cli)
{
	char *path = serial_path(cli->args.operands[0], "/revoke");
	struct cli_rest_act act = {.method = "POST", .path = path};
	struct cli_client client;
	json_t *body = NULL;
	json_t *cert = NULL;
	int ret = cli_client_open(cli, false, &client);

	if (ret != CLI_OK) {
		free(path);
		return ret;
	}
	ret = revocation_body(cli, &client, &body);
	act.body = body;
	if (ret == CLI_OK) {
		ret = cli_rest_call(cli, &client, &act, &cert);
	}
	if (ret == CLI_OK && cli->json) {
		cli_json_print(cert);
	} else if (ret == CLI_OK) {
		cli_done(cli, "revoked %s (%s); the next CRL is under way",
		    cli_json_text(cert, "serial"), cli_json_text(cert, "identity"));
	}
	json_decref(body);
	json_decref(cert);
	free(path);
	cli_client_clear(&client);
	return ret;
}
