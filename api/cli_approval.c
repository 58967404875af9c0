/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_approval.h"

#include "api/cli_crypto.h"
#include "base/clock.h"
#include "base/enc.h"

#define LIFE_S 300 /* at most LIMIT_APPROVAL_S */

enum mc_err
cli_approval_make(const char *key_file, struct base_span text, struct cli_approval *out)
{
	int64_t expires_at = base_clock_now() + LIFE_S;
	struct cli_key *key = cli_key_read(key_file);
	struct base_buf message;
	struct base_buf sig;
	enum mc_err ret;

	*out = (struct cli_approval){.expires_at = ""};
	base_buf_init(&out->signature, 512);
	if (key == NULL) {
		return mc_err_last()->code;
	}
	base_clock_rfc3339(expires_at, out->expires_at);
	base_buf_init(&message, 1024);
	base_buf_init(&sig, 256);
	base_buf_append_span(&message, text);
	base_buf_appendf(&message, "%lld\n", (long long)expires_at);
	ret = base_buf_failed(&message) ? MC_FAIL(MC_EUSAGE, "what is to be approved is too long") :
					  cli_key_sign(key, base_buf_span(&message), &sig);
	base_enc_b64(&out->signature, base_buf_span(&sig));
	base_buf_clear(&message);
	base_buf_clear(&sig);
	cli_key_free(key);
	return ret;
}

void
cli_approval_clear(struct cli_approval *approval)
{
	base_buf_clear(&approval->signature);
}

json_t *
cli_approval_json(const char *key_file, const struct base_buf *what)
{
	struct cli_approval approval;
	json_t *object = NULL;

	if (base_buf_failed(what)) {
		(void)MC_FAIL(MC_EUSAGE, "what is to be approved is too long");
		return NULL;
	}
	if (cli_approval_make(key_file, base_buf_span(what), &approval) == MC_OK) {
		object = json_pack("{s:s, s:s%}", "expires_at", approval.expires_at, "signature",
		    (const char *)approval.signature.ptr, approval.signature.len);
	}
	cli_approval_clear(&approval);
	return object;
}
