/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTPS request of the command. The only file pair that knows libcurl. */
#ifndef API_CLI_HTTP_H
#define API_CLI_HTTP_H

#include "base/buf.h"
#include "base/err.h"

#define CLI_HTTP_BODY_MAX (64 * 1024 * 1024) /* bytes of an answer: a CRL of a million serials */

struct cli_http_request {
	const char *method;       /* "GET", "POST", "DELETE" */
	const char *url;          /* https only */
	const char *accept;       /* media type wanted */
	const char *content_type; /* of body; NULL: no body */
	struct base_span body;
	const char *idempotency_key; /* NULL: none */
	const char *const *fields;   /* more header fields, "Name: value", NULL-ended; NULL: none */
	const char *ca_file;      /* the server's trust anchor; nothing else is trusted */
	const char *cert_file;    /* client certificate chain, PEM; NULL: none */
	const char *key_file;
};

struct cli_http_answer {
	long status;
	char content_type[96]; /* without parameters, lower case */
	struct base_buf body;
};

void cli_http_answer_clear(struct cli_http_answer *answer);
/* MC_OK when any HTTP answer came; else MC_EPEER (nobody there), MC_EDEADLINE, MC_EPOLICY (the
 * server is not trusted), MC_ECLIENT_CERT (the server refuses ours), MC_EIO (files), MC_ETOOBIG.
 * *answer is initialised here; clear it after success and failure. */
enum mc_err cli_http_do(const struct cli_http_request *request, struct cli_http_answer *answer)
    MC_MUST_CHECK;

#endif
