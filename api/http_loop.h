/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a libmicrohttpd daemon (MHD_USE_EPOLL, no thread of its own) on our loop: its epoll
 * descriptor is watched, its timeout is a timer.
 */
#ifndef API_HTTP_LOOP_H
#define API_HTTP_LOOP_H

#include "base/err.h"
#include "base/loop.h"

struct MHD_Daemon;
struct http_loop;

/* Stops the daemon, too; no connection may be suspended. */
void http_loop_free(struct http_loop *http);
/* Takes over daemon. Returns NULL, records MC_EIO and leaves daemon to the caller when it has no
 * epoll descriptor. */
struct http_loop *http_loop_new(struct base_loop *loop, struct MHD_Daemon *daemon)
    MC_DEALLOC(http_loop_free);
/* There is work that no descriptor tells of (a connection was added or resumed): run in this turn or
 * the next, never from inside this call. */
void http_loop_kick(struct http_loop *http);

#endif
