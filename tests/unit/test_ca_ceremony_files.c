/* SPDX-License-Identifier: Apache-2.0 */
/* A ceremony's key files: where they come from, where they go, and which ones are kept. */
#include <dirent.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/proc.h"
#include "ca_make.h"
#include "ceremony_bench.h"
#include "check_main.h"
#include "folder_make.h"

static struct ceremony ceremony;
static char *env_dir, *root_dir;

static void
open_folders(void)
{
	env_dir = folder_make();
	root_dir = folder_make();
	bench_open(&ceremony, env_dir, root_dir);
}

static void
close_folders(void)
{
	bench_close(&ceremony);
	folder_drop(env_dir);
	folder_drop(root_dir);
}

/* A key file by its outside: an encrypted key that nobody opens, and a certificate. The certificate is ca's. */
static void
put_file(const char *folder, const char *name, const struct make_ca *ca)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem, *text;

	ck_assert_int_eq(PEM_write_bio_X509(bio, ca->cert), 1);
	long len = BIO_get_mem_data(bio, &pem);
	text = base_xasprintf("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
			      "-----END ENCRYPTED PRIVATE KEY-----\n%.*s",
	    (int)len, pem);
	folder_put(folder, name, text);
	free(text);
	BIO_free(bio);
}

static bool
there(const char *folder, const char *name)
{
	char *path = base_xasprintf("%s/%s", folder, name);
	bool found = access(path, F_OK) == 0;

	free(path);
	return found;
}

static size_t
count_files(const char *folder)
{
	DIR *listing = opendir(folder);
	size_t count = 0;

	while (readdir(listing) != NULL) {
		count++;
	}
	closedir(listing);
	return count - 2;
}

static enum mc_err
file_err(enum msg_key_slot slot)
{
	return ceremony_file(&ceremony, slot) == NULL ? mc_err_last()->code : MC_OK;
}

START_TEST(test_where_from)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", base_clock_now() + 3600);
	struct make_ca *other = make_ca("P-256", "cluster.local", base_clock_now() + 3600);
	EVP_PKEY *key = NULL;

	bench_open(&ceremony, NULL, NULL);
	ck_assert_int_eq(file_err(MSG_KEY_ENVIRONMENT), MC_ENOTFOUND);
	ck_assert_int_eq(ceremony_open(&ceremony, MSG_KEY_ROOT, &key), MC_ENOTFOUND);
	bench_close(&ceremony);

	open_folders();
	ck_assert_int_eq(file_err(MSG_KEY_ENVIRONMENT), MC_ENOTFOUND);
	put_file(env_dir, "environment.pem", ca);
	put_file(env_dir, "issuing.pem", other);
	put_file(env_dir, "root.pem", other); /* not where it belongs */
	ck_assert_int_eq(file_err(MSG_KEY_ROOT), MC_ENOTFOUND);
	put_file(root_dir, "root.pem", ca);
	ck_assert_int_eq(file_err(MSG_KEY_ROOT), MC_OK);
	ck_assert_int_eq(file_err(MSG_KEY_ENVIRONMENT), MC_OK);
	const struct keyfile *found = ceremony_file(&ceremony, MSG_KEY_ENVIRONMENT);
	ck_assert(base_span_equal(keyfile_cert(found, 0), make_ca_der(ca)));
	ck_assert_ptr_eq(ceremony_file(&ceremony, MSG_KEY_ENVIRONMENT), found); /* read once */
	ck_assert(base_span_equal(keyfile_cert(ceremony_file(&ceremony, MSG_KEY_ISSUING), 0),
	    make_ca_der(other)));
	/* what was handed over comes before the folder's */
	bench_forget(&ceremony);
	ceremony.files[MSG_KEY_ENVIRONMENT] = ceremony_file(&ceremony, MSG_KEY_ISSUING);
	ceremony.files[MSG_KEY_ISSUING] = NULL;
	ck_assert(base_span_equal(keyfile_cert(ceremony_file(&ceremony, MSG_KEY_ENVIRONMENT), 0),
	    make_ca_der(other)));
	/* what is none, and a way to elsewhere */
	bench_forget(&ceremony);
	folder_put(env_dir, "environment.pem", "no key");
	ck_assert_int_eq(file_err(MSG_KEY_ENVIRONMENT), MC_EENCODING);
	ck_assert_int_eq(ceremony_open(&ceremony, MSG_KEY_ENVIRONMENT, &key), MC_EENCODING);
	ck_assert_int_eq(unlinkat(ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT], "environment.pem", 0), 0);
	ck_assert_int_eq(symlinkat("issuing.pem", ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT],
			     "environment.pem"), 0);
	ck_assert_int_eq(file_err(MSG_KEY_ENVIRONMENT), MC_EIO);
	ck_assert_ptr_null(key);
	close_folders();
	make_ca_free(ca);
	make_ca_free(other);
}
END_TEST

/* Written and opened with the passphrase of its slot: the environment's is its issuing CA's, the root's is its own. */
START_TEST(test_write_and_open)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", base_clock_now() + 3600);
	struct base_span certs[2] = {make_ca_der(ca), make_ca_der(ca)};
	EVP_PKEY *key = NULL;
	struct stat st;

	open_folders();
	ck_assert_int_eq(ceremony_write(&ceremony, MSG_KEY_ISSUING, ca->key, certs, 2), MC_OK);
	ck_assert_int_eq(ceremony_write(&ceremony, MSG_KEY_ROOT, ca->key, certs, 1), MC_OK);
	ck_assert_uint_eq(count_files(env_dir), 1);
	ck_assert_uint_eq(count_files(root_dir), 1);
	ck_assert_int_eq(fstatat(ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT], "issuing.pem", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	/* the root's is on no server */
	struct base_secret *roots = ceremony.passphrases[MSG_KEY_ROOT];
	ceremony.passphrases[MSG_KEY_ROOT] = NULL;
	ck_assert_int_eq(ceremony_open(&ceremony, MSG_KEY_ISSUING, &key), MC_OK);
	ceremony.passphrases[MSG_KEY_ROOT] = roots;
	ck_assert_int_eq(EVP_PKEY_eq(key, ca->key), 1);
	EVP_PKEY_free(key);
	key = NULL;
	ck_assert_uint_eq(keyfile_cert_count(ceremony_file(&ceremony, MSG_KEY_ISSUING)), 2);
	ck_assert_int_eq(ceremony_open(&ceremony, MSG_KEY_ROOT, &key), MC_OK);
	EVP_PKEY_free(key);
	key = NULL;
	base_secret_free(ceremony.passphrases[MSG_KEY_ROOT]);
	ceremony.passphrases[MSG_KEY_ROOT] = bench_secret("staging secret");
	ck_assert_int_eq(ceremony_open(&ceremony, MSG_KEY_ROOT, &key), MC_EPASSPHRASE);
	base_secret_free(ceremony.passphrases[MSG_KEY_ROOT]);
	ceremony.passphrases[MSG_KEY_ROOT] = NULL;
	ck_assert_int_eq(ceremony_open(&ceremony, MSG_KEY_ROOT, &key), MC_ESEALED);
	ck_assert_ptr_null(key);
	close_folders();
	make_ca_free(ca);
}
END_TEST

START_TEST(test_may_write)
{
	struct make_ca *ca = make_ca("P-256", "cluster.local", base_clock_now() + 3600);
	struct base_span cert = make_ca_der(ca);

	open_folders();
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ROOT), MC_OK);
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ENVIRONMENT), MC_OK);
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ISSUING), MC_OK);
	/* what is no folder cannot be written to */
	(void)close(ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT]);
	ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT] = base_proc_memfd("file", "x", 1);
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ENVIRONMENT), MC_EIO);
	(void)close(ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT]);
	ceremony.dirs[MSG_KEY_DIR_ENVIRONMENT] = -1;
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ISSUING), MC_EUSAGE);
	ck_assert_int_eq(ceremony_write(&ceremony, MSG_KEY_ISSUING, ca->key, &cert, 1), MC_EUSAGE);
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ROOT), MC_OK);
	base_secret_free(ceremony.passphrases[MSG_KEY_ROOT]);
	ceremony.passphrases[MSG_KEY_ROOT] = base_secret_new(0);
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ROOT), MC_ESEALED);
	base_secret_free(ceremony.passphrases[MSG_KEY_ROOT]);
	ceremony.passphrases[MSG_KEY_ROOT] = NULL;
	ck_assert_int_eq(ceremony_may_write(&ceremony, MSG_KEY_ROOT), MC_ESEALED);
	ck_assert_int_eq(ceremony_write(&ceremony, MSG_KEY_ROOT, ca->key, &cert, 1), MC_ESEALED);
	ck_assert_uint_eq(count_files(root_dir), 0);
	close_folders();
	make_ca_free(ca);
}
END_TEST

/* The present one stays under its issuer id until its certificate has expired. */
START_TEST(test_keep)
{
	struct make_ca *alive = make_ca("P-256", "cluster.local", base_clock_now() + 3600);
	struct make_ca *expired = make_ca("P-256", "cluster.local", base_clock_now() - 10);
	uint8_t id[32];
	char hex[9], kept[32];

	bench_open(&ceremony, NULL, NULL);
	ck_assert_int_eq(ceremony_keep_issuing(&ceremony), MC_EUSAGE);
	bench_close(&ceremony);

	open_folders();
	ck_assert_int_eq(ceremony_keep_issuing(&ceremony), MC_OK); /* the first: nothing to keep */
	ck_assert_uint_eq(count_files(env_dir), 0);
	put_file(env_dir, "issuing.pem", alive);
	ck_assert_int_eq(ceremony_keep_issuing(&ceremony), MC_OK);
	base_crypto_sha256(make_ca_der(alive), id);
	base_enc_hex(id, 4, hex);
	snprintf(kept, sizeof(kept), "issuing-%s.pem", hex);
	ck_assert(there(env_dir, kept));
	ck_assert(there(env_dir, "issuing.pem"));
	ck_assert_int_eq(ceremony_keep_issuing(&ceremony), MC_OK); /* as after a kill */
	ck_assert_uint_eq(count_files(env_dir), 2);

	static const char *const STAY[] = {"issuing-00000001.pem.bak", "issuing-1.pem",
	    "environment.pem", "issuing-00000001.txt", "copying-00000001.pem",
	    "issuing-000000001.pem"};
	for (size_t i = 0; i < sizeof(STAY) / sizeof(STAY[0]); i++) {
		put_file(env_dir, STAY[i], expired);
	}
	put_file(env_dir, "issuing-00000001.pem", expired);
	put_file(env_dir, "issuing-00000002.pem", alive);
	folder_put(env_dir, "issuing-00000003.pem", "not a key"); /* a person has to look at it */
	ck_assert_int_eq(ceremony_keep_issuing(&ceremony), MC_OK);
	ck_assert(!there(env_dir, "issuing-00000001.pem"));
	ck_assert(there(env_dir, "issuing-00000002.pem"));
	ck_assert(there(env_dir, "issuing-00000003.pem"));
	ck_assert(there(env_dir, kept));
	for (size_t i = 0; i < sizeof(STAY) / sizeof(STAY[0]); i++) {
		ck_assert_msg(there(env_dir, STAY[i]), "%s", STAY[i]);
	}
	/* where the present one cannot be read nothing is removed */
	put_file(env_dir, "issuing-00000001.pem", expired);
	folder_put(env_dir, "issuing.pem", "not a key");
	ck_assert_int_eq(ceremony_keep_issuing(&ceremony), MC_EENCODING);
	ck_assert(there(env_dir, "issuing-00000001.pem"));
	close_folders();
	make_ca_free(alive);
	make_ca_free(expired);
}
END_TEST

CHECK_MAIN("ca_ceremony_files", test_where_from, test_write_and_open, test_may_write, test_keep)
