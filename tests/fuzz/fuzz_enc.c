/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings have one form: what decodes, encodes to the same text. PEM, which may be framed by other text,
 * to a block that decodes to the same bytes. */
#include <ctype.h>

#include "base/enc.h"
#include "base/limits.h"
#include "tests/fuzz/fuzz.h"

static void
pem(struct base_span input, bool alone)
{
	struct base_span rest = input;
	struct base_buf der, text, again;

	base_buf_init(&der, LIMIT_CSR_DER);
	base_buf_init(&text, 2 * LIMIT_CSR_DER + 128);
	base_buf_init(&again, LIMIT_CSR_DER);
	while (base_enc_unpem(&der, "CERTIFICATE", rest, alone ? NULL : &rest) == MC_OK) {
		base_buf_reset(&text);
		base_buf_reset(&again);
		base_enc_pem(&text, "CERTIFICATE", base_buf_span(&der));
		FUZZ_HOLDS(base_enc_unpem(&again, "CERTIFICATE", base_buf_span(&text), NULL) == MC_OK);
		FUZZ_HOLDS(base_span_equal(base_buf_span(&der), base_buf_span(&again)));
		FUZZ_HOLDS(rest.len <= input.len);
		base_buf_reset(&der);
		if (alone) {
			break;
		}
	}
	base_buf_clear(&der);
	base_buf_clear(&text);
	base_buf_clear(&again);
}

static void
base64(struct base_span input, bool url)
{
	struct base_buf bytes, text;

	base_buf_init(&bytes, 65536);
	base_buf_init(&text, 131072);
	if ((url ? base_enc_unb64url(&bytes, input) : base_enc_unb64(&bytes, input)) == MC_OK) {
		if (url) {
			base_enc_b64url(&text, base_buf_span(&bytes));
		} else {
			base_enc_b64(&text, base_buf_span(&bytes));
		}
		FUZZ_HOLDS(base_span_equal(base_buf_span(&text), input));
	}
	base_buf_clear(&bytes);
	base_buf_clear(&text);
}

static void
hex(struct base_span input)
{
	uint8_t bytes[64];
	char text[2 * sizeof(bytes) + 1];
	size_t len = 0;

	if (base_enc_unhex(input, bytes, sizeof(bytes), &len) == MC_OK) {
		base_enc_hex(bytes, len, text);
		FUZZ_HOLDS(2 * len == input.len);
		for (size_t i = 0; i < input.len; i++) {
			FUZZ_HOLDS(tolower(input.ptr[i]) == text[i]);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_span input = base_span_of(data, size);

	switch (fuzz_choice(&input, 5)) {
	case 0:
		pem(input, false);
		break;
	case 1:
		pem(input, true);
		break;
	case 2:
		base64(input, false);
		break;
	case 3:
		base64(input, true);
		break;
	default:
		hex(input);
	}
	return 0;
}
