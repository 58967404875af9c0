/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_grpc.h"

#include <check.h>
#include <stdlib.h>

START_TEST(test_encode)
{
	static const uint8_t want[] = {0, 0, 0, 0, 8, 0x0a, 3, 'c', 's', 'r', 0x18, 0x90, 0x1c};
	const struct cli_grpc_request request = {.csr = base_span_str("csr"), .ttl_s = 3600};
	const struct cli_grpc_request plain = {.csr = base_span_str("csr"), .ttl_s = 0};
	struct base_buf out;

	base_buf_init(&out, 1024);
	cli_grpc_encode(&request, &out);
	ck_assert(base_span_equal(base_buf_span(&out), base_span_of(want, sizeof(want))));
	base_buf_reset(&out);
	cli_grpc_encode(&plain, &out);
	ck_assert_uint_eq(out.len, 10);
	ck_assert_uint_eq(out.ptr[4], 5);
	base_buf_clear(&out);
}
END_TEST

START_TEST(test_encode_lengths_of_two_bytes)
{
	static char csr[300];
	struct cli_grpc_request request = {.csr = base_span_of(csr, sizeof(csr))};
	struct base_buf out;

	base_buf_init(&out, 1024);
	cli_grpc_encode(&request, &out);
	ck_assert_uint_eq(out.len, 5 + 3 + 300);
	ck_assert_uint_eq(out.ptr[6], 0xac);
	ck_assert_uint_eq(out.ptr[7], 0x02);
	base_buf_clear(&out);
	base_buf_init(&out, 100);
	cli_grpc_encode(&request, &out);
	ck_assert(base_buf_failed(&out));
	base_buf_clear(&out);
}
END_TEST

static enum mc_err
decode(struct cli_grpc_answer *answer, const void *ptr, size_t len)
{
	base_buf_init(&answer->body, 4096);
	base_buf_append(&answer->body, ptr, len);
	return cli_grpc_decode(answer);
}

#define DECODE(bytes) decode(&answer, bytes, sizeof(bytes) - 1)

START_TEST(test_decode)
{
	struct cli_grpc_answer answer = {.status = 0};

	ck_assert_int_eq(DECODE("\0\0\0\0\x09\x0a\x02" "ab\x10\x05\x0a\x01" "c"), MC_OK);
	ck_assert_uint_eq(answer.chain_len, 2);
	ck_assert(base_span_equal_str(answer.chain[0], "ab"));
	ck_assert(base_span_equal_str(answer.chain[1], "c"));
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(DECODE("\0\0\0\0\0"), MC_OK);
	ck_assert_uint_eq(answer.chain_len, 0);
	cli_grpc_answer_clear(&answer);
}
END_TEST

START_TEST(test_decode_refusals)
{
	struct cli_grpc_answer answer = {.status = 0};

	ck_assert_int_eq(DECODE(""), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(DECODE("\1\0\0\0\0"), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(DECODE("\0\0\0\0\3\x0a\x02" "a"), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(DECODE("\0\0\0\0\4\x0a\x02" "a"), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(DECODE("\0\0\0\0\2\x0d\0"), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(DECODE("\0\0\0\0\3\x0a\xff\xff"), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
	ck_assert_int_eq(
	    DECODE("\0\0\0\0\x0b\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), MC_EENCODING);
	cli_grpc_answer_clear(&answer);
}
END_TEST

START_TEST(test_decode_too_many)
{
	struct cli_grpc_answer answer = {.status = 0};
	char bytes[5 + 2 * (CLI_GRPC_ELEMENTS_MAX + 1)] = {0};

	bytes[4] = (char)(sizeof(bytes) - 5);
	for (size_t i = 5; i < sizeof(bytes); i += 2) {
		bytes[i] = 0x0a;
	}
	ck_assert_int_eq(decode(&answer, bytes, sizeof(bytes)), MC_ETOOBIG);
	cli_grpc_answer_clear(&answer);
}
END_TEST

START_TEST(test_status_names)
{
	ck_assert_str_eq(cli_grpc_status_name(16), "UNAUTHENTICATED");
	ck_assert_str_eq(cli_grpc_status_name(14), "UNAVAILABLE");
	ck_assert_str_eq(cli_grpc_status_name(17), "UNKNOWN");
	ck_assert_str_eq(cli_grpc_status_name(-1), "UNKNOWN");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_grpc");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_encode);
	tcase_add_test(tcase, test_encode_lengths_of_two_bytes);
	tcase_add_test(tcase, test_decode);
	tcase_add_test(tcase, test_decode_refusals);
	tcase_add_test(tcase, test_decode_too_many);
	tcase_add_test(tcase, test_status_names);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
