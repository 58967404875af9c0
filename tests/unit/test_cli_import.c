/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"
#include "tests/unit/folder_make.h"

#define CART                                                                                 \
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"cart\",\"namespace\":" \
	"\"shop\"},\"spec\":{\"selector\":{\"app\":\"cart\"},\"ports\":[{\"name\":\"http\",\"port\":" \
	"80}]}}"
#define DESK                                                                                 \
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"desk\",\"namespace\":" \
	"\"shop\"},\"spec\":{\"selector\":{\"app\":\"desk\"},\"ports\":[{\"name\":\"http\",\"port\":" \
	"80}]}}"

static char *folder;

static const char *
path(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *out = paths[next++ % 4];

	(void)snprintf(out, sizeof(paths[0]), "%s/%s", folder, name);
	return out;
}

START_TEST(objects_are_needed)
{
	REFUSES(CLI_RUN("inventory", "import"), CLI_USAGE, "--objects FILE is missing");
	REFUSES(CLI_RUN("inventory", "import", "--edges", "/nonexistent/e"), CLI_USAGE,
	    "--objects FILE is missing");
}
END_TEST

START_TEST(all_files_make_one_draft)
{
	folder = folder_make();
	folder_put(folder, "a.json", CART);
	folder_put(folder, "b.json", DESK);
	ck_assert_int_eq(
	    CLI_RUN("inventory", "import", "--objects", path("a.json"), "--objects", path("b.json")),
	    CLI_OK);
	SAYS(said.out, "kind: Mesh");
	SAYS(said.out, "name: cart");
	SAYS(said.out, "name: desk");
	SAYS(said.out, "\n---\n");
	ck_assert_int_eq(strncmp(said.out, "---", 3) == 0, 0); /* between documents only */
	folder_drop(folder);
}
END_TEST

START_TEST(json_is_documents_and_notes)
{
	folder = folder_make();
	folder_put(folder, "a.json", CART);
	ck_assert_int_eq(CLI_RUN("inventory", "import", "--objects", path("a.json"), "--json"), CLI_OK);
	SAYS(said.out, "\"documents\": [");
	SAYS(said.out, "\"notes\": [");
	ck_assert_str_eq(said.err, ""); /* notes are in it */
	folder_drop(folder);
}
END_TEST

START_TEST(a_draft_may_go_to_a_file)
{
	folder = folder_make();
	folder_put(folder, "a.json", CART);
	ck_assert_int_eq(
	    CLI_RUN("inventory", "import", "--objects", path("a.json"), "--out", path("draft.yaml")),
	    CLI_OK);
	ck_assert_str_eq(said.out, "");
	ck_assert_int_eq(access(path("draft.yaml"), F_OK), 0);
	folder_drop(folder);
}
END_TEST

START_TEST(what_is_neither_is_refused_by_name)
{
	folder = folder_make();
	folder_put(folder, "a.json", CART);
	folder_put(folder, "bad.json", "{\"a\":");
	REFUSES(CLI_RUN("inventory", "import", "--objects", path("none.json")), CLI_FAILED, "none.json");
	REFUSES(CLI_RUN("inventory", "import", "--objects", path("bad.json"), "--out", path("out")),
	    CLI_FAILED, "bad.json");
	REFUSES(CLI_RUN("inventory", "import", "--objects", path("a.json"), "--edges", path("none.json")),
	    CLI_FAILED, "none.json");
	ck_assert_int_eq(CLI_RUN("inventory", "import", "--objects", path("a.json"), "--edges",
			     path("a.json"), "--out", path("out")),
	    CLI_USAGE); /* a Service is no answer of Prometheus */
	ck_assert_int_ne(access(path("out"), F_OK), 0);
	folder_drop(folder);
}
END_TEST

START_TEST(a_file_is_bounded)
{
	char *text = base_xcalloc(1, LIMIT_YAML + 2);

	folder = folder_make();
	memset(text, ' ', LIMIT_YAML + 1);
	memcpy(text, CART, strlen(CART));
	folder_put(folder, "a.json", text);
	REFUSES(CLI_RUN("inventory", "import", "--objects", path("a.json")), CLI_FAILED, "a.json");
	text[LIMIT_YAML] = '\0';
	folder_put(folder, "a.json", text);
	ck_assert_int_eq(CLI_RUN("inventory", "import", "--objects", path("a.json")), CLI_OK);
	free(text);
	folder_drop(folder);
}
END_TEST

CHECK_MAIN("cli_import", objects_are_needed, all_files_make_one_draft, json_is_documents_and_notes,
    a_draft_may_go_to_a_file, what_is_neither_is_refused_by_name, a_file_is_bounded)
