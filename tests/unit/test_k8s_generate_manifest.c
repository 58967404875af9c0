/* SPDX-License-Identifier: Apache-2.0 */
/* MANIFEST.json: what was written, from what, by what. */
#include "check_main.h"
#include "generate_make.h"

START_TEST(test_manifest)
{
	const struct base_tree *files, *manifest, *hashes;
	const char *text;

	begin();
	files = sample();
	text = text_of(files, "MANIFEST.json");
	manifest = read_text(text);
	ck_assert_int_eq(strncmp(base_tree_str(manifest, "tool", ""), "meshca 0.", 9), 0);
	ck_assert_str_eq(base_tree_str(manifest, "environment", ""), "production");
	ck_assert_str_eq(base_tree_str(manifest, "inventory", ""),
	    k8s_inventory_hash(arena, read_text("environment: {name: production}\n")));
	hashes = base_tree_get(manifest, "files");
	ck_assert_uint_eq(hashes->count, files->count - 1);
	for (uint32_t i = 0; i < hashes->count; i++) {
		const char *path = hashes->entries[i].key;

		ck_assert_str_eq(hashes->entries[i].value->text,
		    gen_sha256(arena, base_span_str(text_of(files, path))));
	}
	ck_assert_ptr_nonnull(strstr(text, "\n    {\"class\":\"mtls\",\"key\":\"environment\","));
	end();
}
END_TEST

/* One line for each file and fact: a diff shows them. */
START_TEST(test_lines)
{
	const struct base_tree *file;
	const char *text, *facts;

	begin();
	file = gen_manifest(arena, read_text("- {path: a.yaml, text: one}\n- {path: b/c.yaml, text: two}\n"),
	    read_text("environment: {name: test}\n"), read_text("services: []\n"));
	ck_assert_str_eq(base_tree_str(file, "path", ""), "MANIFEST.json");
	ck_assert_str_eq(base_tree_str(file, "kind", ""), "manifest");
	text = base_tree_str(file, "text", "");
	ck_assert_ptr_nonnull(strstr(text, "  \"files\": {\n"
	    "    \"a.yaml\": \"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\",\n"
	    "    \"b/c.yaml\": \"3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3\"\n  },\n"));
	ck_assert_int_eq(strncmp(text, "{\n  \"version\": 1,\n  \"tool\": \"meshca ", 36), 0);
	ck_assert_str_eq(text + strlen(text) - strlen("}\n  ]\n}\n"), "}\n  ]\n}\n");
	facts = strstr(text, "\"facts\": [\n    {");
	ck_assert_ptr_nonnull(facts);
	for (const char *at = strchr(facts, '\n') + 1; *at == ' ' && at[4] == '{'; at = strchr(at, '\n') + 1) {
		ck_assert_int_eq(strncmp(at, "    {\"class\":", 13), 0);
	}
	/* what is written is what it says */
	ck_assert(base_tree_equal(read_text(text), base_tree_get(file, "documents")->items[0]));
	end();
}
END_TEST

/* Nothing was generated: its lists are empty, not missing. */
START_TEST(test_empty)
{
	const struct base_tree *file;

	begin();
	file = gen_manifest(arena, base_tree_done(base_tree_list(arena, &gen_here)),
	    read_text("environment: {name: test}\n"), read_text("services: []\n"));
	ck_assert_ptr_nonnull(strstr(base_tree_str(file, "text", ""), "\n  \"files\": {},\n"));
	end();
}
END_TEST

START_TEST(test_sha256)
{
	begin();
	/* FIPS 180-4, example of one block */
	ck_assert_str_eq(gen_sha256(arena, base_span_str("abc")),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ck_assert_str_eq(gen_sha256(arena, base_span_str("")),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_manifest", test_manifest, test_lines, test_empty, test_sha256)
