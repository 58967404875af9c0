/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel between two of our processes: frames over an AF_UNIX SOCK_SEQPACKET pair.
 *
 * frame:  le16 version (BASE_CHAN_VERSION) | le16 item count (1..LIMIT_FRAME_ITEMS) | items
 * item:   le16 type | le16 flags | le32 payload length | le64 correlation | payload
 *
 * Types: requests are even, their answers odd = request + 1 (base/msg.h). A request takes one credit
 * of the channel's window until its last answer item (no ITEM_MORE) has come; an
 * answer needs no credit of its own, so requests cannot starve answers: what a side
 * must be ready to queue for sending is bounded by the window it granted.
 * A peer that breaks any rule here is dropped: on_gone is called with MC_EFRAME.
 *
 * Sends never block: items gather in the current frame, which goes out when it is full or at
 * the end of the loop's turn; what the socket does not take waits in memory.
 */
#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include "base/limits.h"
#include "base/loop.h"
#include "base/span.h"

#define BASE_CHAN_VERSION 1
#define BASE_CHAN_HELLO 2 /* the type that takes no credit and has no answer (MSG_HELLO) */
#define BASE_ITEM_MORE 1u /* flag on an answer: further items follow for this request */

struct base_chan;

struct base_item {
	uint16_t type;
	uint16_t flags;
	uint64_t corr;
	struct base_span payload; /* valid until the handler returns */
	int fd;                   /* -1, or a descriptor that the handler now owns */
};

/* Called once per item in order, after its whole frame was found well-formed. Returns MC_OK;
 * anything else drops the peer. The handler may queue answers on the same channel;
 * it must not free the channel. */
typedef enum mc_err (*base_chan_item_fn)(void *self, struct base_chan *chan,
    const struct base_item *item);
/* Called once, at the end of the turn, when the peer is gone (MC_EPEER) or broke a rule
 * (MC_EFRAME). Requests under way get no answers any more. The callee may free the channel. */
typedef void (*base_chan_gone_fn)(void *self, struct base_chan *chan, enum mc_err why);

/* Makes a connected pair of non-blocking, close-on-exec SEQPACKET sockets with send buffers for
 * at least four frames. Returns MC_OK or MC_EIO. */
enum mc_err base_chan_pair(int fds[2]) MC_MUST_CHECK;

/* Sends what is queued as far as the socket takes it, and closes. on_gone is not called. NULL is fine. */
void base_chan_free(struct base_chan *chan);
/* Takes over fd. loop may be NULL for blocking use with base_chan_call() only. */
struct base_chan *base_chan_new(struct base_loop *loop, int fd, base_chan_item_fn on_item,
    base_chan_gone_fn on_gone, void *self) MC_DEALLOC(base_chan_free);

/* True while another request fits the window. */
bool base_chan_has_credit(const struct base_chan *chan);
/* Requests sent whose last answer has not come. */
unsigned base_chan_pending(const struct base_chan *chan);

/* Queues one item. A request (even type) takes a credit; the caller checked
 * base_chan_has_credit(). The payload is copied, at most LIMIT_FRAME - 20 bytes.
 * Returns MC_OK, MC_EBUSY (no credit), MC_ETOOBIG, MC_EPEER when the peer is gone or does not
 * read (LIMIT_CHAN_QUEUE), or MC_EINTERNAL: a correlation in use, an answer to no request. */
enum mc_err base_chan_send(struct base_chan *chan, uint16_t type, uint16_t flags, uint64_t corr,
    struct base_span payload) MC_MUST_CHECK;
/* The same with a descriptor, which the channel duplicates; goes in a frame of its own. */
enum mc_err base_chan_send_fd(struct base_chan *chan, uint16_t type, uint64_t corr,
    struct base_span payload, int fd) MC_MUST_CHECK;
/* Sends what is queued now instead of at the end of the turn. */
void base_chan_flush(struct base_chan *chan);

/* For programs without a loop (ceremony, CLI): sends one request, waits at most timeout_ms for
 * answers, calls on_item (may be NULL) for each, returns after the last. Returns MC_OK, MC_EPEER,
 * MC_EFRAME, MC_EDEADLINE, or on_item's error. */
enum mc_err base_chan_call(struct base_chan *chan, uint16_t type, struct base_span payload,
    int timeout_ms, enum mc_err (*on_item)(void *self, const struct base_item *item), void *self)
    MC_MUST_CHECK;

#endif
