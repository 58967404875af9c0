/* SPDX-License-Identifier: Apache-2.0 */
/* Queries, on the readers' threads and their own handles. */
#include "store/ledger_int.h"

void *
ledger_reader_new(void *path)
{
	const struct store_params params = { path, STORE_READER, NULL };

	return store_sqlite_open(&params);
}

void
ledger_reader_free(void *worker)
{
	store_close(worker);
}

/* Each row callback puts one item; arg is the op. */
static enum mc_err
put_cert(void *arg, const struct store_cert *cert)
{
	ledger_op_put(arg, &msg_cert_row_table, &cert->row);
	return MC_OK;
}

static enum mc_err
put_issuer(void *arg, const struct msg_issuer_row *row)
{
	ledger_op_put(arg, &msg_issuer_row_table, row);
	return MC_OK;
}

static enum mc_err
put_bundle(void *arg, const struct msg_bundle_ans *bundle)
{
	ledger_op_put(arg, &msg_bundle_ans_table, bundle);
	return MC_OK;
}

static enum mc_err
put_crl(void *arg, const struct msg_crl_ans *crl)
{
	ledger_op_put(arg, &msg_crl_ans_table, crl);
	return MC_OK;
}

static enum mc_err
put_crl_status(void *arg, const struct msg_crl_status_row *row)
{
	ledger_op_put(arg, &msg_crl_status_row_table, row);
	return MC_OK;
}

static enum mc_err
put_user(void *arg, const struct msg_user_row *row)
{
	ledger_op_put(arg, &msg_user_row_table, row);
	return MC_OK;
}

static enum mc_err
put_event(void *arg, const struct msg_event_row *row)
{
	ledger_op_put(arg, &msg_event_row_table, row);
	return MC_OK;
}

static enum mc_err
put_inventory(void *arg, const struct msg_inventory_row *row)
{
	ledger_op_put(arg, &msg_inventory_row_table, row);
	return MC_OK;
}

static enum mc_err
put_registration(void *arg, const struct msg_registration_row *row)
{
	ledger_op_put(arg, &msg_registration_row_table, row);
	return MC_OK;
}

/* Entries gather until an item is full. */
struct revoked {
	struct ledger_op *op;
	struct base_buf entries;
};

#define REVOKED_ENTRY_MAX (1 + LIMIT_SERIAL + 8 + 1)

static void
flush_revoked(struct revoked *revoked)
{
	const struct msg_revoked_list_ans answer = {
		.status = MC_OK,
		.entries = base_buf_span(&revoked->entries),
	};

	ledger_op_put(revoked->op, &msg_revoked_list_ans_table, &answer);
	base_buf_reset(&revoked->entries);
}

static enum mc_err
put_revoked(void *arg, struct base_span serial, int64_t revoked_at, uint8_t reason)
{
	struct revoked *revoked = arg;

	if (revoked->entries.len + REVOKED_ENTRY_MAX > LIMIT_BULK_CHUNK) {
		flush_revoked(revoked);
	}
	base_buf_append_u8(&revoked->entries, (uint8_t)serial.len);
	base_buf_append_span(&revoked->entries, serial);
	base_buf_append_le64(&revoked->entries, (uint64_t)revoked_at);
	base_buf_append_u8(&revoked->entries, reason);
	return MC_OK;
}

static enum mc_err
read_revoked(struct store *store, struct ledger_op *op)
{
	struct revoked revoked = { .op = op };
	enum mc_err ret = MC_EINTERNAL;

	base_buf_init(&revoked.entries, LIMIT_BULK_CHUNK);
	ret = store_revoked_list(store, &op->view, &op->msg.revoked_list, put_revoked,
	    &revoked);
	if (ret == MC_OK) {
		flush_revoked(&revoked);
	}
	base_buf_clear(&revoked.entries);
	return ret;
}

static void
put_end(struct ledger_op *op, uint64_t next_seq)
{
	const struct msg_list_end end = { .status = MC_OK, .next_seq = next_seq };

	ledger_op_put(op, &msg_list_end_table, &end);
}

static enum mc_err
read_one(struct store *store, struct ledger_op *op)
{
	switch (op->type) {
	case MSG_CERT_GET:
		return store_cert_by_serial(store, &op->view, op->msg.cert_get.serial, put_cert,
		    op);
	case MSG_BUNDLE_GET:
		return store_bundle_get(store, op->msg.bundle_get.environment, put_bundle, op);
	case MSG_CRL_GET:
		return store_crl_get(store, &op->msg.crl_get, put_crl, op);
	case MSG_USER_GET:
		return store_user_get(store, &op->view, op->msg.user_get.cert_sha256, put_user,
		    op);
	case MSG_INVENTORY_GET:
		return store_inventory_get(store, &op->msg.inventory_get, put_inventory, op);
	case MSG_REVOKED_LIST:
		return read_revoked(store, op);
	default:
		return MC_FAIL(MC_EINTERNAL, "type %u is no query", op->type);
	}
}

/* Lists end with an item that says where the next page begins. */
static enum mc_err
read_list(struct store *store, struct ledger_op *op)
{
	uint64_t next = 0;
	enum mc_err ret = MC_EINTERNAL;

	switch (op->type) {
	case MSG_CERT_LIST:
		ret = store_cert_list(store, &op->view, &op->msg.cert_list, put_cert, op, &next);
		break;
	case MSG_ISSUER_LIST:
		ret = store_issuer_list(store, &op->view, op->msg.issuer_list.environment,
		    put_issuer, op);
		break;
	case MSG_CRL_STATUS:
		ret = store_crl_status(store, &op->view, put_crl_status, op);
		break;
	case MSG_USER_LIST:
		ret = store_user_list(store, &op->view, put_user, op);
		break;
	case MSG_EVENT_LIST:
		ret = store_event_list(store, &op->msg.event_list, put_event, op, &next);
		break;
	case MSG_REGISTRATION_LIST:
		ret = store_registration_list(store, &op->msg.registration_list,
		    put_registration, op, &next);
		break;
	default:
		return read_one(store, op);
	}
	if (ret == MC_OK) {
		put_end(op, next);
	}
	return ret;
}

static void
read_run(struct base_job *job, void *worker)
{
	struct ledger_op *op = (struct ledger_op *)(void *)job;
	enum mc_err ret = MC_EINTERNAL;

	if (worker == NULL) {
		ledger_op_fail(op, MC_ESTORE, "the reader has no database");
		return;
	}
	ret = read_list(worker, op);
	if (ret != MC_OK) {
		ledger_op_fail(op, ret, mc_err_last()->detail);
	}
}

/* The front asks in everybody's name, without end if it is not ours any more. */
static struct ledger_reads *
reads_of(const struct ledger_op *op)
{
	struct ledger *ledger = op->peer->ledger;

	return op->peer->role == MSG_ROLE_FRONT ? &ledger->front_reads : &ledger->other_reads;
}

static void
read_done(struct base_job *job)
{
	struct ledger_op *op = (struct ledger_op *)(void *)job;
	struct ledger *ledger = op->peer->ledger;

	reads_of(op)->count--;
	ledger_op_answer(op);
	ledger_drain_check(ledger);
}

void
ledger_read_submit(struct ledger *ledger, struct ledger_op *op)
{
	struct ledger_reads *reads = reads_of(op);

	if (!ledger->started || reads->count >= LIMIT_LEDGER_READS) {
		ledger_op_fail(op, ledger->started ? MC_EBUSY : MC_ENOTREADY,
		    ledger->started ? "too many queries wait" : "the ledger is not serving");
		ledger_op_answer(op);
		return;
	}
	op->view.now_at = base_clock_now();
	op->view.boundary_seq = ledger->boundary_seq;
	op->job.run = read_run;
	op->job.done = read_done;
	reads->count++;
	base_pool_submit(reads->reader, &op->job);
}
