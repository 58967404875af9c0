/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admission.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define WAIT_US (LIMIT_ADMISSION_WAIT_MS * (int64_t)1000)
#define CALLER_SHARE 8

struct admission_caller {
	struct hash32_node node;
	struct admission_caller *prev, *next; /* the ring of callers who wait */
	struct admission_entry *first, *last;
	unsigned count;
};

struct admission {
	struct base_loop *loop;
	struct base_timer *timer;
	unsigned window;
	unsigned queue_max;
	unsigned under_way;
	unsigned waiting;
	struct hash32 callers;
	struct admission_caller *turn; /* whose entry is next */
	struct admission_entry *oldest, *newest;
};

static void
caller_unlink(struct admission *admission, struct admission_caller *caller)
{
	if (caller->next == caller) {
		admission->turn = NULL;
	} else {
		caller->prev->next = caller->next;
		caller->next->prev = caller->prev;
		if (admission->turn == caller) {
			admission->turn = caller->next;
		}
	}
	hash32_remove(&admission->callers, &caller->node);
	free(caller);
}

static struct admission_caller *
caller_get(struct admission *admission, const uint8_t key[32])
{
	struct admission_caller *caller =
	    (struct admission_caller *)hash32_find(&admission->callers, key);

	if (caller != NULL) {
		return caller;
	}
	caller = base_xcalloc(1, sizeof(*caller));
	base_copy(caller->node.key, key, sizeof(caller->node.key));
	hash32_add(&admission->callers, &caller->node);
	if (admission->turn == NULL) {
		caller->prev = caller;
		caller->next = caller;
		admission->turn = caller;
	} else {
		/* last of the round */
		caller->next = admission->turn;
		caller->prev = admission->turn->prev;
		caller->prev->next = caller;
		caller->next->prev = caller;
	}
	return caller;
}

/* Takes a waiting entry out of both lists. */
static void
entry_unlink(struct admission *admission, struct admission_entry *entry)
{
	struct admission_caller *caller = entry->caller;
	struct admission_entry *before = NULL;
	struct admission_entry *at = caller->first;

	while (at != entry) {
		before = at;
		at = at->next;
	}
	if (before != NULL) {
		before->next = entry->next;
	} else {
		caller->first = entry->next;
	}
	if (caller->last == entry) {
		caller->last = before;
	}
	if (entry->older != NULL) {
		entry->older->newer = entry->newer;
	} else {
		admission->oldest = entry->newer;
	}
	if (entry->newer != NULL) {
		entry->newer->older = entry->older;
	} else {
		admission->newest = entry->older;
	}
	entry->caller = NULL;
	admission->waiting--;
	caller->count--;
	if (caller->count == 0) {
		caller_unlink(admission, caller);
	}
}

static void
run_next(struct admission *admission)
{
	while (admission->under_way < admission->window && admission->turn != NULL) {
		struct admission_caller *caller = admission->turn;
		struct admission_entry *entry = caller->first;

		admission->turn = caller->next;
		entry_unlink(admission, entry);
		admission->under_way++;
		entry->run(entry);
	}
}

static void
on_timer(void *self)
{
	struct admission *admission = self;
	int64_t now_us = base_loop_now_us(admission->loop);

	while (admission->oldest != NULL && now_us - admission->oldest->since_us >= WAIT_US) {
		struct admission_entry *entry = admission->oldest;

		entry_unlink(admission, entry);
		entry->refuse(entry);
	}
	if (admission->oldest != NULL) {
		base_timer_set_us(admission->timer,
		    admission->oldest->since_us + WAIT_US - now_us);
	}
}

enum mc_err
admission_enter(struct admission *admission, struct admission_entry *entry,
    const uint8_t key[32])
{
	struct admission_caller *caller;

	if (admission->turn == NULL && admission->under_way < admission->window) {
		admission->under_way++;
		entry->run(entry);
		return MC_OK;
	}
	if (admission->waiting >= admission->queue_max) {
		return MC_FAIL(MC_EBUSY, "%u requests wait", admission->waiting);
	}
	caller = caller_get(admission, key);
	if (caller->count >= admission->queue_max / CALLER_SHARE) {
		return MC_FAIL(MC_EBUSY, "%u requests of this caller wait", caller->count);
	}
	entry->caller = caller;
	entry->since_us = base_loop_now_us(admission->loop);
	entry->next = NULL;
	if (caller->last != NULL) {
		caller->last->next = entry;
	} else {
		caller->first = entry;
	}
	caller->last = entry;
	caller->count++;
	entry->newer = NULL;
	entry->older = admission->newest;
	if (admission->newest != NULL) {
		admission->newest->newer = entry;
	} else {
		admission->oldest = entry;
		base_timer_set_us(admission->timer, WAIT_US);
	}
	admission->newest = entry;
	admission->waiting++;
	return MC_OK;
}

void
admission_cancel(struct admission *admission, struct admission_entry *entry)
{
	if (entry->caller != NULL) {
		entry_unlink(admission, entry);
	}
}

void
admission_leave(struct admission *admission)
{
	admission->under_way--;
	run_next(admission);
}

unsigned
admission_waiting(const struct admission *admission)
{
	return admission->waiting;
}

unsigned
admission_under_way(const struct admission *admission)
{
	return admission->under_way;
}

struct admission *
admission_new(struct base_loop *loop, unsigned window, unsigned queue_max)
{
	struct admission *admission = base_xcalloc(1, sizeof(*admission));

	admission->loop = loop;
	admission->window = window;
	admission->queue_max = queue_max;
	admission->timer = base_timer_new(loop, on_timer, admission);
	hash32_init(&admission->callers);
	return admission;
}

void
admission_free(struct admission *admission)
{
	if (admission == NULL) {
		return;
	}
	base_timer_free(admission->timer);
	hash32_clear(&admission->callers);
	free(admission);
}
