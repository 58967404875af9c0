/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the keeper asks for which CRL, when again, and when not. */
#include "rotation/keeper.h"

#include <sys/socket.h>

#include "tests/unit/check_main.h"
#include "tests/unit/keeper_world.h"

/* --- the ledger --- */

START_TEST(the_ledger_is_asked_once_a_second)
{
	world_open();
	pass(5000000);
	ck_assert(ledger.greeted);
	ck_assert_uint_eq(ledger.count, 0); /* not before the start */
	keeper_start(keeper);
	turns();
	ck_assert_uint_eq(ledger.count, 1);
	ck_assert_uint_eq(ledger.got[0].type, MSG_CRL_STATUS);
	list(NULL, 0, MC_OK);
	pass(999999);
	ck_assert_uint_eq(ledger.count, 1);
	pass(1);
	ck_assert_uint_eq(ledger.count, 2);
	pass(1000000); /* it has not answered yet */
	ck_assert_uint_eq(ledger.count, 2);
	list(NULL, 0, MC_EIO);
	pass(1000000);
	ck_assert_uint_eq(ledger.count, 3);
	world_close();
}
END_TEST

START_TEST(the_next_ledger_is_asked_like_the_first)
{
	world_open();
	keeper_start(keeper);
	turns();
	leave(&ledger); /* with a question open */
	pass(3000000);
	ck_assert_int_eq(attach(&ledger, MSG_ROLE_LEDGER, NULL), MC_OK);
	pass(1000000);
	ck_assert_uint_eq(ledger.count, 1);
	world_close();
}
END_TEST

START_TEST(what_the_ledger_could_not_list_is_not_acted_on)
{
	struct msg_crl_status_row due = row(1, MSG_PROFILE_ISSUING, "production");

	world_open();
	keeper_start(keeper);
	turns();
	list(&due, 1, MC_EIO);
	ck_assert_uint_eq(production.count, 0);
	look(NULL, 0);
	ck_assert_uint_eq(production.count, 1);
	world_close();
}
END_TEST

/* --- who is asked --- */

START_TEST(each_crl_is_asked_of_who_can_make_it)
{
	static const uint8_t none[16];
	struct msg_crl_status_row rows[] = {
	    row(1, MSG_PROFILE_ISSUING, "production"),
	    fresh(row(2, MSG_PROFILE_ISSUING, "production")),
	    row(3, MSG_PROFILE_ISSUING, "staging"),
	    row(4, MSG_PROFILE_ENVIRONMENT, "staging"),
	    fresh(row(5, MSG_PROFILE_ENVIRONMENT, "production")),
	};

	world_open();
	keeper_start(keeper);
	look(rows, 5);
	ck_assert_uint_eq(production.count, 1);
	ck_assert_uint_eq(production.got[0].type, MSG_CRL_SIGN);
	ck_assert_mem_eq(production.got[0].issuer_id, rows[0].issuer_id, 32);
	ck_assert_mem_ne(production.got[0].request_id, none, 16);
	ck_assert_uint_eq(staging.count, 1);
	ck_assert_mem_eq(staging.got[0].issuer_id, rows[2].issuer_id, 32);
	ck_assert_mem_ne(staging.got[0].request_id, production.got[0].request_id, 16);
	ck_assert_uint_eq(supervisor.count, 1);
	ck_assert_uint_eq(supervisor.got[0].type, MSG_CTL_WANT_CRL);
	ck_assert_str_eq(supervisor.got[0].environment, "staging");
	world_close();
}
END_TEST

/* Its passphrase is on no server. */
START_TEST(the_root_needs_people)
{
	struct msg_crl_status_row root = row(1, MSG_PROFILE_ROOT, "");

	world_open();
	keeper_start(keeper);
	for (int i = 0; i < 10; i++) {
		look(&root, 1);
	}
	ck_assert_uint_eq(supervisor.count + production.count + staging.count, 0);
	ck_assert_uint_eq(log_count("\"crl-not-made\""), 1);
	ck_assert_uint_eq(log_count("run meshca crl renew --root"), 1);
	world_close();
}
END_TEST

START_TEST(a_crl_without_a_signer_is_made_when_it_comes)
{
	struct msg_crl_status_row rows[] = {row(1, MSG_PROFILE_ISSUING, "operators"),
	    row(2, MSG_PROFILE_ISSUING, "production")};
	static struct end operators;

	world_open();
	leave(&production);
	keeper_start(keeper);
	look(rows, 2);
	ck_assert_uint_eq(staging.count, 0);
	ck_assert_int_eq(attach(&operators, MSG_ROLE_OPERATORS, "operators"), MC_OK);
	ck_assert_int_eq(attach(&production, MSG_ROLE_SIGNER, "production"), MC_OK);
	look(rows, 2); /* it was no failure: there is no wait */
	ck_assert_uint_eq(operators.count, 1);
	ck_assert_uint_eq(production.count, 1);
	leave(&operators);
	world_close();
}
END_TEST

/* The newest word of the ledger counts. */
START_TEST(a_revocation_makes_it_due_again)
{
	struct msg_crl_status_row now = row(1, MSG_PROFILE_ISSUING, "production");

	world_open();
	keeper_start(keeper);
	look(&now, 1);
	signer_says(&production, 0, MC_OK, "");
	now = fresh(now);
	look(&now, 1);
	ck_assert_uint_eq(production.count, 1);
	now.revocation_seq = 7;
	now.newest_revocation_seq = 7;
	look(&now, 1);
	ck_assert_uint_eq(production.count, 1);
	now.newest_revocation_seq = 8;
	look(&now, 1);
	ck_assert_uint_eq(production.count, 2);
	signer_says(&production, 1, MC_OK, "");
	now = fresh(now);
	now.revocation_seq = 8;
	now.this_update_at = NOW_AT - DAY / 2;
	now.next_update_at = NOW_AT + DAY / 2;
	look(&now, 1); /* half its life */
	ck_assert_uint_eq(production.count, 3);
	signer_says(&production, 2, MC_OK, "");
	now.issuer_not_after_at = NOW_AT;
	look(&now, 1);
	ck_assert_uint_eq(production.count, 3);
	world_close();
}
END_TEST

/* --- when again --- */

START_TEST(one_request_at_a_time)
{
	struct msg_crl_status_row rows[] = {row(1, MSG_PROFILE_ISSUING, "production"),
	    row(2, MSG_PROFILE_ENVIRONMENT, "production")};

	world_open();
	keeper_start(keeper);
	for (int i = 0; i < 100; i++) {
		look(rows, 2);
	}
	ck_assert_uint_eq(production.count, 1);
	ck_assert_uint_eq(supervisor.count, 1);
	signer_says(&production, 0, MC_OK, "");
	supervisor_says(0, MC_OK, "");
	look(rows, 2); /* still due: the next */
	ck_assert_uint_eq(production.count, 2);
	ck_assert_uint_eq(supervisor.count, 2);
	world_close();
}
END_TEST

START_TEST(a_failure_is_tried_again_later_and_later)
{
	static const int waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct msg_crl_status_row due = row(1, MSG_PROFILE_ISSUING, "production");

	world_open();
	keeper_start(keeper);
	look(&due, 1);
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		ck_assert_uint_eq(production.count, i + 1);
		signer_says(&production, i, MC_ENOTREADY, "no ledger");
		for (int second = 1; second < waits_s[i]; second++) {
			look(&due, 1);
			ck_assert_uint_eq(production.count, i + 1);
		}
		look(&due, 1);
	}
	ck_assert_uint_eq(log_count("\"crl-not-made\""), 1); /* once per problem */
	ck_assert_uint_eq(log_count("\"environment\":\"production\",\"profile\":\"issuing\",\"issuer\":\"0100ca"), 1);
	ck_assert_uint_eq(log_count("\"detail\":\"no ledger\""), 1);
	/* made: what comes then is another problem */
	signer_says(&production, 8, MC_OK, "");
	look(&due, 1);
	signer_says(&production, 9, MC_ENOTREADY, "no ledger");
	ck_assert_uint_eq(log_count("\"crl-not-made\""), 2);
	look(&due, 1);
	ck_assert_uint_eq(production.count, 11);
	world_close();
}
END_TEST

START_TEST(a_failed_ceremony_is_tried_again_later)
{
	struct msg_crl_status_row rows[] = {row(1, MSG_PROFILE_ISSUING, "production"),
	    row(2, MSG_PROFILE_ENVIRONMENT, "production")};

	world_open();
	keeper_start(keeper);
	look(rows, 2);
	supervisor_says(0, MC_EBUSY, "another ceremony is under way");
	look(rows, 2);
	ck_assert_uint_eq(supervisor.count, 2);
	supervisor_says(1, MC_ENOTFOUND, "no such file"); /* not for good, as a signer's is */
	look(rows, 2);
	ck_assert_uint_eq(supervisor.count, 2);
	look(rows, 2);
	ck_assert_uint_eq(supervisor.count, 3);
	ck_assert_uint_eq(production.count, 1); /* the other's affair all along */
	ck_assert_uint_eq(log_count("\"error\":\"busy\",\"detail\":\"another ceremony is under way\""), 1);
	ck_assert_uint_eq(log_count("\"issuer-without-key\""), 0);
	world_close();
}
END_TEST

START_TEST(without_its_key_it_waits_for_another_signer)
{
	struct msg_crl_status_row rows[] = {row(1, MSG_PROFILE_ISSUING, "production"),
	    row(2, MSG_PROFILE_ISSUING, "production")};

	world_open();
	keeper_start(keeper);
	look(rows, 1);
	signer_says(&production, 0, MC_ENOTFOUND, "no such issuer");
	ck_assert_uint_eq(log_count("\"issuer-without-key\",\"environment\":\"production\",\"issuer\":\"0100ca"), 1);
	for (int i = 0; i < 100; i++) {
		look(rows, 2);
	}
	ck_assert_uint_eq(production.count, 2); /* the second's, which has its key as far as anybody knows */
	ck_assert_mem_eq(production.got[1].issuer_id, rows[1].issuer_id, 32);
	leave(&staging);
	ck_assert_int_eq(attach(&staging, MSG_ROLE_SIGNER, "staging"), MC_OK);
	look(rows, 2); /* another environment's says nothing about it */
	ck_assert_uint_eq(staging.count, 0);
	ck_assert_uint_eq(production.count, 2);
	ck_assert_uint_eq(log_count("\"crl-not-made\""), 0);
	leave(&production);
	ck_assert_int_eq(attach(&production, MSG_ROLE_SIGNER, "production"), MC_OK);
	look(rows, 2);
	ck_assert_uint_eq(production.count, 2); /* both */
	signer_says(&production, 0, MC_ENOTFOUND, "no such issuer");
	ck_assert_uint_eq(log_count("\"issuer-without-key\""), 2);
	world_close();
}
END_TEST

START_TEST(what_a_signer_took_with_it_is_asked_again)
{
	struct msg_crl_status_row rows[] = {row(1, MSG_PROFILE_ISSUING, "production"),
	    row(2, MSG_PROFILE_ISSUING, "staging"), row(3, MSG_PROFILE_ENVIRONMENT, "production")};
	static struct end next;

	world_open();
	keeper_start(keeper);
	look(rows, 3);
	ck_assert_uint_eq(production.count, 1);
	ck_assert_int_eq(attach(&next, MSG_ROLE_SIGNER, "production"), MC_OK); /* a hand-over */
	ck_assert_ptr_null(production.chan);
	look(rows, 3);
	ck_assert_uint_eq(next.count, 1);
	ck_assert_mem_eq(next.got[0].issuer_id, rows[0].issuer_id, 32);
	ck_assert_uint_eq(staging.count, 1);
	ck_assert_uint_eq(supervisor.count, 1);
	leave(&next); /* it dies */
	look(rows, 3);
	ck_assert_int_eq(attach(&production, MSG_ROLE_SIGNER, "production"), MC_OK);
	look(rows, 3);
	ck_assert_uint_eq(production.count, 1);
	ck_assert_uint_eq(log_count("\"crl-not-made\""), 0);
	/* ceremonies are not the signer's affair */
	ck_assert_uint_eq(log_count("\"crl-due\",\"environment\":\"production\",\"why\":\"first\",\"issuer\":\"0300ca"), 1);
	world_close();
}
END_TEST

START_TEST(an_answer_to_nothing_settles_nothing)
{
	struct msg_crl_status_row due = row(1, MSG_PROFILE_ENVIRONMENT, "production");
	uint8_t failed[8] = {(uint8_t)MC_EIO, (uint8_t)(MC_EIO >> 8)};
	struct base_item item = {.type = MSG_ANSWER(MSG_CTL_WANT_CRL), .corr = 1,
	    .payload = base_span_of(failed, sizeof(failed)), .fd = -1};

	world_open();
	keeper_start(keeper);
	look(&due, 1);
	keeper_answer(keeper, &item); /* of an issuer that there is not */
	item.corr = 0;
	item.type = MSG_ANSWER(MSG_CTL_STATUS);
	keeper_answer(keeper, &item);
	item.type = MSG_ANSWER(MSG_CTL_WANT_CRL);
	item.payload.len = 7;
	keeper_answer(keeper, &item);
	look(&due, 1);
	ck_assert_uint_eq(supervisor.count, 1);
	ck_assert_uint_eq(log_count("\"crl-not-made\""), 0);
	supervisor_says(0, MC_OK, "");
	look(&due, 1);
	ck_assert_uint_eq(supervisor.count, 2);
	world_close();
}
END_TEST

/* --- limits --- */

START_TEST(issuers_have_a_ceiling)
{
	static struct msg_crl_status_row rows[KEEPER_ISSUERS_MAX + 1];

	for (uint16_t i = 0; i <= KEEPER_ISSUERS_MAX; i++) {
		rows[i] = row(i, MSG_PROFILE_ISSUING, "production");
	}
	world_open();
	keeper_start(keeper);
	look(rows, KEEPER_ISSUERS_MAX);
	ck_assert_uint_eq(production.count, KEEPER_ISSUERS_MAX);
	ck_assert_mem_eq(production.got[KEEPER_ISSUERS_MAX - 1].issuer_id,
	    rows[KEEPER_ISSUERS_MAX - 1].issuer_id, 32);
	ck_assert_uint_eq(log_count("\"too-many-issuers\""), 0);
	look(rows, KEEPER_ISSUERS_MAX + 1);
	ck_assert_uint_eq(log_count("\"too-many-issuers\",\"limit\":512"), 1);
	ck_assert_uint_eq(production.count, KEEPER_ISSUERS_MAX);
	signer_says(&production, KEEPER_ISSUERS_MAX - 1, MC_OK, "");
	look(rows, KEEPER_ISSUERS_MAX); /* the last that it knows is served like the first */
	ck_assert_uint_eq(production.count, KEEPER_ISSUERS_MAX + 1);
	world_close();
}
END_TEST

/* It runs for years, and every rotation leaves an issuer that ends. */
START_TEST(an_issuer_that_has_expired_makes_room)
{
	static struct msg_crl_status_row rows[KEEPER_ISSUERS_MAX];
	struct msg_crl_status_row more[] = {row(600, MSG_PROFILE_ISSUING, "production"),
	    row(601, MSG_PROFILE_ISSUING, "production")};

	for (uint16_t i = 0; i < KEEPER_ISSUERS_MAX; i++) {
		rows[i] = row(i, MSG_PROFILE_ISSUING, "production");
	}
	rows[5].issuer_not_after_at = NOW_AT + 10;
	rows[7].issuer_not_after_at = NOW_AT + 11;
	rows[9].issuer_not_after_at = NOW_AT + 10;
	world_open();
	keeper_start(keeper);
	look(rows, KEEPER_ISSUERS_MAX);
	signer_says(&production, 5, MC_ENOTFOUND, "no such issuer");
	signer_says(&production, 7, MC_OK, "");
	fake_now_at = NOW_AT + 9;
	look(more, 1);
	ck_assert_uint_eq(log_count("\"too-many-issuers\""), 1);
	ck_assert_uint_eq(production.count, KEEPER_ISSUERS_MAX + 1); /* the seventh's next */
	fake_now_at = NOW_AT + 10;
	look(more, 2); /* the ninth's answer is still to come */
	ck_assert_uint_eq(log_count("\"too-many-issuers\""), 2);
	ck_assert_uint_eq(production.count, KEEPER_ISSUERS_MAX + 2);
	ck_assert_mem_eq(production.got[KEEPER_ISSUERS_MAX + 1].issuer_id, more[0].issuer_id, 32);
	signer_says(&production, 9, MC_OK, "");
	look(more, 2);
	ck_assert_uint_eq(log_count("\"too-many-issuers\""), 2);
	ck_assert_uint_eq(production.count, KEEPER_ISSUERS_MAX + 3);
	ck_assert_mem_eq(production.got[KEEPER_ISSUERS_MAX + 2].issuer_id, more[1].issuer_id, 32);
	world_close();
}
END_TEST

START_TEST(channels_have_a_ceiling)
{
	static struct end ends[LIMIT_ENVIRONMENTS + 2];
	char names[LIMIT_ENVIRONMENTS + 2][8];
	size_t full = LIMIT_ENVIRONMENTS + 1 - 2; /* production and staging are there */

	world_open();
	for (size_t i = 0; i <= full; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "e%zu", i);
		ck_assert_int_eq(attach(&ends[i], MSG_ROLE_SIGNER, names[i]), i < full ? MC_OK : MC_EUSAGE);
		ck_assert_int_eq(ends[i].chan != NULL, i < full);
	}
	/* one that takes over needs no room */
	ck_assert_int_eq(attach(&ends[full], MSG_ROLE_SIGNER, names[0]), MC_OK);
	ck_assert_ptr_null(ends[0].chan);
	ck_assert_ptr_nonnull(ends[full].chan);
	for (size_t i = 0; i <= full; i++) {
		base_chan_free(ends[i].chan);
	}
	world_close();
}
END_TEST

START_TEST(a_name_has_its_length)
{
	static struct end end;
	static const char longest[] = "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-0123456789";
	struct msg_crl_status_row due = row(1, MSG_PROFILE_ISSUING, longest + 1);

	ck_assert_uint_eq(strlen(longest), LIMIT_ENVIRONMENT + 1);
	world_open();
	ck_assert_int_eq(attach(&end, MSG_ROLE_SIGNER, longest), MC_EUSAGE);
	ck_assert_ptr_null(end.chan);
	ck_assert_int_eq(attach(&end, MSG_ROLE_SIGNER, longest + 1), MC_OK);
	keeper_start(keeper);
	look(&due, 1);
	ck_assert_uint_eq(end.count, 1);
	leave(&end);
	world_close();
}
END_TEST

START_TEST(nobody_else_gets_a_channel)
{
	static const enum msg_role others[] = {MSG_ROLE_INVALID, MSG_ROLE_SUPERVISOR, MSG_ROLE_FRONT,
	    MSG_ROLE_KEEPER, MSG_ROLE_CEREMONY};
	static struct end end;

	world_open();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(attach(&end, others[i], NULL), MC_EUSAGE);
		ck_assert_ptr_null(end.chan); /* it has closed what it was handed */
	}
	world_close();
}
END_TEST

/* It greets as another than the supervisor announced. */
START_TEST(an_impostor_is_dropped)
{
	struct msg_ctl_channel msg = {.peer = MSG_ROLE_SIGNER, .environment = base_span_str("production")};
	struct msg_crl_status_row due = row(1, MSG_PROFILE_ISSUING, "production");
	int fds[2];

	world_open();
	leave(&production);
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	production.chan = base_chan_new(loop, fds[1], end_item, end_gone, &production);
	ck_assert_int_eq(msg_hello_send(production.chan, MSG_ROLE_SIGNER, "staging"), MC_OK);
	ck_assert_int_eq(keeper_channel(keeper, &msg, fds[0]), MC_OK);
	turns();
	ck_assert_ptr_null(production.chan);
	ck_assert_uint_eq(log_count("\"peer-dropped\""), 1);
	keeper_start(keeper);
	look(&due, 1);
	ck_assert_uint_eq(staging.count, 0);
	world_close();
}
END_TEST

/* A signer that was taken over speaks for its own environment only. */
START_TEST(a_signer_settles_what_it_was_asked)
{
	struct msg_crl_status_row rows[] = {row(1, MSG_PROFILE_ISSUING, "production"),
	    row(2, MSG_PROFILE_ISSUING, "staging")};
	struct msg_crl_sign_ans ans = {.status = MC_ENOTFOUND};

	world_open();
	keeper_start(keeper);
	look(rows, 2);
	signer_says(&production, 0, MC_OK, "");
	/* no answer, but it reads like one about production's */
	ck_assert_int_eq(msg_send(staging.chan, MSG_CRL_SIGN, 0, production.got[0].corr,
	    &msg_crl_sign_ans_table, &ans), MC_OK);
	turns();
	ck_assert_uint_eq(log_count("\"issuer-without-key\""), 0);
	ck_assert_ptr_null(staging.chan);
	ck_assert_uint_eq(log_count("\"peer-dropped\""), 1);
	/* nor is one that says that it is not the last */
	ck_assert_int_eq(attach(&staging, MSG_ROLE_SIGNER, "staging"), MC_OK);
	look(rows, 2);
	ck_assert_int_eq(msg_send(staging.chan, MSG_ANSWER(MSG_CRL_SIGN), BASE_ITEM_MORE, staging.got[0].corr,
	    &msg_crl_sign_ans_table, &ans), MC_OK);
	turns();
	ck_assert_uint_eq(log_count("\"issuer-without-key\""), 0);
	ck_assert_ptr_null(staging.chan);
	ck_assert_uint_eq(production.count, 2);
	world_close();
}
END_TEST

/* No peer has one to give. */
START_TEST(a_descriptor_is_closed)
{
	struct base_span payload = base_span_of(NULL, 0);
	int fds[2];
	char byte;

	world_open();
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	ck_assert_int_eq(base_chan_send_fd(staging.chan, MSG_CRL_SIGN, 1, payload, fds[1]), MC_OK);
	(void)close(fds[1]);
	turns();
	ck_assert_ptr_null(staging.chan);
	ck_assert_int_eq(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0); /* nobody has the other end */
	(void)close(fds[0]);
	world_close();
}
END_TEST

CHECK_MAIN("rotation_keeper", the_ledger_is_asked_once_a_second, the_next_ledger_is_asked_like_the_first,
    what_the_ledger_could_not_list_is_not_acted_on, each_crl_is_asked_of_who_can_make_it, the_root_needs_people,
    a_crl_without_a_signer_is_made_when_it_comes, a_revocation_makes_it_due_again, one_request_at_a_time,
    a_failure_is_tried_again_later_and_later, a_failed_ceremony_is_tried_again_later,
    without_its_key_it_waits_for_another_signer, what_a_signer_took_with_it_is_asked_again,
    an_answer_to_nothing_settles_nothing, issuers_have_a_ceiling, an_issuer_that_has_expired_makes_room, channels_have_a_ceiling, a_name_has_its_length,
    nobody_else_gets_a_channel, an_impostor_is_dropped, a_signer_settles_what_it_was_asked,
    a_descriptor_is_closed)
