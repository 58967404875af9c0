/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves held against the applied inventory. */
#include "applied_make.h"
#include "base/applied.h"
#include "check_main.h"
#include "store/sqlite_int.h"

#define ID(name) "spiffe://cluster.local/ns/shop/sa/" name
#define ROWS                                                                           \
	"shop\tcart\tactive\t0\t\tcart.shop.svc,shared.shop.svc\t\n"                    \
	"shop\tdesk\tsuspended\t0\t\tdesk.shop.svc,shared.shop.svc\t\n"                 \
	"shop\tmill\tactive\t3600\trsa-2048\t\t\n"                                      \
	"shop\tpost\tretired\t0\t\t\t\n"
#define ONLY DOC_HEAD("registered-only", "4") ROWS DOC_JSON
#define OPEN DOC_HEAD("open", "4") ROWS DOC_JSON

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

static enum mc_err
svid(const char *identity)
{
	struct fix_intent intent;

	fix_intent_make(&fix, &intent, MSG_PROFILE_SVID, identity);
	intent.msg.key_type = base_applied_key_bit(base_span_str("p-256"));
	return store_registration_check(fix.store, &intent.msg, FIX_NOW);
}

static enum mc_err
server(const void *names, size_t len)
{
	struct fix_intent intent;

	fix_intent_make(&fix, &intent, MSG_PROFILE_SERVER, "cart.shop.svc");
	intent.msg.dns_names = base_span_of(names, len);
	return store_registration_check(fix.store, &intent.msg, FIX_NOW);
}

START_TEST(without_an_inventory_nobody_is_refused)
{
	start();
	ck_assert_int_eq(svid(ID("nobody")), MC_OK);
	ck_assert_int_eq(server("x\0", 2), MC_OK);
	end();
}
END_TEST

START_TEST(registered_only_refuses_who_is_not_active)
{
	start();
	ck_assert_int_eq(apply(&fix, &applying, ONLY), MC_OK);
	ck_assert_int_eq(svid(ID("cart")), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_EREGISTRATION);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "sa/nobody is not registered"));
	ck_assert_int_eq(svid(ID("desk")), MC_EREGISTRATION);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "sa/desk is suspended"));
	ck_assert_int_eq(svid(ID("post")), MC_EREGISTRATION);
	/* Of another trust domain, and a prefix. */
	ck_assert_int_eq(svid("spiffe://other.local/ns/shop/sa/cart"), MC_EREGISTRATION);
	ck_assert_int_eq(svid(ID("car")), MC_EREGISTRATION);
	end();
}
END_TEST

START_TEST(open_binds_those_that_are_registered)
{
	start();
	ck_assert_int_eq(apply(&fix, &applying, OPEN), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_OK);
	ck_assert_int_eq(svid(ID("desk")), MC_EREGISTRATION);
	ck_assert_int_eq(svid(ID("mill")), MC_ETTL);
	ck_assert_int_eq(server("elsewhere.svc\0", 14), MC_OK);
	ck_assert_int_eq(server("desk.shop.svc\0", 14), MC_EREGISTRATION);
	end();
}
END_TEST

START_TEST(lifetime_and_key_type_are_bound)
{
	struct fix_intent intent;

	start();
	ck_assert_int_eq(apply(&fix, &applying, ONLY), MC_OK);
	fix_intent_make(&fix, &intent, MSG_PROFILE_SVID, ID("mill"));
	intent.msg.not_after_at = FIX_NOW + 3600;
	intent.msg.key_type = base_applied_key_bit(base_span_str("rsa-2048"));
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW), MC_OK);
	intent.msg.not_after_at++;
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW), MC_ETTL);
	intent.msg.not_after_at--;
	intent.msg.key_type = base_applied_key_bit(base_span_str("rsa-3072"));
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW),
	    MC_ECSR_KEY_TYPE);
	intent.msg.key_type = 0;
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW),
	    MC_ECSR_KEY_TYPE);
	end();
}
END_TEST

START_TEST(server_certificates_need_registered_names)
{
	start();
	ck_assert_int_eq(apply(&fix, &applying, ONLY), MC_OK);
	ck_assert_int_eq(server("cart.shop.svc\0", 14), MC_OK);
	ck_assert_int_eq(server("desk.shop.svc\0", 14), MC_EREGISTRATION);
	ck_assert_int_eq(server("shared.shop.svc\0", 16), MC_OK);
	ck_assert_int_eq(server("cart.shop.svc\0other.svc\0", 24), MC_EREGISTRATION);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "other.svc"));
	ck_assert_int_eq(server("cart.shop.svc", 13), MC_EUSAGE);
	/* That of the environment's own listener. */
	ck_assert_int_eq(server("", 0), MC_OK);
	end();
}
END_TEST

START_TEST(another_environment_is_not_bound)
{
	struct sq *sq = NULL;
	struct fix_intent intent;
	int64_t production = 0;
	int64_t other = 0;
	char name[32];

	start();
	sq = sq_of(fix.store);
	ck_assert_int_eq(apply(&fix, &applying, ONLY), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_EREGISTRATION);
	/* An environment whose place in memory is production's. */
	ck_assert_int_eq(sq_name_find(sq, base_span_str("production"), &production), MC_OK);
	for (unsigned i = 0; other == 0 || other % SQ_GATES != production % SQ_GATES; i++) {
		(void)snprintf(name, sizeof(name), "environment-%u", i);
		ck_assert_int_eq(sq_name_id(sq, base_span_str(name), &other), MC_OK);
	}
	fix_intent_make(&fix, &intent, MSG_PROFILE_SVID, ID("nobody"));
	intent.msg.environment = base_span_str(name);
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_EREGISTRATION);
	/* A name that somebody has in another environment. */
	ck_assert_int_eq(sq_exec(sq, "INSERT INTO registered_names SELECT 999, 'else.svc', identity"
	    " FROM registrations WHERE account = 'cart'"), MC_OK);
	ck_assert_int_eq(sq_exec(sq, "INSERT INTO registrations SELECT 999, identity, place, inventory,"
	    " namespace, account, owner, state, max_ttl_s, key_types, dns_names, registered_at"
	    " FROM registrations WHERE account = 'cart'"), MC_OK);
	ck_assert_int_eq(server("else.svc\0", 9), MC_EREGISTRATION);
	fix_intent_make(&fix, &intent, MSG_PROFILE_SVID, ID("nobody"));
	intent.msg.environment = base_span_str("staging");
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW), MC_OK);
	/* CA certificates and people's are nobody's registration. */
	fix_intent_make(&fix, &intent, MSG_PROFILE_ISSUING, "CN=x");
	ck_assert_int_eq(store_registration_check(fix.store, &intent.msg, FIX_NOW), MC_OK);
	end();
}
END_TEST

/* What is kept of the mode must not outlive what it was read from. */
START_TEST(the_mode_follows_commits_rollbacks_and_restarts)
{
	start();
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_OK);
	ck_assert_int_eq(apply(&fix, &applying, ONLY), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_EREGISTRATION);
	store_rollback(fix.store);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_OK);
	ck_assert_int_eq(apply(&fix, &applying, ONLY), MC_OK);
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_reopen(&fix);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_EREGISTRATION);
	ck_assert_int_eq(svid(ID("cart")), MC_OK);
	ck_assert_int_eq(apply(&fix, &applying, OPEN), MC_OK);
	ck_assert_int_eq(svid(ID("nobody")), MC_OK);
	end();
}
END_TEST

CHECK_MAIN("store_sqlite_gate", without_an_inventory_nobody_is_refused,
    registered_only_refuses_who_is_not_active, open_binds_those_that_are_registered,
    lifetime_and_key_type_are_bound, server_certificates_need_registered_names,
    another_environment_is_not_bound, the_mode_follows_commits_rollbacks_and_restarts)
