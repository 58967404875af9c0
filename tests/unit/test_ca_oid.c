/* SPDX-License-Identifier: Apache-2.0 */
/* Each is the one that OpenSSL knows by that name. */
#include "ca/oid.h"

#include <openssl/objects.h>

#include "check_main.h"

START_TEST(test_names)
{
	const struct {
		struct base_span oid;
		int nid;
	} cases[] = {
	    {oid_ec_public_key, NID_X9_62_id_ecPublicKey},
	    {oid_p256, NID_X9_62_prime256v1},
	    {oid_p384, NID_secp384r1},
	    {oid_rsa, NID_rsaEncryption},
	    {oid_sha256_with_rsa, NID_sha256WithRSAEncryption},
	    {oid_ecdsa_sha256, NID_ecdsa_with_SHA256},
	    {oid_ecdsa_sha384, NID_ecdsa_with_SHA384},
	    {oid_common_name, NID_commonName},
	    {oid_organization, NID_organizationName},
	    {oid_extension_request, NID_ext_req},
	    {oid_subject_key_id, NID_subject_key_identifier},
	    {oid_key_usage, NID_key_usage},
	    {oid_subject_alt_name, NID_subject_alt_name},
	    {oid_basic_constraints, NID_basic_constraints},
	    {oid_crl_number, NID_crl_number},
	    {oid_crl_reason, NID_crl_reason},
	    {oid_authority_key_id, NID_authority_key_identifier},
	    {oid_ext_key_usage, NID_ext_key_usage},
	    {oid_server_auth, NID_server_auth},
	    {oid_client_auth, NID_client_auth},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const ASN1_OBJECT *object = OBJ_nid2obj(cases[i].nid);
		ck_assert_msg(base_span_equal(cases[i].oid,
				  base_span_of(OBJ_get0_data(object), OBJ_length(object))),
		    "%s", OBJ_nid2sn(cases[i].nid));
	}
}
END_TEST

CHECK_MAIN("ca_oid", test_names)
