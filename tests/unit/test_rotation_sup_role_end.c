/* SPDX-License-Identifier: Apache-2.0 */
/* rotation/sup_role.c from the first call to a role to its end and its restart. */
#include "rotation/sup.h"

#include <errno.h>

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

#define FIRST_US 100000 /* of the back-off */
#define LONG_US  (31 * INT64_C(1000000)) /* a process that lived so long was steady */

static unsigned ends, answers;
static enum mc_err answer_status;
static bool answer_item;

static void
on_end(struct sup_proc *proc)
{
	(void)proc;
	ends++;
}

static void
on_answer(void *self, enum mc_err status, const struct base_item *item)
{
	(void)self;
	answers++;
	answer_status = status;
	answer_item = item != NULL;
}

static void
start(void)
{
	ends = answers = 0;
	world_open();
}

static void
call(struct sup_proc *proc, uint16_t type)
{
	static const struct msg_empty empty;

	sup_proc_call(proc, type, &msg_empty_table, &empty, -1, on_answer, NULL);
}

/* --- calls --- */

START_TEST(a_call_has_one_answer)
{
	struct puppet_item *item;
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	world.held[0] = MSG_CTL_CLOCK;
	world.held[1] = MSG_CTL_DRAIN;
	call(proc, MSG_CTL_CLOCK);
	call(proc, MSG_CTL_DRAIN);
	(void)puppet_seek(puppet, MSG_CTL_CLOCK);
	item = puppet_take(puppet, MSG_CTL_DRAIN);
	ck_assert_uint_eq(answers, 0);
	puppet_answer(puppet, item, MC_EBUSY, "later");
	world_turns();
	ck_assert_uint_eq(answers, 1);
	ck_assert_int_eq(answer_status, MC_EBUSY);
	ck_assert(answer_item);
	/* a code that is none of ours is not passed on */
	puppet_answer(puppet, &puppet->items[puppet->first - 2], (enum mc_err)0x7777, "");
	world_turns();
	ck_assert_uint_eq(answers, 2);
	ck_assert_int_eq(answer_status, MC_EINTERNAL);
	world_close();
	ck_assert_uint_eq(answers, 2);
}
END_TEST

START_TEST(a_process_that_ends_fails_its_calls)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	world.held[0] = MSG_CTL_CLOCK;
	call(proc, MSG_CTL_CLOCK);
	call(proc, MSG_CTL_CLOCK);
	UNTIL(puppet_has(puppet, MSG_CTL_CLOCK) == 2);
	puppet_kill_for_long(proc);
	ck_assert_uint_eq(answers, 2);
	ck_assert_int_eq(answer_status, MC_EPEER);
	ck_assert(!answer_item);
	/* and before it runs again one fails at once */
	call(proc, MSG_CTL_CLOCK);
	ck_assert_uint_eq(answers, 3);
	ck_assert_int_eq(answer_status, MC_EPEER);
	world_close();
}
END_TEST

START_TEST(a_refusal_that_nobody_waits_for_is_logged)
{
	static const struct msg_empty empty;
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	world.held[0] = MSG_CTL_CLOCK;
	sup_proc_call(proc, MSG_CTL_CLOCK, &msg_empty_table, &empty, -1, NULL, NULL);
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_CLOCK), MC_ECLOCK, "not a time");
	world_turns();
	ck_assert(world_logged("ctl-clock: clock: not a time"));
	world_close();
}
END_TEST

START_TEST(a_refused_start_is_an_end)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	world.held[0] = MSG_CTL_START;
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_START), MC_EIO, "no such uid");
	UNTIL(proc->backoff_us == FIRST_US);
	ck_assert(world_logged("\"start-refused\""));
	ck_assert(world_logged("no such uid"));
	world_close();
}
END_TEST

START_TEST(what_was_said_last_is_heard)
{
	struct puppet_item *item;
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	world.held[0] = MSG_CTL_CLOCK;
	call(proc, MSG_CTL_CLOCK);
	item = puppet_seek(puppet, MSG_CTL_CLOCK);
	puppet_order(puppet, PUPPET_END);
	UNTIL(proc->pid == 0);
	/* its process is gone; a copy of its end is not, and is waited for a while */
	ck_assert_ptr_nonnull(proc->chan);
	ck_assert_str_eq(proc->detail, "ended with status 3");
	puppet_answer(puppet, item, MC_OK, "");
	UNTIL(answers == 1);
	ck_assert_int_eq(answer_status, MC_OK);
	UNTIL(proc->chan == NULL);
	world_close();
}
END_TEST

START_TEST(a_cut_answer_has_no_detail)
{
	char out[LIMIT_DETAIL + 1], longer[LIMIT_DETAIL + 1];
	struct base_item item = {.payload = base_span_of("\1\0\0\0\3\0\0\0abcd", 12)};

	ck_assert(base_span_equal_str(sup_answer_detail(&item), "abc"));
	item.payload.len = 10;
	ck_assert_uint_eq(sup_answer_detail(&item).len, 0);
	item.payload.len = 3;
	ck_assert_uint_eq(sup_answer_detail(&item).len, 0);
	memset(longer, 'x', sizeof(longer));
	sup_text_set(out, base_span_of(longer, sizeof(longer)));
	ck_assert_uint_eq(strlen(out), LIMIT_DETAIL);
	sup_text_set(out, base_span_of(longer, LIMIT_DETAIL - 1));
	ck_assert_uint_eq(strlen(out), LIMIT_DETAIL - 1);
}
END_TEST

/* --- the end and the restart --- */

START_TEST(each_restart_waits_twice_as_long)
{
	struct sup_proc *proc;

	start();
	(void)world_start(MSG_ROLE_KEEPER, NULL, &proc);
	for (unsigned i = 0; i < 2; i++) {
		int64_t killed_us = base_clock_boot_us();

		puppet_kill(puppet_of(proc));
		UNTIL(proc->restarts == i + 1);
		ck_assert_int_ge(proc->started_us - killed_us, FIRST_US << i);
		ck_assert_int_eq(proc->backoff_us, FIRST_US << i);
		(void)puppet_started(proc);
	}
	/* one that lived long begins anew */
	proc->started_us -= LONG_US;
	puppet_kill(puppet_of(proc));
	UNTIL(proc->restarts == 3);
	ck_assert_int_eq(proc->backoff_us, FIRST_US);
	/* and there is a longest wait */
	(void)puppet_started(proc);
	proc->backoff_us = LIMIT_PROC_RESTART_MAX_S * INT64_C(600000);
	puppet_kill(puppet_of(proc));
	UNTIL(proc->pid == 0 && proc->chan == NULL);
	ck_assert_int_eq(proc->backoff_us, LIMIT_PROC_RESTART_MAX_S * INT64_C(1000000));
	world_close();
}
END_TEST

START_TEST(one_that_is_stopped_ends_for_good)
{
	struct sup_proc *proc, *other;
	struct puppet *puppet;

	start();
	(void)world_start(MSG_ROLE_KEEPER, NULL, &other);
	puppet = world_start(MSG_ROLE_LEDGER, NULL, &proc);
	proc->on_end = on_end;
	ck_assert_ptr_eq(sup_find(&world.sup, MSG_ROLE_LEDGER), proc);
	sup_proc_stop(proc);
	ck_assert_ptr_null(sup_find(&world.sup, MSG_ROLE_LEDGER));
	ck_assert_ptr_nonnull(proc->chan); /* from the loop, not here */
	UNTIL(ends == 1 && puppet->chan == NULL);
	ck_assert_ptr_eq(world.sup.procs, other);
	ck_assert_ptr_null(other->next);
	/* one between two starts, too */
	puppet_kill(puppet_of(other));
	UNTIL(other->pid == 0 && other->chan == NULL);
	other->on_end = on_end;
	sup_proc_stop(other);
	UNTIL(ends == 2);
	ck_assert_ptr_null(world.sup.procs);
	world_close();
}
END_TEST

START_TEST(one_that_does_not_end_is_killed)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	proc->on_end = on_end;
	puppet_order(puppet, PUPPET_STAY);
	sup_proc_stop(proc);
	UNTIL(puppet->chan == NULL);
	world_turns();
	ck_assert_int_eq(kill(puppet->who.pid, 0), 0);
	ck_assert(!world_logged("\"process-killed\""));
	base_timer_set_us(proc->timer, 0); /* SUP_KILL_S later */
	UNTIL(ends == 1);
	ck_assert(world_logged("\"process-killed\""));
	ck_assert(world_logged("signal KILL"));
	world_close();
}
END_TEST

START_TEST(nothing_restarts_while_the_supervisor_stops)
{
	struct sup_proc *proc;

	start();
	(void)world_start(MSG_ROLE_KEEPER, NULL, &proc);
	proc->on_end = on_end;
	world.sup.stopping = true;
	puppet_kill(puppet_of(proc));
	UNTIL(ends == 1);
	ck_assert_ptr_null(world.sup.procs);
	world_close();
}
END_TEST

/* What it did to its listeners ends with it. */
START_TEST(the_end_of_a_front_renews_the_listeners)
{
	struct config_address any = {.host = "127.0.0.1", .port = 0};
	struct sup_proc *front, *keeper;
	int fd;

	start();
	for (size_t i = 0; i < world.sup.listener_count; i++) {
		world.sup.listeners[i].address = any;
	}
	(void)world_start(MSG_ROLE_KEEPER, NULL, &keeper);
	(void)world_start(MSG_ROLE_FRONT, NULL, &front);
	fd = world.sup.listeners[0].fd;
	ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
	puppet_kill(puppet_of(keeper));
	UNTIL(keeper->pid == 0);
	ck_assert_int_eq(accept4(world.sup.listeners[0].fd, NULL, NULL, SOCK_NONBLOCK), -1);
	ck_assert_int_eq(errno, EINVAL);
	puppet_kill(puppet_of(front));
	UNTIL(front->restarts == 1);
	ck_assert_int_eq(accept4(world.sup.listeners[0].fd, NULL, NULL, SOCK_NONBLOCK), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(puppet_has(puppet_started(front), MSG_CTL_LISTENER), 4);
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_role_end", a_call_has_one_answer, a_process_that_ends_fails_its_calls,
    a_refusal_that_nobody_waits_for_is_logged, a_refused_start_is_an_end, what_was_said_last_is_heard,
    a_cut_answer_has_no_detail, each_restart_waits_twice_as_long, one_that_is_stopped_ends_for_good,
    one_that_does_not_end_is_killed, nothing_restarts_while_the_supervisor_stops,
    the_end_of_a_front_renews_the_listeners)
