/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC ports of a front: one for an environment, its keys, its end. */
#include <fcntl.h>

#include "tests/unit/grpc_world.h"
#include "tests/unit/h2_client.h"

/* The listener asks less and less often while its signer is sealed; once it is open, clients wait no more. */
START_TEST(an_unsealed_signer_certifies_at_once)
{
	int64_t begin_us = base_clock_boot_us();

	sealed_us = 4000000; /* the next attempt would come 3.75 s later */
	world_start();
	ck_assert_int_lt(base_clock_boot_us() - begin_us, sealed_us + 2500000);
	sealed_us = 0;
	world_stop();
}
END_TEST

/* A verdict that was kept for a token of keys that are replaced does not outlive them. */
START_TEST(replaced_keys_leave_no_verdict)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char *before;
	char *token;

	world_start();
	before = w.cluster.jwks;
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client good = {.token = token};
	ck_assert_int_eq(call(&good), 0);
	cli_grpc_answer_clear(&good.answer);
	w.cluster.jwks = token_jwks(other);
	ck_assert_int_eq(grpc_service_reload(w.service), MC_OK);
	struct client late = {.token = token};
	ck_assert_int_eq(call(&late), 16);
	cli_grpc_answer_clear(&late.answer);
	free(w.cluster.jwks);
	/* keys that are none: the ones before stay */
	w.cluster.jwks = before;
	ck_assert_int_eq(grpc_service_reload(w.service), MC_OK);
	static char junk[] = "{}";
	w.cluster.jwks = junk;
	ck_assert_int_eq(grpc_service_reload(w.service), MC_ECONFIG);
	struct client again = {.token = token};
	ck_assert_int_eq(call(&again), 0);
	cli_grpc_answer_clear(&again.answer);
	w.cluster.jwks = before;
	free(token);
	EVP_PKEY_free(other);
	world_stop();
}
END_TEST

static const struct h2_field health[] = {{":method", "POST"}, {":scheme", "https"},
    {":path", "/grpc.health.v1.Health/Check"}, {":authority", "localhost"},
    {"content-type", "application/grpc"}, {NULL, NULL}};
static const struct h2_field unknown[] = {{":method", "POST"}, {":scheme", "https"},
    {":path", "/grpc.health.v1.Health/List"}, {":authority", "localhost"},
    {"content-type", "application/grpc"}, {NULL, NULL}};

START_TEST(one_listener_for_an_environment)
{
	struct config_environment bad_config;
	struct config_cluster bad_cluster;
	static char junk[] = "{}";
	struct front_env bad;
	uint16_t port;
	int fd;

	world_start();
	fd = tls_world_listen(&port);
	ck_assert_int_eq(grpc_service_listen(w.service, &w.env, fd), MC_ECONFLICT);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* taken over all the same */
	ck_assert_ptr_nonnull(w.env.tls);
	/* one whose keys are not good gets none */
	bad = w.env;
	bad.tls = NULL;
	bad_config = w.environment;
	bad_cluster = w.cluster;
	bad_cluster.jwks = junk;
	bad_config.clusters = &bad_cluster;
	bad.config = &bad_config;
	fd = tls_world_listen(&port);
	ck_assert_int_eq(grpc_service_listen(w.service, &bad, fd), MC_ECONFIG);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_ptr_null(bad.tls);
	ck_assert_uint_eq(grpc_service_pending(w.service), 0);
	world_stop();
	ck_assert_ptr_null(w.env.tls); /* whoever looked at it knows */
}
END_TEST

START_TEST(what_a_port_answers)
{
	static const uint8_t empty[5];
	struct h2_client *client;
	struct h2_reply *reply;

	world_start();
	client = h2_client_begin(w.loop, w.port, false);
	reply = h2_client_send(client, health, base_span_of(empty, 5), false);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_str_eq(reply->grpc_status, "0");
	reply = h2_client_send(client, unknown, base_span_of(empty, 5), false);
	H2_CLIENT_UNTIL(client, reply->closed);
	ck_assert_str_eq(reply->grpc_status, "12");
	h2_client_end(client);
	world_stop();
}
END_TEST

/* Drained, it lets what is under way end, and takes nobody in. */
START_TEST(drained_it_ends_when_all_is_answered)
{
	struct tls_end *late;
	char *token;

	world_start();
	token = token_of(TOKEN_SUB, "istio-ca", base_clock_now() + 600);
	struct client c = {.token = token};
	w.hold_us = 200000;
	ck_assert_int_eq(pthread_create(&c.thread, NULL, client_run, &c), 0);
	TLS_WORLD_UNTIL(w.loop, w.held_count == 1);
	ck_assert_uint_eq(grpc_service_pending(w.service), 2); /* a connection and its request */
	grpc_service_drain(w.service);
	TLS_WORLD_UNTIL(w.loop, atomic_load(&c.done));
	pthread_join(c.thread, NULL);
	ck_assert_int_eq(c.err, MC_OK);
	ck_assert_int_eq(c.answer.status, 0);
	TLS_WORLD_UNTIL(w.loop, grpc_service_pending(w.service) == 0);
	late = tls_end_new(tls_world_connect(w.port), &(struct tls_end_options){.alpn = "\x02h2"});
	ck_assert(!tls_end_shake(w.loop, late));
	tls_end_free(late);
	cli_grpc_answer_clear(&c.answer);
	free(token);
	world_stop();
}
END_TEST

CHECK_MAIN("api_grpc_service", an_unsealed_signer_certifies_at_once, replaced_keys_leave_no_verdict,
    one_listener_for_an_environment, what_a_port_answers, drained_it_ends_when_all_is_answered)
