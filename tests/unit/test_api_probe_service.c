/* SPDX-License-Identifier: Apache-2.0 */
/* Probes over HTTP, with a ledger at the other end of its channel. */
#include "api/probe_service.h"

#include <fcntl.h>

#include "base/msg_query.h"
#include "tests/unit/http_ask.h"

#define CONNECTIONS_MANY 48 /* as in api/probe_service.c: above, the oldest gives way */

static struct {
	struct tls_world tls;
	struct base_chan *ledger;
	struct probe_service *service;
	uint16_t port;
	/* the ledger */
	struct msg_ledger_status_ans status;
	struct msg_issuer_row rows[4];
	unsigned row_count;
	bool bad_end;      /* the list ends with a failure */
	unsigned asked, listed;
} w;

static enum mc_err
on_ledger_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct msg_list_end end = {0};

	(void)self;
	if (item->type == MSG_LEDGER_STATUS) {
		w.asked++;
		return msg_send(chan, MSG_ANSWER(MSG_LEDGER_STATUS), 0, item->corr,
		    &msg_ledger_status_ans_table, &w.status);
	}
	if (item->type == MSG_ISSUER_LIST) {
		w.listed++;
		for (unsigned i = 0; i < w.row_count; i++) {
			ck_assert_int_eq(msg_send(chan, MSG_ANSWER(MSG_ISSUER_LIST),
			    BASE_ITEM_MORE, item->corr, &msg_issuer_row_table, &w.rows[i]), MC_OK);
		}
		end.status = w.bad_end ? MC_ESTORE : MC_OK;
		return msg_send(chan, MSG_ANSWER(MSG_ISSUER_LIST), 0, item->corr,
		    &msg_list_end_table, &end);
	}
	return MC_OK;
}

static void
prepare(void)
{
	static char pem[] = "-----BEGIN CERTIFICATE-----\n";

	memset(&w, 0, sizeof(w));
	tls_world_start(&w.tls);
	w.tls.env.bundle_pem = pem;
	w.tls.front.ledger = link_new(w.tls.loop, MSG_ROLE_LEDGER, "");
	w.status.intent_count = 77;
}

static void
attach(void)
{
	w.ledger = tls_world_peer(w.tls.loop, w.tls.front.ledger, MSG_ROLE_LEDGER, NULL,
	    on_ledger_item, NULL);
	TLS_WORLD_UNTIL(w.tls.loop, link_is_up(w.tls.front.ledger));
}

static void
begin(void)
{
	w.service = probe_service_new(&w.tls.front, tls_world_listen(&w.port));
	ck_assert_ptr_nonnull(w.service);
	TLS_WORLD_UNTIL(w.tls.loop, w.asked > 0 && w.listed > 0);
	tls_world_settle(w.tls.loop);
}

static void
end(void)
{
	probe_service_free(w.service);
	base_chan_free(w.ledger);
	link_free(w.tls.front.ledger);
	tls_world_stop(&w.tls);
}

/* The body, to be freed. */
static char *
get(const char *path, int status)
{
	struct http_answer answer = http_ask(w.tls.loop, w.port, "GET", path);

	ck_assert_msg(answer.status == status, "%s: %d %s", path, answer.status, answer.body);
	ck_assert_ptr_nonnull(strstr(answer.head, "no-store"));
	return answer.body;
}

START_TEST(paths_and_methods)
{
	static const struct {
		const char *method, *path;
		int status;
		const char *type;
	} cases[] = {
	    {"GET", "/healthz", 200, "application/json"},
	    {"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"},
	    {"HEAD", "/healthz", 200, "application/json"},
	    {"GET", "/", 404, "text/plain"}, {"GET", "/metrics/", 404, "text/plain"},
	    {"GET", "/Healthz", 404, "text/plain"}, {"POST", "/healthz", 405, "text/plain"},
	    {"DELETE", "/metrics", 405, "text/plain"},
	};

	prepare();
	attach();
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_answer answer = http_ask(w.tls.loop, w.port, cases[i].method,
		    cases[i].path);

		ck_assert_msg(answer.status == cases[i].status, "case %zu: %d", i, answer.status);
		ck_assert_msg(strstr(answer.head, cases[i].type) != NULL, "%s", answer.head);
		ck_assert((strstr(answer.head, "Allow: GET, HEAD") != NULL) ==
		    (cases[i].status == 405));
		if (strcmp(cases[i].method, "HEAD") == 0) {
			ck_assert_uint_eq(answer.body_len, 0);
		}
		free(answer.body);
	}
	char *text = get("/healthz", 200);
	ck_assert_str_eq(text, "{\"ok\":true}\n");
	free(text);
	end();
}
END_TEST

/* The listener's certificate is missing here: unready, though the ledger is well. Alive all the same. */
START_TEST(readiness_is_the_status_code)
{
	static char operators[] = CONFIG_OPERATORS;
	char *text;

	prepare();
	attach();
	begin();
	text = get("/readyz", 503);
	ck_assert_ptr_nonnull(strstr(text, "\"ready\":false"));
	ck_assert_ptr_nonnull(strstr(text, "{\"name\":\"ledger\",\"ready\":true"));
	ck_assert_ptr_nonnull(strstr(text, "no certificate yet"));
	free(text);
	/* were it the operators', it would not count */
	w.tls.config.name = operators;
	text = get("/readyz", 200);
	ck_assert_ptr_nonnull(strstr(text, "\"ready\":true"));
	free(text);
	w.tls.front.draining = true;
	free(get("/readyz", 503));
	free(get("/healthz", 200));
	end();
}
END_TEST

/* What the ledger said last, and that it has said nothing. */
START_TEST(the_ledgers_answers)
{
	unsigned before;
	char *text;

	prepare();
	w.service = probe_service_new(&w.tls.front, tls_world_listen(&w.port));
	text = get("/readyz", 503);
	ck_assert_ptr_nonnull(strstr(text, "the ledger process is not connected"));
	free(text);
	/* it comes: asked soon, not in a while */
	attach();
	TLS_WORLD_UNTIL(w.tls.loop, w.asked > 0 && w.listed > 0);
	tls_world_settle(w.tls.loop);
	text = get("/readyz", 503);
	ck_assert_ptr_nonnull(strstr(text, "{\"name\":\"ledger\",\"ready\":true"));
	free(text);
	text = get("/metrics", 200);
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_ledger_intents_total 77\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_ledger_up 1\n"));
	free(text);
	/* its disk fills: seen at the next question */
	w.status.blocked = 1;
	before = w.asked;
	TLS_WORLD_UNTIL(w.tls.loop, w.asked > before);
	tls_world_settle(w.tls.loop);
	text = get("/readyz", 503);
	ck_assert_ptr_nonnull(strstr(text, "the disk is under its reserve"));
	free(text);
	w.status.status = MC_ESTORE;
	w.status.detail = base_span_str("database disk image is malformed");
	before = w.asked;
	TLS_WORLD_UNTIL(w.tls.loop, w.asked > before);
	tls_world_settle(w.tls.loop);
	text = get("/readyz", 503);
	ck_assert_ptr_nonnull(strstr(text, "store: database disk image is malformed"));
	free(text);
	/* the last good numbers stay */
	text = get("/metrics", 200);
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_ledger_intents_total 77\n"));
	free(text);
	end();
}
END_TEST

static void
row_set(unsigned i, enum msg_profile profile, enum msg_state state, uint8_t id, int64_t left_s)
{
	w.rows[i] = (struct msg_issuer_row){.profile = (uint8_t)profile, .state = (uint8_t)state,
	    .issuer_id = {id}, .environment = base_span_str("production"),
	    .not_after_at = base_clock_now() + left_s, .crl_number = 7 + i,
	    .crl_this_update_at = base_clock_now(), .crl_next_update_at = base_clock_now() + 100};
}

/* Those that sign CRLs and still live. */
START_TEST(issuers)
{
	char *text;

	prepare();
	attach();
	row_set(0, MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, 0xa0, 1000);
	row_set(1, MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, 0xb0, 0);
	row_set(2, MSG_PROFILE_LINEAGE, MSG_STATE_SIGNED, 0xc0, 1000);
	row_set(3, MSG_PROFILE_ISSUING, MSG_STATE_REVOKED, 0xd0, 1000);
	w.row_count = 4;
	w.tls.env.issuer_id[0] = 0xd0;
	begin();
	text = get("/metrics", 200);
	ck_assert_ptr_nonnull(strstr(text, "meshca_crl_number{issuer=\"a000"));
	ck_assert_ptr_null(strstr(text, "meshca_crl_number{issuer=\"b000"));
	ck_assert_ptr_null(strstr(text, "meshca_crl_number{issuer=\"c000"));
	ck_assert_ptr_nonnull(strstr(text, "meshca_crl_number{issuer=\"d000"));
	free(text);
	text = get("/readyz", 503);
	ck_assert_ptr_nonnull(strstr(text, "the issuing CA is revoked"));
	free(text);
	end();
}
END_TEST

/* A list that did not come to its end is none. */
START_TEST(half_a_list_is_none)
{
	char *text;

	prepare();
	attach();
	row_set(0, MSG_PROFILE_ISSUING, MSG_STATE_SIGNED, 0xa0, 1000);
	w.row_count = 1;
	w.bad_end = true;
	begin();
	text = get("/metrics", 200);
	ck_assert_ptr_null(strstr(text, "meshca_crl_number{issuer=\"a0"));
	free(text);
	end();
}
END_TEST

/* Silent clients do not keep a probe out: the oldest give way. */
START_TEST(the_oldest_connection_gives_way)
{
	int fds[CONNECTIONS_MANY + 2];
	char byte;

	prepare();
	attach();
	begin();
	for (int i = 0; i < CONNECTIONS_MANY; i++) {
		fds[i] = tls_world_connect(w.port);
	}
	tls_world_settle(w.tls.loop);
	for (int i = 0; i < CONNECTIONS_MANY; i++) {
		ck_assert_int_eq(read(fds[i], &byte, 1), -1);
	}
	for (int i = CONNECTIONS_MANY; i < CONNECTIONS_MANY + 2; i++) {
		fds[i] = tls_world_connect(w.port);
		TLS_WORLD_UNTIL(w.tls.loop, read(fds[i - CONNECTIONS_MANY], &byte, 1) == 0);
		ck_assert_int_eq(read(fds[i - CONNECTIONS_MANY + 1], &byte, 1), -1);
	}
	free(get("/healthz", 200));
	for (int i = 0; i < CONNECTIONS_MANY + 2; i++) {
		close(fds[i]);
	}
	end();
}
END_TEST

CHECK_MAIN("api_probe_service", paths_and_methods, readiness_is_the_status_code,
    the_ledgers_answers, issuers, half_a_list_is_none, the_oldest_connection_gives_way)
