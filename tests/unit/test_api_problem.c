/* SPDX-License-Identifier: Apache-2.0 */
#include "api/problem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"

static const enum mc_err all[] = {
#define MC_ERR(class, number, name, word, text) name,
#include "base/err_list.h"
#undef MC_ERR
};

START_TEST(every_error_has_a_status_that_fits_its_class)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned status = problem_status(all[i]);
		enum mc_class class = mc_err_class(all[i]);

		ck_assert_uint_ge(status, 400);
		ck_assert_uint_lt(status, 600);
		ck_assert_uint_gt(strlen(problem_action(all[i])), 0);
		if (class >= MC_CLASS_BUSY) {
			ck_assert_msg(status >= 500 || status == 429, "%s", mc_err_word(all[i]));
		} else if (all[i] != MC_EFRAME && all[i] != MC_ECONFIG) {
			ck_assert_msg(status < 500, "%s", mc_err_word(all[i]));
		}
		ck_assert_int_eq(problem_retry_s(all[i]) != 0, status == 503 || status == 429);
	}
}
END_TEST

START_TEST(statuses_that_clients_branch_on)
{
	ck_assert_uint_eq(problem_status(MC_EUSAGE), 400);
	ck_assert_uint_eq(problem_status(MC_ECLIENT_CERT), 401);
	ck_assert_uint_eq(problem_status(MC_EDENIED), 403);
	ck_assert_uint_eq(problem_status(MC_EAPPROVAL), 403);
	ck_assert_uint_eq(problem_status(MC_ENOTFOUND), 404);
	ck_assert_uint_eq(problem_status(MC_EMETHOD), 405);
	ck_assert_uint_eq(problem_status(MC_EACCEPT), 406);
	ck_assert_uint_eq(problem_status(MC_EIDEMPOTENCY), 409);
	ck_assert_uint_eq(problem_status(MC_ETOOBIG), 413);
	ck_assert_uint_eq(problem_status(MC_EMEDIA), 415);
	ck_assert_uint_eq(problem_status(MC_ETTL), 422);
	ck_assert_uint_eq(problem_status(MC_ERATE), 429);
	ck_assert_uint_eq(problem_status(MC_EINTERNAL), 500);
	ck_assert_uint_eq(problem_status((enum mc_err)0x7f01), 500);
	ck_assert_uint_eq(problem_status(MC_ESEALED), 503);
}
END_TEST

START_TEST(document_says_what_and_what_to_do)
{
	const uint8_t id[16] = {0xab, [15] = 1};
	struct base_buf out;
	json_t *json;

	base_buf_init(&out, 4096);
	problem_render(MC_ETTL, "8 days \"asked\"", id, &out);
	json = json_loadb((const char *)out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json_object_get(json, "type")), "urn:meshca:error:ttl");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "status")), 422);
	ck_assert_str_eq(json_string_value(json_object_get(json, "detail")), "8 days \"asked\"");
	ck_assert_str_eq(json_string_value(json_object_get(json, "request_id")),
	    "ab000000000000000000000000000001");
	ck_assert_ptr_nonnull(json_object_get(json, "title"));
	ck_assert_ptr_nonnull(json_object_get(json, "action"));
	json_decref(json);
	base_buf_clear(&out);
}
END_TEST

START_TEST(detail_that_is_not_text_falls_away)
{
	const uint8_t id[16] = {0};
	struct base_buf out;
	json_t *json;

	base_buf_init(&out, 4096);
	problem_render(MC_EUSAGE, "\xff\xfe", id, &out);
	json = json_loadb((const char *)out.ptr, out.len, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_ptr_null(json_object_get(json, "detail"));
	json_decref(json);
	base_buf_clear(&out);
}
END_TEST

CHECK_MAIN("api_problem", every_error_has_a_status_that_fits_its_class,
    statuses_that_clients_branch_on, document_says_what_and_what_to_do,
    detail_that_is_not_text_falls_away)
