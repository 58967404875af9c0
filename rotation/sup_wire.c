/* SPDX-License-Identifier: Apache-2.0 */
/* Who talks to whom: makes a channel pair and hands each end to its process. */
#include <unistd.h>

#include "base/log.h"
#include "rotation/sup.h"

static bool
talks_to(const struct sup_proc *a, const struct sup_proc *b)
{
	switch (a->role) {
	case MSG_ROLE_FRONT:
	case MSG_ROLE_KEEPER:
		return b->role == MSG_ROLE_LEDGER ||
		    (sup_proc_is_signer(b) && b->phase == SUP_ACTIVE);
	case MSG_ROLE_SIGNER:
	case MSG_ROLE_OPERATORS:
	case MSG_ROLE_CEREMONY:
		return b->role == MSG_ROLE_LEDGER;
	case MSG_ROLE_LEDGER:
	case MSG_ROLE_SUPERVISOR:
	case MSG_ROLE_INVALID:
	default:
		return false;
	}
}

static void
tell(struct sup_proc *to, const struct sup_proc *peer, uint32_t generation, int fd)
{
	struct msg_ctl_channel msg = {.peer = (uint8_t)peer->role, .generation = generation};

	if (sup_proc_is_signer(peer)) {
		msg.environment = base_span_str(peer->environment);
	}
	sup_proc_call(to, MSG_CTL_CHANNEL, &msg_ctl_channel_table, &msg, fd, NULL, NULL);
}

void
sup_wire(struct sup_proc *a, struct sup_proc *b)
{
	uint32_t generation = a->generation > b->generation ? a->generation : b->generation;
	int fds[2];

	if (base_chan_pair(fds) != MC_OK) {
		base_log_err(LOG_LVL_ERROR, "channel-not-made", mc_err_last()->code);
		return;
	}
	tell(a, b, generation, fds[0]);
	tell(b, a, generation, fds[1]);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

void
sup_wire_peers(struct sup_proc *proc)
{
	for (struct sup_proc *peer = proc->sup->procs; peer != NULL; peer = peer->next) {
		if (peer != proc && peer->chan != NULL && peer->phase != SUP_STOPPING &&
		    (talks_to(proc, peer) || talks_to(peer, proc))) {
			sup_wire(proc, peer);
		}
	}
}
