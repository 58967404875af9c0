/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"

/* Descriptors that are moved out of the way of 0..3 land at or above this. */
#define FD_ASIDE 10

const char *
base_proc_dir(void)
{
	static char dir[PATH_MAX];
	ssize_t len;
	char *slash;

	if (dir[0] != '\0') {
		return dir;
	}
	len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	if (len <= 0) {
		abort();
	}
	dir[len] = '\0';
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
	}
	return dir;
}

/* --- starting --- */

struct launch {
	const char *path;
	char *const *argv;
	int ctl;
	int report; /* close-on-exec: gets errno when exec fails */
	pid_t parent;
};

static void
child_signals_reset(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++) {
		(void)signal(signo, SIG_DFL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static MC_NORETURN void
child_exec(const struct launch *launch)
{
	static char *const no_environment[] = {NULL};
	int null_fd;
	int error;

	child_signals_reset();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != launch->parent) {
		_exit(127);
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* dup2 clears close-on-exec; ctl and report lie above 3, so nothing is overwritten. */
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 &&
	    dup2(launch->ctl, BASE_PROC_CTL_FD) >= 0 &&
	    close_range(BASE_PROC_CTL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
		(void)execve(launch->path, launch->argv, no_environment);
	}
	error = errno;
	(void)!write(launch->report, &error, sizeof(error));
	_exit(127);
}

/* Waits for exec: end of file means that it worked. Returns its errno or 0. */
static int
exec_outcome(int fd)
{
	int error = 0;
	ssize_t got;

	do {
		got = read(fd, &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(error) ? error : 0;
}

static enum mc_err
launch_run(struct launch *launch, int report_read, pid_t *pid)
{
	sigset_t all;
	sigset_t before;
	pid_t child;
	int error;

	launch->parent = getpid();
	/* No handler of ours may run in the child. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	child = fork();
	error = errno;
	if (child == 0) {
		child_exec(launch);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)close(launch->report);
	launch->report = -1;
	if (child < 0) {
		return MC_FAIL(MC_EIO, "fork: %s", strerrorname_np(error));
	}
	error = exec_outcome(report_read);
	if (error != 0) {
		(void)waitpid(child, NULL, 0);
		return MC_FAIL(MC_EIO, "exec %s: %s", launch->path, strerrorname_np(error));
	}
	*pid = child;
	return MC_OK;
}

enum mc_err
base_proc_spawn(const char *name, const char *label, int ctl, pid_t *pid)
{
	char *path = base_xasprintf("%s/%s", base_proc_dir(), name);
	char *argv_name = base_xstrdup(name);
	char *argv_label = label != NULL ? base_xstrdup(label) : NULL;
	char *argv[] = {argv_name, argv_label, NULL};
	struct launch launch = {.path = path, .argv = argv, .ctl = -1, .report = -1};
	int report[2] = {-1, -1};
	enum mc_err ret = MC_EINTERNAL;

	if (pipe2(report, O_CLOEXEC) != 0) {
		ret = MC_FAIL(MC_EIO, "pipe: %s", strerrorname_np(errno));
		goto out;
	}
	launch.ctl = fcntl(ctl, F_DUPFD_CLOEXEC, FD_ASIDE);
	launch.report = fcntl(report[1], F_DUPFD_CLOEXEC, FD_ASIDE);
	(void)close(report[1]);
	if (launch.ctl < 0 || launch.report < 0) {
		ret = MC_FAIL(MC_EIO, "dup: %s", strerrorname_np(errno));
		goto out;
	}
	ret = launch_run(&launch, report[0], pid);
out:
	if (report[0] >= 0) {
		(void)close(report[0]);
	}
	if (launch.ctl >= 0) {
		(void)close(launch.ctl);
	}
	if (launch.report >= 0) {
		(void)close(launch.report);
	}
	free(path);
	free(argv_name);
	free(argv_label);
	return ret;
}

/* --- ids --- */

static bool
ids_are(uid_t uid, gid_t gid)
{
	uid_t uids[3];
	gid_t gids[3];

	return getresuid(&uids[0], &uids[1], &uids[2]) == 0 &&
	    getresgid(&gids[0], &gids[1], &gids[2]) == 0 && uids[0] == uid && uids[1] == uid &&
	    uids[2] == uid && gids[0] == gid && gids[1] == gid && gids[2] == gid;
}

enum mc_err
base_proc_drop(uid_t uid, gid_t gid)
{
	if (uid == 0) {
		return MC_FAIL(MC_EUSAGE, "uid 0 is no uid to drop to");
	}
	if (geteuid() != 0) {
		if (getuid() == uid && geteuid() == uid) {
			return MC_OK;
		}
		return MC_FAIL(MC_EIO, "only root can become uid %u", (unsigned)uid);
	}
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0) {
		return MC_FAIL(MC_EIO, "becoming uid %u gid %u: %s", (unsigned)uid, (unsigned)gid,
		    strerrorname_np(errno));
	}
	if (!ids_are(uid, gid) || getgroups(0, NULL) != 0 || setuid(0) == 0 || seteuid(0) == 0) {
		return MC_FAIL(MC_EIO, "the ids were not dropped for good");
	}
	/* prctl(2): a change of credentials forgets the parent-death signal. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
		return MC_FAIL(MC_EIO, "prctl: %s", strerrorname_np(errno));
	}
	return MC_OK;
}

/* --- descriptors --- */

void
base_proc_close_from(int first)
{
	if (close_range((unsigned)first, ~0U, 0) != 0) {
		abort();
	}
}

static bool
write_all(int fd, const void *ptr, size_t len)
{
	const uint8_t *at = ptr;

	while (len > 0) {
		ssize_t put = write(fd, at, len);

		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return false;
		}
		at += put;
		len -= (size_t)put;
	}
	return true;
}

int
base_proc_memfd(const char *name, const void *ptr, size_t len)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		(void)MC_FAIL(MC_EIO, "memfd: %s", strerrorname_np(errno));
		return -1;
	}
	if (!write_all(fd, ptr, len) || lseek(fd, 0, SEEK_SET) != 0 ||
	    fcntl(fd, F_ADD_SEALS, seals) != 0) {
		(void)MC_FAIL(MC_EIO, "memfd %s: %s", name, strerrorname_np(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* From an explicit offset where the file has one: duplicates of a descriptor share theirs, and the
 * same configuration goes to several roles. */
static ssize_t
read_at(int fd, void *to, size_t len, size_t at)
{
	ssize_t got;

	do {
		got = pread(fd, to, len, (off_t)at);
		if (got < 0 && errno == ESPIPE) {
			got = read(fd, to, len);
		}
	} while (got < 0 && errno == EINTR);
	return got;
}

enum mc_err
base_proc_read_all(int fd, size_t max, char **out, size_t *out_len)
{
	size_t cap = max < 4096 ? max + 1 : 4096;
	size_t len = 0;
	char *text = base_xcalloc(1, cap);
	enum mc_err ret = MC_EINTERNAL;

	for (;;) {
		/* One byte more than max tells a file that is too long; it becomes the NUL else. */
		ssize_t got = read_at(fd, text + len, cap - len, len);

		if (got < 0) {
			ret = MC_FAIL(MC_EIO, "read: %s", strerrorname_np(errno));
			goto out;
		}
		if (got == 0) {
			break;
		}
		len += (size_t)got;
		if (len > max) {
			ret = MC_FAIL(MC_ETOOBIG, "over %zu bytes", max);
			goto out;
		}
		if (len == cap) {
			cap = cap > (max + 1) / 2 ? max + 1 : cap * 2;
			text = base_xreallocarray(text, cap, 1);
		}
	}
	text[len] = '\0';
	*out = text;
	*out_len = len;
	text = NULL;
	ret = MC_OK;
out:
	base_freezero(text, len);
	return ret;
}
