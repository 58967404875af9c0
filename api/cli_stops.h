/* SPDX-License-Identifier: Apache-2.0 */
/* Who has certificates now and would get no further one under an applied inventory. */
#ifndef API_CLI_STOPS_H
#define API_CLI_STOPS_H

#include "api/cli_rest.h"
#include "base/applied.h"

/*
 * Asks for all unexpired SVIDs of the environment, and server certificates but those of its own port. *out is an array,
 * by identity (of a server certificate: its first name):
 *   [{identity, why, already, certificates, last_not_after, serials: [...]}]
 * why is what the document says of a certificate like its newest: "not registered", "suspended", "retired", "asks for more
 * than N s" or "has a key of another type"; already is whether the copy before (before->environment empty:
 * none) said so, too. Returns a cli_exit; reports its failures.
 */
int cli_stops_find(const struct cli *cli, const struct cli_client *client,
    const struct base_applied *now, const struct base_applied *before, json_t **out);
/* How many of them are new, and nobody wrote down: neither suspended nor retired. */
size_t cli_stops_unmeant(const json_t *stops);
/* A table for people. */
void cli_stops_print(const json_t *stops, FILE *out);
/* Revokes their certificates one by one, saying how far it is; *count is of those revoked. What was revoked
 * meanwhile is no failure. */
int cli_stops_revoke(const struct cli *cli, const struct cli_client *client, const json_t *stops,
    size_t *count);

#endif
