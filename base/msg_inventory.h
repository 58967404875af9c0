/* SPDX-License-Identifier: Apache-2.0 */
/* Front -> ledger: the applied copy of an inventory (base/applied.h), and the registrations in it. */
#ifndef BASE_MSG_INVENTORY_H
#define BASE_MSG_INVENTORY_H

#include "base/msg.h"

/* The next piece of a document, in order; offset 0 begins one. LIMIT_APPLYING documents may be on their way on a
 * channel, by their request ids; one more drops the oldest. MC_ECONFLICT when a piece does not follow the one before,
 * MC_ETOOBIG past LIMIT_APPLIED. */
struct msg_inventory_chunk {
	uint8_t request_id[16];
	uint64_t offset;
	struct base_span bytes; /* <= LIMIT_BULK_CHUNK */
};
extern const struct msg_table msg_inventory_chunk_table;
/* Answer: msg_status_ans. */

/* Applies the document that came in pieces under this request id. It needs an administrator's approval over
 * base_applied_approval() and "expires-decimal\n", which the ledger checks itself and spends with the act, so a
 * front cannot register anybody. */
struct msg_inventory_put {
	uint8_t request_id[16];
	struct base_span environment;
	struct base_span from;
	uint8_t replaces[32];           /* SHA-256 of the copy that is applied; zero: none is */
	uint8_t approver_sha256[32];    /* of the approver's certificate */
	struct base_span approver_spki; /* DER, as that certificate has it */
	int64_t approval_expires_at;    /* at most 10 minutes ahead */
	struct base_span approval_sig;  /* DER ECDSA-Sig-Value */
};
extern const struct msg_table msg_inventory_put_table;
/* Answer: msg_inventory_row, durable. MC_EUSAGE or MC_ETOOBIG (the document), MC_EPOLICY (of another environment or
 * trust domain), MC_ENOTFOUND (no such environment), MC_EAPPROVAL, MC_ECONFLICT (its pieces are not there, or another
 * copy is applied than it replaces), MC_EBUSY (others wait), MC_ENOSPACE, MC_ECLOCK (as for intents). The document that
 * is applied already changes nothing. */

struct msg_inventory_get {
	struct base_span environment;
	uint64_t seq;          /* 0: the newest */
	uint8_t with_document; /* also LIMIT_BULK_CHUNK of it */
	uint64_t offset;       /* from here */
};
extern const struct msg_table msg_inventory_get_table;
struct msg_inventory_row {
	uint32_t status; /* ENOTFOUND: none was applied, or that one is no longer kept */
	struct base_span detail;
	uint64_t seq;
	uint8_t registered_only;
	uint32_t count;     /* of registrations */
	uint8_t sha256[32]; /* of the document */
	uint64_t total;     /* its bytes */
	int64_t applied_at;
	struct base_span applied_by;
	uint8_t changed;    /* answer of INVENTORY_PUT: it was not applied already */
	uint32_t added;     /* of its registrations, with changed */
	uint32_t removed;
	uint32_t altered;
	uint64_t offset;
	struct base_span bytes; /* INVENTORY_GET with_document */
};
extern const struct msg_table msg_inventory_row_table;

/* In the order of the document. Answer items: msg_registration_row with BASE_ITEM_MORE, then msg_list_end. */
struct msg_registration_list {
	struct base_span environment;
	uint64_t after; /* cursor: place of the last row of the page before; 0: from the first */
	uint32_t limit; /* 1..LIMIT_PAGE */
};
extern const struct msg_table msg_registration_list_table;
struct msg_registration_row {
	uint32_t status;
	struct base_span detail;
	struct base_span identity; /* SPIFFE ID */
	struct base_span ns;
	struct base_span sa;
	struct base_span owner;
	uint8_t state;             /* enum base_applied_state */
	int64_t max_ttl_s;         /* 0: the environment's */
	uint32_t key_types;        /* bits of base/applied.h; 0: the environment's */
	struct base_span dns_names; /* comma-separated */
	int64_t registered_at;     /* since when it has been in every applied copy */
	int64_t last_issued_at;    /* its newest certificate; 0: none */
	int64_t last_not_after_at;
};
extern const struct msg_table msg_registration_row_table;

#endif
