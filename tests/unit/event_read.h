/* SPDX-License-Identifier: Apache-2.0 */
/* What the newest event of a ledger says. */
#ifndef TESTS_EVENT_READ_H
#define TESTS_EVENT_READ_H

#include <check.h>
#include <string.h>

#include "store/store.h"

struct event_read {
	char actor[64], action[32], target[80], from[64], note[256];
	uint8_t request_id[16];
	uint64_t seq;
	int64_t at;
};

static inline enum mc_err
event_see(void *arg, const struct msg_event_row *row)
{
	struct event_read *event = arg;

	base_span_copy_str(row->actor, event->actor, sizeof(event->actor));
	base_span_copy_str(row->action, event->action, sizeof(event->action));
	base_span_copy_str(row->target, event->target, sizeof(event->target));
	base_span_copy_str(row->from, event->from, sizeof(event->from));
	base_span_copy_str(row->note, event->note, sizeof(event->note));
	memcpy(event->request_id, row->request_id, sizeof(event->request_id));
	event->seq = row->seq;
	event->at = row->at;
	return MC_OK;
}

static inline struct event_read
event_newest(struct store *store)
{
	const struct msg_event_list query = { 0, 1 };
	struct event_read event = { 0 };
	uint64_t next = 0;

	ck_assert_int_eq(store_event_list(store, &query, event_see, &event, &next), MC_OK);
	return event;
}

static inline struct event_read
event_newest_is(struct store *store, const char *action)
{
	struct event_read event = event_newest(store);

	ck_assert_str_eq(event.action, action);
	return event;
}

/* The newest event: who, what, to what, where from, and by which request. */
static inline void
event_is(struct store *store, const char *actor, const char *action, const char *target,
    const char *from, uint8_t request)
{
	struct event_read event = event_newest_is(store, action);
	uint8_t request_id[16];

	memset(request_id, request, sizeof(request_id));
	ck_assert_str_eq(event.actor, actor);
	ck_assert_str_eq(event.target, target);
	ck_assert_str_eq(event.from, from);
	ck_assert_mem_eq(event.request_id, request_id, sizeof(request_id));
}

#endif
