/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SQLite driver share. */
#ifndef STORE_SQLITE_INT_H
#define STORE_SQLITE_INT_H

#include <sqlite3.h>

#include "store/store.h"

#define SQ_APPLICATION_ID 0x6d736361 /* "msca" in the file header */
#define SQ_RECENT 4096               /* newest intents whose signature is about to come */

/* Texts that many rows share are stored once and known by a small number. The cache is
 * direct-mapped: a collision costs one look-up, and its size never grows. */
struct sq_slot {
	uint64_t hash;
	int64_t id; /* 0: free */
	size_t len;
	char *text;
};
struct sq_cache {
	struct sq_slot *slots;
	size_t count; /* a power of two */
};

struct sq_recent {
	uint64_t seq;
	int64_t environment;
	uint8_t serial_len;
	uint8_t serial[LIMIT_SERIAL];
};

enum sq_stmt {
	SQ_BEGIN,
	SQ_COMMIT,
	SQ_ROLLBACK,
	SQ_HEAD_GET,
	SQ_HEAD_SET,
	SQ_NAME_GET,
	SQ_NAME_PUT,
	SQ_EVIDENCE_PUT,
	SQ_INTENT_PUT,
	SQ_INTENT_BY_SERIAL,
	SQ_INTENT_KEY,
	SQ_APPROVAL_GET,
	SQ_APPROVAL_PUT,
	SQ_APPROVAL_OLD,
	SQ_SIGNATURE_PUT,
	SQ_SIGNATURE_GET,
	SQ_ISSUER_BY_ID,
	SQ_ISSUER_PUT,
	SQ_ISSUER_LIST,
	SQ_BUNDLE_BUMP,
	SQ_ANCHOR_PUT,
	SQ_BUNDLE_GET,
	SQ_ANCHOR_LIST,
	SQ_CRL_NUMBER_NEXT,
	SQ_CRL_NUMBER_GET,
	SQ_CRL_CURRENT,
	SQ_CRL_CURRENT_AT,
	SQ_CRL_PENDING,
	SQ_CRL_PUT,
	SQ_CRL_GROW,
	SQ_CRL_CLEAR_CHUNKS,
	SQ_CRL_CHUNK_PUT,
	SQ_CRL_OLD_CHUNKS,
	SQ_CRL_OLD,
	SQ_CRL_GET,
	SQ_CRL_CHUNK_GET,
	SQ_CRL_STATUS,
	SQ_REVOKED_NEWEST,
	SQ_REVOKED_LIST,
	SQ_REVOKED_COUNT,
	SQ_REVOKE_FIND,
	SQ_REVOKE_PUT,
	SQ_USER_PUT,
	SQ_USER_GET,
	SQ_USER_LIST,
	SQ_USER_CERTS,
	SQ_USER_REMOVE,
	SQ_USER_APPROVER,
	SQ_USER_OTHER_ADMINS,
	SQ_EVENT_PUT,
	SQ_EVENT_LIST,
	SQ_CONFIG_NEWEST,
	SQ_CONFIG_PUT,
	SQ_CERT_BY_SERIAL,
	SQ_CERT_BY_SEQ,
	SQ_CERT_LIST,
	SQ_CERT_LIST_IDENTITY,
	SQ_CERT_WALK,
	SQ_DEDUP_RECENT,
	SQ_INVENTORY_PUT,
	SQ_INVENTORY_OLD,
	SQ_INVENTORY_GET,
	SQ_INVENTORY_BYTES,
	SQ_REGISTRATION_GET,
	SQ_REGISTRATION_PUT,
	SQ_REGISTRATIONS_OLD,
	SQ_REGISTRATION_LIST,
	SQ_REGISTERED_NAME_PUT,
	SQ_REGISTERED_NAMES_CLEAR,
	SQ_GATE_GET,
	SQ_GATE_REGISTRATION,
	SQ_GATE_NAME,
	SQ_RECORDED_AT,
	SQ_STMT_COUNT
};

/* Whether an environment's leaves are held against registrations. */
#define SQ_GATES 64 /* above LIMIT_ENVIRONMENTS; two that collide are looked up anew */
struct sq_gate {
	int64_t environment; /* 0: free */
	bool applied;
	bool registered_only;
};

struct sq {
	struct store store; /* first */
	sqlite3 *db;
	int lock_fd; /* <path>.lock, held by the writer */
	char *path;
	sqlite3_stmt *stmts[SQ_STMT_COUNT];
	struct store_head head;  /* writer: with what this transaction added */
	struct store_head saved; /* at begin */
	struct sq_cache names;
	struct sq_cache evidence;
	struct sq_recent *recent; /* writer: SQ_RECENT entries by seq */
	struct sq_gate gates[SQ_GATES]; /* writer */
	struct base_buf scratch;  /* assembled certificate of the row being read */
};

/* --- sqlite_approval.c --- */
struct sq_approved {
	uint8_t id[32]; /* for sq_approval_use() */
	char actor[LIMIT_USER_NAME + 1];
};
struct sq_approval {
	struct base_span text; /* what was signed, its expiry included */
	const uint8_t *approver_sha256;
	struct base_span approver_spki;
	int64_t expires_at;
	struct base_span signature;
};
/* Whether a live administrator signed the text, for now; not whether it was spent. MC_EAPPROVAL. */
enum mc_err sq_approval_verify(struct sq *sq, const struct sq_approval *approval, int64_t now_at,
    struct sq_approved *out) MC_MUST_CHECK;
/* An approval that was spent before: MC_OK and *again when by this request, else MC_EAPPROVAL. */
enum mc_err sq_approval_check(struct sq *sq, const uint8_t id[32], const uint8_t request_id[16],
    bool *again) MC_MUST_CHECK;
/* Spends one that was checked, and forgets those that have expired. */
enum mc_err sq_approval_spend(struct sq *sq, const uint8_t id[32], const uint8_t request_id[16],
    int64_t now_at) MC_MUST_CHECK;
/* Both: spends one that never served, not this request either. MC_EAPPROVAL. */
enum mc_err sq_approval_use(struct sq *sq, const uint8_t id[32], const uint8_t request_id[16],
    int64_t now_at) MC_MUST_CHECK;

/* --- sqlite.c --- */
struct sq *sq_of(struct store *store);
/* Records rc with the database's own message; MC_ENOSPACE when the disk is full, else MC_ESTORE. */
enum mc_err sq_fail(struct sq *sq, int rc, const char *what);
/* The statement, reset and without bindings. NULL when it cannot be prepared (recorded). */
sqlite3_stmt *sq_stmt(struct sq *sq, enum sq_stmt which);
/* Steps once. *row tells whether there is a row; resets when there is none. */
enum mc_err sq_step(struct sq *sq, sqlite3_stmt *stmt, bool *row);
/* Runs a statement that yields no row; NULL (not prepared) fails. */
enum mc_err sq_run(struct sq *sq, sqlite3_stmt *stmt);
enum mc_err sq_exec(struct sq *sq, const char *sql);
void sq_bind_span(sqlite3_stmt *stmt, int at, struct base_span bytes); /* blob, not copied */
void sq_bind_text(sqlite3_stmt *stmt, int at, struct base_span text);  /* not copied */
void sq_bind_fixed(sqlite3_stmt *stmt, int at, const void *ptr, size_t len);
void sq_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value);
struct base_span sq_col_span(sqlite3_stmt *stmt, int at);
uint64_t sq_col_u64(sqlite3_stmt *stmt, int at);
/* Copies exactly len bytes, or zeroes out when the column is NULL. False: another length. */
bool sq_col_fixed(sqlite3_stmt *stmt, int at, void *out, size_t len);

/* --- sqlite_schema.c --- */
extern const char *const SQ_MIGRATIONS[]; /* [n] takes version n to n + 1 */
extern const unsigned SQ_MIGRATION_COUNT;
enum mc_err sq_migrate(struct sq *sq, const char *const *migrations, unsigned count);
/* The version of the file: 0 when it is new. */
enum mc_err sq_version(struct sq *sq, unsigned *out);

/* --- sqlite_sql.c --- */
const char *sq_sql(enum sq_stmt which);

/* --- sqlite_intern.c --- */
void sq_cache_init(struct sq_cache *cache, size_t count);
void sq_cache_clear(struct sq_cache *cache);
void sq_cache_free(struct sq_cache *cache);
enum mc_err sq_name_id(struct sq *sq, struct base_span text, int64_t *id);  /* makes it */
enum mc_err sq_name_find(struct sq *sq, struct base_span text, int64_t *id); /* 0: none */
enum mc_err sq_evidence_id(struct sq *sq, struct base_span text, int64_t *id);

/* --- sqlite_intent.c --- */
enum mc_err sq_intent_put(struct store *store, const struct msg_intent *intent,
    int64_t now_at, struct store_intended *out);
enum mc_err sq_signature_put(struct store *store, const struct msg_signature *sig,
    const struct store_scope *scope, bool *inserted);

/* --- sqlite_issuer.c --- */
struct sq_issuer {
	int64_t seq; /* 0: unknown */
	int64_t environment;
	uint8_t profile;
	bool revoked;
};
enum mc_err sq_issuer_find(struct sq *sq, const uint8_t issuer_id[32], struct sq_issuer *out);
enum mc_err sq_issuer_put(struct store *store, const struct msg_issuer_put *put,
    int64_t now_at, bool *inserted);
enum mc_err sq_issuer_list(struct store *store, const struct store_view *view,
    struct base_span environment, store_issuer_fn fn, void *arg);
enum mc_err sq_bundle_get(struct store *store, struct base_span environment,
    store_bundle_fn fn, void *arg);

/* --- sqlite_crl.c --- */
enum mc_err sq_crl_begin(struct store *store, const uint8_t issuer_id[32],
    const struct store_scope *scope, struct msg_crl_begin_ans *out);
enum mc_err sq_crl_chunk(struct store *store, const struct msg_crl_chunk *chunk,
    const struct store_scope *scope, int64_t now_at, bool *complete);
enum mc_err sq_crl_get(struct store *store, const struct msg_crl_get *query, store_crl_fn fn,
    void *arg);
enum mc_err sq_crl_status(struct store *store, const struct store_view *view,
    store_crl_status_fn fn, void *arg);
enum mc_err sq_revoked_list(struct store *store, const struct store_view *view,
    const struct msg_revoked_list *query, store_revoked_fn fn, void *arg);

/* --- sqlite_admin.c --- */
enum mc_err sq_revoke(struct store *store, const struct msg_revoke *revoke, int64_t now_at);
enum mc_err sq_event_put(struct store *store, const struct store_event *event,
    int64_t now_at);
enum mc_err sq_event_list(struct store *store, const struct msg_event_list *query,
    store_event_fn fn, void *arg, uint64_t *next);
enum mc_err sq_config_put(struct store *store, const struct msg_config_put *put,
    int64_t now_at, struct base_buf *diff);
struct sq_revocation {
	uint64_t cert_seq;
	int64_t at;
	uint8_t reason;
	struct base_span actor;
	struct base_span from;
	const uint8_t *request_id;
};
/* The row without its event; the certificate is there and not revoked. */
enum mc_err sq_revocation_put(struct sq *sq, const struct sq_revocation *revocation);

/* --- sqlite_user.c --- */
enum mc_err sq_user_put(struct store *store, const struct msg_user_put *put, int64_t now_at,
    bool *inserted);
enum mc_err sq_user_remove(struct store *store, const struct msg_user_remove *remove,
    int64_t now_at);
enum mc_err sq_user_get(struct store *store, const struct store_view *view,
    const uint8_t cert_sha256[32], store_user_fn fn, void *arg);
enum mc_err sq_user_list(struct store *store, const struct store_view *view,
    store_user_fn fn, void *arg);

/* --- sqlite_inventory.c --- */
enum mc_err sq_inventory_put(struct store *store, const struct msg_inventory_put *put,
    struct base_span document, int64_t now_at, store_inventory_fn fn, void *arg);
enum mc_err sq_inventory_get(struct store *store, const struct msg_inventory_get *query,
    store_inventory_fn fn, void *arg);
enum mc_err sq_registration_list(struct store *store, const struct msg_registration_list *query,
    store_registration_fn fn, void *arg, uint64_t *next);

/* --- sqlite_gate.c --- */
enum mc_err sq_registration_check(struct store *store, const struct msg_intent *intent,
    int64_t now_at);
void sq_gates_clear(struct sq *sq);

/* --- sqlite_read.c --- */
enum mc_err sq_cert_by_serial(struct store *store, const struct store_view *view,
    struct base_span serial, store_cert_fn fn, void *arg);
enum mc_err sq_cert_by_seq(struct store *store, const struct store_view *view, uint64_t seq,
    store_cert_fn fn, void *arg);
enum mc_err sq_cert_list(struct store *store, const struct store_view *view,
    const struct msg_cert_list *query, store_cert_fn fn, void *arg, uint64_t *next);
enum mc_err sq_cert_walk(struct store *store, uint64_t from_seq, store_cert_fn fn, void *arg);
enum mc_err sq_dedup_recent(struct store *store, int64_t since_at, uint64_t max,
    store_dedup_fn fn, void *arg);

/* --- sqlite_check.c --- */
enum mc_err sq_self_check(struct store *store, store_problem_fn fn, void *arg);

#endif
