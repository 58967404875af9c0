/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: gathered into batches, one transaction each. A change is committed at once unless the writer is busy.
 * Under load, which shows in a large batch just before, changes gather until none came for
 * LIMIT_COMMIT_GATHER_US, the oldest waits LIMIT_COMMIT_GATHER_MAX_US or LIMIT_COMMIT_ROWS are there: the rows of
 * a large batch share the pages of the indexes that they hit at random, and the sync. Signatures alone
 * wait for the next intent's commit, at most LIMIT_SIGNATURE_GATHER_US: what they sign is durable already.
 */
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/ledger_int.h"

#define GATHER_FROM_ROWS 16 /* a batch of fewer has little to share */

/* --- on the writer's thread --- */

/* One attempt at the whole batch. */
static enum mc_err
batch_try(struct ledger_batch *batch, enum mc_err refuse_intents)
{
	struct ledger *ledger = batch->ledger;
	struct ledger_apply apply = { ledger->store, ledger->dedup, base_clock_now(),
		batch->boundary_seq, refuse_intents, 0 };
	int64_t start_us;
	enum mc_err ret = store_begin(ledger->store);

	for (struct ledger_op *op = batch->ops; op != NULL && ret == MC_OK; op = op->next) {
		ret = ledger_apply_op(&apply, op);
	}
	if (ret == MC_OK) {
		start_us = base_clock_boot_us();
		ret = store_commit(ledger->store);
		batch->commit_us = base_clock_boot_us() - start_us;
	}
	if (ret != MC_OK) {
		store_rollback(ledger->store);
		return ret;
	}
	batch->late_signatures = apply.late_signatures;
	return MC_OK;
}

/* A full disk: intents are refused, and all else gets the room that was kept for it, a step at a time. */
static enum mc_err
batch_try_full(struct ledger_batch *batch)
{
	enum mc_err ret = batch_try(batch, MC_ENOSPACE);

	while (ret == MC_ENOSPACE && reserve_give(batch->ledger->reserve)) {
		ret = batch_try(batch, MC_ENOSPACE);
	}
	return ret;
}

static void
batch_move_rest(struct ledger_batch *batch)
{
	unsigned left = 0;

	if (batch->finish_move || batch->head.log_pages > LEDGER_LOG_MAX) {
		do {
			batch->result = store_checkpoint(batch->ledger->store, &left);
		} while (batch->result == MC_ENOSPACE && reserve_give(batch->ledger->reserve));
		if (batch->result == MC_ENOSPACE) {
			batch->disk_full = true; /* the log keeps what it has */
			batch->result = MC_OK;
		}
	}
}

void
ledger_batch_run(struct base_job *job, void *worker)
{
	struct ledger_batch *batch = (struct ledger_batch *)(void *)job;

	(void)worker;
	batch->commit_us = 0;
	batch->disk_full = false;
	batch->late_signatures = 0;
	batch->result = batch_try(batch, batch->refuse_intents);
	if (batch->result == MC_ENOSPACE) {
		batch->disk_full = true;
		batch->result = batch_try_full(batch);
	}
	if (batch->result == MC_OK) {
		batch->result = store_head(batch->ledger->store, &batch->head);
	}
	if (batch->result == MC_OK) {
		batch_move_rest(batch);
	}
	if (batch->result != MC_OK) {
		base_copy(batch->detail, mc_err_last()->detail, sizeof(batch->detail));
	}
}

/* --- on the loop's thread --- */

/* Nothing that waits is waited for by anybody: only signatures. */
static bool
lazy(const struct ledger *ledger)
{
	return ledger->queue_urgent == 0;
}

/* Whether commits run back to back, and for many. */
static bool
loaded(const struct ledger *ledger)
{
	return ledger->batch.count >= GATHER_FROM_ROWS &&
	    ledger->queue_since_us - ledger->committed_us < LIMIT_COMMIT_GATHER_US;
}

static int64_t
gather_until_us(const struct ledger *ledger)
{
	int64_t until_us = ledger->queue_since_us + LIMIT_COMMIT_GATHER_MAX_US;
	int64_t gap_us = ledger->queue_last_us + LIMIT_COMMIT_GATHER_US;

	if (lazy(ledger)) {
		return ledger->queue_since_us + LIMIT_SIGNATURE_GATHER_US;
	}
	if (!loaded(ledger)) {
		return 0;
	}
	return gap_us < until_us ? gap_us : until_us;
}

/* Moves up to LIMIT_COMMIT_ROWS from the queue into the batch. What a vanished peer asked for and
 * nobody was promised is dropped. */
static void
batch_fill(struct ledger *ledger)
{
	struct ledger_batch *batch = &ledger->batch;
	struct ledger_op **end = &batch->ops;

	batch->ops = NULL;
	batch->count = 0;
	while (ledger->queue != NULL && batch->count < LIMIT_COMMIT_ROWS) {
		struct ledger_op *op = ledger->queue;

		ledger->queue = op->next;
		ledger->queue_count--;
		if (op->type != MSG_SIGNATURE) {
			ledger->queue_urgent--;
		}
		op->next = NULL;
		if (op->peer->chan == NULL && op->type == MSG_INTENT) {
			ledger_op_free(op);
			continue;
		}
		*end = op;
		end = &op->next;
		batch->count++;
	}
	if (ledger->queue == NULL) {
		ledger->queue_end = &ledger->queue;
	}
	ledger->queue_since_us = base_clock_boot_us();
}

static enum mc_err
refusal(struct ledger *ledger)
{
	if (!base_clock_guard_ok(&ledger->clock)) {
		ledger_look(ledger);
		return MC_ECLOCK;
	}
	return ledger->disk_blocked ? MC_ENOSPACE : MC_OK;
}

void
ledger_write_pump(struct ledger *ledger)
{
	struct ledger_batch *batch = &ledger->batch;
	int64_t until_us;
	int64_t now_us;

	if (ledger->busy || ledger->queue == NULL || ledger->writer == NULL) {
		return;
	}
	if (ledger->queue_count < LIMIT_COMMIT_ROWS && !ledger->draining) {
		until_us = gather_until_us(ledger);
		now_us = base_clock_boot_us();
		if (until_us > now_us) {
			base_timer_set_us(ledger->gather, until_us - now_us);
			return;
		}
	}
	batch_fill(ledger);
	if (batch->count == 0) {
		return;
	}
	batch->boundary_seq = ledger->boundary_seq;
	batch->refuse_intents = refusal(ledger);
	batch->finish_move = ledger->finish_move;
	ledger->finish_move = false;
	ledger->busy = true;
	base_timer_stop(ledger->gather);
	base_pool_submit(ledger->writer, &batch->job);
}

static void
refuse_now(struct ledger_op *op, enum mc_err status, const char *why)
{
	ledger_op_fail(op, status, why);
	ledger_op_answer(op);
}

void
ledger_write_queue(struct ledger *ledger, struct ledger_op *op)
{
	if (!ledger->started || ledger->draining) {
		refuse_now(op, MC_ENOTREADY, "the ledger is not serving");
		return;
	}
	if (op->type == MSG_INTENT && ledger->queue_count >= LIMIT_LEDGER_QUEUE) {
		refuse_now(op, MC_EBUSY, "too many changes wait for a commit");
		return;
	}
	if (ledger->queue == NULL) {
		ledger->queue_since_us = base_clock_boot_us();
	}
	ledger->queue_last_us = base_loop_now_us(ledger->loop);
	op->next = NULL;
	*ledger->queue_end = op;
	ledger->queue_end = &op->next;
	ledger->queue_count++;
	if (op->type != MSG_SIGNATURE) {
		ledger->queue_urgent++;
	}
	base_loop_again(ledger->loop);
}

void
ledger_boundary_raise(struct ledger *ledger)
{
	if (ledger->busy) {
		ledger->raise_boundary = true; /* the batch may hold its last intents */
		return;
	}
	ledger->raise_boundary = false;
	ledger->boundary_seq = ledger->head.seq;
	ledger->unconfirmed = ledger->head.seq - ledger->head.signed_count;
}

/* A database that failed once is not asked again: a retried fsync may lie. The supervisor starts a
 * fresh process, which sees what is on disk. */
static void
batch_fatal(const struct ledger_batch *batch)
{
	base_log(LOG_LVL_ERROR, "ledger-database-failed",
	    LOG_STR("error", mc_err_word(batch->result)), LOG_STR("detail", batch->detail),
	    LOG_END);
	_exit(1);
}

static void
batch_account(struct ledger *ledger, const struct ledger_batch *batch)
{
	ledger->head = batch->head;
	ledger->unconfirmed -= batch->late_signatures;
	ledger->counters.commit_count++;
	ledger->counters.commit_us += (uint64_t)batch->commit_us;
	ledger->counters.commit_us_last = (uint64_t)batch->commit_us;
	base_clock_guard_floor(&ledger->clock, batch->head.newest_at);
}

void
ledger_batch_done(struct base_job *job)
{
	struct ledger_batch *batch = (struct ledger_batch *)(void *)job;
	struct ledger *ledger = batch->ledger;
	struct ledger_op *op = batch->ops;
	struct ledger_op *next;

	if (batch->result != MC_OK && batch->result != MC_ENOSPACE) {
		batch_fatal(batch);
	}
	ledger->busy = false;
	ledger->committed_us = base_clock_boot_us();
	if (batch->result == MC_OK) {
		batch_account(ledger, batch);
	}
	if (batch->disk_full && !ledger->disk_blocked) {
		ledger->disk_blocked = true;
		ledger_tell(ledger);
	}
	for (; op != NULL; op = next) {
		next = op->next;
		if (batch->result != MC_OK) {
			ledger_op_fail(op, batch->result, batch->detail);
		} else if (op->type == MSG_CTL_CLOCK) {
			base_clock_guard_accept(&ledger->clock); /* its event is on disk */
			ledger_look(ledger);
		}
		ledger_op_answer(op);
	}
	batch->ops = NULL;
	if (ledger->raise_boundary) {
		ledger_boundary_raise(ledger);
	}
	ledger_move_start(ledger);
	ledger_drain_check(ledger);
	base_loop_again(ledger->loop);
}

/* --- moving the log --- */

static void
move_run(struct base_job *job, void *worker)
{
	struct ledger *ledger = (struct ledger *)(void *)((char *)job -
	    offsetof(struct ledger, move_job));

	/* A failure here is the writer's to meet: it syncs the same file. */
	if (worker == NULL || store_checkpoint(worker, &ledger->move_left) != MC_OK) {
		ledger->move_left = UINT32_MAX;
	}
}

static void
move_done(struct base_job *job)
{
	struct ledger *ledger = (struct ledger *)(void *)((char *)job -
	    offsetof(struct ledger, move_job));

	ledger->moving = false;
	/* Few are left, or the other handle cannot: the writer does it after its next commit. */
	ledger->finish_move =
	    ledger->move_left <= LEDGER_LOG_FINISH || ledger->move_left == UINT32_MAX;
}

void
ledger_move_start(struct ledger *ledger)
{
	if (ledger->moving || ledger->finish_move || ledger->draining ||
	    ledger->head.log_pages < ledger->move_at_pages) {
		return;
	}
	ledger->moving = true;
	ledger->move_job.run = move_run;
	ledger->move_job.done = move_done;
	base_pool_submit(ledger->mover, &ledger->move_job);
}
