/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define ANSWER_MAX (1024 * 1024) /* bytes: a bundle of many anchors fits */
#define PREFIX_LEN 5             /* compressed flag, big-endian length */

struct call {
	nghttp2_session *session;
	struct cli_grpc_answer *answer;
	struct base_span body; /* what is left to send */
	int http_status;
	uint32_t h2_error;
	bool closed;
};

static const char *const STATUS_NAMES[] = {"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};

const char *
cli_grpc_status_name(int status)
{
	if (status < 0 || (size_t)status >= sizeof(STATUS_NAMES) / sizeof(STATUS_NAMES[0])) {
		return "UNKNOWN";
	}
	return STATUS_NAMES[status];
}

void
cli_grpc_answer_clear(struct cli_grpc_answer *answer)
{
	base_buf_clear(&answer->body);
	answer->chain_len = 0;
}

/* --- protobuf --- */

static void
put_varint(struct base_buf *out, uint64_t value)
{
	while (value > 0x7f) {
		base_buf_append_u8(out, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	base_buf_append_u8(out, (uint8_t)value);
}

void
cli_grpc_encode(const struct cli_grpc_request *request, struct base_buf *out)
{
	size_t start = out->len;
	uint8_t *prefix = base_buf_reserve(out, PREFIX_LEN);
	size_t len;

	if (prefix == NULL) {
		return;
	}
	put_varint(out, 1 << 3 | 2);
	put_varint(out, request->csr.len);
	base_buf_append_span(out, request->csr);
	if (request->ttl_s > 0) {
		put_varint(out, 3 << 3 | 0);
		put_varint(out, (uint64_t)request->ttl_s);
	}
	if (base_buf_failed(out)) {
		return;
	}
	len = out->len - start - PREFIX_LEN;
	prefix = out->ptr + start;
	prefix[0] = 0;
	for (size_t i = 0; i < 4; i++) {
		prefix[1 + i] = (uint8_t)(len >> (24 - 8 * i));
	}
}

/* Takes a varint off the front. */
static bool
take_varint(struct base_span *in, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 10 && i < in->len; i++) {
		uint8_t byte = in->ptr[i];

		if (i == 9 && byte > 1) {
			return false;
		}
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*in = base_span_of(in->ptr + i + 1, in->len - i - 1);
			*out = value;
			return true;
		}
	}
	return false;
}

enum mc_err
cli_grpc_decode(struct cli_grpc_answer *answer)
{
	struct base_span in = base_buf_span(&answer->body);
	size_t announced = 0;

	answer->chain_len = 0;
	if (in.len < PREFIX_LEN || in.ptr[0] != 0) {
		return MC_FAIL(MC_EENCODING, "the answer is not one uncompressed gRPC message");
	}
	for (size_t i = 1; i < PREFIX_LEN; i++) {
		announced = announced << 8 | in.ptr[i];
	}
	in = base_span_of(in.ptr + PREFIX_LEN, in.len - PREFIX_LEN);
	if (announced != in.len) {
		return MC_FAIL(MC_EENCODING, "the answer is not one gRPC message");
	}
	while (in.len > 0) {
		uint64_t tag;
		uint64_t len;

		/* The message has one field; others may come one day, as bytes or numbers. */
		if (!take_varint(&in, &tag) || ((tag & 7) != 2 && (tag & 7) != 0) ||
		    !take_varint(&in, &len)) {
			return MC_FAIL(MC_EENCODING, "the answer is not an IstioCertificateResponse");
		}
		if ((tag & 7) == 0) {
			continue;
		}
		if (len > in.len) {
			return MC_FAIL(MC_EENCODING, "the answer is cut short");
		}
		if (tag >> 3 == 1) {
			if (answer->chain_len == CLI_GRPC_ELEMENTS_MAX) {
				return MC_FAIL(MC_ETOOBIG, "too many certificates in the answer");
			}
			answer->chain[answer->chain_len++] = base_span_of(in.ptr, (size_t)len);
		}
		in = base_span_of(in.ptr + len, in.len - (size_t)len);
	}
	return MC_OK;
}

/* --- HTTP/2 --- */

static bool
is_name(const uint8_t *name, size_t len, const char *want)
{
	return base_span_equal_str(base_span_of(name, len), want);
}

static int
hex_value(uint8_t c)
{
	static const char DIGITS[] = "0123456789abcdef";
	const char *at = memchr(DIGITS, c >= 'A' && c <= 'F' ? c + 32 : c, 16);

	return at == NULL ? -1 : (int)(at - DIGITS);
}

/* gRPC over HTTP/2: grpc-message is percent-encoded; broken escapes are kept as they are. */
static void
percent_decode(const uint8_t *value, size_t len, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < len && at + 1 < size; i++) {
		int high = value[i] == '%' && i + 2 < len ? hex_value(value[i + 1]) : -1;
		int low = high >= 0 ? hex_value(value[i + 2]) : -1;

		if (high >= 0 && low >= 0) {
			out[at++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[at++] = (char)value[i];
		}
	}
	out[at] = '\0';
}

static int
small_number(const uint8_t *value, size_t len)
{
	int number = 0;

	if (len == 0 || len > 4) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9') {
			return -1;
		}
		number = number * 10 + (value[i] - '0');
	}
	return number;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
	struct call *call = self;

	(void)session;
	(void)frame;
	(void)flags;
	if (is_name(name, name_len, ":status")) {
		call->http_status = small_number(value, value_len);
	} else if (is_name(name, name_len, "grpc-status")) {
		call->answer->status = small_number(value, value_len);
	} else if (is_name(name, name_len, "grpc-message")) {
		percent_decode(value, value_len, call->answer->message,
		    sizeof(call->answer->message));
	}
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *ptr, size_t len,
    void *self)
{
	struct call *call = self;

	(void)session;
	(void)flags;
	(void)stream;
	base_buf_append(&call->answer->body, ptr, len);
	return base_buf_failed(&call->answer->body) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int
on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *self)
{
	struct call *call = self;

	(void)session;
	(void)stream;
	call->closed = true;
	call->h2_error = error;
	return 0;
}

static ssize_t
read_body(nghttp2_session *session, int32_t stream, uint8_t *ptr, size_t max, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct call *call = self;
	size_t len = call->body.len < max ? call->body.len : max;

	(void)session;
	(void)stream;
	(void)source;
	base_copy(ptr, call->body.ptr, len);
	call->body = base_span_of(call->body.ptr + len, call->body.len - len);
	if (call->body.len == 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)len;
}

/* Header values come from the caller and outlive the call to nghttp2, which copies them. */
static nghttp2_nv
header(const char *name, struct base_span value)
{
	nghttp2_nv nv = {.namelen = strlen(name), .valuelen = value.len};

	nv.name = (uint8_t *)(uintptr_t)name;
	nv.value = (uint8_t *)(uintptr_t)value.ptr;
	return nv;
}

static enum mc_err
submit(struct call *call, const struct cli_grpc_request *request)
{
	const nghttp2_data_provider provider = {.read_callback = read_body};
	struct base_buf bearer;
	nghttp2_nv list[10];
	size_t count = 0;
	char timeout[16];
	int32_t stream;

	base_buf_init(&bearer, LIMIT_TOKEN + 16);
	(void)snprintf(timeout, sizeof(timeout), "%dS", request->timeout_s);
	list[count++] = header(":method", base_span_str("POST"));
	list[count++] = header(":scheme", base_span_str("https"));
	list[count++] = header(":authority", base_span_str(request->authority));
	list[count++] = header(":path", base_span_str(CLI_GRPC_CREATE));
	list[count++] = header("te", base_span_str("trailers"));
	list[count++] = header("content-type", base_span_str("application/grpc"));
	list[count++] = header("user-agent", base_span_str("meshca/" MESHCA_VERSION));
	list[count++] = header("grpc-timeout", base_span_str(timeout));
	list[count++] = header("clusterid", base_span_str(request->cluster));
	if (request->token.len > 0) {
		base_buf_append_str(&bearer, "Bearer ");
		base_buf_append_span(&bearer, request->token);
		list[count] = header("authorization", base_buf_span(&bearer));
		/* never in a compression table, where it could be guessed at */
		list[count++].flags = NGHTTP2_NV_FLAG_NO_INDEX;
	}
	stream = base_buf_failed(&bearer)
	    ? NGHTTP2_ERR_NOMEM
	    : nghttp2_submit_request(call->session, NULL, list, count, &provider, NULL);
	base_buf_clear(&bearer);
	if (stream < 0) {
		return MC_FAIL(MC_ETOOBIG, "the request: %s", nghttp2_strerror(stream));
	}
	return MC_OK;
}

static enum mc_err
flush(struct call *call, struct tls_client *tls)
{
	for (;;) {
		const uint8_t *ptr = NULL;
		ssize_t len = nghttp2_session_mem_send(call->session, &ptr);
		enum mc_err err;

		if (len < 0) {
			return MC_FAIL(MC_EPEER, "HTTP/2: %s", nghttp2_strerror((int)len));
		}
		if (len == 0) {
			return MC_OK;
		}
		err = tls_client_write(tls, base_span_of(ptr, (size_t)len));
		if (err != MC_OK) {
			return err;
		}
	}
}

static enum mc_err
converse(struct call *call, struct tls_client *tls)
{
	uint8_t piece[8192];

	for (;;) {
		enum mc_err err = flush(call, tls);
		size_t len = 0;
		ssize_t used;

		if (err == MC_OK && !call->closed) {
			err = tls_client_read(tls, piece, sizeof(piece), &len);
		}
		if (err != MC_OK || call->closed) {
			return err;
		}
		if (len == 0) {
			return MC_FAIL(MC_EPEER, "the server closed the connection without an answer");
		}
		used = nghttp2_session_mem_recv(call->session, piece, len);
		if (used < 0) {
			return MC_FAIL(MC_EPEER, "HTTP/2: %s", nghttp2_strerror((int)used));
		}
	}
}

static enum mc_err
session_open(struct call *call)
{
	nghttp2_session_callbacks *callbacks = NULL;
	int bad;

	if (nghttp2_session_callbacks_new(&callbacks) != 0) {
		return MC_FAIL(MC_EINTERNAL, "no memory for HTTP/2");
	}
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	bad = nghttp2_session_client_new(&call->session, callbacks, call);
	nghttp2_session_callbacks_del(callbacks);
	if (bad != 0 || nghttp2_submit_settings(call->session, NGHTTP2_FLAG_NONE, NULL, 0) != 0) {
		return MC_FAIL(MC_EINTERNAL, "no memory for HTTP/2");
	}
	return MC_OK;
}

enum mc_err
cli_grpc_create(struct tls_client *tls, const struct cli_grpc_request *request,
    struct cli_grpc_answer *answer)
{
	struct call call = {.answer = answer};
	struct base_buf message;
	enum mc_err ret;

	*answer = (struct cli_grpc_answer){.status = -1};
	base_buf_init(&answer->body, ANSWER_MAX);
	base_buf_init(&message, LIMIT_GRPC_MESSAGE);
	cli_grpc_encode(request, &message);
	call.body = base_buf_span(&message);
	ret = base_buf_failed(&message) ? MC_FAIL(MC_ETOOBIG, "the CSR is too long")
					: session_open(&call);
	if (ret == MC_OK) {
		ret = submit(&call, request);
	}
	if (ret == MC_OK) {
		ret = converse(&call, tls);
	}
	if (ret == MC_OK && answer->status < 0) {
		ret = MC_FAIL(MC_EENCODING, "no gRPC status came (HTTP status %d, HTTP/2 error %u)",
		    call.http_status, call.h2_error);
	}
	if (ret == MC_OK && answer->status == 0) {
		ret = cli_grpc_decode(answer);
	}
	nghttp2_session_del(call.session);
	base_buf_clear(&message);
	return ret;
}
