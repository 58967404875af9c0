/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket: who may connect, how many, what may come in, and whom an answer is for. */
#include "rotation/sup.h"

#include <errno.h>

#include "tests/unit/admin_client.h"
#include "tests/unit/check_main.h"

#define DAEMON_UID 61002
#define OTHER_UID  61001
#define PATH_MOST  107 /* bytes of a socket's path */

static struct admin_client client;

static void
start(void)
{
	world_open();
	world.sup.admin = sup_admin_new(&world.sup);
	ck_assert_ptr_nonnull(world.sup.admin);
}

static void
end(void)
{
	admin_leave(&client);
	world_end_processes();
	sup_admin_free(world.sup.admin);
	world_close();
}

/* --- the socket --- */

START_TEST(its_file_is_for_its_owner_and_goes_with_it)
{
	struct stat st;
	char *path;

	world_open();
	folder_put(world.folder, "state/run/admin.sock", "of a daemon that died");
	world.sup.admin = sup_admin_new(&world.sup);
	ck_assert_ptr_nonnull(world.sup.admin);
	path = world_path("state/run/admin.sock");
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	sup_admin_free(world.sup.admin);
	ck_assert_int_eq(lstat(path, &st), -1);
	sup_admin_free(NULL);
	free(path);
	world_close();
}
END_TEST

START_TEST(a_path_may_be_so_long)
{
	char *kept, *run_dir;
	size_t room;

	world_open();
	kept = world.sup.config->run_dir;
	room = PATH_MOST - strlen(world.folder) - strlen("//admin.sock");
	for (size_t over = 0; over < 2; over++) {
		char name[PATH_MOST + 2] = {0};

		memset(name, 'r', room + over);
		run_dir = world_path(name);
		ck_assert_int_eq(mkdir(run_dir, 0700), 0);
		world.sup.config->run_dir = run_dir;
		world.sup.admin = sup_admin_new(&world.sup);
		ck_assert_int_eq(world.sup.admin != NULL, over == 0);
		sup_admin_free(world.sup.admin);
		free(run_dir);
	}
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "choose a shorter run_dir"));
	world.sup.config->run_dir = run_dir = world_path("nowhere");
	ck_assert_ptr_null(sup_admin_new(&world.sup));
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
	free(run_dir);
	world.sup.config->run_dir = kept;
	world_close();
}
END_TEST

/* --- who may connect --- */

/* Whether one of this user is taken by a supervisor of that. Only root can be several. */
static bool
taken(uid_t peer, uid_t daemon)
{
	bool alive;

	client = (struct admin_client){0};
	ck_assert_int_eq(seteuid(peer), 0);
	client.chan = base_chan_new(world.sup.loop, admin_socket(), admin_on_item, admin_on_gone, &client);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(seteuid(daemon), 0);
	world_turns();
	ck_assert_int_eq(seteuid(0), 0);
	alive = client.chan != NULL;
	admin_leave(&client);
	return alive;
}

/* The file's mode keeps others out; should it ever be wider, the kernel's word on the peer does. */
START_TEST(only_root_and_the_daemons_user_give_orders)
{
	static const char *const folders[] = {"", "state", "state/run"};
	char *path;

	start();
	for (size_t i = 0; i < 3; i++) {
		path = world_path(folders[i]);
		ck_assert_int_eq(chmod(path, 0711), 0);
		free(path);
	}
	path = world_path("state/run/admin.sock");
	ck_assert_int_eq(chmod(path, 0666), 0);
	free(path);
	if (geteuid() == 0) {
		ck_assert(taken(0, 0));
		ck_assert(!taken(OTHER_UID, 0));
		ck_assert(world_logged("\"admin-client-refused\",\"uid\":61001"));
		ck_assert(taken(DAEMON_UID, DAEMON_UID));
		ck_assert(taken(0, DAEMON_UID));
		ck_assert(!taken(OTHER_UID, DAEMON_UID));
	} else {
		admin_connect(&client);
		ck_assert_ptr_nonnull(client.chan);
	}
	end();
}
END_TEST

START_TEST(so_many_at_once)
{
	static struct admin_client many[SUP_ADMIN_CLIENTS];

	start();
	for (size_t i = 0; i < SUP_ADMIN_CLIENTS; i++) {
		admin_connect(&many[i]);
		ck_assert_ptr_nonnull(many[i].chan);
	}
	admin_connect(&client);
	ck_assert_ptr_null(client.chan);
	admin_leave(&many[3]);
	admin_connect(&client);
	ck_assert_ptr_nonnull(client.chan);
	admin_plain(&client, MSG_ADM_STATUS);
	admin_gets(&client, MC_OK, "");
	for (size_t i = 0; i < SUP_ADMIN_CLIENTS; i++) {
		ck_assert_uint_eq(many[i].lasts, 0);
		admin_leave(&many[i]);
	}
	end();
}
END_TEST

/* --- what may come in --- */

START_TEST(a_greeting_says_nothing_and_is_taken)
{
	start();
	admin_connect(&client);
	ck_assert_int_eq(msg_hello_send(client.chan, MSG_ROLE_SUPERVISOR, NULL), MC_OK);
	admin_plain(&client, MSG_ADM_STATUS);
	admin_gets(&client, MC_OK, "\"ready\":false");
	ck_assert_ptr_nonnull(strstr(client.text, "\"roles\":[]"));
	end();
}
END_TEST

START_TEST(anything_but_an_order_drops_the_client)
{
	static const uint16_t types[] = {MSG_ISSUE, MSG_CTL_UNSEAL, MSG_UNSEALED, MSG_REVOKE, 190, 208};

	start();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		admin_connect(&client);
		admin_plain(&client, types[i]);
		ck_assert_ptr_null(client.chan);
		admin_leave(&client);
	}
	ck_assert(world_logged("on the local socket"));
	end();
}
END_TEST

START_TEST(a_descriptor_drops_the_client_and_is_closed)
{
	char byte;
	int fds[2];

	start();
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	admin_connect(&client);
	ck_assert_int_eq(base_chan_send_fd(client.chan, MSG_ADM_STATUS, 1, base_span_of(NULL, 0), fds[1]),
	    MC_OK);
	world_turns();
	ck_assert_ptr_null(client.chan);
	(void)close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0); /* nobody has it any more */
	(void)close(fds[0]);
	end();
}
END_TEST

START_TEST(orders_that_do_not_decode_drop_the_client)
{
	static const uint16_t types[] = {MSG_ADM_UNSEAL, MSG_ADM_ROTATE, MSG_ADM_ENV_ADD, MSG_ADM_USER_ADD,
	    MSG_ADM_CA_CRL};

	start();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		admin_connect(&client);
		ck_assert_int_eq(base_chan_send(client.chan, types[i], 0, 1, base_span_str("x")), MC_OK);
		world_turns();
		ck_assert_ptr_null(client.chan);
		admin_leave(&client);
	}
	ck_assert_ptr_null(world.sup.procs);
	end();
}
END_TEST

/* --- whom an answer is for --- */

START_TEST(an_answer_is_for_who_asked)
{
	struct admin_client other;
	struct puppet *ledger;

	start();
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	world.held[0] = MSG_CTL_CLOCK;
	admin_connect(&client);
	admin_connect(&other);
	admin_plain(&client, MSG_ADM_CLOCK);
	admin_plain(&other, MSG_ADM_STATUS);
	admin_gets(&other, MC_OK, "ledger");
	ck_assert_uint_eq(client.lasts, 0);
	puppet_answer(ledger, puppet_seek(ledger, MSG_CTL_CLOCK), MC_OK, "");
	admin_gets(&client, MC_OK, "accepted");
	ck_assert_uint_eq(other.lasts, 1);
	admin_leave(&other);
	end();
}
END_TEST

/* The order goes on; who comes into its place is not told of it. */
START_TEST(who_left_gets_no_answer_and_nobody_else_does)
{
	struct admin_client next;
	struct puppet *ledger;

	start();
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	world.held[0] = MSG_CTL_CLOCK;
	admin_connect(&client);
	admin_plain(&client, MSG_ADM_CLOCK);
	admin_leave(&client);
	admin_connect(&next);
	/* were it told, its channel would drop an answer to nothing: this one is under way */
	admin_plain(&next, MSG_ADM_CLOCK);
	puppet_answer(ledger, puppet_seek(ledger, MSG_CTL_CLOCK), MC_OK, "");
	world_turns();
	ck_assert_ptr_nonnull(next.chan);
	ck_assert_uint_eq(next.lasts, 0);
	puppet_answer(ledger, puppet_seek(ledger, MSG_CTL_CLOCK), MC_EIO, "no room");
	admin_gets(&next, MC_EIO, "no room");
	admin_leave(&next);
	end();
}
END_TEST

CHECK_MAIN("rotation_sup_admin", its_file_is_for_its_owner_and_goes_with_it, a_path_may_be_so_long,
    only_root_and_the_daemons_user_give_orders, so_many_at_once, a_greeting_says_nothing_and_is_taken,
    anything_but_an_order_drops_the_client, a_descriptor_drops_the_client_and_is_closed,
    orders_that_do_not_decode_drop_the_client, an_answer_is_for_who_asked,
    who_left_gets_no_answer_and_nobody_else_does)
