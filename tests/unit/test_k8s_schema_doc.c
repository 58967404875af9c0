/* SPDX-License-Identifier: Apache-2.0 */
/* docs/inventory.md, as the tables of the schema have it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"

#include "base/limits.h"
#include "base/mem.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

/* docs/inventory.md is what the table says; MESHCA_WRITE_DOCS=1 writes it anew. */
START_TEST(test_documentation_is_the_table)
{
	char *path = base_xasprintf("%s/../../docs/inventory.md", TEST_DATA);
	struct base_buf want;
	char *have;
	FILE *file;

	base_buf_init(&want, LIMIT_YAML);
	k8s_schema_markdown(&want);
	ck_assert(!base_buf_failed(&want) && want.len > 4096);
	if (getenv("MESHCA_WRITE_DOCS") != NULL) {
		file = fopen(path, "we");
		ck_assert_ptr_nonnull(file);
		ck_assert_uint_eq(fwrite(want.ptr, 1, want.len, file), want.len);
		ck_assert_int_eq(fclose(file), 0);
	}
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s", path);
	have = base_xcalloc(1, want.len + 2);
	ck_assert_msg(fread(have, 1, want.len + 1, file) == want.len &&
	    memcmp(have, want.ptr, want.len) == 0,
	    "docs/inventory.md is stale; run this test with MESHCA_WRITE_DOCS=1");
	(void)fclose(file);
	free(have);
	base_buf_clear(&want);
	free(path);
}
END_TEST

/* Everything that a folder may say is described once, with what it may be. */
START_TEST(test_all_is_described)
{
	struct base_buf out;
	char *text;

	base_buf_init(&out, LIMIT_YAML);
	k8s_schema_markdown(&out);
	text = base_buf_take_str(&out);
	ck_assert_ptr_nonnull(text);
	for (int kind = K8S_MESH; kind < K8S_KIND_COUNT; kind++) {
		char *title = base_xasprintf("\n## %s\n", K8S_KINDS[kind].spec->name);
		const char *at = strstr(text, title);

		ck_assert_msg(at != NULL && strstr(at + 1, title) == NULL, "%s", title);
		/* kinds stand before the parts that they share */
		ck_assert(at < strstr(text, "\n## Parts\n"));
		for (const struct k8s_field *field = K8S_KINDS[kind].spec->fields; field->name != NULL; field++) {
			char *row = base_xasprintf("\n| `%s` | ", field->name);

			ck_assert_msg(strstr(at, row) != NULL, "%s%s", title, row);
			free(row);
		}
		free(title);
	}
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const struct k8s_lint_info *info = k8s_lint_nth(i);
		char *row = base_xasprintf("\n| %s | %s | %s |\n", info->code, k8s_severity_word(info->severity),
		    info->text);

		ck_assert_msg(strstr(text, row) != NULL, "%s", row);
		free(row);
	}
	for (int type = K8S_TYPE_INVALID + 1; type < K8S_TYPE_COUNT; type++) {
		char *row = base_xasprintf("\n| %s | %s |\n", K8S_TYPES[type].name, K8S_TYPES[type].words);

		ck_assert_msg((strstr(text, row) != NULL) == (K8S_TYPES[type].pattern != NULL), "%s", row);
		free(row);
	}
	free(text);
}
END_TEST

/* How a field is told: its type, its default, whether it must be there. */
START_TEST(test_rows)
{
	static const char *const ROWS[] = {
		"\n| `owner` | text | *needed* | Team that answers for it. |\n",
		"\n| `class` | `standard`, `pci` | `standard` | ",
		"\n| `port` | 1..65535 | *required* | Port of the Service. |\n",
		"\n| `ports` | list of [Port](#port) by `name` | *needed* | Its ports. |\n",
		"\n| `accepts` | list of [Accept](#accept) |  | Who may call it. |\n",
		"\n| `timeout` | duration | `5s` | Longest a request may take. |\n",
		"\n| `keyTypes` | list of `p-256`, `p-384`, `rsa-2048`, `rsa-3072`, `rsa-4096` | `p-256`, `rsa-2048` | ",
		"\n| `environments` | map of environments to parts of this |  | What differs in an environment. |\n",
		("\n### Call\n\nSomebody that this service calls. It gives no access: the callee must accept it.\n\n"
		"Exactly one of `service`, `data`, `external`.\n\n| key |"),
	};
	struct base_buf out;
	char *text;

	base_buf_init(&out, LIMIT_YAML);
	k8s_schema_markdown(&out);
	text = base_buf_take_str(&out);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		ck_assert_msg(strstr(text, ROWS[i]) != NULL, "%s", ROWS[i]);
	}
	free(text);
}
END_TEST

/* A buffer that is too small is told by its own error, as always. */
START_TEST(test_ceiling)
{
	struct base_buf out;

	base_buf_init(&out, 100);
	k8s_schema_markdown(&out);
	ck_assert(base_buf_failed(&out));
	base_buf_clear(&out);
}
END_TEST

CHECK_MAIN("k8s_schema_doc", test_documentation_is_the_table, test_all_is_described, test_rows, test_ceiling)
