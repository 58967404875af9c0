/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Started with a label this program is a child of its own test: it reports what it sees of
 * itself over the control descriptor.
 */
#include "base/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <stdlib.h>

#define NAME "test_base_proc"

struct report {
	int fd_count;
	int environment_count;
	int death_signal;
	int stdin_is_null;
	int sigpipe_ignored;
	int signals_blocked;
	int argc;
	pid_t parent;
	char label[32];
};

extern char **environ;

static int
fds_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir != NULL && readdir(dir) != NULL) {
		count++;
	}
	(void)closedir(dir);
	return count - 3; /* ".", ".." and the directory's own */
}

static int
child_main(int argc, char **argv)
{
	struct report report = {.argc = argc, .fd_count = fds_count(), .parent = getppid()};
	struct stat is;
	struct stat null;
	struct sigaction action;
	sigset_t mask;
	char byte;

	while (environ[report.environment_count] != NULL) {
		report.environment_count++;
	}
	(void)prctl(PR_GET_PDEATHSIG, &report.death_signal);
	report.stdin_is_null = fstat(0, &is) == 0 && stat("/dev/null", &null) == 0 &&
	    is.st_rdev == null.st_rdev;
	(void)sigaction(SIGPIPE, NULL, &action);
	report.sigpipe_ignored = action.sa_handler == SIG_IGN;
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	report.signals_blocked = sigismember(&mask, SIGTERM);
	strncpy(report.label, argv[1], sizeof(report.label) - 1);
	if (write(BASE_PROC_CTL_FD, &report, sizeof(report)) != (ssize_t)sizeof(report)) {
		return 1;
	}
	return (int)read(BASE_PROC_CTL_FD, &byte, 1); /* until the test lets go */
}

static pid_t
spawn(int *ours, const char *label)
{
	int pair[2];
	pid_t pid = -1;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(base_proc_spawn(NAME, label, pair[1], &pid), MC_OK);
	(void)close(pair[1]);
	*ours = pair[0];
	return pid;
}

START_TEST(test_a_child_gets_only_what_it_should)
{
	struct report report = {0};
	sigset_t mask;
	pid_t pid;
	int leaked = dup(1); /* not close-on-exec: a mistake that must not reach the child */
	int ours;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	pid = spawn(&ours, "staging");
	(void)sigprocmask(SIG_UNBLOCK, &mask, NULL);
	ck_assert_int_eq(read(ours, &report, sizeof(report)), (ssize_t)sizeof(report));
	ck_assert_int_eq(report.argc, 2);
	ck_assert_str_eq(report.label, "staging");
	ck_assert_int_eq(report.fd_count, 4);
	ck_assert_int_eq(report.environment_count, 0);
	ck_assert_int_eq(report.death_signal, SIGKILL);
	ck_assert_int_eq(report.stdin_is_null, 1);
	ck_assert_int_eq(report.sigpipe_ignored, 0);
	ck_assert_int_eq(report.signals_blocked, 0);
	ck_assert_int_eq(report.parent, getpid());
	(void)close(ours);
	(void)close(leaked);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(test_no_such_program)
{
	pid_t pid = -1;
	int before = fds_count();

	ck_assert_int_eq(base_proc_spawn("no-such-program", NULL, 1, &pid), MC_EIO);
	ck_assert_int_eq(pid, -1);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
	ck_assert_int_eq(fds_count(), before);
}
END_TEST

START_TEST(test_the_child_dies_with_its_parent)
{
	int pipe_fds[2];
	pid_t middle;
	pid_t leaf = -1;
	char path[64];
	char target[256];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	middle = fork();
	if (middle == 0) {
		struct report report;
		int ours;
		pid_t pid = spawn(&ours, "leaf");

		if (read(ours, &report, sizeof(report)) > 0 &&
		    write(pipe_fds[1], &pid, sizeof(pid)) > 0) {
			(void)pause();
		}
		_exit(1);
	}
	ck_assert_int_eq(read(pipe_fds[0], &leaf, sizeof(leaf)), (ssize_t)sizeof(leaf));
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)leaf);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(kill(middle, SIGKILL), 0);
	ck_assert_int_eq(waitpid(middle, NULL, 0), middle);
	for (int i = 0; i < 500 && readlink(path, target, sizeof(target)) >= 0; i++) {
		(void)usleep(10000);
	}
	ck_assert_int_lt((int)readlink(path, target, sizeof(target)), 0);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
}
END_TEST

/* In a process of its own, since there is no way back. */
static int
dropped(uid_t uid, gid_t gid)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int death_signal = 0;
		enum mc_err ret = base_proc_drop(uid, gid);

		(void)prctl(PR_GET_PDEATHSIG, &death_signal);
		if (ret != MC_OK) {
			_exit(ret == MC_EUSAGE ? 10 : 11);
		}
		if (geteuid() != uid || getuid() != uid || setuid(0) == 0) {
			_exit(12);
		}
		_exit(death_signal == SIGKILL ? 0 : 13);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(test_drop)
{
	ck_assert_int_eq(dropped(0, 0), 10);
	if (geteuid() == 0) {
		ck_assert_int_eq(dropped(65534, 65534), 0);
	} else {
		ck_assert_int_eq(dropped(getuid() + 1, getgid()), 11);
		ck_assert_int_eq(dropped(getuid(), getgid()), 13); /* keeps its ids: nothing to set */
	}
}
END_TEST

START_TEST(test_memfd_is_sealed_and_read_twice)
{
	static char text[100000];
	char *out = NULL;
	size_t len = 0;
	int fd;

	memset(text, 'm', sizeof(text));
	fd = base_proc_memfd("config", text, sizeof(text));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt((int)write(fd, "x", 1), 0);
	ck_assert_int_ne(ftruncate(fd, 1), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(base_proc_read_all(fd, sizeof(text), &out, &len), MC_OK);
		ck_assert_uint_eq(len, sizeof(text));
		ck_assert_mem_eq(out, text, sizeof(text));
		ck_assert_int_eq(out[len], '\0');
		free(out);
	}
	ck_assert_int_eq(base_proc_read_all(fd, sizeof(text) - 1, &out, &len), MC_ETOOBIG);
	ck_assert_int_eq(base_proc_read_all(fd, 10, &out, &len), MC_ETOOBIG);
	(void)close(fd);
	ck_assert_int_eq(base_proc_read_all(fd, 10, &out, &len), MC_EIO);
}
END_TEST

START_TEST(test_read_all_of_a_pipe)
{
	char *out = NULL;
	size_t len = 9;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "0123456789", 10), 10);
	(void)close(fds[1]);
	ck_assert_int_eq(base_proc_read_all(fds[0], 10, &out, &len), MC_OK);
	ck_assert_str_eq(out, "0123456789");
	free(out);
	ck_assert_int_eq(base_proc_read_all(fds[0], 10, &out, &len), MC_OK);
	ck_assert_uint_eq(len, 0);
	ck_assert_str_eq(out, "");
	free(out);
	(void)close(fds[0]);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite;
	TCase *tcase;
	SRunner *runner;
	int failed;

	if (argc == 2) {
		return child_main(argc, argv);
	}
	suite = suite_create("base_proc");
	tcase = tcase_create("all");
	tcase_add_test(tcase, test_a_child_gets_only_what_it_should);
	tcase_add_test(tcase, test_no_such_program);
	tcase_add_test(tcase, test_the_child_dies_with_its_parent);
	tcase_add_test(tcase, test_drop);
	tcase_add_test(tcase, test_memfd_is_sealed_and_read_twice);
	tcase_add_test(tcase, test_read_all_of_a_pipe);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
