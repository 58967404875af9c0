/* SPDX-License-Identifier: Apache-2.0 */
/* Files of `meshca`: read whole, written whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/cli.h"

enum mc_err
cli_file_read(const char *path, size_t max, struct base_buf *out)
{
	enum mc_err ret = MC_EINTERNAL;
	size_t start = out->len;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		return MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	}
	for (;;) {
		uint8_t piece[4096];
		ssize_t got = read(fd, piece, sizeof(piece));

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
			break;
		}
		if (got == 0) {
			ret = MC_OK;
			break;
		}
		base_buf_append(out, piece, (size_t)got);
		explicit_bzero(piece, sizeof(piece));
		if (base_buf_failed(out) || out->len - start > max) {
			ret = MC_FAIL(MC_ETOOBIG, "%s is longer than %zu bytes", path, max);
			break;
		}
	}
	(void)close(fd);
	return ret;
}

static enum mc_err
write_all(int fd, struct base_span bytes)
{
	while (bytes.len > 0) {
		ssize_t done = write(fd, bytes.ptr, bytes.len);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return MC_FAIL(MC_EIO, "writing: %s", strerror(errno));
		}
		bytes = base_span_of(bytes.ptr + done, bytes.len - (size_t)done);
	}
	return MC_OK;
}

enum mc_err
cli_file_write(const char *dir, const char *name, unsigned mode, struct base_span bytes)
{
	char *path = base_xasprintf("%s/%s", dir, name);
	char *fresh = base_xasprintf("%s/.%s.XXXXXX", dir, name);
	enum mc_err ret = MC_EINTERNAL;
	int fd = mkostemp(fresh, O_CLOEXEC);

	if (fd < 0) {
		ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
		goto out;
	}
	ret = write_all(fd, bytes);
	if (ret == MC_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
		ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	}
	if (close(fd) != 0 && ret == MC_OK) {
		ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	}
	if (ret == MC_OK && rename(fresh, path) != 0) {
		ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	}
	if (ret != MC_OK) {
		(void)unlink(fresh);
	}
out:
	free(path);
	free(fresh);
	return ret;
}

enum mc_err
cli_file_dir(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) == 0) {
		return MC_OK;
	}
	if (errno != EEXIST) {
		return MC_FAIL(MC_EIO, "%s: %s", dir, strerror(errno));
	}
	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
		return MC_FAIL(MC_EIO, "%s is not a directory", dir);
	}
	return MC_OK;
}

/* Into what is there: /dev/null or a pipe must not be replaced by a file. */
static enum mc_err
write_into(const char *path, struct base_span bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	enum mc_err ret;

	if (fd < 0) {
		return MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
	}
	ret = write_all(fd, bytes);
	(void)close(fd);
	return ret;
}

enum mc_err
cli_output(const char *path, struct base_span bytes)
{
	struct stat st;
	const char *slash;
	enum mc_err ret;
	char *dir;

	if (path == NULL) {
		if (fflush(stdout) != 0) {
			return MC_FAIL(MC_EIO, "standard output: %s", strerror(errno));
		}
		return write_all(STDOUT_FILENO, bytes);
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		return write_into(path, bytes);
	}
	slash = strrchr(path, '/');
	if (slash == NULL) {
		return cli_file_write(".", path, 0644, bytes);
	}
	dir = base_xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	ret = cli_file_write(dir, slash + 1, 0644, bytes);
	free(dir);
	return ret;
}
