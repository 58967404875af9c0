/* SPDX-License-Identifier: Apache-2.0 */
/* What front learns of its environments: the test is the ledger and the signers at the other ends of real links. */
#include "api/front_env.h"

#include <string.h>

#include "api/tls_server.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"
#include "tests/unit/check_main.h"

#define WAIT_US   (8 * INT64_C(1000000))
#define SECOND_US INT64_C(1000000)
#define CERTS_MAX (1024 * 1024) /* bytes of an environment's issuers, with their lengths */
#define ASKED     32

/* --- what else front has: listeners, which are told of changes --- */

static unsigned certified, reloaded;
static struct tls_server *const listener = (struct tls_server *)&certified;

void
tls_server_certify(struct tls_server *server)
{
	ck_assert_ptr_eq(server, listener);
	certified++;
}

void
tls_server_reload(struct tls_server *server)
{
	ck_assert_ptr_eq(server, listener);
	reloaded++;
}

/* --- the other ends --- */

struct asked {
	uint16_t type;
	uint64_t corr;
};

struct peer {
	struct base_chan *chan; /* NULL: dropped */
	struct asked asked[ASKED];
	size_t first, count;
};

static struct base_loop *loop;
static struct front front;
static struct front_env envs[3];
static struct front_poll *front_poll;
static struct config_environment configs[3];
static struct peer ledger, production, operators;

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct peer *peer = self;

	(void)chan;
	if (item->type != MSG_HELLO) {
		ck_assert_uint_lt(peer->count, ASKED);
		peer->asked[peer->count++] = (struct asked){item->type, item->corr};
	}
	return MC_OK;
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct peer *peer = self;

	(void)why;
	base_chan_free(chan);
	peer->chan = NULL;
}

static void
turns(void)
{
	for (int i = 0; i < 6; i++) {
		base_loop_turn(loop, 0);
	}
}

static void
attach(struct peer *peer, struct link *link, enum msg_role role, const char *environment)
{
	int fds[2];

	*peer = (struct peer){0};
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	peer->chan = base_chan_new(loop, fds[1], on_item, on_gone, peer);
	ck_assert_int_eq(msg_hello_send(peer->chan, role, environment), MC_OK);
	link_attach(link, fds[0], 1);
	turns();
}

static size_t
open_questions(const struct peer *peer)
{
	return peer->count - peer->first;
}

static void
answer(struct peer *peer, uint16_t type, uint16_t flags, const struct msg_table *table, const void *object)
{
	const struct asked *asked = &peer->asked[peer->first];

	ck_assert_uint_gt(open_questions(peer), 0);
	ck_assert_msg(asked->type == type, "%s was asked", msg_type_name(asked->type));
	ck_assert_int_eq(msg_send(peer->chan, MSG_ANSWER(type), flags, asked->corr, table, object), MC_OK);
	peer->first += flags == 0;
	turns();
}

/* --- front --- */

/* Two environments, of which the second is not there yet, and the operators. */
static void
start(void)
{
	static char names[3][16] = {"production", CONFIG_OPERATORS, "late"};

	certified = reloaded = 0;
	loop = base_loop_new();
	front = (struct front){.loop = loop, .envs = envs, .env_count = 2};
	front.ledger = link_new(loop, MSG_ROLE_LEDGER, NULL);
	for (size_t i = 0; i < 3; i++) {
		configs[i] = (struct config_environment){.name = names[i]};
		front_env_init(&front, &envs[i], &configs[i]);
	}
	envs[0].tls = listener;
	attach(&ledger, front.ledger, MSG_ROLE_LEDGER, NULL);
	attach(&production, envs[0].signer, MSG_ROLE_SIGNER, "production");
	attach(&operators, envs[1].signer, MSG_ROLE_OPERATORS, CONFIG_OPERATORS);
}

/* Only production is polled: what is asked of the ledger is about it. */
static void
start_one(void)
{
	start();
	front.env_count = 1;
	front_poll = front_poll_new(&front);
	turns();
}

static void
end(void)
{
	front_poll_free(front_poll);
	front_poll = NULL;
	for (size_t i = 0; i < 3; i++) {
		front_env_clear(&envs[i]);
	}
	link_free(front.ledger);
	base_chan_free(ledger.chan);
	base_chan_free(production.chan);
	base_chan_free(operators.chan);
	base_loop_free(loop);
}

static void
poll_now(void)
{
	front_poll_now(front_poll);
	turns();
}

static void
signer_says(uint8_t state, const char *why, uint8_t issuer)
{
	struct msg_signer_info_ans ans = {.state = state, .detail = base_span_str(why),
	    .issuer_not_after_at = 4000, .signed_count = 5, .refused_count = 6, .cpu_us = 7};

	memset(ans.issuer_id, issuer, sizeof(ans.issuer_id));
	answer(&production, MSG_SIGNER_INFO, 0, &msg_signer_info_ans_table, &ans);
}

/* An anchor of one byte, or none. */
static void
ledger_says(uint64_t sequence, char anchor)
{
	uint8_t der[5] = {1, 0, 0, 0, (uint8_t)anchor};
	struct msg_bundle_ans ans = {.sequence = sequence,
	    .anchors = base_span_of(der, anchor != '\0' ? 5 : 0)};

	answer(&ledger, MSG_BUNDLE_GET, 0, &msg_bundle_ans_table, &ans);
}

static void
row(enum msg_profile profile, enum msg_state state, struct base_span cert)
{
	struct msg_issuer_row issuer = {.profile = (uint8_t)profile, .state = (uint8_t)state, .cert = cert};

	answer(&ledger, MSG_ISSUER_LIST, BASE_ITEM_MORE, &msg_issuer_row_table, &issuer);
}

static void
rows_end(enum mc_err status)
{
	struct msg_list_end list = {.status = (uint32_t)status};

	answer(&ledger, MSG_ISSUER_LIST, 0, &msg_list_end_table, &list);
}

/* --- environments --- */

START_TEST(an_environment_begins_with_a_link_and_nothing_known)
{
	uint8_t one[16], other[16];

	start();
	ck_assert_ptr_eq(front_env_find(&front, "production"), &envs[0]);
	ck_assert_ptr_eq(front_env_find(&front, CONFIG_OPERATORS), &envs[1]);
	ck_assert_ptr_null(front_env_find(&front, "late")); /* beyond the count */
	ck_assert_ptr_null(front_env_find(&front, "productio"));
	ck_assert_int_eq(envs[0].signer_state, MC_ENOTREADY);
	ck_assert_ptr_null(envs[0].bundle_pem);
	/* each link takes its own peer, and none else */
	ck_assert(link_is_up(envs[0].signer) && link_is_up(envs[1].signer));
	attach(&production, envs[0].signer, MSG_ROLE_OPERATORS, "production");
	ck_assert_ptr_null(production.chan);
	front_request_id(one);
	front_request_id(other);
	ck_assert_mem_ne(one, other, 16);
	end();
}
END_TEST

START_TEST(who_came_later_is_asked_too)
{
	struct peer late;

	start_one();
	ck_assert_uint_eq(open_questions(&production), 1);
	ck_assert_uint_eq(open_questions(&operators), 0);
	front.env_count = 3;
	attach(&late, envs[2].signer, MSG_ROLE_SIGNER, "late");
	poll_now();
	ck_assert_uint_eq(open_questions(&operators), 1);
	ck_assert_uint_eq(open_questions(&late), 1);
	ck_assert_uint_eq(open_questions(&ledger), 3);
	ck_assert_uint_eq(late.asked[0].type, MSG_SIGNER_INFO);
	base_chan_free(late.chan);
	end();
}
END_TEST

/* --- signers --- */

START_TEST(what_a_signer_says_is_its_state)
{
	uint8_t id[32];

	start_one();
	signer_says(MSG_RS_SEALED, "no passphrase", 1);
	ck_assert_int_eq(envs[0].signer_state, MC_ESEALED);
	ck_assert_str_eq(envs[0].signer_why, "no passphrase");
	ck_assert_uint_eq(certified, 0);
	poll_now();
	signer_says(MSG_RS_READY, "", 1);
	ck_assert_int_eq(envs[0].signer_state, MC_OK);
	ck_assert_str_eq(envs[0].signer_why, "");
	ck_assert_uint_eq(certified, 1); /* who waits for a certificate asks again */
	memset(id, 1, sizeof(id));
	ck_assert_mem_eq(envs[0].issuer_id, id, sizeof(id));
	ck_assert_int_eq(envs[0].issuer_not_after_at, 4000);
	ck_assert_uint_eq(envs[0].signed_count, 5);
	ck_assert_uint_eq(envs[0].refused_count, 6);
	ck_assert_uint_eq(envs[0].signer_cpu_us, 7);
	poll_now();
	signer_says(MSG_RS_READY, "", 1);
	ck_assert_uint_eq(certified, 1); /* no news */
	for (uint8_t state = 0; state <= MSG_RS_BLOCKED + 1; state++) {
		if (state != MSG_RS_READY && state != MSG_RS_SEALED) {
			poll_now();
			signer_says(state, "why", 1);
			ck_assert_int_eq(envs[0].signer_state, MC_ENOTREADY);
			ck_assert_str_eq(envs[0].signer_why, "why");
		}
	}
	end();
}
END_TEST

START_TEST(a_long_reason_is_cut)
{
	char why[sizeof(envs[0].signer_why) + 2];

	start_one();
	for (size_t len = sizeof(envs[0].signer_why) - 1; len < sizeof(why); len++) {
		memset(why, 'w', sizeof(why));
		why[len] = '\0';
		signer_says(MSG_RS_BLOCKED, why, 1);
		ck_assert_uint_eq(strlen(envs[0].signer_why), sizeof(envs[0].signer_why) - 1);
		poll_now();
	}
	end();
}
END_TEST

START_TEST(a_signer_that_does_not_answer_well_is_not_ready)
{
	struct msg_status_ans failed = {.status = MC_EINTERNAL, .detail = base_span_str("oh")};
	struct msg_signer_info_ans refused = {.status = MC_EINTERNAL, .state = MSG_RS_READY};

	start_one();
	for (int i = 0; i < 3; i++) {
		signer_says(MSG_RS_SEALED, "why", 1);
		ck_assert_int_eq(envs[0].signer_state, MC_ESEALED);
		poll_now();
		if (i == 0) {
			answer(&production, MSG_SIGNER_INFO, 0, &msg_signer_info_ans_table, &refused);
		} else if (i == 1) {
			failed.status = MC_OK; /* but it does not decode */
			answer(&production, MSG_SIGNER_INFO, 0, &msg_status_ans_table, &failed);
		} else {
			base_chan_free(production.chan);
			production.chan = NULL;
			turns();
		}
		ck_assert_int_eq(envs[0].signer_state, MC_ENOTREADY);
		ck_assert_str_eq(envs[0].signer_why, "");
		poll_now();
	}
	/* without a link there is nobody to ask */
	envs[0].signer_state = MC_OK;
	envs[0].signer_why[0] = 'w';
	poll_now();
	ck_assert_int_eq(envs[0].signer_state, MC_ENOTREADY);
	ck_assert_str_eq(envs[0].signer_why, "");
	end();
}
END_TEST

START_TEST(nothing_is_asked_twice_at_once)
{
	start_one();
	poll_now();
	poll_now();
	ck_assert_uint_eq(open_questions(&production), 1);
	ck_assert_uint_eq(open_questions(&ledger), 1);
	ledger_says(1, 'a');
	poll_now();
	poll_now();
	ck_assert_uint_eq(open_questions(&ledger), 2); /* the bundle again, and the issuers */
	end();
}
END_TEST

/* Signers every second, and for a bundle that is not known; for one that is at every fifth time. */
START_TEST(it_asks_again_by_itself)
{
	int64_t begin_us;

	start();
	front_poll = front_poll_new(&front);
	turns();
	signer_says(MSG_RS_READY, "", 0);
	ledger_says(1, 'a');
	ledger_says(1, '\0'); /* the operators' */
	begin_us = base_clock_boot_us();
	while (open_questions(&production) == 0) {
		ck_assert_int_lt(base_clock_boot_us() - begin_us, WAIT_US);
		base_loop_turn(loop, 20);
	}
	ck_assert_int_ge(base_clock_boot_us() - begin_us, SECOND_US * 9 / 10);
	turns();
	ck_assert_uint_eq(open_questions(&ledger), 2);
	ck_assert_uint_eq(ledger.asked[ledger.first].type, MSG_ISSUER_LIST);
	ck_assert_uint_eq(ledger.asked[ledger.first + 1].type, MSG_BUNDLE_GET);
	end();
}
END_TEST

/* --- bundles --- */

START_TEST(a_bundle_is_taken_when_it_differs)
{
	char *first;

	start_one();
	ledger_says(4, 'a');
	ck_assert_ptr_nonnull(strstr(envs[0].bundle_pem, "BEGIN CERTIFICATE"));
	ck_assert(base_span_equal(envs[0].anchors, base_span_of("\1\0\0\0a", 5)));
	ck_assert_uint_eq(envs[0].bundle_sequence, 4);
	ck_assert_uint_eq(reloaded, 1);
	first = envs[0].bundle_pem;
	poll_now();
	ledger_says(4, 'a');
	ck_assert_ptr_eq(envs[0].bundle_pem, first); /* whoever holds it holds on */
	ck_assert_uint_eq(reloaded, 1);
	rows_end(MC_OK);
	ck_assert_uint_eq(reloaded, 2);
	poll_now();
	ledger_says(5, 'a');
	ck_assert_uint_eq(envs[0].bundle_sequence, 5);
	ck_assert_uint_eq(reloaded, 3);
	poll_now();
	ledger_says(5, 'b');
	ck_assert(base_span_equal(envs[0].anchors, base_span_of("\1\0\0\0b", 5)));
	ck_assert_uint_eq(reloaded, 4);
	end();
}
END_TEST

START_TEST(a_bundle_that_is_none_changes_nothing)
{
	struct msg_bundle_ans bad = {.sequence = 9, .anchors = base_span_of("\2\0\0\0z", 5)};
	struct msg_status_ans failed = {.status = MC_ENOTFOUND};

	start_one();
	for (int known = 0; known < 2; known++) {
		answer(&ledger, MSG_BUNDLE_GET, 0, &msg_bundle_ans_table, &bad); /* cut */
		poll_now();
		ledger_says(9, '\0'); /* no anchor at all */
		poll_now();
		answer(&ledger, MSG_BUNDLE_GET, 0, &msg_status_ans_table, &failed);
		poll_now();
		if (known == 0) {
			ck_assert_ptr_null(envs[0].bundle_pem);
			ledger_says(4, 'a');
			poll_now();
			ledger_says(4, 'a');
			rows_end(MC_OK);
			poll_now();
		}
	}
	ck_assert_uint_eq(envs[0].bundle_sequence, 4);
	ck_assert(base_span_equal(envs[0].anchors, base_span_of("\1\0\0\0a", 5)));
	end();
}
END_TEST

/* --- issuers --- */

START_TEST(issuing_cas_in_force_are_kept)
{
	static const struct base_span a = {(const uint8_t *)"aa", 2}, b = {(const uint8_t *)"bbb", 3};

	start_one();
	ledger_says(1, 'a');
	poll_now();
	ledger_says(1, 'a');
	row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, a);
	row(MSG_PROFILE_ENVIRONMENT, MSG_STATE_SIGNED, b);
	row(MSG_PROFILE_ISSUING, MSG_STATE_REVOKED, b);
	row(MSG_PROFILE_ISSUING, MSG_STATE_EXPIRED, b);
	row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, b);
	ck_assert_uint_eq(envs[0].issuers.len, 0); /* not before the end */
	ck_assert_uint_eq(reloaded, 1);
	rows_end(MC_OK);
	ck_assert(base_span_equal(envs[0].issuers, base_span_of("\2\0\0\0aa\3\0\0\0bbb", 13)));
	ck_assert_uint_eq(reloaded, 2);
	/* they are asked for anew when something changed, and only then */
	poll_now();
	ledger_says(1, 'a');
	ck_assert_uint_eq(open_questions(&ledger), 0);
	signer_says(MSG_RS_READY, "", 9);
	poll_now();
	ledger_says(1, 'a');
	row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, b);
	rows_end(MC_OK);
	ck_assert(base_span_equal(envs[0].issuers, base_span_of("\3\0\0\0bbb", 7)));
	end();
}
END_TEST

START_TEST(a_list_that_failed_is_asked_for_again)
{
	static const struct base_span a = {(const uint8_t *)"aa", 2};

	start_one();
	ledger_says(1, 'a');
	poll_now();
	ledger_says(1, 'a');
	row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, a);
	rows_end(MC_EIO);
	ck_assert_uint_eq(envs[0].issuers.len, 0);
	ck_assert_uint_eq(reloaded, 1);
	poll_now();
	ledger_says(1, 'a');
	row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, a);
	rows_end(MC_OK);
	ck_assert_uint_eq(envs[0].issuers.len, 6); /* what the failed one brought is not in it */
	end();
}
END_TEST

/* So many bytes of issuers, each with its length, and not one more. */
START_TEST(issuers_have_a_ceiling)
{
	static const uint8_t bytes[LIMIT_CERT];

	start_one();
	ledger_says(1, 'a');
	for (size_t over = 1; over < 2; over--) {
		size_t left = CERTS_MAX + over;

		poll_now();
		ledger_says(1, 'a');
		while (left > 0) {
			size_t len = left - 4 < LIMIT_CERT ? left - 4 : LIMIT_CERT;

			row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, base_span_of(bytes, len));
			left -= 4 + len;
		}
		rows_end(MC_OK);
		ck_assert_uint_eq(envs[0].issuers.len, over == 0 ? CERTS_MAX : 0);
	}
	end();
}
END_TEST

/* --- the end --- */

START_TEST(answers_after_the_end_go_nowhere)
{
	start_one();
	ledger_says(1, 'a');
	poll_now();
	front_poll_free(front_poll);
	front_poll = NULL;
	front_poll_free(NULL);
	signer_says(MSG_RS_READY, "", 1);
	ledger_says(2, 'b');
	row(MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, base_span_str("c"));
	rows_end(MC_OK);
	ck_assert_int_eq(envs[0].signer_state, MC_ENOTREADY);
	ck_assert_uint_eq(envs[0].bundle_sequence, 1);
	ck_assert_uint_eq(envs[0].issuers.len, 0);
	end();
}
END_TEST

CHECK_MAIN("api_front_env", an_environment_begins_with_a_link_and_nothing_known, who_came_later_is_asked_too,
    what_a_signer_says_is_its_state, a_long_reason_is_cut, a_signer_that_does_not_answer_well_is_not_ready,
    nothing_is_asked_twice_at_once, it_asks_again_by_itself, a_bundle_is_taken_when_it_differs,
    a_bundle_that_is_none_changes_nothing, issuing_cas_in_force_are_kept,
    a_list_that_failed_is_asked_for_again, issuers_have_a_ceiling, answers_after_the_end_go_nowhere)
