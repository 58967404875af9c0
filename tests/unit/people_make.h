/* SPDX-License-Identifier: Apache-2.0 */
/* People of a ledger: certificates for a key, and administrators who can approve. */
#ifndef TESTS_PEOPLE_MAKE_H
#define TESTS_PEOPLE_MAKE_H

#include "approval_make.h"
#include "store_fixture.h"

/* Inside a transaction: a signed certificate of the approver's key; put lacks the role. */
static inline void
people_cert(struct fix *fix, const struct approver *approver, const char *name,
    struct fix_intent *leaf, struct msg_user_put *put)
{
	uint8_t spki_sha256[32];

	memset(put, 0, sizeof(*put));
	put->name = base_span_str(name);
	base_crypto_sha256(base_span_of(approver->spki, sizeof(approver->spki)), spki_sha256);
	fix_client(fix, put, spki_sha256, FIX_NOW + FIX_DAY, leaf);
}

/* The same, with a role that is there; put says what was registered, but its serial is gone. */
static inline void
people_add(struct fix *fix, const struct approver *approver, const char *name, uint8_t role,
    struct msg_user_put *put)
{
	struct fix_intent leaf;
	bool inserted = false;

	people_cert(fix, approver, name, &leaf, put);
	put->role = role;
	ck_assert_int_eq(store_user_put(fix->store, put, FIX_NOW, &inserted), MC_OK);
	ck_assert(inserted);
}

#endif
