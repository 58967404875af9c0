/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

size_t
base_utf8_len(const char *text)
{
	const unsigned char *ptr = (const unsigned char *)text;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (ptr[0] < 0x80) {
		return ptr[0] >= 0x20 && ptr[0] != 0x7f ? 1 : 0;
	}
	if (ptr[0] >= 0xc2 && ptr[0] <= 0xdf) {
		len = 2;
		low = ptr[0] == 0xc2 ? 0xa0 : 0x80;
	} else if (ptr[0] >= 0xe0 && ptr[0] <= 0xef) {
		len = 3;
		low = ptr[0] == 0xe0 ? 0xa0 : 0x80;
		high = ptr[0] == 0xed ? 0x9f : 0xbf;
	} else if (ptr[0] >= 0xf0 && ptr[0] <= 0xf4) {
		len = 4;
		low = ptr[0] == 0xf0 ? 0x90 : 0x80;
		high = ptr[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (ptr[1] < low || ptr[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if (ptr[i] < 0x80 || ptr[i] > 0xbf) {
			return 0;
		}
	}
	return len;
}

void
base_utf8_clean(char *text)
{
	while (*text != '\0') {
		size_t len = base_utf8_len(text);

		if (len == 0) {
			*text = '?';
			len = 1;
		}
		text += len;
	}
}
