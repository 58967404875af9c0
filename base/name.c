/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include "base/limits.h"

static bool
is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_label_of_any_length(struct base_span label)
{
	if (label.len == 0 || !is_alnum(label.ptr[0]) || !is_alnum(label.ptr[label.len - 1])) {
		return false;
	}
	for (size_t i = 0; i < label.len; i++) {
		if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-') {
			return false;
		}
	}
	return true;
}

bool
base_name_is_label(struct base_span name)
{
	return name.len <= LIMIT_K8S_NAMESPACE && is_label_of_any_length(name);
}

bool
base_name_is_subdomain(struct base_span name)
{
	size_t start = 0;

	if (name.len == 0 || name.len > LIMIT_K8S_NAME) {
		return false;
	}
	for (size_t i = 0; i <= name.len; i++) {
		if (i == name.len || name.ptr[i] == '.') {
			if (!is_label_of_any_length(base_span_of(name.ptr + start, i - start))) {
				return false;
			}
			start = i + 1;
		}
	}
	return true;
}
