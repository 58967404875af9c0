/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/2 client of nghttp2's on a TLS client of tests/unit/tls_world.h, on the test's own thread: it says what a
 * well-behaved client would not, and counts what comes back.
 */
#ifndef TESTS_H2_CLIENT_H
#define TESTS_H2_CLIENT_H

#include <nghttp2/nghttp2.h>

#include "tests/unit/tls_world.h"

#define H2_CLIENT_STREAMS 64
#define H2_CLIENT_FIELDS 24

struct h2_reply {
	int32_t id;
	unsigned header_blocks; /* HEADERS frames */
	char status[8];
	char type[64];
	char grpc_status[8];
	char grpc_message[1024];
	char request_id[40];
	struct base_buf body;
	bool ended;           /* END_STREAM came */
	bool closed;
	uint32_t error;       /* of the RST_STREAM, or 0 */
	/* the request's body */
	const uint8_t *send;
	size_t send_len;
	bool leave_open;
};

struct h2_client {
	struct base_loop *loop;
	struct tls_end *tls;
	nghttp2_session *session;
	struct h2_reply *replies[H2_CLIENT_STREAMS];
	unsigned reply_count;
	unsigned goaways;
	int32_t goaway_last;
	uint32_t goaway_error;
	unsigned settings;     /* frames that are no ACK */
	uint32_t max_streams, max_header_list;
};

struct h2_field {
	const char *name, *value;
};

static inline struct h2_reply *
h2_client_reply(struct h2_client *client, int32_t id)
{
	for (unsigned i = 0; i < client->reply_count; i++) {
		if (client->replies[i]->id == id) {
			return client->replies[i];
		}
	}
	return NULL;
}

static inline int
h2_client_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct h2_client *client = user;
	struct h2_reply *reply = h2_client_reply(client, frame->hd.stream_id);
	struct base_span key = base_span_of(name, name_len);
	struct base_span text = base_span_of(value, value_len);

	(void)session;
	(void)flags;
	if (reply == NULL) {
		return 0;
	}
	if (base_span_equal_str(key, ":status")) {
		base_span_copy_str(text, reply->status, sizeof(reply->status));
	} else if (base_span_equal_str(key, "content-type")) {
		base_span_copy_str(text, reply->type, sizeof(reply->type));
	} else if (base_span_equal_str(key, "grpc-status")) {
		base_span_copy_str(text, reply->grpc_status, sizeof(reply->grpc_status));
	} else if (base_span_equal_str(key, "grpc-message")) {
		base_span_copy_str(text, reply->grpc_message, sizeof(reply->grpc_message));
	} else if (base_span_equal_str(key, "meshca-request-id")) {
		base_span_copy_str(text, reply->request_id, sizeof(reply->request_id));
	}
	return 0;
}

static inline int
h2_client_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
    size_t len, void *user)
{
	struct h2_reply *reply = h2_client_reply(user, id);

	(void)session;
	(void)flags;
	if (reply != NULL) {
		base_buf_append(&reply->body, data, len);
	}
	return 0;
}

static inline void
h2_client_settings(struct h2_client *client, const nghttp2_settings *settings)
{
	client->settings += (settings->hd.flags & NGHTTP2_FLAG_ACK) == 0;
	for (size_t i = 0; i < settings->niv; i++) {
		if (settings->iv[i].settings_id == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) {
			client->max_streams = settings->iv[i].value;
		} else if (settings->iv[i].settings_id == NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE) {
			client->max_header_list = settings->iv[i].value;
		}
	}
}

static inline int
h2_client_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_client *client = user;
	struct h2_reply *reply = h2_client_reply(client, frame->hd.stream_id);

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		client->goaways++;
		client->goaway_last = frame->goaway.last_stream_id;
		client->goaway_error = frame->goaway.error_code;
	} else if (frame->hd.type == NGHTTP2_SETTINGS) {
		h2_client_settings(client, &frame->settings);
	}
	if (reply == NULL) {
		return 0;
	}
	reply->header_blocks += frame->hd.type == NGHTTP2_HEADERS;
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		reply->ended = true;
	}
	if (frame->hd.type == NGHTTP2_RST_STREAM) {
		reply->error = frame->rst_stream.error_code;
	}
	return 0;
}

static inline int
h2_client_on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct h2_reply *reply = h2_client_reply(user, id);

	(void)session;
	(void)error;
	if (reply != NULL) {
		reply->closed = true;
	}
	return 0;
}

/* Moves bytes both ways, as far as they go now. Returns false when the server has closed. */
static inline bool
h2_client_move(struct h2_client *client)
{
	static uint8_t bytes[16384];
	const uint8_t *piece;
	ssize_t len;
	int n;

	while ((len = nghttp2_session_mem_send(client->session, &piece)) > 0) {
		tls_end_write(client->tls, piece, (size_t)len);
	}
	tls_end_move(client->tls);
	while ((n = tls_end_read(client->tls, bytes, sizeof(bytes))) > 0) {
		ck_assert_int_eq(nghttp2_session_mem_recv(client->session, bytes, (size_t)n), n);
	}
	while ((len = nghttp2_session_mem_send(client->session, &piece)) > 0) {
		tls_end_write(client->tls, piece, (size_t)len);
	}
	return n == 0;
}

#define H2_CLIENT_UNTIL(client, condition)                                             \
	TLS_WORLD_UNTIL((client)->loop, ((void)h2_client_move(client), (condition)))

static inline void
h2_client_settle(struct h2_client *client)
{
	for (int i = 0; i < 20; i++) {
		(void)h2_client_move(client);
		base_loop_turn(client->loop, 1);
	}
	(void)h2_client_move(client);
}

/* The server speaks first; with silent, this client then says nothing, not even its preface. */
static inline struct h2_client *
h2_client_begin(struct base_loop *loop, uint16_t port, bool silent)
{
	struct h2_client *client = base_xcalloc(1, sizeof(*client));
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	client->loop = loop;
	client->tls = tls_end_new(tls_world_connect(port),
	    &(struct tls_end_options){.alpn = "\x02h2"});
	ck_assert(tls_end_shake(loop, client->tls));
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_client_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_client_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_client_on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_client_on_close);
	nghttp2_option_new(&option);
	nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
	ck_assert_int_eq(nghttp2_session_client_new2(&client->session, callbacks, client, option),
	    0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	if (!silent) {
		ck_assert_int_eq(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL,
		    0), 0);
		H2_CLIENT_UNTIL(client, client->settings > 0);
	}
	return client;
}

static inline void
h2_client_end(struct h2_client *client)
{
	for (unsigned i = 0; i < client->reply_count; i++) {
		base_buf_clear(&client->replies[i]->body);
		free(client->replies[i]);
	}
	nghttp2_session_del(client->session);
	tls_end_free(client->tls);
	free(client);
}

static inline ssize_t
h2_client_read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_reply *reply = source->ptr;

	(void)session;
	(void)id;
	(void)user;
	if (reply->send_len == 0 && reply->leave_open) {
		return NGHTTP2_ERR_DEFERRED;
	}
	len = len < reply->send_len ? len : reply->send_len;
	base_copy(buf, reply->send, len);
	reply->send += len;
	reply->send_len -= len;
	if (reply->send_len == 0 && !reply->leave_open) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)len;
}

/* Sends a request: fields end with a NULL name. The body stays the caller's until it is sent; leave_open: the
 * request does not end with it. */
static inline struct h2_reply *
h2_client_send(struct h2_client *client, const struct h2_field *fields, struct base_span body,
    bool leave_open)
{
	struct h2_reply *reply = base_xcalloc(1, sizeof(*reply));
	nghttp2_data_provider provider = {.source.ptr = reply,
	    .read_callback = h2_client_read_body};
	nghttp2_nv nv[H2_CLIENT_FIELDS];
	size_t count = 0;

	for (; fields[count].name != NULL; count++) {
		ck_assert_uint_lt(count, H2_CLIENT_FIELDS);
		nv[count] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)fields[count].name,
		    .namelen = strlen(fields[count].name),
		    .value = (uint8_t *)(uintptr_t)fields[count].value,
		    .valuelen = strlen(fields[count].value)};
	}
	base_buf_init(&reply->body, 4 << 20);
	reply->send = body.ptr;
	reply->send_len = body.len;
	reply->leave_open = leave_open;
	ck_assert_uint_lt(client->reply_count, H2_CLIENT_STREAMS);
	client->replies[client->reply_count++] = reply;
	reply->id = nghttp2_submit_request(client->session, NULL, nv, count,
	    body.len > 0 || leave_open ? &provider : NULL, NULL);
	ck_assert_int_gt(reply->id, 0);
	(void)h2_client_move(client);
	return reply;
}

/* The rest of a request that was left open: this, and the end. */
static inline void
h2_client_finish(struct h2_client *client, struct h2_reply *reply, struct base_span body)
{
	reply->send = body.ptr;
	reply->send_len = body.len;
	reply->leave_open = false;
	ck_assert_int_eq(nghttp2_session_resume_data(client->session, reply->id), 0);
	(void)h2_client_move(client);
}

static inline void
h2_client_cancel(struct h2_client *client, const struct h2_reply *reply)
{
	ck_assert_int_eq(nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, reply->id,
	    NGHTTP2_CANCEL), 0);
	(void)h2_client_move(client);
}

#endif
