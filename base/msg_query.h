/* SPDX-License-Identifier: Apache-2.0 */
/* Front, keeper, supervisor -> ledger: reads, revocation, people, events. */
#ifndef BASE_MSG_QUERY_H
#define BASE_MSG_QUERY_H

#include "base/msg.h"

/* A certificate as the ledger knows it; answer of CERT_GET, item of CERT_LIST. */
struct msg_cert_row {
	uint32_t status; /* CERT_GET: MC_OK or ENOTFOUND */
	struct base_span detail;
	uint64_t seq;
	uint8_t profile;
	uint8_t state;         /* enum msg_state */
	uint8_t reason;        /* when revoked */
	uint8_t issuer_revoked; /* its CA is; not in lists */
	struct base_span serial;
	struct base_span environment;
	struct base_span cluster;
	struct base_span identity;
	struct base_span requester;
	struct base_span evidence;
	uint8_t issuer_id[32];
	uint8_t spki_sha256[32];
	uint8_t request_id[16];
	int64_t recorded_at;
	int64_t not_before_at;
	int64_t not_after_at;
	int64_t revoked_at;    /* 0 */
	uint8_t leaf_hash[32]; /* of the hash chain, at this row */
	struct base_span cert; /* DER; empty without signature, and in lists */
	struct base_span tbs;  /* CERT_GET only */
};
extern const struct msg_table msg_cert_row_table;

struct msg_cert_get {
	struct base_span serial;
};
extern const struct msg_table msg_cert_get_table;

/* Newest first. Answer items: msg_cert_row with BASE_ITEM_MORE, then msg_list_end. */
struct msg_cert_list {
	struct base_span environment; /* empty: all */
	struct base_span identity;    /* exact; empty: all */
	uint8_t profile;              /* 0: all */
	uint8_t state;                /* 0: all */
	int64_t expires_before_at;    /* 0: any */
	uint64_t before_seq;          /* cursor: rows with seq < this; 0: from the newest */
	uint32_t limit;               /* 1..LIMIT_PAGE */
};
extern const struct msg_table msg_cert_list_table;
/* Last item of every list (type is the list's answer, no BASE_ITEM_MORE, distinguished by being last). */
struct msg_list_end {
	uint32_t status;
	struct base_span detail;
	uint64_t next_seq; /* cursor of the next page; 0: that was all */
};
extern const struct msg_table msg_list_end_table;

struct msg_revoke {
	uint8_t request_id[16];
	struct base_span serial;
	uint8_t reason;
	struct base_span actor; /* the front's word; with an approval it does not count */
	struct base_span from;
	uint8_t approver_sha256[32];    /* as in msg_user_remove */
	struct base_span approver_spki;
	int64_t approval_expires_at;
	struct base_span approval_sig;  /* empty: no approval */
};
extern const struct msg_table msg_revoke_table;
/* Answer msg_cert_row (now revoked). ENOTFOUND; ECONFLICT when it was revoked before (the row says
 * when and why); EPOLICY for a reason we do not take. Durable before it is answered.
 * The certificate of a CA needs an administrator's approval, another's may have one; the ledger checks it itself
 * and spends it with the act: a signature as for msg_user_remove, over
 *   "meshca-certificate-revoke-v1\n" serial-in-lower-case-hexadecimal "\n" reason-name "\n" expires-decimal "\n".
 * MC_EAPPROVAL when it lacks or does not fit, MC_ECLOCK while nobody knows whether it has expired. */

/* All CA certificates: items msg_issuer_row, then msg_list_end. */
struct msg_issuer_list {
	struct base_span environment; /* empty: all */
};
extern const struct msg_table msg_issuer_list_table;
struct msg_issuer_row {
	uint32_t status;
	struct base_span detail;
	uint64_t seq;
	uint8_t profile;
	uint8_t state;
	uint8_t issuer_id[32];
	struct base_span serial;
	struct base_span environment;
	struct base_span trust_domain;
	struct base_span subject;
	struct base_span key_id;
	int64_t not_before_at;
	int64_t not_after_at;
	uint64_t crl_number;
	int64_t crl_this_update_at;
	int64_t crl_next_update_at;
	struct base_span cert; /* DER */
};
extern const struct msg_table msg_issuer_row_table;

struct msg_bundle_get {
	struct base_span environment;
};
extern const struct msg_table msg_bundle_get_table;
struct msg_bundle_ans {
	uint32_t status;
	struct base_span detail;
	uint64_t sequence; /* grows with every change */
	struct base_span trust_domain;
	struct base_span anchors; /* each: le32 length, DER; oldest first, stable order */
};
extern const struct msg_table msg_bundle_ans_table;

struct msg_crl_get {
	uint8_t issuer_id[32];
	uint64_t number; /* 0: the current one */
	uint64_t offset;
};
extern const struct msg_table msg_crl_get_table;
struct msg_crl_ans {
	uint32_t status; /* MC_OK, ENOTFOUND (also: that number is no longer kept) */
	struct base_span detail;
	uint64_t number;
	int64_t this_update_at;
	int64_t next_update_at;
	uint64_t total;
	uint64_t offset;
	struct base_span bytes;
};
extern const struct msg_table msg_crl_ans_table;

/* What the keeper plans from: items msg_crl_status_row for every issuer with a key that signs CRLs and
 * is unexpired (root, environment, issuing; not lineage), then msg_list_end. Request: msg_empty. */
struct msg_crl_status_row {
	uint32_t status;
	struct base_span detail;
	uint8_t issuer_id[32];
	uint8_t profile;
	struct base_span environment;
	int64_t issuer_not_after_at;
	uint64_t number;               /* 0: none yet */
	int64_t this_update_at;
	int64_t next_update_at;
	uint64_t revocation_seq;       /* what the current CRL covers */
	uint64_t newest_revocation_seq; /* of this issuer */
};
extern const struct msg_table msg_crl_status_row_table;

struct msg_user_get {
	uint8_t cert_sha256[32];
};
extern const struct msg_table msg_user_get_table;
struct msg_user_row { /* answer of USER_GET, item of USER_LIST (request msg_empty) */
	uint32_t status; /* ENOTFOUND: no such certificate, removed, revoked or expired */
	struct base_span detail;
	struct base_span name;
	uint8_t role;
	uint8_t cert_sha256[32];
	struct base_span serial;
	int64_t added_at;
	struct base_span added_by;
	int64_t not_after_at;
};
extern const struct msg_table msg_user_row_table;
/* Also revokes the certificates; the last admin cannot be removed: ECONFLICT. It needs an approval, which
 * the ledger checks itself and spends with the act: ECDSA P-256/SHA-256 over
 *   "meshca-user-remove-v1\n" name "\n" expires-decimal "\n"
 * by the key of a certificate whose role in the ledger is admin. MC_EAPPROVAL when it does not fit. */
struct msg_user_remove {
	uint8_t request_id[16];
	struct base_span name;
	struct base_span from;
	uint8_t approver_sha256[32];    /* of the approver's certificate */
	struct base_span approver_spki; /* DER, as that certificate has it */
	int64_t approval_expires_at;    /* at most 10 minutes ahead */
	struct base_span approval_sig;  /* DER ECDSA-Sig-Value */
};
extern const struct msg_table msg_user_remove_table;
/* Answer: msg_status_ans. */

struct msg_event_list { /* newest first; items msg_event_row, then msg_list_end */
	uint64_t before_seq;
	uint32_t limit;
};
extern const struct msg_table msg_event_list_table;
struct msg_event_row {
	uint32_t status;
	struct base_span detail;
	uint64_t seq;
	int64_t at;
	struct base_span actor;
	struct base_span action; /* "certificate-revoked", ... */
	struct base_span target;
	struct base_span from;
	struct base_span note; /* one line */
	uint8_t request_id[16];
};
extern const struct msg_table msg_event_row_table;

/* Request: msg_empty. */
struct msg_ledger_status_ans {
	uint32_t status;
	struct base_span detail;
	uint64_t intent_count; /* = newest seq */
	uint64_t signed_count; /* signature rows */
	uint64_t unconfirmed_count;
	int64_t newest_intent_at;
	uint64_t disk_free_bytes;
	uint8_t blocked;       /* 1: under the disk reserve */
	uint64_t commit_count;
	uint64_t commit_us;    /* total time in commits */
	uint64_t fsync_us_last;
	uint64_t cpu_us;
	uint8_t head[32];      /* hash chain head */
};
extern const struct msg_table msg_ledger_status_ans_table;

struct msg_config_put {
	uint8_t hash[32];
	uint8_t request_id[16];
	struct base_span actor;
	struct base_span from;
	struct base_span text; /* <= LIMIT_BULK_CHUNK; longer: its first part, and the hash tells */
};
extern const struct msg_table msg_config_put_table;
/* Answer: msg_status_ans. Recorded with a line diff to the one before when it differs. */

/* Somebody opened an environment's keys: its signer has just said so. */
struct msg_unsealed {
	uint8_t request_id[16];
	struct base_span environment;
	struct base_span actor;
	struct base_span from;
};
extern const struct msg_table msg_unsealed_table;
/* Answer: msg_status_ans, once the event is on disk. */

#endif
