/* SPDX-License-Identifier: Apache-2.0 */
/* A mesh as it is applied. */
#include "applied_mesh_make.h"

START_TEST(writes_identities_and_istiod)
{
	struct base_applied head;
	struct base_applied_row row;
	struct base_span rows;
	struct base_buf out;

	write_all(ENVIRONMENT, CART, &out);
	ck_assert_int_eq(base_applied_parse(base_buf_span(&out), &head), MC_OK);
	ck_assert(base_span_equal_str(head.environment, "production"));
	ck_assert(base_span_equal_str(head.trust_domain, "shop.example"));
	ck_assert(head.registered_only);
	rows = head.rows;
	ck_assert(base_applied_next(&rows, &row));
	ck_assert(base_span_equal_str(row.namespace, "istio-system"));
	ck_assert(base_span_equal_str(row.account, "istiod"));
	ck_assert(base_span_equal_str(row.dns_names, "istiod.istio-system.svc,"
	    "istiod-a.istio-system.svc,istiod-b.istio-system.svc"));
	ck_assert(base_applied_next(&rows, &row)); /* Prometheus is in every mesh */
	ck_assert(base_span_equal_str(row.namespace, "monitoring"));
	ck_assert(base_applied_next(&rows, &row));
	ck_assert(base_span_equal_str(row.account, "cart"));
	ck_assert(base_span_equal_str(row.owner, "team"));
	ck_assert_int_eq(row.state, BASE_APPLIED_ACTIVE);
	ck_assert_int_eq(row.max_ttl_s, 7200);
	ck_assert_uint_eq(row.key_types, 1U | 4U);
	ck_assert(base_span_equal_str(row.dns_names, "cart.shop.svc"));
	ck_assert(!base_applied_next(&rows, &row));
	base_buf_clear(&out);
}
END_TEST

START_TEST(istiod_that_is_described_has_its_names_too)
{
	static const char ISTIOD[] = DOC "Service\nmetadata: {name: istiod, namespace: istio-system}\n"
	    "spec:\n  owner: team\n  workload: {selector: {app: istiod}}\n"
	    "  ports: [{name: grpc, protocol: grpc, port: 15010}]\n"
	    "  identity: {dnsNames: [istiod.example.com]}\n";
	struct base_applied head;
	struct base_applied_row row;
	struct base_span rows;
	struct base_buf out;
	unsigned found = 0;

	write_all(ENVIRONMENT, ISTIOD, &out);
	ck_assert_int_eq(base_applied_parse(base_buf_span(&out), &head), MC_OK);
	rows = head.rows;
	while (base_applied_next(&rows, &row)) {
		if (base_span_equal_str(row.account, "istiod")) {
			found++;
			ck_assert(base_span_equal_str(row.dns_names,
			    "istiod.example.com,istiod.istio-system.svc,"
			    "istiod-a.istio-system.svc,istiod-b.istio-system.svc"));
		}
	}
	ck_assert_uint_eq(found, 1);
	base_buf_clear(&out);
}
END_TEST

CHECK_MAIN("k8s_applied", writes_identities_and_istiod, istiod_that_is_described_has_its_names_too)
