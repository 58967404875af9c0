/* SPDX-License-Identifier: Apache-2.0 */
/* How `meshca` reports: outcomes, failures, progress. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_rest.h"
#include "base/limits.h"
#include "base/utf8.h"

#define TEXT_MAX 4096

static void
print_json(FILE *out, json_t *object)
{
	cli_json_put(out, object, JSON_COMPACT);
	json_decref(object);
}

/* What a server says must not drive the terminal. */
static void
put_clean(FILE *out, const char *text, bool has_lines)
{
	while (*text != '\0') {
		size_t len = base_utf8_len(text);
		unsigned char byte = (unsigned char)*text;

		if (len > 0) {
			(void)fwrite(text, 1, len, out);
			text += len;
			continue;
		}
		if (byte != '\n' || !has_lines) {
			byte = byte < 0x20 || byte == 0x7f ? ' ' : '?';
		}
		(void)fputc(byte, out);
		text++;
	}
}

void
cli_put(FILE *out, const char *text)
{
	put_clean(out, text, true);
}

static int
report(const struct cli *cli, enum cli_exit code, const char *word, const char *text)
{
	if (cli->json) {
		print_json(stderr,
		    json_pack("{s:s, s:o}", "error", word, "detail", cli_json_string(text)));
		return (int)code;
	}
	(void)fputs("meshca: ", stderr);
	put_clean(stderr, text, false);
	(void)fputc('\n', stderr);
	return (int)code;
}

int
cli_fail(const struct cli *cli, enum cli_exit code, const char *word, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return report(cli, code, word, text);
}

enum cli_exit
cli_exit_of(enum mc_err err)
{
	if (err == MC_EPEER || err == MC_EDEADLINE) {
		return CLI_UNREACHABLE;
	}
	switch (mc_err_class(err)) {
	case MC_CLASS_NONE:
		return CLI_OK;
	case MC_CLASS_AUTH:
	case MC_CLASS_DENIED:
		return CLI_DENIED;
	case MC_CLASS_NOTFOUND:
		return CLI_NOT_FOUND;
	case MC_CLASS_USAGE:
	case MC_CLASS_CONFLICT:
	case MC_CLASS_POLICY:
	case MC_CLASS_BUSY:
	case MC_CLASS_IO:
	case MC_CLASS_CRYPTO:
	case MC_CLASS_INTERNAL:
	default:
		return CLI_FAILED;
	}
}

int
cli_fail_err(const struct cli *cli, enum mc_err err)
{
	const struct mc_err_record *last = mc_err_last();
	/* A local MC_EUSAGE is about an option's value. */
	enum cli_exit code = err == MC_EUSAGE ? CLI_USAGE : cli_exit_of(err);

	if (last->code != err || last->detail[0] == '\0') {
		return report(cli, code, mc_err_word(err), mc_err_text(err));
	}
	return report(cli, code, mc_err_word(err), last->detail);
}

int
cli_fail_remote(const struct cli *cli, enum mc_err err, struct base_span detail)
{
	char text[TEXT_MAX];
	int len = detail.len > LIMIT_DETAIL ? LIMIT_DETAIL : (int)detail.len;

	if (len == 0) {
		return report(cli, cli_exit_of(err), mc_err_word(err), mc_err_text(err));
	}
	(void)snprintf(text, sizeof(text), "%s (%.*s)", mc_err_text(err), len,
	    (const char *)detail.ptr);
	return report(cli, cli_exit_of(err), mc_err_word(err), text);
}

void
cli_note(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0) {
		abort();
	}
	va_end(args);
	cli_put(stderr, text);
	(void)fputc('\n', stderr);
	free(text);
}

void
cli_done(const struct cli *cli, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (cli->json) {
		print_json(stdout, json_pack("{s:o}", "outcome", cli_json_string(text)));
	} else {
		cli_put(stdout, text);
		(void)fputc('\n', stdout);
	}
}
