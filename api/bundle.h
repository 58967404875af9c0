/* SPDX-License-Identifier: Apache-2.0 */
/* A trust bundle written down for those who fetch it. Pure. */
#ifndef API_BUNDLE_H
#define API_BUNDLE_H

#include "base/msg_query.h"

/* How often SPIFFE clients should ask again: five minutes. An anchor is served long before
 * anything needs it. */
#define BUNDLE_REFRESH_HINT_S 300

/* Appends every anchor as PEM, in order. Returns MC_OK or MC_EFRAME when anchors is malformed. */
enum mc_err bundle_pem(const struct msg_bundle_ans *bundle, struct base_buf *out) MC_MUST_CHECK;

/* Appends the bundle in the SPIFFE format (SPIFFE Trust Domain and Bundle, section 4): a JWK set
 * with spiffe_sequence and spiffe_refresh_hint; each key has use x509-svid, no kid, and
 * exactly one certificate in x5c. Returns MC_OK, MC_EFRAME (malformed anchors) or
 * MC_EENCODING (an anchor whose key is neither RSA nor on P-256 or P-384). */
enum mc_err bundle_spiffe(const struct msg_bundle_ans *bundle, struct base_buf *out)
    MC_MUST_CHECK;

#endif
