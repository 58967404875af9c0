/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Front's client side of its channels: one link per peer (the ledger, each environment's signer). A link
 * outlives its channel: the supervisor hands in a new channel when the peer was restarted
 * or a signer is handed over; new calls go to the newest, calls under way finish on the
 * old one, which is closed when it has none left.
 */
#ifndef API_LINK_H
#define API_LINK_H

#include "base/chan.h"
#include "base/msg.h"

struct link;

/* One answer item. status is the answer's; item is NULL on MC_EPEER (the peer died) and MC_EDEADLINE (it
 * did not answer in time). more: further items follow. Called exactly once with more == false. */
typedef void (*link_answer_fn)(void *self, enum mc_err status, const struct base_item *item, bool more);

/* Closes the channels. Calls under way get no answer any more. Not from inside an answer function. */
void link_free(struct link *link);
struct link *link_new(struct base_loop *loop, enum msg_role peer, const char *environment)
    MC_DEALLOC(link_free);
/* Takes over fd and greets as the front; the peer must greet as what the link was made for, or is
 * dropped. A lower generation than the current one is closed at once. */
void link_attach(struct link *link, int fd, uint32_t generation);
bool link_is_up(const struct link *link);
bool link_has_credit(const struct link *link);

/* Sends a request. Without credit or peer it waits in a queue of at most LIMIT_CHAN_WINDOW calls until
 * timeout_ms (noticed up to 20 ms late; 0 with no peer refuses at once). Returns MC_OK (fn will be called) or MC_EBUSY, MC_ENOTREADY, MC_ETOOBIG (it will not). */
enum mc_err link_call(struct link *link, uint16_t type, const struct msg_table *table, const void *object,
    int timeout_ms, link_answer_fn fn, void *self) MC_MUST_CHECK;
/* The answers of these calls go nowhere: self is going away. */
void link_forget(struct link *link, const void *self);

#endif
