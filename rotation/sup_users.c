/* SPDX-License-Identifier: Apache-2.0 */
/* Whether roles run as users of their own. */
#include "base/log.h"
#include "rotation/sup.h"

enum mc_err
sup_users_check(const struct config *config, uid_t euid)
{
	const uid_t uids[] = {config->uid, config->front_uid, config->ledger_uid,
	    config->keeper_uid, config->operators.uid};
	uid_t other = 0;

	if (euid == 0) {
		return MC_OK;
	}
	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
		other = uids[i] != 0 && uids[i] != euid ? uids[i] : other;
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		uid_t uid = config->environments[i].uid;

		other = uid != 0 && uid != euid ? uid : other;
	}
	if (other != 0) {
		return MC_FAIL(MC_ECONFIG, "roles are to run as uid %u, which needs root; start as "
		    "root, or remove the user keys", (unsigned)other);
	}
	return MC_OK;
}

void
sup_users_warn(const struct sup *sup)
{
	const struct sup_proc *first = sup->procs;

	for (const struct sup_proc *proc = first; proc != NULL; proc = proc->next) {
		if (sup_proc_uid(proc) != sup_proc_uid(first)) {
			return;
		}
	}
	base_log(LOG_LVL_WARN, "roles-share-one-user",
	    LOG_INT("uid", sup_proc_uid(first)),
	    LOG_STR("remedy", "start as root with front_user, ledger_user, keeper_user and user of "
			      "each environment set"), LOG_END);
}
