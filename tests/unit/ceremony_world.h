/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger program for ceremonies, with the test in the supervisor's place; and what a ceremony leaves. */
#ifndef TESTS_CEREMONY_WORLD_H
#define TESTS_CEREMONY_WORLD_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/crypto.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"
#include "base/proc.h"
#include "ca/ceremony.h"

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

static inline enum mc_err
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

static inline enum mc_err
on_status(void *self, const struct base_item *item)
{
	struct msg_status_ans answer;
	enum mc_err *status = self;

	ck_assert(msg_decode(&msg_status_ans_table, item->payload, &answer) == MC_OK);
	*status = mc_err_from_wire(answer.status);
	return MC_OK;
}

static inline enum mc_err
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

static inline void
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

static inline const char *
path_log(void)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/log", dir);
	return path;
}

static inline void
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

static inline int
reap(struct program *program)
{
	int status = -1;

	base_chan_free(program->control);
	program->control = NULL;
	ck_assert(waitpid(program->pid, &status, 0) == program->pid);
	return status;
}

/* The other end of a new channel of the ledger's. */
static inline int
ledger_channel(enum msg_role role)
{
	struct msg_ctl_channel to_program = {.peer = (uint8_t)role, .generation = 1};
	int pair[2];

	ck_assert(base_chan_pair(pair) == MC_OK);
	hand(&ledger, MSG_CTL_CHANNEL, &msg_ctl_channel_table, &to_program, pair[0]);
	base_chan_flush(ledger.control);
	return pair[1];
}

static inline void
connect_ledger(struct program *program, enum msg_role role)
{
	struct msg_ctl_channel to_ledger = {.peer = MSG_ROLE_LEDGER, .generation = 1};

	hand(program, MSG_CTL_CHANNEL, &msg_ctl_channel_table, &to_ledger, ledger_channel(role));
}

static inline struct base_chan *
ledger_peer(enum msg_role role)
{
	struct base_chan *chan = base_chan_new(NULL, ledger_channel(role), NULL, NULL, NULL);

	ck_assert(msg_hello_send(chan, role, NULL) == MC_OK);
	return chan;
}

/* The folders, and a started ledger with a front. ca_key is the environment's. */
static inline void
world_open(const char *ca_key)
{
	static const struct msg_empty empty;
	char *text;
	char path[128];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	text = base_xasprintf("state_dir: %s\n"
	                      "environments:\n"
	                      "  - name: staging\n"
	                      "    grpc: {listen: \"127.0.0.1:15012\"}\n"
	                      "    ca_key: %s\n",
	    dir, ca_key);
	config = config_parse("test.yaml", base_span_str(text));
	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	free(text);
	(void)snprintf(path, sizeof(path), "%s/keys", dir);
	ck_assert(mkdir(path, 0700) == 0);
	ck_assert(mkdir(config->root_key_dir, 0700) == 0);
	ck_assert(mkdir(config->environments[0].key_dir, 0700) == 0);
	ck_assert(mkdir(config->operators.key_dir, 0700) == 0);
	text = base_xstrdup(config->ledger_path);
	*strrchr(text, '/') = '\0';
	(void)mkdir(text, 0700);
	free(text);
	spawn(&ledger, "meshca-ledger");
	ck_assert(control(&ledger, MSG_CTL_START, &msg_empty_table, &empty) == MC_OK);
	front = ledger_peer(MSG_ROLE_FRONT);
}

static inline void
world_close(void)
{
	char *command = base_xasprintf("rm -rf %s", dir);

	base_chan_free(front);
	ck_assert(reap(&ledger) == 0);
	config_free(config);
	ck_assert(system(command) == 0);
	free(command);
}

/* --- what it left --- */

static inline void
path_of(char path[128], const char *name)
{
	(void)snprintf(path, 128, "%s/%s", config->environments[0].key_dir, name);
}

static inline struct keyfile *
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

static inline X509 *
parse(struct base_span der)
{
	const unsigned char *at = der.ptr;
	X509 *x509 = d2i_X509(NULL, &at, (long)der.len);

	ck_assert_ptr_nonnull(x509);
	return x509;
}

static inline enum mc_err
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

static inline X509_CRL *
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

static inline enum mc_err
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
static inline void
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
static inline void
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

static inline void
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

static inline size_t
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

static inline void
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

#endif
