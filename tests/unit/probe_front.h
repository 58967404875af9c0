/* SPDX-License-Identifier: Apache-2.0 */
/* A front of one environment and the operators, as the probes see it, in any state that a test wants. */
#ifndef TESTS_PROBE_FRONT_H
#define TESTS_PROBE_FRONT_H

#include "api/probe_int.h"

#include <string.h>

#include "api/tls_server.h"
#include "base/msg.h"
#include "tests/unit/check_main.h"

static bool link_up, certified;
static struct link *const some_link = (struct link *)&link_up;

bool
link_is_up(const struct link *link)
{
	(void)link;
	return link_up;
}

bool
tls_server_is_certified(const struct tls_server *server)
{
	(void)server;
	return certified;
}

unsigned
tls_server_connections(const struct tls_server *server)
{
	(void)server;
	return 12;
}

static char production[] = "production";
static char operators[] = CONFIG_OPERATORS;
static char pem[] = "-----BEGIN CERTIFICATE-----\n";
static struct config_environment configs[2];
static struct front_env envs[2];
static struct front front;
static struct probe_ledger ledger;

static inline void
all_is_well(void)
{
	link_up = certified = true;
	configs[0].name = production;
	configs[1].name = operators;
	for (int i = 0; i < 2; i++) {
		envs[i] = (struct front_env){.config = &configs[i],
		    .signer = some_link,
		    .bundle_pem = pem,
		    .issuer_not_after_at = 5000,
		    .tls = (struct tls_server *)&certified};
	}
	front = (struct front){.ledger = some_link, .envs = envs, .env_count = 2};
	ledger = (struct probe_ledger){.asked_boot_us = 1000};
}

#endif
