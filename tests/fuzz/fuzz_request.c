/* SPDX-License-Identifier: Apache-2.0 */
/* CreateCertificate's message, from its first byte to the CSR in it, as a worker thread sees it. */
#include "api/struct_reader.h"
#include "api/svc_int.h"
#include "tests/fuzz/fuzz.h"

#define TTL_MAX_S 604800

static void
find_members(struct base_span input)
{
	struct struct_member members[] = {{.key = "ImpersonatedIdentity"}, {.key = "CertSigner"}};

	if (struct_reader_find(input, members, 2) != MC_OK) {
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		if (members[i].found) {
			FUZZ_HOLDS(members[i].value.len <= input.len);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "production", domain[] = "cluster.local";
	static struct authn_env env = {.refs = 1, .name = name, .trust_domain = domain};
	static const struct authn_strings strings = {.ns = {(const uint8_t *)"ns", 2},
	    .sa = {(const uint8_t *)"order-service", 13}};
	static struct authn_verdict *verdict;
	static void *worker;
	struct issue issue = {.env = &env,
	    .policy = {.ttl_max_s = TTL_MAX_S, .rsa = true, .p256 = true, .p384 = true},
	    .message = base_span_of(data, size)};

	if (worker == NULL) {
		worker = issue_worker_new(NULL);
		verdict = authn_verdict_new(&env, &strings, INT64_MAX);
	}
	find_members(base_span_of(data, size));
	issue.verdict = verdict;
	issue_work(&issue.job, worker);
	FUZZ_HOLDS(issue.err != MC_EINTERNAL);
	if (issue.err == MC_OK) {
		FUZZ_HOLDS(issue.key_len > 0 && issue.ttl_s >= 0 && issue.ttl_s <= TTL_MAX_S);
	}
	return 0;
}
