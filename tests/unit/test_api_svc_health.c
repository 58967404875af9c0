/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1.Health: an environment serves when its signer, the ledger and the front all do. */
#include "api/svc.h"
#include "tests/unit/h2_client.h"
#include "tests/unit/struct_make.h"

#define SERVING 1
#define NOT_SERVING 2

static struct {
	struct tls_world tls;
	struct tls_server *listener;
	struct grpc_server *grpc;
	struct base_chan *ledger;
	uint16_t port;
	struct h2_client *client;
} w;

static void
on_check(void *self, struct grpc_call *call)
{
	(void)self;
	svc_health_check(&w.tls.front, &w.tls.env, call);
}

static void
on_watch(void *self, struct grpc_call *call)
{
	(void)self;
	svc_health_watch(call);
}

static void
on_cancel(void *self, struct grpc_call *call)
{
	(void)self;
	(void)call;
}

static enum mc_err
on_ledger_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	(void)self;
	(void)chan;
	(void)item;
	return MC_OK;
}

static void
begin(void)
{
	static const struct grpc_method methods[] = {
	    {"/grpc.health.v1.Health/Check", on_check, on_cancel},
	    {"/grpc.health.v1.Health/Watch", on_watch, on_cancel},
	    {NULL, NULL, NULL},
	};

	memset(&w, 0, sizeof(w));
	tls_world_start(&w.tls);
	w.tls.front.ledger = link_new(w.tls.loop, MSG_ROLE_LEDGER, "");
	w.ledger = tls_world_peer(w.tls.loop, w.tls.front.ledger, MSG_ROLE_LEDGER, NULL,
	    on_ledger_item, NULL);
	TLS_WORLD_UNTIL(w.tls.loop, link_is_up(w.tls.front.ledger));
	w.grpc = grpc_server_new(&w.tls.front, methods, NULL);
	w.listener = tls_server_new(&(struct tls_server_options){.front = &w.tls.front,
	    .env = &w.tls.env, .listen_fd = tls_world_listen(&w.port), .alpn = TLS_ALPN_H2,
	    .connections_max = 4, .on_conn = grpc_server_adopt, .self = w.grpc});
	TLS_WORLD_UNTIL(w.tls.loop, tls_server_is_certified(w.listener));
	w.client = h2_client_begin(w.tls.loop, w.port, false);
}

static void
end(void)
{
	h2_client_end(w.client);
	grpc_server_free(w.grpc);
	tls_server_free(w.listener);
	base_chan_free(w.ledger);
	link_free(w.tls.front.ledger);
	tls_world_stop(&w.tls);
}

static const struct h2_reply *
ask(const char *method, struct base_span message)
{
	char path[64];
	struct base_buf body;
	struct h2_reply *reply;

	snprintf(path, sizeof(path), "/grpc.health.v1.Health/%s", method);
	const struct h2_field fields[] = {{":method", "POST"}, {":scheme", "https"}, {":path", path},
	    {":authority", "localhost"}, {"content-type", "application/grpc"}, {NULL, NULL}};
	base_buf_init(&body, LIMIT_GRPC_MESSAGE);
	base_buf_append(&body, "\0\0\0", 3);
	base_buf_append_u8(&body, (uint8_t)(message.len >> 8));
	base_buf_append_u8(&body, (uint8_t)message.len);
	base_buf_append_span(&body, message);
	reply = h2_client_send(w.client, fields, base_buf_span(&body), false);
	H2_CLIENT_UNTIL(w.client, reply->closed);
	base_buf_clear(&body);
	return reply;
}

/* The serving status, or -1 with the gRPC status in *status. */
static int
check(const char *service, int *status)
{
	struct base_buf message;
	const struct h2_reply *reply;

	base_buf_init(&message, 4096);
	if (service != NULL) {
		make_field(&message, 1, base_span_str(service));
	}
	reply = ask("Check", base_buf_span(&message));
	base_buf_clear(&message);
	*status = (int)strtol(reply->grpc_status, NULL, 10);
	if (*status != 0) {
		return -1;
	}
	ck_assert_uint_eq(reply->body.len, 7);
	ck_assert_mem_eq(reply->body.ptr, "\0\0\0\0\2\x08", 6);
	return reply->body.ptr[6];
}

START_TEST(serves_while_every_part_does)
{
	int status;

	begin();
	ck_assert_int_eq(check(NULL, &status), SERVING);
	w.tls.env.signer_state = MC_ESEALED;
	ck_assert_int_eq(check(NULL, &status), NOT_SERVING);
	w.tls.env.signer_state = MC_ENOTREADY;
	ck_assert_int_eq(check(NULL, &status), NOT_SERVING);
	w.tls.env.signer_state = MC_OK;
	w.tls.front.draining = true;
	ck_assert_int_eq(check(NULL, &status), NOT_SERVING);
	w.tls.front.draining = false;
	ck_assert_int_eq(check(NULL, &status), SERVING);
	base_chan_free(w.ledger);
	w.ledger = NULL;
	TLS_WORLD_UNTIL(w.tls.loop, !link_is_up(w.tls.front.ledger));
	ck_assert_int_eq(check(NULL, &status), NOT_SERVING);
	w.ledger = tls_world_peer(w.tls.loop, w.tls.front.ledger, MSG_ROLE_LEDGER, NULL,
	    on_ledger_item, NULL);
	TLS_WORLD_UNTIL(w.tls.loop, link_is_up(w.tls.front.ledger));
	ck_assert_int_eq(check(NULL, &status), SERVING);
	base_chan_free(w.tls.signer);
	w.tls.signer = NULL;
	TLS_WORLD_UNTIL(w.tls.loop, !link_is_up(w.tls.env.signer));
	ck_assert_int_eq(check(NULL, &status), NOT_SERVING);
	end();
}
END_TEST

START_TEST(the_services_that_are_known)
{
	static char long_name[1024];
	int status;

	begin();
	ck_assert_int_eq(check("", &status), SERVING);
	ck_assert_int_eq(check("istio.v1.auth.IstioCertificateService", &status), SERVING);
	ck_assert_int_eq(check("istio.v1.auth", &status), -1);
	ck_assert_int_eq(status, GRPC_NOT_FOUND);
	/* the message's limit: one byte above is not read */
	memset(long_name, 'a', 1024 - 3);
	ck_assert_int_eq(check(long_name, &status), -1);
	ck_assert_int_eq(status, GRPC_NOT_FOUND);
	long_name[1024 - 3] = 'a';
	ck_assert_int_eq(check(long_name, &status), -1);
	ck_assert_int_eq(status, GRPC_INVALID_ARGUMENT);
	ck_assert_str_eq(ask("Check", base_span_of("\xff\xff", 2))->grpc_status, "3");
	ck_assert_str_eq(ask("Watch", base_span_of(NULL, 0))->grpc_status, "12");
	end();
}
END_TEST

CHECK_MAIN("api_svc_health", serves_while_every_part_does, the_services_that_are_known)
