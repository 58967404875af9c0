/* SPDX-License-Identifier: Apache-2.0 */
/* One change inside the writer's transaction, and its answer. */
#include "base/config.h"
#include "base/mem.h"
#include "store/ledger_int.h"

/* What a row under an idempotency key means for a new intent. */
struct duplicate {
	const struct msg_intent *intent;
	struct ledger_op *op;
	int64_t now_at;
	bool answered;
};

static bool
mostly_alive(const struct msg_cert_row *row, int64_t now_at)
{
	/* not_before_at lies before the issue by the backdating, which is not life */
	int64_t life_s = row->not_after_at - row->recorded_at;
	int64_t left_s = row->not_after_at - now_at;

	return left_s > 0 && left_s > life_s - life_s / 10;
}

static enum mc_err
on_duplicate(void *arg, const struct store_cert *cert)
{
	struct duplicate *dup = arg;
	const struct msg_cert_row *row = &cert->row;
	const struct msg_intent *intent = dup->intent;
	struct msg_intent_ans answer = { .status = MC_OK, .duplicate = 1 };

	/* The table is a hint: the row decides. A repeated intent goes its own way. */
	if (!cert->has_dedup || base_span_equal(row->serial, intent->serial) ||
	    !base_span_equal(base_span_of(cert->dedup_key, 32),
	        base_span_of(intent->dedup_key, 32)) ||
	    !base_span_equal(row->environment, intent->environment)) {
		return MC_OK;
	}
	if (!base_span_equal(base_span_of(cert->dedup_body, 32),
	        base_span_of(intent->dedup_body, 32))) {
		return MC_FAIL(MC_EIDEMPOTENCY, "the key was used for another request");
	}
	/* The key is the front's word. One that lied got its own certificate under another's key: it stays its own. */
	if (!base_span_equal(row->identity, intent->identity) ||
	    !base_span_equal(base_span_of(row->spki_sha256, 32),
	        base_span_of(intent->spki_sha256, 32))) {
		return MC_OK;
	}
	if (row->state != MSG_STATE_SIGNED || row->issuer_revoked != 0 ||
	    row->profile != intent->profile ||
	    !mostly_alive(row, dup->now_at)) {
		return MC_OK;
	}
	answer.seq = row->seq;
	answer.not_before_at = row->not_before_at;
	answer.not_after_at = row->not_after_at;
	answer.serial = row->serial;
	answer.cert = row->cert;
	answer.issuer = cert->issuer_cert;
	base_copy(answer.issuer_id, row->issuer_id, sizeof(answer.issuer_id));
	ledger_op_put(dup->op, &msg_intent_ans_table, &answer);
	dup->answered = true;
	return MC_OK;
}

static enum mc_err
find_duplicate(struct ledger_apply *apply, struct ledger_op *op, bool *answered)
{
	const struct msg_intent *intent = &op->msg.intent;
	const struct store_view view = { apply->now_at, apply->boundary_seq };
	struct duplicate dup = { intent, op, apply->now_at, false };
	uint64_t seq = store_dedup_find(apply->dedup, intent->dedup_key, apply->now_at);
	enum mc_err ret = MC_OK;

	if (seq != 0) {
		ret = store_cert_by_seq(apply->store, &view, seq, on_duplicate, &dup);
		if (ret == MC_ENOTFOUND) {
			ret = MC_OK; /* it was rolled back */
		}
	}
	*answered = dup.answered;
	return ret;
}

/* On a full disk the certificate of REST's own port is made still: who revokes comes in there. */
static bool
is_refused(const struct ledger_apply *apply, const struct msg_intent *intent)
{
	return apply->refuse_intents != MC_OK &&
	    !(apply->refuse_intents == MC_ENOSPACE &&
	        intent->profile == MSG_PROFILE_SERVER &&
	        base_span_equal_str(intent->environment, CONFIG_OPERATORS));
}

static enum mc_err
apply_intent(struct ledger_apply *apply, struct ledger_op *op)
{
	const struct msg_intent *intent = &op->msg.intent;
	struct msg_intent_ans answer = { .status = MC_OK };
	/* A person's: the key is an approval, which yields one certificate and no duplicate. */
	bool dedup = intent->has_dedup != 0 && intent->profile != MSG_PROFILE_CLIENT;
	struct store_intended intended;
	bool answered = false;
	enum mc_err ret = MC_OK;

	if (is_refused(apply, intent)) {
		ledger_op_fail(op, apply->refuse_intents, mc_err_text(apply->refuse_intents));
		return MC_OK;
	}
	/* Before a duplicate is looked for: who is suspended does not get the last one again. */
	ret = store_registration_check(apply->store, intent, apply->now_at);
	if (ret != MC_OK) {
		return ret;
	}
	if (dedup) {
		ret = find_duplicate(apply, op, &answered);
		if (ret != MC_OK || answered) {
			return ret;
		}
	}
	ret = store_intent_put(apply->store, intent, apply->now_at, &intended);
	if (ret != MC_OK) {
		return ret;
	}
	if (intended.inserted && dedup) {
		store_dedup_put(apply->dedup, intent->dedup_key, intended.seq, apply->now_at);
	}
	answer.seq = intended.seq;
	answer.not_before_at = intent->not_before_at;
	answer.not_after_at = intent->not_after_at;
	answer.serial = intent->serial;
	base_copy(answer.issuer_id, intent->issuer_id, sizeof(answer.issuer_id));
	ledger_op_put(op, &msg_intent_ans_table, &answer);
	return MC_OK;
}

static void
put_ok(struct ledger_op *op)
{
	const struct msg_status_ans answer = { .status = MC_OK };

	ledger_op_put(op, &msg_status_ans_table, &answer);
}

static enum mc_err
apply_signature(struct ledger_apply *apply, struct ledger_op *op)
{
	bool inserted = false;
	enum mc_err ret = store_signature_put(apply->store, &op->msg.signature, &op->scope,
	    &inserted);

	if (ret == MC_OK) {
		if (inserted && op->msg.signature.seq <= apply->boundary_seq) {
			apply->late_signatures++;
		}
		put_ok(op);
	}
	return ret;
}

static enum mc_err
apply_crl_begin(struct ledger_apply *apply, struct ledger_op *op)
{
	struct msg_crl_begin_ans answer = { .status = MC_OK };
	enum mc_err ret = store_crl_begin(apply->store, op->msg.crl_begin.issuer_id,
	    &op->scope, &answer);

	if (ret == MC_OK) {
		ledger_op_put(op, &msg_crl_begin_ans_table, &answer);
	}
	return ret;
}

struct revoked {
	struct ledger_op *op;
	enum mc_err status;
};

static enum mc_err
put_revoked(void *arg, const struct store_cert *cert)
{
	const struct revoked *revoked = arg;
	struct msg_cert_row row = cert->row;

	row.status = revoked->status;
	if (revoked->status != MC_OK) {
		row.detail = base_span_str(mc_err_last()->detail);
	}
	ledger_op_put(revoked->op, &msg_cert_row_table, &row);
	return MC_OK;
}

/* Whether an approval holds, and was spent, hangs on the time. */
static enum mc_err
check_clock(const struct ledger_apply *apply)
{
	return apply->refuse_intents == MC_ECLOCK ? MC_FAIL(MC_ECLOCK, "%s", mc_err_text(MC_ECLOCK)) :
	                                            MC_OK;
}

static enum mc_err
revoke_in_time(const struct ledger_apply *apply, const struct msg_revoke *revoke)
{
	enum mc_err ret = revoke->approval_sig.len == 0 ? MC_OK : check_clock(apply);

	return ret == MC_OK ? store_revoke(apply->store, revoke, apply->now_at) : ret;
}

static enum mc_err
apply_revoke(struct ledger_apply *apply, struct ledger_op *op)
{
	const struct msg_revoke *revoke = &op->msg.revoke;
	const struct store_view view = { apply->now_at, apply->boundary_seq };
	struct revoked revoked = { op, revoke_in_time(apply, revoke) };

	/* One that was revoked before comes with the row that says when and why. */
	if (revoked.status != MC_OK && revoked.status != MC_ECONFLICT) {
		return revoked.status;
	}
	return store_cert_by_serial(apply->store, &view, revoke->serial, put_revoked,
	    &revoked);
}

static enum mc_err
put_inventory(void *arg, const struct msg_inventory_row *row)
{
	ledger_op_put(arg, &msg_inventory_row_table, row);
	return MC_OK;
}

/* Not while intents are refused: it may be large, and revocations need the room that is kept on a full disk; and an
 * approval that a jumped clock made forgotten must not serve again. */
static enum mc_err
apply_inventory(struct ledger_apply *apply, struct ledger_op *op)
{
	if (apply->refuse_intents != MC_OK) {
		ledger_op_fail(op, apply->refuse_intents, mc_err_text(apply->refuse_intents));
		return MC_OK;
	}
	return store_inventory_put(apply->store, &op->msg.inventory_put,
	    base_buf_span(&op->document), apply->now_at, put_inventory, op);
}

static enum mc_err
apply_removal(struct ledger_apply *apply, const struct ledger_op *op)
{
	enum mc_err ret = check_clock(apply);

	return ret == MC_OK ? store_user_remove(apply->store, &op->msg.user_remove, apply->now_at) : ret;
}

static enum mc_err
apply_config(struct ledger_apply *apply, struct ledger_op *op)
{
	struct base_buf diff;
	enum mc_err ret = MC_EINTERNAL;

	base_buf_init(&diff, LIMIT_CONFIG_DIFF);
	ret = store_config_put(apply->store, &op->msg.config_put, apply->now_at, &diff);
	base_buf_clear(&diff);
	return ret;
}

/* What the supervisor had done: only its event is the ledger's. */
static enum mc_err
put_unsealed(struct ledger_apply *apply, const struct msg_unsealed *unsealed)
{
	struct store_event event = {
		.actor = unsealed->actor,
		.action = base_span_str("environment-unsealed"),
		.target = unsealed->environment,
		.from = unsealed->from,
	};

	base_copy(event.request_id, unsealed->request_id, sizeof(event.request_id));
	return store_event_put(apply->store, &event, apply->now_at);
}

/* The time itself is accepted once this is on disk. */
static enum mc_err
put_clock(struct ledger_apply *apply, const struct msg_ctl_clock *clock)
{
	struct store_event event = {
		.actor = clock->actor,
		.action = base_span_str("clock-accepted"),
		.from = clock->from,
	};

	base_copy(event.request_id, clock->request_id, sizeof(event.request_id));
	return store_event_put(apply->store, &event, apply->now_at);
}

/* Changes whose answer is a bare status. */
static enum mc_err
apply_plain(struct ledger_apply *apply, struct ledger_op *op)
{
	enum mc_err ret = MC_EINTERNAL;
	bool flag = false;

	switch (op->type) {
	case MSG_ISSUER_PUT:
		ret = store_issuer_put(apply->store, &op->msg.issuer_put, apply->now_at, &flag);
		break;
	case MSG_CRL_CHUNK:
		ret = store_crl_chunk(apply->store, &op->msg.crl_chunk, &op->scope, apply->now_at,
		    &flag);
		break;
	case MSG_USER_PUT:
		ret = store_user_put(apply->store, &op->msg.user_put, apply->now_at, &flag);
		break;
	case MSG_USER_REMOVE:
		ret = apply_removal(apply, op);
		break;
	case MSG_CONFIG_PUT:
		ret = apply_config(apply, op);
		break;
	case MSG_UNSEALED:
		ret = put_unsealed(apply, &op->msg.unsealed);
		break;
	case MSG_CTL_CLOCK:
		ret = put_clock(apply, &op->msg.clock);
		break;
	default:
		return MC_FAIL(MC_EINTERNAL, "type %u is no change", op->type);
	}
	if (ret == MC_OK) {
		put_ok(op);
	}
	return ret;
}

enum mc_err
ledger_apply_op(struct ledger_apply *apply, struct ledger_op *op)
{
	enum mc_err ret = MC_EINTERNAL;

	base_buf_reset(&op->answers);
	switch (op->type) {
	case MSG_INTENT:
		ret = apply_intent(apply, op);
		break;
	case MSG_SIGNATURE:
		ret = apply_signature(apply, op);
		break;
	case MSG_CRL_BEGIN:
		ret = apply_crl_begin(apply, op);
		break;
	case MSG_REVOKE:
		ret = apply_revoke(apply, op);
		break;
	case MSG_INVENTORY_PUT:
		ret = apply_inventory(apply, op);
		break;
	default:
		ret = apply_plain(apply, op);
		break;
	}
	if (ret == MC_OK) {
		return MC_OK;
	}
	if (mc_err_class(ret) == MC_CLASS_IO) {
		return ret;
	}
	ledger_op_fail(op, ret, mc_err_last()->code == ret ? mc_err_last()->detail : "");
	return MC_OK;
}
