/* SPDX-License-Identifier: Apache-2.0 */
/* Start, end, and what may block issuance: the clock and the disk. */
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/ledger_int.h"

void
ledger_tell(struct ledger *ledger)
{
	enum msg_role_state state = MSG_RS_READY;
	const char *detail = "";

	if (ledger->draining) {
		return; /* the supervisor, who said so, knows */
	}
	if (ledger->clock_blocked) {
		state = MSG_RS_BLOCKED;
		detail = "clock: issuance waits until the time is right or accepted";
	} else if (ledger->disk_blocked) {
		state = MSG_RS_BLOCKED;
		detail = "disk: under its reserve; issuance is refused, revocation goes on as long as "
		         "ledger.db.reserve lasts";
	}
	if (ledger->tell != NULL) {
		ledger->tell(ledger->tell_arg, state, detail);
	}
}

/* Makes the reserve file whole again as soon as that leaves enough for issuance. */
static void
reserve_mend(struct ledger *ledger)
{
	uint64_t missing = reserve_missing(ledger->reserve);
	enum mc_err ret;

	if (missing == 0 || ledger->busy ||
	    ledger->disk_free_bytes < ledger->disk_reserve_bytes + missing) {
		return;
	}
	ret = reserve_fill(ledger->reserve);
	if (ret == MC_OK) {
		ledger->disk_free_bytes -= missing;
	} else if (ret != MC_ENOSPACE) {
		base_log_err(LOG_LVL_ERROR, "ledger-reserve", ret);
	}
}

/* Freed space unblocks with a margin, so that the state does not flutter. What the reserve file lacks
 * comes before issuance. */
static bool
disk_is_low(struct ledger *ledger)
{
	struct statvfs fs;
	uint64_t need = ledger->disk_reserve_bytes;

	if (statvfs(ledger->path, &fs) != 0) {
		return ledger->disk_blocked;
	}
	ledger->disk_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	reserve_mend(ledger);
	need += reserve_missing(ledger->reserve);
	if (ledger->disk_blocked) {
		need += need / 16 + 1;
	}
	return ledger->disk_free_bytes < need;
}

void
ledger_look(struct ledger *ledger)
{
	bool disk = disk_is_low(ledger);
	bool clock = !base_clock_guard_ok(&ledger->clock);

	if (disk == ledger->disk_blocked && clock == ledger->clock_blocked) {
		return;
	}
	ledger->disk_blocked = disk;
	ledger->clock_blocked = clock;
	base_log(disk || clock ? LOG_LVL_ERROR : LOG_LVL_INFO,
	    disk || clock ? "issuance-blocked" : "issuance-unblocked", LOG_INT("disk", disk),
	    LOG_INT("clock", clock), LOG_INT("disk_free_bytes", ledger->disk_free_bytes),
	    LOG_END);
	ledger_tell(ledger);
}

static void
on_watch(void *self)
{
	struct ledger *ledger = self;

	ledger_look(ledger);
	base_timer_set_us(ledger->watch, LEDGER_WATCH_US);
}

static enum mc_err
remember_key(void *arg, const uint8_t key[32], uint64_t seq, int64_t recorded_at)
{
	struct ledger *ledger = arg;

	store_dedup_put(ledger->dedup, key, seq, recorded_at);
	return MC_OK;
}

static bool
disk_is_full(const struct ledger *ledger)
{
	struct statvfs fs;

	return statvfs(ledger->path, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < RESERVE_STEP;
}

/* On a full disk the log's index, which is made at every start, may need of what was kept. */
static enum mc_err
open_store(struct ledger *ledger)
{
	const struct store_params params = { ledger->path, STORE_WRITER, ledger->vfs };
	enum mc_err ret = MC_OK;

	ledger->reserve = reserve_open(ledger->path, ledger->reserve_bytes);
	do {
		ledger->store = store_sqlite_open(&params);
		ret = ledger->store == NULL ? mc_err_last()->code : MC_OK;
	} while ((ret == MC_ESTORE || ret == MC_ENOSPACE) && disk_is_full(ledger) &&
	    reserve_give(ledger->reserve));
	if (ret == MC_OK && ledger->reserve == NULL) {
		/* The first start: the folder is there only now. */
		ledger->reserve = reserve_open(ledger->path, ledger->reserve_bytes);
		if (ledger->reserve == NULL) {
			base_log_err(LOG_LVL_ERROR, "ledger-reserve", mc_err_last()->code);
		}
	}
	return ret;
}

enum mc_err
ledger_open(struct ledger *ledger)
{
	int64_t now_at = base_clock_now();
	enum mc_err ret = open_store(ledger);

	if (ret != MC_OK) {
		return ret;
	}
	ret = store_head(ledger->store, &ledger->head);
	if (ret != MC_OK) {
		return ret;
	}
	ledger_boundary_raise(ledger);
	ledger->dedup = store_dedup_new(LIMIT_IDEMPOTENCY_ROWS, LIMIT_IDEMPOTENCY_S);
	ret = store_dedup_recent(ledger->store, now_at - LIMIT_IDEMPOTENCY_S,
	    LIMIT_IDEMPOTENCY_ROWS / 2, remember_key, ledger);
	if (ret != MC_OK) {
		return ret;
	}
	base_clock_guard_init(&ledger->clock, ledger->head.newest_at);
	ledger->writer = base_pool_new(ledger->loop, 1, 1, NULL, NULL, NULL);
	ledger->front_reads.reader = base_pool_new(ledger->loop, 1, 1, ledger_reader_new,
	    ledger_reader_free, ledger->path);
	ledger->other_reads.reader = base_pool_new(ledger->loop, 1, 1, ledger_reader_new,
	    ledger_reader_free, ledger->path);
	ledger->mover = base_pool_new(ledger->loop, 1, 1, ledger_reader_new, ledger_reader_free,
	    ledger->path);
	ledger->started = true;
	ledger->watch = base_timer_new(ledger->loop, on_watch, ledger);
	on_watch(ledger);
	ledger_tell(ledger);
	return MC_OK;
}

void
ledger_drain(struct ledger *ledger, void (*drained)(void *arg), void *arg)
{
	ledger->draining = true;
	ledger->drained = drained;
	ledger->drained_arg = arg;
	base_loop_again(ledger->loop);
	ledger_drain_check(ledger);
}

void
ledger_drain_check(struct ledger *ledger)
{
	void (*drained)(void *arg) = ledger->drained;

	if (drained != NULL && !ledger->busy && ledger->queue == NULL &&
	    ledger->front_reads.count + ledger->other_reads.count == 0) {
		ledger->drained = NULL;
		drained(ledger->drained_arg);
	}
}
