/* SPDX-License-Identifier: Apache-2.0 */
/* Text encodings: hex, base64, base64url, PEM armour. All strict when decoding. */
#ifndef BASE_ENC_H
#define BASE_ENC_H

#include "base/buf.h"

/* Lower-case hex of len bytes into out, which holds 2 * len + 1. */
void base_enc_hex(const uint8_t *ptr, size_t len, char *out);
/* Even number of [0-9a-fA-F], at most max bytes out. Returns MC_OK or MC_EENCODING. */
enum mc_err base_enc_unhex(struct base_span text, uint8_t *out, size_t max, size_t *out_len)
    MC_MUST_CHECK;

void base_enc_b64(struct base_buf *out, struct base_span bytes);
void base_enc_b64url(struct base_buf *out, struct base_span bytes); /* no padding */
/* Canonical alphabet, padding required (RFC 4648 section 4), no white space. Trailing
 * bits must be zero. Appends to out. Returns MC_OK, MC_EENCODING or MC_ETOOBIG. */
enum mc_err base_enc_unb64(struct base_buf *out, struct base_span text) MC_MUST_CHECK;
/* RFC 7515 base64url: no padding, no white space, trailing bits zero. */
enum mc_err base_enc_unb64url(struct base_buf *out, struct base_span text) MC_MUST_CHECK;

/* Appends a PEM block with 64-column lines and a final newline (RFC 7468). */
void base_enc_pem(struct base_buf *out, const char *label, struct base_span der);
/* Takes the first PEM block with this label out of text and appends its DER to out.
 * With rest NULL only white space may stand before and after it; else anything may
 * stand before it (other blocks, too), and *rest is what follows it.
 * Returns MC_OK, MC_ENOTFOUND (no such block), MC_EENCODING or MC_ETOOBIG. */
enum mc_err base_enc_unpem(struct base_buf *out, const char *label, struct base_span text,
    struct base_span *rest) MC_MUST_CHECK;

#endif
