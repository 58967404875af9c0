/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/load/load.h"

#define READ_MAX 16384
#define SEND_CHUNK 65536
#define MESSAGE_MAX 65536

struct stream {
	struct stream *next; /* of the open ones */
	struct load_conn *conn;
	int32_t id;
	uint32_t index;
	int64_t intended_us;
	int grpc_status;
	size_t sent;
	struct base_buf body;
};

struct load_conn {
	const struct load_target *target;
	void *owner;
	int fd;
	SSL *ssl;
	nghttp2_session *h2;
	bool ready;
	bool ended;
	unsigned depth; /* of callbacks: the end waits until they are left */
	unsigned open;
	struct stream *streams;
	struct stream *spare;
	struct base_buf out;
};

void
load_target_open(struct load_target *target, const char *address, const char *ca_file)
{
	static const unsigned char alpn[] = {2, 'h', '2'};
	const char *colon = strrchr(address, ':');
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (colon == NULL || (size_t)(colon - address) >= sizeof(target->host)) {
		load_die("not an address: %s", address);
	}
	base_copy(target->host, address, (size_t)(colon - address));
	target->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	if (tls == NULL || SSL_CTX_load_verify_locations(tls, ca_file, NULL) != 1) {
		load_die("cannot read %s", ca_file);
	}
	(void)SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_alpn_protos(tls, alpn, sizeof(alpn));
	(void)SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(tls, 1); /* one system call for a record instead of two */
	target->tls = tls;
}

/* --- streams --- */

static struct stream *
stream_take(struct load_conn *conn)
{
	struct stream *stream = conn->spare;

	if (stream != NULL) {
		conn->spare = stream->next;
	} else {
		stream = base_xcalloc(1, sizeof(*stream));
		stream->conn = conn;
		base_buf_init(&stream->body, MESSAGE_MAX);
	}
	stream->next = conn->streams;
	conn->streams = stream;
	conn->open++;
	stream->sent = 0;
	stream->grpc_status = 2;
	base_buf_reset(&stream->body);
	return stream;
}

static void
stream_end(struct stream *stream, int status)
{
	struct load_conn *conn = stream->conn;
	struct load_result result = {.index = stream->index, .grpc_status = status,
		.intended_us = stream->intended_us};
	struct stream **at = &conn->streams;

	while (*at != stream) {
		at = &(*at)->next;
	}
	*at = stream->next;
	conn->open--;
	if (status == 0) {
		result.message = base_buf_span(&stream->body);
	}
	conn->target->on_result(conn->target->self, conn, &result);
	stream->next = conn->spare;
	conn->spare = stream;
}

/* --- nghttp2's callbacks --- */

static ssize_t
body_read(nghttp2_session *h2, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct stream *stream = source->ptr;
	struct base_span request = load_request(stream->conn->target->requests, stream->index);
	size_t left = request.len - stream->sent;

	(void)h2;
	(void)id;
	(void)self;
	if (left <= len) {
		len = left;
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	base_copy(to, request.ptr + stream->sent, len);
	stream->sent += len;
	return (ssize_t)len;
}

static int
on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
    const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

	(void)flags;
	(void)self;
	if (stream != NULL && name_len == 11 && memcmp(name, "grpc-status", 11) == 0 &&
	    value_len > 0 && value_len <= 2) {
		stream->grpc_status = value[0] - '0';
		if (value_len == 2) {
			stream->grpc_status = stream->grpc_status * 10 + value[1] - '0';
		}
	}
	return 0;
}

static int
on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
    void *self)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, id);

	(void)flags;
	(void)self;
	if (stream != NULL) {
		base_buf_append(&stream->body, data, len);
	}
	return 0;
}

static int
on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *self)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, id);

	(void)self;
	if (stream != NULL) {
		/* A stream reset before its trailers is Unavailable to a gRPC client. */
		stream_end(stream, error == NGHTTP2_NO_ERROR ? stream->grpc_status : 14);
	}
	return 0;
}

static void
h2_start(struct load_conn *conn)
{
	static nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20},
	};

	if (callbacks == NULL) {
		(void)nghttp2_session_callbacks_new(&callbacks);
		nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	}
	if (nghttp2_session_client_new(&conn->h2, callbacks, conn) != 0 ||
	    nghttp2_submit_settings(conn->h2, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
	    nghttp2_session_set_local_window_size(conn->h2, NGHTTP2_FLAG_NONE, 0, 1 << 24) != 0) {
		load_die("cannot make an HTTP/2 session");
	}
}

/* --- the connection --- */

static void
conn_finish(struct load_conn *conn)
{
	while (conn->streams != NULL) {
		stream_end(conn->streams, -1);
	}
	conn->target->on_end(conn->target->self, conn);
	while (conn->spare != NULL) {
		struct stream *next = conn->spare->next;

		base_buf_clear(&conn->spare->body);
		free(conn->spare);
		conn->spare = next;
	}
	base_loop_unwatch(conn->target->loop, conn->fd);
	if (conn->h2 != NULL) {
		nghttp2_session_del(conn->h2);
	}
	SSL_free(conn->ssl);
	(void)close(conn->fd);
	base_buf_clear(&conn->out);
	free(conn);
}

static void
interest_set(struct load_conn *conn, bool write)
{
	base_loop_interest(conn->target->loop, conn->fd,
	    write ? BASE_LOOP_READ | BASE_LOOP_WRITE : BASE_LOOP_READ);
}

/* True when everything went out. */
static bool
out_write(struct load_conn *conn)
{
	while (conn->out.len > 0) {
		int put = SSL_write(conn->ssl, conn->out.ptr, (int)conn->out.len);

		if (put <= 0) {
			int error = SSL_get_error(conn->ssl, put);

			if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) {
				interest_set(conn, error == SSL_ERROR_WANT_WRITE);
			} else {
				conn->ended = true;
			}
			return false;
		}
		base_buf_consume(&conn->out, (size_t)put);
	}
	return true;
}

static void
conn_send(struct load_conn *conn)
{
	if (!conn->ready || conn->ended) {
		return;
	}
	do {
		const uint8_t *data;
		ssize_t len = 0;

		while (conn->out.len < SEND_CHUNK &&
		    (len = nghttp2_session_mem_send(conn->h2, &data)) > 0) {
			base_buf_append(&conn->out, data, (size_t)len);
		}
		if (len < 0) {
			conn->ended = true;
			return;
		}
		if (conn->out.len == 0) {
			interest_set(conn, false);
			return;
		}
	} while (out_write(conn));
}

static void
conn_read(struct load_conn *conn)
{
	static uint8_t bytes[READ_MAX];

	while (!conn->ended) {
		int got = SSL_read(conn->ssl, bytes, sizeof(bytes));

		if (got <= 0) {
			int error = SSL_get_error(conn->ssl, got);

			conn->ended = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
			return;
		}
		if (nghttp2_session_mem_recv(conn->h2, bytes, (size_t)got) < 0 ||
		    (nghttp2_session_want_read(conn->h2) == 0 &&
		    nghttp2_session_want_write(conn->h2) == 0)) {
			conn->ended = true;
		}
	}
}

static void
conn_handshake(struct load_conn *conn)
{
	int ret = SSL_connect(conn->ssl);
	int error;

	if (ret == 1) {
		conn->ready = true;
		interest_set(conn, false);
		h2_start(conn);
		conn->target->on_ready(conn->target->self, conn);
		return;
	}
	error = SSL_get_error(conn->ssl, ret);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		interest_set(conn, error == SSL_ERROR_WANT_WRITE);
	} else {
		conn->ended = true;
	}
}

static void
conn_event(void *self, unsigned events)
{
	struct load_conn *conn = self;

	conn->depth++;
	if (!conn->ready) {
		conn_handshake(conn);
	}
	if (conn->ready && (events & (BASE_LOOP_READ | BASE_LOOP_HUP)) != 0) {
		conn_read(conn);
	}
	conn_send(conn);
	conn->depth--;
	if (conn->ended) {
		conn_finish(conn);
	}
}

struct load_conn *
load_conn_open(const struct load_target *target, void *owner, uint32_t source)
{
	struct load_conn *conn = base_xcalloc(1, sizeof(*conn));
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(target->port)};
	struct sockaddr_in from = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000000U + source)};
	int one = 1;

	conn->target = target;
	conn->owner = owner;
	base_buf_init(&conn->out, 16 << 20);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	conn->ssl = SSL_new(target->tls);
	if (conn->fd < 0 || conn->ssl == NULL || inet_pton(AF_INET, target->host, &to.sin_addr) != 1 ||
	    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) != 0 ||
	    bind(conn->fd, (const struct sockaddr *)&from, sizeof(from)) != 0 ||
	    SSL_set_fd(conn->ssl, conn->fd) != 1 || SSL_set1_host(conn->ssl, target->name) != 1 ||
	    SSL_set_tlsext_host_name(conn->ssl, (void *)(uintptr_t)target->name) != 1) {
		load_die("cannot open a connection: %s", strerrorname_np(errno));
	}
	SSL_set_connect_state(conn->ssl);
	if (connect(conn->fd, (const struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
		load_die("cannot connect to %s: %s", target->host, strerrorname_np(errno));
	}
	base_loop_watch(target->loop, conn->fd, BASE_LOOP_WRITE, conn_event, conn);
	return conn;
}

void *
load_conn_owner(const struct load_conn *conn)
{
	return conn->owner;
}

unsigned
load_conn_open_streams(const struct load_conn *conn)
{
	return conn->open;
}

#define HEADER(name, value, value_len, flags)                                          \
	{(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, (value_len),   \
	    (flags) | NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}
#define TEXT(name, value) HEADER(name, value, sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE)

void
load_conn_send(struct load_conn *conn, uint32_t index, int64_t intended_us)
{
	const struct load_target *target = conn->target;
	uint32_t identity = index % target->requests->identities;
	const char *token = target->tokens->bearer[identity];
	struct stream *stream = stream_take(conn);
	nghttp2_data_provider body = {.source.ptr = stream, .read_callback = body_read};
	/* The token goes uncompressed by tables, as from so many agents each with its own. */
	nghttp2_nv headers[] = {
		TEXT(":method", "POST"),
		TEXT(":scheme", "https"),
		TEXT(":path", "/istio.v1.auth.IstioCertificateService/CreateCertificate"),
		HEADER(":authority", target->name, strlen(target->name), NGHTTP2_NV_FLAG_NONE),
		TEXT("content-type", "application/grpc"),
		TEXT("user-agent", "grpc-go/1.75.0"),
		TEXT("te", "trailers"),
		TEXT("clusterid", "Kubernetes"),
		HEADER("authorization", token, target->tokens->len[identity], NGHTTP2_NV_FLAG_NO_INDEX),
	};

	stream->index = index;
	stream->intended_us = intended_us;
	stream->id = nghttp2_submit_request(conn->h2, NULL, headers,
	    sizeof(headers) / sizeof(headers[0]), &body, stream);
	if (stream->id < 0) {
		stream_end(stream, -1);
	}
}

void
load_conn_flush(struct load_conn *conn)
{
	if (conn->depth > 0) {
		return;
	}
	conn_send(conn);
	if (conn->ended) {
		conn_finish(conn);
	}
}

void
load_conn_close(struct load_conn *conn)
{
	conn->ended = true;
	if (conn->depth == 0) {
		(void)SSL_shutdown(conn->ssl);
		conn_finish(conn);
	}
}
