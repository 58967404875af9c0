/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of a role: epoll, timers, and hooks that run once at the end of
 * every turn (where channels flush what the turn queued: batches cost one system call).
 * One thread only; other threads reach it through base_pool.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct base_loop;
struct base_timer;

#define BASE_LOOP_READ 1u
#define BASE_LOOP_WRITE 2u
#define BASE_LOOP_HUP 4u /* always reported */

typedef void (*base_loop_fd_fn)(void *self, unsigned events);
typedef void (*base_loop_fn)(void *self);

void base_loop_free(struct base_loop *loop);
struct base_loop *base_loop_new(void) MC_DEALLOC(base_loop_free);

/* Watches fd (not owned). One watch per fd. fn may drop any watch, also its own; no event
 * is delivered after base_loop_unwatch. interest: BASE_LOOP_READ | BASE_LOOP_WRITE. */
void base_loop_watch(struct base_loop *loop, int fd, unsigned interest, base_loop_fd_fn fn,
    void *self);
void base_loop_interest(struct base_loop *loop, int fd, unsigned interest);
void base_loop_unwatch(struct base_loop *loop, int fd);

/* A timer on the boot clock; created idle. free(NULL) is fine. O(log n). */
void base_timer_free(struct base_timer *timer);
struct base_timer *base_timer_new(struct base_loop *loop, base_loop_fn fn, void *self)
    MC_DEALLOC(base_timer_free);
void base_timer_set_us(struct base_timer *timer, int64_t delay_us); /* once, from now */
void base_timer_stop(struct base_timer *timer);

/* Calls fn at the end of every turn until removed by the same pair. */
void base_loop_hook(struct base_loop *loop, base_loop_fn fn, void *self);
void base_loop_unhook(struct base_loop *loop, base_loop_fn fn, void *self);
/* Says that there is work for hooks. Free while events and timers are being delivered, since the
 * hooks come anyway; called from a hook or outside a turn it makes them run once more
 * before the loop sleeps. */
void base_loop_again(struct base_loop *loop);

/* Boot time in microseconds, read once per turn. (Timers count from the moment they are set.) */
int64_t base_loop_now_us(const struct base_loop *loop);

/* SIGTERM, SIGINT, SIGHUP, SIGCHLD arrive here (signalfd). SIGPIPE is ignored. */
void base_loop_signals(struct base_loop *loop, void (*fn)(void *self, int signo), void *self);

/* Turns until base_loop_stop(). */
void base_loop_run(struct base_loop *loop);
/* One turn that waits at most wait_ms (0 polls, -1 waits for ever): for tests. */
void base_loop_turn(struct base_loop *loop, int wait_ms);
void base_loop_stop(struct base_loop *loop);

#endif
