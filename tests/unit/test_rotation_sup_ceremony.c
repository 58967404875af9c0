/* SPDX-License-Identifier: Apache-2.0 */
/* One act of the ceremony program: what it is handed, how it ends, and what does not begin. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

static unsigned dones, lines;
static enum mc_err done_status;
static char done_detail[LIMIT_DETAIL + 1], last_line[LIMIT_DETAIL + 1];

static void
on_progress(void *self, struct base_span line)
{
	ck_assert_ptr_eq(self, &dones);
	lines++;
	sup_text_set(last_line, line);
}

static void
on_done(void *self, enum mc_err status, const char *detail)
{
	ck_assert_ptr_eq(self, &dones);
	ck_assert_ptr_null(world.sup.ceremony);
	dones++;
	done_status = status;
	sup_text_set(done_detail, base_span_str(detail));
}

static void
start(void)
{
	dones = lines = 0;
	done_detail[0] = '\0';
	world_open();
	world.held[0] = MSG_CTL_CEREMONY;
}

static struct sup_act
act_of(enum msg_ceremony act, const char *environment)
{
	return (struct sup_act){.act = act, .environment = environment,
	    .asker = {"uid 0 on the local socket", "local socket"}, .progress = on_progress,
	    .done = on_done, .self = &dones};
}

/* Begins it; the program has everything. */
static struct puppet *
begin(const struct sup_act *act)
{
	ck_assert_int_eq(sup_ceremony(&world.sup, act), MC_OK);
	ck_assert_ptr_nonnull(world.sup.ceremony);
	return puppet_started(world.sup.ceremony);
}

/* The program ends its act. */
static void
finish(struct puppet *puppet, enum mc_err status, const char *detail)
{
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_CEREMONY), status, detail);
	UNTIL(dones > 0);
}

static void
assert_file(struct puppet *puppet, uint8_t slot, const char *environment, const char *content)
{
	const struct puppet_item *item = puppet_take(puppet, MSG_CTL_KEYFILE);
	struct msg_ctl_keyfile msg;
	struct stat st;

	puppet_read(item, &msg_ctl_keyfile_table, &msg);
	ck_assert_uint_eq(msg.slot, slot);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert_int_eq(fstat(item->fd, &st), 0);
	if (content == NULL) {
		ck_assert(S_ISDIR(st.st_mode));
	} else {
		char buf[32] = {0};

		ck_assert_int_gt(pread(item->fd, buf, sizeof(buf) - 1, 0), 0);
		ck_assert_str_eq(buf, content);
	}
}

static void
assert_passphrase(struct puppet *puppet, uint8_t slot, const char *text)
{
	struct msg_ctl_unseal msg;

	puppet_read(puppet_take(puppet, MSG_CTL_UNSEAL), &msg_ctl_unseal_table, &msg);
	ck_assert_uint_eq(msg.slot, slot);
	ck_assert(base_span_equal_str(msg.passphrase, text));
}

static void
assert_act(struct puppet *puppet, enum msg_ceremony act, const char *environment)
{
	static const uint8_t none[16];
	struct msg_ctl_ceremony msg;

	(void)puppet_take(puppet, MSG_CTL_START);
	puppet_read(puppet_take(puppet, MSG_CTL_CEREMONY), &msg_ctl_ceremony_table, &msg);
	ck_assert_uint_eq(msg.act, act);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert(base_span_equal_str(msg.actor, "uid 0 on the local socket"));
	ck_assert(base_span_equal_str(msg.from, "local socket"));
	ck_assert_mem_ne(msg.request_id, none, sizeof(none));
	puppet->first--; /* for finish() */
	finish(puppet, MC_OK, "");
	ck_assert_int_eq(done_status, MC_OK);
}

/* --- what it is handed --- */

START_TEST(the_root_gets_its_folder_and_its_passphrase)
{
	struct sup_act act = act_of(MSG_CEREMONY_ROOT, NULL);
	struct puppet *puppet;

	start();
	act.root_passphrase = sup_keys_copy(base_span_str(WORLD_SECRET " root"));
	ck_assert_int_eq(sup_ceremony(&world.sup, &act), MC_OK);
	base_secret_free(act.root_passphrase); /* it was copied */
	puppet = puppet_started(world.sup.ceremony);
	ck_assert_str_eq(puppet->who.program, "meshca-ceremony");
	ck_assert_str_eq(puppet->who.label, "root");
	(void)puppet_take(puppet, MSG_CTL_CONFIG);
	assert_file(puppet, MSG_KEY_DIR_ROOT, "", NULL);
	assert_passphrase(puppet, MSG_KEY_ROOT, WORLD_SECRET " root");
	assert_act(puppet, MSG_CEREMONY_ROOT, "");
	world_close();
}
END_TEST

START_TEST(an_environment_gets_folder_root_key_and_both_passphrases)
{
	struct sup_act act = act_of(MSG_CEREMONY_ENVIRONMENT, "staging");
	struct puppet *puppet;

	start();
	act.passphrase = sup_keys_copy(base_span_str(WORLD_SECRET " staging"));
	act.root_passphrase = sup_keys_copy(base_span_str(WORLD_SECRET " root"));
	puppet = begin(&act);
	ck_assert_str_eq(puppet->who.label, "staging");
	(void)puppet_take(puppet, MSG_CTL_CONFIG);
	assert_file(puppet, MSG_KEY_DIR_ENVIRONMENT, "staging", NULL);
	assert_file(puppet, MSG_KEY_ROOT, "staging", "root");
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET " staging");
	assert_passphrase(puppet, MSG_KEY_ROOT, WORLD_SECRET " root");
	assert_act(puppet, MSG_CEREMONY_ENVIRONMENT, "staging");
	base_secret_free(act.passphrase);
	base_secret_free(act.root_passphrase);
	world_close();
}
END_TEST

START_TEST(a_rotation_and_a_crl_get_the_environments_key)
{
	struct sup_act act = act_of(MSG_CEREMONY_ISSUING, "production");
	struct puppet *puppet;

	start();
	puppet = begin(&act);
	(void)puppet_take(puppet, MSG_CTL_CONFIG);
	assert_file(puppet, MSG_KEY_DIR_ENVIRONMENT, "production", NULL);
	assert_file(puppet, MSG_KEY_ENVIRONMENT, "production", "environment");
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET " configured");
	assert_act(puppet, MSG_CEREMONY_ISSUING, "production");
	dones = 0;
	act.act = MSG_CEREMONY_CRL; /* nothing to write into */
	puppet = begin(&act);
	(void)puppet_take(puppet, MSG_CTL_CONFIG);
	assert_file(puppet, MSG_KEY_ENVIRONMENT, "production", "environment");
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET " configured");
	assert_act(puppet, MSG_CEREMONY_CRL, "production");
	world_close();
}
END_TEST

START_TEST(the_operators_get_a_new_folder)
{
	struct sup_act act = act_of(MSG_CEREMONY_OPERATORS, CONFIG_OPERATORS);
	struct puppet *puppet;
	struct stat st;
	char *path, *moved;

	start();
	path = world_path("state/keys/operators");
	moved = world_path("moved");
	ck_assert_int_eq(rename(path, moved), 0);
	puppet = begin(&act);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	(void)puppet_take(puppet, MSG_CTL_CONFIG);
	assert_file(puppet, MSG_KEY_DIR_ENVIRONMENT, CONFIG_OPERATORS, NULL);
	assert_passphrase(puppet, MSG_KEY_ENVIRONMENT, WORLD_SECRET " of operators");
	assert_act(puppet, MSG_CEREMONY_OPERATORS, CONFIG_OPERATORS);
	free(path);
	free(moved);
	world_close();
}
END_TEST

/* --- how it ends --- */

START_TEST(its_lines_are_passed_on)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");
	struct msg_ctl_progress line = {.text = base_span_str("signing")};
	struct puppet *puppet;

	start();
	puppet = begin(&act);
	ck_assert_int_eq(msg_send(puppet->chan, MSG_CTL_PROGRESS, 0, 1, &msg_ctl_progress_table, &line),
	    MC_OK);
	UNTIL(lines == 1);
	world_turns();
	ck_assert_str_eq(last_line, "signing");
	ck_assert_uint_eq(puppet->answers, 1);
	finish(puppet, MC_OK, "made");
	ck_assert_int_eq(done_status, MC_OK);
	ck_assert_str_eq(done_detail, "made");
	UNTIL(world.sup.procs == NULL); /* one act, then gone */
	world_close();
	ck_assert_uint_eq(dones, 1);
}
END_TEST

START_TEST(its_refusal_is_the_outcome)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");

	start();
	finish(begin(&act), MC_EPASSPHRASE, "not the key's passphrase");
	ck_assert_int_eq(done_status, MC_EPASSPHRASE);
	ck_assert_str_eq(done_detail, "not the key's passphrase");
	ck_assert(world_logged("\"ceremony-ended\""));
	world_close();
	ck_assert_uint_eq(dones, 1);
}
END_TEST

START_TEST(the_first_refused_step_is_the_reason)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");
	struct puppet *puppet;
	struct puppet_item *unseal;

	start();
	world.held[1] = MSG_CTL_UNSEAL;
	world.held[2] = MSG_CTL_START;
	puppet = begin(&act);
	unseal = puppet_seek(puppet, MSG_CTL_UNSEAL);
	puppet_answer(puppet, unseal, MC_EPASSPHRASE, "not this one");
	puppet_answer(puppet, puppet_seek(puppet, MSG_CTL_START), MC_EIO, "no start");
	UNTIL(dones == 1); /* the act itself is not waited for */
	ck_assert_int_eq(done_status, MC_EPASSPHRASE);
	ck_assert_str_eq(done_detail, "not this one");
	world_close();
	ck_assert_uint_eq(dones, 1);
}
END_TEST

START_TEST(a_program_that_ends_early_is_said)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");

	start();
	puppet_kill(begin(&act));
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_EPEER);
	ck_assert_ptr_nonnull(strstr(done_detail, "ended early"));
	UNTIL(world.sup.procs == NULL); /* not started again */
	world_close();
	ck_assert_uint_eq(dones, 1);
}
END_TEST

START_TEST(what_it_may_not_ask_ends_it)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");
	struct msg_ctl_want_crl wish = {.environment = base_span_str("staging")};
	struct puppet *puppet;

	start();
	puppet = begin(&act);
	ck_assert_int_eq(msg_send(puppet->chan, MSG_CTL_WANT_CRL, 0, 1, &msg_ctl_want_crl_table, &wish),
	    MC_OK);
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_EPEER);
	ck_assert(world_logged("from a ceremony"));
	world_close();
}
END_TEST

START_TEST(an_act_does_not_make_the_daemon_unready)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");
	struct base_buf out;
	char *text;

	start();
	(void)begin(&act);
	base_buf_init(&out, LIMIT_FRAME);
	sup_status(&world.sup, &out);
	text = base_buf_take_str(&out);
	ck_assert_ptr_nonnull(strstr(text, "\"ready\":true"));
	ck_assert_ptr_nonnull(strstr(text, "\"role\":\"ceremony\""));
	free(text);
	world_close();
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_EPEER);
}
END_TEST

/* --- what does not begin --- */

static void
refused(const struct sup_act *act, enum mc_err code, const char *text)
{
	ck_assert_int_eq(sup_ceremony(&world.sup, act), code);
	ck_assert_msg(strstr(mc_err_last()->detail, text) != NULL, "%s", mc_err_last()->detail);
	ck_assert_ptr_null(world.sup.procs);
	ck_assert_ptr_null(world.sup.ceremony);
	ck_assert_uint_eq(dones, 0);
}

START_TEST(one_at_a_time)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "production");
	struct puppet *puppet;

	start();
	puppet = begin(&act);
	ck_assert_int_eq(sup_ceremony(&world.sup, &act), MC_EBUSY);
	finish(puppet, MC_OK, "");
	ck_assert_uint_eq(dones, 1);
	/* the next may begin in the answer to the one before */
	finish(begin(&act), MC_OK, "");
	UNTIL(world.sup.procs == NULL);
	dones = 0;
	world.sup.stopping = true;
	refused(&act, MC_EBUSY, "under way");
	world_close();
}
END_TEST

START_TEST(it_needs_environment_passphrase_and_keys)
{
	struct sup_act act = act_of(MSG_CEREMONY_CRL, "nowhere");
	char *path;

	start();
	refused(&act, MC_ENOTFOUND, "no environment nowhere in the configuration");
	act.environment = "staging";
	refused(&act, MC_ESEALED, "staging has no passphrase_file; give its passphrase");
	act.environment = "production";
	path = world_path("state/keys/production/environment.pem");
	ck_assert_int_eq(unlink(path), 0);
	refused(&act, MC_ENOTFOUND, "environment.pem");
	act.act = MSG_CEREMONY_ISSUING;
	refused(&act, MC_ENOTFOUND, "environment.pem");
	free(path);
	path = world_path("state/keys/root/root.pem");
	ck_assert_int_eq(unlink(path), 0);
	act.act = MSG_CEREMONY_ENVIRONMENT;
	refused(&act, MC_ENOTFOUND, "root.pem");
	free(path);
	path = world_path("pass");
	ck_assert_int_eq(chmod(path, 0604), 0);
	act.act = MSG_CEREMONY_ISSUING;
	refused(&act, MC_EPOLICY, "open to others");
	free(path);
	world_close();
}
END_TEST

/* A folder that is a link leads where somebody else may want keys to be written. */
START_TEST(a_folder_that_is_a_link_is_refused)
{
	struct sup_act act = act_of(MSG_CEREMONY_ROOT, NULL);
	char *path, *moved;

	start();
	path = world_path("state/keys/root");
	moved = world_path("moved");
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(symlink(moved, path), 0);
	refused(&act, MC_EIO, "state/keys/root");
	free(path);
	free(moved);
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_ceremony", the_root_gets_its_folder_and_its_passphrase,
    an_environment_gets_folder_root_key_and_both_passphrases, a_rotation_and_a_crl_get_the_environments_key,
    the_operators_get_a_new_folder, its_lines_are_passed_on, its_refusal_is_the_outcome,
    the_first_refused_step_is_the_reason, a_program_that_ends_early_is_said, what_it_may_not_ask_ends_it,
    an_act_does_not_make_the_daemon_unready,
    one_at_a_time, it_needs_environment_passphrase_and_keys, a_folder_that_is_a_link_is_refused)
