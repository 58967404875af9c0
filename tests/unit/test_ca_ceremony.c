/* SPDX-License-Identifier: Apache-2.0 */
/* The real ceremony and ledger programs, with this test in the supervisor's place. */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"
#include "base/proc.h"
#include "ca/ca_cert.h"
#include "ca/cert.h"
#include "ca/ceremony.h"
#include "tests/unit/check_main.h"

#define WAIT_MS 30000

static char dir[] = "/tmp/meshca-ceremony-XXXXXX";
static struct config *config;

struct program {
	pid_t pid;
	struct base_chan *control;
	unsigned progress;
	uint64_t corr;
};

static struct program ledger;
static struct base_chan *front; /* to the ledger, in the front's role */

/* --- the supervisor's side --- */

static enum mc_err
on_control(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct program *program = self;
	const struct msg_status_ans ok = {.status = MC_OK};
	struct msg_status_ans answer;

	if (item->type == MSG_HELLO) {
		return MC_OK;
	}
	if ((item->type & 1u) != 0) { /* answers to descriptors */
		ck_assert(msg_decode(&msg_status_ans_table, item->payload, &answer) == MC_OK);
		ck_assert_msg(answer.status == MC_OK, "%.*s", (int)answer.detail.len,
		    (const char *)answer.detail.ptr);
		return MC_OK;
	}
	program->progress += item->type == MSG_CTL_PROGRESS;
	return msg_send(chan, MSG_ANSWER(item->type), 0, item->corr, &msg_status_ans_table, &ok);
}

static enum mc_err
on_status(void *self, const struct base_item *item)
{
	struct msg_status_ans answer;
	enum mc_err *status = self;

	ck_assert(msg_decode(&msg_status_ans_table, item->payload, &answer) == MC_OK);
	*status = mc_err_from_wire(answer.status);
	return MC_OK;
}

static enum mc_err
control(struct program *program, uint16_t type, const struct msg_table *table, const void *msg)
{
	enum mc_err status = MC_EINTERNAL;
	struct base_buf payload;
	enum mc_err ret;

	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert(msg_encode(table, msg, &payload) == MC_OK);
	ret = base_chan_call(program->control, type, base_buf_span(&payload), WAIT_MS, on_status,
	    &status);
	base_buf_clear(&payload);
	return ret == MC_OK ? status : ret;
}

static void
hand(struct program *program, uint16_t type, const struct msg_table *table, const void *msg,
    int fd)
{
	struct base_buf payload;

	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert(msg_encode(table, msg, &payload) == MC_OK);
	ck_assert(base_chan_send_fd(program->control, type, ++program->corr,
	              base_buf_span(&payload), fd) == MC_OK);
	base_buf_clear(&payload);
	close(fd);
}

static const char *
path_log(void)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/log", dir);
	return path;
}

static void
spawn(struct program *program, const char *name)
{
	static const struct msg_empty empty;
	int pair[2];

	*program = (struct program){.pid = 0};
	ck_assert(base_chan_pair(pair) == MC_OK);
	program->pid = fork();
	ck_assert(program->pid >= 0);
	if (program->pid == 0) {
		char *path = base_xasprintf("%s/%s", TEST_BIN_DIR, name);
		int fd = dup(pair[1]);

		(void)dup2(fd, BASE_PROC_CTL_FD);
		(void)dup2(open(path_log(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
		execl(path, name, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	program->control = base_chan_new(NULL, pair[0], on_control, NULL, program);
	ck_assert(msg_hello_send(program->control, MSG_ROLE_SUPERVISOR, NULL) == MC_OK);
	hand(program, MSG_CTL_CONFIG, &msg_empty_table, &empty, config_to_memfd(config));
}

static int
reap(struct program *program)
{
	int status = -1;

	base_chan_free(program->control);
	program->control = NULL;
	ck_assert(waitpid(program->pid, &status, 0) == program->pid);
	return status;
}

static void
connect_ledger(struct program *program, enum msg_role role)
{
	struct msg_ctl_channel to_ledger = {.peer = MSG_ROLE_LEDGER, .generation = 1};
	struct msg_ctl_channel to_program = {.peer = (uint8_t)role, .generation = 1};
	int pair[2];

	ck_assert(base_chan_pair(pair) == MC_OK);
	hand(&ledger, MSG_CTL_CHANNEL, &msg_ctl_channel_table, &to_program, pair[0]);
	base_chan_flush(ledger.control);
	if (program != NULL) {
		hand(program, MSG_CTL_CHANNEL, &msg_ctl_channel_table, &to_ledger, pair[1]);
		return;
	}
	front = base_chan_new(NULL, pair[1], NULL, NULL, NULL);
	ck_assert(msg_hello_send(front, role, NULL) == MC_OK);
}

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

/* --- what it left --- */

static void
path_of(char path[128], const char *name)
{
	(void)snprintf(path, 128, "%s/%s", config->environments[0].key_dir, name);
}

static struct keyfile *
read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct keyfile *keyfile;

	ck_assert_msg(fd >= 0, "%s", path);
	keyfile = keyfile_read(fd);
	ck_assert_ptr_nonnull(keyfile);
	close(fd);
	return keyfile;
}

static X509 *
parse(struct base_span der)
{
	const unsigned char *at = der.ptr;
	X509 *x509 = d2i_X509(NULL, &at, (long)der.len);

	ck_assert_ptr_nonnull(x509);
	return x509;
}

static enum mc_err
on_crl(void *self, const struct base_item *item)
{
	struct msg_crl_ans answer;
	X509_CRL **crl = self;
	const unsigned char *at;

	ck_assert(msg_decode(&msg_crl_ans_table, item->payload, &answer) == MC_OK);
	ck_assert_msg(answer.status == MC_OK, "%.*s", (int)answer.detail.len,
	    (const char *)answer.detail.ptr);
	ck_assert(answer.total == answer.bytes.len);
	at = answer.bytes.ptr;
	*crl = d2i_X509_CRL(NULL, &at, (long)answer.bytes.len);
	ck_assert_ptr_nonnull(*crl);
	return MC_OK;
}

static X509_CRL *
crl_of(struct base_span cert)
{
	struct msg_crl_get get = {.number = 0};
	struct base_buf payload;
	X509_CRL *crl = NULL;

	base_crypto_sha256(cert, get.issuer_id);
	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert(msg_encode(&msg_crl_get_table, &get, &payload) == MC_OK);
	ck_assert(base_chan_call(front, MSG_CRL_GET, base_buf_span(&payload), WAIT_MS, on_crl,
	              &crl) == MC_OK);
	base_buf_clear(&payload);
	return crl;
}

static enum mc_err
on_bundle(void *self, const struct base_item *item)
{
	struct msg_bundle_ans answer;
	struct base_buf *anchors = self;

	ck_assert(msg_decode(&msg_bundle_ans_table, item->payload, &answer) == MC_OK);
	ck_assert(answer.status == MC_OK);
	ck_assert(base_span_equal_str(answer.trust_domain, "cluster.local"));
	base_buf_append_span(anchors, answer.anchors);
	return MC_OK;
}

/* The bundle is exactly this one anchor. */
static void
assert_bundle(struct base_span anchor)
{
	struct msg_bundle_get get = {.environment = base_span_str("staging")};
	struct base_buf payload, anchors;

	base_buf_init(&payload, LIMIT_FRAME);
	base_buf_init(&anchors, LIMIT_FRAME);
	ck_assert(msg_encode(&msg_bundle_get_table, &get, &payload) == MC_OK);
	ck_assert(base_chan_call(front, MSG_BUNDLE_GET, base_buf_span(&payload), WAIT_MS,
	              on_bundle, &anchors) == MC_OK);
	ck_assert(anchors.len == anchor.len + 4);
	ck_assert(base_span_equal(base_span_of(anchors.ptr + 4, anchors.len - 4), anchor));
	base_buf_clear(&payload);
	base_buf_clear(&anchors);
}

/* OpenSSL's verdict on cert under anchor, with CRLs of the whole chain. */
static void
assert_chain(struct base_span cert, struct base_span anchor)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *leaf = parse(cert), *root = parse(anchor);
	X509_CRL *crl = crl_of(anchor);

	X509_STORE_add_cert(store, root);
	X509_STORE_add_crl(store, crl);
	X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK |
	                                X509_V_FLAG_CRL_CHECK_ALL);
	ck_assert(X509_STORE_CTX_init(ctx, store, leaf, NULL) == 1);
	ck_assert_msg(X509_verify_cert(ctx) == 1, "%s",
	    X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_CRL_free(crl);
	X509_free(leaf);
	X509_free(root);
}

static void
assert_text(X509 *x509, int nid, const char *want)
{
	int at = X509_get_ext_by_NID(x509, nid, -1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	ck_assert_msg(at >= 0, "no %s", OBJ_nid2sn(nid));
	ck_assert(X509V3_EXT_print(bio, X509_get_ext(x509, at), 0, 0) == 1);
	len = BIO_get_mem_data(bio, &text);
	ck_assert_msg((size_t)len == strlen(want) && strncmp(text, want, (size_t)len) == 0,
	    "%s: %.*s", OBJ_nid2sn(nid), (int)len, text);
	BIO_free(bio);
}

static size_t
count_kept(void)
{
	DIR *listing = opendir(config->environments[0].key_dir);
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(listing)) != NULL) {
		count += strncmp(entry->d_name, "issuing-", 8) == 0;
		ck_assert_ptr_null(strstr(entry->d_name, ".new"));
	}
	closedir(listing);
	return count;
}

static void
assert_environment(void)
{
	char path[128];
	struct keyfile *environment, *issuing;

	path_of(path, CEREMONY_ENVIRONMENT);
	environment = read_file(path);
	path_of(path, CEREMONY_ISSUING);
	issuing = read_file(path);
	ck_assert(keyfile_cert_count(issuing) == 2);
	ck_assert(base_span_equal(keyfile_cert(issuing, 1), keyfile_cert(environment, 0)));
	assert_chain(keyfile_cert(issuing, 0), keyfile_cert(environment, 0));
	assert_bundle(keyfile_cert(environment, 0));
	X509_CRL_free(crl_of(keyfile_cert(issuing, 0)));
	keyfile_free(environment);
	keyfile_free(issuing);
}

/* --- tests, in order --- */

START_TEST(set_up)
{
	static const struct msg_empty empty;
	char *text;
	char path[128];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	text = base_xasprintf("state_dir: %s\n"
	                      "environments:\n"
	                      "  - name: staging\n"
	                      "    grpc: {listen: \"127.0.0.1:15012\"}\n"
	                      "    ca_key: rsa-2048\n",
	    dir);
	config = config_parse("test.yaml", base_span_str(text));
	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	free(text);
	(void)snprintf(path, sizeof(path), "%s/keys", dir);
	ck_assert(mkdir(path, 0700) == 0);
	ck_assert(mkdir(config->root_key_dir, 0700) == 0);
	ck_assert(mkdir(config->environments[0].key_dir, 0700) == 0);
	text = base_xstrdup(config->ledger_path);
	*strrchr(text, '/') = '\0';
	(void)mkdir(text, 0700);
	free(text);
	spawn(&ledger, "meshca-ledger");
	ck_assert(control(&ledger, MSG_CTL_START, &msg_empty_table, &empty) == MC_OK);
	connect_ledger(NULL, MSG_ROLE_FRONT);
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

START_TEST(issuing_keeps_the_old_one)
{
	struct keyfile *before, *after;
	char path[128];
	size_t kept;

	path_of(path, CEREMONY_ISSUING);
	before = read_file(path);
	kept = count_kept();
	ck_assert(run(MSG_CEREMONY_ISSUING, "wrong secret") == MC_EPASSPHRASE);
	ck_assert(run(MSG_CEREMONY_ISSUING, "staging secret") == MC_OK);
	after = read_file(path);
	ck_assert(!base_span_equal(keyfile_cert(before, 0), keyfile_cert(after, 0)));
	ck_assert(count_kept() == kept + 1);
	assert_environment();
	keyfile_free(before);
	keyfile_free(after);
}
END_TEST

/* A kept key of an issuing CA whose life ended at the time. */
static void
keep_old(const char *name, int64_t not_after_at)
{
	EVP_PKEY *key = keyfile_generate(CONFIG_KEY_P256);
	struct base_secret *secret = base_secret_new(1);
	uint8_t serial[CERT_SERIAL_LEN], spki[BASE_SHA256_LEN];
	struct ca_cert cert = {.profile = MSG_PROFILE_ENVIRONMENT,
	    .serial = base_span_of(serial, sizeof(serial)),
	    .not_before_at = not_after_at - 60,
	    .not_after_at = not_after_at,
	    .environment = base_span_str("staging"),
	    .trust_domain = base_span_str("cluster.local")};
	struct issuer_ack ack = {.seq = 1, .good = true};
	struct base_buf public, tbs, tail, der;
	struct base_span span;
	int dir_fd = open(config->environments[0].key_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*base_secret_ptr(secret) = 'x';
	base_buf_init(&public, LIMIT_KEY_BYTES);
	base_buf_init(&tbs, LIMIT_TBS);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	base_buf_init(&der, LIMIT_CERT);
	cert_serial_make(1, serial);
	ck_assert(keyfile_public(key, &cert.key_alg, &public) == MC_OK);
	cert.key = base_buf_span(&public);
	ck_assert(ca_cert_build(&cert, NULL, &tbs, spki) == MC_OK);
	base_crypto_sha256(base_buf_span(&tbs), ack.tbs_sha256);
	ck_assert(ca_cert_sign(key, &ack, base_buf_span(&tbs), &tail) == MC_OK);
	cert_join(base_buf_span(&tbs), base_buf_span(&tail), &der);
	span = base_buf_span(&der);
	ck_assert(keyfile_write(dir_fd, name, key, secret, &span, 1) == MC_OK);
	close(dir_fd);
	base_buf_clear(&public);
	base_buf_clear(&tbs);
	base_buf_clear(&tail);
	base_buf_clear(&der);
	base_secret_free(secret);
	EVP_PKEY_free(key);
}

START_TEST(expired_ones_go)
{
	char expired[128], alive[128], unreadable[128];
	FILE *file;

	path_of(expired, "issuing-00000001.pem");
	path_of(alive, "issuing-00000002.pem");
	path_of(unreadable, "issuing-00000003.pem");
	keep_old("issuing-00000001.pem", base_clock_now() - 10);
	keep_old("issuing-00000002.pem", base_clock_now() + 3600);
	file = fopen(unreadable, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert(fputs("not a key", file) >= 0 && fclose(file) == 0);
	ck_assert(run(MSG_CEREMONY_ISSUING, "staging secret") == MC_OK);
	ck_assert(access(expired, F_OK) != 0);
	ck_assert(access(alive, F_OK) == 0);
	ck_assert(access(unreadable, F_OK) == 0);
}
END_TEST

START_TEST(crl_numbers_grow)
{
	struct keyfile *keyfile;
	char path[128];
	X509_CRL *before, *after;

	path_of(path, CEREMONY_ENVIRONMENT);
	keyfile = read_file(path);
	before = crl_of(keyfile_cert(keyfile, 0));
	ck_assert(run(MSG_CEREMONY_CRL, "staging secret") == MC_OK);
	after = crl_of(keyfile_cert(keyfile, 0));
	ck_assert(X509_CRL_match(before, after) != 0);
	X509_CRL_free(before);
	X509_CRL_free(after);
	keyfile_free(keyfile);
}
END_TEST

START_TEST(again_is_fine)
{
	struct keyfile *before, *after;
	char path[128];

	path_of(path, CEREMONY_ENVIRONMENT);
	before = read_file(path);
	ck_assert(run(MSG_CEREMONY_ENVIRONMENT, "staging secret") == MC_OK);
	ck_assert(run(MSG_CEREMONY_ROOT, NULL) == MC_OK);
	after = read_file(path);
	ck_assert(base_span_equal(keyfile_cert(before, 0), keyfile_cert(after, 0)));
	assert_environment();
	keyfile_free(before);
	keyfile_free(after);
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
	char *command = base_xasprintf("rm -rf %s", dir);

	base_chan_free(front);
	ck_assert(reap(&ledger) == 0);
	config_free(config);
	ck_assert(system(command) == 0);
	free(command);
}
END_TEST

CHECK_MAIN("ca_ceremony", set_up, root, refusals_leave_nothing, environment_killed,
    environment, issuing_keeps_the_old_one, expired_ones_go, crl_numbers_grow,
    again_is_fine, issuing_killed, tear_down)
