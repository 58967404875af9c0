/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_approval.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "api/cli_crypto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/approved.h"
#include "tests/unit/check_main.h"
#include "tests/unit/folder_make.h"

static char *folder;
static char *path; /* a private key in it */
static EVP_PKEY *key;

static void
start(EVP_PKEY *with)
{
	FILE *file;

	folder = folder_make();
	path = base_xasprintf("%s/alice.key", folder);
	key = with;
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	ck_assert_int_eq(fclose(file), 0);
}

static void
stop(void)
{
	EVP_PKEY_free(key);
	free(path);
	folder_drop(folder);
}

/* Whether it is the key's signature over the text and the expiry. */
static bool
is_signed(const char *text, const struct cli_approval *approval)
{
	char *signature = base_xasprintf("%.*s", (int)approval->signature.len,
	    (const char *)approval->signature.ptr);
	bool ret = approved_text(key, approval->expires_at, signature, text);

	free(signature);
	return ret;
}

START_TEST(what_is_signed_is_the_text_and_until_when)
{
	struct cli_approval approval;
	int64_t before = base_clock_now();
	int64_t at = 0;

	start(EVP_EC_gen("P-256"));
	ck_assert_int_eq(cli_approval_make(path, base_span_str("meshca-x-v1\nbob\n"), &approval),
	    MC_OK);
	ck_assert(is_signed("meshca-x-v1\nbob\n", &approval));
	ck_assert(!is_signed("meshca-x-v1\neve\n", &approval));
	ck_assert(base_clock_parse_rfc3339(approval.expires_at, &at));
	/* A few minutes: time to get there, and never longer than the ledger takes. */
	ck_assert_int_ge(at, before + 60);
	ck_assert_int_lt(at, before + LIMIT_APPROVAL_S);
	cli_approval_clear(&approval);
	stop();
}
END_TEST

START_TEST(it_is_an_object_of_a_request)
{
	struct base_buf what;
	json_t *object;

	start(EVP_EC_gen("P-256"));
	base_buf_init(&what, 64);
	base_buf_append_str(&what, "text\n");
	object = cli_approval_json(path, &what);
	ck_assert(approved_by(key, object, "text\n"));
	json_decref(object);
	base_buf_clear(&what);
	stop();
}
END_TEST

START_TEST(a_key_that_cannot_sign_approves_nothing)
{
	struct cli_approval approval;

	start(EVP_RSA_gen(2048));
	ck_assert_int_eq(cli_approval_make(path, base_span_str("text\n"), &approval), MC_EUSAGE);
	ck_assert_uint_eq(approval.signature.len, 0);
	cli_approval_clear(&approval);
	stop();
}
END_TEST

/* Who builds header fields of it before looking at the error must find strings. */
START_TEST(after_a_failure_it_is_empty)
{
	struct cli_approval approval;

	memset(&approval, 'x', sizeof(approval));
	ck_assert_int_eq(cli_approval_make("/nonexistent/key", base_span_str("text\n"), &approval),
	    MC_EIO);
	ck_assert_str_eq(approval.expires_at, "");
	ck_assert_uint_eq(approval.signature.len, 0);
	cli_approval_clear(&approval);
	start(EVP_EC_gen("P-256"));
	folder_put(folder, "alice.key", "-----BEGIN PRIVATE KEY-----\n");
	memset(&approval, 'x', sizeof(approval));
	ck_assert_int_ne(cli_approval_make(path, base_span_str("text\n"), &approval), MC_OK);
	ck_assert_str_eq(approval.expires_at, "");
	cli_approval_clear(&approval);
	stop();
}
END_TEST

/* A text that was cut must not be signed: what is missing could be what matters. */
START_TEST(a_text_that_does_not_fit_is_refused)
{
	static char text[1024];
	struct cli_approval approval;
	struct base_buf what;

	start(EVP_EC_gen("P-256"));
	memset(text, 'x', sizeof(text));
	base_buf_init(&what, 8);
	base_buf_append_str(&what, "123456789");
	ck_assert_ptr_null(cli_approval_json(path, &what));
	ck_assert_int_eq(mc_err_last()->code, MC_EUSAGE);
	base_buf_clear(&what);
	ck_assert_int_eq(cli_approval_make(path, base_span_of(text, sizeof(text)), &approval),
	    MC_EUSAGE);
	ck_assert_uint_eq(approval.signature.len, 0);
	cli_approval_clear(&approval);
	/* The longest: 1024 bytes with the expiry's ten digits and line end. */
	ck_assert_int_eq(cli_approval_make(path, base_span_of(text, sizeof(text) - 11), &approval),
	    MC_OK);
	cli_approval_clear(&approval);
	ck_assert_int_eq(cli_approval_make(path, base_span_of(text, sizeof(text) - 10), &approval),
	    MC_EUSAGE);
	cli_approval_clear(&approval);
	stop();
}
END_TEST

CHECK_MAIN("cli_approval", what_is_signed_is_the_text_and_until_when, it_is_an_object_of_a_request,
    a_key_that_cannot_sign_approves_nothing, after_a_failure_it_is_empty,
    a_text_that_does_not_fit_is_refused)
