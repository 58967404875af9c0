/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories read from folders and from texts: what is taken, what is refused and how it is told. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"

#include "base/limits.h"
#include "base/mem.h"
#include "k8s/inventory.h"
#include "k8s/lint.h"

#define HEAD "apiVersion: meshca.dev/v1alpha1\nkind: "
#define MESH HEAD "Mesh\nmetadata: {name: shop}\nspec: {namespaces: [{name: shop}]}\n"
#define ENVIRONMENT(name) HEAD "Environment\nmetadata: {name: " name "}\nspec:\n" \
	"  clusters: [{name: " name "-1}]\n" \
	"  istio: {revisions: [{name: a}], tag: a}\n"
#define SERVICE(name) HEAD "Service\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  workload: {selector: {app: a}}\n" \
	"  ports: [{name: http, protocol: http, port: 80}]\n"

static char *
folder_new(void)
{
	char *dir = base_xstrdup("/tmp/meshca-inventory-XXXXXX");

	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
folder_free(char *dir)
{
	ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(dir);
}

static void
put(const char *dir, const char *name, const char *text)
{
	char *path = base_xasprintf("%s/%s", dir, name);
	FILE *file = fopen(path, "we");

	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	free(path);
}

static void
put_folder(const char *dir, const char *name)
{
	char *path = base_xasprintf("%s/%s", dir, name);

	ck_assert_int_eq(mkdir(path, 0700), 0);
	free(path);
}

static void
put_link(const char *dir, const char *name, const char *target)
{
	char *path = base_xasprintf("%s/%s", dir, name);

	ck_assert_int_eq(symlink(target, path), 0);
	free(path);
}

static void
put_good(const char *dir)
{
	put(dir, "mesh.yaml", MESH);
	put(dir, "environments.yml", ENVIRONMENT("production") "---\n" ENVIRONMENT("development"));
	put_folder(dir, "services");
	put(dir, "services/cart.yaml", SERVICE("cart"));
}

static void
show(struct k8s_inventory *inventory)
{
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		(void)fprintf(stderr, "%s:%d: %s %s; %s\n", one->at->file, one->at->line, one->code,
		    one->what, one->fix);
	}
}

/* Exactly one finding, of this code, at this place, with this in its text. */
static void
expect_at(struct k8s_inventory *inventory, const char *code, const char *file, int line,
    const char *what)
{
	struct k8s_findings *findings = k8s_inventory_findings(inventory);
	const struct k8s_finding *one;

	show(inventory);
	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	one = k8s_findings_get(findings, 0);
	ck_assert_str_eq(one->code, code);
	ck_assert_str_eq(one->at->file, file);
	ck_assert_int_eq(one->at->line, line);
	ck_assert_msg(strstr(one->what, what) != NULL, "%s is not in: %s", what, one->what);
	ck_assert(one->fix[0] != '\0');
}

START_TEST(test_folder_is_read)
{
	char *dir = folder_new();
	struct k8s_inventory *inventory;
	const struct base_tree *services;

	put_good(dir);
	put(dir, "README.md", "not: [yaml\n");
	put(dir, ".hidden.yaml", "not: [yaml\n");
	put_link(dir, "notes.md", "README.md");
	inventory = k8s_inventory_read(dir);
	show(inventory);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 0);
	ck_assert_uint_eq(k8s_inventory_environment_count(inventory), 2);
	ck_assert_str_eq(k8s_inventory_environment(inventory, 0), "development");
	ck_assert_str_eq(k8s_inventory_environment(inventory, 1), "production");
	services = k8s_inventory_documents(inventory, K8S_SERVICE);
	ck_assert_uint_eq(services->count, 1);
	ck_assert_str_eq(services->items[0]->origin->file, "services/cart.yaml");
	ck_assert_str_eq(services->items[0]->origin->layer, "Service shop/cart");
	ck_assert_str_eq(base_tree_str(services->items[0], "kind", ""), "Service");
	k8s_inventory_free(inventory);
	folder_free(dir);
}
END_TEST

START_TEST(test_links_are_refused)
{
	static const char *const NAMES[] = {"more.yaml", "more"};
	static const char *const TARGETS[] = {"mesh.yaml", "/"};

	for (size_t i = 0; i < 2; i++) {
		char *dir = folder_new();
		struct k8s_inventory *inventory;

		put_good(dir);
		put_link(dir, NAMES[i], TARGETS[i]);
		inventory = k8s_inventory_read(dir);
		expect_at(inventory, "MCA0002", NAMES[i], 0, "is a link");
		ck_assert_ptr_null(k8s_inventory_resolve(inventory, "production"));
		ck_assert_int_eq((int)mc_err_last()->code, (int)MC_EPOLICY);
		k8s_inventory_free(inventory);
		folder_free(dir);
	}
}
END_TEST

START_TEST(test_what_is_no_file_is_refused)
{
	char *dir = folder_new();
	char *path = base_xasprintf("%s/pipe.yaml", dir);
	struct k8s_inventory *inventory;

	put_good(dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", "pipe.yaml", 0, "not a regular file");
	k8s_inventory_free(inventory);
	free(path);
	folder_free(dir);
}
END_TEST

START_TEST(test_large_file_is_refused)
{
	char *dir = folder_new();
	char *path = base_xasprintf("%s/large.yaml", dir);
	struct k8s_inventory *inventory;

	put_good(dir);
	put(dir, "large.yaml", "#");
	ck_assert_int_eq(truncate(path, LIMIT_YAML + 1), 0);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", "large.yaml", 0, "over");
	k8s_inventory_free(inventory);
	free(path);
	folder_free(dir);
}
END_TEST

START_TEST(test_many_files_are_refused)
{
	char *dir = folder_new();
	struct k8s_inventory *inventory;
	const struct k8s_finding *one;

	for (int i = 0; i <= LIMIT_INVENTORY_FILES; i++) {
		char *path = base_xasprintf("%s/%d.yaml", dir, i);
		int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		ck_assert_int_ge(fd, 0);
		(void)close(fd);
		free(path);
	}
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 2);
	one = k8s_findings_get(k8s_inventory_findings(inventory), 0);
	ck_assert_msg(strstr(one->what, "more than") != NULL, "%s", one->what);
	k8s_inventory_free(inventory);
	folder_free(dir);
}
END_TEST

START_TEST(test_deep_folders_are_refused)
{
	char *dir = folder_new();
	char *below = base_xstrdup("a");
	struct k8s_inventory *inventory;
	const struct k8s_finding *one;

	put_good(dir);
	for (int i = 0; i < LIMIT_INVENTORY_DEPTH; i++) {
		char *next = base_xasprintf("%s/a", below);

		put_folder(dir, below);
		free(below);
		below = next;
	}
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 1);
	one = k8s_findings_get(k8s_inventory_findings(inventory), 0);
	ck_assert_msg(strstr(one->what, "deeper") != NULL, "%s", one->what);
	k8s_inventory_free(inventory);
	free(below);
	folder_free(dir);
}
END_TEST

START_TEST(test_missing_folder_is_told)
{
	struct k8s_inventory *inventory = k8s_inventory_read("/nonexistent/inventory");
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert(k8s_findings_have_error(findings));
	ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0002");
	ck_assert_uint_eq(k8s_inventory_environment_count(inventory), 0);
	k8s_inventory_free(inventory);
}
END_TEST

START_TEST(test_names_with_control_bytes_are_refused)
{
	char *dir = folder_new();
	struct k8s_inventory *inventory;

	put_good(dir);
	put(dir, "a\033[2J.yaml", MESH);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", "inventory", 0, "control");
	k8s_inventory_free(inventory);
	folder_free(dir);
}
END_TEST

/* Texts named a.yaml, b.yaml and so on. */
static struct k8s_inventory *
from_texts(const char *const *texts, size_t count)
{
	static const char *const NAMES[] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml"};
	struct k8s_file files[4];

	ck_assert_uint_le(count, 4);
	for (size_t i = 0; i < count; i++) {
		files[i] = (struct k8s_file){NAMES[i], base_span_str(texts[i])};
	}
	return k8s_inventory_from(files, count);
}

static const struct {
	const char *text;
	const char *code;
	int line;
	const char *what;
} BAD[] = {
	{"a: [1\n", "MCA0001", 2, "not YAML"},
	{"a: &x 1\n", "MCA0001", 1, "anchors"},
	{"a: 1\nb: 2\na: 3\n", "MCA0001", 3, "is already set on line 1"},
	{SERVICE("cart") "---\n" SERVICE("cart"), "MCA0010", 9, "Service shop/cart is in d.yaml:1"},
	{MESH, "MCA0010", 1, "Mesh shop is in a.yaml:1"},
	{HEAD "Mesh\nmetadata: {name: other}\nspec: {namespaces: [{name: shop}]}\n", "MCA0011", 1,
	    "the first is in d.yaml:1"},
	{SERVICE("cart") "  environments: {productoin: {timeout: 1s}}\n", "MCA0013", 8,
	    "productoin"},
	{HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec:\n"
	    "  workload: {selector: {app: a}}\n"
	    "  ports: [{name: http, protocol: http, port: 80}]\n", "MCA0012", 5,
	    "Service shop/cart in production has no spec.owner"},
};

START_TEST(test_faults_are_placed)
{
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		const char *texts[] = {MESH, ENVIRONMENT("production"), "# nothing\n", BAD[i].text};
		struct k8s_inventory *inventory = from_texts(texts, 4);

		if (strcmp(BAD[i].code, "MCA0011") == 0) {
			expect_at(inventory, BAD[i].code, "a.yaml", BAD[i].line, BAD[i].what);
		} else {
			expect_at(inventory, BAD[i].code, "d.yaml", BAD[i].line, BAD[i].what);
		}
		ck_assert_ptr_null(k8s_inventory_resolve(inventory, "production"));
		k8s_inventory_free(inventory);
	}
}
END_TEST

START_TEST(test_mesh_is_needed)
{
	const char *texts[] = {ENVIRONMENT("production")};
	struct k8s_inventory *inventory = from_texts(texts, 1);

	expect_at(inventory, "MCA0011", "inventory", 0, "no document is of kind Mesh");
	k8s_inventory_free(inventory);
}
END_TEST

START_TEST(test_environment_is_missed)
{
	const char *texts[] = {MESH, SERVICE("cart")};
	struct k8s_inventory *inventory = from_texts(texts, 2);

	expect_at(inventory, "MCA0014", "inventory", 0, "no document is of kind Environment");
	ck_assert(!k8s_findings_have_error(k8s_inventory_findings(inventory)));
	k8s_inventory_free(inventory);
}
END_TEST

/* While the Mesh itself is in doubt, nobody is told that its defaults are missing. */
START_TEST(test_no_fault_follows_from_another)
{
	const char *texts[] = {HEAD "Mesh\nmetadata: {name: shop}\nspec: {namespacs: []}\n",
	    HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec: {environments: {x: {}}}\n"};
	struct k8s_inventory *inventory = from_texts(texts, 2);
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0003");
	k8s_inventory_free(inventory);
}
END_TEST

/* What is there but cannot be read is not said to be missing. */
START_TEST(test_unreadable_mesh_is_not_missing)
{
	const char *texts[] = {MESH "bad: [\n", ENVIRONMENT("production")};
	struct k8s_inventory *inventory = from_texts(texts, 2);
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0001");
	k8s_inventory_free(inventory);
}
END_TEST

/* Whoever has ten thousand warnings must still see the one error. */
START_TEST(test_warnings_do_not_hide_an_error)
{
	static const struct base_origin AT = {"f", 1, NULL, NULL};
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	size_t errors = 0;

	for (int i = 0; i < LIMIT_FINDINGS + 10; i++) {
		k8s_findings_add(findings, LINT_CALL_ALONE, &AT, "fix", "warning %d", i);
	}
	k8s_findings_add(findings, LINT_YAML, &AT, "fix", "an error");
	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		errors += k8s_findings_get(findings, i)->severity == K8S_ERROR ? 1 : 0;
	}
	ck_assert_uint_eq(k8s_findings_count(findings), LIMIT_FINDINGS + 1);
	ck_assert_uint_eq(errors, 1);
	base_arena_free(arena);
}
END_TEST

/* However wrong an inventory is, what is kept of it is bounded. */
START_TEST(test_findings_have_a_ceiling)
{
	size_t size = (size_t)LIMIT_FINDINGS * 20;
	char *text = base_xcalloc(1, size);
	size_t len = (size_t)snprintf(text, size, "%s", SERVICE("cart"));
	const char *texts[] = {MESH, text};
	struct k8s_inventory *inventory;

	for (int i = 0; i <= LIMIT_FINDINGS; i++) {
		len += (size_t)snprintf(text + len, size - len, "  x%d: 1\n", i);
	}
	inventory = from_texts(texts, 2);
	/* and a warning: there is no Environment */
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), LIMIT_FINDINGS + 1);
	ck_assert(k8s_findings_have_error(k8s_inventory_findings(inventory)));
	k8s_inventory_free(inventory);
	free(text);
}
END_TEST

CHECK_MAIN("k8s_inventory", test_unreadable_mesh_is_not_missing, test_warnings_do_not_hide_an_error,
    test_environment_is_missed, test_findings_have_a_ceiling, test_folder_is_read, test_links_are_refused,
    test_what_is_no_file_is_refused, test_large_file_is_refused, test_many_files_are_refused,
    test_deep_folders_are_refused, test_missing_folder_is_told,
    test_names_with_control_bytes_are_refused, test_faults_are_placed, test_mesh_is_needed,
    test_no_fault_follows_from_another)
