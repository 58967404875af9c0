/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/generate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "check_main.h"
#include "folder_make.h"

#include "base/enc.h"
#include "base/yaml.h"
#include "k8s/generate_disk.h"
#include "k8s/generate_int.h"

#define ENV "production"

static struct base_arena *arena;
static char *folder;

static void
begin(void)
{
	arena = base_arena_new();
	folder = folder_make();
}

static void
end(void)
{
	base_arena_free(arena);
	folder_drop(folder);
}

static const struct base_tree *
read_text(const char *text)
{
	const struct base_tree *documents = base_yaml_read(arena, "t", NULL, base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	return documents->items[0];
}

static const struct base_tree *
file_of(const char *path, const char *text)
{
	struct base_tree_build *file = base_tree_map(arena, &gen_here);

	base_tree_put(file, "path", base_tree_string(arena, path, &gen_here));
	base_tree_put(file, "text", base_tree_string(arena, text, &gen_here));
	return base_tree_done(file);
}

/* Files and their MANIFEST.json from {path: text}. */
static const struct base_tree *
files_of(const char *yaml)
{
	const struct base_tree *map = read_text(yaml);
	struct base_tree_build *files = base_tree_list(arena, &gen_here);
	struct base_tree_build *all = base_tree_list(arena, &gen_here);
	const struct base_tree *list;

	for (uint32_t i = 0; i < map->count; i++) {
		base_tree_push(files, file_of(map->entries[i].key, map->entries[i].value->text));
	}
	list = base_tree_done(files);
	base_tree_push(all, gen_manifest(arena, list, read_text("environment: {name: " ENV "}\n"),
				list));
	for (uint32_t i = 0; i < list->count; i++) {
		base_tree_push(all, list->items[i]);
	}
	return base_tree_done(all);
}

/* "+a ~b -c !d" for added, changed, removed, changed by hand. */
static const char *
changes_of(const struct base_tree *files)
{
	static const char signs[] = {' ', '+', '~', '-', '!'};
	const struct k8s_change *changes;
	const char *all = "";
	size_t count;

	ck_assert_int_eq(k8s_generate_compare(arena, folder, ENV, files, &changes, &count), MC_OK);
	for (size_t i = 0; i < count; i++) {
		all = base_arena_printf(arena, "%s%s%c%s", all, i > 0 ? " " : "", signs[changes[i].kind],
		    changes[i].path);
	}
	return all;
}

static const char *
on_disk(const char *path)
{
	char *whole = base_xasprintf("%s/environments/" ENV "/%s", folder, path), *text = NULL;
	int fd = open(whole, O_RDONLY | O_CLOEXEC);
	const char *copy = NULL;
	size_t len;

	if (fd >= 0) {
		ck_assert_int_eq(base_proc_read_all(fd, LIMIT_YAML, &text, &len), MC_OK);
		copy = base_arena_strdup(arena, text);
		free(text);
		(void)close(fd);
	}
	free(whole);
	return copy;
}

static enum mc_err
write_one(const char *environment, const struct base_tree *files, bool force)
{
	const struct k8s_generate_part part = {environment, files};

	return k8s_generate_write(folder, &part, 1, force);
}

static void
write_files(const struct base_tree *files)
{
	ck_assert_msg(write_one(ENV, files, false) == MC_OK, "%s",
	    mc_err_last()->detail);
}

static void
put(const char *path, const char *text)
{
	char *whole = base_xasprintf("environments/" ENV "/%s", path);

	folder_put(folder, whole, text);
	free(whole);
}

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
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
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

static const char *
risks_of(const char *before, const char *after)
{
	const struct base_tree *risks = k8s_generate_risks(arena, read_text(before), read_text(after));
	const char *all = "";

	for (uint32_t i = 0; i < risks->count; i++) {
		all = base_arena_printf(arena, "%s%s %s\n", all,
		    base_tree_str(risks->items[i], "risk", ""), base_tree_str(risks->items[i], "text", ""));
	}
	return all;
}

#define FACT(class, key, value, strength)                                                         \
	"{class: " class ", key: " key ", value: " value ", strength: " strength "}"

START_TEST(test_risks)
{
	begin();
	ck_assert_str_eq(risks_of("[]", "[]"), "");
	ck_assert_str_eq(risks_of("[" FACT("mtls", "a", "STRICT", "2") "]",
			     "[" FACT("mtls", "a", "PERMISSIVE", "1") "]"),
	    "weakened mtls a: STRICT -> PERMISSIVE\n");
	ck_assert_str_eq(risks_of("[" FACT("mtls", "a", "PERMISSIVE", "1") "]",
			     "[" FACT("mtls", "a", "STRICT", "2") "]"),
	    "changed mtls a: PERMISSIVE -> STRICT\n");
	ck_assert_str_eq(risks_of("[" FACT("edge", "a", "x", "0") ", " FACT("edge", "b", "x", "0") "]",
			     "[" FACT("egress", "e", "psp", "0") ", " FACT("edge", "b", "x", "0") ", "
				 FACT("edge", "c", "x", "0") "]"),
	    "weakened new egress e: psp\nadded new edge c: x\nremoved no more edge a: x\n");
	ck_assert_str_eq(risks_of("[]", "[" FACT("stranger", "192.0.2.0/24 enters", "meters", "2") "]"),
	    "weakened new stranger 192.0.2.0/24 enters: meters\n");
	ck_assert_str_eq(risks_of("text", "[" FACT("fault", "a", "abort", "0") "]"),
	    "weakened new fault a: abort\n");
	/* an exception for a service that was there before opens it, whatever its class is called */
	ck_assert_str_eq(risks_of("[]", "[" FACT("mtls", "port", "PERMISSIVE", "1") ", "
				 FACT("mtls", "other", "STRICT", "2") "]"),
	    "weakened new mtls port: PERMISSIVE\nadded new mtls other: STRICT\n");
	end();
}
END_TEST

static const char *
risk_of_values(const char *class, const char *before, const char *after)
{
#define LIST "[{class: %s, key: a, strength: 2, value: \"%s\"}]"
	return risks_of(base_arena_printf(arena, LIST, class, before),
	    base_arena_printf(arena, LIST, class, after));
}

/* A value of conditions is weaker when it lets through what the old one did not. */
START_TEST(test_risks_of_conditions)
{
	static const struct {
		const char *before, *after, *risk;
	} ROWS[] = {
	    {"methods GET paths /a", "methods GET,POST paths /a", "weakened"},
	    {"methods GET,POST paths /a", "methods POST paths /a", "changed"},
	    {"methods GET paths /a", "methods any paths /a", "weakened"},
	    {"methods any paths /a", "methods GET paths /a", "changed"},
	    {"methods any paths /a/*", "methods any paths /a/b,/a/*", "changed"},
	    {"methods any paths /a/*", "methods any paths /a*", "weakened"},
	    {"methods any paths /a", "methods any paths any", "weakened"},
	    {"methods GET paths /a role x", "methods GET paths /a", "weakened"},
	    {"methods GET paths /a", "methods GET paths /a role x", "changed"},
	    {"methods GET paths /a; methods POST paths /b", "methods POST paths /b", "changed"},
	    {"methods GET paths /a; methods POST paths /b", "methods POST paths /a", "weakened"},
	    {"methods GET paths /a", "methods GET paths /a; methods GET paths /b", "weakened"},
	};

	begin();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const char *want = base_arena_printf(arena, "%s edge a: %s -> %s\n", ROWS[i].risk,
		    ROWS[i].before, ROWS[i].after);

		ck_assert_str_eq(risk_of_values("edge", ROWS[i].before, ROWS[i].after), want);
	}
	/* words that are no conditions */
	ck_assert_str_eq(risk_of_values("egress", "through a", "through b"),
	    "changed egress a: through a -> through b\n");
	ck_assert_str_eq(risk_of_values("guard", "scram-sha-256", "scram-sha-512"),
	    "changed guard a: scram-sha-256 -> scram-sha-512\n");
	end();
}
END_TEST

/* Several edges have one key: what both sides have is no change, in any order. */
START_TEST(test_risks_of_one_key)
{
	begin();
	ck_assert_str_eq(risks_of("[" FACT("edge", "a", "methods A", "2") ", " FACT("edge", "a", "methods C", "2") "]",
			     "[" FACT("edge", "a", "methods C", "2") ", " FACT("edge", "a", "methods B", "2") ", "
				 FACT("edge", "a", "methods A", "2") "]"),
	    "added new edge a: methods B\n");
	ck_assert_str_eq(risks_of("[" FACT("exposure", "a", "at one", "2") "]",
			     "[" FACT("exposure", "a", "at another", "2") ", "
				 FACT("exposure", "a", "at one", "2") "]"),
	    "weakened new exposure a: at another\n");
	end();
}
END_TEST

#define GUARD(key, of) "{class: guard, key: " key ", value: v, strength: 2, of: " of "}"

/* A guard that goes alone is missed; one that goes with what it guards is not. */
START_TEST(test_risks_of_guards)
{
	begin();
	ck_assert_str_eq(risks_of("[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]",
			     "[" FACT("identity", "s", "active", "0") "]"),
	    "weakened no more guard g: v\n");
	ck_assert_str_eq(risks_of("[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]", "[]"),
	    "removed no more identity s: active\n");
	ck_assert_str_eq(risks_of("[]", "[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]"),
	    "added new identity s: active\n");
	ck_assert_str_eq(risks_of("[" FACT("identity", "s", "active", "0") "]",
			     "[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]"),
	    "added new guard g: v\n");
	ck_assert_str_eq(risks_of("[" GUARD("g", "\"\"") "]", "[]"), "weakened no more guard g: v\n");
	end();
}
END_TEST

START_TEST(test_old_facts)
{
	begin();
	ck_assert_uint_eq(k8s_generate_old_facts(arena, folder, ENV)->count, 0);
	put("MANIFEST.json", "{\"version\": 1, \"facts\": [{\"class\": \"mtls\"}]}");
	ck_assert_uint_eq(k8s_generate_old_facts(arena, folder, ENV)->count, 1);
	put("MANIFEST.json", "{\"version\": 1, \"facts\": 3}");
	ck_assert_uint_eq(k8s_generate_old_facts(arena, folder, ENV)->count, 0);
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_write", test_write_and_prune, test_nothing_is_touched_without_a_change,
    test_hand_changes, test_same_bytes_by_hand, test_damaged_manifest,
    test_other_files_are_kept, test_in_the_way, test_forged_manifest, test_not_a_folder,
    test_one_at_a_time, test_no_room, test_all_or_none, test_killed, test_risks,
    test_risks_of_conditions, test_risks_of_one_key, test_risks_of_guards, test_old_facts)
