/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate costs in the store: intent and signature rows, hash chain, commit.
 *   bench_store [rows] [batch] [identities]
 * Each batch commits `batch` new intents and the signatures of the batch before, as in the ledger.
 */
#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "../unit/applied_make.h"

struct load {
	struct fix fix;
	struct msg_intent intent;
	uint8_t serial[16];
	uint8_t tbs[560];
	char identity[96];
	char requester[96];
	char evidence[256];
	unsigned identities;
	unsigned n;
};

static double
thread_cpu_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
next_intent(struct load *load)
{
	struct msg_intent *intent = &load->intent;
	unsigned who = load->n++ % load->identities;

	base_crypto_random(load->serial, sizeof(load->serial));
	load->serial[0] = 1;
	base_copy(load->tbs, load->serial, sizeof(load->serial));
	(void)snprintf(load->identity, sizeof(load->identity),
	    "spiffe://cluster.local/ns/ecotrack/sa/service-%05u", who);
	(void)snprintf(load->requester, sizeof(load->requester),
	    "system:serviceaccount:ecotrack:service-%u", who);
	(void)snprintf(load->evidence, sizeof(load->evidence),
	    "{\"iss\":\"https://kubernetes.default.svc\",\"aud\":\"istio-ca\",\"pod\":"
	    "\"service-%u-7d9c5b7f6-abcde\",\"uid\":\"0d6e2c3a-3c5e-4f5b-9a57-%012u\","
	    "\"node\":\"worker-%u\"}",
	    who, who, who % 50);
	intent->serial = base_span_of(load->serial, sizeof(load->serial));
	intent->tbs = base_span_of(load->tbs, sizeof(load->tbs));
	intent->identity = base_span_str(load->identity);
	intent->requester = base_span_str(load->requester);
	intent->evidence = base_span_str(load->evidence);
	intent->has_dedup = 1;
	base_crypto_random(intent->dedup_key, 32);
	base_crypto_random(intent->spki_sha256, 32);
}

static void
sign_some(struct load *load, const uint64_t *seqs, uint8_t serials[][16], unsigned count)
{
	static const uint8_t TAIL[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04,
		0x03, 0x02, 0x03, 0x48, [85] = 1 };
	const struct store_scope scope = { base_span_str("production"), true };
	bool inserted = false;

	for (unsigned i = 0; i < count; i++) {
		const struct msg_signature sig = { seqs[i], base_span_of(serials[i], 16),
			base_span_of(TAIL, sizeof(TAIL)) };

		ck_assert_int_eq(store_signature_put(load->fix.store, &sig, &scope, &inserted),
		    MC_OK);
	}
}

static void
run(struct load *load, unsigned rows, unsigned batch)
{
	static uint64_t seqs[1024];
	static uint8_t serials[1024][16];
	double cpu = thread_cpu_us();
	double move_cpu = 0;
	double check_cpu = 0; /* with what reading the clock costs, under 1 us */
	int64_t start_us = base_clock_boot_us();
	int64_t move_us = 0;
	unsigned signable = 0;
	unsigned moves = 0;
	struct store_head head;

	for (unsigned done = 0; done < rows; done += batch) {
		ck_assert_int_eq(store_begin(load->fix.store), MC_OK);
		sign_some(load, seqs, serials, signable);
		for (unsigned i = 0; i < batch; i++) {
			double at;

			next_intent(load);
			at = thread_cpu_us();
			ck_assert_int_eq(store_registration_check(load->fix.store, &load->intent,
			                     FIX_NOW),
			    MC_OK);
			check_cpu += thread_cpu_us() - at;
			seqs[i] = fix_put(&load->fix, &load->intent);
			base_copy(serials[i], load->serial, 16);
		}
		signable = batch;
		ck_assert_int_eq(store_commit(load->fix.store), MC_OK);
		ck_assert_int_eq(store_head(load->fix.store, &head), MC_OK);
		if (head.log_pages > 8192) {
			double before = thread_cpu_us();
			int64_t at = base_clock_boot_us();
			unsigned left = 0;

			ck_assert_int_eq(store_checkpoint(load->fix.store, &left), MC_OK);
			move_cpu += thread_cpu_us() - before;
			move_us += base_clock_boot_us() - at;
			moves++;
		}
	}
	cpu = thread_cpu_us() - cpu;
	start_us = base_clock_boot_us() - start_us;
	(void)printf("batch %4u: %8.0f certificates/s  %6.1f us CPU each"
	             "  (of which registration %.1f us, log moves %.1f us; %u moves of %.1f ms)\n",
	    batch, rows * 1e6 / (double)start_us, cpu / rows, check_cpu / rows, move_cpu / rows, moves,
	    moves == 0 ? 0.0 : (double)move_us / 1e3 / moves);
}

/* An inventory with all identities. Their names have five digits, so that they are sorted. */
static void
register_all(struct load *load)
{
	struct applying applying;
	struct base_buf document;

	base_buf_init(&document, LIMIT_APPLIED);
	base_buf_appendf(&document, "meshca-inventory-v1\nenvironment\tproduction\n"
	    "trust-domain\tcluster.local\nregistration\tregistered-only\nregistrations\t%u\n",
	    load->identities);
	for (unsigned i = 0; i < load->identities; i++) {
		base_buf_appendf(&document, "ecotrack\tservice-%05u\tactive\t86400\t\t\t\n", i);
	}
	base_buf_append_str(&document, DOC_JSON);
	base_buf_append_u8(&document, 0);
	ck_assert_int_eq(store_begin(load->fix.store), MC_OK);
	applying_start(&load->fix, &applying);
	ck_assert_int_eq(apply(&load->fix, &applying, (const char *)document.ptr), MC_OK);
	ck_assert_int_eq(store_commit(load->fix.store), MC_OK);
	applying_end(&applying);
	base_buf_clear(&document);
}

static unsigned rows = 50000;
static unsigned only_batch;
static unsigned identities = 1000;

/* A test, because the fixture asserts. */
START_TEST(bench)
{
	static struct load load;
	struct fix_intent any;

	load.identities = identities;
	fix_start(&load.fix);
	fix_intent_make(&load.fix, &any, MSG_PROFILE_SVID, "x");
	load.intent = any.msg;
	base_crypto_random(load.tbs, sizeof(load.tbs));
	if (only_batch != 0) {
		run(&load, rows, only_batch);
		(void)printf("%u identities registered, and nobody else taken:\n", identities);
		register_all(&load);
		run(&load, rows, only_batch);
	} else {
		for (unsigned batch = 1; batch <= 256; batch *= 4) {
			run(&load, batch == 1 ? rows / 10 : rows, batch);
		}
	}
	fix_end(&load.fix);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("bench");
	TCase *tcase = tcase_create("bench");
	SRunner *runner = srunner_create(suite);
	int failed;

	rows = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : rows;
	only_batch = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	identities = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : identities;
	if (only_batch > 1024 || identities == 0) {
		(void)fprintf(stderr, "usage: bench_store [rows] [batch <= 1024] [identities]\n");
		return 2;
	}
	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, bench);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
