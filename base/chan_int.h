/* SPDX-License-Identifier: Apache-2.0 */
/* What base/chan*.c and base/msg.c need of a channel beyond base/chan.h. */
#ifndef BASE_CHAN_INT_H
#define BASE_CHAN_INT_H

#include "base/chan.h"

/* Does all of base_chan_send() but for the payload: *payload is room for len bytes in the frame,
 * which the caller fills before it calls anything else of the channel. On failure it
 * is untouched. Returns what base_chan_send() returns. */
enum mc_err base_chan_reserve(struct base_chan *chan, const struct base_item *head, size_t len,
    uint8_t **payload) MC_MUST_CHECK;

struct msghdr;
/* Takes the descriptors out of a received message: *fd is the only one, or -1. Returns false, with
 * all of them closed, when there are several or some were cut off. */
bool chan_fds_take(struct msghdr *msg, int *fd);

#endif
