/* SPDX-License-Identifier: Apache-2.0 */
/* The table of every verb of `meshca`. */
#ifndef API_CLI_VERBS_H
#define API_CLI_VERBS_H

#include "api/cli_args.h"

#define CLI_VERB_COUNT 38

extern const struct cli_verb CLI_VERBS[CLI_VERB_COUNT];

#endif
