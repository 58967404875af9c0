/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

#define CLIENT_FILE_MAX 16384

void
cli_client_clear(struct cli_client *client)
{
	free(client->url);
	free(client->cert);
	free(client->key);
	free(client->ca);
	*client = (struct cli_client){.url = NULL};
}

char *
cli_client_default_path(void)
{
	const char *home = secure_getenv("HOME");

	if (home == NULL || home[0] != '/') {
		return NULL;
	}
	return base_xasprintf("%s/.config/meshca/client.json", home);
}

/* A path of a client file, relative to that file. */
static char *
resolve(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (path[0] == '/' || slash == NULL) {
		return base_xstrdup(path);
	}
	return base_xasprintf("%.*s/%s", (int)(slash - file), file, path);
}

enum mc_err
cli_client_read(const char *path, struct cli_client *client)
{
	const char *url;
	const char *cert;
	const char *key;
	const char *ca;
	struct base_buf text;
	json_error_t fault;
	json_t *root = NULL;
	enum mc_err ret;

	base_buf_init(&text, CLIENT_FILE_MAX);
	ret = cli_file_read(path, CLIENT_FILE_MAX, &text);
	if (ret != MC_OK) {
		goto out;
	}
	root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &fault);
	if (root == NULL) {
		ret = MC_FAIL(MC_ECONFIG, "%s:%d: %s", path, fault.line, fault.text);
		goto out;
	}
	if (json_unpack_ex(root, &fault, JSON_STRICT, "{s:s, s:s, s:s, s:s}", "url", &url, "cert",
		&cert, "key", &key, "ca", &ca) != 0) {
		ret = MC_FAIL(MC_ECONFIG, "%s: wants the strings url, cert, key, ca: %s", path,
		    fault.text);
		goto out;
	}
	*client = (struct cli_client){base_xstrdup(url), resolve(path, cert), resolve(path, key),
	    resolve(path, ca)};
out:
	json_decref(root);
	base_buf_clear(&text);
	return ret;
}

static void
override(const struct cli *cli, const char *option, char **field)
{
	const char *value = cli_args_get(&cli->args, option);

	if (value != NULL) {
		free(*field);
		*field = base_xstrdup(value);
	}
}

/* libcurl's words for a missing file do not say that it is missing. NULL counts as readable. */
static bool
is_readable(const char *path)
{
	if (path == NULL || access(path, R_OK) == 0) {
		return true;
	}
	(void)MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	return false;
}

int
cli_client_open(const struct cli *cli, bool is_public, struct cli_client *client)
{
	const char *named = cli_args_get(&cli->args, "--client");
	char *path = named != NULL ? base_xstrdup(named) : cli_client_default_path();
	enum mc_err err = MC_OK;

	*client = (struct cli_client){.url = NULL};
	if (path != NULL && (named != NULL || access(path, F_OK) == 0)) {
		err = cli_client_read(path, client);
	}
	free(path);
	if (err != MC_OK) {
		return cli_fail_err(cli, err);
	}
	override(cli, "--url", &client->url);
	override(cli, "--cert", &client->cert);
	override(cli, "--key", &client->key);
	override(cli, "--ca", &client->ca);
	if (client->url == NULL || client->ca == NULL ||
	    (!is_public && (client->cert == NULL || client->key == NULL))) {
		cli_client_clear(client);
		return cli_fail(cli, CLI_USAGE, "usage",
		    "who are you? give --client FILE, or --url, --cert, --key and --ca; "
		    "meshca user add makes such files");
	}
	if (!is_readable(client->ca) || !is_readable(client->cert) || !is_readable(client->key)) {
		cli_client_clear(client);
		return cli_fail_err(cli, mc_err_last()->code);
	}
	for (size_t len = strlen(client->url); len > 0 && client->url[len - 1] == '/'; len--) {
		client->url[len - 1] = '\0';
	}
	return CLI_OK;
}

enum cli_exit
cli_exit_of_http(long status)
{
	switch (status) {
	case 401:
	case 403:
		return CLI_DENIED;
	case 404:
		return CLI_NOT_FOUND;
	case 502:
	case 503:
	case 504:
		return CLI_UNREACHABLE;
	default:
		return status >= 200 && status < 300 ? CLI_OK : CLI_FAILED;
	}
}

/* Says what an answer of 400 and above says (RFC 9457). */
static int
fail_problem(const struct cli *cli, const struct cli_http_answer *answer)
{
	enum cli_exit code = cli_exit_of_http(answer->status);
	json_t *problem = json_loadb((const char *)answer->body.ptr, answer->body.len, 0, NULL);
	const char *type = cli_json_text(problem, "type");
	const char *detail = cli_json_text(problem, "detail");
	const char *title = cli_json_text(problem, "title");
	int title_len = (int)strcspn(title, ".");
	const char *word = strrchr(type, '/');
	int ret;

	if (problem == NULL || strcmp(answer->content_type, "application/problem+json") != 0) {
		ret = cli_fail(cli, code, "http", "the server answers HTTP status %ld",
		    answer->status);
	} else {
		word = word != NULL ? word + 1 : strrchr(type, ':');
		ret = cli_fail(cli, code, word == NULL ? type : word + (word[0] == ':'),
		    "%.*s%s%s. %s (HTTP %ld, request %s)", title_len, title,
		    *detail == '\0' ? "" : ": ", detail, cli_json_text(problem, "action"),
		    answer->status, cli_json_text(problem, "request_id"));
	}
	json_decref(problem);
	return ret == CLI_OK ? CLI_FAILED : ret;
}

/* fine: an HTTP status that is no failure either; 0: none. */
static int
request(const struct cli *cli, const struct cli_client *client, struct cli_http_request *what,
    const char *path, long fine, struct cli_http_answer *answer)
{
	char *url = base_xasprintf("%s%s", client->url, path);
	enum mc_err err;
	int ret = CLI_OK;

	what->url = url;
	what->ca_file = client->ca;
	what->cert_file = client->cert;
	what->key_file = client->key;
	err = cli_http_do(what, answer);
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
	} else if ((answer->status < 200 || answer->status > 299) && answer->status != fine) {
		ret = fail_problem(cli, answer);
	}
	free(url);
	return ret;
}

int
cli_rest_get(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *accept, struct cli_http_answer *answer)
{
	struct cli_http_request what = {.method = "GET", .accept = accept};

	return request(cli, client, &what, path, 0, answer);
}

int
cli_rest_find(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *accept, struct cli_http_answer *answer, bool *found)
{
	struct cli_http_request what = {.method = "GET", .accept = accept};
	int ret = request(cli, client, &what, path, 404, answer);

	*found = ret == CLI_OK && answer->status != 404;
	return ret;
}

int
cli_rest_call(const struct cli *cli, const struct cli_client *client,
    const struct cli_rest_act *act, json_t **out)
{
	bool done;

	return cli_rest_attempt(cli, client, act, 0, &done, out);
}

int
cli_rest_attempt(const struct cli *cli, const struct cli_client *client,
    const struct cli_rest_act *act, long fine, bool *done, json_t **out)
{
	struct cli_http_request what = {.method = act->method,
	    .accept = "application/json",
	    .idempotency_key = act->key,
	    .content_type = act->type,
	    .body = act->bytes,
	    .fields = act->fields};
	struct cli_http_answer answer;
	char *text = NULL;
	int ret;

	*out = NULL;
	if (act->body != NULL) {
		text = json_dumps(act->body, JSON_COMPACT);
		if (text == NULL) {
			return cli_fail(cli, CLI_FAILED, "internal", "the request is not JSON");
		}
		what.content_type = "application/json";
		what.body = base_span_str(text);
	}
	ret = request(cli, client, &what, act->path, fine, &answer);
	*done = ret == CLI_OK && answer.status != fine;
	if (*done && answer.body.len > 0) {
		*out = json_loadb((const char *)answer.body.ptr, answer.body.len,
		    JSON_REJECT_DUPLICATES, NULL);
		if (*out == NULL) {
			ret = cli_fail(cli, CLI_FAILED, "encoding", "the answer is not JSON");
		}
	}
	cli_http_answer_clear(&answer);
	free(text);
	return ret;
}

/* The cursor of the next page as a query value, to be freed; NULL after the last. */
static char *
next_cursor(const json_t *page)
{
	const json_t *next = json_object_get(page, "next");

	if (json_is_string(next)) {
		return base_xstrdup(json_string_value(next));
	}
	if (json_is_integer(next)) {
		return base_xasprintf("%lld", (long long)json_integer_value(next));
	}
	return NULL;
}

int
cli_rest_list(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *member, int64_t limit, json_t **out)
{
	json_t *items = json_array();
	json_t *last = NULL;
	char *cursor = NULL;
	int ret;

	do {
		struct base_buf where;
		struct cli_rest_act act = {.method = "GET"};
		char count[24];
		json_t *page = NULL;
		char *text;

		base_buf_init(&where, LIMIT_HEADER_LIST);
		base_buf_append_str(&where, path);
		(void)snprintf(count, sizeof(count), "%d",
		    limit > LIMIT_PAGE ? LIMIT_PAGE : (int)limit);
		cli_path_query(&where, "limit", count);
		cli_path_query(&where, "cursor", cursor);
		text = base_buf_take_str(&where);
		act.path = text;
		ret = text == NULL ? cli_fail(cli, CLI_USAGE, "usage", "the filters are too long")
				   : cli_rest_call(cli, client, &act, &page);
		free(text);
		if (ret != CLI_OK) {
			break;
		}
		limit -= (int64_t)json_array_size(json_object_get(page, member));
		(void)json_array_extend(items, json_object_get(page, member));
		free(cursor);
		cursor = next_cursor(page);
		json_decref(last);
		last = json_incref(json_object_get(page, "next"));
		json_decref(page);
	} while (cursor != NULL && limit > 0);
	if (ret == CLI_OK) {
		*out = json_pack("{s:O, s:O?}", member, items, "next", last);
	}
	json_decref(items);
	json_decref(last);
	free(cursor);
	return ret;
}

void
cli_path_escape(struct base_buf *path, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		    (byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL) {
			base_buf_append_u8(path, byte);
		} else {
			base_buf_appendf(path, "%%%02X", (unsigned)byte);
		}
	}
}

void
cli_path_query(struct base_buf *path, const char *name, const char *value)
{
	if (value == NULL) {
		return;
	}
	base_buf_append_u8(path,
	    path->len > 0 && memchr(path->ptr, '?', path->len) != NULL ? '&' : '?');
	base_buf_append_str(path, name);
	base_buf_append_u8(path, '=');
	cli_path_escape(path, value);
}

void
cli_json_chain(const json_t *object, struct base_buf *out)
{
	const json_t *chain = json_object_get(object, "chain");

	for (size_t i = 0; i < json_array_size(chain); i++) {
		const char *pem = json_string_value(json_array_get(chain, i));

		if (pem != NULL) {
			base_buf_append_str(out, pem);
		}
	}
}

json_t *
cli_json_string(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string != NULL) {
		return string;
	}
	copy = base_xstrdup(text);
	for (char *p = copy; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80) {
			*p = '?';
		}
	}
	string = json_string(copy);
	free(copy);
	return string;
}

const char *
cli_json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

void
cli_json_put(FILE *out, const json_t *object, size_t flags)
{
	char *text = json_dumps(object, flags | JSON_PRESERVE_ORDER);

	for (const char *p = text; p != NULL && *p != '\0'; p++) {
		if (*p == 0x7f) {
			(void)fputs("\\u007F", out);
		} else if ((unsigned char)*p == 0xc2 && (unsigned char)p[1] < 0xa0) {
			(void)fprintf(out, "\\u%04X", (unsigned)(unsigned char)*++p);
		} else {
			(void)fputc(*p, out);
		}
	}
	(void)fputc('\n', out);
	free(text);
}

void
cli_json_print(const json_t *object)
{
	cli_json_put(stdout, object, JSON_INDENT(2));
}
