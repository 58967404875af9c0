/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_rest.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(test_paths)
{
	struct base_buf path;

	base_buf_init(&path, 256);
	base_buf_append_str(&path, "/v1/");
	cli_path_escape(&path, "a/b c?\xc3\xbc-._~");
	cli_path_query(&path, "none", NULL);
	cli_path_query(&path, "x", "spiffe://a&b");
	cli_path_query(&path, "y", "");
	ck_assert(base_span_equal_str(base_buf_span(&path),
	    "/v1/a%2Fb%20c%3F%C3%BC-._~?x=spiffe%3A%2F%2Fa%26b&y="));
	base_buf_clear(&path);
}
END_TEST

START_TEST(test_exit_statuses)
{
	ck_assert_int_eq(cli_exit_of_http(201), CLI_OK);
	ck_assert_int_eq(cli_exit_of_http(302), CLI_FAILED);
	ck_assert_int_eq(cli_exit_of_http(401), CLI_DENIED);
	ck_assert_int_eq(cli_exit_of_http(403), CLI_DENIED);
	ck_assert_int_eq(cli_exit_of_http(404), CLI_NOT_FOUND);
	ck_assert_int_eq(cli_exit_of_http(422), CLI_FAILED);
	ck_assert_int_eq(cli_exit_of_http(503), CLI_UNREACHABLE);
}
END_TEST

static char folder[] = "/tmp/meshca-cli-XXXXXX";

static enum mc_err
read_client(const char *text, struct cli_client *client)
{
	char path[64];
	enum mc_err ret;

	ck_assert_int_eq(cli_file_write(folder, "client.json", 0600, base_span_str(text)), MC_OK);
	(void)snprintf(path, sizeof(path), "%s/client.json", folder);
	ret = cli_client_read(path, client);
	(void)unlink(path);
	return ret;
}

START_TEST(test_client_file)
{
	struct cli_client client = {.url = NULL};
	char want[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(want, sizeof(want), "%s/a.crt", folder);
	ck_assert_int_eq(read_client("{\"url\":\"https://x:1\",\"cert\":\"a.crt\",\"key\":\"/k\","
				     "\"ca\":\"c\"}",
			     &client),
	    MC_OK);
	ck_assert_str_eq(client.url, "https://x:1");
	ck_assert_str_eq(client.cert, want);
	ck_assert_str_eq(client.key, "/k");
	cli_client_clear(&client);
	ck_assert_int_eq(read_client("{\"url\":\"u\"}", &client), MC_ECONFIG);
	ck_assert_int_eq(
	    read_client("{\"url\":\"u\",\"cert\":\"\",\"key\":\"\",\"ca\":\"\",\"x\":1}", &client),
	    MC_ECONFIG);
	ck_assert_int_eq(read_client("{", &client), MC_ECONFIG);
	ck_assert_int_eq(cli_client_read("/nonexistent/client.json", &client), MC_EIO);
	ck_assert_ptr_null(client.url);
	(void)rmdir(folder);
}
END_TEST

START_TEST(test_chain)
{
	json_t *object = json_pack("{s:[s, s]}", "chain", "one\n", "two\n");
	struct base_buf out;

	base_buf_init(&out, 64);
	cli_json_chain(object, &out);
	ck_assert(base_span_equal_str(base_buf_span(&out), "one\ntwo\n"));
	ck_assert_str_eq(cli_json_text(object, "chain"), "");
	ck_assert_str_eq(cli_json_text(NULL, "x"), "");
	base_buf_clear(&out);
	json_decref(object);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_rest");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_paths);
	tcase_add_test(tcase, test_exit_statuses);
	tcase_add_test(tcase, test_client_file);
	tcase_add_test(tcase, test_chain);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
