/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST port with everything real but TLS and the processes behind it: HTTP goes in and
 * out through a socket pair; what the ledger or a signer is asked comes to a function of the test.
 */
#ifndef TESTS_REST_FIXTURE_H
#define TESTS_REST_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/metrics.h"
#include "api/openapi.h"
#include "api/rest_int.h"
#include "api/rest_service.h"
#include "base/chan.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "tests/unit/api_fakes.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"
#include "tests/unit/csr_make.h"

/* --- the TLS terminator --- */

struct tls_terminator {
	tls_terminator_fn on_client;
	void *self;
	unsigned unread;
	bool draining;
};
static struct tls_terminator terminator;
static char tls_server_stand_in;

struct tls_terminator *
tls_terminator_new(const struct tls_server_options *options, tls_terminator_fn on_client, void *self)
{
	ck_assert_str_eq(options->env->config->name, CONFIG_OPERATORS);
	terminator = (struct tls_terminator){.on_client = on_client, .self = self};
	close(options->listen_fd);
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
	term->draining = true;
}

unsigned
tls_terminator_unread(const struct tls_terminator *term)
{
	return term->unread;
}

struct tls_server *
tls_terminator_server(struct tls_terminator *term)
{
	(void)term;
	return (struct tls_server *)(void *)&tls_server_stand_in;
}

const struct tls_peer *
tls_terminator_peer(const struct tls_terminator *term, int fd)
{
	(void)term;
	(void)fd;
	return NULL;
}

/* --- the channels to other processes --- */

struct link {
	bool is_down;
};
struct call {
	struct link *link;
	uint16_t type;
	struct base_buf payload;
	link_answer_fn fn;
	void *self;
};
#define CALLS_MAX 16
static struct call calls[CALLS_MAX];
static size_t call_count;
static enum mc_err link_refusal; /* what link_call answers */

enum mc_err
link_call(struct link *link, uint16_t type, const struct msg_table *table, const void *object,
    int timeout_ms, link_answer_fn fn, void *self)
{
	struct call *call = &calls[call_count];

	ck_assert_int_gt(timeout_ms, 0);
	if (link_refusal != MC_OK) {
		return link_refusal;
	}
	ck_assert_uint_lt(call_count, CALLS_MAX);
	base_buf_init(&call->payload, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(table, object, &call->payload), MC_OK);
	call->link = link;
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
	return !link->is_down;
}

bool
link_has_credit(const struct link *link)
{
	return !link->is_down;
}

/* --- who answers --- */

static struct link ledger, signer, signer_of_people;
static struct front front;
static struct front_env envs[2];
static struct config config;
static struct config_environment production, operators;
static struct rest_service *service;
static enum msg_user_role caller_role; /* INVALID: unknown certificate */
static const char *caller_name;
static unsigned user_get_count;
static struct msg_user_get user_get;          /* the last one */
static void (*serve)(struct call *call); /* everything but who the caller is; NULL: nothing is asked */

/* Gives the last item of an answer, or with more one before it. */
static inline void
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

/* The end of a list. */
static inline void
answer_end(struct call *call, uint64_t next_seq)
{
	answer(call, &msg_list_end_table, &(struct msg_list_end){.next_seq = next_seq}, false);
}

/* Decodes what was asked, which is of that type and came to that process. */
static inline void
asked(const struct call *call, const struct link *link, uint16_t type,
    const struct msg_table *table, void *out)
{
	ck_assert_msg(call->type == type, "unexpected message %s", msg_type_name(call->type));
	ck_assert_ptr_eq(call->link, link);
	ck_assert_int_eq(msg_decode(table, base_buf_span(&call->payload), out), MC_OK);
}

static inline void
keep(struct base_span span, char *to, size_t size)
{
	ck_assert_uint_lt(span.len, size);
	base_copy(to, span.ptr, span.len);
	to[span.len] = '\0';
}

static inline void
serve_one(struct call *call)
{
	struct msg_user_row row = {.name = base_span_str(caller_name), .role = (uint8_t)caller_role};

	if (call->type != MSG_USER_GET) {
		ck_assert_msg(serve != NULL, "unexpected message %s", msg_type_name(call->type));
		serve(call);
		return;
	}
	asked(call, &ledger, MSG_USER_GET, &msg_user_get_table, &user_get);
	user_get_count++;
	if (caller_role == MSG_USER_INVALID) {
		row = (struct msg_user_row){.status = MC_ENOTFOUND};
	}
	answer(call, &msg_user_row_table, &row, false);
}

static inline void
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
		serve_one(&taken[i]);
		base_buf_clear(&taken[i].payload);
	}
}

/* --- set-up --- */

static struct tls_peer peer;
static char name_operators[] = CONFIG_OPERATORS;
static char name_production[] = "production";
static char domain[] = "cluster.local";
static uint8_t peer_cert[] = {0x30, 0x00};

static inline void
begin(enum msg_user_role role, void (*serve_fn)(struct call *call))
{
	ledger = signer = signer_of_people = (struct link){0};
	production = (struct config_environment){
	    .name = name_production, .trust_domain = domain, .leaf_p256 = true};
	operators = (struct config_environment){.name = name_operators, .leaf_p256 = true};
	envs[0] = (struct front_env){.config = &production, .signer = &signer};
	envs[1] = (struct front_env){.config = &operators, .signer = &signer_of_people};
	front = (struct front){.loop = base_loop_new(),
	    .config = &config,
	    .ledger = &ledger,
	    .envs = envs,
	    .env_count = 2,
	    .metrics = metrics_new()};
	front.pool = base_pool_new(front.loop, 1, 1, NULL, NULL, NULL);
	serve = serve_fn;
	caller_role = role;
	caller_name = "alice";
	link_refusal = MC_OK;
	user_get_count = 0;
	peer = (struct tls_peer){.address = "192.0.2.7:1234",
	    .cert = base_span_of(peer_cert, sizeof(peer_cert)),
	    .verified = true,
	    .not_after_at = INT64_MAX};
	memset(peer.sha256, 0xa1, sizeof(peer.sha256));
	service = rest_service_new(&front, dup(0));
	ck_assert_ptr_nonnull(service);
}

static inline void
end(void)
{
	base_pool_free(front.pool);
	rest_service_free(service);
	metrics_free(front.metrics);
	base_loop_free(front.loop);
	for (size_t i = 0; i < call_count; i++) {
		base_buf_clear(&calls[i].payload);
	}
	call_count = 0;
}

/* --- the client --- */

struct reply {
	int status; /* 0: the connection ended without an answer */
	char head[1024];
	char *body;
	size_t body_len;
	json_t *json;
};

static inline int
connect_client(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	terminator.on_client(terminator.self, fds[1], &peer);
	return fds[0];
}

static inline size_t
content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");

	return at == NULL ? 0 : strtoul(at + 17, NULL, 10);
}

/* Sends the bytes and reads one answer to its end, or to the end of the connection. */
static inline struct reply
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

		ck_assert_uint_lt(head_len + 2, sizeof(reply.head));
		base_copy(reply.head, in.ptr, head_len + 2);
		reply.status = (int)strtol(reply.head + 9, NULL, 10);
		reply.body_len = in.len - head_len - 4;
		reply.body = base_xcalloc(1, reply.body_len + 1);
		base_copy(reply.body, gap + 4, reply.body_len);
		reply.json = json_loadb(reply.body, reply.body_len, JSON_REJECT_DUPLICATES, NULL);
	}
	base_buf_clear(&in);
	return reply;
}

/* headers: whole lines, Content-Type among them when there is a body; body NULL: none. */
static inline struct reply
request_typed(const char *method, const char *path, const char *headers, const char *body,
    size_t body_len)
{
	int fd = connect_client();
	struct base_buf text;
	struct reply reply;

	base_buf_init(&text, 1 << 20);
	base_buf_appendf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, headers);
	if (body != NULL) {
		base_buf_appendf(&text, "Content-Length: %zu\r\n", body_len);
	}
	base_buf_appendf(&text, "\r\n");
	base_buf_append(&text, body, body_len);
	ck_assert(!base_buf_failed(&text));
	reply = exchange(fd, (const char *)text.ptr, text.len);
	base_buf_clear(&text);
	close(fd);
	turn();
	return reply;
}

/* body: JSON, or NULL for none. */
static inline struct reply
request(const char *method, const char *path, const char *headers, const char *body)
{
	char *all = base_xasprintf("%s%s", body == NULL ? "" : "Content-Type: application/json\r\n",
	    headers);
	struct reply reply = request_typed(method, path, all, body, body == NULL ? 0 : strlen(body));

	free(all);
	return reply;
}

static inline struct reply
get(const char *path)
{
	return request("GET", path, "", NULL);
}

static inline void
drop(struct reply *reply)
{
	free(reply->body);
	json_decref(reply->json);
}

static inline const char *
member(const struct reply *reply, const char *name)
{
	return json_string_value(json_object_get(reply->json, name));
}

static inline json_int_t
number(const struct reply *reply, const char *name)
{
	ck_assert(json_is_integer(json_object_get(reply->json, name)));
	return json_integer_value(json_object_get(reply->json, name));
}

static inline bool
has_header(const struct reply *reply, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	return strcasestr(reply->head, text) != NULL;
}

static inline void
expect_status(struct reply reply, int status)
{
	ck_assert_msg(reply.status == status, "%d: %s", reply.status, reply.body);
	drop(&reply);
}

static inline void
expect_problem(struct reply reply, int status, const char *word)
{
	char type[64];

	snprintf(type, sizeof(type), "urn:meshca:error:%s", word);
	ck_assert_msg(reply.status == status, "%d: %s", reply.status, reply.body);
	ck_assert_ptr_nonnull(strstr(reply.head, "application/problem+json"));
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nX-Request-Id: "));
	ck_assert_str_eq(member(&reply, "type"), type);
	ck_assert_int_eq(json_integer_value(json_object_get(reply.json, "status")), status);
	ck_assert_ptr_nonnull(
	    strstr(strcasestr(reply.head, "\r\nX-Request-Id: "), member(&reply, "request_id")));
	drop(&reply);
}

/* The same, and its detail has these words. */
static inline void
expect_problem_says(struct reply reply, int status, const char *word, const char *says)
{
	ck_assert_msg(reply.json != NULL && member(&reply, "detail") != NULL &&
		strstr(member(&reply, "detail"), says) != NULL,
	    "%s", reply.body);
	expect_problem(reply, status, word);
}

/* --- bodies --- */

/* The example of openapi.json: a true CSR. The caller's to free. */
static inline char *
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

/* A request as PEM, the caller's to free. */
static inline char *
csr_pem(const struct make *make)
{
	struct base_buf der, pem;
	char *text;

	base_buf_init(&der, 2 * LIMIT_CSR_DER);
	base_buf_init(&pem, 4 * LIMIT_CSR_DER);
	make_csr(&der, make);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", base_buf_span(&der));
	text = base_buf_take_str(&pem);
	base_buf_clear(&der);
	return text;
}

#endif
