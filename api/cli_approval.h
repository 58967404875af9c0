/* SPDX-License-Identifier: Apache-2.0 */
/* An administrator's approval: a signature over what is approved and until when (base/msg_issue.h,
 * base/msg_query.h, base/msg_inventory.h). */
#ifndef API_CLI_APPROVAL_H
#define API_CLI_APPROVAL_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct cli_approval {
	char expires_at[21];       /* RFC 3339 */
	struct base_buf signature; /* base64 */
};

/* Signs text and the expiry, a few minutes from now, with the key in a file. Clear it after success and
 * failure; without a key it is empty. Returns what cli_key_read() and cli_key_sign() return. */
enum mc_err cli_approval_make(const char *key_file, struct base_span text,
    struct cli_approval *out) MC_MUST_CHECK;
void cli_approval_clear(struct cli_approval *approval);
/* The same as the member "approval" of a request's body. NULL with the failure recorded. */
json_t *cli_approval_json(const char *key_file, const struct base_buf *what);

#endif
