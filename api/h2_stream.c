/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: what nghttp2 reports of a request, and the answer to it. */
#include <stdlib.h>
#include <string.h>

#include "api/h2_int.h"
#include "base/mem.h"

#define BODY_MAX (LIMIT_GRPC_MESSAGE + 5) /* with gRPC's prefix */
#define ANSWER_MAX (1024 * 1024)          /* a bundle of many anchors fits */
#define KEEP_MAX (8 * 1024)               /* a pooled stream keeps no more memory */
#define FIELDS_MAX 8

static const struct {
	const char *name;
	size_t len;
} names[H2_HEADER_COUNT] = {
#define NAME(text) {text, sizeof(text) - 1}
    [H2_METHOD] = NAME(":method"),
    [H2_PATH] = NAME(":path"),
    [H2_CONTENT_TYPE] = NAME("content-type"),
    [H2_AUTHORIZATION] = NAME("authorization"),
    [H2_CLUSTERID] = NAME("clusterid"),
    [H2_GRPC_TIMEOUT] = NAME("grpc-timeout"),
    [H2_GRPC_ENCODING] = NAME("grpc-encoding"),
#undef NAME
};

static void
buf_recycle(struct base_buf *buf)
{
	if (buf->cap > KEEP_MAX) {
		base_buf_clear(buf);
	} else {
		base_buf_reset(buf);
	}
}

/* Counts bytes for a stream. False: all connections together hold too much, and this is not counted. */
static bool
hold(struct h2_stream *stream, size_t len)
{
	struct h2_server *server = stream->conn->server;

	if (server->memory + len > H2_MEMORY_MANY) {
		h2_conn_shed(server);
	}
	if (server->memory + len > H2_MEMORY_MAX) {
		return false;
	}
	server->memory += len;
	stream->conn->memory += len;
	stream->held += len;
	return true;
}

static void
let_go(struct h2_stream *stream, size_t len)
{
	stream->conn->server->memory -= len;
	stream->conn->memory -= len;
	stream->held -= len;
}

struct h2_stream *
h2_stream_new(struct h2_conn *conn, int32_t id)
{
	struct h2_server *server = conn->server;
	struct h2_stream *stream = server->pool;

	if (stream != NULL) {
		server->pool = stream->next;
		server->pool_count--;
	} else {
		stream = base_xcalloc(1, sizeof(*stream));
		base_buf_init(&stream->head, LIMIT_HEADER_LIST);
		base_buf_init(&stream->body, BODY_MAX);
		base_buf_init(&stream->answer, ANSWER_MAX);
		base_buf_init(&stream->trailers, 4096);
	}
	stream->conn = conn;
	stream->id = id;
	stream->since_us = base_loop_now_us(server->loop);
	stream->prev = NULL;
	stream->next = conn->streams;
	if (conn->streams != NULL) {
		conn->streams->prev = stream;
	}
	conn->streams = stream;
	conn->stream_count++;
	stream->no_memory = !hold(stream, H2_STREAM_COST);
	return stream;
}

static void
stream_release(struct h2_stream *stream)
{
	base_buf_clear(&stream->head);
	base_buf_clear(&stream->body);
	base_buf_clear(&stream->answer);
	base_buf_clear(&stream->trailers);
	free(stream);
}

void
h2_stream_pool_clear(struct h2_server *server)
{
	while (server->pool != NULL) {
		struct h2_stream *stream = server->pool;

		server->pool = stream->next;
		stream_release(stream);
	}
	server->pool_count = 0;
}

void
h2_stream_free(struct h2_stream *stream)
{
	struct h2_conn *conn = stream->conn;
	struct h2_server *server = conn->server;
	struct base_buf head = stream->head;
	struct base_buf body = stream->body;
	struct base_buf answer = stream->answer;
	struct base_buf trailers = stream->trailers;

	if (stream->handled) {
		server->handler->on_gone(server->self, stream);
	}
	let_go(stream, stream->held);
	if (stream->prev != NULL) {
		stream->prev->next = stream->next;
	} else {
		conn->streams = stream->next;
	}
	if (stream->next != NULL) {
		stream->next->prev = stream->prev;
	}
	conn->stream_count--;
	if (server->pool_count >= H2_POOL_MAX) {
		stream_release(stream);
		return;
	}
	memset(stream, 0, sizeof(*stream));
	buf_recycle(&head);
	buf_recycle(&body);
	buf_recycle(&answer);
	buf_recycle(&trailers);
	stream->head = head;
	stream->body = body;
	stream->answer = answer;
	stream->trailers = trailers;
	stream->next = server->pool;
	server->pool = stream;
	server->pool_count++;
}

struct base_span
h2_stream_header(const struct h2_stream *stream, enum h2_header header, bool *twice)
{
	if (twice != NULL) {
		*twice = stream->headers[header].twice;
	}
	if (!stream->headers[header].present) {
		return base_span_of(NULL, 0);
	}
	return base_span_of(stream->head.ptr + stream->headers[header].at,
	    stream->headers[header].len);
}

const struct tls_peer *
h2_stream_peer(const struct h2_stream *stream)
{
	return tls_conn_peer(stream->conn->tls);
}

void
h2_stream_take(struct h2_stream *stream, struct base_buf *head, struct base_buf *body)
{
	struct base_buf old_head = *head;
	struct base_buf old_body = *body;

	let_go(stream, stream->head.len + stream->body.len);
	*head = stream->head;
	*body = stream->body;
	base_buf_reset(&old_head);
	base_buf_reset(&old_body);
	stream->head = old_head;
	stream->body = old_body;
	memset(stream->headers, 0, sizeof(stream->headers));
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_stream *stream;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
		return 0;
	}
	stream = h2_stream_new(user, frame->hd.stream_id);
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
	return 0;
}

static void
header_keep(struct h2_stream *stream, enum h2_header header, const uint8_t *value, size_t len)
{
	if (stream->headers[header].present) {
		stream->headers[header].twice = true;
		return;
	}
	if (stream->head.len + len > LIMIT_HEADER_LIST) {
		stream->head_too_big = true;
		return;
	}
	if (!hold(stream, len)) {
		stream->no_memory = true;
		return;
	}
	stream->headers[header].at = (uint32_t)stream->head.len;
	stream->headers[header].len = (uint32_t)len;
	base_buf_append(&stream->head, value, len);
	stream->headers[header].present = true;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct h2_stream *stream =
	    nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	(void)user;
	if (stream == NULL) {
		return 0;
	}
	stream->head_total += name_len + value_len + 32;
	if (stream->head_total > LIMIT_HEADER_LIST) {
		stream->head_too_big = true;
	}
	if (stream->head_too_big || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
		return 0;
	}
	for (int i = 0; i < H2_HEADER_COUNT; i++) {
		if (names[i].len == name_len && memcmp(names[i].name, name, name_len) == 0) {
			header_keep(stream, (enum h2_header)i, value, value_len);
			break;
		}
	}
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
    size_t len, void *user)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
	struct h2_conn *conn = user;

	(void)flags;
	if (stream == NULL || stream->answered || stream->body_too_big || stream->no_memory) {
		return 0;
	}
	if (stream->body.len + len > BODY_MAX) {
		stream->body_too_big = true;
	} else if (!hold(stream, len)) {
		stream->no_memory = true;
	} else {
		base_buf_append(&stream->body, data, len);
		return 0;
	}
	/* no need to wait for the end */
	stream->request_done = true;
	conn->server->handler->on_request(conn->server->self, stream);
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_conn *conn = user;
	const struct h2_handler *handler = conn->server->handler;
	struct h2_stream *stream;

	if (frame->hd.type == NGHTTP2_SETTINGS) {
		conn->spoke = true;
	}
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
		return 0;
	}
	stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (stream == NULL || stream->answered) {
		return 0;
	}
	if (frame->hd.type == NGHTTP2_HEADERS &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		stream->handled = true;
		if (!handler->on_headers(conn->server->self, stream)) {
			return 0;
		}
	}
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !stream->request_done) {
		stream->request_done = true;
		handler->on_request(conn->server->self, stream);
	}
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *user)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);

	(void)error;
	(void)user;
	if (stream != NULL) {
		nghttp2_session_set_stream_user_data(session, stream_id, NULL);
		h2_stream_free(stream);
	}
	return 0;
}

/* An answer before the request's end: the client need not send the rest (RFC 9113 8.1). */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)user;
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
		    NGHTTP2_NO_ERROR);
	}
	return 0;
}

void
h2_stream_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

static void
field_set(nghttp2_nv *nv, const char *name, const char *value, uint8_t flags)
{
	/* nghttp2 copies both and writes to neither, though its type is not const */
	nv->name = (uint8_t *)(uintptr_t)name;
	nv->namelen = strlen(name);
	nv->value = (uint8_t *)(uintptr_t)value;
	nv->valuelen = strlen(value);
	nv->flags = flags;
}

/* Appends stream->trailers to fields; returns their number. */
static size_t
trailers_put(const struct h2_stream *stream, nghttp2_nv *fields, size_t count)
{
	const char *at = (const char *)stream->trailers.ptr;
	const char *end = at + stream->trailers.len;

	while (at < end && count < FIELDS_MAX) {
		const char *value = at + strlen(at) + 1;

		/* values differ from answer to answer: not worth a place in HPACK's table */
		field_set(&fields[count++], at, value, NGHTTP2_NV_FLAG_NO_INDEX);
		at = value + strlen(value) + 1;
	}
	return count;
}

static ssize_t
answer_read(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t len,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_stream *stream = source->ptr;
	size_t left = stream->answer.len - stream->answer_at;
	nghttp2_nv fields[FIELDS_MAX];
	size_t count;

	(void)user;
	if (len > left) {
		len = left;
	}
	base_copy(buf, stream->answer.ptr + stream->answer_at, len);
	stream->answer_at += len;
	if (stream->answer_at == stream->answer.len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		count = trailers_put(stream, fields, 0);
		if (count > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (nghttp2_submit_trailer(session, stream_id, fields, count) != 0) {
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
			}
		}
	}
	return (ssize_t)len;
}

void
h2_stream_respond(struct h2_stream *stream, const char *status, const char *content_type)
{
	nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = answer_read};
	nghttp2_nv fields[FIELDS_MAX];
	size_t count = 0;
	int rc;

	stream->answered = true;
	stream->answered_us = base_loop_now_us(stream->conn->server->loop);
	(void)hold(stream, stream->answer.len); /* it goes out all the same; others' wait */
	field_set(&fields[count++], ":status", status, NGHTTP2_NV_FLAG_NONE);
	if (content_type != NULL) {
		field_set(&fields[count++], "content-type", content_type, NGHTTP2_NV_FLAG_NONE);
	}
	if (stream->answer.len == 0) {
		count = trailers_put(stream, fields, count);
	}
	rc = nghttp2_submit_response(stream->conn->session, stream->id, fields, count,
	    stream->answer.len > 0 ? &provider : NULL);
	if (rc != 0) {
		nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id,
		    NGHTTP2_INTERNAL_ERROR);
	}
	h2_conn_mark(stream->conn);
}
