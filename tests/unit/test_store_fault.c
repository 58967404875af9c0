/* SPDX-License-Identifier: Apache-2.0 */
/* Lost power, failed syncs and full disks at every point of a workload: reopen, look. */
#include "../fault/vfs_drop.h"
#include "store_fixture.h"

#include "check_main.h"

enum { ROUNDS = 12, PER_ROUND = 8, POWER_LOSSES = 150, MAX_ACKED = (ROUNDS + 1) * PER_ROUND };

/* What was promised: answered only after its commit. */
struct promised {
	char serials[MAX_ACKED][20];
	char tbs[MAX_ACKED][96];
	uint64_t seqs[MAX_ACKED];
	unsigned count;
	unsigned signed_count; /* of the first ones */
	unsigned revoked;      /* of the first ones */
	uint64_t crl_number;
};

struct workload {
	struct fix fix;
	struct promised promised;
};

/* One transaction: signatures of the round before, a revocation, a CRL number, new intents. */
static enum mc_err
round_write(struct workload *load, struct promised *next)
{
	const struct store_scope all = { 0 };
	struct msg_crl_begin_ans crl = { 0 };
	struct msg_revoke revoke = { .reason = MSG_REASON_SUPERSEDED };
	struct store_intended intended;
	struct fix_intent leaf;
	enum mc_err ret = MC_OK;

	for (; ret == MC_OK && next->signed_count < next->count; next->signed_count++) {
		ret = fix_sign(&load->fix, next->seqs[next->signed_count],
		    base_span_str(next->serials[next->signed_count]));
	}
	if (ret == MC_OK && next->count > next->revoked) {
		revoke.serial = base_span_str(next->serials[next->revoked]);
		ret = store_revoke(load->fix.store, &revoke, FIX_NOW);
		next->revoked++;
	}
	if (ret == MC_OK) {
		ret = store_crl_begin(load->fix.store, load->fix.issuing_id, &all, &crl);
		next->crl_number = crl.number;
	}
	for (unsigned i = 0; ret == MC_OK && i < PER_ROUND; i++) {
		fix_intent_make(&load->fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
		ret = store_intent_put(load->fix.store, &leaf.msg, FIX_NOW, &intended);
		if (ret == MC_OK) {
			memcpy(next->serials[next->count], leaf.serial, sizeof(leaf.serial));
			memcpy(next->tbs[next->count], leaf.tbs, sizeof(leaf.tbs));
			next->seqs[next->count++] = intended.seq;
		}
	}
	return ret;
}

static enum mc_err
round_run(struct workload *load)
{
	static struct promised next;
	unsigned left = 0;
	enum mc_err ret = store_begin(load->fix.store);

	next = load->promised;
	if (ret == MC_OK) {
		ret = round_write(load, &next);
	}
	if (ret == MC_OK) {
		ret = store_commit(load->fix.store);
	}
	if (ret != MC_OK) {
		store_rollback(load->fix.store);
		return ret;
	}
	load->promised = next;
	if (load->promised.count % (3 * PER_ROUND) == 0) {
		ret = store_checkpoint(load->fix.store, &left);
	}
	return ret;
}

static unsigned broken; /* promises that did not hold, since it was set to 0 */

static void
holds(bool does)
{
	broken += !does;
}

struct expect {
	const struct promised *promised;
	unsigned at;
};

static enum mc_err
check_row(void *arg, const struct store_cert *cert)
{
	const struct expect *expect = arg;
	const struct promised *promised = expect->promised;

	holds(cert->row.seq == promised->seqs[expect->at]);
	holds(base_span_equal_str(cert->row.tbs, promised->tbs[expect->at]));
	holds(expect->at >= promised->signed_count || cert->row.cert.len != 0);
	holds(expect->at >= promised->revoked || cert->row.state == MSG_STATE_REVOKED);
	return MC_OK;
}

struct chain {
	uint8_t hash[32];
	uint64_t rows;
};

static enum mc_err
check_link(void *arg, const struct store_cert *cert)
{
	struct chain *chain = arg;
	struct msg_intent intent = {
		.profile = cert->row.profile,
		.serial = cert->row.serial,
		.environment = cert->row.environment,
		.cluster = cert->row.cluster,
		.identity = cert->row.identity,
		.requester = cert->row.requester,
		.evidence = cert->row.evidence,
		.not_before_at = cert->row.not_before_at,
		.not_after_at = cert->row.not_after_at,
		.tbs = cert->row.tbs,
	};
	const struct store_entry entry = { ++chain->rows, cert->row.recorded_at, &intent };

	memcpy(intent.issuer_id, cert->row.issuer_id, 32);
	memcpy(intent.spki_sha256, cert->row.spki_sha256, 32);
	memcpy(intent.request_id, cert->row.request_id, 16);
	store_entry_hash(&entry, chain->hash, chain->hash);
	holds(memcmp(chain->hash, cert->row.leaf_hash, 32) == 0);
	return MC_OK;
}

static void
no_problem(void *arg, const char *what, uint64_t count)
{
	(void)arg;
	(void)fprintf(stderr, "%s: %llu\n", what, (unsigned long long)count);
	holds(false);
}

/* Counts in broken. */
static void
look(struct workload *load)
{
	const struct store_view view = { FIX_NOW, UINT64_MAX };
	const struct store_scope all = { 0 };
	struct expect expect = { &load->promised, 0 };
	struct msg_crl_begin_ans crl = { 0 };
	struct chain chain = { { 0 }, 0 };

	for (; expect.at < load->promised.count; expect.at++) {
		holds(store_cert_by_serial(load->fix.store, &view,
		    base_span_str(load->promised.serials[expect.at]), check_row, &expect) == MC_OK);
	}
	holds(store_cert_walk(load->fix.store, 1, check_link, &chain) == MC_OK);
	holds(store_self_check(load->fix.store, no_problem, NULL) == MC_OK);
	holds(store_begin(load->fix.store) == MC_OK);
	holds(store_crl_begin(load->fix.store, load->fix.issuing_id, &all, &crl) == MC_OK);
	holds(crl.number > load->promised.crl_number);
	store_rollback(load->fix.store);
}

static void
check_promises(struct workload *load)
{
	broken = 0;
	look(load);
	ck_assert_uint_eq(broken, 0);
}

static void
workload_start(struct workload *load, uint32_t seed)
{
	memset(load, 0, sizeof(*load));
	vfs_drop_reset(seed);
	fix_start_vfs(&load->fix, vfs_drop_name());
}

/* How many writes and syncs the whole workload makes. */
static void
measure(uint64_t *writes, uint64_t *syncs)
{
	static struct workload load;

	workload_start(&load, 1);
	*writes = vfs_drop_writes();
	*syncs = vfs_drop_syncs();
	for (unsigned i = 0; i < ROUNDS; i++) {
		ck_assert_int_eq(round_run(&load), MC_OK);
	}
	*writes = vfs_drop_writes() - *writes;
	*syncs = vfs_drop_syncs() - *syncs;
	fix_end(&load.fix);
}

static void
lose_power_once(uint32_t seed, uint64_t at_write, uint64_t at_sync)
{
	static struct workload load;
	enum mc_err ret = MC_OK;

	workload_start(&load, seed);
	vfs_drop_at_write(at_write, VFS_DROP_POWER);
	vfs_drop_at_sync(at_sync, VFS_DROP_POWER);
	for (unsigned i = 0; ret == MC_OK && i < ROUNDS; i++) {
		ret = round_run(&load);
	}
	ck_assert_int_eq(ret, MC_ESTORE);
	store_close(load.fix.store);
	vfs_drop_lose();
	load.fix.store = fix_open(&load.fix, STORE_WRITER);
	ck_assert_msg(load.fix.store != NULL, "%s", mc_err_last()->detail);
	check_promises(&load);
	ck_assert_int_eq(store_begin(load.fix.store), MC_OK);
	store_rollback(load.fix.store);
	fix_end(&load.fix);
}

START_TEST(power_loss_keeps_every_promise)
{
	uint64_t writes;
	uint64_t syncs;

	measure(&writes, &syncs);
	ck_assert_uint_ge(syncs, ROUNDS);
	for (uint64_t i = 1; i <= syncs; i++) {
		lose_power_once((uint32_t)i, 0, i);
	}
	for (unsigned i = 0; i < POWER_LOSSES; i++) {
		lose_power_once(i * 7 + 3, 1 + (uint64_t)i * writes / POWER_LOSSES, 0);
	}
}
END_TEST

/* The same workload on a disk that says it has synced and has not: promises break, each kind of them, and are seen to. Else
 * the test above would hold nothing. */
START_TEST(a_disk_that_lies_is_seen)
{
	static struct workload load;
	unsigned seen = 0;
	unsigned lost = 0;

	for (uint32_t seed = 1; seed <= 20; seed++) {
		workload_start(&load, seed);
		vfs_drop_lie();
		for (unsigned i = 0; i < ROUNDS; i++) {
			ck_assert_int_eq(round_run(&load), MC_OK);
		}
		vfs_drop_at_write(1, VFS_DROP_POWER);
		(void)round_run(&load);
		store_close(load.fix.store);
		vfs_drop_lose();
		load.fix.store = fix_open(&load.fix, STORE_WRITER);
		broken = 0;
		if (load.fix.store == NULL) {
			lost++; /* not even a database is left */
		} else {
			look(&load);
		}
		seen += broken > 0;
		fix_end(&load.fix);
	}
	ck_assert_msg(seen + lost == 20, "%u of 20 seen, %u without a database", seen, lost);
	ck_assert_uint_gt(seen, 0);
}
END_TEST

/* A sync that failed says nothing about what is on disk: no answer, and no second try. */
START_TEST(failed_sync_is_the_end)
{
	static struct workload load;

	workload_start(&load, 5);
	ck_assert_int_eq(round_run(&load), MC_OK);
	vfs_drop_at_sync(1, VFS_DROP_IO);
	ck_assert_int_eq(round_run(&load), MC_ESTORE);
	store_close(load.fix.store);
	load.fix.store = fix_open(&load.fix, STORE_WRITER);
	ck_assert_ptr_nonnull(load.fix.store);
	check_promises(&load);
	fix_end(&load.fix);
}
END_TEST

START_TEST(full_disk_refuses_and_recovers)
{
	static struct workload load;
	uint64_t writes;
	uint64_t syncs;

	measure(&writes, &syncs);
	for (unsigned i = 0; i < 40; i++) {
		enum mc_err ret = MC_OK;

		workload_start(&load, 9);
		vfs_drop_at_write(1 + (uint64_t)i * writes / 40, VFS_DROP_FULL);
		for (unsigned n = 0; ret == MC_OK && n < ROUNDS; n++) {
			ret = round_run(&load);
		}
		ck_assert_int_eq(ret, MC_ENOSPACE);
		vfs_drop_reset(9);
		/* Room again: the same handle goes on. */
		ck_assert_int_eq(round_run(&load), MC_OK);
		check_promises(&load);
		fix_reopen(&load.fix);
		check_promises(&load);
		fix_end(&load.fix);
	}
}
END_TEST

CHECK_MAIN("store_fault", power_loss_keeps_every_promise, a_disk_that_lies_is_seen, failed_sync_is_the_end,
    full_disk_refuses_and_recovers)
