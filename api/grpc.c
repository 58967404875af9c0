/* SPDX-License-Identifier: Apache-2.0 */
#include "api/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "base/enc.h"
#include "base/mem.h"

#define PREFIX_LEN 5 /* compressed flag, big-endian length */
#define MESSAGE_MAX 700

struct grpc_server {
	struct front *front;
	struct h2_server *h2;
	const struct grpc_method *methods;
	void *self;
};

enum grpc_status
grpc_status_of(enum mc_err err)
{
	/* the exceptions from the class: faults that look like the caller's and are not */
	if (err == MC_EFRAME || err == MC_ECONFIG) {
		return GRPC_INTERNAL;
	}
	if (err == MC_ETOOBIG || err == MC_EBUSY || err == MC_ERATE) {
		return GRPC_RESOURCE_EXHAUSTED;
	}
	if (err == MC_EDEADLINE) {
		return GRPC_DEADLINE_EXCEEDED;
	}
	if (err == MC_EISSUER_LIFE || err == MC_ESERIAL) {
		return GRPC_UNAVAILABLE;
	}
	switch (mc_err_class(err)) {
	case MC_CLASS_NONE:
		return GRPC_OK;
	case MC_CLASS_USAGE:
	case MC_CLASS_POLICY:
		return GRPC_INVALID_ARGUMENT;
	case MC_CLASS_AUTH:
		return GRPC_UNAUTHENTICATED;
	case MC_CLASS_DENIED:
		return GRPC_PERMISSION_DENIED;
	case MC_CLASS_NOTFOUND:
		return GRPC_NOT_FOUND;
	case MC_CLASS_CONFLICT:
		return GRPC_FAILED_PRECONDITION;
	case MC_CLASS_BUSY:
	case MC_CLASS_IO:
		return GRPC_UNAVAILABLE;
	case MC_CLASS_CRYPTO:
	case MC_CLASS_INTERNAL:
	default:
		return GRPC_INTERNAL;
	}
}

static void
trailer_add(struct h2_stream *stream, const char *name, const char *value)
{
	base_buf_append(&stream->trailers, name, strlen(name) + 1);
	base_buf_append(&stream->trailers, value, strlen(value) + 1);
}

/* Percent-encoding of grpc-message. */
static void
message_encode(const char *text, char *out, size_t max)
{
	size_t at = 0;

	for (; *text != '\0' && at + 4 <= max - 1; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
			out[at++] = (char)byte;
		} else {
			at += (size_t)snprintf(out + at, 4, "%%%02X", byte);
		}
	}
	out[at] = '\0';
}

/* Sends the answer, with http as its HTTP status. */
static void
respond(struct h2_stream *stream, const char *http, enum grpc_status status,
    const char *message, const uint8_t *request_id)
{
	char number[12];
	char text[MESSAGE_MAX];
	char id[33];

	snprintf(number, sizeof(number), "%d", (int)status);
	trailer_add(stream, "grpc-status", number);
	if (message != NULL) {
		message_encode(message, text, sizeof(text));
		trailer_add(stream, "grpc-message", text);
	}
	if (status == GRPC_UNIMPLEMENTED) {
		trailer_add(stream, "grpc-accept-encoding", "identity");
	}
	if (request_id != NULL) {
		base_enc_hex(request_id, 16, id);
		trailer_add(stream, "meshca-request-id", id);
	}
	h2_stream_respond(stream, http, "application/grpc");
}

/* The call has its answer. */
static void
call_free(struct grpc_call *call)
{
	call->stream->user = NULL;
	base_timer_free(call->deadline);
	free(call);
}

struct base_buf *
grpc_answer_begin(struct grpc_call *call)
{
	static const uint8_t prefix[PREFIX_LEN];

	base_buf_append(&call->stream->answer, prefix, sizeof(prefix));
	return &call->stream->answer;
}

void
grpc_answer_end(struct grpc_call *call)
{
	struct base_buf *answer = &call->stream->answer;
	uint32_t len;

	if (base_buf_failed(answer)) {
		base_buf_reset(answer);
		grpc_fail(call, MC_EINTERNAL, "the answer is above its limit");
		return;
	}
	len = (uint32_t)(answer->len - PREFIX_LEN);
	answer->ptr[1] = (uint8_t)(len >> 24);
	answer->ptr[2] = (uint8_t)(len >> 16);
	answer->ptr[3] = (uint8_t)(len >> 8);
	answer->ptr[4] = (uint8_t)len;
	respond(call->stream, "200", GRPC_OK, NULL, call->request_id);
	call_free(call);
}

static void
err_format(enum mc_err err, const char *detail, char *out, size_t max)
{
	snprintf(out, max, "%s: %s%s%s%s", mc_err_word(err), mc_err_text(err),
	    *detail != '\0' ? " (" : "", detail, *detail != '\0' ? ")" : "");
}

void
grpc_fail(struct grpc_call *call, enum mc_err err, const char *detail)
{
	char message[MESSAGE_MAX];

	err_format(err, detail, message, sizeof(message));
	respond(call->stream, "200", grpc_status_of(err), message, call->request_id);
	call_free(call);
}

void
grpc_unimplemented(struct grpc_call *call, const char *message)
{
	respond(call->stream, "200", GRPC_UNIMPLEMENTED, message, call->request_id);
	call_free(call);
}

static bool
content_type_ok(struct base_span type)
{
	static const char grpc[] = "application/grpc";
	static const char proto[] = "+proto";
	size_t at = sizeof(grpc) - 1;

	if (type.len < at || memcmp(type.ptr, grpc, at) != 0) {
		return false;
	}
	if (type.len - at >= sizeof(proto) - 1 &&
	    memcmp(type.ptr + at, proto, sizeof(proto) - 1) == 0) {
		at += sizeof(proto) - 1;
	}
	return type.len == at || type.ptr[at] == ';';
}

/* Microseconds, or -1 when it is not 1 to 8 digits and a unit. */
static int64_t
timeout_parse(struct base_span text)
{
	static const struct {
		char unit;
		int64_t us;
	} units[] = {{'H', 3600000000}, {'M', 60000000}, {'S', 1000000}, {'m', 1000}, {'u', 1}};
	int64_t value = 0;

	if (text.len < 2 || text.len > 9) {
		return -1;
	}
	for (size_t i = 0; i + 1 < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return -1;
		}
		value = value * 10 + (text.ptr[i] - '0');
	}
	if (text.ptr[text.len - 1] == 'n') {
		return value / 1000;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text.ptr[text.len - 1] == units[i].unit) {
			return value * units[i].us;
		}
	}
	return -1;
}

static void
on_deadline(void *arg)
{
	struct grpc_call *call = arg;

	if (call->started) {
		call->method->cancel(call->server->self, call);
	}
	grpc_fail(call, MC_EDEADLINE, "");
}

static const struct grpc_method *
method_find(const struct grpc_server *server, struct base_span path)
{
	for (const struct grpc_method *method = server->methods; method->path != NULL; method++) {
		if (base_span_equal_str(path, method->path)) {
			return method;
		}
	}
	return NULL;
}

static bool
is_grpc(const struct h2_stream *stream)
{
	return base_span_equal_str(h2_stream_header(stream, H2_METHOD, NULL), "POST") &&
	    content_type_ok(h2_stream_header(stream, H2_CONTENT_TYPE, NULL));
}

/* Somebody with a browser or curl: plain HTTP, and a sentence to read. The request came whole, so
 * that its own faults (RFC 9113 8.1.1) are seen first. */
static void
plain_refuse(struct h2_stream *stream)
{
	bool post = base_span_equal_str(h2_stream_header(stream, H2_METHOD, NULL), "POST");

	base_buf_append_str(&stream->answer,
	    post ? "This port speaks gRPC: the content type must be application/grpc.\n"
	         : "This port speaks gRPC: the method must be POST.\n");
	h2_stream_respond(stream, post ? "415" : "405", "text/plain");
}

/* What can be refused before the message has come. Returns false when it was. */
static bool
headers_check(struct grpc_server *server, struct h2_stream *stream)
{
	if (stream->head_too_big) {
		respond(stream, "200", GRPC_RESOURCE_EXHAUSTED,
		    "too-big: the headers are above 64 KiB", NULL);
	} else if (stream->no_memory) {
		respond(stream, "200", GRPC_RESOURCE_EXHAUSTED,
		    "busy: too many requests wait; try again later", NULL);
	} else if (method_find(server, h2_stream_header(stream, H2_PATH, NULL)) == NULL) {
		respond(stream, "200", GRPC_UNIMPLEMENTED, "there is no such method", NULL);
	} else {
		return true;
	}
	return false;
}

static bool
on_headers(void *self, struct h2_stream *stream)
{
	struct grpc_server *server = self;
	struct base_span encoding = h2_stream_header(stream, H2_GRPC_ENCODING, NULL);
	struct base_span timeout = h2_stream_header(stream, H2_GRPC_TIMEOUT, NULL);
	int64_t timeout_us = 0;
	struct grpc_call *call;

	metrics_add(server->front->metrics, METRICS_GRPC_REQUESTS, 1);
	if (!stream->head_too_big && !stream->no_memory && !is_grpc(stream)) {
		return true; /* plain_refuse() when it is complete */
	}
	if (!headers_check(server, stream)) {
		return false;
	}
	if (encoding.len > 0 && !base_span_equal_str(encoding, "identity")) {
		respond(stream, "200", GRPC_UNIMPLEMENTED, "compression is not supported", NULL);
		return false;
	}
	if (timeout.len > 0) {
		timeout_us = timeout_parse(timeout);
		if (timeout_us < 0) {
			respond(stream, "200", GRPC_INVALID_ARGUMENT,
			    "usage: grpc-timeout is malformed", NULL);
			return false;
		}
	}
	call = base_xcalloc(1, sizeof(*call));
	call->server = server;
	call->stream = stream;
	call->method = method_find(server, h2_stream_header(stream, H2_PATH, NULL));
	front_request_id(call->request_id);
	stream->user = call;
	if (timeout.len > 0) {
		call->deadline = base_timer_new(server->front->loop, on_deadline, call);
		base_timer_set_us(call->deadline, timeout_us);
	}
	return true;
}

static void
on_request(void *self, struct h2_stream *stream)
{
	struct grpc_server *server = self;
	struct grpc_call *call = stream->user;
	const uint8_t *prefix = stream->body.ptr;
	size_t len;

	if (call == NULL) {
		plain_refuse(stream);
		return;
	}
	if (stream->no_memory) {
		grpc_fail(call, MC_EBUSY, "too many requests wait");
		return;
	}
	if (stream->body_too_big) {
		grpc_fail(call, MC_ETOOBIG, "the message is above 64 KiB");
		return;
	}
	if (stream->body.len < PREFIX_LEN) {
		grpc_fail(call, MC_EUSAGE, "the request has no message");
		return;
	}
	if (prefix[0] != 0) {
		grpc_unimplemented(call, "compression is not supported");
		return;
	}
	len = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 |
	    prefix[4];
	if (len > LIMIT_GRPC_MESSAGE) {
		grpc_fail(call, MC_ETOOBIG, "the message is above 64 KiB");
		return;
	}
	if (len != stream->body.len - PREFIX_LEN) {
		grpc_fail(call, MC_EUSAGE, "the request is not exactly one message");
		return;
	}
	call->message = base_span_of(prefix + PREFIX_LEN, len);
	call->started_us = base_loop_now_us(server->front->loop);
	call->started = true;
	call->method->start(server->self, call);
}

static void
on_gone(void *self, struct h2_stream *stream)
{
	struct grpc_server *server = self;
	struct grpc_call *call = stream->user;

	if (call == NULL) {
		return;
	}
	if (call->started) {
		call->method->cancel(server->self, call);
	}
	call_free(call);
}

struct grpc_server *
grpc_server_new(struct front *front, const struct grpc_method *methods, void *self)
{
	static const struct h2_handler handler = {
	    .on_headers = on_headers,
	    .on_request = on_request,
	    .on_gone = on_gone,
	};
	struct grpc_server *server = base_xcalloc(1, sizeof(*server));

	server->front = front;
	server->methods = methods;
	server->self = self;
	server->h2 = h2_server_new(front->loop, &handler, server);
	return server;
}

void
grpc_server_free(struct grpc_server *server)
{
	if (server == NULL) {
		return;
	}
	h2_server_free(server->h2);
	free(server);
}

void
grpc_server_adopt(void *arg, struct tls_conn *tls)
{
	struct grpc_server *server = arg;

	h2_server_adopt(server->h2, tls);
}

void
grpc_server_drain(struct grpc_server *server)
{
	h2_server_drain(server->h2);
}

unsigned
grpc_server_connections(const struct grpc_server *server)
{
	return h2_server_connections(server->h2);
}
