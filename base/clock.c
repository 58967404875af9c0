/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#define STEP_MAX_US ((int64_t)BASE_CLOCK_STEP_MAX_S * 1000000)
#define DRIFT_PER 1000 /* follow at most 1/1000 of the time passed: twice ntpd's slew */
#define YEAR_10000_AT INT64_C(253402300800)

static int64_t
read_us(clockid_t id)
{
	struct timespec ts = {0, 0};

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
base_clock_now(void)
{
	struct timespec ts = {0, 0};

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec;
}

int64_t
base_clock_now_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int64_t
base_clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t
base_clock_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

void
base_clock_guard_init(struct base_clock_guard *guard, int64_t floor_at)
{
	*guard = (struct base_clock_guard){
	    .floor_at = floor_at,
	    .wall_us = base_clock_now_us,
	    .boot_us = base_clock_boot_us,
	};
	guard->checked_us = guard->boot_us();
	guard->offset_us = guard->wall_us() - guard->checked_us;
}

bool
base_clock_guard_ok(struct base_clock_guard *guard)
{
	int64_t boot = guard->boot_us();
	int64_t wall = guard->wall_us();
	int64_t step = wall - boot - guard->offset_us;
	int64_t follow = (boot - guard->checked_us) / DRIFT_PER;

	if (step > STEP_MAX_US || step < -STEP_MAX_US) {
		return false;
	}
	if (wall / 1000000 < guard->floor_at - BASE_CLOCK_STEP_MAX_S) {
		return false;
	}
	if (follow > 0) {
		if (step > follow) {
			step = follow;
		} else if (step < -follow) {
			step = -follow;
		}
		guard->offset_us += step;
		guard->checked_us = boot;
	}
	return true;
}

void
base_clock_guard_accept(struct base_clock_guard *guard)
{
	int64_t wall = guard->wall_us();

	guard->checked_us = guard->boot_us();
	guard->offset_us = wall - guard->checked_us;
	if (guard->floor_at > wall / 1000000) {
		guard->floor_at = wall / 1000000;
	}
}

void
base_clock_guard_floor(struct base_clock_guard *guard, int64_t at)
{
	if (at > guard->floor_at) {
		guard->floor_at = at;
	}
}

static void
put_digits(char *out, int value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		out[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

void
base_clock_rfc3339(int64_t at, char buf[21])
{
	time_t t = (time_t)(at < 0 ? 0 : at >= YEAR_10000_AT ? YEAR_10000_AT - 1 : at);
	struct tm tm = {0};

	(void)gmtime_r(&t, &tm);
	memcpy(buf, "0000-00-00T00:00:00Z", 21);
	put_digits(buf, tm.tm_year + 1900, 4);
	put_digits(buf + 5, tm.tm_mon + 1, 2);
	put_digits(buf + 8, tm.tm_mday, 2);
	put_digits(buf + 11, tm.tm_hour, 2);
	put_digits(buf + 14, tm.tm_min, 2);
	put_digits(buf + 17, tm.tm_sec, 2);
}

static bool
take_digits(const char *str, int width, int *out)
{
	int value = 0;

	for (int i = 0; i < width; i++) {
		if (str[i] < '0' || str[i] > '9') {
			return false;
		}
		value = value * 10 + (str[i] - '0');
	}
	*out = value;
	return true;
}

bool
base_clock_parse_rfc3339(const char *str, int64_t *out)
{
	struct tm tm = {0};
	char again[21];
	time_t at;

	if (strnlen(str, 21) != 20 || !take_digits(str, 4, &tm.tm_year) ||
	    !take_digits(str + 5, 2, &tm.tm_mon) || !take_digits(str + 8, 2, &tm.tm_mday) ||
	    !take_digits(str + 11, 2, &tm.tm_hour) || !take_digits(str + 14, 2, &tm.tm_min) ||
	    !take_digits(str + 17, 2, &tm.tm_sec)) {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	at = timegm(&tm);
	/* Written back it is the same text only if every field was in range and every
	 * separator in place. */
	base_clock_rfc3339((int64_t)at, again);
	if (memcmp(again, str, 20) != 0) {
		return false;
	}
	*out = (int64_t)at;
	return true;
}
