/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Front (or keeper, or the supervisor) -> signer.
 * The signer builds everything itself from these typed fields, within its policy; nothing here is
 * DER. A front that lies can only get what any caller of that environment could get.
 */
#ifndef BASE_MSG_ISSUE_H
#define BASE_MSG_ISSUE_H

#include "base/msg.h"

struct msg_issue {
	uint8_t request_id[16];
	uint8_t profile;      /* SVID or SERVER; CLIENT goes through MSG_USER_ISSUE */
	uint8_t confirm;      /* 1: answer only when the signature is recorded, too (REST) */
	uint8_t key_alg;      /* enum msg_key_alg */
	int64_t ttl_s;        /* <= 0: the profile's default */
	struct base_span key; /* see enum msg_key_alg; checked again by the signer */
	struct base_span ns;  /* SVID: namespace, and service account; the signer makes the SPIFFE ID */
	struct base_span sa;
	struct base_span dns_names; /* SERVER: names, each ended by one NUL, at most LIMIT_DNS_NAMES */
	struct base_span cluster;   /* recorded */
	struct base_span requester; /* recorded: who was authenticated */
	struct base_span evidence;  /* recorded: JSON of what was checked */
	uint8_t has_dedup;          /* 1: the next two are an idempotency key */
	uint8_t dedup_key[32];
	uint8_t dedup_body[32];     /* another body under the same key: MC_EIDEMPOTENCY */
};
extern const struct msg_table msg_issue_table;

struct msg_issue_ans {
	uint32_t status;  /* MC_OK, or ETTL, EPROFILE, EIDENTITY, ECSR_KEY_*, EISSUER_LIFE, ERATE, ESEALED,
	                     ECLOCK, ENOSPACE, EIDEMPOTENCY, ENOTREADY (no ledger), EINTERNAL */
	struct base_span detail;
	uint8_t duplicate; /* 1: an earlier certificate, found by idempotency key */
	int64_t not_before_at;
	int64_t not_after_at;
	uint8_t issuer_id[32]; /* SHA-256 of the issuing CA certificate's DER */
	struct base_span serial;
	struct base_span cert;   /* leaf, DER */
	struct base_span issuer; /* issuing CA, DER: chain element 2 */
};
extern const struct msg_table msg_issue_ans_table;

/* A person's client certificate and role, in one act (operators signer only). From the front it needs an
 * approval: ECDSA P-256/SHA-256 over
 *   "meshca-user-add-v1\n" name "\n" role-name "\n" hex(sha256(key)) "\n" expires-decimal "\n"
 * by the key of approver_cert, which this authority issued and whose role in the ledger is
 * admin. From the supervisor (root on the machine's local socket) it needs none. */
struct msg_user_issue {
	uint8_t request_id[16];
	struct base_span name; /* [a-z0-9][a-z0-9._-]{0,63} */
	uint8_t role;          /* enum msg_user_role */
	uint8_t key_alg;
	struct base_span key;
	struct base_span approver_cert; /* DER; empty from the supervisor */
	int64_t approval_expires_at;    /* at most 10 minutes ahead */
	struct base_span approval_sig;  /* DER ECDSA-Sig-Value */
	struct base_span actor;         /* who asked */
	struct base_span from;          /* where from */
};
extern const struct msg_table msg_user_issue_table;
/* Answer: msg_issue_ans. */

/* Request has no fields: encode msg_empty. */
struct msg_empty {
	uint8_t unused; /* C has no empty struct; not encoded */
};
extern const struct msg_table msg_empty_table;

struct msg_signer_info_ans {
	uint32_t status; /* MC_OK also when sealed */
	struct base_span detail;
	uint8_t state;   /* enum msg_role_state */
	int64_t issuer_not_after_at;
	uint8_t issuer_id[32];
	struct base_span issuer; /* issuing CA certificate, DER; empty when sealed */
	uint64_t signed_count;   /* leaves signed since start */
	uint64_t refused_count;
	uint64_t cpu_us;
};
extern const struct msg_table msg_signer_info_ans_table;

/* keeper -> signer: make the next CRL of an issuing CA of yours. */
struct msg_crl_sign {
	uint8_t request_id[16];
	uint8_t issuer_id[32]; /* zero: the active one; else it or an older one whose key file
	                          was handed over. Another: MC_ENOTFOUND */
};
extern const struct msg_table msg_crl_sign_table;
struct msg_crl_sign_ans {
	uint32_t status;
	struct base_span detail;
	uint64_t number;
	int64_t this_update_at;
	int64_t next_update_at;
};
extern const struct msg_table msg_crl_sign_ans_table;

#endif
