/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST port with everything real but TLS and the processes behind it: HTTP goes in and
 * out through a socket pair; the ledger and a signer are functions of this file.
 */
#include "api/rest_service.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/metrics.h"
#include "api/openapi.h"
#include "api/rest_int.h"
#include "base/chan.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "tests/unit/api_fakes.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"

/* --- the parts around it --- */

struct tls_terminator {
	tls_terminator_fn on_client;
	void *self;
};
static struct tls_terminator terminator;

struct tls_terminator *
tls_terminator_new(const struct tls_server_options *options, tls_terminator_fn on_client, void *self)
{
	ck_assert_str_eq(options->env->config->name, CONFIG_OPERATORS);
	terminator = (struct tls_terminator){on_client, self};
	return &terminator;
}

void
tls_terminator_free(struct tls_terminator *term)
{
	(void)term;
}

void
tls_terminator_drain(struct tls_terminator *term)
{
	(void)term;
}

unsigned
tls_terminator_unread(const struct tls_terminator *term)
{
	(void)term;
	return 0;
}

struct tls_server *
tls_terminator_server(struct tls_terminator *term)
{
	(void)term;
	return NULL;
}

const struct tls_peer *
tls_terminator_peer(const struct tls_terminator *term, int fd)
{
	(void)term;
	(void)fd;
	return NULL;
}

struct call {
	uint16_t type;
	struct base_buf payload;
	link_answer_fn fn;
	void *self;
};
#define CALLS_MAX 8
static struct call calls[CALLS_MAX];
static size_t call_count;
static enum mc_err link_refusal; /* what link_call answers */
static enum mc_err link_outcome; /* MC_EPEER: the peer dies instead of an answer */

enum mc_err
link_call(struct link *link, uint16_t type, const struct msg_table *table, const void *object,
    int timeout_ms, link_answer_fn fn, void *self)
{
	struct call *call = &calls[call_count];

	(void)link;
	ck_assert_int_gt(timeout_ms, 0);
	if (link_refusal != MC_OK) {
		return link_refusal;
	}
	ck_assert_uint_lt(call_count, CALLS_MAX);
	base_buf_init(&call->payload, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(table, object, &call->payload), MC_OK);
	call->type = type;
	call->fn = fn;
	call->self = self;
	call_count++;
	return MC_OK;
}

void
link_forget(struct link *link, const void *self)
{
	(void)link;
	(void)self;
}

bool
link_is_up(const struct link *link)
{
	(void)link;
	return true;
}

bool
link_has_credit(const struct link *link)
{
	(void)link;
	return true;
}

/* --- the ledger and the signer --- */

static struct front front;
static struct front_env envs[2];
static struct config config;
static struct config_environment production, operators;
static struct rest_service *service;
static enum msg_user_role caller_role; /* INVALID: unknown certificate */
static uint8_t found_profile;
static uint8_t crl[100000];

/* what the last message said */
static struct msg_issue issued;
static char issued_ns[64], issued_sa[64], issued_evidence[512], revoked_by[64], revoked_from[64];
static uint64_t list_before;
static uint8_t revoked_reason;
static int64_t revoked_until;
static char revoked_sig[32];
static unsigned revoke_count, issue_count;

static const char text_serial[] = "0badc0ffee";
static const uint8_t serial[] = {0x0b, 0xad, 0xc0, 0xff, 0xee};

static void
answer(struct call *call, const struct msg_table *table, const void *object, bool more)
{
	struct base_buf buf;
	struct base_item item = {.type = MSG_ANSWER(call->type), .fd = -1};
	const struct msg_status_ans *head = object; /* every answer begins alike */

	base_buf_init(&buf, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(table, object, &buf), MC_OK);
	item.payload = base_buf_span(&buf);
	call->fn(call->self, mc_err_from_wire(head->status), &item, more);
	base_buf_clear(&buf);
}

static void
keep(struct base_span span, char *to, size_t size)
{
	ck_assert_uint_lt(span.len, size);
	base_copy(to, span.ptr, span.len);
	to[span.len] = '\0';
}

static struct msg_cert_row
cert_row(void)
{
	return (struct msg_cert_row){.seq = 9,
	    .profile = found_profile,
	    .state = MSG_STATE_SIGNED,
	    .serial = base_span_of(serial, sizeof(serial)),
	    .environment = base_span_str("production"),
	    .identity = base_span_str("spiffe://cluster.local/ns/a/sa/b"),
	    .evidence = base_span_str("{\"iss\":\"x\"}"),
	    .recorded_at = 1700000000,
	    .not_before_at = 1700000000,
	    .not_after_at = 1700086400};
}

static void
on_user_get(struct call *call)
{
	struct msg_user_row row = {.name = base_span_str("alice"), .role = (uint8_t)caller_role};

	if (caller_role == MSG_USER_INVALID) {
		row = (struct msg_user_row){.status = MC_ENOTFOUND};
	}
	answer(call, &msg_user_row_table, &row, false);
}

static void
on_cert_list(struct call *call)
{
	struct msg_cert_list ask;
	struct msg_cert_row row = cert_row();
	struct msg_list_end end = {0};

	ck_assert_int_eq(msg_decode(&msg_cert_list_table, base_buf_span(&call->payload), &ask), MC_OK);
	list_before = ask.before_seq;
	end.next_seq = ask.before_seq == 0 ? 0x1122334455667788 : 0;
	answer(call, &msg_cert_row_table, &row, true);
	answer(call, &msg_cert_row_table, &row, true);
	answer(call, &msg_list_end_table, &end, false);
}

static void
on_revoke(struct call *call)
{
	struct msg_revoke ask;
	struct msg_cert_row row = cert_row();

	ck_assert_int_eq(msg_decode(&msg_revoke_table, base_buf_span(&call->payload), &ask), MC_OK);
	keep(ask.actor, revoked_by, sizeof(revoked_by));
	keep(ask.from, revoked_from, sizeof(revoked_from));
	ck_assert(base_span_equal(ask.serial, base_span_of(serial, sizeof(serial))));
	revoked_reason = ask.reason;
	revoked_until = ask.approval_expires_at;
	keep(ask.approval_sig, revoked_sig, sizeof(revoked_sig));
	ck_assert_uint_eq(ask.approver_spki.len != 0, ask.approval_sig.len != 0);
	if (revoke_count++ > 0) {
		row = (struct msg_cert_row){
		    .status = MC_ECONFLICT, .detail = base_span_str("revoked before")};
	} else {
		row.state = MSG_STATE_REVOKED;
		row.reason = ask.reason;
		row.revoked_at = 1700000001;
	}
	answer(call, &msg_cert_row_table, &row, false);
}

static void
on_crl_get(struct call *call)
{
	struct msg_crl_get ask;
	struct msg_crl_ans ans = {.number = 5, .total = sizeof(crl)};

	ck_assert_int_eq(msg_decode(&msg_crl_get_table, base_buf_span(&call->payload), &ask), MC_OK);
	ck_assert(ask.number == 0 || ask.number == 5);
	ans.offset = ask.offset;
	ans.bytes = base_span_of(crl + ask.offset, sizeof(crl) - ask.offset);
	if (ans.bytes.len > LIMIT_BULK_CHUNK) {
		ans.bytes.len = LIMIT_BULK_CHUNK;
	}
	answer(call, &msg_crl_ans_table, &ans, false);
}

static void
on_issue(struct call *call)
{
	const uint8_t der[] = {0x30, 0x00};
	struct msg_issue_ans ans = {.serial = base_span_of(serial, sizeof(serial)),
	    .not_before_at = 1700000000,
	    .not_after_at = 1700086400,
	    .cert = base_span_of(der, sizeof(der)),
	    .issuer = base_span_of(der, sizeof(der))};

	ck_assert_int_eq(msg_decode(&msg_issue_table, base_buf_span(&call->payload), &issued), MC_OK);
	keep(issued.ns, issued_ns, sizeof(issued_ns));
	keep(issued.sa, issued_sa, sizeof(issued_sa));
	keep(issued.evidence, issued_evidence, sizeof(issued_evidence));
	ans.duplicate = issue_count++ > 0;
	answer(call, &msg_issue_ans_table, &ans, false);
}

static void
serve(struct call *call)
{
	struct msg_cert_row row = cert_row();

	if (link_outcome != MC_OK) {
		call->fn(call->self, link_outcome, NULL, false);
		return;
	}
	if (call->type == MSG_USER_GET) {
		on_user_get(call);
	} else if (call->type == MSG_CERT_LIST) {
		on_cert_list(call);
	} else if (call->type == MSG_CERT_GET) {
		answer(call, &msg_cert_row_table, &row, false);
	} else if (call->type == MSG_REVOKE) {
		on_revoke(call);
	} else if (call->type == MSG_CRL_GET) {
		on_crl_get(call);
	} else if (call->type == MSG_ISSUE) {
		on_issue(call);
	} else {
		ck_abort_msg("unexpected message %s", msg_type_name(call->type));
	}
}

static void
turn(void)
{
	struct call taken[CALLS_MAX];
	size_t count;

	base_loop_turn(front.loop, 1);
	count = call_count;
	for (size_t i = 0; i < count; i++) {
		taken[i] = calls[i];
	}
	call_count = 0;
	for (size_t i = 0; i < count; i++) {
		serve(&taken[i]);
		base_buf_clear(&taken[i].payload);
	}
}

/* --- the client --- */

static struct tls_peer peer;
static char name_operators[] = CONFIG_OPERATORS;
static char name_production[] = "production";
static char domain[] = "cluster.local";
static uint8_t peer_cert[] = {0x30, 0x00};

static void
begin(enum msg_user_role role)
{
	production = (struct config_environment){
	    .name = name_production, .trust_domain = domain, .leaf_p256 = true};
	operators = (struct config_environment){.name = name_operators, .leaf_p256 = true};
	envs[0] = (struct front_env){.config = &production};
	envs[1] = (struct front_env){.config = &operators};
	front = (struct front){.loop = base_loop_new(),
	    .config = &config,
	    .envs = envs,
	    .env_count = 2,
	    .metrics = metrics_new()};
	front.pool = base_pool_new(front.loop, 1, 1, NULL, NULL, NULL);
	caller_role = role;
	found_profile = MSG_PROFILE_SVID;
	link_refusal = link_outcome = MC_OK;
	revoke_count = issue_count = 0;
	peer = (struct tls_peer){.address = "192.0.2.7:1234",
	    .cert = base_span_of(peer_cert, sizeof(peer_cert)),
	    .verified = true,
	    .not_after_at = INT64_MAX};
	for (size_t i = 0; i < sizeof(crl); i++) {
		crl[i] = (uint8_t)(i * 31);
	}
	service = rest_service_new(&front, dup(0));
	ck_assert_ptr_nonnull(service);
}

static void
end(void)
{
	base_pool_free(front.pool);
	rest_service_free(service);
	metrics_free(front.metrics);
	base_loop_free(front.loop);
}

struct reply {
	int status;
	char head[768];
	char *body;
	size_t body_len;
	json_t *json;
};

static int
connect_client(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	terminator.on_client(terminator.self, fds[1], &peer);
	return fds[0];
}

static size_t
content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");

	return at == NULL ? 0 : strtoul(at + 17, NULL, 10);
}

/* Sends the bytes and reads one answer to its end, or to the end of the connection. */
static struct reply
exchange(int fd, const char *bytes, size_t len)
{
	struct reply reply = {0};
	struct base_buf in;
	size_t sent = 0;
	char *gap = NULL;

	base_buf_init(&in, 1 << 20);
	for (int i = 0; i < 2000; i++) {
		ssize_t n = sent < len ? send(fd, bytes + sent, len - sent, MSG_NOSIGNAL) : 0;
		static uint8_t chunk[16384];

		sent += n > 0 ? (size_t)n : 0;
		turn();
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0) {
			break;
		}
		if (n > 0) {
			base_buf_append(&in, chunk, (size_t)n);
			base_buf_append_u8(&in, 0);
			in.len--;
			gap = strstr((char *)in.ptr, "\r\n\r\n");
		}
		if (gap != NULL && in.len - (size_t)(gap + 4 - (char *)in.ptr) >=
			content_length((char *)in.ptr)) {
			break;
		}
	}
	if (gap != NULL) {
		size_t head_len = (size_t)(gap - (char *)in.ptr);

		ck_assert_uint_lt(head_len, sizeof(reply.head));
		base_copy(reply.head, in.ptr, head_len);
		reply.status = (int)strtol(reply.head + 9, NULL, 10);
		reply.body_len = in.len - head_len - 4;
		reply.body = base_xcalloc(1, reply.body_len + 1);
		base_copy(reply.body, gap + 4, reply.body_len);
		reply.json = json_loadb(reply.body, reply.body_len, JSON_REJECT_DUPLICATES, NULL);
	}
	base_buf_clear(&in);
	return reply;
}

static struct reply
request(const char *method, const char *path, const char *headers, const char *body)
{
	int fd = connect_client();
	char *text = body == NULL
	    ? base_xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, headers)
	    : base_xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
			     "Content-Length: %zu\r\n%s\r\n%s",
		  method, path, strlen(body), headers, body);
	struct reply reply = exchange(fd, text, strlen(text));

	free(text);
	close(fd);
	turn();
	return reply;
}

static void
drop(struct reply *reply)
{
	free(reply->body);
	json_decref(reply->json);
}

static const char *
member(const struct reply *reply, const char *name)
{
	return json_string_value(json_object_get(reply->json, name));
}

static void
expect_problem(struct reply reply, int status, const char *word)
{
	char type[64];

	snprintf(type, sizeof(type), "urn:meshca:error:%s", word);
	ck_assert_int_eq(reply.status, status);
	ck_assert_ptr_nonnull(strstr(reply.head, "application/problem+json"));
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nX-Request-Id: "));
	ck_assert_str_eq(member(&reply, "type"), type);
	ck_assert_int_eq(json_integer_value(json_object_get(reply.json, "status")), status);
	ck_assert_ptr_nonnull(
	    strstr(strcasestr(reply.head, "\r\nX-Request-Id: "), member(&reply, "request_id")));
	drop(&reply);
}

/* --- tests --- */

START_TEST(callers_without_a_person_behind_them_are_refused)
{
	struct reply reply;

	begin(MSG_USER_INVALID);
	expect_problem(request("GET", "/v1/users", "", NULL), 401, "client-certificate");
	caller_role = MSG_USER_ADMIN;
	peer.not_after_at = 1;
	peer.verified = false; /* as TLS says of an expired one */
	reply = request("GET", "/v1/users", "", NULL);
	ck_assert_ptr_nonnull(strstr(member(&reply, "detail"), "has expired"));
	expect_problem(reply, 401, "client-certificate");
	peer.not_after_at = INT64_MAX;
	/* a workload's: another authority's anchors */
	expect_problem(request("GET", "/v1/users", "", NULL), 401, "client-certificate");
	peer.cert = base_span_of(NULL, 0);
	reply = request("GET", "/v1/users", "", NULL);
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nWWW-Authenticate: "));
	expect_problem(reply, 401, "unauthenticated");
	end();
}
END_TEST

START_TEST(roles_are_asked_of_the_ledger_each_time)
{
	struct reply reply;

	begin(MSG_USER_VIEWER);
	expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "",
			   "{\"reason\":\"superseded\"}"),
	    403, "denied");
	caller_role = MSG_USER_OPERATOR;
	expect_problem(request("POST", "/v1/users/bob/remove", "", "{}"), 403, "denied");
	reply = request("GET", "/v1/certificates", "", NULL);
	ck_assert_int_eq(reply.status, 200);
	drop(&reply);
	caller_role = MSG_USER_INVALID;
	expect_problem(request("GET", "/v1/certificates", "", NULL), 401, "client-certificate");
	end();
}
END_TEST

START_TEST(the_description_is_public_and_byte_for_byte)
{
	struct reply reply;

	begin(MSG_USER_INVALID);
	peer.cert = base_span_of(NULL, 0);
	reply = request("GET", "/openapi.json", "", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(reply.body_len, openapi_json_len);
	ck_assert_mem_eq(reply.body, openapi_json, openapi_json_len);
	drop(&reply);
	end();
}
END_TEST

START_TEST(malformed_requests_are_refused_by_name)
{
	struct reply reply;

	begin(MSG_USER_ADMIN);
	expect_problem(request("GET", "/v1/nothing", "", NULL), 404, "not-found");
	reply = request("PUT", "/v1/users", "", "{}");
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nAllow: GET, HEAD, POST\r\n"));
	expect_problem(reply, 405, "method");
	expect_problem(request("GET", "/v1/certificates/0b", "Accept: text/html\r\n", NULL), 406,
	    "not-acceptable");
	expect_problem(request("GET", "/v1/certificates/0b0", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?nope=1", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?limit=1&limit=2", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?limit=501", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?limit=%31x", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?cursor=AAAA", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?state=dead", "", NULL), 400, "usage");
	expect_problem(request("GET", "/v1/certificates?expires_before=2026-02-30T00:00:00Z", "", NULL),
	    400, "usage");
	end();
}
END_TEST

START_TEST(bodies_are_read_strictly)
{
	static const char *const bad[] = {"", "[]", "{", "{\"reason\":1}", "{}", "null",
	    "{\"reason\":\"superseded\",\"x\":1}",
	    "{\"reason\":\"superseded\",\"reason\":\"superseded\"}",
	    "{\"reason\":\"certificateHold\"}", "{\"reason\":\"\xff\"}",
	    "{\"reason\":\"superseded\"} {}", "{\"reason\":\"superseded\",\"approval\":\"x\"}",
	    "{\"reason\":\"superseded\",\"approval\":null}",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\"}}",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"tomorrow\",\"signature\":\"c2ln\"}}",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"?\"}}",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\",\"signature\":\"\"}}"};

	begin(MSG_USER_ADMIN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "", bad[i]), 400,
		    "usage");
	}
	ck_assert_uint_eq(revoke_count, 0);
	end();
}
END_TEST

START_TEST(a_broken_body_is_told_where_and_what)
{
	static const struct {
		const char *body, *says;
	} rows[] = {
	    {"", "the body is empty"},
	    {"{", "it ends too early (line 1, column 1)"},
	    {"{\n  \"reason\": superseded}", "it is not JSON (line 2"},
	    {"7", "it is not JSON (line 1"},
	    {"{\"reason\":\"\xff\"}", "it is not UTF-8"},
	    {"{\"reason\":\"a\",\"reason\":\"a\"}", "a member is given twice (line 1"},
	    {"{} {}", "something follows it (line 1, column 4)"},
	    {"[]", "must be a JSON object"},
	};

	begin(MSG_USER_ADMIN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply = request("POST", "/v1/certificates/0badc0ffee/revoke", "",
		    rows[i].body);

		ck_assert_msg(strstr(member(&reply, "detail"), rows[i].says) != NULL, "%s: %s",
		    rows[i].body, member(&reply, "detail"));
		ck_assert_ptr_null(strstr(member(&reply, "detail"), "-1"));
		expect_problem(reply, 400, "usage");
	}
	end();
}
END_TEST

START_TEST(other_media_types_and_long_bodies_are_refused)
{
	char head[256];
	int fd;

	begin(MSG_USER_ADMIN);
	fd = connect_client();
	snprintf(head, sizeof(head),
	    "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\n"
	    "Content-Length: 2\r\n\r\n{}");
	expect_problem(exchange(fd, head, strlen(head)), 415, "media-type");
	close(fd);
	fd = connect_client();
	snprintf(head, sizeof(head),
	    "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	    "Content-Length: %d\r\n\r\n",
	    LIMIT_REST_BODY + 1);
	expect_problem(exchange(fd, head, strlen(head)), 413, "too-big");
	close(fd);
	turn();
	end();
}
END_TEST

START_TEST(pages_lead_to_each_other)
{
	struct reply reply;
	char path[128];

	begin(MSG_USER_VIEWER);
	reply = request("GET",
	    "/v1/certificates?environment=production&state=signed&profile=svid&limit=2"
	    "&identity=spiffe%3A%2F%2Fcluster.local%2Fns%2Fa%2Fsa%2Fb"
	    "&expires_before=2030-01-01T00:00:00Z",
	    "", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "certificates")), 2);
	ck_assert_uint_eq(list_before, 0);
	snprintf(path, sizeof(path), "/v1/certificates?cursor=%s", member(&reply, "next"));
	drop(&reply);
	reply = request("GET", path, "", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(list_before, 0x1122334455667788);
	ck_assert(json_is_null(json_object_get(reply.json, "next")));
	drop(&reply);
	end();
}
END_TEST

START_TEST(a_large_crl_is_gathered_and_cached_by_number)
{
	static const char path[] =
	    "/v1/issuers/00000000000000000000000000000000000000000000000000000000000000aa/crl";
	struct reply reply;

	begin(MSG_USER_INVALID);
	peer.cert = base_span_of(NULL, 0);
	reply = request("GET", path, "", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_ptr_nonnull(strstr(reply.head, "application/pkix-crl"));
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nETag: \"5.der\""));
	ck_assert_uint_eq(reply.body_len, sizeof(crl));
	ck_assert_mem_eq(reply.body, crl, sizeof(crl));
	drop(&reply);
	reply = request("GET", path, "If-None-Match: \"4.der\", \"5.der\"\r\n", NULL);
	ck_assert_int_eq(reply.status, 304);
	drop(&reply);
	reply = request("GET", path, "Accept: application/x-pem-file\r\n", NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_int_eq(strncmp(reply.body, "-----BEGIN X509 CRL-----\n", 25), 0);
	drop(&reply);
	ck_assert_uint_eq(service->bulk_count, 0);
	end();
}
END_TEST

START_TEST(revocation_says_who_and_from_where)
{
	struct reply reply;

	begin(MSG_USER_OPERATOR);
	reply = request("POST", "/v1/certificates/0BADC0FFEE/revoke", "",
	    "{\"reason\":\"keyCompromise\"}");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(member(&reply, "state"), "revoked");
	ck_assert_str_eq(member(&reply, "reason"), "keyCompromise");
	ck_assert_str_eq(member(&reply, "serial"), text_serial);
	ck_assert_int_eq(revoked_reason, MSG_REASON_KEY_COMPROMISE);
	ck_assert_str_eq(revoked_by, "alice");
	ck_assert_str_eq(revoked_from, "192.0.2.7:1234");
	ck_assert_str_eq(revoked_sig, "");
	drop(&reply);
	expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "",
			   "{\"reason\":\"unspecified\"}"),
	    409, "conflict");
	end();
}
END_TEST

START_TEST(only_an_admin_revokes_authorities_and_people)
{
	static const uint8_t profiles[] = {MSG_PROFILE_CLIENT, MSG_PROFILE_ISSUING,
	    MSG_PROFILE_ENVIRONMENT, MSG_PROFILE_ROOT};
	struct make_ca *admin = make_ca("P-256", "operators", 2000000000);
	struct reply reply;

	begin(MSG_USER_OPERATOR);
	peer.cert = make_ca_der(admin);
	for (size_t i = 0; i < sizeof(profiles); i++) {
		found_profile = profiles[i];
		expect_problem(request("POST", "/v1/certificates/0badc0ffee/revoke", "",
				   "{\"reason\":\"superseded\"}"),
		    403, "denied");
	}
	ck_assert_uint_eq(revoke_count, 0);
	caller_role = MSG_USER_ADMIN;
	reply = request("POST", "/v1/certificates/0badc0ffee/revoke", "",
	    "{\"reason\":\"superseded\",\"approval\":{\"expires_at\":\"2026-11-23T20:41:00Z\","
	    "\"signature\":\"c2lnbmVk\"}}");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(revoked_sig, "signed");
	ck_assert_int_eq(revoked_until, 1795466460);
	drop(&reply);
	ck_assert_uint_eq(revoke_count, 1);
	end();
	make_ca_free(admin);
}
END_TEST

/* The example of openapi.json: a true CSR. */
static char *
example_body(void)
{
	json_t *root = json_loadb((const char *)openapi_json, openapi_json_len, 0, NULL);
	json_t *node = json_object_get(root, "paths");
	static const char *const way[] = {"/v1/environments/{env}/certificates", "post",
	    "requestBody", "content", "application/json", "examples", "svid", "value"};
	char *text;

	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		node = json_object_get(node, way[i]);
		ck_assert_ptr_nonnull(node);
	}
	text = json_dumps(node, 0);
	json_decref(root);
	return text;
}

START_TEST(issues_what_the_csr_proves)
{
	static const char path[] = "/v1/environments/production/certificates";
	char *body = example_body();
	uint8_t first_key[32], first_body[32];
	struct reply reply;
	char *other;

	begin(MSG_USER_OPERATOR);
	reply = request("POST", path, "Idempotency-Key: k1\r\n", body);
	ck_assert_msg(reply.status == 201, "%s", reply.body);
	ck_assert_str_eq(member(&reply, "serial"), text_serial);
	ck_assert_str_eq(member(&reply, "identity"),
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service");
	ck_assert_ptr_nonnull(
	    strcasestr(reply.head, "\r\nLocation: /v1/certificates/0badc0ffee\r\n"));
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "chain")), 2);
	ck_assert_str_eq(issued_ns, "ecotrack");
	ck_assert_str_eq(issued_sa, "order-service");
	ck_assert_int_eq(issued.confirm, 1);
	ck_assert_int_eq(issued.ttl_s, 3600);
	ck_assert_int_eq(issued.key_alg, MSG_KEY_P256);
	ck_assert_int_eq(issued.has_dedup, 1);
	ck_assert_ptr_nonnull(strstr(issued_evidence, "192.0.2.7:1234"));
	base_copy(first_key, issued.dedup_key, 32);
	base_copy(first_body, issued.dedup_body, 32);
	drop(&reply);

	reply = request("POST", path, "Idempotency-Key: k1\r\n", body);
	ck_assert_int_eq(reply.status, 200); /* a duplicate, says the signer */
	ck_assert_mem_eq(first_key, issued.dedup_key, 32);
	ck_assert_mem_eq(first_body, issued.dedup_body, 32);
	drop(&reply);
	other = base_xasprintf("%s ", body);
	reply = request("POST", path, "Idempotency-Key: k1\r\n", other);
	ck_assert_mem_eq(first_key, issued.dedup_key, 32);
	ck_assert_mem_ne(first_body, issued.dedup_body, 32);
	drop(&reply);
	free(other);
	end();
	free(body);
}
END_TEST

START_TEST(issuing_refuses_before_the_signer_is_asked)
{
	static const char path[] = "/v1/environments/production/certificates";
	char *body = example_body();
	char *other = base_xstrdup(body);

	begin(MSG_USER_OPERATOR);
	expect_problem(request("POST", "/v1/environments/operators/certificates", "", body), 404,
	    "not-found");
	expect_problem(request("POST", path, "Idempotency-Key: a b\r\n", body), 400, "usage");
	*strstr(other, "order-service") = 'b'; /* not the CSR's identity */
	expect_problem(request("POST", path, "", other), 422, "csr-san");
	production.leaf_p256 = false;
	expect_problem(request("POST", path, "", body), 422, "csr-key-type");
	expect_problem(request("POST", path, "",
			   "{\"profile\":\"client\",\"csr\":\"x\"}"),
	    400, "usage");
	expect_problem(request("POST", path, "",
			   "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"*.a\"]}"),
	    400, "usage");
	expect_problem(request("POST", path, "",
			   "{\"profile\":\"server\",\"csr\":\"x\",\"dns_names\":[\"a\"]}"),
	    400, "csr-pem");
	ck_assert_uint_eq(issue_count, 0);
	end();
	free(other);
	free(body);
}
END_TEST

START_TEST(a_missing_ledger_is_said_with_a_time_to_retry)
{
	struct reply reply;

	begin(MSG_USER_ADMIN);
	link_refusal = MC_ENOTREADY;
	reply = request("GET", "/v1/events", "", NULL);
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nRetry-After: "));
	expect_problem(reply, 503, "not-ready");
	link_refusal = MC_OK;
	link_outcome = MC_EPEER;
	reply = request("GET", "/v1/events", "", NULL);
	ck_assert_ptr_nonnull(strstr(member(&reply, "detail"), "the ledger ended"));
	expect_problem(reply, 503, "not-ready");
	link_outcome = MC_EDEADLINE;
	reply = request("GET", "/v1/events", "", NULL);
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nRetry-After: "));
	ck_assert_ptr_nonnull(strstr(member(&reply, "detail"), "the ledger did not answer"));
	expect_problem(reply, 503, "not-ready");
	end();
}
END_TEST

START_TEST(a_connection_serves_several_requests_and_head_has_no_body)
{
	static const char get[] = "GET /v1/certificates HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char head[] = "HEAD /v1/certificates/0badc0ffee HTTP/1.1\r\nHost: a\r\n"
				   "Connection: close\r\n\r\n";
	struct reply reply;
	int fd;

	begin(MSG_USER_VIEWER);
	fd = connect_client();
	for (int i = 0; i < 3; i++) {
		reply = exchange(fd, get, strlen(get));
		ck_assert_int_eq(reply.status, 200);
		drop(&reply);
	}
	reply = exchange(fd, head, strlen(head));
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(reply.body_len, 0);
	drop(&reply);
	close(fd);
	ck_assert_uint_eq(metrics_get(front.metrics, METRICS_REST_REQUESTS), 4);
	end();
}
END_TEST

START_TEST(freeing_answers_what_is_under_way)
{
	static const char get[] = "GET /v1/certificates HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd;

	begin(MSG_USER_VIEWER);
	fd = connect_client();
	ck_assert_int_eq(send(fd, get, strlen(get), MSG_NOSIGNAL), (ssize_t)strlen(get));
	for (int i = 0; i < 50 && call_count == 0; i++) {
		base_loop_turn(front.loop, 1);
	}
	ck_assert_uint_eq(call_count, 1);
	ck_assert_uint_eq(rest_service_pending(service), 1);
	base_buf_clear(&calls[0].payload);
	call_count = 0;
	end();
	close(fd);
}
END_TEST

START_TEST(freeing_while_the_pool_has_a_csr_is_safe)
{
	char *body = example_body();
	char *text = base_xasprintf("POST /v1/environments/production/certificates HTTP/1.1\r\n"
				    "Host: a\r\nContent-Type: application/json\r\n"
				    "Content-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	int fd;

	begin(MSG_USER_OPERATOR);
	fd = connect_client();
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; i < 50 && base_pool_pending(front.pool) == 0; i++) {
		turn();
	}
	ck_assert_uint_eq(base_pool_pending(front.pool), 1);
	rest_service_free(service);
	service = NULL;
	end();
	close(fd);
	free(text);
	free(body);
}
END_TEST

CHECK_MAIN("api_rest", callers_without_a_person_behind_them_are_refused,
    roles_are_asked_of_the_ledger_each_time, the_description_is_public_and_byte_for_byte,
    malformed_requests_are_refused_by_name, bodies_are_read_strictly,
    a_broken_body_is_told_where_and_what,
    other_media_types_and_long_bodies_are_refused, pages_lead_to_each_other,
    a_large_crl_is_gathered_and_cached_by_number, revocation_says_who_and_from_where,
    only_an_admin_revokes_authorities_and_people, issues_what_the_csr_proves,
    issuing_refuses_before_the_signer_is_asked, a_missing_ledger_is_said_with_a_time_to_retry,
    a_connection_serves_several_requests_and_head_has_no_body, freeing_answers_what_is_under_way,
    freeing_while_the_pool_has_a_csr_is_safe)
