/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_S 10L
#define TOTAL_S 60L

void
cli_http_answer_clear(struct cli_http_answer *answer)
{
	base_buf_clear(&answer->body);
}

static size_t
on_body(char *ptr, size_t size, size_t count, void *self)
{
	struct base_buf *body = self;

	base_buf_append(body, ptr, size * count);
	return base_buf_failed(body) ? 0 : size * count;
}

static enum mc_err
fail_transport(CURLcode code, const char *url, const char *text)
{
	const char *why = text[0] != '\0' ? text : curl_easy_strerror(code);

	switch ((int)code) {
	case CURLE_OPERATION_TIMEDOUT:
		return MC_FAIL(MC_EDEADLINE, "%s: %s", url, why);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return MC_FAIL(MC_EPOLICY, "the server at %s is not trusted: %s", url, why);
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return MC_FAIL(MC_EIO, "certificate files: %s", why);
	case CURLE_WRITE_ERROR:
		return MC_FAIL(MC_ETOOBIG, "the answer is longer than %d bytes",
		    CLI_HTTP_BODY_MAX);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return MC_FAIL(MC_EUSAGE, "%s is not an https URL", url);
	case CURLE_RECV_ERROR:
		/* In TLS 1.3 a server's refusal of our certificate arrives with the first read: an alert
		 * in the handshake is about something else. */
		if (strstr(why, "alert") != NULL) {
			return MC_FAIL(MC_ECLIENT_CERT, "the server refuses the client certificate: %s",
			    why);
		}
		return MC_FAIL(MC_EPEER, "%s: %s", url, why);
	default:
		return MC_FAIL(MC_EPEER, "%s: %s", url, why);
	}
}

static struct curl_slist *
headers_new(const struct cli_http_request *request)
{
	struct curl_slist *list = NULL;
	char line[256];

	(void)snprintf(line, sizeof(line), "Accept: %s", request->accept);
	list = curl_slist_append(list, line);
	/* An empty Expect: no waiting for a "100 Continue" before a body. */
	list = curl_slist_append(list, "Expect:");
	if (request->content_type != NULL) {
		(void)snprintf(line, sizeof(line), "Content-Type: %s", request->content_type);
		list = curl_slist_append(list, line);
	}
	if (request->idempotency_key != NULL) {
		(void)snprintf(line, sizeof(line), "Idempotency-Key: %s",
		    request->idempotency_key);
		list = curl_slist_append(list, line);
	}
	for (const char *const *field = request->fields; field != NULL && *field != NULL; field++) {
		list = curl_slist_append(list, *field);
	}
	return list;
}

static bool
set_options(CURL *curl, const struct cli_http_request *request, struct cli_http_answer *answer,
    struct curl_slist *headers, char *error)
{
	bool ok = curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK;

	ok = ok && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_SSLVERSION,
		       (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_SSLCERT, request->cert_file) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_SSLKEY, request->key_file) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_TIMEOUT, TOTAL_S) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_USERAGENT, "meshca/" MESHCA_VERSION) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
	if (request->content_type != NULL) {
		ok = ok && curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			       (curl_off_t)request->body.len) == CURLE_OK;
		ok = ok && curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr) ==
			       CURLE_OK;
	}
	return ok;
}

static void
take_content_type(CURL *curl, struct cli_http_answer *answer)
{
	const char *type = NULL;
	size_t at = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	while (type != NULL && type[at] != '\0' && type[at] != ';' &&
	    at + 1 < sizeof(answer->content_type)) {
		answer->content_type[at] = (char)tolower((unsigned char)type[at]);
		at++;
	}
	answer->content_type[at] = '\0';
}

enum mc_err
cli_http_do(const struct cli_http_request *request, struct cli_http_answer *answer)
{
	struct curl_slist *headers = headers_new(request);
	char error[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	enum mc_err ret = MC_EINTERNAL;
	CURLcode code;

	*answer = (struct cli_http_answer){.status = 0};
	base_buf_init(&answer->body, CLI_HTTP_BODY_MAX);
	if (curl == NULL || !set_options(curl, request, answer, headers, error)) {
		ret = MC_FAIL(MC_EINTERNAL, "libcurl refuses its options");
		goto out;
	}
	code = curl_easy_perform(curl);
	if (code != CURLE_OK) {
		ret = fail_transport(code, request->url, error);
		goto out;
	}
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	take_content_type(curl, answer);
	ret = MC_OK;
out:
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return ret;
}
