/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each step of an issuance costs, in microseconds of CPU on one core:
 *     bench_ca [rounds]
 * Not a test. The median of seven runs; the figures are compared with pure `openssl speed`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "ca/cert.h"
#include "ca/csr.h"
#include "ca/issuer.h"
#include "ca/key.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/csr_make.h"

#define RUNS 7

struct bench {
	const char *alg;
	struct make_ca *ca;
	struct issuer *issuer;
	struct csr_verifier *verifier;
	struct key_importer *keys;
	struct csr_policy policy;
	struct base_buf csr_der;
	struct csr csr;
	struct base_buf tbs, tail, cert;
	uint8_t serial[CERT_SERIAL_LEN];
	uint8_t spki[32];
};

static int64_t
thread_cpu_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) != 0) {
		abort();
	}
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
must(enum mc_err err)
{
	if (err != MC_OK) {
		fprintf(stderr, "%s: %s\n", mc_err_word(err), mc_err_last()->detail);
		exit(1);
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
measure(const char *what, struct bench *bench, void (*step)(struct bench *), unsigned rounds)
{
	double us[RUNS];

	for (size_t run = 0; run < RUNS; run++) {
		int64_t start = thread_cpu_ns();
		for (unsigned i = 0; i < rounds; i++) {
			step(bench);
		}
		us[run] = (double)(thread_cpu_ns() - start) / 1000.0 / rounds;
	}
	qsort(us, RUNS, sizeof(us[0]), compare);
	printf("%-8s %-28s %8.2f us\n", bench->alg, what, us[RUNS / 2]);
}

static void
step_parse(struct bench *bench)
{
	must(csr_parse(base_buf_span(&bench->csr_der), &bench->csr));
	must(csr_check(&bench->csr, &bench->policy));
}

static void
step_key(struct bench *bench)
{
	must(key_check(bench->keys, bench->csr.key_alg, bench->csr.key));
}

static void
step_verify(struct bench *bench)
{
	must(key_verify(bench->keys, bench->csr.key_alg, bench->csr.key, bench->csr.info,
	    bench->csr.signature));
}

static void
step_build(struct bench *bench)
{
	int64_t now = base_clock_now();
	struct cert_leaf leaf = {
	    .profile = MSG_PROFILE_SVID,
	    .serial = base_span_of(bench->serial, sizeof(bench->serial)),
	    .not_before_at = now - LIMIT_BACKDATE_S,
	    .not_after_at = now + 86400,
	    .key_alg = bench->csr.key_alg,
	    .key = bench->csr.key,
	    .id = {base_span_str("cluster.local"), base_span_str("ecotrack"),
		base_span_str("order-service")},
	};

	cert_serial_make(1, bench->serial);
	base_buf_reset(&bench->tbs);
	must(cert_leaf_build(&leaf, issuer_cert(bench->issuer), &bench->tbs, bench->spki));
}

static void
step_sign(struct bench *bench)
{
	struct msg_intent_ans answer = {.status = MC_OK, .seq = 1};
	struct issuer_ack ack;

	base_buf_reset(&bench->tail);
	must(issuer_ack_read(&answer, base_buf_span(&bench->tbs), &ack));
	must(issuer_sign_leaf(bench->issuer, &ack, base_buf_span(&bench->tbs), &bench->tail));
	base_buf_reset(&bench->cert);
	cert_join(base_buf_span(&bench->tbs), base_buf_span(&bench->tail), &bench->cert);
}

static void
step_whole(struct bench *bench)
{
	/* front */
	step_parse(bench);
	must(csr_verifier_verify(bench->verifier, &bench->csr));
	/* signer */
	step_key(bench);
	step_build(bench);
	step_sign(bench);
}

static void
run(const char *alg, unsigned rounds)
{
	struct bench bench = {.alg = alg};
	struct make make = {.key = make_key(alg), .uri = {MAKE_URI}};

	bench.ca = make_ca("P-256", "cluster.local", base_clock_now() + 90 * 86400);
	bench.issuer = issuer_new(bench.ca->key, make_ca_der(bench.ca));
	bench.verifier = csr_verifier_new();
	bench.keys = key_importer_new();
	bench.policy = (struct csr_policy){.rsa = true,
	    .p256 = true,
	    .p384 = true,
	    .profile = MSG_PROFILE_SVID,
	    .identity = base_span_str(MAKE_URI)};
	base_buf_init(&bench.csr_der, LIMIT_CSR_DER);
	base_buf_init(&bench.tbs, LIMIT_TBS);
	base_buf_init(&bench.tail, LIMIT_SIGNATURE);
	base_buf_init(&bench.cert, LIMIT_CERT);
	make_csr(&bench.csr_der, &make);
	measure("scan and policy", &bench, step_parse, rounds);
	measure("key policy", &bench, step_key, rounds);
	measure("import and verify", &bench, step_verify, rounds / 4);
	measure("build TBS", &bench, step_build, rounds);
	measure("sign (P-256 issuer), join", &bench, step_sign, rounds / 2);
	measure("whole issuance", &bench, step_whole, rounds / 4);
	base_buf_clear(&bench.csr_der);
	base_buf_clear(&bench.tbs);
	base_buf_clear(&bench.tail);
	base_buf_clear(&bench.cert);
	key_importer_free(bench.keys);
	csr_verifier_free(bench.verifier);
	issuer_free(bench.issuer);
	make_ca_free(bench.ca);
	EVP_PKEY_free(make.key);
}

int
main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 4000;

	if (argc > 2 || rounds < 4 || rounds > 1000000) {
		fprintf(stderr, "usage: bench_ca [rounds]\n");
		return 2;
	}
	run("P-256", (unsigned)rounds);
	run("RSA", (unsigned)rounds);
	return 0;
}
