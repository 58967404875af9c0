/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one clock. Wall time is int64_t seconds UTC; durations are measured on the
 * boot clock, which counts suspend and never steps.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define BASE_CLOCK_STEP_MAX_S 30 /* NTP slews less; a larger step stops issuance */

int64_t base_clock_now(void);     /* wall, seconds since 1970 UTC */
int64_t base_clock_now_us(void);  /* wall, microseconds */
int64_t base_clock_boot_us(void); /* CLOCK_BOOTTIME, microseconds */
int64_t base_clock_cpu_us(void);  /* CPU of this process, microseconds */

/* Watches for steps between wall and boot time, and for a wall time before the
 * ledger's newest intent. Owned by the role that issues; tests set the sources. */
struct base_clock_guard {
	int64_t offset_us;      /* wall - boot when last accepted */
	int64_t checked_us;     /* boot time when last looked at */
	int64_t floor_at;       /* newest intent known, seconds */
	int64_t (*wall_us)(void);
	int64_t (*boot_us)(void);
};

void base_clock_guard_init(struct base_clock_guard *guard, int64_t floor_at);
/* False while wall time differs by more than BASE_CLOCK_STEP_MAX_S from what boot time
 * says, or lies more than that before floor_at. A slow drift (NTP slew) is followed. */
bool base_clock_guard_ok(struct base_clock_guard *guard);
/* An administrator says that the present wall time is right. */
void base_clock_guard_accept(struct base_clock_guard *guard);
/* Tells of an intent at this time (seconds). */
void base_clock_guard_floor(struct base_clock_guard *guard, int64_t at);

/* "2026-11-23T20:41:00Z", always 20 characters; buf holds 21. Years 1970-9999. */
void base_clock_rfc3339(int64_t at, char buf[21]);
/* Strict reverse of the above. Returns false for anything else. */
bool base_clock_parse_rfc3339(const char *str, int64_t *out);

#endif
