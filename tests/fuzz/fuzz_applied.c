/* SPDX-License-Identifier: Apache-2.0 */
/* An applied inventory has one form: what is read, is written as the same bytes. */
#include "base/applied.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_applied head;
	struct base_applied_row row;
	struct base_span rows;
	struct base_buf out;
	uint32_t count = 0;

	if (base_applied_parse(base_span_of(data, size), &head) != MC_OK) {
		return 0;
	}
	base_buf_init(&out, LIMIT_APPLIED);
	base_applied_put_head(&out, &head);
	rows = head.rows;
	while (base_applied_next(&rows, &row)) {
		struct base_span names = row.dns_names;
		struct base_span name;
		unsigned found = 0;

		while (base_applied_name(&names, &name)) {
			FUZZ_HOLDS(name.len > 0 && name.len <= LIMIT_DNS_NAME);
			found++;
		}
		FUZZ_HOLDS(found <= LIMIT_DNS_NAMES);
		base_applied_put_row(&out, &row);
		count++;
	}
	FUZZ_HOLDS(count == head.count && rows.len == 0);
	base_buf_append_span(&out, head.inventory);
	FUZZ_HOLDS(base_span_equal(base_buf_span(&out), base_span_of(data, size)));
	base_buf_clear(&out);
	return 0;
}
