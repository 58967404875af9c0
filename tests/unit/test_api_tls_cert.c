/* SPDX-License-Identifier: Apache-2.0 */
/* The listener's own certificate: what is asked for, what is taken, when it is asked for again. */
#include "api/tls_int.h"
#include "tests/unit/tls_world.h"

static struct tls_world w;
static struct tls_service service;
static struct tls_server *server;
static uint16_t port;

static void
begin(void)
{
	static char one[] = "meshca.example";
	static char two[] = "localhost";
	static char *names[] = {one, two};
	struct tls_server_options options;

	tls_world_start(&w);
	memset(&service, 0, sizeof(service));
	options = (struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = tls_world_listen(&port), .alpn = TLS_ALPN_H2, .dns_names = names,
	    .dns_name_count = 2, .connections_max = 8, .on_conn = tls_service_on_conn,
	    .self = &service};
	server = tls_server_new(&options);
}

static void
end(void)
{
	tls_service_close(&service);
	tls_server_free(server);
	tls_world_stop(&w);
}

/* The key that a new client is shown. */
static EVP_PKEY *
shown_key(struct tls_end **out)
{
	struct tls_end *client = tls_end_new(tls_world_connect(port),
	    &(struct tls_end_options){.alpn = "\x02h2"});
	unsigned before = service.count;
	X509 *cert;

	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count > before);
	cert = SSL_get1_peer_certificate(client->ssl);
	EVP_PKEY *key = X509_get_pubkey(cert);
	/* leaf and issuing CA */
	ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(client->ssl)), 2);
	ck_assert_int_eq(X509_cmp(sk_X509_value(SSL_get_peer_cert_chain(client->ssl), 1),
	    w.ca->cert), 0);
	X509_free(cert);
	*out = client;
	return key;
}

START_TEST(asks_for_its_names_and_a_key_of_its_own)
{
	static const uint8_t none[16];
	struct tls_end *client;
	EVP_PKEY *asked, *shown;
	uint8_t id[16];

	begin();
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
	ck_assert_uint_eq(w.asked, 1);
	ck_assert_int_eq(w.ask.profile, MSG_PROFILE_SERVER);
	ck_assert_int_eq(w.ask.key_alg, MSG_KEY_P256);
	ck_assert_str_eq(w.names, "meshca.example,localhost,");
	ck_assert_str_eq(w.requester, "front");
	ck_assert_int_eq(w.ask.has_dedup, 0);
	ck_assert_mem_ne(w.ask.request_id, none, 16);
	ck_assert_uint_eq(w.key_len, 65);
	base_copy(id, w.ask.request_id, sizeof(id));
	asked = tls_world_point(base_span_of(w.key, w.key_len));
	shown = shown_key(&client);
	ck_assert_int_eq(EVP_PKEY_eq(asked, shown), 1);
	EVP_PKEY_free(shown);
	tls_end_free(client);
	/* the next one is of another key */
	base_timer_set_us(server->cert.timer, 0);
	TLS_WORLD_UNTIL(w.loop, w.asked == 2 && !server->cert.asking);
	ck_assert_mem_ne(w.ask.request_id, id, 16);
	shown = shown_key(&client);
	ck_assert_int_eq(EVP_PKEY_eq(asked, shown), 0);
	EVP_PKEY_free(shown);
	EVP_PKEY_free(asked);
	tls_end_free(client);
	end();
}
END_TEST

/* An open connection goes on, with the context that it began with. */
START_TEST(renewal_leaves_connections_alone)
{
	struct tls_end *client;
	EVP_PKEY *shown;
	char bytes[8];

	begin();
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
	shown = shown_key(&client);
	base_timer_set_us(server->cert.timer, 0);
	TLS_WORLD_UNTIL(w.loop, w.asked == 2 && !server->cert.asking);
	tls_end_write(client, "hello", 5);
	TLS_WORLD_UNTIL(w.loop, service.seats[0].got_len == 5);
	ck_assert_int_eq(tls_conn_write(service.seats[0].conn, "there", 5), MC_OK);
	TLS_WORLD_UNTIL(w.loop, tls_end_read(client, bytes, sizeof(bytes)) == 5);
	EVP_PKEY_free(shown);
	tls_end_free(client);
	end();
}
END_TEST

START_TEST(refused_it_asks_again_later_and_later)
{
	int64_t want_us = 250000;

	begin();
	w.refuse = MC_ESEALED;
	TLS_WORLD_UNTIL(w.loop, w.asked == 1 && !server->cert.asking);
	for (unsigned i = 2; i < 12; i++) {
		ck_assert_int_eq(server->cert.retry_us, want_us);
		ck_assert_ptr_null(server->cert.next_key);
		want_us = want_us * 2 > 30000000 ? 30000000 : want_us * 2;
		base_timer_set_us(server->cert.timer, 0);
		TLS_WORLD_UNTIL(w.loop, w.asked == i && !server->cert.asking);
	}
	ck_assert_int_eq(want_us, 30000000);
	w.refuse = MC_OK;
	tls_server_certify(server);
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
	ck_assert_int_eq(server->cert.retry_us, 0);
	end();
}
END_TEST

START_TEST(one_question_at_a_time)
{
	begin();
	w.silent = true;
	TLS_WORLD_UNTIL(w.loop, w.asked == 1);
	base_timer_set_us(server->cert.timer, 0);
	tls_world_settle(w.loop);
	tls_server_certify(server);
	tls_world_settle(w.loop);
	ck_assert_uint_eq(w.asked, 1);
	end(); /* with the answer still to come */
}
END_TEST

START_TEST(without_a_signer_it_tries_again)
{
	tls_world_start(&w);
	base_chan_free(w.signer);
	w.signer = NULL;
	TLS_WORLD_UNTIL(w.loop, !link_is_up(w.env.signer));
	server = tls_server_new(&(struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = tls_world_listen(&port), .alpn = TLS_ALPN_H2, .connections_max = 8});
	tls_world_settle(w.loop);
	ck_assert(!tls_server_is_certified(server));
	w.signer = tls_world_peer(w.loop, w.env.signer, MSG_ROLE_SIGNER, "production",
	    tls_world_signer, &w);
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
	tls_server_free(server);
	tls_world_stop(&w);
}
END_TEST

/* A certificate that does not fit the key is no reason to lose the one in use. */
START_TEST(a_bad_answer_leaves_what_is_in_use)
{
	struct tls_end *client;
	EVP_PKEY *first, *shown;
	int64_t not_after_at;

	begin();
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
	first = shown_key(&client);
	tls_end_free(client);
	not_after_at = server->cert.not_after_at;
	w.other_key = true;
	w.life_s = 3600;
	base_timer_set_us(server->cert.timer, 0);
	TLS_WORLD_UNTIL(w.loop, w.asked == 2 && !server->cert.asking);
	ck_assert(tls_server_is_certified(server));
	ck_assert_int_eq(server->cert.retry_us, 250000);
	ck_assert_int_eq(server->cert.not_after_at, not_after_at);
	ck_assert_ptr_null(server->cert.next_key);
	shown = shown_key(&client);
	ck_assert_int_eq(EVP_PKEY_eq(first, shown), 1);
	tls_end_free(client);
	EVP_PKEY_free(first);
	EVP_PKEY_free(shown);
	end();
}
END_TEST

/* The one test here that waits: for half of a life of three seconds, which are whole ones. */
START_TEST(renewed_at_half_of_its_life)
{
	int64_t begin_us;

	tls_world_start(&w);
	w.life_s = 3;
	server = tls_server_new(&(struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = tls_world_listen(&port), .alpn = TLS_ALPN_H2, .connections_max = 8});
	TLS_WORLD_UNTIL(w.loop, w.asked == 1 && !server->cert.asking);
	begin_us = base_clock_boot_us();
	TLS_WORLD_UNTIL(w.loop, w.asked == 2);
	ck_assert_int_gt(base_clock_boot_us() - begin_us, 900000);
	ck_assert_int_lt(base_clock_boot_us() - begin_us, 1950000);
	tls_server_free(server);
	tls_world_stop(&w);
}
END_TEST

CHECK_MAIN("api_tls_cert", asks_for_its_names_and_a_key_of_its_own,
    renewal_leaves_connections_alone, refused_it_asks_again_later_and_later,
    one_question_at_a_time, without_a_signer_it_tries_again, a_bad_answer_leaves_what_is_in_use,
    renewed_at_half_of_its_life)
