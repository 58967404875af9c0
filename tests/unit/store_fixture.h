/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger database in a directory of its own, with one authority in it. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "store/store.h"

#define FIX_NOW INT64_C(1795000000)
#define FIX_DAY INT64_C(86400)
/* SEQUENCE { NULL } and BIT STRING of one byte: the shape of what follows a TBS. */
#define FIX_TAIL "\x30\x02\x05\x00\x03\x02\x00\x01"

struct fix {
	char dir[64];
	char path[96];
	const char *vfs;
	struct store *store;
	unsigned serial_next;
	uint8_t anchor_id[32];  /* of environment "production" */
	uint8_t issuing_id[32];
	char ca_serial[20];     /* of the CA that fix_ca() made last */
};

struct fix_intent {
	struct msg_intent msg;
	char serial[20];
	char identity[LIMIT_USER_NAME + 1];
	char tbs[96];
};

static inline struct store *
fix_open(const struct fix *fix, enum store_mode mode)
{
	const struct store_params params = { fix->path, mode, fix->vfs };

	return store_sqlite_open(&params);
}

static inline void
fix_intent_make(struct fix *fix, struct fix_intent *out, uint8_t profile, const char *identity)
{
	unsigned n = ++fix->serial_next;

	memset(out, 0, sizeof(*out));
	(void)snprintf(out->serial, sizeof(out->serial), "\x01serial-%08u", n);
	(void)snprintf(out->identity, sizeof(out->identity), "%s", identity);
	(void)snprintf(out->tbs, sizeof(out->tbs), "tbs %u of %s", n, identity);
	out->msg.profile = profile;
	out->msg.serial = base_span_str(out->serial);
	out->msg.environment = base_span_str("production");
	out->msg.cluster = base_span_str("Kubernetes");
	out->msg.identity = base_span_str(out->identity);
	out->msg.requester = base_span_str("system:serviceaccount:shop:cart");
	out->msg.evidence = base_span_str("{\"pod\":\"cart-1\"}");
	out->msg.not_before_at = FIX_NOW - 120;
	out->msg.not_after_at = FIX_NOW + FIX_DAY;
	out->msg.tbs = base_span_str(out->tbs);
	memset(out->msg.spki_sha256, (int)(n & 0xff), 32);
	memset(out->msg.request_id, 7, 16);
	if (profile != MSG_PROFILE_ENVIRONMENT && profile != MSG_PROFILE_ROOT) {
		memcpy(out->msg.issuer_id, fix->issuing_id, 32);
	}
}

static inline uint64_t
fix_put(struct fix *fix, const struct msg_intent *msg)
{
	struct store_intended intended;

	ck_assert_int_eq(store_intent_put(fix->store, msg, FIX_NOW, &intended), MC_OK);
	return intended.seq;
}

static inline enum mc_err
fix_sign(struct fix *fix, uint64_t seq, struct base_span serial)
{
	const struct store_scope all = { 0 };
	const struct msg_signature sig = { seq, serial, base_span_of(FIX_TAIL, 8) };
	bool inserted = false;

	return store_signature_put(fix->store, &sig, &all, &inserted);
}

/* Intent and signature of a CA certificate, and what registers it: put->cert is the caller's to clear. */
static inline void
fix_ca_sign(struct fix *fix, struct fix_intent *intent, const char *name, struct base_buf *cert,
    struct msg_issuer_put *put)
{
	memset(put, 0, sizeof(*put));
	put->profile = intent->msg.profile;
	put->seq = fix_put(fix, &intent->msg);
	ck_assert_int_eq(fix_sign(fix, put->seq, intent->msg.serial), MC_OK);
	base_buf_init(cert, LIMIT_CERT);
	store_cert_assemble(cert, intent->msg.tbs, base_span_of(FIX_TAIL, 8));
	put->cert = base_buf_span(cert);
	base_crypto_sha256(put->cert, put->issuer_id);
	put->environment = intent->msg.environment;
	put->trust_domain = base_span_str("cluster.local");
	put->subject = base_span_str(name);
	put->key_id = base_span_str("key id");
}

/* Intent, signature and registration of a CA certificate. */
static inline void
fix_ca(struct fix *fix, uint8_t profile, const char *name, uint8_t id[32])
{
	struct msg_issuer_put put;
	struct fix_intent intent;
	struct base_buf cert;
	bool inserted = false;

	fix_intent_make(fix, &intent, profile, name);
	intent.msg.not_after_at = FIX_NOW + 3650 * FIX_DAY;
	fix_ca_sign(fix, &intent, name, &cert, &put);
	memcpy(fix->ca_serial, intent.msg.serial.ptr, intent.msg.serial.len);
	ck_assert_int_eq(store_issuer_put(fix->store, &put, FIX_NOW, &inserted), MC_OK);
	ck_assert(inserted);
	memcpy(id, put.issuer_id, 32);
	base_buf_clear(&cert);
}

/* A client certificate of put->name, with a key of that SHA-256; put->serial is leaf's. */
static inline void
fix_client(struct fix *fix, struct msg_user_put *put, const uint8_t spki_sha256[32],
    int64_t not_after_at, struct fix_intent *leaf)
{
	struct base_buf cert;

	fix_intent_make(fix, leaf, MSG_PROFILE_CLIENT, (const char *)put->name.ptr);
	leaf->msg.not_after_at = not_after_at;
	memcpy(leaf->msg.spki_sha256, spki_sha256, 32);
	ck_assert_int_eq(fix_sign(fix, fix_put(fix, &leaf->msg), leaf->msg.serial), MC_OK);
	base_buf_init(&cert, LIMIT_CERT);
	store_cert_assemble(&cert, leaf->msg.tbs, base_span_of(FIX_TAIL, 8));
	base_crypto_sha256(base_buf_span(&cert), put->cert_sha256);
	base_buf_clear(&cert);
	put->serial = leaf->msg.serial;
	put->actor = base_span_str("root");
}

/* The same, with a role. */
static inline void
fix_person(struct fix *fix, struct msg_user_put *put, const uint8_t spki_sha256[32], int64_t not_after_at)
{
	struct fix_intent leaf;
	bool inserted = false;

	fix_client(fix, put, spki_sha256, not_after_at, &leaf);
	ck_assert_int_eq(store_user_put(fix->store, put, FIX_NOW, &inserted), MC_OK);
}

/* The writer, with an anchor (seq 1) and an issuing CA (seq 2) of "production". */
static inline void
fix_start_vfs(struct fix *fix, const char *vfs)
{

	memset(fix, 0, sizeof(*fix));
	fix->vfs = vfs;
	(void)snprintf(fix->dir, sizeof(fix->dir), "/tmp/meshca-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fix->dir));
	(void)snprintf(fix->path, sizeof(fix->path), "%s/db/ledger.db", fix->dir);
	fix->store = fix_open(fix, STORE_WRITER);
	ck_assert_msg(fix->store != NULL, "%s", mc_err_last()->detail);
	ck_assert_int_eq(store_begin(fix->store), MC_OK);
	fix_ca(fix, MSG_PROFILE_ENVIRONMENT, "CN=production", fix->anchor_id);
	memcpy(fix->issuing_id, fix->anchor_id, 32);
	fix_ca(fix, MSG_PROFILE_ISSUING, "CN=production issuing", fix->issuing_id);
	ck_assert_int_eq(store_commit(fix->store), MC_OK);
}

static inline void
fix_start(struct fix *fix)
{
	fix_start_vfs(fix, NULL);
}

static inline int
fix_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void
fix_end(struct fix *fix)
{
	store_close(fix->store);
	(void)nftw(fix->dir, fix_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
fix_reopen(struct fix *fix)
{
	store_close(fix->store);
	fix->store = fix_open(fix, STORE_WRITER);
	ck_assert_msg(fix->store != NULL, "%s", mc_err_last()->detail);
}

/* One leaf, committed; signed when asked for. Returns its seq. */
static inline uint64_t
fix_leaf(struct fix *fix, const char *identity, bool sign, struct fix_intent *out)
{
	uint64_t seq;

	fix_intent_make(fix, out, MSG_PROFILE_SVID, identity);
	ck_assert_int_eq(store_begin(fix->store), MC_OK);
	seq = fix_put(fix, &out->msg);
	if (sign) {
		ck_assert_int_eq(fix_sign(fix, seq, out->msg.serial), MC_OK);
	}
	ck_assert_int_eq(store_commit(fix->store), MC_OK);
	return seq;
}

#endif
