/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_PER_TURN 128
/* Hooks may cause work for hooks that ran before them; after so many rounds the rest waits
 * for the next turn, which then does not sleep. */
#define HOOK_ROUNDS 4

struct watch {
	base_loop_fd_fn fn; /* NULL: nobody watches this descriptor */
	void *self;
	uint32_t generation; /* tells a stale event of a closed and reused descriptor */
	uint32_t interest;
};

struct hook {
	base_loop_fn fn; /* NULL: removed while the hooks ran */
	void *self;
};

struct base_timer {
	struct base_loop *loop;
	base_loop_fn fn;
	void *self;
	int64_t due_us;
	size_t index; /* in the heap, from 1; 0 = idle */
};

struct base_loop {
	int epoll_fd;
	int signal_fd;
	bool stopped;
	bool dispatching; /* in events and timers: the hooks are still to come */
	bool hooks_due;
	bool in_hooks;
	int64_t now_us;
	struct watch *watches; /* by descriptor number */
	size_t watch_cap;
	struct base_timer **heap; /* by due time; slot 0 is not used */
	size_t heap_len;
	size_t heap_cap;
	struct hook *hooks;
	size_t hook_len;
	size_t hook_cap;
	void (*signal_fn)(void *self, int signo);
	void *signal_self;
};

/* A loop without its kernel objects is no loop: like memory, their lack ends the role, and
 * the supervisor starts it again. */
static void
require(bool fact)
{
	if (!fact) {
		abort();
	}
}

struct base_loop *
base_loop_new(void)
{
	struct base_loop *loop = base_xcalloc(1, sizeof(*loop));

	loop->signal_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	require(loop->epoll_fd >= 0);
	loop->now_us = base_clock_boot_us();
	(void)signal(SIGPIPE, SIG_IGN);
	return loop;
}

void
base_loop_free(struct base_loop *loop)
{
	if (loop == NULL) {
		return;
	}
	if (loop->signal_fd >= 0) {
		(void)close(loop->signal_fd);
	}
	(void)close(loop->epoll_fd);
	free(loop->watches);
	free(loop->heap);
	free(loop->hooks);
	free(loop);
}

/* --- descriptors --- */

static uint32_t
epoll_bits(unsigned interest)
{
	uint32_t bits = 0;

	if ((interest & BASE_LOOP_READ) != 0) {
		bits |= EPOLLIN;
	}
	if ((interest & BASE_LOOP_WRITE) != 0) {
		bits |= EPOLLOUT;
	}
	return bits;
}

static void
watch_control(struct base_loop *loop, int op, int fd)
{
	const struct watch *watch = &loop->watches[fd];
	struct epoll_event event = {
		.events = epoll_bits(watch->interest),
		.data.u64 = ((uint64_t)watch->generation << 32) | (uint32_t)fd,
	};

	require(epoll_ctl(loop->epoll_fd, op, fd, &event) == 0);
}

static struct watch *
watch_find(const struct base_loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->watch_cap || loop->watches[fd].fn == NULL) {
		return NULL;
	}
	return &loop->watches[fd];
}

void
base_loop_watch(struct base_loop *loop, int fd, unsigned interest, base_loop_fd_fn fn,
    void *self)
{
	struct watch *watch;

	require(fd >= 0 && fn != NULL && watch_find(loop, fd) == NULL);
	if ((size_t)fd >= loop->watch_cap) {
		size_t cap = loop->watch_cap == 0 ? 64 : loop->watch_cap;

		while (cap <= (size_t)fd) {
			cap *= 2;
		}
		loop->watches = base_xreallocarray(loop->watches, cap, sizeof(*loop->watches));
		memset(loop->watches + loop->watch_cap, 0,
		    (cap - loop->watch_cap) * sizeof(*loop->watches));
		loop->watch_cap = cap;
	}
	watch = &loop->watches[fd];
	watch->fn = fn;
	watch->self = self;
	watch->interest = interest;
	watch->generation++;
	watch_control(loop, EPOLL_CTL_ADD, fd);
}

void
base_loop_interest(struct base_loop *loop, int fd, unsigned interest)
{
	struct watch *watch = watch_find(loop, fd);

	require(watch != NULL);
	if (watch->interest == interest) {
		return;
	}
	watch->interest = interest;
	watch_control(loop, EPOLL_CTL_MOD, fd);
}

void
base_loop_unwatch(struct base_loop *loop, int fd)
{
	struct watch *watch = watch_find(loop, fd);

	if (watch == NULL) {
		return;
	}
	watch->fn = NULL;
	watch->self = NULL;
	/* The owner may have closed it already; then the kernel forgot it by itself. */
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void
event_deliver(struct base_loop *loop, const struct epoll_event *event)
{
	int fd = (int)(uint32_t)event->data.u64;
	struct watch *watch = watch_find(loop, fd);
	unsigned events = 0;

	if (watch == NULL || watch->generation != (uint32_t)(event->data.u64 >> 32)) {
		return;
	}
	if ((event->events & EPOLLIN) != 0) {
		events |= BASE_LOOP_READ;
	}
	if ((event->events & EPOLLOUT) != 0) {
		events |= BASE_LOOP_WRITE;
	}
	if ((event->events & (EPOLLHUP | EPOLLERR)) != 0) {
		events |= BASE_LOOP_HUP;
	}
	watch->fn(watch->self, events);
}

/* --- timers: a binary heap, so that the next one is always on top --- */

static void
heap_place(struct base_loop *loop, size_t index, struct base_timer *timer)
{
	loop->heap[index] = timer;
	timer->index = index;
}

static void
heap_up(struct base_loop *loop, size_t index)
{
	struct base_timer *timer = loop->heap[index];

	while (index > 1 && loop->heap[index / 2]->due_us > timer->due_us) {
		heap_place(loop, index, loop->heap[index / 2]);
		index /= 2;
	}
	heap_place(loop, index, timer);
}

static void
heap_down(struct base_loop *loop, size_t index)
{
	struct base_timer *timer = loop->heap[index];

	for (;;) {
		size_t child = index * 2;

		if (child > loop->heap_len) {
			break;
		}
		if (child < loop->heap_len &&
		    loop->heap[child + 1]->due_us < loop->heap[child]->due_us) {
			child++;
		}
		if (loop->heap[child]->due_us >= timer->due_us) {
			break;
		}
		heap_place(loop, index, loop->heap[child]);
		index = child;
	}
	heap_place(loop, index, timer);
}

struct base_timer *
base_timer_new(struct base_loop *loop, base_loop_fn fn, void *self)
{
	struct base_timer *timer = base_xcalloc(1, sizeof(*timer));

	timer->loop = loop;
	timer->fn = fn;
	timer->self = self;
	return timer;
}

void
base_timer_free(struct base_timer *timer)
{
	if (timer == NULL) {
		return;
	}
	base_timer_stop(timer);
	free(timer);
}

void
base_timer_stop(struct base_timer *timer)
{
	struct base_loop *loop = timer->loop;
	size_t index = timer->index;
	struct base_timer *last;

	if (index == 0) {
		return;
	}
	timer->index = 0;
	last = loop->heap[loop->heap_len--];
	if (last != timer) {
		heap_place(loop, index, last);
		heap_up(loop, index);
		heap_down(loop, last->index);
	}
}

void
base_timer_set_us(struct base_timer *timer, int64_t delay_us)
{
	struct base_loop *loop = timer->loop;

	base_timer_stop(timer);
	if (loop->heap_len + 2 > loop->heap_cap) {
		loop->heap_cap = loop->heap_cap == 0 ? 16 : loop->heap_cap * 2;
		loop->heap = base_xreallocarray(loop->heap, loop->heap_cap, sizeof(struct base_timer *));
	}
	/* Not the turn's time: the act that sets a timer may itself have taken long. */
	timer->due_us = base_clock_boot_us() + (delay_us > 0 ? delay_us : 0);
	loop->heap_len++;
	heap_place(loop, loop->heap_len, timer);
	heap_up(loop, loop->heap_len);
}

/* Timers that a timer's function sets to "now" come in the next turn: the bound is the time
 * at which this turn woke up. */
static void
timers_fire(struct base_loop *loop)
{
	while (loop->heap_len > 0 && loop->heap[1]->due_us <= loop->now_us) {
		struct base_timer *timer = loop->heap[1];

		base_timer_stop(timer);
		timer->fn(timer->self);
	}
}

/* --- hooks --- */

void
base_loop_hook(struct base_loop *loop, base_loop_fn fn, void *self)
{
	if (loop->hook_len == loop->hook_cap) {
		loop->hook_cap = loop->hook_cap == 0 ? 16 : loop->hook_cap * 2;
		loop->hooks = base_xreallocarray(loop->hooks, loop->hook_cap, sizeof(*loop->hooks));
	}
	loop->hooks[loop->hook_len++] = (struct hook){fn, self};
}

void
base_loop_unhook(struct base_loop *loop, base_loop_fn fn, void *self)
{
	for (size_t i = 0; i < loop->hook_len; i++) {
		if (loop->hooks[i].fn != fn || loop->hooks[i].self != self) {
			continue;
		}
		if (loop->in_hooks) {
			loop->hooks[i].fn = NULL;
		} else {
			loop->hook_len--;
			memmove(&loop->hooks[i], &loop->hooks[i + 1],
			    (loop->hook_len - i) * sizeof(*loop->hooks));
		}
		return;
	}
}

void
base_loop_again(struct base_loop *loop)
{
	if (!loop->dispatching) {
		loop->hooks_due = true;
	}
}

static void
hooks_run(struct base_loop *loop)
{
	size_t kept = 0;

	loop->in_hooks = true;
	for (int round = 0; round < HOOK_ROUNDS && loop->hooks_due; round++) {
		loop->hooks_due = false;
		for (size_t i = 0; i < loop->hook_len; i++) {
			struct hook hook = loop->hooks[i];

			if (hook.fn != NULL) {
				hook.fn(hook.self);
			}
		}
	}
	loop->in_hooks = false;
	for (size_t i = 0; i < loop->hook_len; i++) {
		if (loop->hooks[i].fn != NULL) {
			loop->hooks[kept++] = loop->hooks[i];
		}
	}
	loop->hook_len = kept;
}

/* --- signals --- */

static void
signals_read(void *self, unsigned events)
{
	struct base_loop *loop = self;
	struct signalfd_siginfo info;

	(void)events;
	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		loop->signal_fn(loop->signal_self, (int)info.ssi_signo);
	}
}

void
base_loop_signals(struct base_loop *loop, void (*fn)(void *self, int signo), void *self)
{
	sigset_t set;

	require(loop->signal_fd < 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	require(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	require(loop->signal_fd >= 0);
	loop->signal_fn = fn;
	loop->signal_self = self;
	base_loop_watch(loop, loop->signal_fd, BASE_LOOP_READ, signals_read, loop);
}

/* --- turning --- */

int64_t
base_loop_now_us(const struct base_loop *loop)
{
	return loop->now_us;
}

static int
events_wait(struct base_loop *loop, struct epoll_event *events, int wait_ms)
{
	int64_t wait_us = wait_ms < 0 ? -1 : (int64_t)wait_ms * 1000;
	struct timespec limit;
	int count;

	if (loop->hooks_due) {
		wait_us = 0;
	}
	if (loop->heap_len > 0) {
		int64_t due_us = loop->heap[1]->due_us - base_clock_boot_us();

		due_us = due_us > 0 ? due_us : 0;
		wait_us = wait_us < 0 || due_us < wait_us ? due_us : wait_us;
	}
	limit.tv_sec = (time_t)(wait_us / 1000000);
	limit.tv_nsec = (long)(wait_us % 1000000) * 1000;
	count = epoll_pwait2(loop->epoll_fd, events, EVENTS_PER_TURN,
	    wait_us < 0 ? NULL : &limit, NULL);
	require(count >= 0 || errno == EINTR);
	return count;
}

void
base_loop_turn(struct base_loop *loop, int wait_ms)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int count;

	if (loop->hooks_due) {
		hooks_run(loop);
	}
	count = events_wait(loop, events, wait_ms);
	loop->now_us = base_clock_boot_us();
	loop->dispatching = true;
	for (int i = 0; i < count; i++) {
		event_deliver(loop, &events[i]);
	}
	timers_fire(loop);
	loop->dispatching = false;
	loop->hooks_due = true;
	hooks_run(loop);
}

void
base_loop_run(struct base_loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped) {
		base_loop_turn(loop, -1);
	}
}

void
base_loop_stop(struct base_loop *loop)
{
	loop->stopped = true;
}
