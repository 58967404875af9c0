/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "k8s/lint.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"
#include "tests/unit/mesh_make.h"

static char *folder;
static char *dir; /* the inventory in it */

static void
start(void)
{
	folder = folder_make();
	dir = base_xasprintf("%s/inv", folder);
	mesh_put(folder);
}

static void
stop(void)
{
	free(dir);
	folder_drop(folder);
}

static json_t *
said_json(void)
{
	json_t *json = json_loads(said.out, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_msg(json != NULL, "%s", said.out);
	return json;
}

START_TEST(lint_tells_what_is_wrong_and_where)
{
	char *at;
	json_t *json;

	start();
	ck_assert_int_eq(CLI_RUN("inventory", "lint", dir), CLI_OK);
	folder_put(folder, "inv/cart.yaml", MESH_SERVICE("cart", "  nonsense: 1\n"));
	at = base_xasprintf("%s/cart.yaml:9: error MCA", dir);
	ck_assert_int_eq(CLI_RUN("inventory", "lint", dir), CLI_FAILED);
	SAYS(said.out, at);
	ck_assert_str_eq(said.err, "");
	ck_assert_int_eq(CLI_RUN("inventory", "lint", dir, "--json"), CLI_FAILED);
	json = said_json();
	ck_assert_int_ge(json_integer_value(json_object_get(json, "errors")), 1);
	json_decref(json);
	free(at);
	stop();
}
END_TEST

START_TEST(lint_may_look_from_another_day)
{
	start();
	REFUSES(CLI_RUN("inventory", "lint", dir, "--at", "tomorrow"), CLI_USAGE,
	    "--at tomorrow is no date such as 2027-03-31");
	ck_assert_int_eq(CLI_RUN("inventory", "lint", dir, "--at", "2027-03-31"), CLI_OK);
	stop();
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_a_finding)
{
	REFUSES(CLI_RUN("inventory", "show", "/nonexistent/inv"), CLI_FAILED, "the inventory has errors");
	REFUSES(CLI_RUN("inventory", "environments", "/nonexistent/inv", "--json"), CLI_FAILED,
	    "\"error\":\"inventory\"");
	SAYS_NOT(said.err, "MCA"); /* one object, and nothing beside it */
	ck_assert_int_eq(CLI_RUN("inventory", "lint", "/nonexistent/inv"), CLI_FAILED);
}
END_TEST

START_TEST(environments_are_named)
{
	json_t *json;

	start();
	ck_assert_int_eq(CLI_RUN("inventory", "environments", dir), CLI_OK);
	ck_assert_str_eq(said.out, "production\nstaging\n");
	ck_assert_int_eq(CLI_RUN("inventory", "environments", dir, "--json"), CLI_OK);
	json = said_json();
	ck_assert_uint_eq(json_array_size(json_object_get(json, "environments")), 2);
	json_decref(json);
	stop();
}
END_TEST

START_TEST(documents_are_listed_with_their_places)
{
	json_t *json;

	start();
	ck_assert_int_eq(CLI_RUN("inventory", "show", dir), CLI_OK);
	SAYS(said.out, "KIND");
	SAYS(said.out, "cart.yaml:2");
	SAYS(said.out, "Service");
	ck_assert_int_eq(CLI_RUN("inventory", "show", dir, "--json"), CLI_OK);
	json = said_json();
	ck_assert_uint_eq(json_array_size(json_object_get(json, "documents")), 4);
	json_decref(json);
	stop();
}
END_TEST

/* Lists of named things are shown by name, and every value says where it is from. */
START_TEST(an_environment_is_shown_value_by_value)
{
	json_t *json;

	start();
	ck_assert_int_eq(CLI_RUN("inventory", "show", dir, "--resolved", "production"), CLI_OK);
	SAYS(said.out, "services[shop/cart].");
	SAYS(said.out, "cart.yaml:");
	SAYS(said.out, "shop.example");
	ck_assert_int_eq(CLI_RUN("inventory", "show", dir, "--resolved", "production", "--json"), CLI_OK);
	json = said_json();
	ck_assert_str_eq(json_string_value(json_object_get(json, "environment")), "production");
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(json, "sha256"))), 64);
	ck_assert_uint_gt(json_array_size(json_object_get(json, "values")), 3);
	json_decref(json);
	REFUSES(CLI_RUN("inventory", "show", dir, "--resolved", "nowhere"), CLI_NOT_FOUND, "nowhere");
	stop();
}
END_TEST

START_TEST(the_schema_is_json)
{
	json_t *json;

	ck_assert_int_eq(CLI_RUN("inventory", "schema"), CLI_OK);
	json = said_json();
	ck_assert(json_object_get(json, "$schema") != NULL);
	json_decref(json);
}
END_TEST

START_TEST(every_code_is_explained)
{
	json_t *json;

	for (size_t i = 0; i < k8s_lint_count(); i++) {
		ck_assert_int_eq(CLI_RUN("inventory", "explain", k8s_lint_nth(i)->code), CLI_OK);
		SAYS(said.out, k8s_lint_nth(i)->code);
		SAYS(said.out, k8s_lint_nth(i)->text);
	}
	ck_assert_int_eq(CLI_RUN("inventory", "explain", k8s_lint_nth(0)->code, "--json"), CLI_OK);
	json = said_json();
	ck_assert_str_eq(json_string_value(json_object_get(json, "why")), k8s_lint_nth(0)->text);
	json_decref(json);
	REFUSES(CLI_RUN("inventory", "explain", "MCA"), CLI_NOT_FOUND, "there is no finding MCA");
	REFUSES(CLI_RUN("inventory", "explain", "mca0001"), CLI_NOT_FOUND, "there is no finding");
}
END_TEST

CHECK_MAIN("cli_inventory", lint_tells_what_is_wrong_and_where, lint_may_look_from_another_day,
    a_folder_that_is_not_there_is_a_finding, environments_are_named,
    documents_are_listed_with_their_places, an_environment_is_shown_value_by_value, the_schema_is_json,
    every_code_is_explained)
