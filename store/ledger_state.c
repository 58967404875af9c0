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
		detail = "disk: under its reserve; issuance is refused, revocation works";
	}
	if (ledger->tell != NULL) {
		ledger->tell(ledger->tell_arg, state, detail);
	}
}

/* Freed space unblocks with a margin, so that the state does not flutter. */
static bool
disk_is_low(struct ledger *ledger)
{
	struct statvfs fs;
	uint64_t need = ledger->disk_reserve_bytes;

	if (statvfs(ledger->path, &fs) != 0) {
		return ledger->disk_blocked;
	}
	ledger->disk_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
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

enum mc_err
ledger_open(struct ledger *ledger)
{
	const struct store_params params = { ledger->path, STORE_WRITER, NULL };
	int64_t now_at = base_clock_now();
	enum mc_err ret = MC_EINTERNAL;

	ledger->store = store_sqlite_open(&params);
	if (ledger->store == NULL) {
		return mc_err_last()->code;
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
	ledger->reader = base_pool_new(ledger->loop, 1, 1, ledger_reader_new, ledger_reader_free,
	    ledger->path);
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

	if (drained != NULL && !ledger->busy && ledger->queue == NULL && ledger->reading == 0) {
		ledger->drained = NULL;
		drained(ledger->drained_arg);
	}
}
