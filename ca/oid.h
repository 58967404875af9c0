/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object identifiers that we read or write: bodies without tag and length, so that a
 * comparison and a DER_OID TLV need no conversion.
 */
#ifndef CA_OID_H
#define CA_OID_H

#include "base/span.h"

/* keys and signatures: RFC 5480, RFC 8017 appendix A, RFC 5758 */
extern const struct base_span oid_ec_public_key;
extern const struct base_span oid_p256;
extern const struct base_span oid_p384;
extern const struct base_span oid_rsa;
extern const struct base_span oid_sha256_with_rsa;
extern const struct base_span oid_ecdsa_sha256;
extern const struct base_span oid_ecdsa_sha384;

/* names and PKCS #9: RFC 5280 appendix A, RFC 2985 5.4.2 */
extern const struct base_span oid_common_name;
extern const struct base_span oid_organization;
extern const struct base_span oid_extension_request;

/* extensions: RFC 5280 4.2 and 5.2 */
extern const struct base_span oid_subject_key_id;
extern const struct base_span oid_key_usage;
extern const struct base_span oid_subject_alt_name;
extern const struct base_span oid_basic_constraints;
extern const struct base_span oid_crl_number;
extern const struct base_span oid_crl_reason;
extern const struct base_span oid_authority_key_id;
extern const struct base_span oid_ext_key_usage;
extern const struct base_span oid_server_auth;
extern const struct base_span oid_client_auth;

#endif
