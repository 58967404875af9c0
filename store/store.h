/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable memory of the authority, behind one table of functions so that another
 * database can stand in for SQLite.
 *
 * A handle belongs to one thread. One handle writes (STORE_WRITER); others read what it has
 * committed. All changes happen between store_begin() and store_commit(); after a
 * commit they survive power loss. A change that fails with a class other than MC_CLASS_IO
 * has changed nothing and the transaction goes on; after MC_CLASS_IO the transaction must
 * be rolled back. MC_ESTORE from a writer means that the database or its disk failed: the process
 * must end, because a retried fsync may lie about what is on disk.
 *
 * Intents form an append-only log. leaf_hash(n) = SHA-256(leaf_hash(n-1) || entry(n)),
 * leaf_hash(0) = 32 zero bytes, entry(n) as described at struct store_entry: a verifier
 * needs nothing else to recompute the chain.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>

#include "base/msg_inventory.h"
#include "base/msg_ledger.h"
#include "base/msg_query.h"

struct store;

enum store_mode {
	STORE_INVALID = 0,
	STORE_WRITER, /* creates and migrates; one per database */
	STORE_READER
};

struct store_params {
	const char *path;
	enum store_mode mode;
	const char *vfs; /* SQLite: a registered VFS; NULL for the system's. For tests. */
};

/* The moment that states are derived for. */
struct store_view {
	int64_t now_at;        /* wall, seconds */
	uint64_t boundary_seq; /* an intent up to here without signature is unconfirmed */
};

/* A certificate as it is kept. Spans are valid until the callback returns. */
struct store_cert {
	struct msg_cert_row row;
	bool has_dedup;
	uint8_t dedup_key[32];
	uint8_t dedup_body[32];
	struct base_span tail;        /* single reads: empty without signature */
	struct base_span issuer_cert; /* single reads: DER; empty when self-signed */
};

/* What happened, as the ledger itself writes it down beside the act: no process may put one. */
struct store_event {
	uint8_t request_id[16];
	struct base_span actor;
	struct base_span action; /* "certificate-revoked", ... */
	struct base_span target;
	struct base_span from;
	struct base_span note;   /* one line */
};

/* Row callbacks. Anything but MC_OK ends the walk, which returns it. */
typedef enum mc_err (*store_cert_fn)(void *arg, const struct store_cert *cert);
typedef enum mc_err (*store_issuer_fn)(void *arg, const struct msg_issuer_row *row);
typedef enum mc_err (*store_bundle_fn)(void *arg, const struct msg_bundle_ans *bundle);
typedef enum mc_err (*store_crl_fn)(void *arg, const struct msg_crl_ans *crl);
typedef enum mc_err (*store_crl_status_fn)(void *arg, const struct msg_crl_status_row *row);
typedef enum mc_err (*store_user_fn)(void *arg, const struct msg_user_row *row);
typedef enum mc_err (*store_inventory_fn)(void *arg, const struct msg_inventory_row *row);
typedef enum mc_err (*store_registration_fn)(void *arg, const struct msg_registration_row *row);
typedef enum mc_err (*store_event_fn)(void *arg, const struct msg_event_row *row);
typedef enum mc_err (*store_revoked_fn)(void *arg, struct base_span serial,
    int64_t revoked_at, uint8_t reason);
/* One finding of a check: a sentence, how many rows it is true of. */
typedef void (*store_problem_fn)(void *arg, const char *what, uint64_t count);
typedef enum mc_err (*store_dedup_fn)(void *arg, const uint8_t key[32], uint64_t seq,
    int64_t recorded_at);

/* Where the log stands; also what a writer would lose by a rollback. */
struct store_head {
	uint64_t seq;          /* newest intent; 0: none */
	uint64_t signed_count; /* signature rows */
	int64_t newest_at;     /* recorded_at of the newest intent */
	uint8_t hash[32];      /* leaf_hash(seq) */
	uint64_t log_pages;    /* writer: what store_checkpoint() has to move */
};

/* What one intent became. */
struct store_intended {
	uint64_t seq;
	bool inserted; /* false: the same intent was there already */
};

/* Who asks, as far as rows are guarded by it. Empty environment: any (ceremony). */
struct store_scope {
	struct base_span environment;
	bool leaf_only; /* only CRLs of issuing CAs, not of environment CAs or the root */
};

/* The driver. self is its own struct, which starts with struct store. Every slot
 * must be provided except those marked "may". The wrappers below say what each does
 * and check arguments and transaction state before they call. */
struct store_ops {
	const char *name;
	void (*close)(struct store *self);
	enum mc_err (*begin)(struct store *self);
	enum mc_err (*commit)(struct store *self);
	void (*rollback)(struct store *self);
	enum mc_err (*head)(struct store *self, struct store_head *out);
	/* may: gives the chance to move log into table; *left = log pages still to
	 * move */
	enum mc_err (*checkpoint)(struct store *self, unsigned *left);

	enum mc_err (*registration_check)(struct store *self, const struct msg_intent *intent,
	    int64_t now_at);
	enum mc_err (*intent_put)(struct store *self, const struct msg_intent *intent,
	    int64_t now_at, struct store_intended *out);
	enum mc_err (*signature_put)(struct store *self, const struct msg_signature *sig,
	    const struct store_scope *scope, bool *inserted);
	enum mc_err (*issuer_put)(struct store *self, const struct msg_issuer_put *put,
	    int64_t now_at, bool *inserted);
	enum mc_err (*crl_begin)(struct store *self, const uint8_t issuer_id[32],
	    const struct store_scope *scope, struct msg_crl_begin_ans *out);
	enum mc_err (*crl_chunk)(struct store *self, const struct msg_crl_chunk *chunk,
	    const struct store_scope *scope, int64_t now_at, bool *complete);
	enum mc_err (*revoke)(struct store *self, const struct msg_revoke *revoke,
	    int64_t now_at);
	enum mc_err (*user_put)(struct store *self, const struct msg_user_put *put,
	    int64_t now_at, bool *inserted);
	enum mc_err (*user_remove)(struct store *self, const struct msg_user_remove *remove,
	    int64_t now_at);
	enum mc_err (*inventory_put)(struct store *self, const struct msg_inventory_put *put,
	    struct base_span document, int64_t now_at, store_inventory_fn fn, void *arg);
	enum mc_err (*event_put)(struct store *self, const struct store_event *event,
	    int64_t now_at);
	enum mc_err (*config_put)(struct store *self, const struct msg_config_put *put,
	    int64_t now_at, struct base_buf *diff);

	enum mc_err (*cert_by_serial)(struct store *self, const struct store_view *view,
	    struct base_span serial, store_cert_fn fn, void *arg);
	enum mc_err (*cert_by_seq)(struct store *self, const struct store_view *view,
	    uint64_t seq, store_cert_fn fn, void *arg);
	enum mc_err (*cert_list)(struct store *self, const struct store_view *view,
	    const struct msg_cert_list *query, store_cert_fn fn, void *arg, uint64_t *next);
	enum mc_err (*cert_walk)(struct store *self, uint64_t from_seq, store_cert_fn fn,
	    void *arg);
	enum mc_err (*issuer_list)(struct store *self, const struct store_view *view,
	    struct base_span environment, store_issuer_fn fn, void *arg);
	enum mc_err (*bundle_get)(struct store *self, struct base_span environment,
	    store_bundle_fn fn, void *arg);
	enum mc_err (*crl_get)(struct store *self, const struct msg_crl_get *query,
	    store_crl_fn fn, void *arg);
	enum mc_err (*crl_status)(struct store *self, const struct store_view *view,
	    store_crl_status_fn fn, void *arg);
	enum mc_err (*revoked_list)(struct store *self, const struct store_view *view,
	    const struct msg_revoked_list *query, store_revoked_fn fn, void *arg);
	enum mc_err (*user_get)(struct store *self, const struct store_view *view,
	    const uint8_t cert_sha256[32], store_user_fn fn, void *arg);
	enum mc_err (*user_list)(struct store *self, const struct store_view *view,
	    store_user_fn fn, void *arg);
	enum mc_err (*inventory_get)(struct store *self, const struct msg_inventory_get *query,
	    store_inventory_fn fn, void *arg);
	enum mc_err (*registration_list)(struct store *self,
	    const struct msg_registration_list *query, store_registration_fn fn, void *arg,
	    uint64_t *next);
	enum mc_err (*event_list)(struct store *self, const struct msg_event_list *query,
	    store_event_fn fn, void *arg, uint64_t *next);
	enum mc_err (*dedup_recent)(struct store *self, int64_t since_at, uint64_t max,
	    store_dedup_fn fn, void *arg);
	/* may: the database's own consistency check, and what holds between tables */
	enum mc_err (*self_check)(struct store *self, store_problem_fn fn, void *arg);
};

struct store {
	const struct store_ops *ops;
	enum store_mode mode;
	bool in_tx;
};

/* Opens the SQLite database. A writer creates file (mode 0600) and directory
 * (0700), and migrates an older schema after a backup beside it
 * (<path>.v<old>.bak). Returns NULL with MC_ESCHEMA (newer schema), MC_ENOTFOUND
 * (reader, no file) or MC_ESTORE recorded. */
void store_close(struct store *store);
struct store *store_sqlite_open(const struct store_params *params) MC_DEALLOC(store_close);

/* --- transactions: writer only --- */
enum mc_err store_begin(struct store *store) MC_MUST_CHECK;
/* Returns when everything since store_begin() is on disk. MC_ENOSPACE or MC_ESTORE:
 * nothing of it is, and the transaction is rolled back. */
enum mc_err store_commit(struct store *store) MC_MUST_CHECK;
/* Forgets everything since store_begin(). Never fails; fine outside a transaction. */
void store_rollback(struct store *store);
/* Any handle, any time. */
enum mc_err store_head(struct store *store, struct store_head *out) MC_MUST_CHECK;
/* Moves what was committed into its final place so that the log stays small.
 * Outside transactions; any handle. *left (pages) > 0: a reader or newer commits
 * were in the way; call again. */
enum mc_err store_checkpoint(struct store *store, unsigned *left) MC_MUST_CHECK;

/* --- changes: writer only, in a transaction --- */
/* Whether the newest applied inventory of the intent's environment allows this leaf: asked before each intent is
 * put. A registration binds in both modes; registered-only also refuses who has none, and DNS names that no active
 * one has. Without an applied inventory, and for other profiles: MC_OK. MC_EREGISTRATION, MC_ETTL,
 * MC_ECSR_KEY_TYPE. */
enum mc_err store_registration_check(struct store *store, const struct msg_intent *intent,
    int64_t now_at) MC_MUST_CHECK;
/* Appends an intent. The issuer must be registered and of the intent's environment,
 * unless the certificate is self-signed or lineage. Idempotent on (serial, tbs).
 * Returns MC_OK, MC_ESERIAL (same serial, other bytes), MC_EPOLICY (issuer), MC_ENOTREADY
 * (a leaf of a revoked issuing CA), MC_EAPPROVAL (a person's, whose approval was spent). */
enum mc_err store_intent_put(struct store *store, const struct msg_intent *intent,
    int64_t now_at, struct store_intended *out) MC_MUST_CHECK;
/* Records a signature. Idempotent on equal bytes. MC_ENOTFOUND: no such seq with
 * this serial in this scope; MC_ECONFLICT: another signature is there; MC_EUSAGE:
 * tail is not two DER values. */
enum mc_err store_signature_put(struct store *store, const struct msg_signature *sig,
    const struct store_scope *scope, bool *inserted) MC_MUST_CHECK;
/* Registers a CA certificate whose row and signature are there and equal.
 * Idempotent. MC_EPOLICY when any field contradicts the row. Writes an event. */
enum mc_err store_issuer_put(struct store *store, const struct msg_issuer_put *put,
    int64_t now_at, bool *inserted) MC_MUST_CHECK;
/* Draws a CRL number. MC_ENOTFOUND: no such issuer in this scope. */
enum mc_err store_crl_begin(struct store *store, const uint8_t issuer_id[32],
    const struct store_scope *scope, struct msg_crl_begin_ans *out) MC_MUST_CHECK;
/* Takes the next chunk; *complete when it was the last one, then the CRL is current
 * and an event is written. MC_ECONFLICT: number was not drawn, or is not above the
 * current; MC_EUSAGE: a gap. Offset 0 starts over. */
enum mc_err store_crl_chunk(struct store *store, const struct msg_crl_chunk *chunk,
    const struct store_scope *scope, int64_t now_at, bool *complete) MC_MUST_CHECK;
/* Revokes, with its event; a CA's only on an approval, which it spends. MC_ENOTFOUND, MC_ECONFLICT (revoked
 * before), MC_EPOLICY (reason), MC_EAPPROVAL: there is none, it does not fit, or was spent. A certificate that a
 * person holds: MC_ECONFLICT, the person must be removed. */
enum mc_err store_revoke(struct store *store, const struct msg_revoke *revoke, int64_t now_at)
    MC_MUST_CHECK;
/* Binds a role to a signed client certificate. Idempotent. MC_EAPPROVAL: approver
 * is no live admin; MC_EPOLICY: the certificate is not such a one; MC_ECONFLICT:
 * bound otherwise. */
enum mc_err store_user_put(struct store *store, const struct msg_user_put *put, int64_t now_at,
    bool *inserted) MC_MUST_CHECK;
/* Removes a person and revokes all their certificates, on an approval that it spends.
 * MC_EAPPROVAL: it does not fit, or was spent; MC_ENOTFOUND; MC_ECONFLICT: last admin. */
enum mc_err store_user_remove(struct store *store, const struct msg_user_remove *remove,
    int64_t now_at) MC_MUST_CHECK;
/* Applies a document (base/applied.h) on an approval that it spends: the copy, the registrations in place of the
 * environment's others, an event. Calls fn with what is applied then. The one that is applied already changes
 * nothing. MC_EUSAGE, MC_ETOOBIG (document), MC_EAPPROVAL, MC_ENOTFOUND (environment), MC_EPOLICY (the
 * document is of another environment or trust domain). */
enum mc_err store_inventory_put(struct store *store, const struct msg_inventory_put *put,
    struct base_span document, int64_t now_at, store_inventory_fn fn, void *arg) MC_MUST_CHECK;
enum mc_err store_event_put(struct store *store, const struct store_event *event,
    int64_t now_at) MC_MUST_CHECK;
/* Records a configuration when its hash is not the newest one's; diff is scratch
 * that receives the line difference that was recorded. */
enum mc_err store_config_put(struct store *store, const struct msg_config_put *put,
    int64_t now_at, struct base_buf *diff) MC_MUST_CHECK;

/* --- reads --- */
/* Calls fn once, or returns MC_ENOTFOUND. */
enum mc_err store_cert_by_serial(struct store *store, const struct store_view *view,
    struct base_span serial, store_cert_fn fn, void *arg) MC_MUST_CHECK;
enum mc_err store_cert_by_seq(struct store *store, const struct store_view *view,
    uint64_t seq, store_cert_fn fn, void *arg) MC_MUST_CHECK;
/* At most query->limit rows, newest first, without tbs and tail. A sparse filter
 * may end a page before it is full; *next is the cursor to go on with, 0 when that
 * was all. */
enum mc_err store_cert_list(struct store *store, const struct store_view *view,
    const struct msg_cert_list *query, store_cert_fn fn, void *arg, uint64_t *next)
    MC_MUST_CHECK;
/* Every intent from from_seq on in order, with tbs and tail: for the verifier. */
enum mc_err store_cert_walk(struct store *store, uint64_t from_seq, store_cert_fn fn, void *arg)
    MC_MUST_CHECK;
enum mc_err store_issuer_list(struct store *store, const struct store_view *view,
    struct base_span environment, store_issuer_fn fn, void *arg) MC_MUST_CHECK;
enum mc_err store_bundle_get(struct store *store, struct base_span environment,
    store_bundle_fn fn, void *arg) MC_MUST_CHECK;
/* One chunk of at most LIMIT_BULK_CHUNK from query->offset on. */
enum mc_err store_crl_get(struct store *store, const struct msg_crl_get *query, store_crl_fn fn,
    void *arg) MC_MUST_CHECK;
enum mc_err store_crl_status(struct store *store, const struct store_view *view,
    store_crl_status_fn fn, void *arg) MC_MUST_CHECK;
/* What an issuer's next CRL lists, in order of revocation: revoked certificates that have not expired, and those that
 * had not when its newest CRL was issued (RFC 5280 3.3: on one more CRL, issued beyond their life), unless they make
 * more entries than are sure to fit into a CRL. */
enum mc_err store_revoked_list(struct store *store, const struct store_view *view,
    const struct msg_revoked_list *query, store_revoked_fn fn, void *arg) MC_MUST_CHECK;
enum mc_err store_user_get(struct store *store, const struct store_view *view,
    const uint8_t cert_sha256[32], store_user_fn fn, void *arg) MC_MUST_CHECK;
enum mc_err store_user_list(struct store *store, const struct store_view *view,
    store_user_fn fn, void *arg) MC_MUST_CHECK;
/* One applied copy, the newest for seq 0; with one chunk of its document when asked for. MC_ENOTFOUND. */
enum mc_err store_inventory_get(struct store *store, const struct msg_inventory_get *query,
    store_inventory_fn fn, void *arg) MC_MUST_CHECK;
/* At most query->limit registrations in the document's order; *next as for certificates. */
enum mc_err store_registration_list(struct store *store,
    const struct msg_registration_list *query, store_registration_fn fn, void *arg,
    uint64_t *next) MC_MUST_CHECK;
enum mc_err store_event_list(struct store *store, const struct msg_event_list *query,
    store_event_fn fn, void *arg, uint64_t *next) MC_MUST_CHECK;
/* The intents with an idempotency key among the newest max rows, oldest first, none
 * before since_at. */
enum mc_err store_dedup_recent(struct store *store, int64_t since_at, uint64_t max,
    store_dedup_fn fn, void *arg) MC_MUST_CHECK;
/* Reports every contradiction in and between tables, except in the hash chain.
 * Takes long. */
enum mc_err store_self_check(struct store *store, store_problem_fn fn, void *arg)
    MC_MUST_CHECK;

/* --- the log entry (entry.c) --- */
/* What is hashed for a row: the string "meshca-intent-v1\0", then le64 seq, le64
 * recorded_at, u8 profile, 32 bytes issuer id, 32 bytes SPKI hash, 16 bytes request
 * id, le64 not_before_at, le64 not_after_at, u8 has_dedup, 32 bytes key and 32
 * bytes body (zero without), then serial, environment, cluster, identity,
 * requester, evidence, tbs, each as le32 length and bytes. */
#define STORE_ENTRY_FIXED 195
struct store_entry {
	uint64_t seq;
	int64_t recorded_at;
	const struct msg_intent *intent;
};
/* leaf = SHA-256(prev || entry). leaf and prev may be the same memory. */
void store_entry_hash(const struct store_entry *entry, const uint8_t prev[32],
    uint8_t leaf[32]);
/* Appends SEQUENCE { tbs tail }: the certificate. */
void store_cert_assemble(struct base_buf *out, struct base_span tbs, struct base_span tail);
/* True when tail is exactly a SEQUENCE and a BIT STRING in DER. */
bool store_tail_ok(struct base_span tail);

#endif
