/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/chan.h"
#include "tests/unit/check_main.h"
#include "tests/unit/msg_tables.h"

union object {
	uint64_t align;
	uint8_t bytes[MSG_STRUCT_MAX];
};

static uint8_t pool[256 * 1024];
static uint32_t seed = 20261123;

static uint32_t
dice(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void
fill_random(const struct msg_table *table, union object *object)
{
	memset(object, 0, sizeof(*object));
	for (size_t i = 0; i < table->count; i++) {
		const struct msg_field *field = &table->fields[i];
		uint8_t *at = object->bytes + field->offset;
		struct base_span span;
		size_t len = 0;

		switch (field->kind) {
		case MSG_F_U8:
			len = 1;
			break;
		case MSG_F_U32:
			len = 4;
			break;
		case MSG_F_U64:
			len = 8;
			break;
		case MSG_F_FIXED:
			len = field->max;
			break;
		case MSG_F_SPAN:
			/* Often empty, often full. */
			span.len = dice(3) == 0 ? 0 : dice(2) == 0 ? field->max : dice(field->max);
			span.ptr = pool + dice(64 * 1024);
			memcpy(at, &span, sizeof(span));
			break;
		}
		for (size_t k = 0; k < len; k++) {
			at[k] = (uint8_t)dice(256);
		}
	}
}

static void
check_same(const struct msg_table *table, const union object *a, const union object *b)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct msg_field *field = &table->fields[i];
		struct base_span span_a;
		struct base_span span_b;
		size_t len = field->kind == MSG_F_U8 ? 1 : field->kind == MSG_F_U32 ? 4 :
		    field->kind == MSG_F_U64 ? 8 : field->max;

		if (field->kind != MSG_F_SPAN) {
			ck_assert_mem_eq(a->bytes + field->offset, b->bytes + field->offset, len);
			continue;
		}
		memcpy(&span_a, a->bytes + field->offset, sizeof(span_a));
		memcpy(&span_b, b->bytes + field->offset, sizeof(span_b));
		ck_assert_msg(base_span_equal(span_a, span_b), "%s.%s", table->name, field->name);
	}
}

static bool
is_zero(const union object *object, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (object->bytes[i] != 0) {
			return false;
		}
	}
	return true;
}

START_TEST(test_every_message_round_trip)
{
	struct base_buf buf;
	union object in;
	union object out;

	base_buf_init(&buf, sizeof(pool));
	for (size_t t = 0; t < TABLES; t++) {
		for (int round = 0; round < 50; round++) {
			fill_random(tables[t], &in);
			base_buf_reset(&buf);
			ck_assert_int_eq(msg_encode(tables[t], &in, &buf), MC_OK);
			memset(&out, 0xa5, sizeof(out));
			ck_assert_int_eq(msg_decode(tables[t], base_buf_span(&buf), &out), MC_OK);
			check_same(tables[t], &in, &out);
		}
	}
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_cut_and_long_payloads)
{
	struct base_buf buf;
	union object object;

	base_buf_init(&buf, sizeof(pool));
	for (size_t t = 0; t < TABLES; t++) {
		size_t whole;

		fill_random(tables[t], &object);
		base_buf_reset(&buf);
		ck_assert_int_eq(msg_encode(tables[t], &object, &buf), MC_OK);
		base_buf_append_u8(&buf, 0);
		whole = buf.len - 1;
		for (size_t len = 0; len <= whole + 1; len += whole < 2000 ? 1 : whole / 500) {
			enum mc_err want = len == whole ? MC_OK : MC_EFRAME;

			memset(&object, 0xa5, sizeof(object));
			ck_assert_int_eq(msg_decode(tables[t], base_span_of(buf.ptr, len), &object), want);
			ck_assert(want == MC_OK || is_zero(&object, tables[t]->size));
		}
		ck_assert_int_eq(msg_decode(tables[t], base_buf_span(&buf), &object), MC_EFRAME);
	}
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_spans_above_their_maximum)
{
	struct base_buf buf;
	union object object;

	base_buf_init(&buf, sizeof(pool));
	for (size_t t = 0; t < TABLES; t++) {
		size_t wire = 0;

		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct msg_field *field = &tables[t]->fields[i];
			struct base_span span = {pool, field->max + 1};
			uint32_t over = field->max + 1;

			if (field->kind != MSG_F_SPAN) {
				wire += field->kind == MSG_F_U8 ? 1 : field->kind == MSG_F_U32 ? 4 :
				    field->kind == MSG_F_U64 ? 8 : field->max;
				continue;
			}
			memset(&object, 0, sizeof(object));
			memcpy(object.bytes + field->offset, &span, sizeof(span));
			base_buf_reset(&buf);
			ck_assert_int_eq(msg_encode(tables[t], &object, &buf), MC_ETOOBIG);
			ck_assert_uint_eq(buf.len, 0);
			/* The same from a peer that does not keep to it: its bytes are all there. */
			span.len = field->max;
			memcpy(object.bytes + field->offset, &span, sizeof(span));
			ck_assert_int_eq(msg_encode(tables[t], &object, &buf), MC_OK);
			memcpy(buf.ptr + wire, &over, sizeof(over));
			base_buf_append_u8(&buf, 0);
			ck_assert_int_eq(msg_decode(tables[t], base_buf_span(&buf), &object), MC_EFRAME);
			wire += 4;
		}
	}
	base_buf_clear(&buf);
}
END_TEST

/* Everything that the ledger writes into one item at once must fit a frame. */
START_TEST(test_full_messages_fit_a_frame)
{
	for (size_t t = 0; t < TABLES; t++) {
		size_t most = 0;

		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct msg_field *field = &tables[t]->fields[i];

			most += field->kind == MSG_F_SPAN ? 4 + (size_t)field->max :
			    field->kind == MSG_F_FIXED ? field->max : 8;
		}
		ck_assert_msg(most <= LIMIT_FRAME - 20, "%s: %zu", tables[t]->name, most);
	}
}
END_TEST

START_TEST(test_names_and_their_parsers)
{
	ck_assert_str_eq(msg_role_name(MSG_ROLE_FRONT), "front");
	ck_assert_str_eq(msg_role_name(MSG_ROLE_INVALID), "invalid");
	for (unsigned i = 0; i < 256; i++) {
		const char *reason = msg_reason_name((uint8_t)i);

		if (i <= MSG_STATE_EXPIRED && i > 0) {
			ck_assert_uint_eq(msg_state_parse(base_span_str(msg_state_name(i))), i);
		}
		if (i <= MSG_USER_ADMIN && i > 0) {
			ck_assert_uint_eq(msg_user_role_parse(base_span_str(msg_user_role_name(i))), i);
		}
		if (strcmp(msg_profile_name(i), "invalid") != 0) {
			ck_assert_uint_eq(msg_profile_parse(base_span_str(msg_profile_name(i))), i);
		}
		if (reason != NULL) {
			ck_assert_int_eq(msg_reason_parse(base_span_str(reason)), (int)i);
		}
	}
	ck_assert_ptr_null(msg_reason_name(MSG_REASON_CERTIFICATE_HOLD));
	ck_assert_ptr_null(msg_reason_name(8));
	ck_assert_int_eq(msg_reason_parse(base_span_str("removeFromCRL")), -1);
	ck_assert_int_eq(msg_reason_parse(base_span_str("keycompromise")), -1);
	ck_assert_int_eq(msg_profile_parse(base_span_str("invalid")), MSG_PROFILE_INVALID);
	ck_assert_int_eq(msg_state_parse(base_span_str("")), MSG_STATE_INVALID);
	ck_assert_str_eq(msg_type_name(MSG_ISSUE), "issue");
	ck_assert_str_eq(msg_type_name(MSG_ANSWER(MSG_ISSUE)), "issue");
	ck_assert_str_eq(msg_type_name(250), "unknown");
}
END_TEST

/* --- permits and sending --- */

static struct base_loop *loop;
static struct base_chan *ours;
static struct base_chan *theirs;
static unsigned handled;
static struct msg_issue_ans last;
static char last_detail[LIMIT_DETAIL + 1];

static enum mc_err
handler(void *self, struct base_chan *chan, const struct base_item *item)
{
	(void)self;
	handled++;
	if (item->fd >= 0) {
		(void)close(item->fd);
	}
	if (item->type != MSG_ISSUE) {
		return MC_OK;
	}
	return msg_send_failure(chan, item->type, item->corr, &msg_issue_ans_table,
	    MC_FAIL(MC_EPROFILE, "profile %d", 9));
}

static const struct msg_permit permits[] = {
	{MSG_ISSUE, MSG_FROM(MSG_ROLE_FRONT), handler},
	{MSG_CRL_SIGN, MSG_FROM(MSG_ROLE_KEEPER) | MSG_FROM(MSG_ROLE_SUPERVISOR), handler},
	{MSG_CTL_CONFIG, MSG_FROM(MSG_ROLE_SUPERVISOR), handler},
};

static enum mc_err
dispatch(enum msg_role from, uint16_t type, int fd)
{
	struct base_item item = {.type = type, .fd = fd};

	return msg_dispatch(permits, 3, from, NULL, NULL, &item);
}

START_TEST(test_permits)
{
	int fd;

	handled = 0;
	ck_assert_int_eq(dispatch(MSG_ROLE_KEEPER, MSG_CRL_SIGN, -1), MC_OK);
	ck_assert_int_eq(dispatch(MSG_ROLE_SUPERVISOR, MSG_CRL_SIGN, -1), MC_OK);
	ck_assert_uint_eq(handled, 2);
	ck_assert_int_eq(dispatch(MSG_ROLE_FRONT, MSG_CRL_SIGN, -1), MC_EFRAME);
	ck_assert_int_eq(dispatch(MSG_ROLE_KEEPER, MSG_ISSUE, -1), MC_EFRAME);
	ck_assert_int_eq(dispatch(MSG_ROLE_FRONT, MSG_INTENT, -1), MC_EFRAME);
	fd = dup(1);
	ck_assert_int_eq(dispatch(MSG_ROLE_KEEPER, MSG_CRL_SIGN, fd), MC_EFRAME);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0); /* closed */
	fd = dup(1);
	ck_assert_int_eq(dispatch(MSG_ROLE_FRONT, MSG_CTL_CONFIG, fd), MC_EFRAME);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(dispatch(MSG_ROLE_SUPERVISOR, MSG_CTL_CONFIG, -1), MC_EFRAME);
	ck_assert_uint_eq(handled, 2);
	ck_assert_int_eq(dispatch(MSG_ROLE_SUPERVISOR, MSG_CTL_CONFIG, dup(1)), MC_OK);
	ck_assert_uint_eq(handled, 3);
}
END_TEST

static enum mc_err
their_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	if (item->type == MSG_HELLO) {
		ck_assert_int_eq(msg_hello_check(item, MSG_ROLE_SIGNER, "staging"), MC_OK);
		ck_assert_int_eq(msg_hello_check(item, MSG_ROLE_SIGNER, "production"), MC_EFRAME);
		ck_assert_int_eq(msg_hello_check(item, MSG_ROLE_SIGNER, NULL), MC_EFRAME);
		ck_assert_int_eq(msg_hello_check(item, MSG_ROLE_LEDGER, "staging"), MC_EFRAME);
		handled++;
		return MC_OK;
	}
	return msg_dispatch(permits, 3, MSG_ROLE_FRONT, self, chan, item);
}

static enum mc_err
our_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	(void)self;
	(void)chan;
	ck_assert_uint_eq(item->type, MSG_ANSWER(MSG_ISSUE));
	ck_assert_uint_eq(item->corr, 77);
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, item->payload, &last), MC_OK);
	memcpy(last_detail, last.detail.ptr, last.detail.len);
	return MC_OK;
}

static void
never_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)chan;
	ck_abort_msg("gone: %s", mc_err_word(why));
}

START_TEST(test_send_and_fail_over_a_channel)
{
	struct msg_issue issue = {.profile = MSG_PROFILE_SVID, .ns = base_span_str("ecotrack")};
	struct msg_issue wrong = {.ns = {pool, LIMIT_K8S_NAMESPACE + 1}};
	int fds[2];

	loop = base_loop_new();
	handled = 0;
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	ours = base_chan_new(loop, fds[0], our_item, never_gone, NULL);
	theirs = base_chan_new(loop, fds[1], their_item, never_gone, NULL);
	ck_assert_int_eq(msg_hello_send(ours, MSG_ROLE_SIGNER, "staging"), MC_OK);
	ck_assert_int_eq(msg_send(ours, MSG_ISSUE, 0, 77, &msg_issue_table, &issue), MC_OK);
	ck_assert_int_eq(msg_send(ours, MSG_ISSUE, 0, 78, &msg_issue_table, &wrong), MC_ETOOBIG);
	ck_assert_uint_eq(base_chan_pending(ours), 1);
	for (int i = 0; i < 4; i++) {
		base_loop_turn(loop, 0);
	}
	ck_assert_uint_eq(handled, 2);
	ck_assert_uint_eq(last.status, MC_EPROFILE);
	ck_assert_str_eq(last_detail, "profile 9");
	ck_assert_uint_eq(last.cert.len, 0);
	base_chan_free(ours);
	base_chan_free(theirs);
	base_loop_free(loop);
}
END_TEST

CHECK_MAIN("base_msg", test_every_message_round_trip, test_cut_and_long_payloads,
    test_spans_above_their_maximum, test_full_messages_fit_a_frame,
    test_names_and_their_parsers, test_permits, test_send_and_fail_over_a_channel)
