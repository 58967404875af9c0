/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.json as the build embedded it. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stddef.h>

extern const unsigned char openapi_json[];
extern const size_t openapi_json_len;

#endif
