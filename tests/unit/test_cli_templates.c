/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"

/* What a shadow names is 64 digits of hex, for each path once; the table has what the JSON has. */
START_TEST(every_template_has_a_hash)
{
	const json_t *list;
	json_t *json;

	ck_assert_int_eq(CLI_RUN("manifests", "templates", "--json"), CLI_OK);
	json = json_loads(said.out, JSON_REJECT_DUPLICATES, NULL);
	list = json_object_get(json, "templates");
	ck_assert_uint_gt(json_array_size(list), 5);
	ck_assert_int_eq(CLI_RUN("manifests", "templates"), CLI_OK);
	SAYS(said.out, "TEMPLATE");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *hash = json_string_value(json_object_get(row, "sha256"));

		ck_assert_uint_eq(strspn(hash, "0123456789abcdef"), 64);
		ck_assert_uint_eq(strlen(hash), 64);
		SAYS(said.out, hash);
		SAYS(said.out, json_string_value(json_object_get(row, "path")));
	}
	SAYS(said.out, "mesh-config.yaml");
	json_decref(json);
}
END_TEST

CHECK_MAIN("cli_templates", every_template_has_a_hash)
