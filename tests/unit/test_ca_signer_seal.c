/* SPDX-License-Identifier: Apache-2.0 */
/* Key files and the passphrase that opens them. Each attempt pays for scrypt. */
#include "base/proc.h"
#include "check_main.h"
#include "signer_bench.h"

static void
open_sealed(void)
{
	bench_open_sealed("production", bench_production);
}

static enum mc_err
unseal(const char *passphrase)
{
	return signer_unseal(world->signer, base_span_str(passphrase));
}

static enum mc_err
add(const struct make_ca *ca, const char *passphrase)
{
	return signer_keyfile_add(world->signer, world_keyfile(ca, passphrase));
}

static int64_t
wait_left_us(void)
{
	return world->signer->unseal_after_us - base_clock_boot_us();
}

static void
assert_wait(int64_t most_s)
{
	ck_assert_int_gt(wait_left_us(), (most_s - 1) * 1000000);
	ck_assert_int_le(wait_left_us(), most_s * 1000000);
}

START_TEST(test_unseal)
{
	static char long_one[LIMIT_PASSPHRASE + 1];

	open_sealed();
	struct signer *signer = world->signer;
	ck_assert_int_eq(unseal("right"), MC_ENOTREADY);
	ck_assert_int_eq(add(world->ca, "right"), MC_OK);
	ck_assert_ptr_null(signer_active(signer));

	memset(long_one, 'a', sizeof(long_one));
	ck_assert_int_eq(unseal(""), MC_EPASSPHRASE);
	ck_assert_int_eq(signer_unseal(signer, base_span_of(long_one, sizeof(long_one))),
	    MC_EPASSPHRASE);
	ck_assert_int_eq(signer->unseal_after_us, 0); /* nothing was tried */
	ck_assert_int_eq(unseal("wrong"), MC_EPASSPHRASE);
	assert_wait(1);
	ck_assert_int_eq(unseal("right"), MC_ERATE);
	ck_assert_ptr_null(signer_active(signer));
	signer->unseal_after_us = base_clock_boot_us() + 1000000;
	ck_assert_int_eq(unseal("right"), MC_ERATE);
	signer->unseal_after_us = 0;
	ck_assert_int_eq(signer_unseal(signer, base_span_of(long_one, LIMIT_PASSPHRASE)),
	    MC_EPASSPHRASE);
	assert_wait(2); /* it was tried */
	signer->unseal_failures = 1000;
	signer->unseal_after_us = 0;
	ck_assert_int_eq(unseal("wrong"), MC_EPASSPHRASE);
	assert_wait(60); /* and no longer */
	signer->unseal_after_us = 0;
	ck_assert_int_eq(unseal("right"), MC_OK);
	ck_assert_uint_eq(signer->unseal_failures, 0);
	uint8_t id[32];
	base_crypto_sha256(make_ca_der(world->ca), id);
	ck_assert_mem_eq(issuer_id(signer_active(signer)), id, 32);
	ck_assert_int_eq(unseal("right"), MC_ECONFLICT);
	ck_assert_int_eq(add(world->ca, "right"), MC_EUSAGE); /* too late */
	ck_assert_uint_eq(signer->issuer_count, 1);
	signer_seal_clear(signer);
	ck_assert_ptr_null(signer_active(signer));
	bench_close();
}
END_TEST

/* The key of another mesh's issuing CA, in this one's place. */
START_TEST(test_wrong_trust_domain)
{
	open_sealed();
	struct make_ca *other = make_ca("P-256", "cluster.local.other", base_clock_now() + 86400);
	ck_assert_int_eq(add(other, "right"), MC_OK);
	ck_assert_int_eq(unseal("right"), MC_EPROFILE);
	ck_assert_ptr_null(signer_active(world->signer));
	ck_assert_uint_eq(world->signer->unseal_failures, 0); /* it was the right one */
	make_ca_free(other);
	bench_close();
}
END_TEST

static enum mc_err
add_again(int fd)
{
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return signer_keyfile_add(world->signer, dup(fd));
}

/* An older issuer's key never becomes the active one by an accident. */
START_TEST(test_active_unreadable)
{
	open_sealed();
	ck_assert_int_eq(signer_keyfile_add(world->signer, base_proc_memfd("bad", "no key", 6)),
	    MC_EENCODING);
	int fd = world_keyfile(world->ca, "right");
	ck_assert_int_eq(add_again(fd), MC_EUSAGE);
	ck_assert_int_eq(unseal("right"), MC_ENOTREADY);
	close(fd);
	bench_close();
}
END_TEST

/* Older keys that do not open, or cannot be read, cost their CRLs and nothing else. */
START_TEST(test_older)
{
	open_sealed();
	struct signer *signer = world->signer;
	struct make_ca *older = make_ca("P-256", "cluster.local", base_clock_now() + 86400);
	int another = world_keyfile(older, "another");
	int right = world_keyfile(older, "right");
	ck_assert_int_eq(add(world->ca, "right"), MC_OK);
	ck_assert_int_eq(signer_keyfile_add(signer, base_proc_memfd("bad", "no key", 6)),
	    MC_EENCODING);
	ck_assert_int_eq(add_again(another), MC_OK);
	ck_assert_int_eq(add_again(right), MC_OK);
	ck_assert_uint_eq(signer->issuer_count, 3);
	ck_assert_int_eq(unseal("right"), MC_OK);
	ck_assert_ptr_eq(signer_active(signer), signer->issuers[0].open);
	ck_assert_ptr_null(signer->issuers[1].open);
	ck_assert_ptr_nonnull(signer->issuers[2].open);
	ck_assert_int_eq(signer_may_issue(signer), MC_OK);
	bench_close();

	/* the active one, though, must open: nothing is open when it does not */
	open_sealed();
	signer = world->signer;
	ck_assert_int_eq(add_again(another), MC_OK);
	ck_assert_int_eq(add_again(right), MC_OK);
	ck_assert_int_eq(unseal("right"), MC_EPASSPHRASE);
	ck_assert_ptr_null(signer->issuers[0].open);
	ck_assert_ptr_null(signer->issuers[1].open);
	bench_close();
	close(another);
	close(right);
	make_ca_free(older);
}
END_TEST

START_TEST(test_most_files)
{
	char text[8192];

	open_sealed();
	int fd = world_keyfile(world->ca, "right");
	ssize_t len = read(fd, text, sizeof(text));
	ck_assert_int_gt(len, 0);
	close(fd);
	for (int i = 0; i < SIGNER_ISSUERS; i++) {
		ck_assert_int_eq(signer_keyfile_add(world->signer,
				     base_proc_memfd("key", text, (size_t)len)), MC_OK);
	}
	int last = base_proc_memfd("key", text, (size_t)len);
	ck_assert_int_eq(signer_keyfile_add(world->signer, last), MC_EUSAGE);
	ck_assert_int_eq(fcntl(last, F_GETFD), -1); /* it was taken over all the same */
	ck_assert_uint_eq(world->signer->issuer_count, SIGNER_ISSUERS);
	bench_close();
}
END_TEST

CHECK_MAIN("ca_signer_seal", test_unseal, test_wrong_trust_domain, test_active_unreadable,
    test_older, test_most_files)
