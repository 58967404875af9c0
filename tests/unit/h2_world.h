/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 listener with a handler that notes what it is told, and answers as a test wants. */
#ifndef TESTS_H2_WORLD_H
#define TESTS_H2_WORLD_H

#include "api/h2_int.h"
#include "tests/unit/h2_client.h"

#define H2_SECOND_US INT64_C(1000000)

struct h2_world {
	struct tls_world tls;
	struct tls_server *server;
	struct h2_server *h2;
	uint16_t port;
	/* what the handler does */
	bool refuse_headers; /* answers before the body has come */
	bool hold;           /* answers no request by itself */
	const char *trailer; /* NULL: none */
	size_t answer_len;   /* of 'a' */
	/* what it was told */
	unsigned headers, requests, gone;
	struct h2_stream *stream; /* of the last request; NULL when that is gone */
	struct {
		char value[4096];
		bool twice;
	} seen[H2_HEADER_COUNT]; /* of the last request's headers */
	struct base_buf body;    /* of the last request */
	bool head_too_big, body_too_big, no_memory;
};

static inline void
h2_world_answer(struct h2_world *world, struct h2_stream *stream)
{
	for (size_t i = 0; i < world->answer_len; i++) {
		base_buf_append_u8(&stream->answer, 'a');
	}
	if (world->trailer != NULL) {
		base_buf_append(&stream->trailers, "grpc-status", sizeof("grpc-status"));
		base_buf_append(&stream->trailers, world->trailer, strlen(world->trailer) + 1);
	}
	h2_stream_respond(stream, "200", "text/plain");
}

static inline bool
h2_world_on_headers(void *self, struct h2_stream *stream)
{
	struct h2_world *world = self;

	world->headers++;
	world->stream = stream;
	stream->user = world;
	for (int i = 0; i < H2_HEADER_COUNT; i++) {
		base_span_copy_str(h2_stream_header(stream, (enum h2_header)i,
		    &world->seen[i].twice), world->seen[i].value, sizeof(world->seen[i].value));
	}
	world->head_too_big = stream->head_too_big;
	world->no_memory = stream->no_memory;
	if (world->refuse_headers) {
		h2_world_answer(world, stream);
		return false;
	}
	return true;
}

static inline void
h2_world_on_request(void *self, struct h2_stream *stream)
{
	struct h2_world *world = self;

	world->requests++;
	world->stream = stream;
	world->body_too_big = stream->body_too_big;
	world->no_memory = stream->no_memory;
	base_buf_reset(&world->body);
	base_buf_append_span(&world->body, base_buf_span(&stream->body));
	if (!world->hold) {
		h2_world_answer(world, stream);
	}
}

static inline void
h2_world_on_gone(void *self, struct h2_stream *stream)
{
	struct h2_world *world = self;

	ck_assert_ptr_eq(stream->user, world); /* what the handler left there */
	world->gone++;
	if (world->stream == stream) {
		world->stream = NULL;
	}
}

static inline void
h2_world_start(struct h2_world *world)
{
	static const struct h2_handler handler = {.on_headers = h2_world_on_headers,
	    .on_request = h2_world_on_request, .on_gone = h2_world_on_gone};

	memset(world, 0, sizeof(*world));
	tls_world_start(&world->tls);
	base_buf_init(&world->body, 1 << 20);
	world->h2 = h2_server_new(world->tls.loop, &handler, world);
	world->server = tls_server_new(&(struct tls_server_options){.front = &world->tls.front,
	    .env = &world->tls.env, .listen_fd = tls_world_listen(&world->port),
	    .alpn = TLS_ALPN_H2, .connections_max = 16, .on_conn = h2_server_adopt,
	    .self = world->h2});
	TLS_WORLD_UNTIL(world->tls.loop, tls_server_is_certified(world->server));
}

static inline void
h2_world_stop(struct h2_world *world)
{
	h2_server_free(world->h2);
	tls_server_free(world->server);
	base_buf_clear(&world->body);
	tls_world_stop(&world->tls);
}

/* The sweep that comes every second, now. */
static inline void
h2_world_sweep(struct h2_world *world)
{
	base_timer_set_us(world->h2->timer, 0);
	for (int i = 0; i < 4; i++) {
		base_loop_turn(world->tls.loop, 1);
	}
}

#endif
