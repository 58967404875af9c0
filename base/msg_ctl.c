/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg_ctl.h"

#include "base/msg_table.h"

#define CTL_CHANNEL(F, S)                                                       \
	F(S, U8, peer, 0)                                                       \
	F(S, U32, generation, 0)                                                \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_ctl_channel, CTL_CHANNEL)

#define CTL_LISTENER(F, S)                                                      \
	F(S, U8, kind, 0)                                                       \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_ctl_listener, CTL_LISTENER)

#define CTL_KEYFILE(F, S)                                                       \
	F(S, U8, slot, 0)                                                       \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_ctl_keyfile, CTL_KEYFILE)

#define CTL_UNSEAL(F, S)                                                        \
	F(S, U8, slot, 0)                                                       \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, passphrase, LIMIT_PASSPHRASE)
MSG_TABLE(msg_ctl_unseal, CTL_UNSEAL)

#define CTL_CEREMONY(F, S)                                                      \
	F(S, U8, act, 0)                                                        \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_ctl_ceremony, CTL_CEREMONY)

#define CTL_CLOCK(F, S)                                                         \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_ctl_clock, CTL_CLOCK)

#define CTL_STATUS(F, S)                                                        \
	F(S, U8, state, 0)                                                      \
	F(S, SPAN, detail, LIMIT_DETAIL)
MSG_TABLE(msg_ctl_status, CTL_STATUS)

#define CTL_WANT_CRL(F, S)                                                      \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_ctl_want_crl, CTL_WANT_CRL)

#define CTL_PROGRESS(F, S)                                                      \
	F(S, SPAN, text, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_ctl_progress, CTL_PROGRESS)
