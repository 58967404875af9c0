/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keeper in the test's own process and loop, and who stands around it: a supervisor, ledgers and signers, each
 * at the far end of a real channel. Time stands still between two pass().
 */
#ifndef TESTS_KEEPER_WORLD_H
#define TESTS_KEEPER_WORLD_H

#include <check.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"
#include "rotation/keeper.h"
#include "tests/unit/clock_fake.h"
#include "tests/unit/log_catch.h"

#define NOW_AT INT64_C(1800000000)
#define DAY    INT64_C(86400)

/* Somebody at the far end. Requests are kept. */
struct end {
	enum msg_role role;
	const char *environment; /* of signers */
	struct base_chan *chan;  /* NULL: the keeper has hung up */
	bool greeted;
	struct {
		uint16_t type;
		uint64_t corr;
		uint8_t issuer_id[32];                  /* of CRL_SIGN */
		uint8_t request_id[16];
		char environment[LIMIT_ENVIRONMENT + 1]; /* of WANT_CRL */
	} got[1024];
	size_t count;
};

static struct base_loop *loop;
static struct keeper *keeper;
static struct base_chan *control; /* the keeper's end */
static struct end supervisor, ledger, production, staging;

/* Everything that was sent is there. */
static inline void
turns(void)
{
	for (int i = 0; i < 8; i++) {
		base_loop_turn(loop, 0);
	}
}

static inline void
pass(int64_t us)
{
	fake_boot_us += us;
	turns();
}

static inline enum mc_err
end_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct end *end = self;
	struct msg_crl_sign sign;
	struct msg_ctl_want_crl want;

	(void)chan;
	if (item->type == MSG_HELLO) {
		end->greeted = true;
		return msg_hello_check(item, MSG_ROLE_KEEPER, NULL);
	}
	ck_assert_uint_lt(end->count, sizeof(end->got) / sizeof(end->got[0]));
	end->got[end->count].type = item->type;
	end->got[end->count].corr = item->corr;
	if (item->type == MSG_CRL_SIGN) {
		ck_assert_int_eq(msg_decode(&msg_crl_sign_table, item->payload, &sign), MC_OK);
		base_copy(end->got[end->count].issuer_id, sign.issuer_id, sizeof(sign.issuer_id));
		base_copy(end->got[end->count].request_id, sign.request_id, sizeof(sign.request_id));
	} else if (item->type == MSG_CTL_WANT_CRL) {
		ck_assert_int_eq(msg_decode(&msg_ctl_want_crl_table, item->payload, &want), MC_OK);
		base_span_copy_str(want.environment, end->got[end->count].environment, LIMIT_ENVIRONMENT + 1);
	}
	end->count++;
	return MC_OK;
}

static inline void
end_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct end *end = self;

	(void)why;
	base_chan_free(chan);
	end->chan = NULL;
}

/* A channel to somebody new of this role; the keeper is handed its end, and returns this. */
static inline enum mc_err
attach(struct end *end, enum msg_role role, const char *environment)
{
	struct msg_ctl_channel msg = {.peer = (uint8_t)role,
	    .environment = base_span_str(environment)};
	enum mc_err ret;
	int fds[2];

	ck_assert_ptr_null(end->chan);
	memset(end, 0, sizeof(*end));
	end->role = role;
	end->environment = environment;
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	end->chan = base_chan_new(loop, fds[1], end_item, end_gone, end);
	if (environment == NULL || strlen(environment) <= LIMIT_ENVIRONMENT) {
		ck_assert_int_eq(msg_hello_send(end->chan, role, environment), MC_OK);
	}
	ret = keeper_channel(keeper, &msg, fds[0]);
	turns();
	return ret;
}

static inline void
leave(struct end *end)
{
	base_chan_free(end->chan);
	end->chan = NULL;
	turns();
}

static inline enum mc_err
control_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	(void)self;
	(void)chan;
	keeper_answer(keeper, item);
	return MC_OK;
}

/* A keeper, a supervisor, and who was not left out. It has not started. */
static inline void
world_open(void)
{
	int fds[2];

	log_catch("keeper");
	ledger.chan = production.chan = staging.chan = NULL;
	fake_now_at = NOW_AT;
	fake_boot_us = INT64_C(1000000000);
	loop = base_loop_new();
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	memset(&supervisor, 0, sizeof(supervisor));
	supervisor.greeted = true;
	supervisor.chan = base_chan_new(loop, fds[1], end_item, end_gone, &supervisor);
	control = base_chan_new(loop, fds[0], control_item, end_gone, &supervisor);
	keeper = keeper_new(loop, control);
	ck_assert_int_eq(attach(&ledger, MSG_ROLE_LEDGER, NULL), MC_OK);
	ck_assert_int_eq(attach(&production, MSG_ROLE_SIGNER, "production"), MC_OK);
	ck_assert_int_eq(attach(&staging, MSG_ROLE_SIGNER, "staging"), MC_OK);
}

static inline void
world_close(void)
{
	keeper_free(keeper);
	base_chan_free(control);
	base_chan_free(supervisor.chan);
	leave(&ledger);
	leave(&production);
	leave(&staging);
	base_loop_free(loop);
	log_let_go();
}

/* --- what the ledger says --- */

/* An issuer that has no CRL yet, so one is due. */
static inline struct msg_crl_status_row
row(uint16_t id, enum msg_profile profile, const char *environment)
{
	return (struct msg_crl_status_row){.issuer_id = {(uint8_t)id, (uint8_t)(id >> 8), 0xca},
	    .profile = (uint8_t)profile, .environment = base_span_str(environment),
	    .issuer_not_after_at = NOW_AT + 90 * DAY};
}

/* The same with one that is good for now. */
static inline struct msg_crl_status_row
fresh(struct msg_crl_status_row row)
{
	row.number = 1;
	row.this_update_at = NOW_AT;
	row.next_update_at = NOW_AT + DAY;
	return row;
}

static inline void
list(const struct msg_crl_status_row *rows, size_t count, enum mc_err status)
{
	struct msg_list_end end = {.status = (uint32_t)status};
	uint64_t corr;

	ck_assert_uint_gt(ledger.count, 0);
	ck_assert_uint_eq(ledger.got[ledger.count - 1].type, MSG_CRL_STATUS);
	corr = ledger.got[ledger.count - 1].corr;
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(msg_send(ledger.chan, MSG_ANSWER(MSG_CRL_STATUS), BASE_ITEM_MORE, corr,
		    &msg_crl_status_row_table, &rows[i]), MC_OK);
	}
	ck_assert_int_eq(msg_send(ledger.chan, MSG_ANSWER(MSG_CRL_STATUS), 0, corr,
	    &msg_list_end_table, &end), MC_OK);
	turns();
}

/* The next second's look: this is how CRLs stand. */
static inline void
look(const struct msg_crl_status_row *rows, size_t count)
{
	pass(1000000);
	list(rows, count, MC_OK);
}

/* --- what signers and the supervisor say --- */

static inline void
signer_says(struct end *end, size_t nth, enum mc_err status, const char *detail)
{
	struct msg_crl_sign_ans ans = {.status = (uint32_t)status, .detail = base_span_str(detail)};

	ck_assert_int_eq(msg_send(end->chan, MSG_ANSWER(MSG_CRL_SIGN), 0, end->got[nth].corr,
	    &msg_crl_sign_ans_table, &ans), MC_OK);
	turns();
}

static inline void
supervisor_says(size_t nth, enum mc_err status, const char *detail)
{
	struct msg_status_ans ans = {.status = (uint32_t)status, .detail = base_span_str(detail)};

	ck_assert_int_eq(msg_send(supervisor.chan, MSG_ANSWER(MSG_CTL_WANT_CRL), 0,
	    supervisor.got[nth].corr, &msg_status_ans_table, &ans), MC_OK);
	turns();
}

#endif
