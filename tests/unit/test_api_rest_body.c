/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

/* A resource whose body has the members reason and approval, and whose handler has nobody to ask here. */
static const char revoke_path[] = "/v1/certificates/0badc0ffee/revoke";

START_TEST(a_broken_body_is_told_where_and_what)
{
	static const struct {
		const char *body, *says;
	} rows[] = {
	    {"", "the body is empty"},
	    {"{", "it ends too early (line 1, column 1)"},
	    {"{\n  \"reason\": superseded}", "it is not JSON (line 2"},
	    {"7", "it is not JSON (line 1"},
	    {"null", "it is not JSON (line 1"},
	    {"{\"reason\":\"\xff\"}", "it is not UTF-8"},
	    {"{\"reason\":\"a\",\"reason\":\"a\"}", "a member is given twice (line 1"},
	    {"{\"reason\":\"a\",\"re\\u0061son\":\"b\"}", "a member is given twice"},
	    {"{\"approval\":{\"signature\":\"a\",\"signature\":\"a\"}}", "a member is given twice"},
	    {"{\"reason\":\"a\\u0000b\"}", "a string has a NUL"},
	    {"{\"reas\\u0000on\":1}", "a string has a NUL"},
	    {"{\"reason\":1e999}", "a number is out of range"},
	    {"{\"reason\":99999999999999999999}", "a number is out of range"},
	    {"{} {}", "something follows it (line 1, column 4)"},
	    {"[]", "must be a JSON object"},
	    {"{\"reason\":\"superseded\",\"x\":1}", "member \"x\" is not known"},
	    {"{\"Reason\":\"superseded\"}", "member \"Reason\" is not known"},
	    {"{\"\":1}", "member \"\" is not known"},
	};

	begin(MSG_USER_ADMIN, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply = request("POST", revoke_path, "", rows[i].body);

		ck_assert_msg(strstr(member(&reply, "detail"), rows[i].says) != NULL, "%s: %s",
		    rows[i].body, member(&reply, "detail"));
		ck_assert_ptr_null(strstr(member(&reply, "detail"), "-1"));
		expect_problem(reply, 400, "usage");
	}
	end();
}
END_TEST

START_TEST(depth_has_an_end)
{
	char body[8192];
	size_t len = (size_t)snprintf(body, sizeof(body), "{\"reason\":");

	memset(body + len, '[', 5000);
	body[len + 5000] = '\0';
	begin(MSG_USER_ADMIN, NULL);
	expect_problem_says(request("POST", revoke_path, "", body), 400, "usage", "nested too deeply");
	end();
}
END_TEST

static json_t *
object_of(const char *text)
{
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_ptr_nonnull(object);
	return object;
}

START_TEST(strings_have_one_byte_to_their_most)
{
	json_t *object = object_of("{\"three\":\"abc\",\"none\":\"\",\"two\":\"\xc3\xa4\",\"n\":1,"
				   "\"null\":null}");
	struct base_span out = base_span_str("kept");

	ck_assert_int_eq(rest_body_string(object, "three", true, 3, &out), MC_OK);
	ck_assert(base_span_equal_str(out, "abc"));
	ck_assert_int_eq(rest_body_string(object, "three", true, 2, &out), MC_EUSAGE);
	ck_assert_str_eq(mc_err_last()->detail, "member \"three\" must have 1 to 2 bytes");
	ck_assert(base_span_equal_str(out, "abc")); /* untouched */
	ck_assert_int_eq(rest_body_string(object, "two", false, 1, &out), MC_EUSAGE);
	ck_assert_int_eq(rest_body_string(object, "none", false, 3, &out), MC_EUSAGE);
	ck_assert_int_eq(rest_body_string(object, "n", false, 3, &out), MC_EUSAGE);
	ck_assert_str_eq(mc_err_last()->detail, "member \"n\" must be a string");
	ck_assert_int_eq(rest_body_string(object, "null", false, 3, &out), MC_EUSAGE);
	ck_assert_int_eq(rest_body_string(object, "absent", true, 3, &out), MC_EUSAGE);
	ck_assert(base_span_equal_str(out, "abc"));
	ck_assert_int_eq(rest_body_string(object, "absent", false, 3, &out), MC_OK);
	ck_assert_uint_eq(out.len, 0);
	json_decref(object);
}
END_TEST

START_TEST(whole_numbers_are_taken_however_they_are_written)
{
	static const struct {
		const char *text;
		enum mc_err err;
		int64_t value;
	} rows[] = {{"3600", MC_OK, 3600}, {"3600.0", MC_OK, 3600}, {"3.6e3", MC_OK, 3600},
	    {"-1", MC_OK, -1}, {"-2.0", MC_OK, -2}, {"0", MC_OK, 0},
	    {"9223372036854775807", MC_OK, INT64_MAX}, {"-9223372036854775808", MC_OK, INT64_MIN},
	    {"3600.5", MC_EUSAGE, 0}, {"-0.5", MC_EUSAGE, 0}, {"1e300", MC_EUSAGE, 0},
	    {"-1e300", MC_EUSAGE, 0}, {"1e18", MC_EUSAGE, 0}, {"\"3600\"", MC_EUSAGE, 0},
	    {"true", MC_EUSAGE, 0}, {"null", MC_EUSAGE, 0}, {"[1]", MC_EUSAGE, 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = base_xasprintf("{\"n\":%s}", rows[i].text);
		json_t *object = object_of(text);
		int64_t out = 42;

		ck_assert_msg(rest_body_int(object, "n", false, &out) == rows[i].err, "%s",
		    rows[i].text);
		ck_assert_msg(out == (rows[i].err == MC_OK ? rows[i].value : 42), "%s: %lld",
		    rows[i].text, (long long)out);
		json_decref(object);
		free(text);
	}
}
END_TEST

START_TEST(an_absent_number_is_zero_unless_it_is_required)
{
	json_t *object = object_of("{}");
	int64_t out = 42;

	ck_assert_int_eq(rest_body_int(object, "n", true, &out), MC_EUSAGE);
	ck_assert_str_eq(mc_err_last()->detail, "member \"n\" must be a whole number");
	ck_assert_int_eq(out, 42);
	ck_assert_int_eq(rest_body_int(object, "n", false, &out), MC_OK);
	ck_assert_int_eq(out, 0);
	json_decref(object);
}
END_TEST

CHECK_MAIN("api_rest_body", a_broken_body_is_told_where_and_what, depth_has_an_end,
    strings_have_one_byte_to_their_most, whole_numbers_are_taken_however_they_are_written,
    an_absent_number_is_zero_unless_it_is_required)
