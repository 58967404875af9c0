/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, shown to people. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* Bytes of the printable character at a place of a NUL-terminated text: well-formed UTF-8 (Unicode
 * table 3-7) and no control character, C1 included, which terminals obey. 0: there is none. */
size_t base_utf8_len(const char *text);
/* Replaces every byte of the text that is part of no such character by '?'. */
void base_utf8_clean(char *text);

#endif
