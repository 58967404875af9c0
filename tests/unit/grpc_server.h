/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the world's server answer one unary gRPC call for each connection. */
#ifndef TESTS_GRPC_SERVER_H
#define TESTS_GRPC_SERVER_H

#include <nghttp2/nghttp2.h>

#include "cli_world.h"

/* What is answered to all calls. */
struct grpc_answer {
	const char *status;  /* grpc-status */
	const char *message; /* grpc-message; NULL: none */
	/* The strings of cert_chain, on the heap, at most 4 and then NULL, for the CSR of the request. */
	void (*make)(const char *csr, char *chain[5]);
};

static struct grpc_answer grpc_answer;

struct grpc_call {
	struct rest_server *server;
	SSL *ssl;
	struct rest_seen *seen;
	uint8_t out[REST_TEXT_MAX];
	size_t out_len;
	size_t out_at;
};

static inline ssize_t
grpc_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *self)
{
	struct grpc_call *call = self;

	(void)session;
	(void)flags;
	rest_server_write(call->ssl, data, len);
	return (ssize_t)len;
}

/* Fields as lines, in the order that they came. */
static inline int
grpc_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
	struct rest_seen *seen = ((struct grpc_call *)self)->seen;
	struct base_buf line;

	(void)session;
	(void)frame;
	(void)flags;
	base_buf_init(&line, sizeof(seen->head));
	base_buf_append_str(&line, seen->head);
	base_buf_append(&line, name, name_len);
	base_buf_append_str(&line, ": ");
	base_buf_append(&line, value, value_len);
	base_buf_append_str(&line, "\r\n");
	rest_server_keep(seen->head, sizeof(seen->head), (const char *)line.ptr, line.len);
	base_buf_clear(&line);
	return 0;
}

static inline int
grpc_on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
    size_t len, void *self)
{
	struct rest_seen *seen = ((struct grpc_call *)self)->seen;

	(void)session;
	(void)flags;
	(void)stream;
	if (seen->body_len + len < sizeof(seen->body)) {
		memcpy(seen->body + seen->body_len, data, len);
		seen->body_len += len;
	}
	return 0;
}

static inline void
grpc_nv(nghttp2_nv *nv, const char *name, const char *value)
{
	*nv = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
	    strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static inline ssize_t
grpc_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t len, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct grpc_call *call = self;
	size_t part = call->out_len - call->out_at < len ? call->out_len - call->out_at : len;
	nghttp2_nv trailers[2];

	(void)source;
	memcpy(to, call->out + call->out_at, part);
	call->out_at += part;
	if (call->out_at == call->out_len) {
		*flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		grpc_nv(&trailers[0], "grpc-status", grpc_answer.status);
		grpc_nv(&trailers[1], "grpc-message",
		    grpc_answer.message == NULL ? "" : grpc_answer.message);
		(void)nghttp2_submit_trailer(session, stream, trailers,
		    grpc_answer.message == NULL ? 1 : 2);
	}
	return (ssize_t)part;
}

/* Appends field 1 of a protobuf message. */
static inline void
grpc_put(struct grpc_call *call, const char *text)
{
	size_t len = strlen(text);

	call->out[call->out_len++] = 0x0a;
	for (; len >= 0x80; len >>= 7) {
		call->out[call->out_len++] = (uint8_t)(len | 0x80);
	}
	call->out[call->out_len++] = (uint8_t)len;
	memcpy(call->out + call->out_len, text, strlen(text));
	call->out_len += strlen(text);
}

/* The string that is field 1 of a request: its CSR. The caller frees it. */
static inline char *
grpc_csr(const struct rest_seen *seen)
{
	const uint8_t *at = (const uint8_t *)seen->body + 6;
	size_t len = 0;

	ck_assert_uint_eq((uint8_t)seen->body[5], 0x0a);
	for (unsigned shift = 0;; shift += 7) {
		len |= (size_t)(*at & 0x7f) << shift;
		if ((*at++ & 0x80) == 0) {
			break;
		}
	}
	return base_xasprintf("%.*s", (int)len, (const char *)at);
}

static inline int
grpc_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	nghttp2_data_provider provider = {.read_callback = grpc_read};
	struct grpc_call *call = self;
	char *chain[5] = {NULL};
	nghttp2_nv fields[2];
	char *csr;

	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 || frame->hd.stream_id == 0) {
		return 0;
	}
	rest_server_see(call->server, call->ssl, call->seen);
	call->out_len = 5;
	if (grpc_answer.make != NULL) {
		csr = grpc_csr(call->seen);
		grpc_answer.make(csr, chain);
		free(csr);
	}
	for (size_t i = 0; chain[i] != NULL; i++) {
		grpc_put(call, chain[i]);
		free(chain[i]);
	}
	call->out[3] = (uint8_t)((call->out_len - 5) >> 8);
	call->out[4] = (uint8_t)(call->out_len - 5);
	grpc_nv(&fields[0], ":status", "200");
	grpc_nv(&fields[1], "content-type", "application/grpc");
	return nghttp2_submit_response(session, frame->hd.stream_id, fields, 2, &provider);
}

static inline void
grpc_serve(struct rest_server *server, SSL *ssl)
{
	struct grpc_call *call = base_xcalloc(1, sizeof(*call));
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_session *session = NULL;
	uint8_t bytes[8192];
	size_t len = 0;

	call->server = server;
	call->ssl = ssl;
	call->seen = base_xcalloc(1, sizeof(*call->seen));
	(void)nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_send_callback(callbacks, grpc_send);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, grpc_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, grpc_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, grpc_on_frame);
	(void)nghttp2_session_server_new(&session, callbacks, call);
	(void)nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
	while (nghttp2_session_send(session) == 0 &&
	    SSL_read_ex(ssl, bytes, sizeof(bytes), &len) == 1 &&
	    nghttp2_session_mem_recv(session, bytes, len) == (ssize_t)len) {
	}
	nghttp2_session_del(session);
	nghttp2_session_callbacks_del(callbacks);
	free(call->seen);
	free(call);
}

static inline int
grpc_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *self)
{
	(void)ssl;
	(void)self;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len,
		   (const unsigned char *)"\x02h2", 3, in, in_len) == OPENSSL_NPN_NEGOTIATED
	    ? SSL_TLSEXT_ERR_OK
	    : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Agents that have a token show no certificate. */
static inline void
grpc_server_start(void)
{
	world_start();
	SSL_CTX_set_alpn_select_cb(world.server->ctx, grpc_alpn, NULL);
	SSL_CTX_set_verify(world.server->ctx, SSL_VERIFY_PEER, NULL);
	world.server->serve = grpc_serve;
}

#endif
