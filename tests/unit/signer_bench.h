/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a signer in this process, started and open, with the test at the other ends of its channels
 * (signer_ends.h). What ca/signer_main.c does is here, as short as it goes: whoever wants that program takes
 * signer_world.h.
 */
#ifndef TESTS_SIGNER_BENCH_H
#define TESTS_SIGNER_BENCH_H

#include "ca/signer.h"
#include "signer_ends.h"

#define BENCH_TURNS 12 /* through two channels and back, with room to spare */

static const char bench_production[] =
    "state_dir: /nowhere\n"
    "environments:\n"
    "  - name: production\n"
    "    grpc: {listen: \"127.0.0.1:15012\", dns_names: [ca.example.org]}\n"
    "    svid: {ttl: 12h, max_ttl: 3d, key_types: [p-256, rsa]}\n"
    "    server: {ttl: 2d, names: [\"*.mesh.example.org\"]}\n"
    "    rate: {per_second: 1000, burst: 1000}\n"
    "    verify_sample: 1\n";

static const char bench_operators[] = "state_dir: /nowhere\n"
				      "rest: {dns_names: [rest.example.org]}\n"
				      "environments:\n"
				      "  - name: production\n"
				      "    grpc: {listen: \"127.0.0.1:15012\"}\n";

enum msg_role_state
signer_state(struct signer *signer, const char **why)
{
	*why = "";
	return signer_active(signer) == NULL ? MSG_RS_SEALED : MSG_RS_READY;
}

void
signer_report(struct signer *signer)
{
	(void)signer;
}

void
signer_settle(struct signer *signer)
{
	(void)signer;
	world->settled++;
}

static inline enum mc_err
bench_on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	const struct signer_peer *peer = self;

	if (peer->role == MSG_ROLE_LEDGER) {
		return signer_ledger_answer(peer->signer, item);
	}
	switch (item->type) {
	case MSG_ISSUE:
		return signer_on_issue(peer->signer, chan, item);
	case MSG_CRL_SIGN:
		return signer_on_crl(peer->signer, chan, item);
	case MSG_SIGNER_INFO:
		return signer_on_info(peer->signer, chan, item);
	default:
		return peer->role == MSG_ROLE_SUPERVISOR
		    ? signer_on_user_local(peer->signer, chan, item)
		    : signer_on_user(peer->signer, chan, item);
	}
}

static inline void
bench_on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct signer_peer *peer = self;

	(void)why;
	peer->chan = NULL;
	if (peer->signer->ledger == chan) {
		signer_ledger_lost(peer->signer);
	}
	signer_peer_lost(peer->signer, chan);
	base_chan_free(chan);
}

static inline void
bench_connect(struct world_end *end, enum msg_role role)
{
	struct signer *signer = world->signer;
	struct signer_peer *peer = signer->peers;
	int fds[2];

	while (peer->chan != NULL) {
		peer++;
	}
	ck_assert(peer < signer->peers + SIGNER_PEERS);
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	*peer = (struct signer_peer){.signer = signer, .role = role, .greeted = true};
	peer->chan = base_chan_new(world->loop, fds[1], bench_on_item, bench_on_gone, peer);
	memset(end, 0, sizeof(*end));
	end->role = role;
	end->greeted = true;
	end->chan = base_chan_new(world->loop, fds[0], world_on_item, world_on_gone, end);
	if (role == MSG_ROLE_LEDGER) {
		signer->ledger = peer->chan;
		signer_ledger_pump(signer);
	}
}

/* Its key is world->ca's, or none when sealed. */
static inline void
bench_open_sealed(const char *environment, const char *text)
{
	struct signer *signer = base_xcalloc(1, sizeof(*signer));

	world = base_xcalloc(1, sizeof(*world));
	world->environment = environment;
	world->loop = base_loop_new();
	world->signer = signer;
	signer->loop = world->loop;
	base_copy(signer->environment, environment, strlen(environment));
	signer->operators = strcmp(environment, CONFIG_OPERATORS) == 0;
	signer->config = config_parse("test", base_span_str(text));
	ck_assert_msg(signer->config != NULL, "%s", mc_err_last()->detail);
	signer->env = config_environment(signer->config, environment);
	ck_assert_ptr_nonnull(signer->env);
	signer->tokens_u = (int64_t)signer->env->rate_burst * 1000000;
	signer->tokens_at_us = base_loop_now_us(signer->loop);
	signer->keys = key_importer_new();
	signer_requests_init(signer);
	signer->started = true;
	base_clock_guard_init(&signer->clock, 0);
	world->ca = make_ca("P-256", signer->env->trust_domain, base_clock_now() + 30 * 86400);
	bench_connect(&world->ledger, MSG_ROLE_LEDGER);
	bench_connect(&world->front, MSG_ROLE_FRONT);
	bench_connect(&world->keeper, MSG_ROLE_KEEPER);
	bench_connect(&world->control, MSG_ROLE_SUPERVISOR);
	world_leaf_key("P-256");
}

/* One more issuing CA, the first is the active one. */
static inline void
bench_issuer(const struct make_ca *ca)
{
	struct signer_issuer *slot = &world->signer->issuers[world->signer->issuer_count++];

	slot->open = issuer_new(ca->key, make_ca_der(ca));
	ck_assert_ptr_nonnull(slot->open);
}

static inline void
bench_open(const char *environment, const char *text)
{
	bench_open_sealed(environment, text);
	bench_issuer(world->ca);
}

/* Lets everything arrive that is under way. */
static inline void
bench_turn(void)
{
	for (int i = 0; i < BENCH_TURNS; i++) {
		base_loop_turn(world->loop, 0);
	}
}

/* Whether nothing comes to this end. */
static inline bool
bench_quiet(const struct world_end *end)
{
	bench_turn();
	return end->count == 0;
}

static inline void
bench_close(void)
{
	struct signer *signer = world->signer;

	for (size_t i = 0; i < SIGNER_PEERS; i++) {
		base_chan_free(signer->peers[i].chan);
	}
	signer_crl_clear(signer);
	signer_requests_clear(signer);
	signer_seal_clear(signer);
	key_importer_free(signer->keys);
	config_free(signer->config);
	free(signer);
	world_end_close(&world->ledger);
	world_end_close(&world->front);
	world_end_close(&world->keeper);
	world_end_close(&world->control);
	base_loop_free(world->loop);
	make_ca_free(world->ca);
	free(world);
	world = NULL;
	world_leaf_key_free();
}

/* A wall clock that a test sets: off by as much from the real one. */
static int64_t bench_clock_off_us;

static inline int64_t
bench_wall_us(void)
{
	return base_clock_now_us() + bench_clock_off_us;
}

/* The guard sees the wall clock jump. */
static inline void
bench_clock_jump(int64_t by_s)
{
	bench_clock_off_us = by_s * 1000000;
	world->signer->clock.wall_us = bench_wall_us;
}

#endif
