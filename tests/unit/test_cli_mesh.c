/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_mesh.h"

#include "k8s/lint.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"
#include "tests/unit/mesh_make.h"

static char *folder;
static char *dir;

static void
start(void)
{
	folder = folder_make();
	dir = base_xasprintf("%s/inv", folder);
	mesh_put(folder);
}

static void
stop(void)
{
	free(dir);
	folder_drop(folder);
}

/* A command line as of `manifests check DIR --out x ...`. */
static struct cli
cli_of(const char *const *more)
{
	const char *words[16] = {"meshca", "manifests", "check", dir, "--out", "x"};
	char error[CLI_ERROR_MAX] = "";
	struct cli cli = {.json = false};

	for (size_t i = 0; more[i] != NULL; i++) {
		words[6 + i] = more[i];
	}
	ck_assert_int_eq(cli_args_parse(CLI_VERBS, CLI_VERB_COUNT, (char *const *)(uintptr_t)words,
			     &cli.args, error),
	    CLI_PARSE_RUN);
	return cli;
}
#define CLI_OF(...) cli_of((const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

START_TEST(it_is_opened_with_templates_or_without)
{
	struct cli_mesh mesh;
	struct cli cli;

	start();
	cli = CLI_OF();
	ck_assert_int_eq(cli_mesh_open(&cli, false, &mesh), CLI_OK);
	ck_assert_ptr_nonnull(mesh.arena);
	ck_assert_ptr_null(mesh.templates);
	cli_mesh_close(&mesh);
	ck_assert_ptr_null(mesh.inventory);
	cli_mesh_close(&mesh); /* twice is fine */
	ck_assert_int_eq(cli_mesh_open(&cli, true, &mesh), CLI_OK);
	ck_assert_ptr_nonnull(mesh.templates);
	cli_mesh_close(&mesh);
	stop();
}
END_TEST

/* Closing it is what is left to do. */
START_TEST(what_cannot_be_opened_is_told)
{
	struct cli_mesh mesh;
	struct cli cli;
	int ret;

	start();
	cli = CLI_OF("--templates", "/nonexistent/t");
	said_begin();
	ret = cli_mesh_open(&cli, true, &mesh);
	said_end();
	ck_assert_int_eq(ret, CLI_FAILED);
	SAYS(said.err, "/nonexistent/t");
	cli_mesh_close(&mesh);
	folder_put(folder, "inv/cart.yaml", MESH_SERVICE("cart", "  nonsense: 1\n"));
	said_begin();
	ret = cli_mesh_open(&cli, false, &mesh);
	said_end();
	ck_assert_int_eq(ret, CLI_FAILED);
	SAYS(said.err, "nonsense");
	SAYS(said.err, "the inventory has errors; see meshca inventory lint ");
	cli_mesh_close(&mesh);
	cli.json = true;
	said_begin();
	ret = cli_mesh_open(&cli, false, &mesh);
	said_end();
	ck_assert_int_eq(ret, CLI_FAILED);
	ck_assert_ptr_eq(strstr(said.err, "{\"error\":\"inventory\""), said.err); /* nothing else */
	cli_mesh_close(&mesh);
	stop();
}
END_TEST

START_TEST(warnings_are_no_errors)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	struct cli cli;
	bool sound;

	start();
	cli = CLI_OF();
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		if (k8s_lint_nth(i)->severity != K8S_ERROR) {
			int lint = (int)strtol(k8s_lint_nth(i)->code + 3, NULL, 10);

			k8s_findings_add(findings, (enum k8s_lint)lint, NULL, "fix", "what");
		}
	}
	said_begin();
	sound = cli_mesh_is_sound(&cli, findings);
	said_end();
	ck_assert(sound);
	ck_assert_str_eq(said.err, "");
	stop();
	base_arena_free(arena);
}
END_TEST

START_TEST(a_model_and_its_files_are_made)
{
	const struct base_tree *resolved = NULL;
	const struct base_tree *model = NULL;
	struct cli_mesh mesh;
	struct cli_made made;
	struct cli cli;
	int ret;

	start();
	cli = CLI_OF();
	ck_assert_int_eq(cli_mesh_open(&cli, true, &mesh), CLI_OK);
	ck_assert_int_eq(cli_mesh_model(&cli, &mesh, "production", &resolved, &model), CLI_OK);
	ck_assert(resolved != NULL && model != NULL);
	ck_assert_int_eq(cli_mesh_make(&cli, &mesh, "staging", &made), CLI_OK);
	ck_assert_str_eq(made.environment, "staging");
	ck_assert_uint_gt(made.files->count, 0);
	said_begin();
	ret = cli_mesh_make(&cli, &mesh, "nowhere", &made);
	said_end();
	ck_assert_int_eq(ret, CLI_NOT_FOUND);
	SAYS(said.err, "nowhere");
	cli_mesh_close(&mesh);
	stop();
}
END_TEST

START_TEST(environments_are_all_or_those_that_are_asked_for)
{
	struct cli_mesh mesh;
	struct cli cli;
	const char **names;
	size_t count = 99;

	start();
	cli = CLI_OF();
	ck_assert_int_eq(cli_mesh_open(&cli, false, &mesh), CLI_OK);
	names = cli_mesh_environments(&cli, &mesh, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(names[0], "production");
	ck_assert_str_eq(names[1], "staging");
	cli = CLI_OF("--environment", "staging", "--environment", "other", "--environment", "staging");
	names = cli_mesh_environments(&cli, &mesh, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(names[0], "staging");
	ck_assert_str_eq(names[1], "other");
	cli_mesh_close(&mesh);
	folder_put(folder, "inv/environments.yaml", "");
	cli = CLI_OF();
	said_begin();
	(void)cli_mesh_open(&cli, false, &mesh);
	said_end();
	(void)cli_mesh_environments(&cli, &mesh, &count);
	ck_assert_uint_eq(count, 0);
	cli_mesh_close(&mesh);
	stop();
}
END_TEST

CHECK_MAIN("cli_mesh", it_is_opened_with_templates_or_without, what_cannot_be_opened_is_told,
    warnings_are_no_errors, a_model_and_its_files_are_made,
    environments_are_all_or_those_that_are_asked_for)
