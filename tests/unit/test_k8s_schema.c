/* SPDX-License-Identifier: Apache-2.0 */
/* The schema against the example mesh, and against documents with one fault each. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

/* Holds every document of a text against the schema; returns the number that pass. */
static size_t
check_text(struct base_arena *arena, const char *name, struct base_span text,
    struct k8s_findings *findings)
{
	struct k8s_schema *schema = k8s_schema_new();
	const struct base_tree *documents = base_yaml_read(arena, name, NULL, text);
	size_t good = 0;

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	for (uint32_t i = 0; i < documents->count; i++) {
		good += k8s_schema_check(schema, documents->items[i], findings) != K8S_INVALID;
	}
	k8s_schema_free(schema);
	return good;
}

static size_t
check_file(const char *path)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	char *text = base_xcalloc(1, 65536);
	FILE *file = fopen(path, "re");
	size_t good, len;

	ck_assert_msg(file != NULL, "%s", path);
	len = fread(text, 1, 65535, file);
	(void)fclose(file);
	good = check_text(arena, path, (struct base_span){(const uint8_t *)text, len}, findings);
	if (k8s_findings_count(findings) > 0) {
		const struct k8s_finding *one = k8s_findings_get(findings, 0);

		ck_abort_msg("%s:%d: %s %s; %s", one->at->file, one->at->line, one->code, one->what,
		    one->fix);
	}
	free(text);
	base_arena_free(arena);
	return good;
}

static size_t
check_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t good = 0;

	ck_assert_msg(dir != NULL, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		char *below = base_xasprintf("%s/%s", path, entry->d_name);
		const char *end = strrchr(entry->d_name, '.');

		if (end != NULL && strcmp(end, ".yaml") == 0) {
			good += check_file(below);
		} else if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			good += check_folder(below);
		}
		free(below);
	}
	(void)closedir(dir);
	return good;
}

START_TEST(test_example_is_good)
{
	ck_assert_uint_ge(check_folder(TEST_DATA "/../../k8s/examples/ecotrack"), 18);
}
END_TEST

#define SERVICE "apiVersion: meshca.dev/v1alpha1\nkind: Service\n" \
		"metadata: {name: cart, namespace: shop}\n"
#define BODY "  owner: team\n  onCall: pager\n  workload: {kind: Deployment, selector: {app: cart}}\n" \
	     "  ports: [{name: http, protocol: http, port: 80, targetPort: 8080}]\n"

static const struct {
	const char *text;
	const char *code;
	int line;
} FAULTS[] = {
	{SERVICE "spec:\n" BODY "  timeot: 5s\n", "MCA0003", 9},
	{SERVICE "spec:\n" BODY "  timeout: 5 seconds\n", "MCA0006", 9},
	{SERVICE "spec:\n" BODY "  timeout: [5s]\n", "MCA0005", 9},
	{SERVICE "spec:\n" BODY "  calls: [{service: a, data: b}]\n", "MCA0007", 9},
	{SERVICE "spec:\n" BODY "  balancing: RANDOM_WALK\n", "MCA0006", 9},
	{SERVICE "spec:\n" BODY "  retries: {attempts: two}\n", "MCA0005", 9},
	{"apiVersion: meshca.dev/v1alpha1\nkind: Sevice\nmetadata: {name: a}\nspec: {}\n", "MCA0009", 2},
	{"apiVersion: meshca.dev/v1alpha1\nkind: Service\nmetadata: {name: Cart, namespace: shop}\n"
	    "spec:\n" BODY, "MCA0006", 3},
};

START_TEST(test_faults_are_named)
{
	for (size_t i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
		struct base_arena *arena = base_arena_new();
		struct k8s_findings *findings = k8s_findings_new(arena);
		const struct k8s_finding *one;

		(void)check_text(arena, "t.yaml", base_span_str(FAULTS[i].text), findings);
		ck_assert_msg(k8s_findings_have_error(findings), "%s was taken", FAULTS[i].text);
		one = k8s_findings_get(findings, 0);
		ck_assert_msg(strcmp(one->code, FAULTS[i].code) == 0 &&
		    one->at->line == FAULTS[i].line,
		    "%s line %d (%s), not %s line %d: %s", one->code, one->at->line, one->what,
		    FAULTS[i].code, FAULTS[i].line, FAULTS[i].text);
		base_arena_free(arena);
	}
}
END_TEST

START_TEST(test_good_service_passes)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);

	ck_assert_uint_eq(check_text(arena, "t.yaml", base_span_str(SERVICE "spec:\n" BODY), findings), 1);
	ck_assert_uint_eq(k8s_findings_count(findings), 0);
	base_arena_free(arena);
}
END_TEST

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

CHECK_MAIN("k8s_schema", test_documentation_is_the_table, test_example_is_good, test_good_service_passes, test_faults_are_named)
