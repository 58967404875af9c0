/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshca-ledger --verify: recomputes the hash chain from the rows and checks what must hold between
 * them. It needs nothing but the file, so it can run on a copy, on another machine. It cannot see
 * rows that were cut off the end together with everything that came after them: compare
 * the head it prints with one that was written down elsewhere.
 */
#include <inttypes.h>

#include "base/enc.h"
#include "base/mem.h"
#include "store/ledger_int.h"

#define PROGRESS_ROWS 100000
#define REPORTS_MAX 100 /* findings printed; all are counted */

struct verify {
	FILE *out;
	uint64_t problems;
	uint64_t rows;
	uint64_t signed_rows;
	uint64_t revoked;
	uint64_t total;
	uint8_t head[32];
};

static void
report(struct verify *verify, const char *what, uint64_t number)
{
	if (verify->problems++ < REPORTS_MAX) {
		(void)fprintf(verify->out, "PROBLEM: %s: %" PRIu64 "\n", what, number);
	}
}

static void
on_problem(void *arg, const char *what, uint64_t count)
{
	report(arg, what, count);
}

static struct msg_intent
intent_of(const struct store_cert *cert)
{
	const struct msg_cert_row *row = &cert->row;
	struct msg_intent intent = {
		.profile = row->profile,
		.serial = row->serial,
		.environment = row->environment,
		.cluster = row->cluster,
		.identity = row->identity,
		.requester = row->requester,
		.evidence = row->evidence,
		.not_before_at = row->not_before_at,
		.not_after_at = row->not_after_at,
		.tbs = row->tbs,
		.has_dedup = cert->has_dedup ? 1 : 0,
	};

	base_copy(intent.request_id, row->request_id, sizeof(intent.request_id));
	base_copy(intent.issuer_id, row->issuer_id, sizeof(intent.issuer_id));
	base_copy(intent.spki_sha256, row->spki_sha256, sizeof(intent.spki_sha256));
	base_copy(intent.dedup_key, cert->dedup_key, sizeof(intent.dedup_key));
	base_copy(intent.dedup_body, cert->dedup_body, sizeof(intent.dedup_body));
	return intent;
}

static enum mc_err
on_row(void *arg, const struct store_cert *cert)
{
	struct verify *verify = arg;
	const struct msg_cert_row *row = &cert->row;
	struct msg_intent intent = intent_of(cert);
	struct store_entry entry = { row->seq, row->recorded_at, &intent };
	uint8_t leaf[32];

	verify->rows++;
	if (row->seq != verify->rows) {
		report(verify, "the log has a gap before seq", row->seq);
		verify->rows = row->seq;
	}
	store_entry_hash(&entry, verify->head, leaf);
	if (!base_span_equal(base_span_of(leaf, 32), base_span_of(row->leaf_hash, 32))) {
		report(verify, "the hash chain does not hold at seq", row->seq);
	}
	/* Go on from what is stored: one changed row is one finding. */
	base_copy(verify->head, row->leaf_hash, sizeof(verify->head));
	if (cert->tail.len != 0) {
		verify->signed_rows++;
		if (!store_tail_ok(cert->tail)) {
			report(verify, "the signature is malformed at seq", row->seq);
		}
	}
	verify->revoked += row->state == MSG_STATE_REVOKED ? 1 : 0;
	if (verify->rows % PROGRESS_ROWS == 0) {
		(void)fprintf(verify->out, "%" PRIu64 " of %" PRIu64 " rows\n", verify->rows,
		    verify->total);
		(void)fflush(verify->out);
	}
	return MC_OK;
}

static void
summary(const struct verify *verify)
{
	char head[65];

	base_enc_hex(verify->head, sizeof(verify->head), head);
	(void)fprintf(verify->out,
	    "rows: %" PRIu64 "\nsigned: %" PRIu64 "\nwithout signature: %" PRIu64
	    "\nrevoked: %" PRIu64 "\nhead: %s\nproblems: %" PRIu64 "\n%s\n",
	    verify->rows, verify->signed_rows, verify->rows - verify->signed_rows,
	    verify->revoked, head, verify->problems,
	    verify->problems == 0 ? "The ledger holds." : "The ledger does NOT hold.");
}

int
ledger_verify(const char *path, FILE *out)
{
	const struct store_params params = { path, STORE_READER, NULL };
	struct verify verify = { .out = out };
	struct store *store = store_sqlite_open(&params);
	struct store_head head;
	enum mc_err ret = store == NULL ? mc_err_last()->code : store_head(store, &head);

	if (ret == MC_OK) {
		verify.total = head.seq;
		(void)fprintf(out, "checking the hash chain of %" PRIu64 " rows\n", head.seq);
		ret = store_cert_walk(store, 1, on_row, &verify);
	}
	if (ret == MC_OK) {
		(void)fprintf(out, "checking tables against each other\n");
		ret = store_self_check(store, on_problem, &verify);
	}
	if (ret != MC_OK) {
		(void)fprintf(out, "cannot read %s: %s\n", path, mc_err_last()->detail);
	} else {
		summary(&verify);
	}
	store_close(store);
	if (ret != MC_OK) {
		return -1;
	}
	return verify.problems == 0 ? 0 : 1;
}
