/* SPDX-License-Identifier: Apache-2.0 */
/* Generated files against those on disk. */
#include <errno.h>

#include "check_main.h"
#include "generated_folder.h"

/* A hand that wrote the very same bytes changed nothing. */
START_TEST(test_same_bytes_by_hand)
{
	begin();
	write_files(files_of("{a.yaml: one}\n"));
	put("a.yaml", "two");
	ck_assert_str_eq(changes_of(files_of("{a.yaml: two}\n")), "~MANIFEST.json");
	end();
}
END_TEST

START_TEST(test_damaged_manifest)
{
	const struct base_tree *one;

	begin();
	one = files_of("{a.yaml: one}\n");
	write_files(one);
	put("MANIFEST.json", "<<<<<<< HEAD\n");
	ck_assert_str_eq(changes_of(one), "!MANIFEST.json");
	ck_assert_int_eq(write_one(ENV, one, false), MC_ECONFLICT);
	/* without it, nobody knows whose the files are */
	ck_assert_str_eq(changes_of(files_of("{a.yaml: two}\n")), "!MANIFEST.json !a.yaml");
	ck_assert_int_eq(write_one(ENV, one, true), MC_OK);
	ck_assert_str_eq(changes_of(one), "");
	end();
}
END_TEST

/* What nobody generated yet is added, and no folder is made for it. */
START_TEST(test_no_folder)
{
	begin();
	ck_assert_str_eq(changes_of(files_of("{b.yaml: one, a.yaml: one}\n")), "+MANIFEST.json +a.yaml +b.yaml");
	ck_assert_int_eq(access(base_arena_printf(arena, "%s/environments", folder), F_OK), -1);
	end();
}
END_TEST

/* What stands on disk, against what stood there before and what shall. */
START_TEST(test_each_way)
{
	begin();
	write_files(files_of("{same.yaml: one, other.yaml: one, gone.yaml: one, lost.yaml: one, dropped.yaml: one}\n"));
	put("new.yaml", "two");   /* somebody wrote what is generated now */
	put("theirs.yaml", "one"); /* and what is not */
	ck_assert_int_eq(unlink(base_arena_printf(arena, "%s/environments/" ENV "/lost.yaml", folder)), 0);
	ck_assert_int_eq(unlink(base_arena_printf(arena, "%s/environments/" ENV "/dropped.yaml", folder)), 0);
	ck_assert_str_eq(changes_of(files_of("{same.yaml: one, other.yaml: two, lost.yaml: one, new.yaml: two, "
	    "added.yaml: two, theirs.yaml: two}\n")),
	    "~MANIFEST.json +added.yaml -gone.yaml !lost.yaml ~other.yaml !theirs.yaml");
	end();
}
END_TEST

/* A link or a folder in a file's place was put there by hand, and is not looked through. */
START_TEST(test_no_files)
{
	const struct base_tree *one;

	begin();
	one = files_of("{a.yaml: one, b.yaml: one}\n");
	write_files(one);
	put("c", "one");
	ck_assert_int_eq(unlink(base_arena_printf(arena, "%s/environments/" ENV "/a.yaml", folder)), 0);
	ck_assert_int_eq(symlink("c", base_arena_printf(arena, "%s/environments/" ENV "/a.yaml", folder)), 0);
	ck_assert_int_eq(unlink(base_arena_printf(arena, "%s/environments/" ENV "/b.yaml", folder)), 0);
	put("b.yaml/x", "one");
	ck_assert_str_eq(changes_of(one), "!a.yaml !b.yaml");
	end();
}
END_TEST

START_TEST(test_not_a_folder)
{
	const struct k8s_change *changes = NULL;
	size_t count = 7;

	begin();
	folder_put(folder, "environments/" ENV, "x");
	ck_assert_int_eq(k8s_generate_compare(arena, folder, ENV, files_of("{a.yaml: one}\n"), &changes, &count),
	    MC_ECONFLICT);
	ck_assert_ptr_null(changes);
	ck_assert_uint_eq(count, 7);
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_compare", test_same_bytes_by_hand, test_damaged_manifest, test_no_folder, test_each_way,
    test_no_files, test_not_a_folder)
