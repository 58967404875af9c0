/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal: what the connection must show, and what the ledger must say at each request. */
#include "api/authn.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/msg_query.h"
#include "tests/unit/check_main.h"

#define NOW 1800000000
#define ID "spiffe://cluster.local/ns/ecotrack/sa/order-service"

static char cert[] = "the client's certificate";
static struct base_loop *loop;
static struct front front;
static struct base_chan *ledger;
static char name[] = "production";
static char domain[] = "cluster.local";
static struct authn_env env = {.refs = 1, .name = name, .trust_domain = domain};
static struct tls_peer peer;

/* The row that the ledger has, or with a status what it answers instead. */
static struct msg_cert_row row;

static struct {
	unsigned count;
	enum mc_err status;
	char detail[MC_ERR_DETAIL_MAX];
} told;

static void
good(void)
{
	peer = (struct tls_peer){.cert = base_span_str(cert), .verified = true,
	    .not_before_at = NOW - 100, .not_after_at = NOW + 100,
	    .serial = base_span_str("\x01\x02"), .uri = base_span_str(ID)};
	base_crypto_sha256(peer.cert, peer.sha256);
	row = (struct msg_cert_row){.profile = MSG_PROFILE_SVID, .state = MSG_STATE_SIGNED,
	    .environment = base_span_str("production"), .identity = base_span_str(ID),
	    .cert = base_span_str(cert)};
}

/* --- the connection --- */

static enum mc_err
check(struct authn_verdict **out)
{
	struct authn_input in = {.env = &env, .peer = &peer, .now_at = NOW};

	return authn_cert.check(&in, out);
}

static void
check_refused(const char *word)
{
	struct authn_verdict *verdict = NULL;

	ck_assert_msg(check(&verdict) == MC_ECLIENT_CERT, "%s", word);
	ck_assert_ptr_null(verdict);
	ck_assert_msg(strstr(mc_err_last()->detail, word) != NULL, "%s", mc_err_last()->detail);
	good();
}

START_TEST(the_connection_must_show_a_live_svid_of_the_trust_domain)
{
	static const char *const others[] = {"spiffe://other.local/ns/ecotrack/sa/order-service",
	    "spiffe://cluster.local/", "spiffe://cluster.local",
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service/", "https://cluster.local/ns/a/sa/b",
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service?x"};
	struct authn_verdict *verdict = NULL;
	struct authn_input nobody = {.env = &env, .peer = &peer, .now_at = NOW};

	good();
	ck_assert_int_eq(check(&verdict), MC_OK);
	ck_assert(base_span_equal_str(verdict->identity, ID));
	ck_assert(base_span_equal_str(verdict->ns, "ecotrack"));
	ck_assert(base_span_equal_str(verdict->sa, "order-service"));
	ck_assert(base_span_equal_str(verdict->requester, ID));
	ck_assert(base_span_equal(verdict->serial, peer.serial));
	ck_assert_int_eq(verdict->expires_at, peer.not_after_at);
	ck_assert_mem_eq(verdict->cert_sha256, peer.sha256, 32);
	authn_verdict_unref(verdict);

	peer.verified = false;
	check_refused("does not verify");
	peer.not_after_at = NOW - 1;
	check_refused("expired");
	peer.not_before_at = NOW + 1;
	check_refused("not valid yet");
	peer.uri = base_span_of(NULL, 0);
	check_refused("no SPIFFE ID");
	peer.serial = base_span_of(NULL, 0);
	check_refused("no SPIFFE ID");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		peer.uri = base_span_str(others[i]);
		check_refused("SPIFFE ID");
	}
	ck_assert(authn_cert.is_present(&nobody));
	peer.cert = base_span_of(NULL, 0);
	ck_assert(!authn_cert.is_present(&nobody));
}
END_TEST

/* --- the ledger --- */

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct msg_cert_get get;

	(void)self;
	if (item->type != MSG_CERT_GET) {
		return MC_OK;
	}
	ck_assert_int_eq(msg_decode(&msg_cert_get_table, item->payload, &get), MC_OK);
	ck_assert(base_span_equal(get.serial, peer.serial));
	return msg_send(chan, MSG_ANSWER(MSG_CERT_GET), 0, item->corr, &msg_cert_row_table, &row);
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)chan;
	(void)why;
}

static void
on_confirmed(void *self, enum mc_err status)
{
	(void)self;
	told.count++;
	told.status = status;
	snprintf(told.detail, sizeof(told.detail), "%s", mc_err_last()->detail);
}

/* What comes of a request with a good connection. */
static enum mc_err
confirm(void)
{
	struct authn_verdict *verdict = NULL;

	told.count = 0;
	ck_assert_int_eq(check(&verdict), MC_OK);
	ck_assert_int_eq(authn_cert.confirm(&front, &env, verdict, on_confirmed, NULL), MC_OK);
	authn_verdict_unref(verdict); /* it is not needed any more */
	for (int i = 0; i < 20 && told.count == 0; i++) {
		base_loop_turn(loop, 50);
	}
	ck_assert_uint_eq(told.count, 1);
	return told.status;
}

static void
confirm_refused(const char *word)
{
	ck_assert_msg(confirm() == MC_ECLIENT_CERT, "%s: %s", word, told.detail);
	ck_assert_msg(strstr(told.detail, word) != NULL, "%s", told.detail);
	good();
}

START_TEST(the_ledger_must_have_it_alive)
{
	static const uint8_t profiles[] = {MSG_PROFILE_SERVER, MSG_PROFILE_CLIENT, MSG_PROFILE_ISSUING};
	int fds[2];

	good();
	loop = base_loop_new();
	front.loop = loop;
	front.ledger = link_new(loop, MSG_ROLE_LEDGER, NULL);
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	link_attach(front.ledger, fds[0], 1);
	ledger = base_chan_new(loop, fds[1], on_item, on_gone, NULL);
	ck_assert_int_eq(msg_hello_send(ledger, MSG_ROLE_LEDGER, NULL), MC_OK);

	ck_assert_int_eq(confirm(), MC_OK);
	/* an answer outran the record of its signature: the chain was verified by TLS */
	row.cert = base_span_of(NULL, 0);
	row.state = MSG_STATE_INTENDED;
	ck_assert_int_eq(confirm(), MC_OK);
	row.state = MSG_STATE_UNCONFIRMED;
	ck_assert_int_eq(confirm(), MC_OK);
	good();

	row.state = MSG_STATE_REVOKED;
	confirm_refused("is revoked");
	row.state = MSG_STATE_EXPIRED;
	confirm_refused("is expired");
	row.issuer_revoked = 1;
	confirm_refused("issuing CA is revoked");
	row.status = MC_ENOTFOUND;
	confirm_refused("does not know");
	row.environment = base_span_str("staging");
	confirm_refused("does not have");
	row.identity = base_span_str("spiffe://cluster.local/ns/ecotrack/sa/other");
	confirm_refused("does not have");
	row.cert = base_span_str("another certificate");
	confirm_refused("does not have");
	for (size_t i = 0; i < sizeof(profiles); i++) {
		row.profile = profiles[i];
		confirm_refused("does not have");
	}
	/* the ledger's trouble is not the caller's fault */
	row.status = MC_ESTORE;
	ck_assert_int_eq(confirm(), MC_ESTORE);
	good();
	ck_assert_int_eq(confirm(), MC_OK);

	base_chan_free(ledger);
	link_free(front.ledger);
	base_loop_free(loop);
}
END_TEST

CHECK_MAIN("api_authn_cert", the_connection_must_show_a_live_svid_of_the_trust_domain,
    the_ledger_must_have_it_alive)
