/* SPDX-License-Identifier: Apache-2.0 */
#include "api/link.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Calls at once: a full window on the present channel, one on the one before, the waiting queue, and
 * as many again that timed out and whose late answers must still be recognised. */
#define CALLS_MAX (4 * LIMIT_CHAN_WINDOW)
#define CALLS_FIRST 64
/* How late a deadline may be noticed: one timer for all calls instead of one each. */
#define SWEEP_US 20000

struct line {
	struct line *next;
	struct link *link;
	struct base_chan *chan;
	uint32_t generation;
	bool greeted;
};

enum call_state { CALL_FREE = 0, CALL_WAITING, CALL_SENT };

struct call {
	enum call_state state;
	uint16_t type;
	uint64_t corr;
	int64_t due_us;
	link_answer_fn fn; /* NULL: timed out or forgotten; the answer goes nowhere */
	void *self;
	const struct line *line; /* CALL_SENT */
	struct base_buf request; /* CALL_WAITING */
	size_t next;             /* index in the free list or the waiting queue; NONE ends it */
};
#define NONE SIZE_MAX

struct link {
	struct base_loop *loop;
	enum msg_role peer;
	char *environment;
	struct line *lines; /* newest first: new calls go to the first */
	struct base_timer *sweep;
	struct base_timer *retire;
	bool sweeping;
	uint64_t sequence;
	struct call *calls; /* grown to CALLS_MAX; a correlation holds an index into it */
	size_t call_cap;
	size_t call_count; /* not free */
	size_t free_head;
	size_t wait_head;
	size_t wait_tail;
	unsigned wait_count;
};

/* --- calls --- */

static bool
calls_grow(struct link *link)
{
	size_t cap = link->call_cap == 0 ? CALLS_FIRST : link->call_cap * 2;

	if (cap > CALLS_MAX) {
		return false;
	}
	link->calls = base_xreallocarray(link->calls, cap, sizeof(*link->calls));
	memset(link->calls + link->call_cap, 0, (cap - link->call_cap) * sizeof(*link->calls));
	for (size_t i = cap; i > link->call_cap; i--) {
		base_buf_init(&link->calls[i - 1].request, LIMIT_FRAME);
		link->calls[i - 1].next = link->free_head;
		link->free_head = i - 1;
	}
	link->call_cap = cap;
	return true;
}

/* NONE when there are too many. */
static size_t
call_take(struct link *link)
{
	size_t index;

	if (link->free_head == NONE && !calls_grow(link)) {
		return NONE;
	}
	index = link->free_head;
	link->free_head = link->calls[index].next;
	link->call_count++;
	link->calls[index].next = NONE;
	link->calls[index].corr = ++link->sequence << 16 | index;
	return index;
}

static void
call_release(struct link *link, size_t index)
{
	struct call *call = &link->calls[index];

	base_buf_clear(&call->request);
	call->state = CALL_FREE;
	call->fn = NULL;
	call->self = NULL;
	call->line = NULL;
	call->next = link->free_head;
	link->free_head = index;
	link->call_count--;
}

static void
wait_add(struct link *link, size_t index)
{
	if (link->wait_tail == NONE) {
		link->wait_head = index;
	} else {
		link->calls[link->wait_tail].next = index;
	}
	link->wait_tail = index;
	link->wait_count++;
}

static void
wait_remove(struct link *link, size_t index)
{
	size_t before = NONE;
	size_t at = link->wait_head;

	while (at != index) {
		before = at;
		at = link->calls[at].next;
	}
	if (before == NONE) {
		link->wait_head = link->calls[index].next;
	} else {
		link->calls[before].next = link->calls[index].next;
	}
	if (link->wait_tail == index) {
		link->wait_tail = before;
	}
	link->calls[index].next = NONE;
	link->wait_count--;
}

/* Ends a call whose answer will not come, or no longer matters, with a status of ours. */
static void
call_fail(struct link *link, size_t index, enum mc_err status)
{
	link_answer_fn fn = link->calls[index].fn;
	void *self = link->calls[index].self;

	call_release(link, index);
	if (fn != NULL) {
		fn(self, status, NULL, false);
	}
}

/* --- deadlines --- */

static void
sweep_arm(struct link *link)
{
	if (!link->sweeping) {
		link->sweeping = true;
		base_timer_set_us(link->sweep, SWEEP_US);
	}
}

static void
call_time_out(struct link *link, size_t index)
{
	struct call *call = &link->calls[index];
	link_answer_fn fn = call->fn;
	void *self = call->self;

	if (call->state == CALL_WAITING) {
		wait_remove(link, index);
		call_release(link, index);
	} else {
		/* It keeps its place: the peer will still answer this correlation. */
		call->fn = NULL;
		call->self = NULL;
	}
	if (fn != NULL) {
		fn(self, MC_EDEADLINE, NULL, false);
	}
}

static void
sweep_run(void *self)
{
	struct link *link = self;
	int64_t now_us = base_loop_now_us(link->loop);

	link->sweeping = false;
	for (size_t i = 0; i < link->call_cap; i++) {
		const struct call *call = &link->calls[i];

		if (call->state != CALL_FREE && call->fn != NULL && call->due_us <= now_us) {
			call_time_out(link, i);
		}
	}
	if (link->call_count > 0) {
		sweep_arm(link);
	}
}

/* --- channels --- */

static void
wait_pump(struct link *link)
{
	struct line *line = link->lines;

	while (line != NULL && link->wait_head != NONE && base_chan_has_credit(line->chan)) {
		size_t index = link->wait_head;
		struct call *call = &link->calls[index];
		enum mc_err ret = base_chan_send(line->chan, call->type, 0, call->corr,
		    base_buf_span(&call->request));

		wait_remove(link, index);
		if (ret != MC_OK) {
			call_fail(link, index, MC_EPEER);
			continue;
		}
		base_buf_clear(&call->request);
		call->state = CALL_SENT;
		call->line = line;
	}
}

static void
line_unlink(struct line *line)
{
	struct line **at = &line->link->lines;

	while (*at != line) {
		at = &(*at)->next;
	}
	*at = line->next;
}

static void
line_free(struct line *line)
{
	line_unlink(line);
	base_chan_free(line->chan);
	free(line);
}

static void
retire_run(void *self)
{
	struct link *link = self;
	struct line *line = link->lines != NULL ? link->lines->next : NULL;

	while (line != NULL) {
		struct line *next = line->next;

		if (base_chan_pending(line->chan) == 0) {
			line_free(line);
		}
		line = next;
	}
}

static size_t
call_of(const struct link *link, const struct line *line, const struct base_item *item)
{
	size_t index = (size_t)(item->corr & 0xffff);

	if (index >= link->call_cap || link->calls[index].state != CALL_SENT ||
	    link->calls[index].corr != item->corr || link->calls[index].line != line) {
		return NONE;
	}
	return index;
}

static enum mc_err
line_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct line *line = self;
	struct link *link = line->link;
	bool more = (item->flags & BASE_ITEM_MORE) != 0;
	size_t index = call_of(link, line, item);
	link_answer_fn fn;
	void *fn_self;
	uint32_t status;

	if (!line->greeted) {
		line->greeted = true;
		return msg_hello_check(item, link->peer, link->environment);
	}
	if (index == NONE || item->payload.len < sizeof(status)) {
		if (item->fd >= 0) {
			(void)close(item->fd);
		}
		return MC_FAIL(MC_EFRAME, "%s from %s", msg_type_name(item->type),
		    msg_role_name(link->peer));
	}
	base_copy(&status, item->payload.ptr, sizeof(status));
	fn = link->calls[index].fn;
	fn_self = link->calls[index].self;
	if (!more) {
		call_release(link, index);
	}
	if (fn != NULL) {
		fn(fn_self, mc_err_from_wire(le32toh(status)), item, more);
	}
	if (!more) {
		wait_pump(link);
		if (line != link->lines && base_chan_pending(chan) == 0) {
			base_timer_set_us(link->retire, 0);
		}
	}
	return MC_OK;
}

static void
line_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct line *line = self;
	struct link *link = line->link;

	(void)why;
	/* First, so that what the callers do next does not go to it. */
	line_unlink(line);
	for (size_t i = 0; i < link->call_cap; i++) {
		if (link->calls[i].state == CALL_SENT && link->calls[i].line == line) {
			call_fail(link, i, MC_EPEER);
		}
	}
	base_chan_free(chan);
	free(line);
}

/* --- life --- */

struct link *
link_new(struct base_loop *loop, enum msg_role peer, const char *environment)
{
	struct link *link = base_xcalloc(1, sizeof(*link));

	link->loop = loop;
	link->peer = peer;
	link->environment = environment != NULL ? base_xstrdup(environment) : NULL;
	link->sweep = base_timer_new(loop, sweep_run, link);
	link->retire = base_timer_new(loop, retire_run, link);
	link->free_head = NONE;
	link->wait_head = NONE;
	link->wait_tail = NONE;
	return link;
}

void
link_free(struct link *link)
{
	if (link == NULL) {
		return;
	}
	while (link->lines != NULL) {
		line_free(link->lines);
	}
	for (size_t i = 0; i < link->call_cap; i++) {
		base_buf_clear(&link->calls[i].request);
	}
	base_timer_free(link->sweep);
	base_timer_free(link->retire);
	free(link->calls);
	free(link->environment);
	free(link);
}

void
link_attach(struct link *link, int fd, uint32_t generation)
{
	struct line *line;

	if (link->lines != NULL && generation < link->lines->generation) {
		(void)close(fd);
		return;
	}
	line = base_xcalloc(1, sizeof(*line));
	line->link = link;
	line->generation = generation;
	line->chan = base_chan_new(link->loop, fd, line_item, line_gone, line);
	line->next = link->lines;
	link->lines = line;
	/* A fresh channel takes it, or is gone and says so at the end of the turn. */
	if (msg_hello_send(line->chan, MSG_ROLE_FRONT, NULL) == MC_OK) {
		wait_pump(link);
	}
	base_timer_set_us(link->retire, 0);
}

bool
link_is_up(const struct link *link)
{
	return link->lines != NULL;
}

bool
link_has_credit(const struct link *link)
{
	return link->lines != NULL && link->wait_count == 0 &&
	    base_chan_has_credit(link->lines->chan);
}

/* Sends at once, or leaves the call waiting. */
static enum mc_err
call_start(struct link *link, struct call *call, const struct msg_table *table,
    const void *object)
{
	enum mc_err ret;

	if (link_has_credit(link)) {
		ret = msg_send(link->lines->chan, call->type, 0, call->corr, table, object);
		call->state = CALL_SENT;
		call->line = link->lines;
		return ret == MC_EPEER ? MC_ENOTREADY : ret;
	}
	if (link->wait_count >= LIMIT_CHAN_WINDOW) {
		return MC_FAIL(MC_EBUSY, "%u calls wait for %s", link->wait_count,
		    msg_role_name(link->peer));
	}
	call->state = CALL_WAITING;
	return msg_encode(table, object, &call->request);
}

enum mc_err
link_call(struct link *link, uint16_t type, const struct msg_table *table, const void *object,
    int timeout_ms, link_answer_fn fn, void *self)
{
	size_t index;
	struct call *call;
	enum mc_err ret;

	if (link->lines == NULL && timeout_ms <= 0) {
		return MC_FAIL(MC_ENOTREADY, "%s is not running", msg_role_name(link->peer));
	}
	index = call_take(link);
	if (index == NONE) {
		return MC_FAIL(MC_EBUSY, "%d calls to %s are under way", CALLS_MAX,
		    msg_role_name(link->peer));
	}
	call = &link->calls[index];
	call->type = type;
	call->fn = fn;
	call->self = self;
	call->due_us = base_loop_now_us(link->loop) + (int64_t)timeout_ms * 1000;
	ret = call_start(link, call, table, object);
	if (ret != MC_OK) {
		call_release(link, index);
		return ret;
	}
	if (call->state == CALL_WAITING) {
		wait_add(link, index);
	}
	sweep_arm(link);
	return MC_OK;
}

void
link_forget(struct link *link, const void *self)
{
	for (size_t i = 0; i < link->call_cap; i++) {
		struct call *call = &link->calls[i];

		if (call->state == CALL_FREE || call->fn == NULL || call->self != self) {
			continue;
		}
		call->fn = NULL;
		call->self = NULL;
		if (call->state == CALL_WAITING) {
			wait_remove(link, i);
			call_release(link, i);
		}
	}
}
