/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_admin.h"

#include "base/msg_issue.h"
#include "tests/unit/admin_server.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_run.h"

static char *folder;
static char *path;
static struct config *config;

static void
start(void)
{
	folder = folder_make();
	path = base_xasprintf("%s/meshca.yaml", folder);
	admin_put_config(folder);
	config = config_read(path);
	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
}

static void
stop(void)
{
	config_free(config);
	free(path);
	folder_drop(folder);
}

static enum mc_err
call(struct cli_admin_answer *answer)
{
	const struct msg_empty empty = {0};
	enum mc_err ret;

	said_begin();
	ret = cli_admin_call(config, MSG_ADM_RELOAD, &msg_empty_table, &empty, answer);
	said_end();
	return ret;
}

START_TEST(an_answer_is_kept_whole)
{
	struct cli_admin_answer answer;

	start();
	admin_start(folder);
	admin.answer = (struct msg_adm_ans){(uint32_t)MC_EDENIED, base_span_str("detail"),
	    base_span_str("text"), base_span_str("cert"), base_span_str("issuer"),
	    base_span_str("anchors")};
	ck_assert_int_eq(call(&answer), MC_OK); /* that an answer came is no failure */
	ck_assert_int_eq(admin.type, MSG_ADM_RELOAD);
	ck_assert_int_eq(answer.status, MC_EDENIED);
	ck_assert(base_span_equal_str(base_buf_span(&answer.detail), "detail"));
	ck_assert(base_span_equal_str(base_buf_span(&answer.text), "text"));
	ck_assert(base_span_equal_str(base_buf_span(&answer.cert), "cert"));
	ck_assert(base_span_equal_str(base_buf_span(&answer.issuer), "issuer"));
	ck_assert(base_span_equal_str(base_buf_span(&answer.anchors), "anchors"));
	cli_admin_answer_clear(&answer);
	ck_assert_str_eq(said.err, "");
	admin_stop();
	stop();
}
END_TEST

START_TEST(progress_is_said_and_is_not_the_answer)
{
	struct cli_admin_answer answer;

	start();
	admin_start(folder);
	admin.progress = "making a key";
	admin.answer.text = base_span_str("done");
	ck_assert_int_eq(call(&answer), MC_OK);
	ck_assert_str_eq(said.err, "  making a key\n");
	ck_assert_str_eq(said.out, "");
	ck_assert(base_span_equal_str(base_buf_span(&answer.text), "done"));
	cli_admin_answer_clear(&answer);
	admin_stop();
	stop();
}
END_TEST

START_TEST(without_a_daemon)
{
	struct cli_admin_answer answer;

	start();
	ck_assert(!cli_admin_is_up(config));
	ck_assert_int_eq(call(&answer), MC_EPEER); /* no socket */
	cli_admin_answer_clear(&answer);
	SAYS(mc_err_last()->detail, "is meshcad running?");
	admin_start(folder);
	ck_assert(cli_admin_is_up(config));
	admin_stop();
	ck_assert(!cli_admin_is_up(config)); /* one that nobody listens on */
	ck_assert_int_eq(call(&answer), MC_EPEER);
	cli_admin_answer_clear(&answer);
	stop();
}
END_TEST

START_TEST(a_daemon_that_hangs_up)
{
	struct cli_admin_answer answer;

	start();
	admin_start(folder);
	admin.hangs_up = true;
	ck_assert_int_eq(call(&answer), MC_EPEER);
	ck_assert_int_eq(answer.status, MC_EINTERNAL);
	cli_admin_answer_clear(&answer);
	admin_stop();
	stop();
}
END_TEST

/* One who may not come in must not take the daemon for dead, and run a ceremony beside it. */
START_TEST(a_socket_of_others_is_a_daemon_that_is_up)
{
	int status = 0;
	pid_t pid;

	start();
	admin_start(folder);
	pid = fork();
	if (pid == 0) {
		struct cli_admin_answer answer;

		/* nobody, where this is root: then the folder keeps it out; else its mode does */
		if (chmod(folder, 0) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
			_exit(9);
		}
		_exit(call(&answer) == MC_EDENIED &&
			    strstr(mc_err_last()->detail, "only root") != NULL && cli_admin_is_up(config)
			? 0
			: 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(chmod(folder, 0700), 0);
	ck_assert_int_eq(status, 0);
	admin_stop();
	stop();
}
END_TEST

START_TEST(a_path_that_fits_no_socket)
{
	struct cli_admin_answer answer;
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("/admin.sock") + 2];

	start();
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	free(config->run_dir);
	config->run_dir = base_xstrdup(longest);
	ck_assert_int_eq(call(&answer), MC_ECONFIG);
	SAYS(mc_err_last()->detail, "too long");
	cli_admin_answer_clear(&answer);
	config->run_dir[sizeof(longest) - 2] = '\0';
	ck_assert_int_eq(call(&answer), MC_EPEER);
	cli_admin_answer_clear(&answer);
	stop();
}
END_TEST

CHECK_MAIN("cli_admin", an_answer_is_kept_whole, progress_is_said_and_is_not_the_answer,
    without_a_daemon, a_daemon_that_hangs_up, a_socket_of_others_is_a_daemon_that_is_up,
    a_path_that_fits_no_socket)
