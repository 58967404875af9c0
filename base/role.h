/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every role program does the same way (base/msg_ctl.h): harden memory, open the log, say HELLO on the
 * control channel, take what is handed over, drop ids at START, report state, exit when the supervisor
 * is gone. A role's main fills in struct role_ops and calls role_run().
 */
#ifndef BASE_ROLE_H
#define BASE_ROLE_H

#include "base/chan.h"
#include "base/config.h"
#include "base/loop.h"
#include "base/msg_ctl.h"

struct role;

/* Each slot answers its control message with what it returns. A NULL slot: the message is refused and the
 * supervisor hung up on. `self` is the role's own object. */
struct role_ops {
	enum msg_role role;
	const char *name;     /* for logs: "keeper" */
	bool holds_ca_key;    /* lock all memory */
	/* must: takes over config (also on failure), and sets the log level and environment
	 * (base_log_open). First call before anything else; later calls are
	 * reloads, and a failure keeps the old one. */
	enum mc_err (*config)(void *self, struct config *config);
	/* must: a channel to a peer; takes over fd (also on failure) */
	enum mc_err (*channel)(void *self, const struct msg_ctl_channel *msg, int fd);
	/* may: take over fd */
	enum mc_err (*listener)(void *self, const struct msg_ctl_listener *msg, int fd);
	enum mc_err (*keyfile)(void *self, const struct msg_ctl_keyfile *msg, int fd);
	/* may: the passphrase is in the frame, which is wiped after the call */
	enum mc_err (*unseal)(void *self, const struct msg_ctl_unseal *msg);
	/* must: everything is there; on return the role serves. Ids were dropped before. */
	enum mc_err (*start)(void *self);
	/* must: which ids to drop to at START; uid 0: keep the present ones */
	void (*ids)(void *self, uid_t *uid, gid_t *gid);
	/* may: the wall clock is right */
	enum mc_err (*clock)(void *self);
	/* may: finish what is under way, then call role_drained(); without the slot the answer comes at
	 * once */
	void (*drain)(void *self);
	/* may: further requests that the role takes on the control channel; called with self. A control message
	 * that is among them is the role's own to answer. */
	const struct msg_permit *permits;
	size_t permit_count;
	/* may: answers to the role's own requests there, but for STATUS */
	void (*answer)(void *self, const struct base_item *item);
};

/* Runs the role until the supervisor closes the control channel or says stop; returns the exit status.
 * make() builds the role's object once loop and log exist; free_self may be NULL. */
int role_run(const struct role_ops *ops, void *(*make)(struct role *role), void (*free_self)(void *self));

struct base_loop *role_loop(struct role *role);
struct base_chan *role_control(struct role *role);
/* Sends MSG_CTL_STATUS when state or detail differ from the last report. */
void role_status(struct role *role, enum msg_role_state state, const char *detail);
/* Answers the pending MSG_CTL_DRAIN. */
void role_drained(struct role *role);

#endif
