/* SPDX-License-Identifier: Apache-2.0 */
#include "rotation/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"
#include "rotation/crl_plan.h"

#define POLL_US INT64_C(1000000)

struct peer {
	struct keeper *keeper;
	struct base_chan *chan; /* NULL while gone */
	enum msg_role role;
	char environment[LIMIT_ENVIRONMENT + 1];
	bool greeted;
};

/* One issuer's CRL as work: kept between polls for the backoff. */
struct issuer {
	uint8_t id[32];
	enum msg_profile profile;
	char environment[LIMIT_ENVIRONMENT + 1];
	struct crl_state crl;
	bool asked;        /* an answer is outstanding */
	bool keyless;      /* no signer of its environment has its key */
	unsigned failures;
	int64_t retry_us;  /* boot time */
};

struct keeper {
	struct base_loop *loop;
	struct base_chan *control; /* to the supervisor */
	struct base_timer *timer;
	struct peer ledger;
	struct peer signers[LIMIT_ENVIRONMENTS + 1];
	size_t signer_count;
	struct issuer issuers[KEEPER_ISSUERS_MAX];
	size_t issuer_count;
	bool polling;
};

/* --- what was asked --- */

static struct issuer *
issuer_find(struct keeper *keeper, const uint8_t id[32])
{
	for (size_t i = 0; i < keeper->issuer_count; i++) {
		if (memcmp(keeper->issuers[i].id, id, 32) == 0) {
			return &keeper->issuers[i];
		}
	}
	return NULL;
}

static void
settle(struct issuer *issuer, enum mc_err status, struct base_span detail)
{
	char text[LIMIT_DETAIL + 1];

	issuer->asked = false;
	if (status == MC_OK) {
		issuer->failures = 0;
		return;
	}
	if (status == MC_ENOTFOUND && issuer->profile == MSG_PROFILE_ISSUING) {
		/* A rotation was cut short after the registration, or the key file of an old one is gone. */
		issuer->keyless = true;
		base_log(LOG_LVL_WARN, "issuer-without-key", LOG_STR("environment", issuer->environment),
		    LOG_HEX("issuer", issuer->id, 8),
		    LOG_STR("detail", "no signer has its key: no CRL of it is made until one that has it "
		                      "starts; when a rotation was cut short, rotate again"),
		    LOG_END);
		return;
	}
	issuer->failures++;
	issuer->retry_us = base_clock_boot_us() + crl_plan_backoff_s(issuer->failures) * 1000000;
	if (issuer->failures > 1) {
		return; /* said once per problem */
	}
	base_span_copy_str(detail, text, sizeof(text));
	base_log(LOG_LVL_WARN, "crl-not-made", LOG_STR("environment", issuer->environment),
	    LOG_STR("profile", msg_profile_name(issuer->profile)), LOG_HEX("issuer", issuer->id, 8),
	    LOG_STR("error", mc_err_word(status)), LOG_STR("detail", text), LOG_END);
}

/* The signer is another from here on: what this one was asked is lost, what it had not, the next may have. */
static void
settle_gone(struct keeper *keeper, const char *environment)
{
	for (size_t i = 0; i < keeper->issuer_count; i++) {
		if (keeper->issuers[i].profile == MSG_PROFILE_ISSUING &&
		    strcmp(keeper->issuers[i].environment, environment) == 0) {
			keeper->issuers[i].asked = false;
			keeper->issuers[i].keyless = false;
		}
	}
}

/* --- asking --- */

static void
ask_signer(struct keeper *keeper, struct issuer *issuer)
{
	struct msg_crl_sign msg;

	for (size_t i = 0; i < keeper->signer_count; i++) {
		struct peer *peer = &keeper->signers[i];

		if (peer->chan == NULL || strcmp(peer->environment, issuer->environment) != 0) {
			continue;
		}
		memset(&msg, 0, sizeof(msg));
		base_crypto_random(msg.request_id, sizeof(msg.request_id));
		base_copy(msg.issuer_id, issuer->id, sizeof(msg.issuer_id));
		if (msg_send(peer->chan, MSG_CRL_SIGN, 0,
		        (uint64_t)(issuer - keeper->issuers), &msg_crl_sign_table, &msg) == MC_OK) {
			issuer->asked = true;
		}
		return;
	}
}

static void
ask_ceremony(struct keeper *keeper, struct issuer *issuer)
{
	struct msg_ctl_want_crl msg = {.environment = base_span_str(issuer->environment)};

	if (msg_send(keeper->control, MSG_CTL_WANT_CRL, 0,
	        (uint64_t)(issuer - keeper->issuers), &msg_ctl_want_crl_table, &msg) == MC_OK) {
		issuer->asked = true;
	}
}

static void
ask(struct keeper *keeper, struct issuer *issuer, enum crl_due due)
{
	if (issuer->asked || issuer->keyless || base_clock_boot_us() < issuer->retry_us) {
		return;
	}
	base_log(LOG_LVL_DEBUG, "crl-due", LOG_STR("environment", issuer->environment),
	    LOG_STR("why", crl_plan_word(due)), LOG_HEX("issuer", issuer->id, 8), LOG_END);
	if (issuer->profile == MSG_PROFILE_ISSUING) {
		ask_signer(keeper, issuer);
	} else if (issuer->profile == MSG_PROFILE_ENVIRONMENT) {
		ask_ceremony(keeper, issuer);
	} else {
		/* The root's passphrase is on no server: people must act. */
		settle(issuer, MC_ENOTREADY,
		    base_span_str("the root's CRL is due: run meshca crl renew --root"));
	}
}

/* --- the ledger's answer --- */

/* A place for one more: a free one, or of one that has expired, which the ledger lists no longer. NULL: none. */
static struct issuer *
issuer_place(struct keeper *keeper)
{
	int64_t now = base_clock_now();

	if (keeper->issuer_count < KEEPER_ISSUERS_MAX) {
		return &keeper->issuers[keeper->issuer_count++];
	}
	for (size_t i = 0; i < keeper->issuer_count; i++) {
		struct issuer *issuer = &keeper->issuers[i];

		if (!issuer->asked && issuer->crl.issuer_not_after_at <= now) {
			return issuer;
		}
	}
	return NULL;
}

static void
take_row(struct keeper *keeper, const struct msg_crl_status_row *row)
{
	struct issuer *issuer = issuer_find(keeper, row->issuer_id);

	if (issuer == NULL) {
		issuer = issuer_place(keeper);
		if (issuer == NULL) {
			base_log(LOG_LVL_ERROR, "too-many-issuers", LOG_INT("limit", KEEPER_ISSUERS_MAX), LOG_END);
			return;
		}
		*issuer = (struct issuer){0};
		base_copy(issuer->id, row->issuer_id, sizeof(issuer->id));
	}
	issuer->profile = (enum msg_profile)row->profile;
	base_span_copy_str(row->environment, issuer->environment, sizeof(issuer->environment));
	issuer->crl = (struct crl_state){
		.number = row->number,
		.this_update_at = row->this_update_at,
		.next_update_at = row->next_update_at,
		.covered_seq = row->revocation_seq,
		.newest_seq = row->newest_revocation_seq,
		.issuer_not_after_at = row->issuer_not_after_at,
	};
}

static void
act(struct keeper *keeper)
{
	int64_t now = base_clock_now();

	for (size_t i = 0; i < keeper->issuer_count; i++) {
		enum crl_due due = crl_plan_due(&keeper->issuers[i].crl, now);

		if (due != CRL_DUE_NOT) {
			ask(keeper, &keeper->issuers[i], due);
		}
	}
}

static enum mc_err
on_ledger_answer(struct keeper *keeper, const struct base_item *item)
{
	struct msg_crl_status_row row;
	struct msg_list_end end;
	enum mc_err ret;

	if (item->type != MSG_ANSWER(MSG_CRL_STATUS)) {
		return MC_FAIL(MC_EFRAME, "%s was not asked for", msg_type_name(item->type));
	}
	if ((item->flags & BASE_ITEM_MORE) != 0) {
		ret = msg_decode(&msg_crl_status_row_table, item->payload, &row);
		if (ret == MC_OK) {
			take_row(keeper, &row);
		}
		return ret;
	}
	keeper->polling = false;
	ret = msg_decode(&msg_list_end_table, item->payload, &end);
	if (ret == MC_OK && end.status == MC_OK) {
		act(keeper);
	}
	return ret;
}

static enum mc_err
on_signer_answer(struct keeper *keeper, const struct base_item *item)
{
	struct msg_crl_sign_ans ans;
	enum mc_err ret;

	/* Of an answer the channel knows that its correlation is one of ours to this signer, and of the last that
	 * it is used up: afterwards the place may be another issuer's. */
	if (item->type != MSG_ANSWER(MSG_CRL_SIGN) || item->flags != 0) {
		return MC_FAIL(MC_EFRAME, "%s was not asked for", msg_type_name(item->type));
	}
	ret = msg_decode(&msg_crl_sign_ans_table, item->payload, &ans);
	if (ret == MC_OK && item->corr < keeper->issuer_count) {
		settle(&keeper->issuers[item->corr], mc_err_from_wire(ans.status), ans.detail);
	}
	return ret;
}

/* --- channels --- */

static enum mc_err
on_peer_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct peer *peer = self;

	(void)chan;
	if (item->fd >= 0) {
		(void)close(item->fd);
		return MC_FAIL(MC_EFRAME, "a descriptor from %s", msg_role_name(peer->role));
	}
	if (!peer->greeted) {
		peer->greeted = true;
		return msg_hello_check(item, peer->role, peer->environment);
	}
	return peer->role == MSG_ROLE_LEDGER ? on_ledger_answer(peer->keeper, item)
	                                     : on_signer_answer(peer->keeper, item);
}

static void
peer_close(struct peer *peer)
{
	base_chan_free(peer->chan);
	peer->chan = NULL;
	if (peer->role == MSG_ROLE_LEDGER) {
		peer->keeper->polling = false;
	} else {
		settle_gone(peer->keeper, peer->environment);
	}
}

static void
on_peer_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct peer *peer = self;

	(void)chan;
	if (why != MC_EPEER) {
		base_log_err(LOG_LVL_ERROR, "peer-dropped", why);
	}
	peer_close(peer);
}

static struct peer *
peer_for(struct keeper *keeper, const struct msg_ctl_channel *msg)
{
	struct peer *peer;

	if (msg->peer == MSG_ROLE_LEDGER) {
		return &keeper->ledger;
	}
	if (msg->peer != MSG_ROLE_SIGNER && msg->peer != MSG_ROLE_OPERATORS) {
		return NULL;
	}
	for (size_t i = 0; i < keeper->signer_count; i++) {
		if (base_span_equal_str(msg->environment, keeper->signers[i].environment)) {
			return &keeper->signers[i];
		}
	}
	if (keeper->signer_count == LIMIT_ENVIRONMENTS + 1 ||
	    msg->environment.len > LIMIT_ENVIRONMENT) {
		return NULL;
	}
	peer = &keeper->signers[keeper->signer_count++];
	base_copy(peer->environment, msg->environment.ptr, msg->environment.len);
	return peer;
}

enum mc_err
keeper_channel(struct keeper *keeper, const struct msg_ctl_channel *msg, int fd)
{
	struct peer *peer = peer_for(keeper, msg);

	if (peer == NULL) {
		(void)close(fd);
		return MC_FAIL(MC_EUSAGE, "no channel to a %s here",
		    msg_role_name((enum msg_role)msg->peer));
	}
	if (peer->chan != NULL) {
		peer_close(peer);
	}
	peer->keeper = keeper;
	peer->role = (enum msg_role)msg->peer;
	peer->greeted = false;
	peer->chan = base_chan_new(keeper->loop, fd, on_peer_item, on_peer_gone, peer);
	return msg_hello_send(peer->chan, MSG_ROLE_KEEPER, NULL);
}

/* The supervisor's answer to WANT_CRL: the ceremony's outcome. */
void
keeper_answer(struct keeper *keeper, const struct base_item *item)
{
	struct msg_status_ans ans;

	if (item->type == MSG_ANSWER(MSG_CTL_WANT_CRL) && item->corr < keeper->issuer_count &&
	    msg_decode(&msg_status_ans_table, item->payload, &ans) == MC_OK) {
		settle(&keeper->issuers[item->corr], mc_err_from_wire(ans.status), ans.detail);
	}
}

/* --- life --- */

static void
poll(void *self)
{
	struct keeper *keeper = self;
	static const struct msg_empty empty = {0};

	base_timer_set_us(keeper->timer, POLL_US);
	if (keeper->ledger.chan == NULL || keeper->polling) {
		return;
	}
	keeper->polling =
	    msg_send(keeper->ledger.chan, MSG_CRL_STATUS, 0, 1, &msg_empty_table, &empty) == MC_OK;
}

struct keeper *
keeper_new(struct base_loop *loop, struct base_chan *control)
{
	struct keeper *keeper = base_xcalloc(1, sizeof(*keeper));

	keeper->loop = loop;
	keeper->control = control;
	keeper->timer = base_timer_new(loop, poll, keeper);
	return keeper;
}

void
keeper_free(struct keeper *keeper)
{
	if (keeper == NULL) {
		return;
	}
	base_chan_free(keeper->ledger.chan);
	for (size_t i = 0; i < keeper->signer_count; i++) {
		base_chan_free(keeper->signers[i].chan);
	}
	base_timer_free(keeper->timer);
	free(keeper);
}

void
keeper_start(struct keeper *keeper)
{
	poll(keeper);
}
