/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "api/cli.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"
#include "tests/unit/mesh_make.h"

static char *folder;
static char *dir; /* the inventory */
static char *out; /* where manifests go */

static void
start(void)
{
	folder = folder_make();
	dir = base_xasprintf("%s/inv", folder);
	out = base_xasprintf("%s/out", folder);
	mesh_put(folder);
	folder_put(folder, "out/keep", "");
}

static void
stop(void)
{
	free(out);
	free(dir);
	folder_drop(folder);
}

static bool
has(const char *name)
{
	char *path = base_xasprintf("%s/%s", out, name);
	bool ret = access(path, F_OK) == 0;

	free(path);
	return ret;
}

#define GENERATE(...) CLI_RUN("manifests", "generate", dir, "--out", out __VA_OPT__(,) __VA_ARGS__)
#define CHECK(...) CLI_RUN("manifests", "check", dir, "--out", out __VA_OPT__(,) __VA_ARGS__)
#define MANIFEST "environments/production/MANIFEST.json"

/* The path of one generated file of production, below out, that is not its MANIFEST.json. */
static char *
some_file(void)
{
	char *file = NULL;
	const char *name;
	json_t *value;
	json_t *json;
	char *path = base_xasprintf("%s/" MANIFEST, out);

	json = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(json);
	json_object_foreach(json_object_get(json, "files"), name, value) {
		file = base_xasprintf("out/environments/production/%s", name);
		break;
	}
	ck_assert_ptr_nonnull(file);
	json_decref(json);
	free(path);
	return file;
}

START_TEST(all_environments_or_the_ones_that_are_named)
{
	start();
	ck_assert_int_eq(GENERATE("--environment", "production", "--environment", "production"), CLI_OK);
	SAYS(said.out, "production: ");
	SAYS_NOT(said.out, "staging");
	ck_assert_ptr_null(strstr(strstr(said.out, "production: ") + 1, "production: ")); /* once */
	ck_assert(has(MANIFEST) && !has("environments/staging"));
	ck_assert_int_eq(GENERATE(), CLI_OK);
	SAYS(said.out, "production: no change\n");
	SAYS(said.out, "staging: ");
	ck_assert(has("environments/staging/MANIFEST.json"));
	REFUSES(GENERATE("--environment", "nowhere"), CLI_NOT_FOUND, "nowhere");
	stop();
}
END_TEST

START_TEST(check_says_what_generate_would_do)
{
	start();
	ck_assert_int_eq(CHECK(), CLI_FAILED);
	SAYS(said.out, "environments/production/MANIFEST.json: added\n");
	ck_assert(!has("environments"));
	ck_assert_int_eq(GENERATE(), CLI_OK);
	ck_assert_int_eq(CHECK(), CLI_OK);
	ck_assert_str_eq(said.out, "");
	folder_put(folder, "inv/desk.yaml", MESH_SERVICE("desk", ""));
	ck_assert_int_eq(CHECK(), CLI_FAILED);
	SAYS(said.out, "desk");
	REFUSES(CHECK("--at", "soon"), CLI_USAGE, "--at soon is no date");
	stop();
}
END_TEST

/* Somebody's work: not touched, and told, unless they say so. */
START_TEST(what_was_changed_by_hand_is_not_overwritten)
{
	char *file;
	json_t *json;

	start();
	ck_assert_int_eq(GENERATE(), CLI_OK);
	file = some_file();
	folder_put(folder, file, "# mine\n");
	folder_put(folder, "inv/desk.yaml", MESH_SERVICE("desk", ""));
	REFUSES(GENERATE(), CLI_FAILED, "nothing was written: files changed by hand (1)");
	SAYS(said.err, file + strlen("out/"));
	ck_assert_int_eq(GENERATE("--json"), CLI_FAILED);
	json = json_loads(said.out, 0, NULL);
	ck_assert(json_is_false(json_object_get(json, "written")));
	json_decref(json);
	ck_assert_int_eq(CHECK(), CLI_FAILED); /* none of the others was written either */
	SAYS(said.out, ": changed by hand\n");
	SAYS(said.out, "added\n");
	ck_assert_int_eq(GENERATE("--force"), CLI_OK);
	SAYS(said.out, ", 1 changed by hand\n");
	ck_assert_int_eq(CHECK(), CLI_OK);
	free(file);
	stop();
}
END_TEST

START_TEST(an_unsound_inventory_writes_nothing)
{
	start();
	folder_put(folder, "inv/cart.yaml", MESH_SERVICE("cart", "  nonsense: 1\n"));
	REFUSES(GENERATE(), CLI_FAILED, "the inventory has errors; see meshca inventory lint");
	ck_assert(!has("environments"));
	stop();
}
END_TEST

/* What was an environment once is told of, where all are looked at. */
START_TEST(an_environment_that_is_gone_is_left_over)
{
	start();
	ck_assert_int_eq(GENERATE(), CLI_OK);
	folder_put(folder, "inv/environments.yaml", MESH_ENVIRONMENT("production", ""));
	ck_assert_int_eq(CHECK(), CLI_FAILED);
	SAYS(said.out, "environments/staging: the inventory has no such environment");
	ck_assert_int_eq(CHECK("--json"), CLI_FAILED);
	SAYS(said.out, "\"leftOver\": [\n    \"staging\"");
	ck_assert_int_eq(CHECK("--environment", "production"), CLI_OK);
	stop();
}
END_TEST

START_TEST(json_of_both)
{
	json_t *json;

	start();
	ck_assert_int_eq(GENERATE("--json"), CLI_OK);
	json = json_loads(said.out, 0, NULL);
	ck_assert(json_is_true(json_object_get(json, "written")));
	ck_assert_uint_eq(json_array_size(json_object_get(json, "environments")), 2);
	json_decref(json);
	ck_assert_int_eq(CHECK("--json"), CLI_OK);
	json = json_loads(said.out, 0, NULL);
	ck_assert(json_is_array(json_object_get(json, "workloads")));
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "inventory"), "errors")),
	    0);
	json_decref(json);
	stop();
}
END_TEST

CHECK_MAIN("cli_generate", all_environments_or_the_ones_that_are_named,
    check_says_what_generate_would_do, what_was_changed_by_hand_is_not_overwritten,
    an_unsound_inventory_writes_nothing, an_environment_that_is_gone_is_left_over, json_of_both)
