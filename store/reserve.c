/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct reserve {
	int fd;
	uint64_t want;
	uint64_t have;
	bool refused; /* by the file system, for another reason than room */
};

void
reserve_close(struct reserve *reserve)
{
	if (reserve != NULL) {
		(void)close(reserve->fd);
		free(reserve);
	}
}

struct reserve *
reserve_open(const char *path, uint64_t want)
{
	char *name = base_xasprintf("%s.reserve", path);
	struct reserve *reserve = NULL;
	int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)MC_FAIL(MC_EIO, "cannot open %s: %s", name, strerrordesc_np(errno));
		if (fd >= 0) {
			(void)close(fd);
		}
	} else {
		reserve = base_xcalloc(1, sizeof(*reserve));
		reserve->fd = fd;
		reserve->want = want;
		/* A length without blocks behind it holds nothing. */
		if ((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size) {
			reserve->have = (uint64_t)st.st_size < want ? (uint64_t)st.st_size : want;
		}
	}
	free(name);
	return reserve;
}

uint64_t
reserve_missing(const struct reserve *reserve)
{
	return reserve == NULL || reserve->refused ? 0 : reserve->want - reserve->have;
}

enum mc_err
reserve_fill(struct reserve *reserve)
{
	int err = posix_fallocate(reserve->fd, 0, (off_t)reserve->want);

	if (err == ENOSPC || err == EDQUOT) {
		/* Part of it would be in the way of what it is for. */
		if (ftruncate(reserve->fd, (off_t)reserve->have) != 0) {
			return MC_FAIL(MC_EIO, "shrinking the reserve: %s",
			    strerrordesc_np(errno));
		}
		return MC_FAIL(MC_ENOSPACE, "no room for the reserve");
	}
	if (err != 0 || fsync(reserve->fd) != 0) {
		reserve->refused = true;
		return MC_FAIL(MC_EIO, "reserving: %s", strerrordesc_np(err != 0 ? err : errno));
	}
	reserve->have = reserve->want;
	return MC_OK;
}

bool
reserve_give(struct reserve *reserve)
{
	uint64_t step;

	if (reserve == NULL || reserve->have == 0) {
		return false;
	}
	step = reserve->have < RESERVE_STEP ? reserve->have : RESERVE_STEP;
	if (ftruncate(reserve->fd, (off_t)(reserve->have - step)) != 0) {
		return false;
	}
	reserve->have -= step;
	return true;
}
