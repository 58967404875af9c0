/* SPDX-License-Identifier: Apache-2.0 */
/* A changed configuration: applied whole, to whom it concerns, or not at all. */
#include "rotation/sup.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/unit/check_main.h"
#include "tests/unit/sup_world.h"

static const struct sup_asker asker = {"uid 0 on the local socket", "local socket"};
static unsigned dones;
static enum mc_err done_status;
static char done_detail[LIMIT_DETAIL + 1];

static void
on_done(void *self, enum mc_err status, const char *detail)
{
	ck_assert_ptr_eq(self, &dones);
	dones++;
	done_status = status;
	sup_text_set(done_detail, base_span_str(detail));
}

static void
start(void)
{
	dones = 0;
	world_open();
}

static void
reload(void)
{
	dones = 0;
	sup_reload(&world.sup, &asker, on_done, &dones);
}

/* --- not at all --- */

/* The file as it is now is refused, with this in the reason, and nothing has changed. */
static void
refused(const char *why)
{
	const struct config *before = world.sup.config;
	size_t listeners = world.sup.listener_count;

	reload();
	ck_assert_uint_eq(dones, 1);
	ck_assert_msg(done_status != MC_OK, "taken: %s", why);
	ck_assert_msg(strstr(done_detail, why) != NULL, "%s", done_detail);
	ck_assert_ptr_eq(world.sup.config, before);
	ck_assert_uint_eq(world.sup.listener_count, listeners);
}

START_TEST(what_cannot_change_is_refused_by_its_key)
{
	static const struct {
		const char *key, *top, *staging;
	} rows[] = {
	    {"instance cannot change", "instance: 2\n", ""},
	    {"run_dir cannot change", "run_dir: /nowhere\n", ""},
	    {"ledger.path cannot change", "ledger: {path: /nowhere/ledger.db}\n", ""},
	    {"rest.listen cannot change", "rest: {listen: \"0.0.0.0:8444\"}\n", ""},
	    {"rest.listen cannot change", "rest: {listen: \"127.0.0.1:8443\"}\n", ""},
	    {"probes.listen cannot change", "probes: {listen: \"0.0.0.0:15024\"}\n", ""},
	    {"front_user cannot change", "front_user: 1001\n", ""},
	    {"ledger_user cannot change", "ledger_user: 1001\n", ""},
	    {"keeper_user cannot change", "keeper_user: 1001\n", ""},
	    {"trust_domain cannot change", "", "    trust_domain: other.local\n"},
	};

	start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_write_config(rows[i].top, rows[i].staging);
		refused(rows[i].key);
	}
	ck_assert(world_logged("\"configuration-refused\""));
	world_close();
}
END_TEST

/* The file with something else in place of one text that is in it. */
static void
replace(const char *old, const char *new)
{
	char *text = base_xstrdup(world.sup.config->text);
	char *at = strstr(text, old);
	char *changed;

	ck_assert_ptr_nonnull(at);
	*at = '\0';
	changed = base_xasprintf("%s%s%s", text, new, at + strlen(old));
	folder_put(world.folder, "meshca.yaml", changed);
	free(changed);
	free(text);
}

START_TEST(an_environment_stays_and_so_does_its_address)
{
	start();
	replace("name: staging", "name: other");
	refused("environment staging is gone from the file");
	replace("127.0.0.1:15013", "127.0.0.1:15023");
	refused("grpc.listen cannot change");
	replace("/state\n", "/elsewhere\n");
	refused("state_dir cannot change");
	world_close();
}
END_TEST

START_TEST(a_file_that_is_wrong_changes_nothing)
{
	char *path;

	start();
	replace("environments:", "enviroments:");
	refused("meshca.yaml:");
	/* valid, but a file that it names is not there */
	world_write_config(NULL, "    clusters:\n      - {issuer: https://one, jwks_file: /nowhere/jwks}\n");
	refused("/nowhere/jwks");
	path = world_path("meshca.yaml");
	ck_assert_int_eq(unlink(path), 0);
	refused("cannot be opened");
	free(path);
	world_close();
}
END_TEST

/* Listens on a port of its own choice. */
static int
occupy(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void
write_late(uint16_t port)
{
	char *late = base_xasprintf("  - name: late\n    grpc: {listen: \"127.0.0.1:%u\"}\n", port);

	world_write_config(NULL, late);
	free(late);
}

/* A signer that would be started, a listener that would be added: neither is when a port is busy. */
START_TEST(a_busy_port_changes_nothing)
{
	uint16_t port;
	int busy;

	start();
	(void)world_start(MSG_ROLE_LEDGER, NULL, NULL); /* a start would wait for the port */
	busy = occupy(&port);
	write_late(port);
	refused("late: port");
	ck_assert_ptr_null(sup_signer(&world.sup, "late", SUP_ACTIVE));
	(void)close(busy);
	world_close();
}
END_TEST

/* --- whole --- */

START_TEST(every_role_gets_it_and_the_ledger_a_record)
{
	struct puppet *puppets[3];
	struct msg_config_put msg;
	struct puppet_item *item;

	start();
	puppets[0] = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	puppets[1] = world_start(MSG_ROLE_FRONT, NULL, NULL);
	puppets[2] = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	for (size_t i = 0; i < 3; i++) {
		(void)puppet_seek(puppets[i], MSG_CTL_START);
	}
	world.held[0] = MSG_CTL_CONFIG;
	world.held[1] = MSG_CONFIG_PUT;
	world_write_config("front_workers: 7\n", NULL);
	world.sup.recorded = true; /* the one before */
	reload();
	ck_assert_uint_eq(world.sup.config->front_workers, 7);
	for (size_t i = 0; i < 3; i++) {
		struct config *config;

		ck_assert_uint_eq(dones, 0); /* not before the last answer */
		item = puppet_seek(puppets[i], MSG_CTL_CONFIG);
		config = config_from_fd(item->fd);
		ck_assert_uint_eq(config->front_workers, 7);
		config_free(config);
		puppet_answer(puppets[i], item, MC_OK, "");
		world_turns();
	}
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_OK);
	item = puppet_seek(puppets[0], MSG_CONFIG_PUT);
	puppet_read(item, &msg_config_put_table, &msg);
	ck_assert_mem_eq(msg.hash, world.sup.config->hash, sizeof(msg.hash));
	ck_assert(base_span_equal(msg.text, base_span_of(world.sup.config->text, world.sup.config->text_len)));
	ck_assert(base_span_equal_str(msg.actor, asker.actor));
	ck_assert(base_span_equal_str(msg.from, asker.from));
	ck_assert(!world.sup.recorded);
	puppet_answer(puppets[0], item, MC_OK, "");
	world_turns();
	ck_assert(world.sup.recorded);
	world_close();
}
END_TEST

START_TEST(a_record_that_failed_is_made_at_the_ledgers_next_start)
{
	struct puppet *ledger;

	start();
	world.sup.serving = true;
	ledger = world_start(MSG_ROLE_LEDGER, NULL, NULL);
	world.held[0] = MSG_CONFIG_PUT;
	sup_config_record(&world.sup, &asker);
	puppet_answer(ledger, puppet_seek(ledger, MSG_CONFIG_PUT), MC_ENOSPACE, "the disk is full");
	world_turns();
	ck_assert(!world.sup.recorded);
	ck_assert(world_logged("\"configuration-not-recorded\""));
	puppet_says(ledger, MSG_RS_READY, "");
	(void)puppet_seek(ledger, MSG_CONFIG_PUT);
	world_close();
}
END_TEST

START_TEST(a_role_that_refuses_is_said_and_one_that_dies_is_not)
{
	struct puppet *keeper, *front;

	start();
	front = world_start(MSG_ROLE_FRONT, NULL, NULL);
	keeper = world_start(MSG_ROLE_KEEPER, NULL, NULL);
	(void)puppet_seek(front, MSG_CTL_START);
	(void)puppet_seek(keeper, MSG_CTL_START);
	world.held[0] = MSG_CTL_CONFIG;
	reload();
	puppet_answer(front, puppet_seek(front, MSG_CTL_CONFIG), MC_EIO, "the front's reason");
	puppet_answer(keeper, puppet_seek(keeper, MSG_CTL_CONFIG), MC_EBUSY, "the keeper's");
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_EIO); /* the first */
	ck_assert_str_eq(done_detail, "the front's reason");
	reload();
	UNTIL(puppet_has(front, MSG_CTL_CONFIG) == 1);
	puppet_kill(front); /* it gets the new one at its restart */
	puppet_answer(keeper, puppet_seek(keeper, MSG_CTL_CONFIG), MC_OK, "");
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_OK);
	world_close();
}
END_TEST

START_TEST(a_new_environment_is_listened_for_and_served)
{
	struct msg_ctl_listener msg;
	struct puppet *front;
	struct sup_proc *late;
	uint16_t port;

	start();
	front = world_start(MSG_ROLE_FRONT, NULL, NULL);
	(void)puppet_seek(front, MSG_CTL_START);
	folder_put(world.folder, "state/keys/late/issuing.pem", "late");
	(void)close(occupy(&port));
	write_late(port);
	reload();
	UNTIL(dones == 1);
	ck_assert_int_eq(done_status, MC_OK);
	puppet_read(puppet_seek(front, MSG_CTL_LISTENER), &msg_ctl_listener_table, &msg);
	ck_assert_uint_eq(msg.kind, MSG_LISTEN_GRPC);
	ck_assert(base_span_equal_str(msg.environment, "late"));
	ck_assert_uint_eq(puppet_has(front, MSG_CTL_LISTENER), 0); /* that one alone */
	late = sup_signer(&world.sup, "late", SUP_ACTIVE);
	ck_assert_ptr_nonnull(late);
	ck_assert_uint_eq(puppet_has(puppet_started(late), MSG_CTL_KEYFILE), 1);
	world_close();
}
END_TEST

/* --- to whom it concerns --- */

/* The file with these lines of staging is what meshcad runs with. */
static void
running(const char *staging)
{
	world_write_config(NULL, staging);
	config_free(world.sup.config);
	world.sup.config = config_read(world.config_path);
	ck_assert_msg(world.sup.config != NULL, "%s", mc_err_last()->detail);
}

START_TEST(a_changed_policy_changes_its_signer_over)
{
	static char key_dir[128];
	static const char *const changes[][2] = {{NULL, "    svid: {ttl: 12h}\n"},
	    {NULL, "    svid: {max_ttl: 8d}\n"}, {NULL, "    svid: {key_types: [rsa]}\n"},
	    {NULL, "    svid: {key_types: [p-256]}\n"}, {NULL, "    svid: {key_types: [rsa, p-256, p-384]}\n"},
	    {NULL, "    server: {ttl: 1d}\n"}, {NULL, "    server: {names: [a.example]}\n"},
	    {"    server: {names: [b.example]}\n", "    server: {names: [a.example]}\n"},
	    {NULL, "    rate: {per_second: 1}\n"}, {NULL, "    rate: {burst: 1}\n"},
	    {NULL, "    verify_sample: 1\n"}, {NULL, "    crl: {lifetime: 12h}\n"},
	    {NULL, "    user: 1001\n"}, {NULL, key_dir}};
	struct sup_proc *second;

	start();
	folder_put(world.folder, "elsewhere/issuing.pem", "staging");
	(void)snprintf(key_dir, sizeof(key_dir), "    key_dir: %s/elsewhere\n", world.folder);
	puppet_says(world_start(MSG_ROLE_SIGNER, "production", NULL), MSG_RS_READY, "");
	puppet_says(world_start(MSG_ROLE_SIGNER, "staging", NULL), MSG_RS_READY, "");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		running(changes[i][0]);
		world_write_config(NULL, changes[i][1]);
		reload();
		second = sup_signer(&world.sup, "staging", SUP_STANDBY);
		ck_assert_msg(second != NULL, "%s", changes[i][1]);
		ck_assert_ptr_null(sup_signer(&world.sup, "production", SUP_STANDBY));
		ck_assert_uint_eq(dones, 0);
		puppet_says(puppet_started(second), MSG_RS_READY, "");
		ck_assert_uint_eq(dones, 1);
		ck_assert_int_eq(done_status, MC_OK);
		ck_assert_str_eq(done_detail, "");
	}
	world_close();
}
END_TEST

START_TEST(a_sealed_signer_is_no_failure)
{
	struct sup_proc *second;

	start();
	(void)world_start(MSG_ROLE_SIGNER, "staging", NULL);
	world_write_config(NULL, "    verify_sample: 1\n");
	reload();
	second = sup_signer(&world.sup, "staging", SUP_STANDBY);
	ck_assert_ptr_nonnull(second);
	puppet_says(puppet_started(second), MSG_RS_SEALED, "");
	ck_assert_uint_eq(dones, 1); /* it waits for its passphrase; all else is done */
	ck_assert_int_eq(done_status, MC_OK);
	ck_assert_ptr_nonnull(strstr(done_detail, "run meshca unseal"));
	world_close();
}
END_TEST

START_TEST(what_is_not_the_signers_changes_none_over)
{
	start();
	(void)world_start(MSG_ROLE_SIGNER, "staging", NULL);
	(void)world_start(MSG_ROLE_OPERATORS, CONFIG_OPERATORS, NULL);
	world_write_config("ledger: {disk_reserve_mib: 128}\n", "    issuing_lifetime: 30d\n");
	reload();
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_OK);
	ck_assert_ptr_null(sup_signer(&world.sup, "staging", SUP_STANDBY));
	ck_assert_ptr_null(sup_signer(&world.sup, CONFIG_OPERATORS, SUP_STANDBY));
	/* the lifetime of people's certificates is the operators' signer's */
	world_write_config("user_ttl: 30d\n", "    issuing_lifetime: 30d\n");
	reload();
	ck_assert_ptr_null(sup_signer(&world.sup, "staging", SUP_STANDBY));
	ck_assert_ptr_nonnull(sup_signer(&world.sup, CONFIG_OPERATORS, SUP_STANDBY));
	world_close();
	ck_assert_uint_eq(dones, 1);
	ck_assert_int_eq(done_status, MC_ENOTREADY); /* it was stopped before it was ready */
}
END_TEST

CHECK_MAIN("rotation_sup_reload", what_cannot_change_is_refused_by_its_key,
    an_environment_stays_and_so_does_its_address, a_file_that_is_wrong_changes_nothing,
    a_busy_port_changes_nothing, every_role_gets_it_and_the_ledger_a_record,
    a_record_that_failed_is_made_at_the_ledgers_next_start,
    a_role_that_refuses_is_said_and_one_that_dies_is_not, a_new_environment_is_listened_for_and_served,
    a_changed_policy_changes_its_signer_over, a_sealed_signer_is_no_failure,
    what_is_not_the_signers_changes_none_over)
