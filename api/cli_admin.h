/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's root-only local socket, from the command's side. */
#ifndef API_CLI_ADMIN_H
#define API_CLI_ADMIN_H

#include "api/cli.h"
#include "base/config.h"
#include "base/msg_admin.h"

/* The configuration that --config names. NULL with the failure recorded. */
struct config *cli_config(const struct cli *cli) MC_DEALLOC(config_free);

/* What the daemon answered in the end. */
struct cli_admin_answer {
	enum mc_err status;
	struct base_buf detail;
	struct base_buf text;
	struct base_buf cert;
	struct base_buf issuer;
	struct base_buf anchors; /* each: le32 length, DER */
};
void cli_admin_answer_clear(struct cli_admin_answer *answer);

/* Whether a daemon listens on the socket of this configuration. */
bool cli_admin_is_up(const struct config *config);

/* Sends one request and waits; progress lines go to standard error as they come. MC_OK when an
 * answer came (look at answer->status); MC_EPEER (no daemon), MC_EDENIED (not root), MC_EDEADLINE.
 * *answer is initialised here; clear it after success and failure. */
enum mc_err cli_admin_call(const struct config *config, uint16_t type,
    const struct msg_table *table, const void *object, struct cli_admin_answer *answer)
    MC_MUST_CHECK;

#endif
