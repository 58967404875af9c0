/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener's certificate: a key made here, certified by the environment's own signer, renewed at
 * half of its life. A failed attempt leaves the certificate in use and is repeated.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "api/tls_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/msg_issue.h"

#define RETRY_MIN_US 250000
#define RETRY_MAX_US 30000000
#define ASK_TIMEOUT_MS 10000
#define POINT_LEN 65

static void
retry_later(struct tls_server *server)
{
	struct tls_cert *cert = &server->cert;

	cert->retry_us = cert->retry_us == 0 ? RETRY_MIN_US : cert->retry_us * 2;
	if (cert->retry_us > RETRY_MAX_US) {
		cert->retry_us = RETRY_MAX_US;
	}
	base_timer_set_us(cert->timer, cert->retry_us);
}

static X509 *
cert_read(struct base_span der)
{
	const unsigned char *ptr = der.ptr;

	return d2i_X509(NULL, &ptr, (long)der.len);
}

/* Puts the new certificate into use. On failure the old one stays. */
static enum mc_err
cert_install(struct tls_server *server, const struct msg_issue_ans *ans)
{
	struct tls_cert *cert = &server->cert;
	struct tls_cert old = *cert;
	enum mc_err ret;

	cert->key = old.next_key;
	cert->next_key = NULL;
	cert->leaf = cert_read(ans->cert);
	cert->issuer = cert_read(ans->issuer);
	cert->not_before_at = ans->not_before_at;
	cert->not_after_at = ans->not_after_at;
	ret = tls_context_build(server);
	if (ret != MC_OK) {
		struct tls_cert bad = *cert;

		*cert = old;
		cert->next_key = NULL;
		old = bad;
	}
	EVP_PKEY_free(old.key);
	X509_free(old.leaf);
	X509_free(old.issuer);
	return ret;
}

static void
on_issued(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct tls_server *server = self;
	struct tls_cert *cert = &server->cert;
	struct msg_issue_ans ans;

	(void)more;
	cert->asking = false;
	if (status == MC_OK) {
		status = msg_decode(&msg_issue_ans_table, item->payload, &ans);
	}
	if (status == MC_OK) {
		status = cert_install(server, &ans);
	}
	if (status == MC_OK) {
		/* not_before_at is backdated, which is not life */
		int64_t wait_s = (ans.not_after_at - base_clock_now()) / 2;

		cert->retry_us = 0;
		base_timer_set_us(cert->timer, (wait_s > 1 ? wait_s : 1) * 1000000);
		base_log(LOG_LVL_INFO, "listener-certified",
		    LOG_STR("environment", server->env->config->name),
		    LOG_HEX("serial", ans.serial.ptr, ans.serial.len),
		    LOG_INT("not_after", ans.not_after_at), LOG_END);
		tls_server_resume(server);
		return;
	}
	EVP_PKEY_free(cert->next_key);
	cert->next_key = NULL;
	/* at start the signer is often not there yet: not worth a warning */
	base_log(mc_err_class(status) == MC_CLASS_BUSY ? LOG_LVL_INFO : LOG_LVL_WARN,
	    "listener-not-certified", LOG_STR("environment", server->env->config->name),
	    LOG_STR("error", mc_err_word(status)), LOG_INT("retry_ms", cert->retry_us / 1000),
	    LOG_END);
	retry_later(server);
}

static enum mc_err
cert_ask(struct tls_server *server, struct base_buf *names)
{
	static const char evidence[] = "{\"listener\":true}";
	struct tls_cert *cert = &server->cert;
	uint8_t point[POINT_LEN];
	size_t point_len = 0;
	struct msg_issue ask = {.profile = MSG_PROFILE_SERVER, .key_alg = MSG_KEY_P256};

	cert->next_key = EVP_EC_gen("P-256");
	if (cert->next_key == NULL ||
	    EVP_PKEY_get_octet_string_param(cert->next_key, OSSL_PKEY_PARAM_PUB_KEY, point,
	        sizeof(point), &point_len) != 1 || point_len != POINT_LEN) {
		ERR_clear_error();
		return MC_FAIL(MC_ECRYPTO, "no listener key");
	}
	for (size_t i = 0; i < server->dns_name_count; i++) {
		base_buf_append_str(names, server->dns_names[i]);
		base_buf_append_u8(names, 0);
	}
	front_request_id(ask.request_id);
	ask.key = base_span_of(point, point_len);
	ask.dns_names = base_buf_span(names);
	ask.requester = base_span_str("front");
	ask.evidence = base_span_of(evidence, sizeof(evidence) - 1);
	return link_call(server->env->signer, MSG_ISSUE, &msg_issue_table, &ask, ASK_TIMEOUT_MS,
	    on_issued, server);
}

static void
on_timer(void *arg)
{
	struct tls_server *server = arg;
	struct tls_cert *cert = &server->cert;
	struct base_buf names;
	enum mc_err err;

	if (cert->asking) {
		return;
	}
	base_buf_init(&names, LIMIT_DNS_NAMES * (LIMIT_DNS_NAME + 1));
	cert->asking = true;
	err = cert_ask(server, &names);
	base_buf_clear(&names);
	if (err != MC_OK) {
		cert->asking = false;
		EVP_PKEY_free(cert->next_key);
		cert->next_key = NULL;
		retry_later(server);
	}
}

void
tls_server_certify(struct tls_server *server)
{
	if (!tls_server_is_certified(server)) {
		server->cert.retry_us = 0;
		base_timer_set_us(server->cert.timer, 0);
	}
}

void
tls_cert_start(struct tls_server *server)
{
	server->cert.timer = base_timer_new(server->front->loop, on_timer, server);
	base_timer_set_us(server->cert.timer, 0);
}

void
tls_cert_stop(struct tls_server *server)
{
	struct tls_cert *cert = &server->cert;

	link_forget(server->env->signer, server);
	base_timer_free(cert->timer);
	EVP_PKEY_free(cert->key);
	EVP_PKEY_free(cert->next_key);
	X509_free(cert->leaf);
	X509_free(cert->issuer);
}
