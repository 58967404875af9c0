/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signer takes over from another: the second starts beside the first with only the ledger to
 * talk to; when it is ready it is wired to front and keeper, which send new requests there at once;
 * the first ends when its last answers are out. No request is refused on the way.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "rotation/sup.h"

struct handover {
	sup_done_fn done; /* NULL once called */
	void *self;
};

struct sup_proc *
sup_signer(struct sup *sup, const char *environment, enum sup_phase phase)
{
	for (struct sup_proc *proc = sup->procs; proc != NULL; proc = proc->next) {
		if (sup_proc_is_signer(proc) && proc->phase == phase &&
		    strcmp(proc->environment, environment) == 0) {
			return proc;
		}
	}
	return NULL;
}

static void
tell(struct handover *handover, enum mc_err status, const char *detail)
{
	sup_done_fn done = handover->done;

	handover->done = NULL;
	if (done != NULL) {
		done(handover->self, status, detail);
	}
}

static void
on_standby_end(struct sup_proc *proc)
{
	struct handover *handover = proc->owner;

	tell(handover, MC_ENOTREADY, proc->detail[0] != '\0' ? proc->detail
	    : "the new signer ended; the old one goes on");
	free(handover);
}

static void
too_slow(struct sup_proc *proc)
{
	sup_proc_stop(proc);
}

static void
drain(struct sup_proc *old)
{
	static const struct msg_empty empty = {0};

	if (old->chan == NULL) {
		/* it is between two starts: there is nothing to drain */
		sup_proc_stop(old);
		return;
	}
	old->phase = SUP_DRAINING;
	old->on_timer = too_slow;
	base_timer_set_us(old->timer, SUP_HANDOVER_S * INT64_C(1000000));
	sup_proc_call(old, MSG_CTL_DRAIN, &msg_empty_table, &empty, -1, NULL, NULL);
}

static void
promote(struct sup_proc *proc)
{
	struct handover *handover = proc->owner;
	struct sup_proc *old = sup_signer(proc->sup, proc->environment, SUP_ACTIVE);
	struct sup_proc *front = sup_find(proc->sup, MSG_ROLE_FRONT);
	struct sup_proc *keeper = sup_find(proc->sup, MSG_ROLE_KEEPER);

	base_timer_stop(proc->timer);
	proc->phase = SUP_ACTIVE;
	proc->on_state = NULL;
	proc->on_end = NULL;
	proc->owner = NULL;
	if (front != NULL && front->chan != NULL) {
		sup_wire(proc, front);
	}
	if (keeper != NULL && keeper->chan != NULL) {
		sup_wire(proc, keeper);
	}
	if (old != NULL) {
		drain(old);
	}
	base_log(LOG_LVL_INFO, "signer-handed-over", LOG_STR("of", proc->environment),
	    LOG_INT("generation", proc->generation), LOG_END);
	tell(handover, MC_OK, "");
	free(handover);
}

static void
on_standby_state(struct sup_proc *proc)
{
	struct handover *handover = proc->owner;

	if (proc->state == MSG_RS_READY) {
		promote(proc);
	} else if (proc->state == MSG_RS_SEALED) {
		base_timer_stop(proc->timer);
		tell(handover, MC_ESEALED,
		    "the new signer is sealed and takes over when it is unsealed; run meshca unseal");
	}
}

void
sup_handover(struct sup *sup, const char *environment, struct base_span passphrase,
    sup_done_fn done, void *self)
{
	struct sup_proc *old = sup_signer(sup, environment, SUP_ACTIVE);
	struct sup_proc *waiting = sup_signer(sup, environment, SUP_STANDBY);
	struct handover *handover;
	struct sup_proc *proc;

	if (waiting != NULL) {
		sup_proc_stop(waiting);
	}
	if (old != NULL && old->chan == NULL) {
		/* nothing runs that could be handed over from */
		base_secret_free(old->passphrase);
		old->passphrase = passphrase.len > 0 ? sup_keys_copy(passphrase) : NULL;
		if (old->pid == 0) {
			base_timer_stop(old->timer);
			sup_proc_start(old);
		}
		done(self, MC_OK, "");
		return;
	}
	handover = base_xcalloc(1, sizeof(*handover));
	handover->done = done;
	handover->self = self;
	proc = sup_proc_add(sup, strcmp(environment, CONFIG_OPERATORS) == 0 ? MSG_ROLE_OPERATORS
	    : MSG_ROLE_SIGNER, environment);
	proc->phase = SUP_STANDBY;
	proc->owner = handover;
	proc->on_state = on_standby_state;
	proc->on_end = on_standby_end;
	proc->passphrase = passphrase.len > 0 ? sup_keys_copy(passphrase) : NULL;
	proc->on_timer = too_slow;
	base_timer_set_us(proc->timer, SUP_HANDOVER_S * INT64_C(1000000));
	sup_proc_start(proc);
	if (proc->chan == NULL) {
		sup_proc_stop(proc);
	}
}
