/* SPDX-License-Identifier: Apache-2.0 */
/* Names as Kubernetes and DNS write them (RFC 1123, lower case only). */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include "base/span.h"

/* One label: letters, digits and '-', beginning and ending with no '-'; at most 63 bytes. */
bool base_name_is_label(struct base_span name);
/* Labels joined by dots, at most 253 bytes. As in Kubernetes a label of it has no limit of its own. */
bool base_name_is_subdomain(struct base_span name);

#endif
