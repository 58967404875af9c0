/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end: which roles there are, and in which order they start and stop. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "rotation/sup.h"

/* --- the beginning --- */
void
sup_life_start(struct sup *sup)
{
	const struct config *config = sup->config;
	struct sup_proc *keeper;

	sup_proc_start(sup_proc_add(sup, MSG_ROLE_LEDGER, NULL));
	for (size_t i = 0; i < config->environment_count; i++) {
		sup_proc_start(sup_proc_add(sup, MSG_ROLE_SIGNER, config->environments[i].name));
	}
	sup_proc_start(sup_proc_add(sup, MSG_ROLE_OPERATORS, CONFIG_OPERATORS));
	keeper = sup_proc_add(sup, MSG_ROLE_KEEPER, NULL);
	keeper->on_request = sup_crl_request;
	sup_proc_start(keeper);
	sup_proc_start(sup_proc_add(sup, MSG_ROLE_FRONT, NULL));
}

/* --- the end --- */
static void
hang_up_all(struct sup *sup, bool ledger)
{
	for (struct sup_proc *proc = sup->procs; proc != NULL; proc = proc->next) {
		if ((proc->role == MSG_ROLE_LEDGER) == ledger && proc->phase != SUP_STOPPING) {
			sup_proc_stop(proc);
		}
	}
}

/* The ledger ends last: the others' last signatures still reach it. */
static void
on_turn(void *self)
{
	struct sup *sup = self;

	if (sup->procs == NULL) {
		base_loop_stop(sup->loop);
	} else if (sup->procs->role == MSG_ROLE_LEDGER && sup->procs->next == NULL) {
		hang_up_all(sup, true);
	}
}

static void
on_front_drained(void *self, enum mc_err status, const struct base_item *item)
{
	struct sup *sup = self;

	(void)status;
	(void)item;
	hang_up_all(sup, false);
}

static void
front_too_slow(struct sup_proc *front)
{
	base_log(LOG_LVL_WARN, "drain-cut-short", LOG_INT("seconds", SUP_DRAIN_S), LOG_END);
	hang_up_all(front->sup, false);
}

void
sup_life_stop(struct sup *sup)
{
	static const struct msg_empty empty = {0};
	struct sup_proc *front = sup_find(sup, MSG_ROLE_FRONT);

	if (sup->stopping) {
		return;
	}
	sup->stopping = true;
	base_loop_hook(sup->loop, on_turn, sup);
	base_log(LOG_LVL_INFO, "stopping", LOG_END);
	if (front == NULL || front->chan == NULL) {
		hang_up_all(sup, false);
		return;
	}
	front->on_timer = front_too_slow;
	base_timer_set_us(front->timer, SUP_DRAIN_S * INT64_C(1000000));
	sup_proc_call(front, MSG_CTL_DRAIN, &msg_empty_table, &empty, -1, on_front_drained, sup);
}

/* --- signals --- */
static void
on_reloaded(void *self, enum mc_err status, const char *detail)
{
	(void)self;
	(void)status;
	(void)detail; /* logged where it happened */
}

void
sup_life_signal(void *self, int signo)
{
	struct sup *sup = self;

	if (signo == SIGCHLD) {
		sup_reap(sup);
	} else if (signo == SIGHUP) {
		if (sup->serving && !sup->stopping) {
			sup_reload(sup, &(struct sup_asker){"SIGHUP", "signal"}, on_reloaded, NULL);
		}
	} else if (sup->serving) {
		sup_life_stop(sup);
	} else {
		(void)fprintf(stderr, "meshcad: interrupted by SIG%s; run the same command again\n",
		    sigabbrev_np(signo));
		base_loop_stop(sup->loop);
	}
}
