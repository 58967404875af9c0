/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: who may send what, and in whose place. */
#include "ledger_fixture.h"

#include "check_main.h"

/* What each role may ask, and that everything else costs it its channel. */
START_TEST(permits_by_role_and_type)
{
	static const struct {
		enum msg_role role;
		uint16_t type;
		bool allowed;
	} CASES[] = {
		{ MSG_ROLE_FRONT, MSG_USER_LIST, true },
		{ MSG_ROLE_FRONT, MSG_CRL_STATUS, true },
		{ MSG_ROLE_FRONT, MSG_LEDGER_STATUS, true },
		{ MSG_ROLE_FRONT, MSG_INTENT, false },
		{ MSG_ROLE_FRONT, MSG_SIGNATURE, false },
		{ MSG_ROLE_FRONT, MSG_ISSUER_PUT, false },
		{ MSG_ROLE_FRONT, MSG_USER_PUT, false },
		{ MSG_ROLE_FRONT, MSG_CRL_CHUNK, false },
		{ MSG_ROLE_FRONT, MSG_CONFIG_PUT, false },
		{ MSG_ROLE_FRONT, MSG_CTL_START, false },
		{ MSG_ROLE_FRONT, MSG_CTL_CLOCK, false },
		{ MSG_ROLE_FRONT, MSG_UNSEALED, false },
		{ MSG_ROLE_KEEPER, MSG_CTL_CLOCK, false },
		{ MSG_ROLE_SIGNER, MSG_UNSEALED, false },
		{ MSG_ROLE_OPERATORS, MSG_UNSEALED, false },
		{ MSG_ROLE_CEREMONY, MSG_UNSEALED, false },
		{ MSG_ROLE_FRONT, 150, false }, /* once wrote any event in any name */
		{ MSG_ROLE_KEEPER, 150, false },
		{ MSG_ROLE_SIGNER, MSG_ISSUER_PUT, false },
		{ MSG_ROLE_SIGNER, MSG_USER_PUT, false },
		{ MSG_ROLE_SIGNER, MSG_REVOKE, false },
		{ MSG_ROLE_SIGNER, MSG_CERT_LIST, false },
		{ MSG_ROLE_SIGNER, MSG_USER_GET, false },
		{ MSG_ROLE_OPERATORS, MSG_ISSUER_PUT, false },
		{ MSG_ROLE_OPERATORS, MSG_REVOKE, false },
		{ MSG_ROLE_OPERATORS, MSG_USER_REMOVE, false },
		{ MSG_ROLE_KEEPER, MSG_CRL_STATUS, true },
		{ MSG_ROLE_KEEPER, MSG_LEDGER_STATUS, true },
		{ MSG_ROLE_KEEPER, MSG_REVOKE, false },
		{ MSG_ROLE_KEEPER, MSG_INTENT, false },
		{ MSG_ROLE_KEEPER, MSG_INVENTORY_PUT, false },
		{ MSG_ROLE_SIGNER, MSG_INVENTORY_PUT, false },
		{ MSG_ROLE_OPERATORS, MSG_INVENTORY_CHUNK, false },
		{ MSG_ROLE_SIGNER, MSG_REGISTRATION_LIST, false },
		{ MSG_ROLE_CEREMONY, MSG_USER_PUT, false },
		{ MSG_ROLE_CEREMONY, MSG_REVOKE, false },
		{ MSG_ROLE_CEREMONY, MSG_CONFIG_PUT, false },
	};
	const struct msg_empty empty = { 0 };

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		bool signer = CASES[i].role == MSG_ROLE_SIGNER;
		struct bench bench;
		struct peer *peer;

		bench_start(&bench);
		peer = peer_start(&bench, CASES[i].role, signer ? "production" : "");
		peer_ask(peer, CASES[i].type, &msg_empty_table, &empty);
		peer_wait(&bench, peer, 1);
		ck_assert_msg(peer->gone == !CASES[i].allowed, "%s: %s",
		    msg_role_name(CASES[i].role), msg_type_name(CASES[i].type));
		peer_end(peer);
		bench_end(&bench);
	}
}
END_TEST

/* The last guard: no CA profile and no foreign environment through a signer's channel. */
START_TEST(signers_write_only_their_own_leaves)
{
	static const struct {
		enum msg_role role;
		uint8_t profile;
		const char *environment;
		enum mc_err expect;
	} CASES[] = {
		{ MSG_ROLE_SIGNER, MSG_PROFILE_SVID, "production", MC_OK },
		{ MSG_ROLE_SIGNER, MSG_PROFILE_SERVER, "production", MC_OK },
		{ MSG_ROLE_SIGNER, MSG_PROFILE_CLIENT, "production", MC_EPOLICY },
		{ MSG_ROLE_SIGNER, MSG_PROFILE_ISSUING, "production", MC_EPOLICY },
		{ MSG_ROLE_SIGNER, MSG_PROFILE_ENVIRONMENT, "production", MC_EPOLICY },
		{ MSG_ROLE_SIGNER, MSG_PROFILE_ROOT, "production", MC_EPOLICY },
		{ MSG_ROLE_SIGNER, MSG_PROFILE_SVID, "staging", MC_EPOLICY },
		{ MSG_ROLE_SIGNER, 77, "production", MC_EPOLICY },
		{ MSG_ROLE_OPERATORS, MSG_PROFILE_SVID, "operators", MC_EPOLICY },
		{ MSG_ROLE_OPERATORS, MSG_PROFILE_ISSUING, "operators", MC_EPOLICY },
		{ MSG_ROLE_OPERATORS, MSG_PROFILE_CLIENT, "production", MC_EPOLICY },
		{ MSG_ROLE_CEREMONY, MSG_PROFILE_SVID, "production", MC_EPOLICY },
	};
	struct bench bench;
	struct fix_intent leaf;
	struct msg_intent_ans out;

	bench_start(&bench);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		bool signer = CASES[i].role == MSG_ROLE_SIGNER;
		struct peer *peer = peer_start(&bench, CASES[i].role, signer ? "production" : "");
		uint64_t before = bench.ledger->head.seq;

		live_intent(&bench, &leaf, CASES[i].profile, "spiffe://x/y");
		leaf.msg.environment = base_span_str(CASES[i].environment);
		ck_assert_int_eq(peer_intent(&bench, peer, &leaf.msg, &out), CASES[i].expect);
		ck_assert_uint_eq(bench.ledger->head.seq - before,
		    CASES[i].expect == MC_OK ? 1 : 0);
		peer_end(peer);
	}
	bench_end(&bench);
}
END_TEST

START_TEST(hello_must_agree)
{
	struct bench bench;
	struct peer *peer;
	int fds[2];

	bench_start(&bench);
	peer = base_xcalloc(1, sizeof(*peer));
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	ledger_peer_add(bench.ledger, fds[0], MSG_ROLE_SIGNER, base_span_str("staging"));
	peer->chan = base_chan_new(bench.loop, fds[1], peer_item, peer_gone, peer);
	ck_assert_int_eq(msg_hello_send(peer->chan, MSG_ROLE_SIGNER, "production"), MC_OK);
	peer_wait(&bench, peer, 1);
	ck_assert(peer->gone);
	peer_end(peer);
	bench_end(&bench);
}
END_TEST

/* Whoever kept the channels of a front that is gone has nothing. */
START_TEST(a_new_front_takes_the_place_of_the_one_before)
{
	static const enum msg_role ROLES[] = { MSG_ROLE_FRONT, MSG_ROLE_KEEPER };
	const struct msg_empty empty = { 0 };

	for (size_t i = 0; i < 2; i++) {
		struct msg_ledger_status_ans out;
		struct peer *old;
		struct peer *new;
		struct peer *signer;
		struct bench bench;

		bench_start(&bench);
		signer = peer_start(&bench, MSG_ROLE_SIGNER, "production");
		old = peer_start(&bench, ROLES[i], "");
		ck_assert_int_eq(peer_call(&bench, old, MSG_LEDGER_STATUS, &msg_empty_table, &empty,
		                     &msg_ledger_status_ans_table, &out),
		    MC_OK);
		new = peer_start(&bench, ROLES[i], "");
		ck_assert_int_eq(peer_call(&bench, new, MSG_LEDGER_STATUS, &msg_empty_table, &empty,
		                     &msg_ledger_status_ans_table, &out),
		    MC_OK);
		peer_wait(&bench, old, 2);
		ck_assert(old->gone);
		ck_assert(!signer->gone);
		peer_end(old);
		peer_end(new);
		peer_end(signer);
		bench_end(&bench);
	}
}
END_TEST

CHECK_MAIN("store_ledger", permits_by_role_and_type, signers_write_only_their_own_leaves,
    hello_must_agree, a_new_front_takes_the_place_of_the_one_before)
