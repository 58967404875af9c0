/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads beside a loop. A job runs on a worker, its completion on the loop's thread.
 * The ledger's writer and reader are pools of one thread; the front's crypto pool has
 * one per core.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"

/* Embedded first in the caller's own job object, which the caller owns throughout. */
struct base_job {
	struct base_job *next;          /* the pool's */
	void (*run)(struct base_job *job, void *worker); /* on a worker thread; see brief */
	void (*done)(struct base_job *job); /* on the loop's thread */
	bool brief; /* takes less than two wake-ups (100 us): alone in an idle pool it runs on the loop's thread */
};

struct base_pool;

/* Drains and joins: every submitted job has run and its done() was called. */
void base_pool_free(struct base_pool *pool);
/* worker_new/worker_free (may be NULL) make and free a per-thread object handed to run(), and one for the loop's
 * thread when a brief job first runs there. Jobs
 * are taken in order, up to take_max at a time per wake-up. All signals are blocked
 * in the workers. */
struct base_pool *base_pool_new(struct base_loop *loop, unsigned threads, unsigned take_max,
    void *(*worker_new)(void *arg), void (*worker_free)(void *worker), void *arg)
    MC_DEALLOC(base_pool_free);
/* From the loop's thread only. Wakes workers at the end of the loop's turn, once. */
void base_pool_submit(struct base_pool *pool, struct base_job *job);
/* Jobs submitted and not yet done. */
unsigned base_pool_pending(const struct base_pool *pool);

#endif
