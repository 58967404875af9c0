/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of inventories: what is read, what is refused and how it is told. */
#include "folder_make.h"
#include "inventory_make.h"

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
	folder_put(dir, "mesh.yaml", MESH);
	folder_put(dir, "environments.yml", ENVIRONMENT("production") "---\n" ENVIRONMENT("development"));
	put_folder(dir, "services");
	folder_put(dir, "services/cart.yaml", SERVICE("cart"));
}

START_TEST(test_folder_is_read)
{
	char *dir = folder_make();
	struct k8s_inventory *inventory;
	const struct base_tree *services;

	put_good(dir);
	folder_put(dir, "README.md", "not: [yaml\n");
	folder_put(dir, ".hidden.yaml", "not: [yaml\n");
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
	folder_drop(dir);
}
END_TEST

START_TEST(test_links_are_refused)
{
	static const char *const NAMES[] = {"more.yaml", "more"};
	static const char *const TARGETS[] = {"mesh.yaml", "/"};

	for (size_t i = 0; i < 2; i++) {
		char *dir = folder_make();
		struct k8s_inventory *inventory;

		put_good(dir);
		put_link(dir, NAMES[i], TARGETS[i]);
		inventory = k8s_inventory_read(dir);
		expect_at(inventory, "MCA0002", NAMES[i], 0, "is a link");
		ck_assert_ptr_null(k8s_inventory_resolve(inventory, "production"));
		ck_assert_int_eq((int)mc_err_last()->code, (int)MC_EPOLICY);
		k8s_inventory_free(inventory);
		folder_drop(dir);
	}
}
END_TEST

START_TEST(test_what_is_no_file_is_refused)
{
	char *dir = folder_make();
	char *path = base_xasprintf("%s/pipe.yaml", dir);
	struct k8s_inventory *inventory;

	put_good(dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", "pipe.yaml", 0, "not a regular file");
	k8s_inventory_free(inventory);
	free(path);
	folder_drop(dir);
}
END_TEST

START_TEST(test_large_file_is_refused)
{
	char *dir = folder_make();
	char *path = base_xasprintf("%s/large.yaml", dir);
	struct k8s_inventory *inventory;

	put_good(dir);
	folder_put(dir, "large.yaml", "#");
	ck_assert_int_eq(truncate(path, LIMIT_YAML + 1), 0);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", "large.yaml", 0, "over");
	k8s_inventory_free(inventory);
	free(path);
	folder_drop(dir);
}
END_TEST

START_TEST(test_many_files_are_refused)
{
	char *dir = folder_make(), *path;
	struct k8s_inventory *inventory;
	const struct k8s_finding *one;

	for (int i = 0; i <= LIMIT_INVENTORY_FILES; i++) {
		int fd;

		path = base_xasprintf("%s/%d.yaml", dir, i);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		ck_assert_int_ge(fd, 0);
		(void)close(fd);
		free(path);
	}
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 2);
	one = k8s_findings_get(k8s_inventory_findings(inventory), 0);
	ck_assert_msg(strstr(one->what, "more than") != NULL, "%s", one->what);
	k8s_inventory_free(inventory);
	/* one less is taken, and only the Mesh is missing */
	path = base_xasprintf("%s/0.yaml", dir);
	ck_assert_int_eq(unlink(path), 0);
	free(path);
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 1);
	ck_assert_str_eq(k8s_findings_get(k8s_inventory_findings(inventory), 0)->code, "MCA0011");
	k8s_inventory_free(inventory);
	folder_drop(dir);
}
END_TEST

/* The folder itself is the first of LIMIT_INVENTORY_DEPTH. */
START_TEST(test_deep_folders_are_refused)
{
	char *dir = folder_make();
	char *below = base_xstrdup("a"), *deepest;
	struct k8s_inventory *inventory;

	put_good(dir);
	for (int i = 2; i < LIMIT_INVENTORY_DEPTH; i++) {
		char *next = base_xasprintf("%s/a", below);

		free(below);
		below = next;
	}
	deepest = base_xasprintf("%s/desk.yaml", below);
	folder_put(dir, deepest, SERVICE("desk"));
	free(deepest);
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 0);
	ck_assert_uint_eq(k8s_inventory_documents(inventory, K8S_SERVICE)->count, 2);
	k8s_inventory_free(inventory);
	deepest = base_xasprintf("%s/a", below);
	put_folder(dir, deepest);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", deepest, 0, "deeper");
	k8s_inventory_free(inventory);
	free(deepest);
	free(below);
	folder_drop(dir);
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
	char *dir = folder_make();
	struct k8s_inventory *inventory;

	put_good(dir);
	folder_put(dir, "a\033[2J.yaml", MESH);
	inventory = k8s_inventory_read(dir);
	expect_at(inventory, "MCA0002", "inventory", 0, "control");
	k8s_inventory_free(inventory);
	folder_drop(dir);
}
END_TEST

static size_t
count_of(struct k8s_inventory *inventory, const char *code)
{
	const struct k8s_findings *findings = k8s_inventory_findings(inventory);
	size_t count = 0;

	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		count += strcmp(k8s_findings_get(findings, i)->code, code) == 0 ? 1 : 0;
	}
	return count;
}

static void
put_sparse(const char *dir, const char *name, off_t size)
{
	char *path = base_xasprintf("%s/%s", dir, name);

	folder_put(dir, name, "");
	ck_assert_int_eq(truncate(path, size), 0);
	free(path);
}

/* As many bytes as a file may have, and as files may have together; zeros, which are no YAML. */
START_TEST(test_most_bytes)
{
	enum { FULL = LIMIT_INVENTORY / LIMIT_YAML };
	char *dir = folder_make();
	struct k8s_inventory *inventory;

	ck_assert_int_eq(FULL * LIMIT_YAML, LIMIT_INVENTORY);
	for (int i = 0; i < FULL; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d.yaml", i);
		put_sparse(dir, name, LIMIT_YAML);
	}
	put_sparse(dir, "empty.yaml", 0);
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(count_of(inventory, "MCA0001"), FULL);
	ck_assert_uint_eq(count_of(inventory, "MCA0002"), 0);
	k8s_inventory_free(inventory);
	folder_drop(dir);
}
END_TEST

START_TEST(test_more_bytes_are_refused)
{
	enum { FULL = LIMIT_INVENTORY / LIMIT_YAML };
	char *dir = folder_make();
	struct k8s_inventory *inventory;
	const struct k8s_findings *findings;
	size_t told = 0;

	for (int i = 0; i < FULL; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d.yaml", i);
		put_sparse(dir, name, LIMIT_YAML);
	}
	put_sparse(dir, "one.yaml", 1);
	inventory = k8s_inventory_read(dir);
	findings = k8s_inventory_findings(inventory);
	ck_assert(k8s_findings_have_error(findings));
	ck_assert_uint_eq(count_of(inventory, "MCA0002"), 1);
	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		told += strstr(k8s_findings_get(findings, i)->what, "more than") != NULL ? 1 : 0;
	}
	ck_assert_uint_eq(told, 1);
	k8s_inventory_free(inventory);
	folder_drop(dir);
}
END_TEST

/* Files are read in the order of their paths, whatever the file system's is: of twins the later is told. */
START_TEST(test_order_is_that_of_paths)
{
	char *dir = folder_make();
	struct k8s_inventory *inventory;

	put_good(dir);
	folder_put(dir, "z.yaml", SERVICE("cart"));
	folder_put(dir, "b/a.yaml", SERVICE("desk"));
	folder_put(dir, "a.yaml", SERVICE("desk"));
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 2);
	ck_assert_str_eq(k8s_findings_get(k8s_inventory_findings(inventory), 0)->at->file, "b/a.yaml");
	ck_assert_str_eq(k8s_findings_get(k8s_inventory_findings(inventory), 1)->at->file, "z.yaml");
	k8s_inventory_free(inventory);
	folder_drop(dir);
}
END_TEST

/* Only endings count, and only of what is a document's file. */
START_TEST(test_other_names)
{
	char *dir = folder_make();
	struct k8s_inventory *inventory;

	put_good(dir);
	folder_put(dir, "cart.yaml.orig", "not: [yaml\n");
	folder_put(dir, "yaml", "not: [yaml\n");
	folder_put(dir, "cart.YAML", "not: [yaml\n");
	folder_put(dir, ".git/config.yaml", "not: [yaml\n");
	put_folder(dir, "empty.yaml"); /* a folder may be called so */
	inventory = k8s_inventory_read(dir);
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), 0);
	k8s_inventory_free(inventory);
	folder_drop(dir);
}
END_TEST

CHECK_MAIN("k8s_inventory_read", test_folder_is_read, test_links_are_refused, test_what_is_no_file_is_refused,
    test_large_file_is_refused, test_many_files_are_refused, test_deep_folders_are_refused,
    test_missing_folder_is_told, test_names_with_control_bytes_are_refused,
    test_most_bytes, test_more_bytes_are_refused, test_order_is_that_of_paths, test_other_names)
