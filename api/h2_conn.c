/* SPDX-License-Identifier: Apache-2.0 */
#include "api/h2_conn.h"

#include <stdlib.h>

#include "api/h2_int.h"
#include "base/mem.h"

#define READS_PER_TURN 8
#define SWEEP_US 1000000
#define SECOND_US ((int64_t)1000000)
#define RELEASE_US 1000000 /* silent for so long: its frame buffer goes back to the kernel */
#define DEFLATE_TABLE 256 /* holds the few fields that answers repeat; nghttp2's ring grows with it */
#define BLOCKED_MAX_S 30  /* a client that takes no bytes */

static void
conn_close(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;

	while (conn->streams != NULL) {
		struct h2_stream *stream = conn->streams;

		nghttp2_session_set_stream_user_data(conn->session, stream->id, NULL);
		h2_stream_free(stream);
	}
	if (conn->dirty) {
		struct h2_conn **link = &server->dirty;

		while (*link != conn) {
			link = &(*link)->dirty_next;
		}
		*link = conn->dirty_next;
	}
	if (conn->prev != NULL) {
		conn->prev->next = conn->next;
	} else {
		server->conns = conn->next;
	}
	if (conn->next != NULL) {
		conn->next->prev = conn->prev;
	}
	server->conn_count--;
	nghttp2_session_del(conn->session);
	tls_conn_close(conn->tls);
	free(conn);
}

void
h2_conn_mark(struct h2_conn *conn)
{
	if (!conn->dirty) {
		conn->dirty = true;
		conn->dirty_next = conn->server->dirty;
		conn->server->dirty = conn;
	}
}

/* Serialises into the shared buffer and writes it in as few TLS records as possible.
 * Returns false when the connection broke. */
static bool
conn_send(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;
	size_t fill = 0;

	while (!tls_conn_is_blocked(conn->tls)) {
		const uint8_t *piece;
		ssize_t n = nghttp2_session_mem_send(conn->session, &piece);

		if (n < 0) {
			return false;
		}
		conn->frames_used |= n > 0;
		if (n == 0 || fill + (size_t)n > sizeof(server->out)) {
			if (fill > 0 && tls_conn_write(conn->tls, server->out, fill) != MC_OK) {
				return false;
			}
			fill = 0;
		}
		if (n == 0) {
			break;
		}
		if ((size_t)n > sizeof(server->out)) {
			if (tls_conn_write(conn->tls, piece, (size_t)n) != MC_OK) {
				return false;
			}
			continue;
		}
		base_copy(server->out + fill, piece, (size_t)n);
		fill += (size_t)n;
	}
	return fill == 0 || tls_conn_write(conn->tls, server->out, fill) == MC_OK;
}

static void
conn_flush(struct h2_conn *conn)
{
	if (!conn_send(conn)) {
		conn_close(conn);
		return;
	}
	if (tls_conn_is_blocked(conn->tls) && !conn->failed) {
		if (conn->blocked_us == 0) {
			conn->blocked_us = base_loop_now_us(conn->server->loop);
		}
		return;
	}
	conn->blocked_us = 0;
	if (conn->failed || (!nghttp2_session_want_read(conn->session) &&
	    !nghttp2_session_want_write(conn->session))) {
		conn_close(conn);
	}
}

/* Says why, then closes. */
static void
conn_fail(struct h2_conn *conn, uint32_t error)
{
	nghttp2_session_terminate_session(conn->session, error);
	conn->failed = true;
	tls_conn_want_read(conn->tls, false);
	h2_conn_mark(conn);
}

void
h2_conn_shed(struct h2_server *server)
{
	struct h2_conn *most = NULL;

	if (server->shed) {
		return;
	}
	server->shed = true;
	for (struct h2_conn *conn = server->conns; conn != NULL; conn = conn->next) {
		if (!conn->failed && conn->memory >= H2_SHED_MIN &&
		    (most == NULL || conn->memory > most->memory)) {
			most = conn;
		}
	}
	if (most != NULL) {
		conn_fail(most, NGHTTP2_ENHANCE_YOUR_CALM);
	}
}

/* At the end of a turn: everything that it gave to say. */
static void
on_turn_end(void *arg)
{
	struct h2_server *server = arg;

	server->shed = false;
	while (server->dirty != NULL) {
		struct h2_conn *conn = server->dirty;

		server->dirty = conn->dirty_next;
		conn->dirty = false;
		conn_flush(conn);
	}
}

static void
on_read(void *arg)
{
	struct h2_conn *conn = arg;
	struct h2_server *server = conn->server;

	for (int i = 0; i < READS_PER_TURN && !conn->failed; i++) {
		ssize_t n = tls_conn_read(conn->tls, server->in, sizeof(server->in));

		if (n < 0) {
			conn_close(conn);
			return;
		}
		if (n == 0) {
			h2_conn_mark(conn);
			return;
		}
		conn->active_us = base_loop_now_us(server->loop);
		n = nghttp2_session_mem_recv(conn->session, server->in, (size_t)n);
		if (n < 0) {
			/* a broken preface or a flood */
			conn_fail(conn, n == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR :
			    NGHTTP2_ENHANCE_YOUR_CALM);
			return;
		}
	}
	h2_conn_mark(conn);
	tls_conn_again(conn->tls);
}

static void
on_drained(void *arg)
{
	h2_conn_mark(arg);
}

void
h2_server_adopt(void *arg, struct tls_conn *tls)
{
	static const struct tls_conn_ops ops = {.on_read = on_read, .on_drained = on_drained};
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_H2_STREAMS},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_LIST}};
	struct h2_server *server = arg;
	struct h2_conn *conn = base_xcalloc(1, sizeof(*conn));
	nghttp2_mem mem = h2_mem_of(conn);

	if (nghttp2_session_server_new3(&conn->session, server->callbacks, conn,
	    server->option, &mem) != 0 || nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE,
	    settings, sizeof(settings) / sizeof(settings[0])) != 0) {
		nghttp2_session_del(conn->session);
		free(conn);
		tls_conn_close(tls);
		return;
	}
	conn->server = server;
	conn->tls = tls;
	conn->active_us = base_loop_now_us(server->loop);
	conn->next = server->conns;
	if (server->conns != NULL) {
		server->conns->prev = conn;
	}
	server->conns = conn;
	server->conn_count++;
	tls_conn_adopt(tls, &ops, conn);
	h2_conn_mark(conn);
}

/* Cuts off whoever is silent or slow. */
static bool
conn_is_late(struct h2_conn *conn, int64_t now_us)
{
	int64_t silent_us = now_us - conn->active_us;

	if (conn->blocked_us != 0 && now_us - conn->blocked_us > BLOCKED_MAX_S * SECOND_US) {
		return true;
	}
	if (!conn->spoke) {
		return silent_us > LIMIT_HANDSHAKE_S * SECOND_US;
	}
	return conn->stream_count == 0 && silent_us > LIMIT_H2_IDLE_S * SECOND_US;
}

/* A request that does not end, or an answer that the client's window has no room for. */
static bool
stream_is_late(const struct h2_stream *stream, int64_t now_us)
{
	int64_t since_us = stream->answered ? stream->answered_us : stream->since_us;

	if (since_us == 0 || (!stream->answered && stream->request_done)) {
		return false;
	}
	return now_us - since_us > LIMIT_REQUEST_BODY_S * SECOND_US;
}

static void
streams_sweep(struct h2_conn *conn, int64_t now_us)
{
	for (struct h2_stream *stream = conn->streams; stream != NULL; stream = stream->next) {
		if (stream_is_late(stream, now_us)) {
			stream->answered = true;
			stream->answered_us = 0;
			nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream->id,
			    NGHTTP2_CANCEL);
			h2_conn_mark(conn);
		}
	}
}

static void
on_timer(void *arg)
{
	struct h2_server *server = arg;
	struct h2_conn *conn = server->conns;
	int64_t now_us = base_loop_now_us(server->loop);

	while (conn != NULL) {
		struct h2_conn *next = conn->next;

		if (conn_is_late(conn, now_us)) {
			conn_close(conn);
		} else {
			streams_sweep(conn, now_us);
			if (conn->stream_count == 0 && !conn->dirty && conn->blocked_us == 0 &&
			    now_us - conn->active_us > RELEASE_US) {
				h2_mem_release(conn);
			}
			if (server->draining && !server->drain_said) {
				/* streams that the client opened before it saw the notice count */
				nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
				    nghttp2_session_get_last_proc_stream_id(conn->session),
				    NGHTTP2_NO_ERROR, NULL, 0);
				h2_conn_mark(conn);
			}
		}
		conn = next;
	}
	server->drain_said = server->draining;
	base_timer_set_us(server->timer, SWEEP_US);
}

void
h2_server_drain(struct h2_server *server)
{
	if (server->draining) {
		return;
	}
	server->draining = true;
	for (struct h2_conn *conn = server->conns; conn != NULL; conn = conn->next) {
		nghttp2_submit_shutdown_notice(conn->session);
		h2_conn_mark(conn);
	}
	base_timer_set_us(server->timer, SECOND_US / 4);
}

unsigned
h2_server_connections(const struct h2_server *server)
{
	return server->conn_count;
}

struct h2_server *
h2_server_new(struct base_loop *loop, const struct h2_handler *handler, void *self)
{
	struct h2_server *server = base_xcalloc(1, sizeof(*server));

	server->loop = loop;
	server->handler = handler;
	server->self = self;
	if (nghttp2_session_callbacks_new(&server->callbacks) != 0 ||
	    nghttp2_option_new(&server->option) != 0) {
		abort(); /* out of memory */
	}
	nghttp2_option_set_max_deflate_dynamic_table_size(server->option, DEFLATE_TABLE);
	h2_stream_callbacks(server->callbacks);
	server->timer = base_timer_new(loop, on_timer, server);
	base_timer_set_us(server->timer, SWEEP_US);
	base_loop_hook(loop, on_turn_end, server);
	return server;
}

void
h2_server_free(struct h2_server *server)
{
	if (server == NULL) {
		return;
	}
	while (server->conns != NULL) {
		conn_close(server->conns);
	}
	base_loop_unhook(server->loop, on_turn_end, server);
	base_timer_free(server->timer);
	h2_stream_pool_clear(server);
	nghttp2_session_callbacks_del(server->callbacks);
	nghttp2_option_del(server->option);
	free(server);
}
