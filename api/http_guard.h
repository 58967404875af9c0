/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict framing of HTTP/1.1 requests in front of libmicrohttpd, which is lenient (it takes two
 * Content-Length fields) and answers what it refuses in HTML. Bytes go in as they came; out come
 * whole request heads, checked (RFC 9112), and bodies of the length that they announce. There is one
 * way to frame a body, Content-Length: two readers of a stream cannot disagree about it.
 *
 * A refused head is replaced by a request that no client can send, which asks the service for the
 * answer: it comes after the answers to the requests before, and closes the connection.
 * Nothing that follows is passed on. Pure.
 */
#ifndef API_HTTP_GUARD_H
#define API_HTTP_GUARD_H

#include "base/buf.h"

struct http_guard {
	struct base_buf head; /* of the request that is coming, so far */
	uint64_t body_left;   /* bytes of the body that still pass */
	bool refused;
};

void http_guard_init(struct http_guard *guard);
void http_guard_clear(struct http_guard *guard);
/* Takes all of in; appends what may pass to out: at most in.len + LIMIT_HTTP_HEAD bytes. */
void http_guard_feed(struct http_guard *guard, struct base_span in, struct base_buf *out);

/* Is it the request that stands for a refused one? method and target as they were passed on. Returns
 * MC_OK when not; else records and returns why it was refused: MC_EHTTP, MC_EURI, MC_EHEADERS,
 * MC_ELENGTH. */
enum mc_err http_guard_verdict(const char *method, const char *target);

#endif
