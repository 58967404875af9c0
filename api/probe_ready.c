/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/probe_int.h"
#include "api/tls_server.h"

static void
set_ready(struct probe_part *part, const char *name)
{
	*part = (struct probe_part){.name = name, .ready = true};
}

static void
set_reason(struct probe_part *part, const char *reason)
{
	part->ready = false;
	snprintf(part->reason, sizeof(part->reason), "%s", reason);
}

static void
check_ledger(const struct front *front, const struct probe_ledger *ledger, int64_t boot_us,
    struct probe_part *part)
{
	set_ready(part, "ledger");
	if (!link_is_up(front->ledger)) {
		set_reason(part, "the ledger process is not connected");
	} else if (ledger->status != MC_OK) {
		part->ready = false;
		snprintf(part->reason, sizeof(part->reason), "%s: %s", mc_err_word(ledger->status),
		    ledger->detail[0] != '\0' ? ledger->detail : mc_err_text(ledger->status));
	} else if (ledger->asked_boot_us == 0 ||
	    boot_us - ledger->asked_boot_us > PROBE_STALE_US) {
		set_reason(part, "the ledger has not answered lately");
	} else if (ledger->blocked) {
		set_reason(part, "the disk is under its reserve: issuance is refused until there "
		                 "is space; revoking goes on as long as ledger.db.reserve lasts");
	}
}

/* The ledger takes no leaf of a revoked issuing CA, whatever its signer says. */
static bool
issuer_is_revoked(const struct probe_ledger *ledger, const struct front_env *env)
{
	for (size_t i = 0; i < ledger->issuer_count; i++) {
		if (ledger->issuers[i].revoked &&
		    memcmp(ledger->issuers[i].issuer_id, env->issuer_id,
			sizeof(env->issuer_id)) == 0) {
			return true;
		}
	}
	return false;
}

static void
check_environment(const struct front_env *env, const struct probe_ledger *ledger,
    struct probe_part *part)
{
	set_ready(part, env->config->name);
	part->optional = strcmp(env->config->name, CONFIG_OPERATORS) == 0;
	if (!link_is_up(env->signer)) {
		set_reason(part, "the signer process is not connected");
	} else if (env->signer_state == MC_ESEALED) {
		part->ready = false;
		snprintf(part->reason, sizeof(part->reason),
		    "sealed: run 'meshca unseal %s'", env->config->name);
	} else if (env->signer_state != MC_OK) {
		part->ready = false;
		snprintf(part->reason, sizeof(part->reason), "signer: %s",
		    env->signer_why[0] != '\0' ? env->signer_why :
		    mc_err_text(env->signer_state));
	} else if (issuer_is_revoked(ledger, env)) {
		part->ready = false;
		snprintf(part->reason, sizeof(part->reason),
		    "the issuing CA is revoked: run 'meshca issuer rotate --environment %s'",
		    env->config->name);
	} else if (env->bundle_pem == NULL) {
		set_reason(part, "the trust bundle is not known yet");
	} else if (env->tls == NULL || !tls_server_is_certified(env->tls)) {
		set_reason(part, "the listener has no certificate yet");
	}
}

bool
probe_parts(const struct front *front, const struct probe_ledger *ledger, int64_t boot_us,
    struct probe_part *parts)
{
	bool ready = !front->draining;

	check_ledger(front, ledger, boot_us, &parts[0]);
	for (size_t i = 0; i < front->env_count; i++) {
		check_environment(&front->envs[i], ledger, &parts[i + 1]);
	}
	for (size_t i = 0; i <= front->env_count; i++) {
		ready = ready && (parts[i].ready || parts[i].optional);
	}
	return ready;
}

void
probe_ready_json(bool ready, const struct probe_part *parts, size_t count, struct base_buf *out)
{
	json_t *list = json_array();
	json_t *root;
	char *text;

	for (size_t i = 0; i < count; i++) {
		json_t *item = json_pack("{s:s, s:b, s:b}", "name", parts[i].name, "ready",
		    parts[i].ready, "required", !parts[i].optional);

		if (!parts[i].ready) {
			json_object_set_new(item, "reason", json_string(parts[i].reason));
		}
		json_array_append_new(list, item);
	}
	root = json_pack("{s:b, s:o}", "ready", ready, "parts", list);
	text = json_dumps(root, JSON_COMPACT);
	if (text != NULL) {
		base_buf_append_str(out, text);
	}
	base_buf_append_u8(out, '\n');
	free(text);
	json_decref(root);
}
