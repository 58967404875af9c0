/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock stands still at a test's time, and boot time goes on ahead of itself or stands still, too, for this
 * program. */
#ifndef TESTS_CLOCK_FAKE_H
#define TESTS_CLOCK_FAKE_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t fake_now_at;       /* 0: the true time */
static int64_t fake_boot_ahead_s; /* added to boot time */
static int64_t fake_boot_us;      /* 0: the true boot time */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, id, ts);

	if (ret == 0 && id == CLOCK_REALTIME && fake_now_at != 0) {
		*ts = (struct timespec){.tv_sec = fake_now_at};
	}
	if (ret == 0 && id == CLOCK_BOOTTIME) {
		if (fake_boot_us != 0) {
			*ts = (struct timespec){.tv_sec = fake_boot_us / 1000000,
			    .tv_nsec = fake_boot_us % 1000000 * 1000};
		}
		ts->tv_sec += fake_boot_ahead_s;
	}
	return ret;
}

#endif
