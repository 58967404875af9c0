/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_approval.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "api/cli_crypto.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/limits.h"
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

/* Whether base64 is the key's signature over text, then the expiry in seconds and a line end. */
static bool
is_signed(const char *text, const char *expires_at, struct base_span base64)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[256];
	char *message;
	int64_t at = 0;
	int len;
	bool ret;

	ck_assert(base_clock_parse_rfc3339(expires_at, &at));
	message = base_xasprintf("%s%lld\n", text, (long long)at);
	ck_assert_uint_lt(base64.len, sizeof(sig));
	len = EVP_DecodeBlock(sig, base64.ptr, (int)base64.len);
	ck_assert_int_gt(len, 0);
	while (base64.len > 0 && base64.ptr[base64.len - 1] == '=') {
		base64.len--;
		len--;
	}
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	ret = EVP_DigestVerify(ctx, sig, (size_t)len, (const uint8_t *)message,
		  strlen(message)) == 1;
	EVP_MD_CTX_free(ctx);
	free(message);
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
	ck_assert(is_signed("meshca-x-v1\nbob\n", approval.expires_at,
	    base_buf_span(&approval.signature)));
	ck_assert(!is_signed("meshca-x-v1\neve\n", approval.expires_at,
	    base_buf_span(&approval.signature)));
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
	const char *expires_at = NULL;
	const char *signature = NULL;

	start(EVP_EC_gen("P-256"));
	base_buf_init(&what, 64);
	base_buf_append_str(&what, "text\n");
	object = cli_approval_json(path, &what);
	ck_assert_int_eq(json_unpack_ex(object, NULL, JSON_STRICT, "{s:s, s:s}", "expires_at",
	    &expires_at, "signature", &signature), 0);
	ck_assert(is_signed("text\n", expires_at, base_span_str(signature)));
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
