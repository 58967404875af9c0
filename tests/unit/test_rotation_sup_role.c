/* SPDX-License-Identifier: Apache-2.0 */
/* One role process: what it is handed, and what it may say. Its calls and its end: test_rotation_sup_role_end.c. */
#include "rotation/sup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

#define FIRST_US 100000 /* of the back-off */

static unsigned states;

static void
on_state(struct sup_proc *proc)
{
	(void)proc;
	states++;
}

static void
start(void)
{
	states = 0;
	world_open();
}

static void
assert_content(int fd, const char *text)
{
	char buf[32] = {0};

	ck_assert_int_gt(pread(fd, buf, sizeof(buf) - 1, 0), 0);
	ck_assert_str_eq(buf, text);
}

static void
assert_config(const struct puppet_item *item)
{
	struct config *config = config_from_fd(item->fd);

	ck_assert_ptr_nonnull(config);
	ck_assert_mem_eq(config->hash, world.sup.config->hash, sizeof(config->hash));
	config_free(config);
}

static void
assert_passphrase(const struct puppet_item *item, const char *environment, const char *text)
{
	struct msg_ctl_unseal msg;

	puppet_read(item, &msg_ctl_unseal_table, &msg);
	ck_assert_uint_eq(msg.slot, MSG_KEY_ENVIRONMENT);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert(base_span_equal_str(msg.passphrase, text));
}

/* --- what it is handed --- */

START_TEST(a_signer_gets_configuration_keys_passphrase_then_start)
{
	struct msg_ctl_keyfile file;
	struct puppet_item *item;
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	folder_put(world.folder, "state/keys/production/issuing-00000001.pem", "older");
	puppet = world_start(MSG_ROLE_SIGNER, "production", &proc);
	ck_assert_str_eq(puppet->who.program, "meshca-signer");
	ck_assert_str_eq(puppet->who.label, "production");
	ck_assert_uint_eq(proc->generation, 1);
	assert_config(puppet_take(puppet, MSG_CTL_CONFIG));
	item = puppet_take(puppet, MSG_CTL_KEYFILE);
	puppet_read(item, &msg_ctl_keyfile_table, &file);
	ck_assert_uint_eq(file.slot, MSG_KEY_ISSUING);
	ck_assert(base_span_equal_str(file.environment, "production"));
	assert_content(item->fd, "production");
	assert_content(puppet_take(puppet, MSG_CTL_KEYFILE)->fd, "older");
	assert_passphrase(puppet_take(puppet, MSG_CTL_UNSEAL), "production", WORLD_SECRET " configured");
	(void)puppet_take(puppet, MSG_CTL_START);
	ck_assert_uint_eq(puppet->first, puppet->count);
	(void)world_start(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, &proc);
	ck_assert_uint_eq(proc->generation, 2);
	world_close();
}
END_TEST

START_TEST(a_passphrase_that_was_given_is_for_one_start)
{
	struct puppet *puppet;
	struct sup_proc *proc;

	start();
	proc = sup_proc_add(&world.sup, MSG_ROLE_SIGNER, "staging");
	proc->passphrase = sup_keys_copy(base_span_str(WORLD_SECRET " given"));
	sup_proc_start(proc);
	puppet = puppet_started(proc);
	ck_assert_ptr_null(proc->passphrase);
	assert_passphrase(puppet_seek(puppet, MSG_CTL_UNSEAL), "staging", WORLD_SECRET " given");
	puppet_kill(puppet);
	UNTIL(proc->restarts == 1);
	puppet = puppet_started(proc);
	ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_UNSEAL), 0); /* sealed: nothing is configured */
	world_close();
}
END_TEST

START_TEST(an_unreadable_passphrase_file_means_a_sealed_start)
{
	struct puppet *puppet;
	char *path;

	start();
	path = world_path("pass");
	ck_assert_int_eq(chmod(path, 0604), 0);
	puppet = world_start(MSG_ROLE_SIGNER, "production", NULL);
	ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_UNSEAL), 0);
	ck_assert(world_logged("\"passphrase-unreadable\""));
	free(path);
	world_close();
}
END_TEST

START_TEST(only_the_front_gets_listeners_and_only_a_signer_keys)
{
	static const enum msg_role roles[] = {MSG_ROLE_LEDGER, MSG_ROLE_KEEPER, MSG_ROLE_FRONT};

	start();
	for (size_t i = 0; i < 3; i++) {
		struct puppet *puppet = world_start(roles[i], NULL, NULL);

		ck_assert_str_eq(puppet->who.label, "");
		assert_config(&puppet->items[0]);
		ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_KEYFILE), 0);
		ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_UNSEAL), 0);
		/* REST, the probes, and one of each environment */
		ck_assert_uint_eq(puppet_has(puppet, MSG_CTL_LISTENER), roles[i] == MSG_ROLE_FRONT ? 4 : 0);
		ck_assert_uint_eq(puppet->items[puppet->count - 1].type, MSG_CTL_START);
	}
	world_close();
}
END_TEST

START_TEST(without_a_key_file_a_signer_is_not_started)
{
	struct sup_proc *proc;
	char *path;

	start();
	proc = sup_proc_add(&world.sup, MSG_ROLE_SIGNER, "staging");
	path = world_path("state/keys/staging/issuing.pem");
	ck_assert_int_eq(unlink(path), 0);
	sup_proc_start(proc);
	ck_assert_ptr_null(proc->chan);
	ck_assert_int_eq(proc->pid, 0);
	ck_assert_str_eq(proc->detail, "no key file; run meshca environment add staging");
	for (const char *const *name = (const char *const[]){"production", "staging", CONFIG_OPERATORS,
		 NULL}; *name != NULL; name++) {
		free(path);
		path = base_xasprintf("%s/state/keys/%s/environment.pem", world.folder, *name);
		ck_assert_int_eq(unlink(path), 0);
	}
	sup_proc_start(proc);
	ck_assert_str_eq(proc->detail, "no key file; stop meshcad and run meshca init");
	free(path);
	world_close();
}
END_TEST

START_TEST(each_role_has_its_user)
{
	struct config config = {.front_uid = 1001, .ledger_uid = 1002, .keeper_uid = 1003,
	    .operators = {.name = (char[]){CONFIG_OPERATORS}, .uid = 1004}};
	struct sup sup = {.config = &config};
	struct sup_proc proc = {.sup = &sup};
	char operators[] = CONFIG_OPERATORS;

	for (unsigned i = 0; i < 4; i++) {
		proc.role = (const enum msg_role[]){MSG_ROLE_FRONT, MSG_ROLE_LEDGER, MSG_ROLE_KEEPER,
		    MSG_ROLE_OPERATORS}[i];
		proc.environment = proc.role == MSG_ROLE_OPERATORS ? operators : NULL;
		ck_assert_uint_eq(sup_proc_uid(&proc), 1001 + i);
	}
	/* it writes what only the daemon may write */
	proc.role = MSG_ROLE_CEREMONY;
	ck_assert_uint_eq(sup_proc_uid(&proc), geteuid());
	config.operators.uid = 0;
	proc.role = MSG_ROLE_OPERATORS;
	ck_assert_uint_eq(sup_proc_uid(&proc), geteuid());
}
END_TEST

/* --- what it may say --- */

START_TEST(a_report_is_kept_and_answered)
{
	char longest[LIMIT_DETAIL + 1];
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	proc->on_state = on_state;
	ck_assert(proc->fresh);
	ck_assert_int_eq(proc->state, MSG_RS_STARTING);
	memset(longest, 'd', LIMIT_DETAIL);
	longest[LIMIT_DETAIL] = '\0';
	for (uint8_t state = MSG_RS_STARTING; state <= MSG_RS_BLOCKED; state++) {
		puppet_says(puppet, state, longest);
		ck_assert_uint_eq(proc->state, state);
		ck_assert_str_eq(proc->detail, longest);
		ck_assert_uint_eq(states, state);
		ck_assert_uint_eq(puppet->answers, state);
	}
	ck_assert(!proc->fresh);
	world_close();
}
END_TEST

/* The peer says it; is it dropped? */
static void
dropped(void (*say)(struct puppet *puppet), const char *why)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	say(puppet);
	UNTIL(proc->backoff_us == FIRST_US); /* it will be started again, like one that died */
	ck_assert_msg(world_logged(why), "the log does not say %s", why);
	world_close();
}

static void
say_state_0(struct puppet *puppet)
{
	puppet_says(puppet, 0, "");
}

static void
say_state_6(struct puppet *puppet)
{
	puppet_says(puppet, MSG_RS_BLOCKED + 1, "");
}

static void
say_request(struct puppet *puppet)
{
	static const struct msg_empty empty;

	ck_assert_int_eq(msg_send(puppet->chan, MSG_ADM_ROTATE, 0, 1, &msg_empty_table, &empty), MC_OK);
}

static void
say_descriptor(struct puppet *puppet)
{
	ck_assert_int_eq(base_chan_send_fd(puppet->chan, MSG_CTL_STATUS, 1, base_span_of(NULL, 0),
	    log_file), MC_OK);
}

static void
say_nonsense(struct puppet *puppet)
{
	ck_assert_int_eq(base_chan_send(puppet->chan, MSG_CTL_STATUS, 0, 1, base_span_str("?")), MC_OK);
}

START_TEST(what_a_role_may_not_say_ends_its_channel)
{
	dropped(say_state_0, "state 0");
	dropped(say_state_6, "state 6");
	dropped(say_request, "from keeper: not permitted");
	dropped(say_descriptor, "a descriptor from keeper");
	dropped(say_nonsense, "\"role-dropped\"");
}
END_TEST

/* The program, and what it greets as: is it taken? */
static bool
greets(enum msg_role role, const char *environment, enum msg_role as)
{
	struct sup_proc *proc;
	struct puppet *puppet;
	bool taken;

	start();
	world.mute = true;
	puppet = world_start(role, environment, &proc);
	ck_assert_int_eq(msg_hello_send(puppet->chan, as, NULL), MC_OK);
	UNTIL(proc->greeted);
	world_turns();
	taken = proc->chan != NULL;
	world_close();
	return taken;
}

START_TEST(it_must_greet_as_what_it_was_started_for)
{
	ck_assert(greets(MSG_ROLE_KEEPER, NULL, MSG_ROLE_KEEPER));
	ck_assert(!greets(MSG_ROLE_KEEPER, NULL, MSG_ROLE_FRONT));
	ck_assert(!greets(MSG_ROLE_KEEPER, NULL, MSG_ROLE_SIGNER));
	ck_assert(greets(MSG_ROLE_SIGNER, "production", MSG_ROLE_SIGNER));
	ck_assert(!greets(MSG_ROLE_SIGNER, "production", MSG_ROLE_OPERATORS));
	/* it learns only from what it gets whose signer it is */
	ck_assert(greets(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, MSG_ROLE_SIGNER));
	ck_assert(greets(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, MSG_ROLE_OPERATORS));
	ck_assert(!greets(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, MSG_ROLE_LEDGER));
}
END_TEST

START_TEST(nothing_is_taken_before_the_greeting)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	world.mute = true;
	puppet = world_start(MSG_ROLE_KEEPER, NULL, &proc);
	puppet_says(puppet, MSG_RS_READY, "");
	UNTIL(proc->backoff_us > 0);
	ck_assert(!world_logged("\"ready\""));
	world_close();
}
END_TEST

START_TEST(a_ledger_that_is_ready_is_told_the_configuration_once)
{
	struct sup_proc *proc;
	struct puppet *puppet;

	start();
	puppet = world_start(MSG_ROLE_LEDGER, NULL, &proc);
	puppet_says(puppet, MSG_RS_READY, "");
	ck_assert_uint_eq(puppet_has(puppet, MSG_CONFIG_PUT), 0); /* a ceremony at the command line */
	world.sup.serving = true;
	puppet_says(puppet, MSG_RS_BLOCKED, "");
	ck_assert_uint_eq(puppet_has(puppet, MSG_CONFIG_PUT), 0);
	puppet_says(puppet, MSG_RS_READY, "");
	ck_assert(world.sup.recorded);
	puppet_says(puppet, MSG_RS_READY, "");
	ck_assert_uint_eq(puppet_has(puppet, MSG_CONFIG_PUT), 1);
	world_close();
}
END_TEST

CHECK_MAIN("rotation_sup_role", a_signer_gets_configuration_keys_passphrase_then_start,
    a_passphrase_that_was_given_is_for_one_start, an_unreadable_passphrase_file_means_a_sealed_start,
    only_the_front_gets_listeners_and_only_a_signer_keys, without_a_key_file_a_signer_is_not_started,
    each_role_has_its_user, a_report_is_kept_and_answered, what_a_role_may_not_say_ends_its_channel,
    it_must_greet_as_what_it_was_started_for, nothing_is_taken_before_the_greeting,
    a_ledger_that_is_ready_is_told_the_configuration_once)
