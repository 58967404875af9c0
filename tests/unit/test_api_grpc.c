/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC on HTTP/2: what is a call, how it ends, and with which status. */
#include <string.h>

#include "api/grpc.h"
#include "base/enc.h"
#include "tests/unit/h2_client.h"

static struct {
	struct tls_world tls;
	struct tls_server *listener;
	struct grpc_server *grpc;
	uint16_t port;
	bool hold;
	enum mc_err fail;   /* MC_OK: echo the message */
	const char *detail;
	size_t answer_len;  /* more bytes behind the echo */
	unsigned started, cancelled;
	struct grpc_call *call;
	char message[32];
	size_t message_len;
} w;

static void
finish(struct grpc_call *call)
{
	if (w.fail != MC_OK) {
		grpc_fail(call, w.fail, w.detail);
	} else {
		struct base_buf *out = grpc_answer_begin(call);

		base_buf_append_span(out, call->message);
		if (w.answer_len > 0) {
			uint8_t *more = base_buf_reserve(out, w.answer_len);

			if (more != NULL) {
				memset(more, 'z', w.answer_len);
			}
		}
		grpc_answer_end(call);
	}
}

static void
on_start(void *self, struct grpc_call *call)
{
	ck_assert_ptr_eq(self, &w);
	w.started++;
	w.call = call;
	w.message_len = call->message.len;
	base_span_copy_str(call->message, w.message, sizeof(w.message));
	if (!w.hold) {
		finish(call);
	}
}

static void
on_cancel(void *self, struct grpc_call *call)
{
	ck_assert_ptr_eq(self, &w);
	ck_assert_ptr_eq(call, w.call);
	w.cancelled++;
	w.call = NULL;
}

static const struct grpc_method methods[] = {
    {"/test.Echo/Say", on_start, on_cancel},
    {NULL, NULL, NULL},
};

static struct h2_client *
begin(void)
{
	memset(&w, 0, sizeof(w));
	w.detail = "";
	tls_world_start(&w.tls);
	w.grpc = grpc_server_new(&w.tls.front, methods, &w);
	w.listener = tls_server_new(&(struct tls_server_options){.front = &w.tls.front,
	    .env = &w.tls.env, .listen_fd = tls_world_listen(&w.port), .alpn = TLS_ALPN_H2,
	    .connections_max = 8, .on_conn = grpc_server_adopt, .self = w.grpc});
	TLS_WORLD_UNTIL(w.tls.loop, tls_server_is_certified(w.listener));
	return h2_client_begin(w.tls.loop, w.port, false);
}

static void
end(struct h2_client *client)
{
	h2_client_end(client);
	grpc_server_free(w.grpc);
	tls_server_free(w.listener);
	tls_world_stop(&w.tls);
}

/* A call as it should be, but for one more header and the body. */
struct ask {
	const char *method, *path, *type;
	struct h2_field more;
	struct base_span body;
	bool leave_open;
};

static const uint8_t hello[] = {0, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};

static struct h2_reply *
ask_send(struct h2_client *client, const struct ask *ask)
{
	const struct h2_field fields[] = {
	    {":method", ask->method != NULL ? ask->method : "POST"}, {":scheme", "https"},
	    {":path", ask->path != NULL ? ask->path : "/test.Echo/Say"},
	    {":authority", "localhost"},
	    {"content-type", ask->type != NULL ? ask->type : "application/grpc"}, ask->more,
	    {NULL, NULL}};
	struct base_span body = ask->body.ptr != NULL ? ask->body :
	    base_span_of(hello, sizeof(hello));

	return h2_client_send(client, fields, body, ask->leave_open);
}

static struct h2_reply *
ask_run(struct h2_client *client, const struct ask *ask)
{
	struct h2_reply *reply = ask_send(client, ask);

	H2_CLIENT_UNTIL(client, reply->closed);
	return reply;
}

static void
ck_status(const struct h2_reply *reply, enum grpc_status status, const char *what)
{
	char want[12];

	snprintf(want, sizeof(want), "%d", (int)status);
	ck_assert_msg(strcmp(reply->grpc_status, want) == 0, "%s: status %s, %s", what,
	    reply->grpc_status, reply->grpc_message);
	ck_assert_str_eq(reply->status, "200");
	ck_assert_str_eq(reply->type, "application/grpc");
}

START_TEST(a_call_and_its_answer)
{
	static const uint8_t none[16];
	struct h2_client *client = begin();
	struct h2_reply *reply = ask_run(client, &(struct ask){0});
	struct h2_reply *second;
	uint8_t id[16];

	ck_status(reply, GRPC_OK, "echo");
	ck_assert_str_eq(w.message, "hello");
	ck_assert_uint_eq(reply->body.len, sizeof(hello));
	ck_assert_mem_eq(reply->body.ptr, hello, sizeof(hello));
	ck_assert_uint_eq(strlen(reply->request_id), 32);
	for (int i = 0; i < 16; i++) {
		char two[3] = {reply->request_id[2 * i], reply->request_id[2 * i + 1], 0};

		id[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	ck_assert_mem_ne(id, none, 16);
	second = ask_run(client, &(struct ask){0});
	ck_assert_str_ne(second->request_id, reply->request_id);
	ck_assert_uint_eq(metrics_get(w.tls.front.metrics, METRICS_GRPC_REQUESTS), 2);
	ck_assert_uint_eq(grpc_server_connections(w.grpc), 1);
	ck_assert_uint_eq(w.cancelled, 0);
	end(client);
}
END_TEST

/* grpc/grpc doc/PROTOCOL-HTTP2.md: one message, of exactly the length that its prefix says. */
START_TEST(framing)
{
	static uint8_t at_limit[5 + LIMIT_GRPC_MESSAGE];
	static uint8_t above[5 + LIMIT_GRPC_MESSAGE + 1];
	static const uint8_t claims_above[] = {0, 0, 1, 0, 1};
	static const uint8_t huge[] = {0, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t compressed[] = {1, 0, 0, 0, 1, 'a'};
	static const uint8_t two[] = {0, 0, 0, 0, 1, 'a', 0, 0, 0, 0, 1, 'b'};
	static const uint8_t shorter[] = {0, 0, 0, 0, 2, 'a'};
	static const uint8_t longer[] = {0, 0, 0, 0, 0, 'a'};
	static const uint8_t empty[5];
	const struct {
		const char *what;
		struct base_span body;
		enum grpc_status status;
	} cases[] = {
	    {"no prefix", base_span_of(empty, 4), GRPC_INVALID_ARGUMENT},
	    {"an empty message", base_span_of(empty, 5), GRPC_OK},
	    {"compressed", base_span_of(compressed, sizeof(compressed)), GRPC_UNIMPLEMENTED},
	    {"two messages", base_span_of(two, sizeof(two)), GRPC_INVALID_ARGUMENT},
	    {"a byte too few", base_span_of(shorter, sizeof(shorter)), GRPC_INVALID_ARGUMENT},
	    {"a byte too many", base_span_of(longer, sizeof(longer)), GRPC_INVALID_ARGUMENT},
	    {"the limit", base_span_of(at_limit, sizeof(at_limit)), GRPC_OK},
	    {"above it", base_span_of(above, sizeof(above)), GRPC_RESOURCE_EXHAUSTED},
	    {"says it is above", base_span_of(claims_above, 5), GRPC_RESOURCE_EXHAUSTED},
	    {"says it is huge", base_span_of(huge, 5), GRPC_RESOURCE_EXHAUSTED},
	};
	struct h2_client *client = begin();

	at_limit[2] = above[2] = 1; /* 65536 */
	above[4] = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned before = w.started;
		struct h2_reply *reply = ask_run(client, &(struct ask){.body = cases[i].body});

		ck_status(reply, cases[i].status, cases[i].what);
		ck_assert_uint_eq(w.started - before, cases[i].status == GRPC_OK);
	}
	ck_assert_uint_eq(w.cancelled, 0);
	end(client);
}
END_TEST

START_TEST(content_types)
{
	static const struct {
		const char *type;
		bool grpc;
	} cases[] = {
	    {"application/grpc", true}, {"application/grpc+proto", true},
	    {"application/grpc;charset=utf-8", true}, {"application/grpc+proto;a=b", true},
	    {"application/grpc+json", false}, {"application/grpc-web", false},
	    {"application/grp", false}, {"application/grpcx", false},
	    {"application/grpc+protox", false}, {"text/plain", false},
	};
	struct h2_client *client = begin();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct h2_reply *reply = ask_run(client, &(struct ask){.type = cases[i].type});

		ck_assert_msg(strcmp(reply->status, cases[i].grpc ? "200" : "415") == 0, "%s: %s",
		    cases[i].type, reply->status);
		ck_assert_str_eq(reply->type, cases[i].grpc ? "application/grpc" : "text/plain");
		ck_assert_str_eq(reply->grpc_status, cases[i].grpc ? "0" : "");
	}
	ck_assert_uint_eq(w.started, 4);
	ck_assert_str_eq(ask_run(client, &(struct ask){.method = "GET"})->status, "405");
	ck_assert_str_eq(ask_run(client, &(struct ask){.method = "PUT"})->status, "405");
	ck_assert_uint_eq(w.started, 4);
	end(client);
}
END_TEST

START_TEST(refused_at_the_headers)
{
	static char pad[LIMIT_HEADER_LIST];
	static const struct {
		struct ask ask;
		enum grpc_status status;
	} cases[] = {
	    {{.path = "/test.Echo/Shout"}, GRPC_UNIMPLEMENTED},
	    {{.path = "/test.Echo/Say/"}, GRPC_UNIMPLEMENTED},
	    {{.path = "/test.Echo/Sa"}, GRPC_UNIMPLEMENTED},
	    {{.more = {"grpc-encoding", "gzip"}}, GRPC_UNIMPLEMENTED},
	    {{.more = {"grpc-encoding", "identity"}}, GRPC_OK},
	    {{.more = {"x-pad", pad}}, GRPC_RESOURCE_EXHAUSTED},
	};
	struct h2_client *client = begin();

	memset(pad, 'a', sizeof(pad) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_status(ask_run(client, &cases[i].ask), cases[i].status, cases[i].ask.more.name);
	}
	ck_assert_uint_eq(w.started, 1);
	end(client);
}
END_TEST

START_TEST(time_outs_are_read)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"1H", true}, {"1M", true}, {"10S", true}, {"99999999m", true}, {"99999999u", true},
	    {"99999999H", true}, {"999999999S", false}, {"S", false}, {"10", false}, {"-1S", false},
	    {"1.5S", false}, {"1s", false}, {" 1S", false}, {"1S ", false}, {"0x1S", false},
	    {"1SS", false},
	};
	struct h2_client *client = begin();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask ask = {.more = {"grpc-timeout", cases[i].text}};

		if (strchr(cases[i].text, ' ') != NULL) {
			continue; /* HTTP/2 itself refuses spaces at the ends */
		}
		ck_status(ask_run(client, &ask), cases[i].good ? GRPC_OK : GRPC_INVALID_ARGUMENT,
		    cases[i].text);
	}
	ck_assert_uint_eq(w.started, 6);
	end(client);
}
END_TEST

/* Each unit, by which of two calls ends in time. */
START_TEST(deadlines_pass)
{
	static const char *const soon[] = {"0H", "0M", "0S", "20m", "20000u", "20000000n", "999n"};
	static const char *const late[] = {"1H", "1M", "60S", "60000m", "60000000u"};
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.hold = true;
	for (size_t i = 0; i < sizeof(soon) / sizeof(soon[0]); i++) {
		reply = ask_run(client, &(struct ask){.more = {"grpc-timeout", soon[i]}});
		ck_status(reply, GRPC_DEADLINE_EXCEEDED, soon[i]);
		/* the method knows, if it was told of the call at all */
		ck_assert_uint_eq(w.cancelled, w.started);
	}
	w.started = w.cancelled = 0;
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		reply = ask_send(client, &(struct ask){.more = {"grpc-timeout", late[i]}});
		H2_CLIENT_UNTIL(client, w.started == i + 1);
		h2_client_settle(client);
		ck_assert_msg(!reply->closed, "%s", late[i]);
		finish(w.call);
		H2_CLIENT_UNTIL(client, reply->closed);
		ck_status(reply, GRPC_OK, late[i]);
	}
	ck_assert_uint_eq(w.cancelled, 0);
	/* before the message is complete: nobody was told, nobody is cancelled */
	reply = ask_send(client, &(struct ask){.more = {"grpc-timeout", "20m"},
	    .leave_open = true});
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_status(reply, GRPC_DEADLINE_EXCEEDED, "incomplete");
	ck_assert_uint_eq(w.started, 5);
	ck_assert_uint_eq(w.cancelled, 0);
	/* answered in time: when it has passed nothing happens any more */
	w.hold = false;
	(void)ask_run(client, &(struct ask){.more = {"grpc-timeout", "300m"}});
	int64_t past_us = base_clock_boot_us() + 310000;
	TLS_WORLD_UNTIL(w.tls.loop, base_clock_boot_us() > past_us);
	ck_assert_uint_eq(w.cancelled, 0);
	ck_status(ask_run(client, &(struct ask){0}), GRPC_OK, "afterwards");
	end(client);
}
END_TEST

START_TEST(cancelled_calls)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.hold = true;
	reply = ask_send(client, &(struct ask){.more = {"grpc-timeout", "1M"}});
	H2_CLIENT_UNTIL(client, w.started == 1);
	h2_client_cancel(client, reply);
	H2_CLIENT_UNTIL(client, w.cancelled == 1);
	/* one that was not started is nobody's to cancel */
	reply = ask_send(client, &(struct ask){.leave_open = true});
	h2_client_settle(client);
	h2_client_cancel(client, reply);
	h2_client_settle(client);
	ck_assert_uint_eq(w.started, 1);
	ck_assert_uint_eq(w.cancelled, 1);
	/* answered: nor is that */
	w.hold = false;
	ck_status(ask_run(client, &(struct ask){0}), GRPC_OK, "answered");
	/* the connection goes */
	w.hold = true;
	ask_send(client, &(struct ask){0});
	H2_CLIENT_UNTIL(client, w.started == 3);
	tls_end_bye(client->tls);
	TLS_WORLD_UNTIL(w.tls.loop, w.cancelled == 2);
	ck_assert_uint_eq(grpc_server_connections(w.grpc), 0);
	end(client);
}
END_TEST

START_TEST(statuses)
{
	static const struct {
		enum mc_err err;
		enum grpc_status status;
	} cases[] = {
	    {MC_OK, GRPC_OK}, {MC_EUSAGE, GRPC_INVALID_ARGUMENT}, {MC_ETTL, GRPC_INVALID_ARGUMENT},
	    {MC_ECSR_SAN, GRPC_INVALID_ARGUMENT}, {MC_EAUTH, GRPC_UNAUTHENTICATED},
	    {MC_ETOKEN, GRPC_UNAUTHENTICATED}, {MC_ECLIENT_CERT, GRPC_UNAUTHENTICATED},
	    {MC_ENOTFOUND, GRPC_NOT_FOUND}, {MC_EBUSY, GRPC_RESOURCE_EXHAUSTED},
	    {MC_ERATE, GRPC_RESOURCE_EXHAUSTED}, {MC_ETOOBIG, GRPC_RESOURCE_EXHAUSTED},
	    {MC_EDEADLINE, GRPC_DEADLINE_EXCEEDED}, {MC_ESEALED, GRPC_UNAVAILABLE},
	    {MC_ENOTREADY, GRPC_UNAVAILABLE}, {MC_EISSUER_LIFE, GRPC_UNAVAILABLE},
	    {MC_ESERIAL, GRPC_UNAVAILABLE}, {MC_EIO, GRPC_UNAVAILABLE}, {MC_EFRAME, GRPC_INTERNAL},
	    {MC_ECONFIG, GRPC_INTERNAL}, {MC_ECRYPTO, GRPC_INTERNAL}, {MC_EINTERNAL, GRPC_INTERNAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(grpc_status_of(cases[i].err) == cases[i].status, "%s: %d",
		    mc_err_word(cases[i].err), (int)grpc_status_of(cases[i].err));
	}
	ck_assert_int_eq(grpc_status_of(MC_EDENIED), GRPC_PERMISSION_DENIED);
	ck_assert_int_eq(grpc_status_of(MC_ECONFLICT), GRPC_FAILED_PRECONDITION);
}
END_TEST

/* The word, the sentence, the particulars; what is not printable ASCII is encoded. */
START_TEST(failures_say_why)
{
	struct h2_client *client = begin();
	static char longest[600];
	struct h2_reply *reply;
	char want[200];

	w.fail = MC_EUSAGE;
	w.detail = "a%b\n\xc3\xa4~";
	reply = ask_run(client, &(struct ask){0});
	ck_status(reply, GRPC_INVALID_ARGUMENT, "usage");
	snprintf(want, sizeof(want), "usage: %s (a%%25b%%0A%%C3%%A4~)", mc_err_text(MC_EUSAGE));
	ck_assert_str_eq(reply->grpc_message, want);
	ck_assert_uint_eq(strlen(reply->request_id), 32);
	ck_assert_uint_eq(reply->body.len, 0);
	ck_assert_uint_eq(reply->header_blocks, 1);
	w.detail = "";
	reply = ask_run(client, &(struct ask){0});
	snprintf(want, sizeof(want), "usage: %s", mc_err_text(MC_EUSAGE));
	ck_assert_str_eq(reply->grpc_message, want);
	/* encoded it is cut to what fits, never within a triple */
	memset(longest, '\n', sizeof(longest) - 1);
	w.detail = longest;
	reply = ask_run(client, &(struct ask){0});
	ck_status(reply, GRPC_INVALID_ARGUMENT, "long");
	ck_assert_uint_gt(strlen(reply->grpc_message), 600);
	ck_assert_uint_le(strlen(reply->grpc_message), 700);
	ck_assert_str_eq(reply->grpc_message + strlen(reply->grpc_message) - 3, "%0A");
	end(client);
}
END_TEST

/* An answer above its ceiling is a fault of ours, and said as one. */
START_TEST(answers_are_bounded)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.answer_len = 1024 * 1024 - sizeof(hello);
	reply = ask_run(client, &(struct ask){0});
	ck_status(reply, GRPC_OK, "the limit");
	ck_assert_uint_eq(reply->body.len, 1024 * 1024);
	ck_assert_mem_eq(reply->body.ptr, "\x00\x00\x0f\xff\xfb", 5);
	w.answer_len++;
	reply = ask_run(client, &(struct ask){0});
	ck_status(reply, GRPC_INTERNAL, "above");
	ck_assert_uint_eq(reply->body.len, 0);
	end(client);
}
END_TEST

START_TEST(drained_calls_are_answered)
{
	struct h2_client *client = begin();
	struct h2_reply *reply;

	w.hold = true;
	reply = ask_send(client, &(struct ask){0});
	H2_CLIENT_UNTIL(client, w.started == 1);
	grpc_server_drain(w.grpc);
	H2_CLIENT_UNTIL(client, client->goaways > 0);
	finish(w.call);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_status(reply, GRPC_OK, "drained");
	TLS_WORLD_UNTIL(w.tls.loop, ((void)h2_client_move(client),
	    grpc_server_connections(w.grpc) == 0));
	end(client);
}
END_TEST

CHECK_MAIN("api_grpc", a_call_and_its_answer, framing, content_types, refused_at_the_headers,
    time_outs_are_read, deadlines_pass, cancelled_calls, statuses, failures_say_why,
    answers_are_bounded, drained_calls_are_answered)
