/* SPDX-License-Identifier: Apache-2.0 */
#include "base/applied.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "tests/unit/approved.h"
#include "tests/unit/check_main.h"
#include "tests/unit/cli_world.h"
#include "tests/unit/mesh_make.h"

#define AT "/v1/environments/production/"
#define TYPE "application/vnd.meshca.inventory"
#define KNOWN OK("GET " AT "registrations?limit=1", "{\"registrations\":[],\"next\":null}")
#define NONE_APPLIED PROBLEM("GET " AT "inventory", 404, "not-found")
#define APPLIED(text) {.line = "GET " AT "inventory", .status = 200, .type = TYPE, .body = (text)}
#define LIST(profile, certs)                                                                 \
	OK("GET /v1/certificates?environment=production&profile=" profile "&state=signed&limit=500", \
	    "{\"certificates\":[" certs "],\"next\":null}")
#define NOBODY LIST("svid", ""), LIST("server", "")
#define DESK                                                                                 \
	LIST("svid", "{\"serial\":\"0a\",\"identity\":\"spiffe://shop.example/ns/shop/sa/desk\"," \
		     "\"recorded_at\":\"2026-11-01T00:00:00Z\",\"not_after\":"                    \
		     "\"2026-11-02T00:00:00Z\"}"),                                            \
	    LIST("server", "")
#define TAKEN                                                                                \
	OK("PUT " AT "inventory", "{\"sequence\":3,\"registration\":\"registered-only\","         \
				  "\"registrations\":1,\"changed\":true}")
#define RUN(...)                                                                             \
	AS_ALICE("inventory", __VA_ARGS__, world_path("inv"), "--environment", "production")
#define OLD                                                                                  \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tshop.example\n"              \
	"registration\topen\nregistrations\t0\n{}\n"

static void
start(void)
{
	world_start();
	mesh_put(world.folder);
}

/* The first PUT. */
static const struct rest_seen *
put_of(void)
{
	const struct rest_seen *seen;

	for (size_t i = 0; (seen = rest_server_seen(world.server, i)) != NULL; i++) {
		if (strncmp(seen->line, "PUT ", 4) == 0) {
			return seen;
		}
	}
	return NULL;
}

/* A header field of a request; the caller frees it. */
static char *
field_of(const struct rest_seen *seen, const char *name)
{
	char *start_ = base_xasprintf("\r\n%s: ", name);
	const char *at = strstr(seen->head, start_);
	char *value;

	ck_assert_msg(at != NULL, "no %s in %s", name, seen->head);
	at += strlen(start_);
	value = base_xasprintf("%.*s", (int)strcspn(at, "\r"), at);
	free(start_);
	return value;
}

/* The approval of a PUT is over this very document and the one that it replaces (NULL: none). */
static void
is_approved(const struct rest_seen *put, const char *old)
{
	struct base_applied_change change = {.environment = base_span_str("production")};
	char *expires_at = field_of(put, "Approval-Expires-At");
	char *signature = field_of(put, "Approval-Signature");
	char *replaces = field_of(put, "Approval-Replaces");
	char hex[2 * BASE_SHA256_LEN + 1] = "none";
	struct base_buf text;
	char *what;

	base_crypto_sha256(base_span_of(put->body, put->body_len), change.sha256);
	if (old != NULL) {
		base_crypto_sha256(base_span_str(old), change.replaces);
		base_enc_hex(change.replaces, sizeof(change.replaces), hex);
	}
	ck_assert_str_eq(replaces, hex);
	base_buf_init(&text, 1024);
	base_applied_approval(&text, &change);
	what = base_buf_take_str(&text);
	ck_assert(approved_text(world.key, expires_at, signature, what));
	free(what);
	free(replaces);
	free(signature);
	free(expires_at);
}

START_TEST(the_first_copy_is_sent_with_an_approval)
{
	const struct rest_seen *put;
	struct base_applied head;

	start();
	ROUTES(KNOWN, NONE_APPLIED, NOBODY, TAKEN);
	ck_assert_msg(RUN("apply") == CLI_OK, "%s", said.err);
	SAYS(said.out, "applied to production as copy 3: registered-only, 1 registrations\n");
	put = put_of();
	SAYS(put->head, "Content-Type: " TYPE "\r\n");
	ck_assert_int_eq(base_applied_parse(base_span_of(put->body, put->body_len), &head), MC_OK);
	ck_assert(base_span_equal_str(head.environment, "production"));
	SAYS(put->body, "\nshop\tcart\tactive\t");
	is_approved(put, NULL);
	world_stop();
}
END_TEST

START_TEST(the_next_copy_names_the_one_before)
{
	start();
	ROUTES(KNOWN, APPLIED(OLD), NOBODY, TAKEN);
	ck_assert_int_eq(RUN("apply"), CLI_OK);
	SAYS(said.out, "registration: open -> registered-only");
	SAYS(said.out, "spiffe://shop.example/ns/shop/sa/cart");
	is_approved(put_of(), OLD);
	world_stop();
}
END_TEST

START_TEST(a_difference_is_an_exit_status)
{
	char *document;

	start();
	ROUTES(KNOWN, NONE_APPLIED, NOBODY, TAKEN);
	ck_assert_int_eq(RUN("diff"), CLI_DIFFERS);
	SAYS(said.out, "spiffe://shop.example/ns/shop/sa/cart");
	ck_assert_ptr_null(put_of());
	ck_assert_int_eq(RUN("diff", "--json"), CLI_DIFFERS);
	SAYS(said.out, "\"same\": false");
	ck_assert_int_eq(RUN("apply"), CLI_OK);
	document = base_xstrdup(put_of()->body);
	ROUTES(KNOWN, APPLIED(document), NOBODY);
	ck_assert_int_eq(RUN("diff"), CLI_OK);
	SAYS(said.out, "production is applied as it stands here");
	ck_assert_int_eq(RUN("diff", "--json"), CLI_OK);
	SAYS(said.out, "\"same\": true");
	free(document);
	world_stop();
}
END_TEST

/* Who has a certificate and is not written down anywhere would be found out at midnight. */
START_TEST(who_is_forgotten_stops_the_apply)
{
	start();
	ROUTES(KNOWN, NONE_APPLIED, DESK, TAKEN);
	ck_assert_int_eq(RUN("apply"), CLI_FAILED);
	SAYS(said.err, "nothing was applied: 1 identities have certificates");
	SAYS(said.out, "spiffe://shop.example/ns/shop/sa/desk");
	ck_assert_ptr_null(put_of());
	ck_assert_int_eq(RUN("apply", "--json"), CLI_FAILED);
	SAYS(said.out, "\"stops\": [");
	SAYS(said.err, "\"error\":\"conflict\"");
	ck_assert_ptr_null(put_of());
	ck_assert_int_eq(RUN("apply", "--force"), CLI_OK);
	ck_assert_ptr_nonnull(put_of());
	SAYS(said.err, "--revoke ends them now");
	world_stop();
}
END_TEST

START_TEST(those_who_stop_are_revoked_when_asked)
{
	start();
	ROUTES(KNOWN, NONE_APPLIED, DESK, TAKEN, OK("POST /v1/certificates/0a/revoke", "{}"));
	ck_assert_int_eq(RUN("apply", "--force", "--revoke", "--json"), CLI_OK);
	SAYS(said.out, "\"revoked\": 1");
	SAYS(said.err, "revoked 1 certificates");
	/* applied, and then not revoked: both are said */
	ROUTES(KNOWN, NONE_APPLIED, DESK, TAKEN, PROBLEM("POST /v1/certificates/0a/revoke", 403, "denied"));
	ck_assert_int_eq(RUN("apply", "--force", "--revoke", "--json"), CLI_DENIED);
	SAYS(said.out, "\"sequence\": 3");
	SAYS(said.out, "\"revoked\": 0");
	SAYS(said.err, "the detail");
	world_stop();
}
END_TEST

START_TEST(a_refused_copy_revokes_nobody)
{
	start();
	ROUTES(KNOWN, NONE_APPLIED, DESK, PROBLEM("PUT " AT "inventory", 409, "conflict"),
	    OK("POST /v1/certificates/0a/revoke", "{}"));
	ck_assert_int_eq(RUN("apply", "--force", "--revoke"), CLI_FAILED);
	SAYS(said.err, "the detail");
	for (size_t i = 0; rest_server_seen(world.server, i) != NULL; i++) {
		SAYS_NOT(rest_server_seen(world.server, i)->line, "POST");
	}
	world_stop();
}
END_TEST

/* It waits a second, and tries once more. */
START_TEST(a_busy_authority_is_asked_again)
{
	start();
	ROUTES(KNOWN, NONE_APPLIED, NOBODY,
	    {.line = "PUT " AT "inventory", .status = 503, .body = "{}", .once = true}, TAKEN);
	ck_assert_int_eq(RUN("apply"), CLI_OK);
	SAYS(said.err, "the authority is busy; trying again");
	SAYS(said.out, "as copy 3");
	world_stop();
}
END_TEST

/* An environment that the authority does not have is not one without a copy. */
START_TEST(an_unknown_environment_is_not_found)
{
	start();
	ROUTES(PROBLEM("GET " AT "registrations?limit=1", 404, "not-found"), NONE_APPLIED);
	REFUSES(RUN("apply"), CLI_NOT_FOUND, "the detail");
	REFUSES(AS_ALICE("inventory", "diff", world_path("inv"), "--environment", "nowhere"), CLI_NOT_FOUND,
	    "nowhere");
	world_stop();
}
END_TEST

START_TEST(what_is_no_copy_is_not_compared)
{
	start();
	ROUTES(KNOWN, APPLIED("nonsense"), NOBODY, TAKEN);
	ck_assert_int_ne(RUN("apply"), CLI_OK);
	ck_assert_ptr_null(put_of());
	folder_put(world.folder, "inv/cart.yaml", "kind: Nothing\n");
	ck_assert_int_eq(RUN("apply"), CLI_FAILED);
	SAYS(said.err, "the inventory has errors");
	world_stop();
}
END_TEST

#define COPY                                                                                 \
	OK("GET " AT "inventory", "{\"sequence\":3,\"applied_at\":\"2026-11-01T00:00:00Z\","       \
				  "\"applied_by\":\"alice\",\"registration\":\"open\"}")
#define ROWS                                                                                 \
	OK("GET " AT "registrations?limit=500", "{\"registrations\":[{\"identity\":\"spiffe://x\","  \
						"\"state\":\"active\",\"owner\":\"team\"}],\"next\":null}")

START_TEST(the_applied_copy_is_shown)
{
	world_start();
	ROUTES(COPY, ROWS);
	ck_assert_int_eq(AS_ALICE("inventory", "applied", "--environment", "production"), CLI_OK);
	SAYS(said.out, "copy 3, applied 2026-11-01T00:00:00Z by alice, open\n");
	SAYS(said.out, "spiffe://x");
	SAYS(said.out, "team");
	ck_assert_int_eq(AS_ALICE("inventory", "applied", "--environment", "production", "--json"),
	    CLI_OK);
	SAYS(said.out, "\"registered\": [");
	ROUTES(OK("GET " AT "inventory", "{\"sequence\":3,\"applied_by\":\"a\\u001b[2J\"}"), ROWS);
	ck_assert_int_eq(AS_ALICE("inventory", "applied", "--environment", "production"), CLI_OK);
	SAYS(said.out, "by a [2J, "); /* names cannot drive the terminal */
	ROUTES(APPLIED(OLD));
	ck_assert_int_eq(AS_ALICE("inventory", "applied", "--environment", "production", "--document",
			     "--out", world_path("copy")),
	    CLI_OK);
	SAYS(rest_server_seen(world.server, 0)->head, "Accept: " TYPE "\r\n");
	ck_assert(world_has("copy"));
	ROUTES(NONE_APPLIED);
	REFUSES(AS_ALICE("inventory", "applied", "--environment", "production", "--document", "--out",
		    world_path("none")),
	    CLI_NOT_FOUND, "the detail");
	ck_assert(!world_has("none"));
	REFUSES(AS_ALICE("inventory", "applied", "--environment", "production"), CLI_NOT_FOUND,
	    "the detail");
	world_stop();
}
END_TEST

CHECK_MAIN("cli_apply", the_first_copy_is_sent_with_an_approval, the_next_copy_names_the_one_before,
    a_difference_is_an_exit_status, who_is_forgotten_stops_the_apply,
    those_who_stop_are_revoked_when_asked, a_refused_copy_revokes_nobody,
    a_busy_authority_is_asked_again, an_unknown_environment_is_not_found,
    what_is_no_copy_is_not_compared, the_applied_copy_is_shown)
