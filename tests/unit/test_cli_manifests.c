/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"
#include "tests/unit/mesh_make.h"

static char *folder;
static char *dir;

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

static void
says_json(void)
{
	json_t *json = json_loads(said.out, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_msg(json != NULL, "%.200s", said.out);
	json_decref(json);
}

START_TEST(objects_are_one_stream)
{
	start();
	ck_assert_int_eq(CLI_RUN("manifests", "render", dir, "production"), CLI_OK);
	SAYS(said.out, "\nkind: ");
	SAYS(said.out, "\n---\n");
	SAYS(said.out, "cart");
	ck_assert_int_eq(CLI_RUN("manifests", "render", dir, "production", "--json"), CLI_OK);
	says_json();
	REFUSES(CLI_RUN("manifests", "render", dir, "nowhere"), CLI_NOT_FOUND, "nowhere");
	REFUSES(CLI_RUN("manifests", "render", "/nonexistent/inv", "production"), CLI_FAILED,
	    "the inventory has errors");
	stop();
}
END_TEST

START_TEST(the_model_and_its_schema_are_json)
{
	start();
	ck_assert_int_eq(CLI_RUN("manifests", "model", dir, "production"), CLI_OK);
	says_json();
	SAYS(said.out, "shop.example");
	ck_assert_int_eq(CLI_RUN("manifests", "model-schema"), CLI_OK);
	says_json();
	REFUSES(CLI_RUN("manifests", "model", dir, "nowhere"), CLI_NOT_FOUND, "nowhere");
	stop();
}
END_TEST

START_TEST(the_mesh_config_is_yaml_or_json)
{
	start();
	ck_assert_int_eq(CLI_RUN("manifests", "mesh-config", dir, "production"), CLI_OK);
	SAYS(said.out, "trustDomain: shop.example\n");
	ck_assert_int_eq(CLI_RUN("manifests", "mesh-config", dir, "production", "--json"), CLI_OK);
	says_json();
	SAYS(said.out, "\"trustDomain\": \"shop.example\"");
	stop();
}
END_TEST

START_TEST(an_object_is_named_by_kind_namespace_and_name)
{
	static const char *const BAD[] = {"", "Service", "/x", "Service/", "a/b/c/d", "Service/shop/"};

	start();
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		REFUSES(CLI_RUN("manifests", "explain", dir, "production", BAD[i]), CLI_USAGE,
		    "is not KIND/NAMESPACE/NAME, or KIND/NAME");
	}
	ck_assert_int_eq(
	    CLI_RUN("manifests", "explain", dir, "production", "ServiceAccount/shop/cart"), CLI_OK);
	SAYS(said.out, "FIELD");
	SAYS(said.out, "metadata.name");
	SAYS(said.out, "cart.yaml:");
	ck_assert_int_eq(
	    CLI_RUN("manifests", "explain", dir, "production", "ServiceAccount/shop/cart", "--json"),
	    CLI_OK);
	says_json();
	REFUSES(CLI_RUN("manifests", "explain", dir, "production", "ServiceAccount/shop/none"),
	    CLI_NOT_FOUND, "none");
	/* A namespace has none; so the middle part is left out. */
	ck_assert_int_eq(CLI_RUN("manifests", "explain", dir, "production", "Namespace/shop"), CLI_OK);
	stop();
}
END_TEST

START_TEST(templates_of_a_folder_that_is_none)
{
	start();
	REFUSES(CLI_RUN("manifests", "render", dir, "production", "--templates", "/nonexistent/t"),
	    CLI_FAILED, "/nonexistent/t");
	REFUSES(CLI_RUN("manifests", "mesh-config", dir, "production", "--templates", "/nonexistent/t"),
	    CLI_FAILED, "/nonexistent/t");
	stop();
}
END_TEST

CHECK_MAIN("cli_manifests", objects_are_one_stream, the_model_and_its_schema_are_json,
    the_mesh_config_is_yaml_or_json, an_object_is_named_by_kind_namespace_and_name,
    templates_of_a_folder_that_is_none)
