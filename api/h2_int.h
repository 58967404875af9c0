/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_H2_INT_H
#define API_H2_INT_H

#include <nghttp2/nghttp2.h>

#include "api/h2_conn.h"

#define H2_SCRATCH (64 * 1024)
#define H2_POOL_MAX 1024                  /* stream objects kept for reuse */
#define H2_MEMORY_MAX (64 * 1024 * 1024)  /* held by all streams of a listener: requests, answers not sent */
#define H2_MEMORY_MANY (H2_MEMORY_MAX / 4 * 3) /* from here on who holds most is cut off, so that others get in */
#define H2_STREAM_COST 2048               /* of a stream without bytes: ours, nghttp2's, the blocks' edges */
#define H2_SHED_MIN (64 * 1024)           /* no connection that holds less is closed for others; one full request */

struct h2_conn {
	struct h2_conn *prev, *next; /* of the server */
	struct h2_conn *dirty_next;
	struct h2_server *server;
	struct tls_conn *tls;
	nghttp2_session *session;
	struct h2_stream *streams;
	unsigned stream_count;
	size_t memory;      /* its part of the server's */
	int64_t active_us;  /* last bytes from the client */
	int64_t blocked_us; /* since when it takes no bytes; 0: it does */
	void *frames;       /* nghttp2's frame buffer, see h2_mem.c */
	size_t frames_size;
	bool frames_used;   /* since its pages were given back */
	bool spoke;         /* its SETTINGS came */
	bool dirty;
	bool failed;        /* close after what is to be said */
};

struct h2_server {
	struct base_loop *loop;
	const struct h2_handler *handler;
	void *self;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct h2_conn *conns;
	unsigned conn_count;
	struct h2_conn *dirty;
	struct h2_stream *pool;
	unsigned pool_count;
	size_t memory;       /* of H2_MEMORY_MAX */
	bool shed;           /* in this turn a connection was closed for what it held */
	bool draining;
	bool drain_said;     /* the second GOAWAY, with the last stream */
	struct base_timer *timer;
	uint8_t in[H2_SCRATCH];
	uint8_t out[H2_SCRATCH];
};

/* h2_stream.c */
struct h2_stream *h2_stream_new(struct h2_conn *conn, int32_t id);
void h2_stream_free(struct h2_stream *stream);
void h2_stream_pool_clear(struct h2_server *server);
/* Fills the callbacks that concern streams. */
void h2_stream_callbacks(nghttp2_session_callbacks *callbacks);

/* h2_mem.c: memory of conn's session; conn must outlive the session and starts without one. */
nghttp2_mem h2_mem_of(struct h2_conn *conn);
/* Gives the frame buffer's pages back. For a connection with no stream and nothing left to write. */
void h2_mem_release(struct h2_conn *conn);

/* h2_conn.c: too much is held. Whoever holds most of it is cut off, once a turn. */
void h2_conn_shed(struct h2_server *server);
/* There may be something to send at the end of the turn. */
void h2_conn_mark(struct h2_conn *conn);

#endif
