/* SPDX-License-Identifier: Apache-2.0 */
/* Applied copies and their registrations. */
#include "applied_make.h"
#include "base/applied.h"
#include "base/enc.h"
#include "check_main.h"

#define ID(name) "spiffe://cluster.local/ns/shop/sa/" name
#define CART "shop\tcart\tactive\t0\t\tcart.shop.svc\tteam-a\n"
#define DESK "shop\tdesk\tactive\t3600\tp-256,p-384\t\tteam-b\n"
#define POST "shop\tpost\tactive\t0\t\t\t\n"
#define NONE DOC_HEAD("open", "0") DOC_JSON
#define TWO DOC_HEAD("registered-only", "2") CART DESK DOC_JSON

static struct fix fix;
static struct applying applying;

static void
start(void)
{
	fix_start(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	applying_start(&fix, &applying);
}

static void
end(void)
{
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	applying_end(&applying);
	fix_end(&fix);
}

struct seen {
	unsigned count;
	char identities[8][64];
	struct msg_registration_row last; /* its spans are gone */
	char owner[64];
};

static enum mc_err
see(void *arg, const struct msg_registration_row *row)
{
	struct seen *seen = arg;

	base_span_copy_str(row->identity, seen->identities[seen->count++], 64);
	base_span_copy_str(row->owner, seen->owner, sizeof(seen->owner));
	seen->last = *row;
	return MC_OK;
}

static uint64_t
list(uint64_t after, uint32_t limit, struct seen *seen)
{
	const struct msg_registration_list query = { base_span_str("production"), after, limit };
	uint64_t next = 99;

	memset(seen, 0, sizeof(*seen));
	ck_assert_int_eq(store_registration_list(fix.store, &query, see, seen, &next), MC_OK);
	return next;
}

static enum mc_err
newest_note(void *arg, const struct msg_event_row *row)
{
	base_span_copy_str(row->action, arg, 64);
	base_span_copy_str(row->note, (char *)arg + 64, 256);
	base_span_copy_str(row->actor, (char *)arg + 64 + 256, 64);
	return MC_OK;
}

START_TEST(applies_lists_and_tells)
{
	const struct msg_event_list newest = { .limit = 1 };
	struct seen seen;
	struct fix_intent leaf;
	char event[64 + 256 + 64];
	uint64_t next = 0;

	start();
	ck_assert_int_eq(apply(&fix, &applying, TWO), MC_OK);
	ck_assert_uint_eq(applying.row.changed, 1);
	ck_assert_uint_eq(applying.row.registered_only, 1);
	ck_assert_uint_eq(applying.row.count, 2);
	ck_assert_uint_eq(applying.row.added, 2);
	ck_assert_uint_eq(applying.row.total, strlen(TWO));
	ck_assert_int_eq(applying.row.applied_at, FIX_NOW);
	ck_assert_str_eq(applying.applied_by, "alice");
	ck_assert_int_eq(store_event_list(fix.store, &newest, newest_note, event, &next), MC_OK);
	ck_assert_str_eq(event, "inventory-applied");
	ck_assert_ptr_nonnull(strstr(event + 64, "copy 1, registered-only, 2 registrations: 2 added"));
	ck_assert_str_eq(event + 64 + 256, "alice"); /* who signed it */
	ck_assert_uint_eq(list(0, 10, &seen), 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_str_eq(seen.identities[0], ID("cart"));
	ck_assert_str_eq(seen.identities[1], ID("desk"));
	ck_assert_str_eq(seen.owner, "team-b");
	ck_assert_int_eq(seen.last.state, BASE_APPLIED_ACTIVE);
	ck_assert_int_eq(seen.last.max_ttl_s, 3600);
	ck_assert_uint_eq(seen.last.key_types, 3);
	ck_assert_int_eq(seen.last.last_issued_at, 0);
	/* Pages. */
	next = list(0, 1, &seen);
	ck_assert_uint_ne(next, 0);
	ck_assert_str_eq(seen.identities[0], ID("cart"));
	ck_assert_uint_eq(list(next, 1, &seen), 0);
	ck_assert_str_eq(seen.identities[0], ID("desk"));
	ck_assert_uint_eq(list(INT64_MAX, 10, &seen), 0);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_uint_eq(list(UINT64_MAX, 10, &seen), 0);
	ck_assert_uint_eq(seen.count, 0);
	/* Its newest certificate. */
	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, ID("desk"));
	(void)fix_put(&fix, &leaf.msg);
	(void)list(next, 1, &seen);
	ck_assert_int_eq(seen.last.last_issued_at, FIX_NOW);
	ck_assert_int_eq(seen.last.last_not_after_at, FIX_NOW + FIX_DAY);
	end();
}
END_TEST

START_TEST(the_next_copy_replaces_the_one_before)
{
	struct seen seen;

	start();
	ck_assert_int_eq(apply(&fix, &applying, TWO), MC_OK);
	/* The same changes nothing. */
	ck_assert_int_eq(apply(&fix, &applying, TWO), MC_OK);
	ck_assert_uint_eq(applying.row.changed, 0);
	ck_assert_uint_eq(applying.row.seq, 1);
	ck_assert_int_eq(apply(&fix, &applying,
	                     DOC_HEAD("open", "2") "shop\tcart\tretired\t0\t\t\tteam-a\n" POST DOC_JSON),
	    MC_OK);
	ck_assert_uint_eq(applying.row.seq, 2);
	ck_assert_uint_eq(applying.row.registered_only, 0);
	ck_assert_uint_eq(applying.row.added, 1);
	ck_assert_uint_eq(applying.row.removed, 1);
	ck_assert_uint_eq(applying.row.altered, 1);
	(void)list(0, 10, &seen);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_str_eq(seen.identities[1], ID("post"));
	ck_assert_int_eq(apply(&fix, &applying, DOC_HEAD("open", "0") DOC_JSON), MC_OK);
	ck_assert_uint_eq(applying.row.removed, 2);
	(void)list(0, 10, &seen);
	ck_assert_uint_eq(seen.count, 0);
	end();
}
END_TEST

START_TEST(refuses_and_changes_nothing)
{
	static const struct {
		const char *document;
		enum mc_err expect;
	} CASES[] = {
		{ "nonsense\n", MC_EUSAGE },
		{ DOC_HEAD("open", "2") CART DOC_JSON, MC_EUSAGE },
		{ "meshca-inventory-v1\nenvironment\tstaging\ntrust-domain\tcluster.local\n"
		  "registration\topen\nregistrations\t0\n" DOC_JSON, MC_EPOLICY },
		{ "meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tother.local\n"
		  "registration\topen\nregistrations\t0\n" DOC_JSON, MC_EPOLICY },
	};
	const struct msg_inventory_get get = { .environment = base_span_str("production") };
	struct seen seen;

	start();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_int_eq(apply(&fix, &applying, CASES[i].document), CASES[i].expect);
	}
	applying.put.environment = base_span_str("nowhere");
	ck_assert_int_eq(apply(&fix, &applying, TWO), MC_ENOTFOUND);
	ck_assert_int_eq(store_inventory_get(fix.store, &get, applying_see, &applying),
	    MC_ENOTFOUND);
	(void)list(0, 10, &seen);
	ck_assert_uint_eq(seen.count, 0);
	end();
}
END_TEST

START_TEST(an_approval_is_for_one_document_and_once)
{
	struct approver thief;

	start();
	approver_sign_inventory(&applying.alice, &applying.put, TWO, FIX_NOW + 60);
	ck_assert_int_eq(applying_send(&fix, &applying, DOC_HEAD("open", "0") DOC_JSON),
	    MC_EAPPROVAL);
	applying.put.environment = base_span_str("staging");
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	applying.put.environment = base_span_str("production");
	applying.put.approval_expires_at++;
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	approver_sign_inventory(&applying.alice, &applying.put, TWO, FIX_NOW - 1);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	approver_sign_inventory(&applying.alice, &applying.put, TWO, FIX_NOW + 601);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	approver_make(&thief);
	approver_sign_inventory(&thief, &applying.put, TWO, FIX_NOW + 60);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	applying.put.approver_spki = base_span_of(applying.alice.spki, LIMIT_P256_SPKI);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	approver_end(&thief);
	/* Repeated because its answer was lost: it is applied. */
	approver_sign_inventory(&applying.alice, &applying.put, TWO, FIX_NOW + 60);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_OK);
	ck_assert_uint_eq(applying.row.changed, 1);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_OK);
	ck_assert_uint_eq(applying.row.changed, 0);
	/* Later it would bring the old copy back: it replaces nothing that is there. */
	ck_assert_int_eq(apply(&fix, &applying, NONE), MC_OK);
	memset(applying.put.replaces, 0, 32);
	approver_sign_inventory(&applying.alice, &applying.put, TWO, FIX_NOW + 60);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_ECONFLICT);
	end();
}
END_TEST

/* Signed, kept back while another copy was applied, then sent: it was not for what stands there now. */
START_TEST(an_approval_that_was_kept_back_undoes_nothing)
{
	struct msg_inventory_put kept;
	uint8_t sig[LIMIT_P256_SIG];

	start();
	approver_sign_inventory(&applying.alice, &applying.put, TWO, FIX_NOW + 100);
	kept = applying.put;
	memcpy(sig, kept.approval_sig.ptr, kept.approval_sig.len);
	ck_assert_int_eq(apply(&fix, &applying, NONE), MC_OK);
	kept.approval_sig = base_span_of(sig, kept.approval_sig.len);
	applying.put = kept;
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_ECONFLICT);
	end();
}
END_TEST

/* Back and forth within the life of an approval: it serves once all the same. */
START_TEST(an_approval_serves_once_also_when_its_place_comes_again)
{
	struct msg_inventory_put first;
	uint8_t sig[LIMIT_P256_SIG];

	start();
	ck_assert_int_eq(apply(&fix, &applying, NONE), MC_OK);
	ck_assert_int_eq(apply(&fix, &applying, TWO), MC_OK);
	first = applying.put;
	memcpy(sig, first.approval_sig.ptr, first.approval_sig.len);
	ck_assert_int_eq(apply(&fix, &applying, NONE), MC_OK);
	first.approval_sig = base_span_of(sig, first.approval_sig.len);
	applying.put = first;
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	memset(applying.put.request_id, 0xee, 16);
	ck_assert_int_eq(applying_send(&fix, &applying, TWO), MC_EAPPROVAL);
	end();
}
END_TEST

static enum mc_err
gather(void *arg, const struct msg_inventory_row *row)
{
	base_buf_append_span(arg, row->bytes);
	return MC_OK;
}

START_TEST(gives_a_document_back_in_pieces)
{
	struct msg_inventory_get get = { .environment = base_span_str("production"),
		.with_document = 1 };
	struct base_buf document;
	struct base_buf back;

	start();
	base_buf_init(&document, 1024 * 1024);
	base_buf_init(&back, 1024 * 1024);
	base_buf_append_str(&document, DOC_HEAD("open", "1") CART "{\"x\":\"");
	for (unsigned i = 0; i < 100000; i++) {
		base_buf_append_u8(&document, (uint8_t)('a' + i % 26));
	}
	base_buf_append_str(&document, "\"}\n");
	base_buf_append_u8(&document, 0);
	document.len--;
	ck_assert_int_eq(apply(&fix, &applying, (const char *)document.ptr), MC_OK);
	while (back.len < document.len) {
		get.offset = back.len;
		ck_assert_int_eq(store_inventory_get(fix.store, &get, gather, &back), MC_OK);
		ck_assert_uint_gt(back.len, get.offset);
	}
	ck_assert(base_span_equal(base_buf_span(&back), base_buf_span(&document)));
	get.offset = back.len;
	ck_assert_int_eq(store_inventory_get(fix.store, &get, gather, &back), MC_EUSAGE);
	get.offset = 0;
	get.seq = 2;
	ck_assert_int_eq(store_inventory_get(fix.store, &get, gather, &back), MC_ENOTFOUND);
	base_buf_clear(&document);
	base_buf_clear(&back);
	end();
}
END_TEST

START_TEST(keeps_the_newest_copies)
{
	struct msg_inventory_get get = { .environment = base_span_str("production") };
	char document[512];

	start();
	for (unsigned i = 0; i < LIMIT_APPLIED_KEPT + 2; i++) {
		(void)snprintf(document, sizeof(document), "%s{\"n\":%u}\n",
		    DOC_HEAD("open", "0"), i);
		ck_assert_int_eq(apply(&fix, &applying, document), MC_OK);
	}
	get.seq = 2;
	ck_assert_int_eq(store_inventory_get(fix.store, &get, applying_see, &applying),
	    MC_ENOTFOUND);
	get.seq = 3;
	ck_assert_int_eq(store_inventory_get(fix.store, &get, applying_see, &applying), MC_OK);
	end();
}
END_TEST

CHECK_MAIN("store_sqlite_inventory", applies_lists_and_tells, the_next_copy_replaces_the_one_before,
    refuses_and_changes_nothing, an_approval_is_for_one_document_and_once,
    an_approval_that_was_kept_back_undoes_nothing,
    an_approval_serves_once_also_when_its_place_comes_again, gives_a_document_back_in_pieces,
    keeps_the_newest_copies)
