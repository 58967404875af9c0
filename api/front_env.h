/* SPDX-License-Identifier: Apache-2.0 */
/* What front knows of its environments, kept fresh by asking signers and the ledger. */
#ifndef API_FRONT_ENV_H
#define API_FRONT_ENV_H

#include "api/front.h"

struct front_poll;

void front_poll_free(struct front_poll *poll);
/* Asks at once, then every second (signers) and every five (trust bundles). The set of
 * environments may grow; front->envs does not move. */
struct front_poll *front_poll_new(struct front *front) MC_DEALLOC(front_poll_free);
/* Asks everything again in the next turn. */
void front_poll_now(struct front_poll *poll);

/* Makes and releases what an environment owns; config is the configuration's. */
void front_env_init(struct front *front, struct front_env *env,
    const struct config_environment *config);
void front_env_clear(struct front_env *env);

#endif
