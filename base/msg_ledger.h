/* SPDX-License-Identifier: Apache-2.0 */
/* Signer and ceremony -> ledger: what must be durable before and after a key is used. */
#ifndef BASE_MSG_LEDGER_H
#define BASE_MSG_LEDGER_H

#include "base/msg.h"

/* The intent. Answered when it is on disk. Idempotent on (serial, SHA-256 of tbs): the same again gets the
 * same answer, so after a reconnect the sender repeats what was not answered. */
struct msg_intent {
	uint8_t request_id[16];
	uint8_t profile;
	struct base_span serial;      /* big-endian, no sign byte, <= LIMIT_SERIAL */
	struct base_span environment;
	uint8_t issuer_id[32];        /* zero for a self-signed certificate */
	struct base_span cluster;
	struct base_span identity;    /* SPIFFE ID; first DNS name; user name; CA subject */
	uint8_t spki_sha256[32];
	struct base_span requester;
	struct base_span evidence;
	int64_t not_before_at;
	int64_t not_after_at;
	struct base_span tbs;         /* TBSCertificate DER */
	uint8_t has_dedup;
	uint8_t dedup_key[32];        /* CLIENT: hash of the approval, which is spent with this */
	uint8_t dedup_body[32];
	/* what a registration limits; not kept, for tbs has it */
	uint32_t key_type;          /* bit of base/applied.h; 0: none of them */
	struct base_span dns_names; /* SERVER: each name and a NUL; not those of the environment's own
	                               listener, which the configuration gives it */
};
extern const struct msg_table msg_intent_table;

struct msg_intent_ans {
	uint32_t status; /* MC_OK, ESERIAL, EIDEMPOTENCY, EAPPROVAL, ENOSPACE, ECLOCK, ESTORE; by the
	                    registration: EREGISTRATION, ETTL, ECSR_KEY_TYPE */
	struct base_span detail;
	uint64_t seq;
	uint8_t duplicate; /* 1: nothing was inserted; the certificate below holds the same
	                      idempotency key, is signed, live, unrevoked, > 90 % of life left */
	int64_t not_before_at;
	int64_t not_after_at;
	struct base_span serial;
	struct base_span cert;   /* DER */
	struct base_span issuer; /* DER of its issuing CA */
	uint8_t issuer_id[32];
};
extern const struct msg_table msg_intent_ans_table;

/* The signature, recorded with the next commit. Answered when it is on disk. Idempotent. */
struct msg_signature {
	uint64_t seq;
	struct base_span serial; /* must be seq's */
	struct base_span tail;   /* signatureAlgorithm and signatureValue, DER: what follows the TBS */
};
extern const struct msg_table msg_signature_table;
/* Answer: msg_status_ans. */

/* Registers a CA certificate that was just signed (its intent and signature are recorded). Ceremony only. */
struct msg_issuer_put {
	uint64_t seq;
	uint8_t profile;      /* ROOT, ENVIRONMENT, LINEAGE, ISSUING */
	uint8_t issuer_id[32]; /* SHA-256 of cert */
	struct base_span environment;
	struct base_span trust_domain;
	struct base_span subject; /* RFC 4514 text */
	struct base_span key_id;  /* SKI bytes */
	struct base_span cert;    /* DER */
	struct base_span from;    /* for the event, whose actor is the intent's requester */
};
extern const struct msg_table msg_issuer_put_table;
/* Answer: msg_status_ans. An ENVIRONMENT certificate joins its environment's bundle (sequence + 1). */

/* Draws the next CRL number of an issuer (durably; a number is never given twice). */
struct msg_crl_begin {
	uint8_t request_id[16];
	uint8_t issuer_id[32];
};
extern const struct msg_table msg_crl_begin_table;
struct msg_crl_begin_ans {
	uint32_t status;
	struct base_span detail;
	uint64_t number;
	uint64_t revocation_seq; /* list revocations up to this one */
};
extern const struct msg_table msg_crl_begin_ans_table;

/* What an issuer's next CRL lists, in order of revocation: revoked certificates that have not expired, and those that had
 * not when its newest CRL was issued. Answer items: one or more msg_revoked_list_ans, all but the last with
 * BASE_ITEM_MORE. */
struct msg_revoked_list {
	uint8_t issuer_id[32];
	uint64_t up_to_seq;
};
extern const struct msg_table msg_revoked_list_table;
struct msg_revoked_list_ans {
	uint32_t status;
	struct base_span detail;
	struct base_span entries; /* each: u8 serial length, serial, le64 revoked_at, u8 reason */
};
extern const struct msg_table msg_revoked_list_ans_table;

/* The signed CRL in chunks of LIMIT_BULK_CHUNK, in order; it becomes current with its last byte. */
struct msg_crl_chunk {
	uint8_t issuer_id[32];
	uint64_t number;
	uint64_t revocation_seq;
	int64_t this_update_at;
	int64_t next_update_at;
	uint64_t total;
	uint64_t offset;
	struct base_span bytes;
	uint8_t request_id[16];  /* for the event: who had it made, and where from */
	struct base_span actor;
	struct base_span from;
};
extern const struct msg_table msg_crl_chunk_table;
/* Answer: msg_status_ans. A number at or below the current one: MC_ECONFLICT. */

/* A person's role, bound to a certificate. */
struct msg_user_put {
	uint8_t request_id[16];
	struct base_span name;
	uint8_t role;
	uint8_t cert_sha256[32];
	struct base_span serial;
	uint8_t approver_sha256[32]; /* fingerprint of the approving admin's certificate; zero from
	                                the local socket. The ledger checks the role. */
	struct base_span actor;
	struct base_span from;
};
extern const struct msg_table msg_user_put_table;
/* Answer: msg_status_ans; MC_EAPPROVAL when the approver is no live admin. */

#endif
