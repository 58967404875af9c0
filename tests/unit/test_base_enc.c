/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_hex)
{
	char text[9];
	uint8_t bytes[4];
	size_t len = 0;

	base_enc_hex((const uint8_t *)"\x00\x7f\xa5\xff", 4, text);
	ck_assert_str_eq(text, "007fa5ff");
	ck_assert_int_eq(base_enc_unhex(base_span_str("007FA5ff"), bytes, 4, &len), MC_OK);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(bytes, "\x00\x7f\xa5\xff", 4);
	ck_assert_int_eq(base_enc_unhex(base_span_str("0"), bytes, 4, &len), MC_EENCODING);
	ck_assert_int_eq(base_enc_unhex(base_span_str("0g"), bytes, 4, &len), MC_EENCODING);
	ck_assert_int_eq(base_enc_unhex(base_span_str("0011223344"), bytes, 4, &len),
	    MC_EENCODING);
	ck_assert_int_eq(base_enc_unhex(base_span_str(""), bytes, 4, &len), MC_OK);
	ck_assert_uint_eq(len, 0);
}
END_TEST

/* RFC 4648 section 10. */
static const char *const VECTORS[][3] = {{"", "", ""}, {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"}, {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/", "-_-_"}};

START_TEST(test_b64_vectors)
{
	struct base_buf buf;

	base_buf_init(&buf, 64);
	for (size_t i = 0; i < sizeof(VECTORS) / sizeof(VECTORS[0]); i++) {
		struct base_span plain = base_span_str(VECTORS[i][0]);

		base_buf_reset(&buf);
		base_enc_b64(&buf, plain);
		ck_assert(base_span_equal_str(base_buf_span(&buf), VECTORS[i][1]));
		base_buf_reset(&buf);
		ck_assert_int_eq(base_enc_unb64(&buf, base_span_str(VECTORS[i][1])), MC_OK);
		ck_assert(base_span_equal(base_buf_span(&buf), plain));
		base_buf_reset(&buf);
		base_enc_b64url(&buf, plain);
		ck_assert(base_span_equal_str(base_buf_span(&buf), VECTORS[i][2]));
		base_buf_reset(&buf);
		ck_assert_int_eq(base_enc_unb64url(&buf, base_span_str(VECTORS[i][2])), MC_OK);
		ck_assert(base_span_equal(base_buf_span(&buf), plain));
	}
	base_buf_clear(&buf);
}
END_TEST

/* Each byte in each place, in both alphabets. */
START_TEST(test_b64_every_byte)
{
	static const char shared[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	struct base_buf buf;

	base_buf_init(&buf, 64);
	for (unsigned place = 0; place < 4; place++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			uint8_t text[] = "AAAAAAAA";
			bool both = byte != 0 && strchr(shared, (int)byte) != NULL;
			bool plain = both || byte == '+' || byte == '/';
			bool url = both || byte == '-' || byte == '_';

			text[place] = (uint8_t)byte;
			base_buf_reset(&buf);
			ck_assert_int_eq(base_enc_unb64(&buf, base_span_of(text, 8)),
			    plain ? MC_OK : MC_EENCODING);
			ck_assert_uint_eq(buf.len, plain ? 6 : 0);
			base_buf_reset(&buf);
			ck_assert_int_eq(base_enc_unb64url(&buf, base_span_of(text, 8)),
			    url ? MC_OK : MC_EENCODING);
			/* a byte in the unpadded rest */
			text[4 + place / 2] = (uint8_t)byte;
			text[place] = 'A';
			if (place < 2 && !url) {
				ck_assert_int_eq(base_enc_unb64url(&buf, base_span_of(text, 6)),
				    MC_EENCODING);
			}
		}
	}
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_b64_refusals)
{
	static const char *const bad[] = {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====",
	    "Zm9v\n", "Zm 9", "-_-_", "Zg==Zg==", "=Zg=", "A"};
	static const char *const bad_url[] = {"Zg==", "Zh", "Zm9", "+/+/", "Z", "Zm9v "};
	struct base_buf buf;

	base_buf_init(&buf, 64);
	base_buf_append_str(&buf, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(base_enc_unb64(&buf, base_span_str(bad[i])) == MC_EENCODING,
		    "%s", bad[i]);
	}
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++) {
		ck_assert_msg(base_enc_unb64url(&buf, base_span_str(bad_url[i])) == MC_EENCODING,
		    "%s", bad_url[i]);
	}
	ck_assert(base_span_equal_str(base_buf_span(&buf), "kept"));
	base_buf_clear(&buf);
	base_buf_init(&buf, 2);
	ck_assert_int_eq(base_enc_unb64(&buf, base_span_str("Zm9v")), MC_ETOOBIG);
	base_buf_clear(&buf);
}
END_TEST

START_TEST(test_pem_round_trip)
{
	uint8_t der[200];
	struct base_buf pem;
	struct base_buf back;

	base_buf_init(&pem, 4096);
	base_buf_init(&back, 4096);
	for (size_t len = 1; len <= sizeof(der); len++) {
		memset(der, (int)len, sizeof(der));
		base_buf_reset(&pem);
		base_buf_reset(&back);
		base_enc_pem(&pem, "CERTIFICATE", base_span_of(der, len));
		ck_assert_int_eq(
		    base_enc_unpem(&back, "CERTIFICATE", base_buf_span(&pem), NULL), MC_OK);
		ck_assert(base_span_equal(base_buf_span(&back), base_span_of(der, len)));
	}
	base_buf_append_u8(&pem, '\0');
	ck_assert_ptr_nonnull(strstr((const char *)pem.ptr, "\n-----END CERTIFICATE-----\n"));
	ck_assert_uint_eq(strcspn((const char *)pem.ptr + 28, "\n"), 64);
	base_buf_clear(&pem);
	base_buf_clear(&back);
}
END_TEST

#define BLOCK_X "-----BEGIN X-----\nZm9v\n-----END X-----\n"
#define BLOCK_Y "-----BEGIN Y-----\r\nZm9v\r\nYmFy\r\n-----END Y-----\r\n"

static enum mc_err
unpem(const char *label, const char *text, const char *want, struct base_span *rest)
{
	struct base_buf out;
	enum mc_err ret;

	base_buf_init(&out, 64);
	ret = base_enc_unpem(&out, label, base_span_str(text), rest);
	ck_assert(base_span_equal_str(base_buf_span(&out), ret == MC_OK ? want : ""));
	base_buf_clear(&out);
	return ret;
}

START_TEST(test_pem_strict)
{
	static const char *const bad[] = {"text\n" BLOCK_X, BLOCK_X "text", BLOCK_X BLOCK_X,
	    "-----BEGIN X-----\nZm9v\n", "-----BEGIN X-----\n-----END X-----\n",
	    "-----BEGIN X-----\nA: b\n\nZm9v\n-----END X-----\n",
	    "-----BEGIN X-----\nZm9v\n\n-----END X-----\n",
	    "-----BEGIN X-----\nZm9v-----END X-----\n",
	    "-----BEGIN X-----\nZm 9\n-----END X-----\n"};

	ck_assert_int_eq(unpem("X", BLOCK_X, "foo", NULL), MC_OK);
	ck_assert_int_eq(unpem("X", " \n" BLOCK_X "\n\t", "foo", NULL), MC_OK);
	ck_assert_int_eq(unpem("Y", BLOCK_Y, "foobar", NULL), MC_OK);
	ck_assert_int_eq(unpem("X", "-----BEGIN X-----\nZm9v\n-----END X-----", "foo", NULL),
	    MC_OK);
	ck_assert_int_eq(unpem("X", BLOCK_Y, "", NULL), MC_ENOTFOUND);
	ck_assert_int_eq(unpem("X", "", "", NULL), MC_ENOTFOUND);
	ck_assert_int_eq(unpem("X", "a" BLOCK_X, "", NULL), MC_ENOTFOUND);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(unpem("X", bad[i], "", NULL) == MC_EENCODING, "%s", bad[i]);
	}
}
END_TEST

START_TEST(test_pem_sequence)
{
	struct base_span rest = base_span_of(NULL, 0);

	ck_assert_int_eq(unpem("X", "words\n" BLOCK_Y BLOCK_X BLOCK_Y, "foo", &rest), MC_OK);
	ck_assert(base_span_equal_str(rest, BLOCK_Y));
	ck_assert_int_eq(unpem("X", BLOCK_Y, "", &rest), MC_ENOTFOUND);
	ck_assert(base_span_equal_str(rest, BLOCK_Y));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_enc");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_hex);
	tcase_add_test(tcase, test_b64_vectors);
	tcase_add_test(tcase, test_b64_every_byte);
	tcase_add_test(tcase, test_b64_refusals);
	tcase_add_test(tcase, test_pem_round_trip);
	tcase_add_test(tcase, test_pem_strict);
	tcase_add_test(tcase, test_pem_sequence);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
