/* SPDX-License-Identifier: Apache-2.0 */
/* The real ceremony and ledger programs, with this test in the supervisor's place. */
#include <signal.h>

#include "ceremony_world.h"
#include "check_main.h"

static void
hand_path(struct program *program, uint8_t slot, const char *path)
{
	struct msg_ctl_keyfile msg = {.slot = slot};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s", path);
	hand(program, MSG_CTL_KEYFILE, &msg_ctl_keyfile_table, &msg, fd);
}

static void
give_passphrase(struct program *program, uint8_t slot, const char *text)
{
	struct msg_ctl_unseal msg = {.slot = slot, .passphrase = base_span_str(text)};

	ck_assert(control(program, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &msg) == MC_OK);
}

static void
start_act(struct program *program, enum msg_ceremony act, const char *passphrase)
{
	static const struct msg_empty empty;
	char path[128];

	spawn(program, "meshca-ceremony");
	connect_ledger(program, MSG_ROLE_CEREMONY);
	if (act == MSG_CEREMONY_ROOT) {
		hand_path(program, MSG_KEY_DIR_ROOT, config->root_key_dir);
	} else {
		hand_path(program, MSG_KEY_DIR_ENVIRONMENT, config->environments[0].key_dir);
	}
	if (act == MSG_CEREMONY_ENVIRONMENT) {
		(void)snprintf(path, sizeof(path), "%s/root.pem", config->root_key_dir);
		hand_path(program, MSG_KEY_ROOT, path);
	}
	if (passphrase != NULL) {
		give_passphrase(program, MSG_KEY_ENVIRONMENT, passphrase);
	}
	give_passphrase(program, MSG_KEY_ROOT, "root secret");
	ck_assert(control(program, MSG_CTL_START, &msg_empty_table, &empty) == MC_OK);
}

static struct msg_ctl_ceremony
order(enum msg_ceremony act)
{
	struct msg_ctl_ceremony msg = {
	    .act = (uint8_t)act,
	    .environment = base_span_str(act == MSG_CEREMONY_ROOT ? "" : "staging"),
	    .actor = base_span_str("uid 0"),
	};

	base_crypto_random(msg.request_id, sizeof(msg.request_id));
	return msg;
}

static enum mc_err
run(enum msg_ceremony act, const char *passphrase)
{
	struct msg_ctl_ceremony msg = order(act);
	struct program program;
	enum mc_err ret;

	start_act(&program, act, passphrase);
	ret = control(&program, MSG_CTL_CEREMONY, &msg_ctl_ceremony_table, &msg);
	ck_assert(ret != MC_OK || program.progress > 0);
	ck_assert(reap(&program) == 0);
	return ret;
}

/* --- tests, in order --- */

START_TEST(set_up)
{
	world_open("rsa-2048");
}
END_TEST

START_TEST(root)
{
	char path[128];
	struct keyfile *keyfile;
	X509 *x509;

	(void)snprintf(path, sizeof(path), "%s/root.pem", config->root_key_dir);
	ck_assert(run(MSG_CEREMONY_ROOT, NULL) == MC_OK);
	keyfile = read_file(path);
	assert_chain(keyfile_cert(keyfile, 0), keyfile_cert(keyfile, 0));
	x509 = parse(keyfile_cert(keyfile, 0));
	ck_assert(EVP_PKEY_get_bits(X509_get0_pubkey(x509)) == 4096);
	assert_text(x509, NID_basic_constraints, "CA:TRUE");
	assert_text(x509, NID_key_usage, "Certificate Sign, CRL Sign");
	ck_assert(X509_get_ext_by_NID(x509, NID_subject_alt_name, -1) < 0);
	ck_assert(X509_get_ext_count(x509) == 4);
	X509_free(x509);
	keyfile_free(keyfile);
}
END_TEST

START_TEST(refusals_leave_nothing)
{
	char path[128];

	ck_assert(run(MSG_CEREMONY_ENVIRONMENT, NULL) == MC_ESEALED);
	path_of(path, CEREMONY_ENVIRONMENT);
	ck_assert(access(path, F_OK) != 0);
}
END_TEST

/* Whenever it is killed, the next run does the whole act. */
static void
kill_rounds(enum msg_ceremony act, useconds_t rounds, useconds_t step_us)
{
	struct msg_ctl_ceremony msg = order(act);
	struct base_buf payload;

	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert(msg_encode(&msg_ctl_ceremony_table, &msg, &payload) == MC_OK);
	for (useconds_t round = 0; round < rounds; round++) {
		struct program program;

		start_act(&program, act, "staging secret");
		ck_assert(base_chan_send(program.control, MSG_CTL_CEREMONY, 0, ++program.corr,
		              base_buf_span(&payload)) == MC_OK);
		base_chan_flush(program.control);
		usleep(round * step_us);
		ck_assert(kill(program.pid, SIGKILL) == 0);
		(void)reap(&program);
	}
	base_buf_clear(&payload);
}

/* The test of the environment that follows finds exactly one anchor in the bundle. */
START_TEST(environment_killed)
{
	kill_rounds(MSG_CEREMONY_ENVIRONMENT, 12, 30000);
}
END_TEST

START_TEST(environment)
{
	char path[128];
	struct keyfile *keyfile, *root_file;
	X509 *anchor, *lineage;

	ck_assert(run(MSG_CEREMONY_ENVIRONMENT, "staging secret") == MC_OK);
	assert_environment();
	path_of(path, CEREMONY_ENVIRONMENT);
	keyfile = read_file(path);
	ck_assert(keyfile_cert_count(keyfile) == 2);
	(void)snprintf(path, sizeof(path), "%s/root.pem", config->root_key_dir);
	root_file = read_file(path);
	assert_chain(keyfile_cert(keyfile, 1), keyfile_cert(root_file, 0));
	anchor = parse(keyfile_cert(keyfile, 0));
	lineage = parse(keyfile_cert(keyfile, 1));
	ck_assert(X509_NAME_cmp(X509_get_subject_name(anchor),
	              X509_get_subject_name(lineage)) == 0);
	ck_assert(ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(anchor),
	              X509_get0_subject_key_id(lineage)) == 0);
	assert_text(anchor, NID_subject_alt_name, "URI:spiffe://cluster.local");
	assert_text(lineage, NID_subject_alt_name, "URI:spiffe://cluster.local");
	X509_free(anchor);
	X509_free(lineage);
	path_of(path, CEREMONY_ISSUING);
	keyfile_free(keyfile);
	keyfile = read_file(path);
	anchor = parse(keyfile_cert(keyfile, 0));
	assert_text(anchor, NID_basic_constraints, "CA:TRUE, pathlen:0");
	assert_text(anchor, NID_subject_alt_name, "URI:spiffe://cluster.local");
	X509_free(anchor);
	keyfile_free(keyfile);
	keyfile_free(root_file);
}
END_TEST

/* Another one, the CRL alone, and all of it again. */
START_TEST(further_acts)
{
	size_t kept = count_kept();

	ck_assert(run(MSG_CEREMONY_ISSUING, "wrong secret") == MC_EPASSPHRASE);
	ck_assert(run(MSG_CEREMONY_ISSUING, "staging secret") == MC_OK);
	ck_assert(count_kept() == kept + 1);
	ck_assert(run(MSG_CEREMONY_CRL, "staging secret") == MC_OK);
	ck_assert(run(MSG_CEREMONY_ENVIRONMENT, "staging secret") == MC_OK);
	ck_assert(run(MSG_CEREMONY_ROOT, NULL) == MC_OK);
	assert_environment();
}
END_TEST

START_TEST(issuing_killed)
{
	kill_rounds(MSG_CEREMONY_ISSUING, 6, 25000);
	ck_assert(run(MSG_CEREMONY_ISSUING, "staging secret") == MC_OK);
	assert_environment();
}
END_TEST

START_TEST(tear_down)
{
	world_close();
}
END_TEST

CHECK_MAIN("ca_ceremony_main", set_up, root, refusals_leave_nothing, environment_killed,
    environment, further_acts, issuing_killed, tear_down)
