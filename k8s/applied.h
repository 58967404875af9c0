/* SPDX-License-Identifier: Apache-2.0 */
/* An environment of an inventory as it is applied to the authority (base/applied.h), and what two copies differ in. */
#ifndef K8S_APPLIED_H
#define K8S_APPLIED_H

#include "base/buf.h"
#include "k8s/model.h"

/* Appends the document of a resolved environment and its model: every identity of the model, and that of istiod,
 * with the names its serving certificate has. MC_ETOOBIG past LIMIT_APPLIED; what base_applied_parse() refuses else:
 * more than LIMIT_REGISTRATIONS, more than LIMIT_DNS_NAMES of one. */
enum mc_err k8s_applied_write(const struct base_tree *resolved, const struct base_tree *model,
    struct base_buf *out) MC_MUST_CHECK;

/*
 * What differs between two documents, old empty when none was applied: a MAP
 *   registration:  {old, new}                      when the mode differs
 *   registrations: [{identity, old, new}]          old or new absent: it is only in the other
 *   values:        [{path, old, new}]              of the resolved inventories; lists by name where they have names
 * Values of an inventory that cannot be read count as none. Everything is in the arena. NULL when either is no
 * document, with what base_applied_parse() recorded: MC_EUSAGE, or MC_ETOOBIG past LIMIT_APPLIED.
 */
const struct base_tree *k8s_applied_diff(struct base_arena *arena, struct base_span old,
    struct base_span new);

#endif
