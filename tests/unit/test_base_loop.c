/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check_main.h"

static struct base_loop *loop;
static unsigned calls;

struct tube {
	int fds[2];
	unsigned calls;
	unsigned events;
	struct tube *drops; /* unwatched by this one's event */
};

static void
tube_event(void *self, unsigned events)
{
	struct tube *tube = self;
	char byte;

	tube->calls++;
	tube->events = events;
	if ((events & BASE_LOOP_READ) != 0) {
		(void)!read(tube->fds[0], &byte, 1);
	}
	if (tube->drops != NULL) {
		base_loop_unwatch(loop, tube->drops->fds[0]);
	}
}

static void
tube_open(struct tube *tube)
{
	*tube = (struct tube){0};
	ck_assert_int_eq(pipe(tube->fds), 0);
	base_loop_watch(loop, tube->fds[0], BASE_LOOP_READ, tube_event, tube);
}

static void
tube_fill(struct tube *tube)
{
	ck_assert_int_eq(write(tube->fds[1], "x", 1), 1);
}

static void
tube_close(struct tube *tube)
{
	base_loop_unwatch(loop, tube->fds[0]);
	(void)close(tube->fds[0]);
	(void)close(tube->fds[1]);
}

START_TEST(test_events_and_interest)
{
	struct tube tube;

	loop = base_loop_new();
	tube_open(&tube);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(tube.calls, 0);
	tube_fill(&tube);
	base_loop_turn(loop, -1);
	ck_assert_uint_eq(tube.calls, 1);
	ck_assert_uint_eq(tube.events, BASE_LOOP_READ);
	base_loop_interest(loop, tube.fds[0], 0);
	tube_fill(&tube);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(tube.calls, 1);
	base_loop_interest(loop, tube.fds[0], BASE_LOOP_READ);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(tube.calls, 2);
	(void)close(tube.fds[1]);
	tube.fds[1] = -1;
	base_loop_turn(loop, 0);
	ck_assert_uint_ne(tube.events & BASE_LOOP_HUP, 0);
	tube_close(&tube);
	base_loop_free(loop);
}
END_TEST

START_TEST(test_no_event_after_unwatch)
{
	struct tube a;
	struct tube b;

	loop = base_loop_new();
	tube_open(&a);
	tube_open(&b);
	/* Both are ready in one turn; whoever comes first drops the other. */
	a.drops = &b;
	b.drops = &a;
	tube_fill(&a);
	tube_fill(&b);
	base_loop_turn(loop, 0);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(a.calls + b.calls, 1);
	tube_close(&a);
	tube_close(&b);
	base_loop_free(loop);
}
END_TEST

struct swap {
	struct tube first;
	struct tube second;
};

static void
swap_event(void *self, unsigned events)
{
	struct swap *swap = self;
	int number = swap->second.fds[0];

	(void)events;
	/* Closes the other ready descriptor and opens a new one under the same number. */
	tube_close(&swap->second);
	tube_open(&swap->second);
	ck_assert_int_eq(swap->second.fds[0], number);
}

START_TEST(test_stale_event_of_a_reused_number)
{
	struct swap swap;

	loop = base_loop_new();
	tube_open(&swap.first);
	tube_open(&swap.second);
	base_loop_unwatch(loop, swap.first.fds[0]);
	base_loop_watch(loop, swap.first.fds[0], BASE_LOOP_READ, swap_event, &swap);
	tube_fill(&swap.first);
	tube_fill(&swap.second);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(swap.second.calls, 0);
	tube_close(&swap.first);
	tube_close(&swap.second);
	base_loop_free(loop);
}
END_TEST

#define TIMERS 500

struct tick {
	struct base_timer *timer;
	int64_t earliest_us; /* what it is due at lies between these */
	int64_t latest_us;
};

static int64_t last_earliest_us;

static void
tick_fire(void *self)
{
	const struct tick *tick = self;

	calls++;
	ck_assert(base_clock_boot_us() >= tick->earliest_us);
	ck_assert(last_earliest_us <= tick->latest_us);
	last_earliest_us = tick->earliest_us;
}

START_TEST(test_timers_in_order)
{
	static struct tick ticks[TIMERS];
	uint32_t seed = 1;
	unsigned stopped = 0;

	loop = base_loop_new();
	calls = 0;
	last_earliest_us = INT64_MIN;
	for (unsigned i = 0; i < TIMERS; i++) {
		struct tick *tick = &ticks[i];

		tick->timer = base_timer_new(loop, tick_fire, tick);
		/* Set twice: the second time moves it. */
		for (int again = 0; again < 2; again++) {
			int64_t delay_us;

			seed = seed * 1664525 + 1013904223;
			delay_us = (int64_t)((seed >> 16) % 1000) * 50;
			tick->earliest_us = base_clock_boot_us() + delay_us;
			base_timer_set_us(tick->timer, delay_us);
			tick->latest_us = base_clock_boot_us() + delay_us;
		}
	}
	for (unsigned i = 0; i < TIMERS; i += 7) {
		base_timer_stop(ticks[i].timer);
		stopped++;
	}
	while (calls < TIMERS - stopped) {
		base_loop_turn(loop, -1);
	}
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(calls, TIMERS - stopped);
	for (unsigned i = 0; i < TIMERS; i++) {
		base_timer_free(ticks[i].timer);
	}
	base_timer_free(NULL);
	base_loop_free(loop);
}
END_TEST

static void
count_call(void *self)
{
	(void)self;
	calls++;
}

START_TEST(test_timer_wakes_in_microseconds)
{
	struct base_timer *timer;
	int64_t best_us = INT64_MAX;

	loop = base_loop_new();
	calls = 0;
	timer = base_timer_new(loop, count_call, NULL);
	for (unsigned i = 0; i < 20; i++) {
		int64_t start_us = base_clock_boot_us();

		base_timer_set_us(timer, 300);
		while (calls == i) {
			base_loop_turn(loop, -1);
		}
		ck_assert(base_clock_boot_us() - start_us >= 300);
		if (base_clock_boot_us() - start_us < best_us) {
			best_us = base_clock_boot_us() - start_us;
		}
	}
	/* A wait in whole milliseconds would never be under one. */
	ck_assert(best_us < 1000);
	base_timer_free(timer);
	base_loop_free(loop);
}
END_TEST

static void
hook_remove_self(void *self)
{
	calls++;
	base_loop_unhook(loop, hook_remove_self, self);
}

static void
hook_again_once(void *self)
{
	bool *asked = self;

	if (!*asked) {
		*asked = true;
		base_loop_again(loop);
	}
}

START_TEST(test_hooks)
{
	bool asked = false;

	loop = base_loop_new();
	calls = 0;
	base_loop_hook(loop, count_call, NULL);
	base_loop_hook(loop, hook_remove_self, NULL);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(calls, 2);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(calls, 3);
	/* A hook that makes work for one before it: that one runs again in the same turn. */
	base_loop_hook(loop, hook_again_once, &asked);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(calls, 5);
	/* Work from outside a turn: done before the loop sleeps. */
	base_loop_again(loop);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(calls, 7);
	base_loop_unhook(loop, count_call, NULL);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(calls, 7);
	base_loop_free(loop);
}
END_TEST

static int last_signo;

static void
signal_seen(void *self, int signo)
{
	(void)self;
	last_signo = signo;
	base_loop_stop(loop);
}

START_TEST(test_signals_and_stop)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

	loop = base_loop_new();
	base_loop_signals(loop, signal_seen, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ck_assert_int_eq(kill(getpid(), signals[i]), 0);
		base_loop_run(loop);
		ck_assert_int_eq(last_signo, signals[i]);
	}
	ck_assert_int_eq(raise(SIGPIPE), 0);
	base_loop_free(loop);
}
END_TEST

CHECK_MAIN("base_loop", test_events_and_interest, test_no_event_after_unwatch,
    test_stale_event_of_a_reused_number, test_timers_in_order,
    test_timer_wakes_in_microseconds, test_hooks, test_signals_and_stop)
