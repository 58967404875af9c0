/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/generate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "check_main.h"
#include "generated_folder.h"

START_TEST(test_write_and_prune)
{
	const struct base_tree *one, *two;

	begin();
	one = files_of("{a/b.yaml: one, a/c/d.yaml: one, e.yaml: one}\n");
	two = files_of("{a/b.yaml: one, a/x.yaml: two, e.yaml: two}\n");
	ck_assert_str_eq(changes_of(one), "+MANIFEST.json +a/b.yaml +a/c/d.yaml +e.yaml");
	write_files(one);
	ck_assert_str_eq(changes_of(one), "");
	ck_assert_str_eq(on_disk("a/c/d.yaml"), "one");
	ck_assert_str_eq(changes_of(two), "~MANIFEST.json -a/c/d.yaml +a/x.yaml ~e.yaml");
	write_files(two);
	ck_assert_str_eq(changes_of(two), "");
	ck_assert_ptr_null(on_disk("a/c/d.yaml"));
	ck_assert_str_eq(on_disk("a/x.yaml"), "two");
	/* the emptied folder went with its last file */
	ck_assert_int_ne(rmdir(base_arena_printf(arena, "%s/environments/" ENV "/a/c", folder)), 0);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(rmdir(base_arena_printf(arena, "%s/environments/." ENV ".new", folder)), -1);
	ck_assert_int_eq(errno, ENOENT);
	end();
}
END_TEST

START_TEST(test_nothing_is_touched_without_a_change)
{
	const struct base_tree *one;
	struct stat before, after;
	const char *path;

	begin();
	one = files_of("{a.yaml: one}\n");
	write_files(one);
	path = base_arena_printf(arena, "%s/environments/" ENV, folder);
	ck_assert_int_eq(stat(path, &before), 0);
	write_files(one);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert(before.st_ino == after.st_ino);
	end();
}
END_TEST

START_TEST(test_hand_changes)
{
	const struct base_tree *one, *two;

	begin();
	one = files_of("{a.yaml: one, b.yaml: one, c.yaml: one}\n");
	two = files_of("{a.yaml: two, d.yaml: two}\n");
	write_files(one);
	put("a.yaml", "mine");
	put("b.yaml", "mine"); /* no longer generated, but somebody's work is in it */
	put("d.yaml", "mine"); /* never ours, and in the way */
	ck_assert_int_eq(unlink(base_arena_printf(arena, "%s/environments/" ENV "/c.yaml", folder)), 0);
	ck_assert_str_eq(changes_of(one), "!a.yaml !b.yaml !c.yaml");
	ck_assert_str_eq(changes_of(two), "~MANIFEST.json !a.yaml !b.yaml !d.yaml");
	ck_assert_int_eq(write_one(ENV, two, false), MC_ECONFLICT);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "files changed by hand: 3, a.yaml first"));
	ck_assert_str_eq(on_disk("a.yaml"), "mine");
	ck_assert_ptr_null(on_disk("c.yaml"));
	ck_assert_int_eq(write_one(ENV, two, true), MC_OK);
	ck_assert_str_eq(on_disk("a.yaml"), "two");
	ck_assert_ptr_null(on_disk("b.yaml"));
	ck_assert_str_eq(on_disk("d.yaml"), "two");
	ck_assert_str_eq(changes_of(two), "");
	end();
}
END_TEST

START_TEST(test_other_files_are_kept)
{
	const struct base_tree *one, *two;
	char target[16] = "";

	begin();
	one = files_of("{a/b.yaml: one}\n");
	two = files_of("{c.yaml: two}\n");
	write_files(one);
	put("a/notes.md", "mine");
	put("own/deep/x.yaml", "mine");
	ck_assert_int_eq(symlink("nowhere",
	    base_arena_printf(arena, "%s/environments/" ENV "/own/link", folder)), 0);
	write_files(two);
	ck_assert_ptr_null(on_disk("a/b.yaml"));
	ck_assert_str_eq(on_disk("a/notes.md"), "mine");
	ck_assert_str_eq(on_disk("own/deep/x.yaml"), "mine");
	ck_assert_int_eq(readlink(base_arena_printf(arena, "%s/environments/" ENV "/own/link", folder),
			     target, sizeof(target) - 1), 7);
	ck_assert_str_eq(target, "nowhere");
	end();
}
END_TEST

/* As deep as a generated path may be: written, changed and pruned. */
START_TEST(test_deep_folders)
{
	char deep[2 * GEN_DISK_DEPTH + 1];

	begin();
	for (size_t i = 0; i < sizeof(deep) - 1; i += 2) {
		deep[i] = 'd';
		deep[i + 1] = '/';
	}
	deep[sizeof(deep) - 1] = '\0';
	write_files(files_of(base_arena_printf(arena, "{%sa.yaml: one, b.yaml: one}\n", deep)));
	put("mine", "kept");
	write_files(files_of(base_arena_printf(arena, "{%sa.yaml: two}\n", deep)));
	ck_assert_str_eq(on_disk(base_arena_printf(arena, "%sa.yaml", deep)), "two");
	write_files(files_of("{b.yaml: two}\n"));
	ck_assert_ptr_null(on_disk("d"));
	ck_assert_str_eq(on_disk("mine"), "kept");
	/* somebody's own folders may not be deeper */
	put(base_arena_printf(arena, "%sd/mine", deep), "kept");
	ck_assert_int_eq(write_one(ENV, files_of("{b.yaml: one}\n"), true), MC_ETOOBIG);
	ck_assert_str_eq(on_disk("b.yaml"), "two");
	ck_assert_str_eq(on_disk(base_arena_printf(arena, "%sd/mine", deep)), "kept");
	end();
}
END_TEST

START_TEST(test_in_the_way)
{
	begin();
	write_files(files_of("{a.yaml: one}\n"));
	put("own", "a file where a folder shall be");
	ck_assert_int_eq(write_one(ENV, files_of("{own/x.yaml: two}\n"), true),
	    MC_ECONFLICT);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "own is in the way"));
	ck_assert_str_eq(on_disk("a.yaml"), "one");
	ck_assert_ptr_nonnull(on_disk("own"));
	/* and a folder of theirs where a file shall be */
	put("c.yaml/mine", "kept");
	ck_assert_int_eq(write_one(ENV, files_of("{c.yaml: two}\n"), true), MC_ECONFLICT);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "c.yaml/mine is in the way"));
	ck_assert_str_eq(on_disk("c.yaml/mine"), "kept");
	end();
}
END_TEST

/* Paths that a forged MANIFEST.json names are never removed. */
START_TEST(test_forged_manifest)
{
	begin();
	write_files(files_of("{a.yaml: one}\n"));
	folder_put(folder, "victim", "x");
	put("MANIFEST.json", base_arena_printf(arena, "{\"version\":1,\"files\":{\"../../victim\":\"%s\"}}",
	    gen_sha256(arena, base_span_str("x"))));
	ck_assert_int_eq(write_one(ENV, files_of("{b.yaml: two}\n"), true), MC_OK);
	ck_assert_int_eq(access(base_arena_printf(arena, "%s/victim", folder), F_OK), 0);
	end();
}
END_TEST

START_TEST(test_not_a_folder)
{
	begin();
	folder_put(folder, "environments/" ENV, "x");
	ck_assert_int_eq(write_one(ENV, files_of("{a.yaml: one}\n"), true),
	    MC_ECONFLICT);
	ck_assert_int_eq(write_one("../x", files_of("{a.yaml: one}\n"), true), MC_EIO);
	end();
}
END_TEST

START_TEST(test_one_at_a_time)
{
	const struct base_tree *one;
	int fd;

	begin();
	one = files_of("{a.yaml: one}\n");
	write_files(one);
	fd = open(base_arena_printf(arena, "%s/environments", folder), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_SH | LOCK_NB), 0);
	ck_assert_int_eq(write_one(ENV, files_of("{a.yaml: two}\n"), false), MC_EBUSY);
	(void)close(fd);
	write_files(files_of("{a.yaml: two}\n"));
	end();
}
END_TEST

/* A write that the system refuses half-way leaves all as it was. */
START_TEST(test_no_room)
{
	const struct rlimit small = {2000, RLIM_INFINITY};
	struct rlimit before;
	const struct base_tree *two;
	enum mc_err err;

	begin();
	write_files(files_of("{a.yaml: one, b.yaml: one}\n"));
	two = files_of(base_arena_printf(arena, "{a.yaml: two, b.yaml: \"%04000d\"}\n", 7));
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	err = write_one(ENV, two, false);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(err, MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "b.yaml: File too large; nothing was changed"));
	ck_assert_str_eq(on_disk("a.yaml"), "one");
	ck_assert_str_eq(on_disk("b.yaml"), "one");
	write_files(two);
	end();
}
END_TEST

/* What one environment fails on changes no other. */
START_TEST(test_all_or_none)
{
	const struct base_tree *one, *two;

	begin();
	one = files_of("{a.yaml: one}\n");
	two = files_of("{a.yaml: two}\n");
	write_files(one);
	ck_assert_int_eq(symlink("/nonexistent",
			     base_arena_printf(arena, "%s/environments/other", folder)), 0);
	{
		const struct k8s_generate_part parts[] = {{ENV, two}, {"other", two}};

		ck_assert_int_eq(k8s_generate_write(folder, parts, 2, true), MC_ECONFLICT);
		ck_assert_str_eq(changes_of(one), "");
		ck_assert_int_eq(access(base_arena_printf(arena, "%s/environments/." ENV ".new", folder),
				     F_OK), -1);
		ck_assert_int_eq(unlink(base_arena_printf(arena, "%s/environments/other", folder)), 0);
		ck_assert_int_eq(k8s_generate_write(folder, parts, 2, true), MC_OK);
		ck_assert_str_eq(changes_of(two), "");
		ck_assert_int_eq(access(base_arena_printf(arena, "%s/environments/other/a.yaml", folder),
				     F_OK), 0);
	}
	end();
}
END_TEST

/* Killed at any time, it leaves one of both trees whole; the next run clears up. */
START_TEST(test_killed)
{
	const struct base_tree *trees[2];
	const char *text = "{", *other = "{";
	unsigned seen[2] = {0, 0};

	begin();
	for (int i = 0; i < 60; i++) {
		text = base_arena_printf(arena, "%sd%d/f%d.yaml: one, ", text, i % 7, i);
		other = base_arena_printf(arena, "%sd%d/g%d.yaml: two, ", other, i % 5, i);
	}
	trees[0] = files_of(base_arena_printf(arena, "%sx: one}\n", text));
	trees[1] = files_of(base_arena_printf(arena, "%sx: two}\n", other));
	write_files(trees[0]);
	put("mine", "kept");
	/* at least 40 times, and until both were seen: on a slow disk few runs end in time, so they get more of it */
	for (unsigned round = 0; round < 40 || ((seen[0] == 0 || seen[1] == 0) && round < 400); round++) {
		unsigned longest_us = 19000 + (round < 40 ? 0 : round * 1200);
		pid_t pid = fork();
		bool is_one;

		if (pid == 0) {
			for (unsigned i = round;; i++) {
				(void)!write_one(ENV, trees[i % 2], false);
			}
		}
		(void)usleep(500 + round * 9770 % longest_us);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		is_one = *changes_of(trees[0]) == '\0';
		ck_assert_msg(is_one || *changes_of(trees[1]) == '\0', "%s", changes_of(trees[1]));
		ck_assert_str_eq(on_disk("mine"), "kept");
		seen[is_one ? 0 : 1]++;
	}
	ck_assert_uint_gt(seen[0], 0);
	ck_assert_uint_gt(seen[1], 0);
	write_files(files_of("{z: one}\n"));
	ck_assert_int_eq(access(base_arena_printf(arena, "%s/environments/." ENV ".new", folder), F_OK),
	    -1);
	ck_assert_ptr_null(on_disk("d1/f1.yaml"));
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_write", test_write_and_prune, test_nothing_is_touched_without_a_change,
    test_hand_changes, test_other_files_are_kept, test_deep_folders, test_in_the_way, test_forged_manifest,
    test_not_a_folder, test_one_at_a_time, test_no_room, test_all_or_none, test_killed)
