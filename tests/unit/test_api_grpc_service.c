/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC ports of a front: one for an environment, its keys, its end. */
#include "tests/unit/grpc_world.h"

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

CHECK_MAIN("api_grpc_service", an_unsealed_signer_certifies_at_once, replaced_keys_leave_no_verdict)
