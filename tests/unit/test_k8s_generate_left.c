/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of environments that the inventory no longer has. */
#include <errno.h>

#include "check_main.h"
#include "generated_folder.h"

static const char MESH[] = "---\napiVersion: meshca.dev/v1alpha1\nkind: Mesh\nmetadata: {name: shop}\nspec:\n"
    "  namespaces: [{name: shop}]\n"
    "---\napiVersion: meshca.dev/v1alpha1\nkind: Environment\nmetadata: {name: " ENV "}\nspec:\n"
    "  clusters: [{name: one}]\n  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n";

/* Names with blanks between; NULL: refused. */
static const char *
left_over(void)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(MESH)}};
	struct k8s_inventory *inventory = k8s_inventory_from(files, 1);
	const struct base_tree *list = k8s_generate_left_over(arena, folder, inventory);
	const char *all = "";

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		all = base_arena_printf(arena, "%s%s%s", all, i > 0 ? " " : "", list->items[i]->text);
	}
	k8s_inventory_free(inventory);
	return list == NULL ? NULL : all;
}

START_TEST(test_none)
{
	begin();
	ck_assert_str_eq(left_over(), ""); /* nothing was ever generated */
	folder_put(folder, "environments/.keep", "");
	ck_assert_str_eq(left_over(), "");
	end();
}
END_TEST

/* Only what we wrote has a manifest, whole or damaged; other folders are none of our business. */
START_TEST(test_left_over)
{
	begin();
	write_files(files_of("{a.yaml: one}\n"));
	ck_assert_int_eq(write_one("test", files_of("{a.yaml: one}\n"), false), MC_OK);
	ck_assert_int_eq(write_one("old", files_of("{a.yaml: one}\n"), false), MC_OK);
	folder_put(folder, "environments/broken/MANIFEST.json", "<<<<<<< HEAD\n");
	folder_put(folder, "environments/theirs/a.yaml", "one");
	folder_put(folder, "environments/.hidden/MANIFEST.json", "{\"version\": 1}");
	folder_put(folder, "environments/file", "one");
	ck_assert_int_eq(symlink("test", base_arena_printf(arena, "%s/environments/link", folder)), 0);
	ck_assert_str_eq(left_over(), "broken old test");
	/* nothing removes them */
	ck_assert_int_eq(access(base_arena_printf(arena, "%s/environments/old/a.yaml", folder), F_OK), 0);
	end();
}
END_TEST

START_TEST(test_unreadable)
{
	begin();
	folder_put(folder, "environments", "x");
	ck_assert_ptr_null(left_over());
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_left", test_none, test_left_over, test_unreadable)
