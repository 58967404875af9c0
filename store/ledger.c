/* SPDX-License-Identifier: Apache-2.0 */
/* Channels, and who may send what. */
#include <stdlib.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/ledger_int.h"

/* --- requests --- */

void
ledger_peer_unref(struct ledger_peer *peer)
{
	struct ledger_peer **at = &peer->ledger->peers;

	if (--peer->refs > 0) {
		return;
	}
	while (*at != NULL && *at != peer) {
		at = &(*at)->next;
	}
	if (*at == peer) {
		*at = peer->next;
	}
	ledger_documents_clear(peer);
	free(peer);
}

static enum mc_err
on_change(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger_peer *peer = self;
	struct ledger_op *op = NULL;
	enum mc_err ret = ledger_op_decode(peer, item, &op);

	(void)chan;
	if (ret == MC_OK) {
		ledger_write_queue(peer->ledger, op);
	}
	return ret;
}

/* Which profiles a role's program can build at all. */
static bool
may_intend(enum msg_role role, uint8_t profile)
{
	switch (role) {
	case MSG_ROLE_SIGNER:
		return profile == MSG_PROFILE_SVID || profile == MSG_PROFILE_SERVER;
	case MSG_ROLE_OPERATORS:
		return profile == MSG_PROFILE_SERVER || profile == MSG_PROFILE_CLIENT;
	case MSG_ROLE_CEREMONY:
		return profile >= MSG_PROFILE_ROOT && profile <= MSG_PROFILE_ISSUING;
	case MSG_ROLE_INVALID:
	case MSG_ROLE_SUPERVISOR:
	case MSG_ROLE_FRONT:
	case MSG_ROLE_LEDGER:
	case MSG_ROLE_KEEPER:
		return false;
	}
	return false;
}

/* The last guard: a signer that was taken over cannot write down a CA certificate, or a leaf of
 * another environment, so it gets no acknowledgement for one; trying is logged. */
static enum mc_err
on_intent(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger_peer *peer = self;
	struct ledger_op *op = NULL;
	enum mc_err ret = ledger_op_decode(peer, item, &op);

	(void)chan;
	if (ret != MC_OK) {
		return ret;
	}
	if (!may_intend(peer->role, op->msg.intent.profile) ||
	    (op->scope.environment.len != 0 &&
	        !base_span_equal(op->scope.environment, op->msg.intent.environment))) {
		base_log(LOG_LVL_ERROR, "intent-forbidden",
		    LOG_STR("peer", msg_role_name(peer->role)),
		    LOG_STR("peer_environment", peer->environment),
		    LOG_STR("profile",
		        msg_profile_name((enum msg_profile)op->msg.intent.profile)),
		    LOG_RID(op->msg.intent.request_id), LOG_END);
		ledger_op_fail(op, MC_EPOLICY,
		    "the sender may not write this profile or environment");
		ledger_op_answer(op);
		return MC_OK;
	}
	ledger_write_queue(peer->ledger, op);
	return MC_OK;
}

static enum mc_err
on_inventory_chunk(void *self, struct base_chan *chan, const struct base_item *item)
{
	const struct msg_status_ans done = { .status = MC_OK };
	struct ledger_peer *peer = self;
	struct ledger_op *op = NULL;
	enum mc_err ret = ledger_op_decode(peer, item, &op);
	enum mc_err taken;

	(void)chan;
	if (ret != MC_OK) {
		return ret;
	}
	taken = ledger_document_add(peer, &op->msg.inventory_chunk);
	if (taken == MC_OK) {
		ledger_op_put(op, &msg_status_ans_table, &done);
	} else {
		ledger_op_fail(op, taken, mc_err_last()->detail);
	}
	ledger_op_answer(op);
	return MC_OK;
}

static enum mc_err
on_inventory_put(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger_peer *peer = self;
	struct ledger_op *op = NULL;
	enum mc_err ret = ledger_op_decode(peer, item, &op);

	(void)chan;
	if (ret != MC_OK) {
		return ret;
	}
	if (ledger_document_take(op) == MC_OK) {
		ledger_write_queue(peer->ledger, op);
	} else {
		ledger_op_fail(op, mc_err_last()->code, mc_err_last()->detail);
		ledger_op_answer(op);
	}
	return MC_OK;
}

static enum mc_err
on_query(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger_peer *peer = self;
	struct ledger_op *op = NULL;
	enum mc_err ret = ledger_op_decode(peer, item, &op);

	(void)chan;
	if (ret == MC_OK) {
		ledger_read_submit(peer->ledger, op);
	}
	return ret;
}

static enum mc_err
on_status(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger_peer *peer = self;
	struct ledger *ledger = peer->ledger;
	struct msg_ledger_status_ans answer = {
		.status = MC_OK,
		.intent_count = ledger->head.seq,
		.signed_count = ledger->head.signed_count,
		.unconfirmed_count = ledger->unconfirmed,
		.newest_intent_at = ledger->head.newest_at,
		.disk_free_bytes = ledger->disk_free_bytes,
		.blocked = ledger->disk_blocked ? 1 : 0,
		.commit_count = ledger->counters.commit_count,
		.commit_us = ledger->counters.commit_us,
		.fsync_us_last = ledger->counters.commit_us_last,
		.cpu_us = (uint64_t)base_clock_cpu_us(),
	};
	struct ledger_op *op = NULL;
	enum mc_err ret = ledger_op_decode(peer, item, &op);

	(void)chan;
	if (ret != MC_OK) {
		return ret;
	}
	if (ledger->started) {
		base_copy(answer.head, ledger->head.hash, sizeof(answer.head));
		ledger_op_put(op, &msg_ledger_status_ans_table, &answer);
	} else {
		ledger_op_fail(op, MC_ENOTREADY, "the ledger is not serving");
	}
	ledger_op_answer(op);
	return MC_OK;
}

#define SUPERVISOR MSG_FROM(MSG_ROLE_SUPERVISOR)
#define FRONT MSG_FROM(MSG_ROLE_FRONT)
#define KEEPER MSG_FROM(MSG_ROLE_KEEPER)
#define CEREMONY MSG_FROM(MSG_ROLE_CEREMONY)
#define OPERATORS MSG_FROM(MSG_ROLE_OPERATORS)
#define SIGNERS (MSG_FROM(MSG_ROLE_SIGNER) | OPERATORS)

/*
 * Every event is written by the ledger itself, beside its act, and each act comes from one role alone:
 * revocations from the front, people from the operators signer, CA certificates from
 * the ceremony, configurations, unsealing and the accepted time from the supervisor. So no process can pose
 * as another, and there is no message that carries an event.
 *
 * What a front that was taken over can do here: read everything, and revoke certificates but those of people
 * and CAs (each with an event, which says that who asked is the front's word). It cannot revoke a CA's, nor
 * add or remove a person, which needs an administrator's signature (adding: checked by the operators signer;
 * the others: checked here; all spent here once), nor apply an inventory, which needs one too: where only
 * registered identities get certificates, it gets none for others. Nor can it write an intent, a CRL, an
 * issuer or a configuration.
 */
static const struct msg_permit PERMITS[] = {
	{ MSG_INTENT, SIGNERS | CEREMONY, on_intent },
	{ MSG_SIGNATURE, SIGNERS | CEREMONY, on_change },
	{ MSG_ISSUER_PUT, CEREMONY, on_change },
	{ MSG_CRL_BEGIN, SIGNERS | CEREMONY, on_change },
	{ MSG_REVOKED_LIST, SIGNERS | CEREMONY, on_query },
	{ MSG_CRL_CHUNK, SIGNERS | CEREMONY, on_change },
	{ MSG_USER_PUT, OPERATORS, on_change },
	{ MSG_CERT_GET, FRONT | KEEPER | SUPERVISOR | SIGNERS | CEREMONY, on_query },
	{ MSG_CERT_LIST, FRONT | KEEPER, on_query },
	{ MSG_REVOKE, FRONT, on_change },
	{ MSG_ISSUER_LIST, FRONT | KEEPER | SUPERVISOR | CEREMONY, on_query },
	{ MSG_BUNDLE_GET, FRONT | KEEPER | SUPERVISOR | CEREMONY, on_query },
	{ MSG_CRL_GET, FRONT | KEEPER, on_query },
	{ MSG_CRL_STATUS, FRONT | KEEPER | SUPERVISOR, on_query },
	{ MSG_USER_GET, FRONT, on_query },
	{ MSG_USER_LIST, FRONT | SUPERVISOR, on_query },
	{ MSG_USER_REMOVE, FRONT, on_change },
	{ MSG_EVENT_LIST, FRONT | KEEPER, on_query },
	{ MSG_LEDGER_STATUS, FRONT | KEEPER | SUPERVISOR, on_status },
	{ MSG_CONFIG_PUT, SUPERVISOR, on_change },
	{ MSG_UNSEALED, SUPERVISOR, on_change },
	{ MSG_CTL_CLOCK, SUPERVISOR, on_change },
	{ MSG_INVENTORY_CHUNK, FRONT, on_inventory_chunk },
	{ MSG_INVENTORY_PUT, FRONT, on_inventory_put },
	{ MSG_INVENTORY_GET, FRONT, on_query },
	{ MSG_REGISTRATION_LIST, FRONT, on_query },
};

/* --- channels --- */

static enum mc_err
dispatch(struct ledger_peer *peer, struct base_chan *chan, const struct base_item *item)
{
	return msg_dispatch(PERMITS, sizeof(PERMITS) / sizeof(PERMITS[0]), peer->role, peer, chan,
	    item);
}

enum mc_err
ledger_on_control(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger *ledger = self;

	return dispatch(&ledger->control, chan, item);
}

/* A signer must name its environment; for the others, of whom there is one, the role is enough. */
static enum mc_err
on_hello(struct ledger_peer *peer, const struct base_item *item)
{
	enum mc_err ret = msg_hello_check(item, peer->role, peer->environment);

	if (ret != MC_OK && peer->role != MSG_ROLE_SIGNER) {
		ret = msg_hello_check(item, peer->role, NULL);
	}
	peer->greeted = ret == MC_OK;
	return ret;
}

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ledger_peer *peer = self;

	if (item->fd >= 0) {
		(void)close(item->fd);
		return MC_FAIL(MC_EFRAME, "a descriptor, which no peer may send");
	}
	if (!peer->greeted) {
		return on_hello(peer, item);
	}
	if ((item->type & 1u) != 0) {
		return MC_FAIL(MC_EFRAME, "an answer to nothing");
	}
	return dispatch(peer, chan, item);
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct ledger_peer *peer = self;
	struct ledger *ledger = peer->ledger;

	if (why != MC_EPEER) {
		base_log(LOG_LVL_ERROR, "peer-dropped", LOG_STR("peer", msg_role_name(peer->role)),
		    LOG_STR("peer_environment", peer->environment),
		    LOG_STR("detail", mc_err_last()->detail), LOG_END);
	}
	base_chan_free(chan);
	peer->chan = NULL;
	if (peer->role == MSG_ROLE_SIGNER || peer->role == MSG_ROLE_OPERATORS ||
	    peer->role == MSG_ROLE_CEREMONY) {
		ledger_boundary_raise(ledger);
	}
	ledger_peer_unref(peer);
}

/* There is one front and one keeper: what the one before had is nobody's any more, whoever holds it. */
static void
drop_before(struct ledger *ledger, enum msg_role role)
{
	struct ledger_peer *peer, *next;

	if (role != MSG_ROLE_FRONT && role != MSG_ROLE_KEEPER) {
		return;
	}
	for (peer = ledger->peers; peer != NULL; peer = next) {
		next = peer->next;
		if (peer->role == role && peer->chan != NULL) {
			on_gone(peer, peer->chan, MC_EPEER);
		}
	}
}

void
ledger_peer_add(struct ledger *ledger, int fd, enum msg_role role,
    struct base_span environment)
{
	struct ledger_peer *peer = base_xcalloc(1, sizeof(*peer));

	drop_before(ledger, role);
	if (role == MSG_ROLE_OPERATORS && environment.len == 0) {
		environment = base_span_str(CONFIG_OPERATORS);
	}
	peer->ledger = ledger;
	peer->role = role;
	peer->refs = 1;
	base_copy(peer->environment, environment.ptr, environment.len);
	peer->chan = base_chan_new(ledger->loop, fd, on_item, on_gone, peer);
	peer->next = ledger->peers;
	ledger->peers = peer;
	if (msg_hello_send(peer->chan, MSG_ROLE_LEDGER, NULL) != MC_OK) {
		base_log_err(LOG_LVL_WARN, "hello-not-sent", mc_err_last()->code);
	}
}

static void
on_turn(void *self)
{
	ledger_write_pump(self);
}

struct ledger *
ledger_new(struct base_loop *loop, struct base_chan *control, ledger_tell_fn tell,
    void *tell_arg)
{
	struct ledger *ledger = base_xcalloc(1, sizeof(*ledger));

	ledger->loop = loop;
	ledger->tell = tell;
	ledger->tell_arg = tell_arg;
	ledger->control = (struct ledger_peer){
		.ledger = ledger,
		.chan = control,
		.role = MSG_ROLE_SUPERVISOR,
		.greeted = true,
		.refs = 1,
	};
	ledger->queue_end = &ledger->queue;
	ledger->move_at_pages = LEDGER_LOG_MOVE;
	ledger->reserve_bytes = LIMIT_LEDGER_RESERVE;
	ledger->batch.ledger = ledger;
	ledger->batch.job.run = ledger_batch_run;
	ledger->batch.job.done = ledger_batch_done;
	ledger->gather = base_timer_new(loop, on_turn, ledger);
	base_loop_hook(loop, on_turn, ledger);
	return ledger;
}

void
ledger_free(struct ledger *ledger)
{
	struct ledger_peer *peer;

	if (ledger == NULL) {
		return;
	}
	ledger->draining = true;
	base_loop_unhook(ledger->loop, on_turn, ledger);
	base_pool_free(ledger->writer);
	base_pool_free(ledger->front_reads.reader);
	base_pool_free(ledger->other_reads.reader);
	base_pool_free(ledger->mover);
	while (ledger->queue != NULL) {
		struct ledger_op *op = ledger->queue;

		ledger->queue = op->next;
		ledger_op_free(op);
	}
	while ((peer = ledger->peers) != NULL) {
		ledger->peers = peer->next;
		base_chan_free(peer->chan);
		ledger_documents_clear(peer);
		free(peer);
	}
	ledger_ops_free(ledger);
	base_timer_free(ledger->gather);
	base_timer_free(ledger->watch);
	store_close(ledger->store);
	store_dedup_free(ledger->dedup);
	reserve_close(ledger->reserve);
	free(ledger->path);
	free(ledger);
}
