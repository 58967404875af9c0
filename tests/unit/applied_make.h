/* SPDX-License-Identifier: Apache-2.0 */
/* Applies documents to the environment "production" of a store fixture, as its administrator alice. */
#ifndef TESTS_APPLIED_MAKE_H
#define TESTS_APPLIED_MAKE_H

#include "people_make.h"

#define DOC_HEAD(mode, count)                                                          \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tcluster.local\n"  \
	"registration\t" mode "\nregistrations\t" count "\n"
#define DOC_JSON "{}\n"

struct applying {
	struct approver alice;
	struct msg_inventory_put put;
	struct msg_inventory_row row; /* what was answered; its spans are gone */
	char applied_by[LIMIT_USER_NAME + 1];
	unsigned requests;
};

/* Inside a transaction: alice, with the key. */
static inline void
applying_start(struct fix *fix, struct applying *applying)
{
	struct msg_user_put put;

	memset(applying, 0, sizeof(*applying));
	approver_make(&applying->alice);
	people_add(fix, &applying->alice, "alice", MSG_USER_ADMIN, &put);
	memcpy(applying->put.approver_sha256, put.cert_sha256, 32);
	applying->put.environment = base_span_str("production");
}

static inline void
applying_end(struct applying *applying)
{
	approver_end(&applying->alice);
}

static inline enum mc_err
applying_see(void *arg, const struct msg_inventory_row *row)
{
	struct applying *applying = arg;

	applying->row = *row;
	base_span_copy_str(row->applied_by, applying->applied_by, sizeof(applying->applied_by));
	return MC_OK;
}

/* Sends what was signed last. */
static inline enum mc_err
applying_send(struct fix *fix, struct applying *applying, const char *document)
{
	return store_inventory_put(fix->store, &applying->put, base_span_str(document), FIX_NOW,
	    applying_see, applying);
}

/* Inside a transaction: signed anew, as another request. */
static inline enum mc_err
apply(struct fix *fix, struct applying *applying, const char *document)
{
	const struct msg_inventory_get newest = { .environment = applying->put.environment };

	/* What it replaces is what is applied now. */
	memset(applying->put.replaces, 0, 32);
	if (store_inventory_get(fix->store, &newest, applying_see, applying) == MC_OK) {
		memcpy(applying->put.replaces, applying->row.sha256, 32);
	}
	applying->requests++;
	memset(applying->put.request_id, (int)applying->requests, 16);
	approver_sign_inventory(&applying->alice, &applying->put, document,
	    FIX_NOW + 300 - (int64_t)applying->requests);
	return applying_send(fix, applying, document);
}

#endif
