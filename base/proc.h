/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting role programs. A role is exec'd with a fresh address space, an empty environment and
 * exactly one inherited descriptor beside the standard three: its control channel, BASE_PROC_CTL_FD.
 * Everything else (configuration, channels, listeners, key files) comes over that channel.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/types.h>

#include "base/err.h"

#define BASE_PROC_CTL_FD 3

/* Starts <program directory>/name with argv {name, label, NULL} (label shows in ps: the environment;
 * may be NULL). ctl becomes BASE_PROC_CTL_FD in the child; the caller keeps and closes its
 * own copy. The child dies with its parent (PR_SET_PDEATHSIG). Standard input is /dev/null.
 * Returns MC_OK and *pid, or MC_EIO. */
enum mc_err base_proc_spawn(const char *name, const char *label, int ctl, pid_t *pid)
    MC_MUST_CHECK;

/* Directory of the running executable, where the role programs are: static string. */
const char *base_proc_dir(void);

/* Drops to uid/gid with no supplementary groups and no way back; checks that it worked. uid 0
 * is refused. A process that is not root keeps its ids and gets MC_OK when it asks
 * for its own uid. Returns MC_OK, MC_EUSAGE or MC_EIO. */
enum mc_err base_proc_drop(uid_t uid, gid_t gid) MC_MUST_CHECK;

/* Closes every descriptor from first on. */
void base_proc_close_from(int first);

/* A sealed memfd with these bytes, read offset 0: how configuration travels. -1 on failure. */
int base_proc_memfd(const char *name, const void *ptr, size_t len);
/* Reads all of fd (at most max bytes; a file from its beginning) into a heap string with a NUL; the caller
 * frees. Returns MC_OK, MC_EIO or MC_ETOOBIG. */
enum mc_err base_proc_read_all(int fd, size_t max, char **out, size_t *out_len) MC_MUST_CHECK;

#endif
