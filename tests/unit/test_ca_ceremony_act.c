/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts in this process, with the real ledger: what each leaves, what it goes on from, and that no key file that
 * is there is ever written over. Acts of the program, and its kills, are in test_ca_ceremony_main.c.
 */
#include "base/clock.h"
#include "ca_make.h"
#include "ceremony_bench.h"
#include "ceremony_world.h"
#include "check_main.h"

static struct ceremony ceremony;

/* One run: what was read before is forgotten. */
static enum mc_err
act(enum msg_ceremony what)
{
	bench_forget(&ceremony);
	bench_order.act = (uint8_t)what;
	ceremony.env = what == MSG_CEREMONY_ROOT ? NULL : &config->environments[0];
	return ceremony_act(&ceremony);
}

static char *
in_root(const char *name)
{
	return base_xasprintf("%s/%s", config->root_key_dir, name);
}

static void
put_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void
assert_text_of(const char *path, const char *want)
{
	char have[64] = {0};
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(have, 1, sizeof(have) - 1, file), strlen(want));
	ck_assert_str_eq(have, want);
	(void)fclose(file);
}

START_TEST(set_up)
{
	world_open("p-256");
	bench_open(&ceremony, config->environments[0].key_dir, config->root_key_dir);
	ceremony.config = config;
	ceremony.ledger = ledger_peer(MSG_ROLE_CEREMONY);
}
END_TEST

START_TEST(unknown)
{
	bench_order.act = MSG_CEREMONY_ENVIRONMENT;
	ceremony.env = NULL;
	ck_assert_int_eq(ceremony_act(&ceremony), MC_ENOTFOUND);
	ck_assert_int_eq(act((enum msg_ceremony)0), MC_EUSAGE);
	ck_assert_int_eq(act((enum msg_ceremony)99), MC_EUSAGE);
}
END_TEST

/* A key file that cannot be read is a person's business: no key is made in its place. */
START_TEST(unreadable_stays)
{
	char path[128];
	char *root = in_root("root.pem");

	path_of(path, CEREMONY_ENVIRONMENT);
	put_text(root, "no key");
	put_text(path, "no key");
	ck_assert_int_eq(act(MSG_CEREMONY_ROOT), MC_EENCODING);
	ck_assert_int_eq(act(MSG_CEREMONY_ENVIRONMENT), MC_EENCODING);
	ck_assert_int_eq(act(MSG_CEREMONY_OPERATORS), MC_EENCODING);
	ck_assert_int_eq(act(MSG_CEREMONY_ISSUING), MC_EENCODING);
	assert_text_of(root, "no key");
	assert_text_of(path, "no key");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(unlink(root), 0);
	free(root);
}
END_TEST

/* Before there is a key to use. */
START_TEST(too_early)
{
	char path[128];

	ck_assert_int_eq(act(MSG_CEREMONY_ISSUING), MC_ENOTFOUND);
	ck_assert_int_eq(act(MSG_CEREMONY_CRL), MC_ENOTFOUND);
	/* no root to certify the lineage: no environment key is left either */
	ck_assert_int_eq(act(MSG_CEREMONY_ENVIRONMENT), MC_ENOTFOUND);
	path_of(path, CEREMONY_ENVIRONMENT);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* no passphrase to keep it with: no key is made */
	struct base_secret *secret = ceremony.passphrases[MSG_KEY_ROOT];
	ceremony.passphrases[MSG_KEY_ROOT] = NULL;
	uint64_t progress = ceremony.progress_count;
	ck_assert_int_eq(act(MSG_CEREMONY_ROOT), MC_ESEALED);
	ck_assert_uint_eq(ceremony.progress_count, progress);
	ceremony.passphrases[MSG_KEY_ROOT] = secret;
}
END_TEST

/* A run that was killed once the file was there: the next one goes on from it, with the same key. */
START_TEST(root_again)
{
	EVP_PKEY *key = make_key("P-256"); /* RSA-4096 takes seconds */
	struct ceremony_cert want = {.profile = MSG_PROFILE_ROOT, .key = key,
	    .lifetime_s = 86400, .issuer_key = key};
	struct base_buf der;

	base_buf_init(&der, LIMIT_CERT);
	ceremony.env = NULL;
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_OK);
	struct base_span cert = base_buf_span(&der);
	ck_assert_int_eq(ceremony_write(&ceremony, MSG_KEY_ROOT, key, &cert, 1), MC_OK);
	ck_assert_int_eq(act(MSG_CEREMONY_ROOT), MC_OK);
	char *path = in_root("root.pem");
	struct keyfile *file = read_file(path);
	ck_assert(base_span_equal(keyfile_cert(file, 0), cert));
	X509_CRL *crl = crl_of(cert); /* registered, for it has one */
	ck_assert_int_eq(X509_CRL_verify(crl, key), 1);
	/* from one visit of people to the next */
	ck_assert_int_gt(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(crl),
			     (time_t)(base_clock_now() + INT64_C(365) * 86400)), 0);
	X509_CRL_free(crl);
	keyfile_free(file);
	free(path);
	base_buf_clear(&der);
	EVP_PKEY_free(key);
}
END_TEST

static struct keyfile *
environment_file(void)
{
	char path[128];

	path_of(path, CEREMONY_ENVIRONMENT);
	return read_file(path);
}

START_TEST(environment)
{
	char *path = in_root("root.pem");

	ck_assert_int_eq(act(MSG_CEREMONY_ENVIRONMENT), MC_OK);
	assert_environment();
	struct keyfile *file = environment_file();
	struct keyfile *root = read_file(path);
	ck_assert_uint_eq(keyfile_cert_count(file), 2);
	assert_chain(keyfile_cert(file, 1), keyfile_cert(root, 0));
	ck_assert_uint_eq(count_kept(), 0);
	keyfile_free(file);
	keyfile_free(root);
	free(path);
}
END_TEST

/* The same once more: the environment's key is the same, its issuing CA another. */
START_TEST(environment_again)
{
	char path[128];
	struct keyfile *before = environment_file();

	path_of(path, CEREMONY_ISSUING);
	struct keyfile *issuing = read_file(path);
	ck_assert_int_eq(act(MSG_CEREMONY_ENVIRONMENT), MC_OK);
	assert_environment();
	struct keyfile *after = environment_file();
	struct keyfile *issuing_after = read_file(path);
	ck_assert(base_span_equal(keyfile_cert(before, 0), keyfile_cert(after, 0)));
	ck_assert(base_span_equal(keyfile_cert(before, 1), keyfile_cert(after, 1)));
	ck_assert(!base_span_equal(keyfile_cert(issuing, 0), keyfile_cert(issuing_after, 0)));
	ck_assert_uint_eq(count_kept(), 1);
	keyfile_free(before);
	keyfile_free(after);
	keyfile_free(issuing);
	keyfile_free(issuing_after);
}
END_TEST

/* A CRL alone changes no key; a wrong passphrase changes nothing. */
START_TEST(crl_alone)
{
	struct keyfile *file = environment_file();
	char path[128];

	path_of(path, CEREMONY_ISSUING);
	struct keyfile *issuing = read_file(path);
	X509_CRL *before = crl_of(keyfile_cert(file, 0));
	X509_CRL *before_issuing = crl_of(keyfile_cert(issuing, 0));
	ck_assert_int_eq(act(MSG_CEREMONY_CRL), MC_OK);
	X509_CRL *after = crl_of(keyfile_cert(file, 0));
	X509_CRL *after_issuing = crl_of(keyfile_cert(issuing, 0));
	ck_assert_int_ne(X509_CRL_match(before, after), 0);
	ck_assert_int_eq(X509_CRL_match(before_issuing, after_issuing), 0);
	struct base_secret *secret = ceremony.passphrases[MSG_KEY_ENVIRONMENT];
	ceremony.passphrases[MSG_KEY_ENVIRONMENT] = bench_secret("wrong");
	ck_assert_int_eq(act(MSG_CEREMONY_ISSUING), MC_EPASSPHRASE);
	base_secret_free(ceremony.passphrases[MSG_KEY_ENVIRONMENT]);
	ceremony.passphrases[MSG_KEY_ENVIRONMENT] = secret;
	struct keyfile *issuing_after = read_file(path);
	ck_assert(base_span_equal(keyfile_cert(issuing, 0), keyfile_cert(issuing_after, 0)));
	ck_assert_uint_eq(count_kept(), 1);
	X509_CRL_free(before);
	X509_CRL_free(before_issuing);
	X509_CRL_free(after);
	X509_CRL_free(after_issuing);
	keyfile_free(file);
	keyfile_free(issuing);
	keyfile_free(issuing_after);
}
END_TEST

/* The operators' authority has no lineage, and needs no root. */
START_TEST(operators)
{
	char *path = base_xasprintf("%s/environment.pem", config->operators.key_dir);

	(void)close(ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT]);
	ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT] =
	    open(config->operators.key_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config->operators.ca_key = CONFIG_KEY_P256;
	bench_forget(&ceremony);
	bench_order.act = MSG_CEREMONY_OPERATORS;
	ceremony.env = &config->operators;
	ck_assert_int_eq(ceremony_act(&ceremony), MC_OK);
	ck_assert_ptr_null(ceremony.files[MSG_KEY_ROOT]);
	struct keyfile *file = read_file(path);
	ck_assert_uint_eq(keyfile_cert_count(file), 1);
	X509_CRL_free(crl_of(keyfile_cert(file, 0)));
	keyfile_free(file);
	free(path);
}
END_TEST

START_TEST(tear_down)
{
	bench_close(&ceremony);
	world_close();
}
END_TEST

CHECK_MAIN("ca_ceremony_act", set_up, unknown, unreadable_stays, too_early, root_again,
    environment, environment_again, crl_alone, operators, tear_down)
