/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CRL is made when. Once a second the keeper asks the ledger how every CRL stands. What is due it asks for:
 * of the signer when an issuing CA's, of the supervisor (a ceremony) when an environment CA's; the root's needs
 * people, which is logged.
 * - For one issuer no more than one request is under way.
 * - After a failure it waits as crl_plan_backoff_s() says; a problem is logged at its first failure.
 * - Of an issuing CA whose key a signer does not have (MC_ENOTFOUND) nothing is asked until another signer of
 *   its environment comes. A signer that goes takes what it was asked with it: that is asked again.
 * - An issuer beyond KEEPER_ISSUERS_MAX unexpired ones is logged and not served.
 */
#ifndef ROTATION_KEEPER_H
#define ROTATION_KEEPER_H

#include "base/chan.h"
#include "base/loop.h"
#include "base/msg_ctl.h"

/* Environments and their retired issuing CAs: 90 days at 45-day rotation leave three of each. */
#define KEEPER_ISSUERS_MAX 512

struct keeper;

/* Frees its channels too, but not the control channel. NULL is fine. */
void keeper_free(struct keeper *keeper);
/* loop and control outlive it. It asks nobody before keeper_start(). */
struct keeper *keeper_new(struct base_loop *loop, struct base_chan *control) MC_DEALLOC(keeper_free);
/* Asks the ledger now, if it has a channel to one, and every second from now on. */
void keeper_start(struct keeper *keeper);
/* A channel to the ledger, or to the signer of an environment or of the operators, in place of the one that it
 * has. Takes over fd, also on failure. MC_EUSAGE: another peer, or an environment too many or too long. */
enum mc_err keeper_channel(struct keeper *keeper, const struct msg_ctl_channel *msg, int fd);
/* An answer on the control channel: how a ceremony that it asked for (MSG_CTL_WANT_CRL) ended. */
void keeper_answer(struct keeper *keeper, const struct base_item *item);

#endif
