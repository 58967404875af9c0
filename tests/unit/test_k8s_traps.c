/* SPDX-License-Identifier: Apache-2.0 */
/* k8s/traps.yaml: every trap has a lint, a test, or a reason why neither; what it names exists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check_main.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/lint.h"

#define ROOT TEST_DATA "/../../"

static struct base_arena *arena;

static char *
file_text(const char *path, size_t *len)
{
	char *text = base_xcalloc(1, LIMIT_YAML);
	FILE *file = fopen(path, "re");

	ck_assert_msg(file != NULL, "%s is not there", path);
	*len = fread(text, 1, LIMIT_YAML - 1, file);
	(void)fclose(file);
	return text;
}

static const struct base_tree *
traps(void)
{
	const struct base_tree *documents;
	size_t len;
	char *text = file_text(ROOT "k8s/traps.yaml", &len);

	arena = base_arena_new();
	documents = base_yaml_read(arena, "traps.yaml", NULL,
	    base_span_of((const uint8_t *)text, len));
	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	free(text);
	ck_assert_uint_eq(documents->count, 1);
	return base_tree_get(documents->items[0], "traps");
}

static const struct k8s_lint_info *
lint_of(const char *code)
{
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		if (strcmp(k8s_lint_nth(i)->code, code) == 0) {
			return k8s_lint_nth(i);
		}
	}
	return NULL;
}

static bool
has_word(const struct base_tree *list, const char *word)
{
	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		if (strcmp(list->items[i]->text, word) == 0) {
			return true;
		}
	}
	return false;
}

/* "file:name", whose text has the name, or a folder. */
static void
check_test(const char *id, const char *test)
{
	const char *colon = strchr(test, ':');
	struct stat st;
	char *path;
	char *text;
	size_t len;

	if (colon == NULL) {
		path = base_xasprintf(ROOT "%s", test);
		ck_assert_msg(stat(path, &st) == 0 && S_ISDIR(st.st_mode), "%s: no folder %s", id, test);
		free(path);
		return;
	}
	path = base_xasprintf(ROOT "%.*s", (int)(colon - test), test);
	text = file_text(path, &len);
	ck_assert_msg(strstr(text, colon + 1) != NULL, "%s: there is no test %s", id, test);
	free(text);
	free(path);
}

START_TEST(test_traps_are_covered)
{
	const struct base_tree *list = traps();
	unsigned open_count = 0;

	ck_assert_uint_gt(list->count, 60);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct base_tree *trap = list->items[i];
		const char *id = base_tree_str(trap, "id", "");
		const struct base_tree *lints = base_tree_get(trap, "lints");
		const struct base_tree *tests = base_tree_get(trap, "tests");
		const char *why = base_tree_str(trap, "open", NULL);

		ck_assert_msg(strlen(base_tree_str(trap, "trap", "")) > 10, "%s does not say what", id);
		ck_assert_msg(lints != NULL || tests != NULL || why != NULL,
		    "%s has neither a lint nor a test, and does not say why", id);
		for (uint32_t j = 0; lints != NULL && j < lints->count; j++) {
			const struct k8s_lint_info *info = lint_of(lints->items[j]->text);

			ck_assert_msg(info != NULL, "%s: there is no %s", id, lints->items[j]->text);
			ck_assert_msg(info->trap != NULL && strcmp(info->trap, id) == 0,
			    "%s is of trap %s, not of %s", info->code,
			    info->trap != NULL ? info->trap : "none", id);
		}
		for (uint32_t j = 0; tests != NULL && j < tests->count; j++) {
			check_test(id, tests->items[j]->text);
		}
		if (lints == NULL && tests == NULL) {
			(void)fprintf(stderr, "open: %s: %s (%s)\n", id, base_tree_str(trap, "trap", ""), why);
			open_count++;
		}
	}
	(void)fprintf(stderr, "%u of %u traps have neither a lint nor a test\n", open_count, list->count);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_ids_are_unique)
{
	const struct base_tree *list = traps();

	for (uint32_t i = 0; i < list->count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			ck_assert_str_ne(base_tree_str(list->items[i], "id", ""),
			    base_tree_str(list->items[j], "id", ""));
		}
	}
	base_arena_free(arena);
}
END_TEST

/* A finding that is of a trap is named by it. */
START_TEST(test_every_finding_is_listed)
{
	const struct base_tree *list = traps();

	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const struct k8s_lint_info *info = k8s_lint_nth(i);
		bool found = info->trap == NULL;

		for (uint32_t j = 0; !found && j < list->count; j++) {
			found = strcmp(base_tree_str(list->items[j], "id", ""), info->trap) == 0 &&
			    has_word(base_tree_get(list->items[j], "lints"), info->code);
		}
		ck_assert_msg(found, "%s is of trap %s, which does not name it", info->code, info->trap);
	}
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_traps", test_traps_are_covered, test_ids_are_unique, test_every_finding_is_listed)
