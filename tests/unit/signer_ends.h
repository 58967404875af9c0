/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who stands around a signer: its supervisor, its ledger, its front and its keeper, each with a real channel
 * to it. What arrives is kept in order until it is asked for. signer_world.h has a process at the other ends,
 * signer_bench.h the signer's parts in this one.
 */
#ifndef TESTS_SIGNER_ENDS_H
#define TESTS_SIGNER_ENDS_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_ledger.h"
#include "ca/der.h"
#include "ca/keyfile.h"
#include "ca_make.h"

#define WORLD_WAIT_US 8000000
#define WORLD_ITEMS   2048

struct world_item {
	uint16_t type;
	uint16_t flags;
	uint64_t corr;
	uint8_t *bytes;
	size_t len;
};

/* One channel of the signer's. */
struct world_end {
	enum msg_role role; /* ours */
	struct base_chan *chan;
	bool gone;
	bool greeted;
	struct world_item items[WORLD_ITEMS];
	size_t first, count;
	uint64_t corr; /* of our last request */
};

struct world {
	struct base_loop *loop;
	const char *environment;
	struct make_ca *ca;
	struct world_end control, ledger, front, keeper;
	pid_t pid;             /* signer_world.h */
	uint8_t last_state;
	struct signer *signer; /* signer_bench.h */
	unsigned settled;
};

static struct world *world;

static inline enum mc_err
world_on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct world_end *end = self;

	if (!end->greeted) {
		end->greeted = true;
		bool named = end->role != MSG_ROLE_SUPERVISOR;
		bool operators = strcmp(world->environment, CONFIG_OPERATORS) == 0;
		ck_assert_int_eq(msg_hello_check(item,
				     operators ? MSG_ROLE_OPERATORS : MSG_ROLE_SIGNER,
				     named ? world->environment : NULL), MC_OK);
		return MC_OK;
	}
	if (item->type == MSG_CTL_STATUS) {
		struct msg_ctl_status status;
		struct msg_status_ans ok = {0};
		ck_assert_int_eq(msg_decode(&msg_ctl_status_table, item->payload, &status),
		    MC_OK);
		world->last_state = status.state;
		return msg_send(chan, MSG_ANSWER(MSG_CTL_STATUS), 0, item->corr,
		    &msg_status_ans_table, &ok);
	}
	ck_assert_uint_lt(end->count, WORLD_ITEMS);
	struct world_item *kept = &end->items[(end->first + end->count++) % WORLD_ITEMS];
	*kept = (struct world_item){.type = item->type, .flags = item->flags,
	    .corr = item->corr, .len = item->payload.len};
	kept->bytes = malloc(kept->len + 1);
	memcpy(kept->bytes, item->payload.ptr, kept->len);
	return MC_OK;
}

static inline void
world_on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct world_end *end = self;

	(void)why;
	base_chan_free(chan);
	end->chan = NULL;
	end->gone = true;
}

/* Turns until there is an item of this type first in line; fails the test after a while. */
static inline struct world_item
world_take(struct world_end *end, uint16_t type)
{
	int64_t until = base_clock_boot_us() + WORLD_WAIT_US;

	while (end->count == 0) {
		ck_assert_msg(!end->gone, "the channel is gone, waiting for %s",
		    msg_type_name(type));
		ck_assert_msg(base_clock_boot_us() < until, "no %s came", msg_type_name(type));
		base_loop_turn(world->loop, 50);
	}
	struct world_item item = end->items[end->first % WORLD_ITEMS];
	end->first++;
	end->count--;
	ck_assert_msg(item.type == type, "%u came instead of %s (%u)", item.type,
	    msg_type_name(type), type);
	return item;
}

/* Turns for a while and says whether something came. */
static inline bool
world_quiet(const struct world_end *end, int ms)
{
	int64_t until = base_clock_boot_us() + ms * 1000;

	while (base_clock_boot_us() < until && end->count == 0) {
		base_loop_turn(world->loop, 5);
	}
	return end->count == 0;
}

static inline struct base_span
world_bytes(const struct world_item *item)
{
	return base_span_of(item->bytes, item->len);
}

static inline void
world_ask(struct world_end *end, uint16_t type, const struct msg_table *table,
    const void *object)
{
	ck_assert_int_eq(msg_send(end->chan, type, 0, ++end->corr, table, object), MC_OK);
}

static inline enum mc_err
world_status(struct world_end *end, uint16_t type)
{
	struct world_item item = world_take(end, MSG_ANSWER(type));
	struct msg_status_ans answer;

	ck_assert_int_eq(msg_decode(&msg_status_ans_table, world_bytes(&item), &answer), MC_OK);
	free(item.bytes);
	return (enum mc_err)answer.status;
}

static inline void
world_end_close(struct world_end *end)
{
	base_chan_free(end->chan);
	end->chan = NULL;
	while (end->count > 0) {
		free(end->items[end->first++ % WORLD_ITEMS].bytes);
		end->count--;
	}
}

/* A key file of an issuing CA's, open at its beginning and nowhere else. */
static inline int
world_keyfile(const struct make_ca *ca, const char *passphrase)
{
	struct base_secret *secret = base_secret_new(strlen(passphrase));
	struct base_span certs[2] = {make_ca_der(ca), make_ca_der(ca)};
	char path[] = "/tmp/meshca-signer-XXXXXX";

	memcpy(base_secret_ptr(secret), passphrase, strlen(passphrase));
	ck_assert_ptr_nonnull(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(keyfile_write(dir, "issuing.pem", ca->key, secret, certs, 2), MC_OK);
	base_secret_free(secret);
	int fd = openat(dir, "issuing.pem", O_RDONLY | O_CLOEXEC);
	unlinkat(dir, "issuing.pem", 0);
	close(dir);
	rmdir(path);
	return fd;
}

/* --- what they say --- */

static struct make_public leaf_key;
static EVP_PKEY *leaf_pkey;

static inline void
world_leaf_key(const char *alg)
{
	leaf_pkey = make_key(alg);
	leaf_key = make_public(leaf_pkey);
}

static inline void
world_leaf_key_free(void)
{
	make_public_free(&leaf_key);
	EVP_PKEY_free(leaf_pkey);
}

static inline struct msg_issue
svid(void)
{
	return (struct msg_issue){
	    .request_id = {1, 2, 3},
	    .profile = MSG_PROFILE_SVID,
	    .key_alg = (uint8_t)leaf_key.alg,
	    .key = leaf_key.key,
	    .ns = base_span_str("ecotrack"),
	    .sa = base_span_str("order-service"),
	    .cluster = base_span_str("east"),
	    .requester = base_span_str("system:serviceaccount:ecotrack:order-service"),
	    .evidence = base_span_str("{}"),
	};
}

static inline void
ask(const struct msg_issue *msg)
{
	world_ask(&world->front, MSG_ISSUE, &msg_issue_table, msg);
}

/* The front's next answer, decoded; free item->bytes. */
static inline struct msg_issue_ans
answer(struct world_item *item, uint16_t type)
{
	struct msg_issue_ans ans;

	*item = world_take(&world->front, MSG_ANSWER(type));
	ck_assert_int_eq(msg_decode(&msg_issue_ans_table, world_bytes(item), &ans), MC_OK);
	return ans;
}

static inline enum mc_err
refusal(const struct msg_issue *msg)
{
	struct world_item item;

	ask(msg);
	struct msg_issue_ans ans = answer(&item, MSG_ISSUE);
	free(item.bytes);
	return (enum mc_err)ans.status;
}

static inline struct msg_intent
intent(struct world_item *item)
{
	struct msg_intent msg;

	*item = world_take(&world->ledger, MSG_INTENT);
	ck_assert_int_eq(msg_decode(&msg_intent_table, world_bytes(item), &msg), MC_OK);
	return msg;
}

static inline void
acknowledge(uint64_t corr, uint64_t seq)
{
	struct msg_intent_ans ans = {.status = MC_OK, .seq = seq};

	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_INTENT), 0, corr,
			     &msg_intent_ans_table, &ans), MC_OK);
}

/* Takes the SIGNATURE and says that it is recorded. */
static inline void
record(uint64_t seq, const struct base_span *tbs, const struct base_span *cert)
{
	struct world_item item = world_take(&world->ledger, MSG_SIGNATURE);
	struct msg_signature msg;
	struct msg_status_ans ok = {0};

	ck_assert_int_eq(msg_decode(&msg_signature_table, world_bytes(&item), &msg), MC_OK);
	ck_assert_uint_eq(msg.seq, seq);
	if (cert != NULL) { /* TBS and tail make the certificate that was handed out */
		struct der_rd rd;
		struct der_tlv whole;
		der_rd_init(&rd, *cert);
		ck_assert(der_rd_next(&rd, &whole));
		ck_assert_uint_eq(whole.body.len, tbs->len + msg.tail.len);
		ck_assert_mem_eq(whole.body.ptr, tbs->ptr, tbs->len);
		ck_assert_mem_eq(whole.body.ptr + tbs->len, msg.tail.ptr, msg.tail.len);
	}
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_SIGNATURE), 0, item.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(item.bytes);
}

/* --- people --- */

static inline struct msg_user_issue
user(const char *name)
{
	return (struct msg_user_issue){
	    .name = base_span_str(name),
	    .role = MSG_USER_ADMIN,
	    .key_alg = (uint8_t)leaf_key.alg,
	    .key = leaf_key.key,
	    .actor = base_span_str("root"),
	    .from = base_span_str("local"),
	};
}

static uint8_t spent[32];  /* the approval of the last one */
static uint8_t put_by[32]; /* its approver, as the ledger was told */

/* Plays the ledger through INTENT, SIGNATURE and USER_PUT. */
static inline void
ledger_takes_user(uint64_t seq, enum mc_err put_status)
{
	struct world_item item;
	struct msg_user_put put;

	struct msg_intent wanted = intent(&item);
	ck_assert_uint_eq(wanted.profile, MSG_PROFILE_CLIENT);
	memcpy(spent, wanted.dedup_key, sizeof(spent));
	acknowledge(item.corr, seq);
	free(item.bytes);
	record(seq, NULL, NULL);
	item = world_take(&world->ledger, MSG_USER_PUT);
	ck_assert_int_eq(msg_decode(&msg_user_put_table, world_bytes(&item), &put), MC_OK);
	ck_assert_uint_eq(put.role, MSG_USER_ADMIN);
	memcpy(put_by, put.approver_sha256, sizeof(put_by));
	struct msg_status_ans ok = {.status = put_status};
	ck_assert_int_eq(msg_send(world->ledger.chan, MSG_ANSWER(MSG_USER_PUT), 0, item.corr,
			     &msg_status_ans_table, &ok), MC_OK);
	free(item.bytes);
}

static inline size_t
approve(const struct msg_user_issue *msg, EVP_PKEY *key, uint8_t *sig, size_t size)
{
	char hex[65];
	uint8_t hash[32];

	base_crypto_sha256(msg->key, hash);
	base_enc_hex(hash, 32, hex);
	char *text = base_xasprintf("meshca-user-add-v1\n%.*s\nadmin\n%s\n%lld\n",
	    (int)msg->name.len, (const char *)msg->name.ptr, hex,
	    (long long)msg->approval_expires_at);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ck_assert_int_eq(EVP_DigestSignInit(md, NULL,
			     EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256(), NULL,
			     key), 1);
	ck_assert_int_eq(EVP_DigestSign(md, sig, &size, (const uint8_t *)text,
			     strlen(text)), 1);
	EVP_MD_CTX_free(md);
	free(text);
	return size;
}

static inline enum mc_err
user_status(const struct msg_user_issue *msg)
{
	struct world_item item;

	world_ask(&world->front, MSG_USER_ISSUE, &msg_user_issue_table, msg);
	struct msg_issue_ans ans = answer(&item, MSG_USER_ISSUE);
	free(item.bytes);
	return (enum mc_err)ans.status;
}

#endif
