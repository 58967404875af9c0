/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The applied copy of an environment's inventory: what `meshca inventory apply` writes, an administrator signs,
 * the front passes on unread, and the ledger checks, keeps and enforces. UTF-8 lines, fields apart by one TAB:
 *
 *   meshca-inventory-v1
 *   environment     production
 *   trust-domain    cluster.local
 *   registration    registered-only            (or open)
 *   registrations   25                         (as many lines follow)
 *   NAMESPACE  ACCOUNT  STATE  MAX-TTL-SECONDS  KEY-TYPES  DNS-NAMES  OWNER
 *   ...
 *   {"environment":...}                        (the resolved inventory as JSON, to the end)
 *
 * Registrations are sorted by namespace, then account, bytewise, each once. 0 seconds and no key types mean the
 * environment's own; lists are comma-separated, key types in the order below; the owner is any printable text, also none. The SPIFFE ID is
 * derived (spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT), never written.
 */
#ifndef BASE_APPLIED_H
#define BASE_APPLIED_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msg.h"

#define BASE_APPLIED_TTL_MAX 315360000 /* seconds: ten years, which no certificate reaches */

/* Whether certificates are issued. A number once used stays: the ledger keeps it. */
enum base_applied_state {
	BASE_APPLIED_INVALID = 0,
	BASE_APPLIED_ACTIVE,
	BASE_APPLIED_SUSPENDED, /* for now */
	BASE_APPLIED_RETIRED    /* for good */
};
const char *base_applied_state_name(uint8_t state); /* "active", ...; "invalid" */

/* Key types as bits of a set, and their names: p-256, p-384, rsa-2048, rsa-3072, rsa-4096. */
#define BASE_APPLIED_KEY_TYPES 5
const char *base_applied_key_name(unsigned bit); /* NULL past the last */
/* The bit of a name, 0 when it is none. */
uint32_t base_applied_key_bit(struct base_span name);
/* The bit of a key as MSG_ISSUE carries it; 0: none of these types. */
uint32_t base_applied_key_of(enum msg_key_alg alg, struct base_span key);

struct base_applied_row {
	struct base_span namespace;
	struct base_span account;
	struct base_span owner;
	enum base_applied_state state;
	int64_t max_ttl_s;          /* 0: the environment's */
	uint32_t key_types;         /* 0: the environment's */
	struct base_span dns_names; /* comma-separated; for base_applied_name() */
};

/* Views into the document. */
struct base_applied {
	struct base_span environment;
	struct base_span trust_domain;
	bool registered_only;
	uint32_t count;
	struct base_span rows;      /* for base_applied_next() */
	struct base_span inventory; /* JSON, not looked into */
};

/* Checks a whole document, every row included. Returns MC_OK, MC_ETOOBIG, or MC_EUSAGE naming line and fault. */
enum mc_err base_applied_parse(struct base_span document, struct base_applied *out) MC_MUST_CHECK;
/* Takes the next row from rows of a document that was parsed. False: there are no more. */
bool base_applied_next(struct base_span *rows, struct base_applied_row *out);
/* Takes the next of a row's DNS names. */
bool base_applied_name(struct base_span *names, struct base_span *out);

/* How a document sorts its rows: by namespace, then account, bytewise. Negative: a comes before b. */
int base_applied_order(const struct base_applied_row *a, const struct base_applied_row *b);

/* Writing: the head with its count, then so many rows in order, then the JSON and a newline. Nothing is checked:
 * parse what was written. */
void base_applied_put_head(struct base_buf *out, const struct base_applied *head);
void base_applied_put_row(struct base_buf *out, const struct base_applied_row *row);

/* What an administrator's approval is over, but for the time that follows:
 *   "meshca-inventory-apply-v1\n" environment "\n" hex SHA-256 of the document "\n"
 *   hex SHA-256 of the applied document that it replaces, or "none", "\n"
 * So what somebody signed and somebody else kept back cannot undo what was applied since. */
struct base_applied_change {
	struct base_span environment;
	uint8_t sha256[32];
	uint8_t replaces[32]; /* zero: none was applied */
};
void base_applied_approval(struct base_buf *out, const struct base_applied_change *change);

#endif
