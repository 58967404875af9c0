/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission to one environment's issuance: so many under way, the others wait in a bounded
 * queue, served in turn by caller, so that one busy caller delays itself only. Waiting is
 * better than refusing: Istio's agents re-dial TLS after every refusal.
 */
#ifndef API_ADMISSION_H
#define API_ADMISSION_H

#include "api/hash32.h"
#include "base/loop.h"

struct admission;
struct admission_caller;

/* Embedded in the caller's request. Zeroed before the first use. */
struct admission_entry {
	struct admission_entry *next;          /* of the same caller */
	struct admission_entry *older, *newer; /* of all */
	struct admission_caller *caller;       /* NULL: not waiting */
	int64_t since_us;
	void *self;                            /* the caller's */
	/* Its turn: the request is under way until admission_leave(). */
	void (*run)(struct admission_entry *entry);
	/* Waited LIMIT_ADMISSION_WAIT_MS in vain: MC_EBUSY. */
	void (*refuse)(struct admission_entry *entry);
};

/* No request waits or is under way any more. */
void admission_free(struct admission *admission);
/* At most `window` under way and `queue_max` waiting, of one caller an eighth of these. */
struct admission *admission_new(struct base_loop *loop, unsigned window, unsigned queue_max)
    MC_DEALLOC(admission_free);
/* caller: 32 bytes that say who it is. May call run() at once. Returns MC_OK (run or refuse will be called,
 * or admission_cancel) or MC_EBUSY: the queue is full. */
enum mc_err admission_enter(struct admission *admission, struct admission_entry *entry,
    const uint8_t caller[32]) MC_MUST_CHECK;
/* The request goes away while it waits; nothing happens if it does not wait. */
void admission_cancel(struct admission *admission, struct admission_entry *entry);
/* A request under way has ended: the next may run. */
void admission_leave(struct admission *admission);
unsigned admission_waiting(const struct admission *admission);
unsigned admission_under_way(const struct admission *admission);

#endif
