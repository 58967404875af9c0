/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/x509v3.h>

#include "api/tls_int.h"
#include "base/crypto.h"
#include "base/mem.h"

/* Seconds UTC, or 0 when the field has no valid time. */
static int64_t
time_read(const ASN1_TIME *field)
{
	struct tm tm = {0};

	if (field == NULL || ASN1_TIME_to_tm(field, &tm) != 1) {
		return 0;
	}
	return (int64_t)timegm(&tm);
}

/* X509-SVID section 2: exactly one URI SAN is an identity, several are none. */
static void
uri_read(struct tls_conn *conn, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_IA5STRING *uri = NULL;
	unsigned count = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI) {
			uri = name->d.uniformResourceIdentifier;
			count++;
		}
	}
	if (count == 1 && ASN1_STRING_length(uri) > 0 &&
	    ASN1_STRING_length(uri) <= LIMIT_SPIFFE_ID) {
		size_t len = (size_t)ASN1_STRING_length(uri);

		conn->peer_uri = base_xcalloc(1, len);
		base_copy(conn->peer_uri, ASN1_STRING_get0_data(uri), len);
		conn->peer.uri = base_span_of(conn->peer_uri, len);
	}
	GENERAL_NAMES_free(names);
}

void
tls_peer_fill(struct tls_conn *conn)
{
	X509 *cert = SSL_get0_peer_certificate(conn->ssl);
	const ASN1_INTEGER *serial;
	int len;

	if (cert == NULL) {
		return;
	}
	len = i2d_X509(cert, &conn->peer_cert);
	if (len <= 0 || len > LIMIT_CERT) {
		OPENSSL_free(conn->peer_cert);
		conn->peer_cert = NULL;
		return;
	}
	conn->peer.cert = base_span_of(conn->peer_cert, (size_t)len);
	base_crypto_sha256(conn->peer.cert, conn->peer.sha256);
	conn->peer.verified = SSL_get_verify_result(conn->ssl) == X509_V_OK;
	conn->peer.not_before_at = time_read(X509_get0_notBefore(cert));
	conn->peer.not_after_at = time_read(X509_get0_notAfter(cert));
	serial = X509_get0_serialNumber(cert);
	if (ASN1_STRING_length(serial) > 0 && ASN1_STRING_length(serial) <= LIMIT_SERIAL) {
		size_t serial_len = (size_t)ASN1_STRING_length(serial);

		base_copy(conn->peer_serial, ASN1_STRING_get0_data(serial), serial_len);
		conn->peer.serial = base_span_of(conn->peer_serial, serial_len);
	}
	uri_read(conn, cert);
}
