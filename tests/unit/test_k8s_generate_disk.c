/* SPDX-License-Identifier: Apache-2.0 */
/* An environment's folder on disk, and what its MANIFEST.json says. */
#include <errno.h>

#include "check_main.h"
#include "generated_folder.h"

static const char *
path_of(const char *name)
{
	return base_arena_printf(arena, "%s/environments/" ENV "/%s", folder, name);
}

static int
root_of(void)
{
	int root = -1;

	ck_assert_int_eq(gen_disk_open(folder, ENV, &root), MC_OK);
	ck_assert_int_ge(root, 0);
	return root;
}

/* Nothing there is no failure; a link or a file is. */
START_TEST(test_open)
{
	int root = 7;

	begin();
	ck_assert_int_eq(gen_disk_open(folder, ENV, &root), MC_OK);
	ck_assert_int_eq(root, -1);
	put("a", "x");
	(void)close(root_of());
	ck_assert_int_eq(symlink(ENV, base_arena_printf(arena, "%s/environments/link", folder)), 0);
	folder_put(folder, "environments/file", "x");
	root = 7;
	ck_assert_int_eq(gen_disk_open(folder, "link", &root), MC_ECONFLICT);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "is not a folder; move it away"));
	ck_assert_int_eq(gen_disk_open(folder, "file", &root), MC_ECONFLICT);
	ck_assert_int_eq(gen_disk_open(folder, base_arena_printf(arena, "%0300d", 1), &root), MC_EIO);
	ck_assert_int_eq(root, 7);
	end();
}
END_TEST

static enum gen_disk_state
state_of(int root, const char *path)
{
	size_t len = 0;
	char *text = NULL;
	enum gen_disk_state state = gen_disk_read(root, path, &text, &len);

	ck_assert((text != NULL) == (state == GEN_DISK_FILE));
	free(text);
	return state;
}

START_TEST(test_read)
{
	size_t len = 0;
	char *text = NULL;
	int root;

	begin();
	put("a/b", "text");
	ck_assert_int_eq(symlink("a/b", path_of("link")), 0);
	ck_assert_int_eq(mkfifo(path_of("pipe"), 0600), 0);
	root = root_of();
	ck_assert_int_eq(gen_disk_read(root, "a/b", &text, &len), GEN_DISK_FILE);
	ck_assert_uint_eq(len, 4);
	ck_assert_str_eq(text, "text");
	free(text);
	ck_assert_int_eq(state_of(root, "a/c"), GEN_DISK_ABSENT);
	ck_assert_int_eq(state_of(root, "a/b/c"), GEN_DISK_ABSENT);
	ck_assert_int_eq(state_of(-1, "a/b"), GEN_DISK_ABSENT);
	ck_assert_int_eq(state_of(root, "a"), GEN_DISK_OTHER);
	ck_assert_int_eq(state_of(root, "link"), GEN_DISK_OTHER);
	ck_assert_int_eq(state_of(root, "pipe"), GEN_DISK_OTHER); /* and nobody waits for a writer */
	(void)close(root);
	end();
}
END_TEST

/* As large as any of ours is read, more is not. */
START_TEST(test_read_large)
{
	int root;

	begin();
	put("most", "");
	put("more", "");
	ck_assert_int_eq(truncate(path_of("most"), LIMIT_YAML), 0);
	ck_assert_int_eq(truncate(path_of("more"), LIMIT_YAML + 1), 0);
	root = root_of();
	ck_assert_int_eq(state_of(root, "most"), GEN_DISK_FILE);
	ck_assert_int_eq(state_of(root, "more"), GEN_DISK_OTHER);
	(void)close(root);
	end();
}
END_TEST

/* One that says another version, or nothing that we read, is damaged; one that is not there is not. */
START_TEST(test_manifest)
{
	static const char *const BAD[] = {"<<<<<<< HEAD\n", "{\"version\": 2}", "{\"version\": \"1\"}", "{}", "", "[]",
	    "version: 1\n---\nversion: 1\n"};
	bool damaged = true;
	int root;

	begin();
	ck_assert_ptr_null(gen_disk_manifest(arena, -1, &damaged));
	ck_assert(!damaged);
	put("a", "x");
	root = root_of();
	damaged = true;
	ck_assert_ptr_null(gen_disk_manifest(arena, root, &damaged));
	ck_assert(!damaged);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		put(GEN_MANIFEST, BAD[i]);
		damaged = false;
		ck_assert_msg(gen_disk_manifest(arena, root, &damaged) == NULL, "%s", BAD[i]);
		ck_assert_msg(damaged, "%s", BAD[i]);
	}
	put(GEN_MANIFEST, "{\"version\": 1, \"environment\": \"x\"}");
	ck_assert_str_eq(base_tree_str(gen_disk_manifest(arena, root, &damaged), "environment", ""), "x");
	ck_assert(!damaged);
	ck_assert_int_eq(unlink(path_of(GEN_MANIFEST)), 0);
	put(GEN_MANIFEST "/x", "");
	ck_assert_ptr_null(gen_disk_manifest(arena, root, &damaged));
	ck_assert(damaged);
	(void)close(root);
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

/* Before and now as one list: a path stands there once. */
START_TEST(test_entries)
{
	struct gen_entries entries;
	const struct base_tree *files;

	begin();
	files = read_text("- {path: b.yaml, text: two}\n- {path: a.yaml, text: one}\n");
	entries = gen_disk_entries(arena, read_text("files: {c.yaml: cc, b.yaml: bb, d.yaml: [x]}\n"), files);
	ck_assert_uint_eq(entries.count, 4);
	ck_assert_str_eq(entries.rows[0].path, "a.yaml");
	ck_assert_ptr_null(entries.rows[0].before);
	ck_assert_str_eq(entries.rows[0].text, "one");
	ck_assert_str_eq(entries.rows[1].path, "b.yaml");
	ck_assert_str_eq(entries.rows[1].before, "bb");
	ck_assert_str_eq(entries.rows[1].text, "two");
	ck_assert_str_eq(entries.rows[2].before, "cc");
	ck_assert_ptr_null(entries.rows[2].text);
	ck_assert_str_eq(entries.rows[3].before, ""); /* no hash at all: nothing is as we left it */
	ck_assert_ptr_eq(gen_disk_find(&entries, "c.yaml"), &entries.rows[2]);
	ck_assert_ptr_null(gen_disk_find(&entries, "c"));
	entries = gen_disk_entries(arena, NULL, read_text("[]\n"));
	ck_assert_uint_eq(entries.count, 0);
	ck_assert_ptr_null(gen_disk_find(&entries, "a.yaml"));
	entries = gen_disk_entries(arena, read_text("files: [a.yaml]\n"), files);
	ck_assert_uint_eq(entries.count, 2);
	end();
}
END_TEST

static int
parent_of(void)
{
	int parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(parent, 0);
	return parent;
}

/* With all that is in it, and nothing that is only linked. */
START_TEST(test_remove)
{
	int parent;

	begin();
	parent = parent_of();
	folder_put(folder, "kept/file", "x");
	folder_put(folder, "old/a/b", "x");
	folder_put(folder, "one", "x");
	ck_assert_int_eq(symlink("../kept", base_arena_printf(arena, "%s/old/link", folder)), 0);
	ck_assert_int_eq(symlink("kept", base_arena_printf(arena, "%s/link", folder)), 0);
	ck_assert_int_eq(gen_disk_remove(parent, "old"), MC_OK);
	ck_assert_int_eq(gen_disk_remove(parent, "one"), MC_OK);
	ck_assert_int_eq(gen_disk_remove(parent, "link"), MC_OK);
	ck_assert_int_eq(gen_disk_remove(parent, "nothing"), MC_OK);
	ck_assert_int_eq(faccessat(parent, "old", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	ck_assert_int_eq(faccessat(parent, "one", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	ck_assert_int_eq(faccessat(parent, "link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	ck_assert_int_eq(faccessat(parent, "kept/file", F_OK, 0), 0);
	ck_assert_int_eq(gen_disk_remove(parent, "kept/file/x"), MC_EIO);
	(void)close(parent);
	end();
}
END_TEST

static const char *
deep(const char *top, unsigned depth)
{
	const char *path = top;

	for (unsigned i = 0; i < depth; i++) {
		path = base_arena_printf(arena, "%s/d", path);
	}
	return base_arena_printf(arena, "%s/file", path);
}

START_TEST(test_remove_deep)
{
	int parent;

	begin();
	parent = parent_of();
	folder_put(folder, deep("most", GEN_DISK_DEPTH), "x");
	folder_put(folder, deep("more", GEN_DISK_DEPTH + 1), "x");
	ck_assert_int_eq(gen_disk_remove(parent, "most"), MC_OK);
	ck_assert_int_eq(faccessat(parent, "most", F_OK, 0), -1);
	ck_assert_int_eq(gen_disk_remove(parent, "more"), MC_EIO);
	ck_assert_int_eq(faccessat(parent, deep("more", GEN_DISK_DEPTH + 1), F_OK, 0), 0);
	(void)close(parent);
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_disk", test_open, test_read, test_read_large, test_manifest, test_old_facts, test_entries,
    test_remove, test_remove_deep)
