/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshcad --init and --environment-add: which ceremonies, in which order, with whose passphrases. The tests run in
 * a session without a terminal, until one of them gets a pseudo-terminal, at which another process types.
 */
#include "rotation/sup.h"

#include <sys/prctl.h>
#include <termios.h>

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

#define ROOT_PASS WORLD_SECRET " of the root"

static char *root_file;

static void
unlink_all(const char *name)
{
	static const char *const names[] = {"production", "staging", CONFIG_OPERATORS};

	for (size_t i = 0; i < 3; i++) {
		char *path = base_xasprintf("%s/state/keys/%s/%s", world.folder, names[i], name);

		(void)unlink(path);
		free(path);
	}
}

static void
drop(const char *name)
{
	char *path = world_path(name);

	ck_assert_int_eq(unlink(path), 0);
	free(path);
}

/* A world in which staging has a passphrase file as well, and the root's is at hand. */
static void
start(void)
{
	char *line;

	world_open();
	line = base_xasprintf("    passphrase_file: %s/staging.pass\n", world.folder);
	world_write_config(NULL, line);
	folder_put(world.folder, "staging.pass", WORLD_SECRET " of staging\n");
	folder_put(world.folder, "root.pass", ROOT_PASS "\n");
	root_file = world_path("root.pass");
	config_free(world.sup.config);
	world.sup.config = config_read(world.config_path);
	ck_assert_ptr_nonnull(world.sup.config);
	free(line);
}

static void
no_keys(void)
{
	unlink_all("issuing.pem");
	unlink_all("environment.pem");
	drop("state/keys/root/root.pem");
}

static int
init(const char *environment, const char *root)
{
	struct sup_init_options options = {.root_passphrase_file = root, .environment = environment};

	return sup_init(&world.sup, &options);
}

static void
end(void)
{
	ck_assert_ptr_null(world.sup.procs); /* whatever came of it, nothing runs on */
	free(root_file);
	world_close();
}

/* Whether one more ceremony was run, from the given puppet on, which is moved to it. */
static bool
another(size_t *at)
{
	while (*at < world.count && world.puppets[*at].role != MSG_ROLE_CEREMONY) {
		(*at)++;
	}
	return *at < world.count;
}

/* The next ceremony that was run, from the given puppet on: it must be this, with these passphrases. */
static void
ran(size_t *at, enum msg_ceremony act, const char *environment, const char *passphrase, const char *root)
{
	const struct puppet *puppet;
	struct msg_ctl_ceremony msg;
	unsigned given = 0;

	ck_assert_msg(another(at), "no ceremony for %s", environment);
	puppet = &world.puppets[(*at)++];
	ck_assert_uint_eq(puppet_got(puppet, 0, MSG_CTL_CHANNEL), 1); /* the ledger was started before */
	puppet_read(&puppet->items[puppet->count - 1], &msg_ctl_ceremony_table, &msg);
	ck_assert_uint_eq(msg.act, act);
	ck_assert(base_span_equal_str(msg.environment, environment));
	ck_assert(base_span_equal_str(msg.actor, "meshcad --init"));
	ck_assert(base_span_equal_str(msg.from, "command line"));
	for (size_t i = 0; i < puppet->count; i++) {
		struct msg_ctl_unseal unseal;

		if (puppet->items[i].type == MSG_CTL_UNSEAL) {
			puppet_read(&puppet->items[i], &msg_ctl_unseal_table, &unseal);
			ck_assert(base_span_equal_str(unseal.passphrase,
			    unseal.slot == MSG_KEY_ROOT ? root : passphrase));
			given++;
		}
	}
	ck_assert_uint_eq(given, (passphrase != NULL ? 1u : 0u) + (root != NULL ? 1u : 0u));
}

/* --- without a terminal --- */

/* Before any act: a missing passphrase must not leave half an authority. */
START_TEST(without_a_terminal_a_missing_passphrase_is_named)
{
	start();
	no_keys();
	ck_assert_int_eq(init(NULL, NULL), 1);
	ck_assert(world_logged("no passphrase of the root and no terminal to ask on; give "
	    "--root-passphrase-file"));
	world_write_config(NULL, NULL);
	config_free(world.sup.config);
	world.sup.config = config_read(world.config_path);
	ck_assert_int_eq(init(NULL, root_file), 1);
	ck_assert(world_logged("no passphrase of staging and no terminal to ask on; set its passphrase_file"));
	ck_assert_uint_eq(world.count, 0);
	end();
}
END_TEST

START_TEST(a_whole_authority_begins_with_its_root)
{
	size_t at = 0;

	start();
	no_keys();
	ck_assert_int_eq(init(NULL, root_file), 0);
	ran(&at, MSG_CEREMONY_ROOT, "", NULL, ROOT_PASS);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "production", WORLD_SECRET " configured", ROOT_PASS);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "staging", WORLD_SECRET " of staging", ROOT_PASS);
	ran(&at, MSG_CEREMONY_OPERATORS, CONFIG_OPERATORS, WORLD_SECRET " of operators", NULL);
	ck_assert(!another(&at));
	ck_assert(world_logged("[1/4] root\n"));
	ck_assert(world_logged("[4/4] operators\n"));
	ck_assert(world_logged("done\n"));
	end();
}
END_TEST

/* A root that is there may not be in the ledger yet: its act, run again, goes on from what it finds. */
START_TEST(a_second_run_makes_what_is_missing)
{
	size_t at = 0;
	char *path;

	start();
	path = world_path("state/keys/staging/issuing.pem");
	ck_assert_int_eq(unlink(path), 0);
	free(path);
	ck_assert_int_eq(init(NULL, root_file), 0);
	ran(&at, MSG_CEREMONY_ROOT, "", NULL, ROOT_PASS);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "staging", WORLD_SECRET " of staging", ROOT_PASS);
	ck_assert(!another(&at));
	end();
}
END_TEST

START_TEST(keys_that_are_there_are_not_made_again)
{
	start();
	ck_assert_int_eq(init(NULL, root_file), 1);
	ck_assert(world_logged("the keys of this authority are there already; nothing was changed"));
	ck_assert_int_eq(init("staging", root_file), 1);
	ck_assert(world_logged("the keys of staging are there already; nothing was changed"));
	ck_assert_uint_eq(world.count, 0);
	end();
}
END_TEST

/* Another root would certify nothing of what is there. */
START_TEST(keys_without_their_root_get_no_new_one)
{
	start();
	drop("state/keys/root/root.pem");
	ck_assert_int_eq(init(NULL, root_file), 1);
	ck_assert(world_logged("root.pem is missing; run meshca init first, or bring the root key's folder"));
	unlink_all("environment.pem");
	ck_assert_int_eq(init("staging", root_file), 1);
	ck_assert_uint_eq(world.count, 0);
	end();
}
END_TEST

START_TEST(one_environment_is_added_alone)
{
	size_t at = 0;

	start();
	unlink_all("issuing.pem");
	ck_assert_int_eq(init("nowhere", root_file), 1);
	ck_assert(world_logged("no environment nowhere in the configuration"));
	ck_assert_int_eq(init("staging", root_file), 0);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "staging", WORLD_SECRET " of staging", ROOT_PASS);
	ck_assert(!another(&at));
	end();
}
END_TEST

START_TEST(the_operators_are_added_without_the_root)
{
	size_t at = 0;

	start();
	unlink_all("issuing.pem");
	ck_assert_int_eq(init(CONFIG_OPERATORS, NULL), 0); /* its passphrase is not asked for */
	ran(&at, MSG_CEREMONY_OPERATORS, CONFIG_OPERATORS, WORLD_SECRET " of operators", NULL);
	ck_assert(!another(&at));
	end();
}
END_TEST

START_TEST(an_act_that_fails_is_the_last)
{
	size_t at = 0;

	start();
	no_keys();
	world.refused = MSG_CTL_CEREMONY;
	ck_assert_int_eq(init(NULL, root_file), 1);
	ran(&at, MSG_CEREMONY_ROOT, "", NULL, ROOT_PASS);
	ck_assert(!another(&at));
	ck_assert(world_logged("meshcad: no room (what is done is kept: run the same command again)"));
	ck_assert(!world_logged("done\n"));
	end();
}
END_TEST

static struct base_timer *timer;

/* Once the act is under way. */
static void
interrupt(void *self)
{
	size_t at = 0;

	if (another(&at) && puppet_got(&world.puppets[at], 0, MSG_CTL_CEREMONY) > 0) {
		base_loop_stop(self);
	} else {
		base_timer_set_us(timer, 5000);
	}
}

START_TEST(an_interrupted_act_is_hung_up_on)
{
	size_t at = 0;

	start();
	no_keys();
	world.held[0] = MSG_CTL_CEREMONY;
	timer = base_timer_new(world.sup.loop, interrupt, world.sup.loop);
	base_timer_set_us(timer, 0);
	ck_assert_int_eq(init(NULL, root_file), 1);
	ran(&at, MSG_CEREMONY_ROOT, "", NULL, ROOT_PASS);
	ck_assert(!another(&at));
	base_timer_free(timer);
	end();
}
END_TEST

/* --- at a terminal --- */

#define UNREAD 3 /* the typist's statuses: it saw something else; the terminal showed what was typed; */
#define ECHOED 4
#define LATE   5 /* a prompt was out before the echo was off */

/* Whether the terminal does not show what is typed, soon. */
static bool
is_hidden(int fd)
{
	struct termios now;

	for (int i = 0; i < 500; i++) {
		if (tcgetattr(fd, &now) == 0 && (now.c_lflag & ECHO) == 0) {
			return true;
		}
		(void)usleep(10000);
	}
	return false;
}

/* Reads up to text. Returns 0, or a status. */
static int
await(int master, const char *text)
{
	char seen[1024] = {0};
	size_t len = 0;

	while (strstr(seen, text) == NULL) {
		if (len == sizeof(seen) - 1 || read(master, seen + len, 1) != 1) {
			return UNREAD;
		}
		len++;
	}
	return strstr(seen, WORLD_SECRET) != NULL ? ECHOED : 0;
}

/* Waits for each prompt and types the line after it. Ends with a status. The terminal's output is held back
 * until its echo is off, so that a prompt that comes before is seen. */
static pid_t
typist(int master, int slave, const char *const *script)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid != 0) {
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	status = is_hidden(master) ? 0 : LATE;
	(void)tcflow(slave, TCOON);
	for (; status == 0 && *script != NULL; script += 2) {
		status = await(master, script[0]);
		if (status == 0) {
			status = write(master, script[1], strlen(script[1])) > 0 ? await(master, "\n") : UNREAD;
		}
	}
	_exit(status);
}

/* Runs it with somebody at the terminal, and compares the outcome. */
static void
typed(const char *environment, const char *const *script, int expected)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int slave, outcome, status = -1;
	pid_t pid;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_CLOEXEC); /* becomes the session's */
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(tcflow(slave, TCOOFF), 0);
	pid = typist(master, slave, script);
	(void)close(master); /* the typist's end is the terminal's, also for who still reads there */
	outcome = init(environment, NULL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(outcome, expected);
	(void)close(slave);
}

START_TEST(a_terminal_is_asked_once_for_a_key_that_is_there)
{
	static const char *const script[] = {"Passphrase of the root: ", ROOT_PASS "\n", NULL};
	size_t at = 0;

	start();
	unlink_all("issuing.pem");
	typed("staging", script, 0);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "staging", WORLD_SECRET " of staging", ROOT_PASS);
	end();
}
END_TEST

START_TEST(and_twice_for_one_that_is_to_be_made)
{
	static const char *const script[] = {"Passphrase of the root: ", ROOT_PASS "\n", "Again: ",
	    ROOT_PASS "\n", NULL};
	static const char *const differ[] = {"Passphrase of the root: ", ROOT_PASS "\n", "Again: ",
	    "S" WORLD_SECRET " of the roo\n", NULL};
	static const char *const longer[] = {"Passphrase of the root: ", ROOT_PASS "\n", "Again: ",
	    ROOT_PASS "s\n", NULL};
	size_t at = 0;

	start();
	no_keys();
	typed(NULL, differ, 1);
	typed(NULL, longer, 1);
	ck_assert(world_logged("or the two differ"));
	ck_assert_uint_eq(world.count, 0);
	typed(NULL, script, 0);
	ran(&at, MSG_CEREMONY_ROOT, "", NULL, ROOT_PASS);
	end();
}
END_TEST

START_TEST(an_environments_passphrase_is_asked_for_alike)
{
	static const char *const twice[] = {"Passphrase of the root: ", ROOT_PASS "\n",
	    "Passphrase of staging: ", WORLD_SECRET " typed\n", "Again: ", WORLD_SECRET " typed\n", NULL};
	size_t at = 0;

	start();
	world_write_config(NULL, NULL);
	config_free(world.sup.config);
	world.sup.config = config_read(world.config_path);
	unlink_all("issuing.pem");
	unlink_all("environment.pem");
	typed("staging", twice, 0);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "staging", WORLD_SECRET " typed", ROOT_PASS);
	end();
}
END_TEST

START_TEST(seven_characters_are_too_few)
{
	static const char *const seven[] = {"Passphrase of the root: ", "sevenxx\n", NULL};
	static const char *const eight[] = {"Passphrase of the root: ", "eightxxx\n", NULL};
	size_t at = 0;

	start();
	unlink_all("issuing.pem");
	typed("staging", seven, 1);
	ck_assert(world_logged("shorter than 8 characters"));
	ck_assert_uint_eq(world.count, 0);
	typed("staging", eight, 0);
	ran(&at, MSG_CEREMONY_ENVIRONMENT, "staging", WORLD_SECRET " of staging", "eightxxx");
	end();
}
END_TEST

/* In a session of its own: at whoever's terminal this runs, it asks nobody there. */
__attribute__((constructor)) static void
leave_the_terminal(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setsid();
		return;
	}
	(void)waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

CHECK_MAIN("rotation_sup_init", without_a_terminal_a_missing_passphrase_is_named,
    a_whole_authority_begins_with_its_root, a_second_run_makes_what_is_missing,
    keys_that_are_there_are_not_made_again, keys_without_their_root_get_no_new_one,
    one_environment_is_added_alone, the_operators_are_added_without_the_root, an_act_that_fails_is_the_last,
    an_interrupted_act_is_hung_up_on, a_terminal_is_asked_once_for_a_key_that_is_there,
    and_twice_for_one_that_is_to_be_made, an_environments_passphrase_is_asked_for_alike,
    seven_characters_are_too_few)
