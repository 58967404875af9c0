/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's parts and what they share. One thread, one loop. It opens what must be opened with
 * the daemon's rights, hands it to role processes (base/msg_ctl.h), and starts them again when they die.
 * It parses nothing that comes from outside and never decrypts a key.
 */
#ifndef ROTATION_SUP_H
#define ROTATION_SUP_H

#include "base/chan.h"
#include "base/config.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/msg_admin.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"

#define SUP_KEYFILES 16        /* issuing keys of one environment: the active one and older ones */
#define SUP_DRAIN_S (LIMIT_DRAIN_S + 2) /* front: answers under way; it cuts off the rest itself */
#define SUP_HANDOVER_S 30      /* a signer's last answers; a new signer's start */
#define SUP_KILL_S 5           /* from hanging up on a role to SIGKILL */
#define SUP_TURN_S 30          /* an order waits for a ceremony under way: RSA-4096 keys take some seconds */
#define SUP_ADMIN_CLIENTS 16   /* on the local socket */

struct sup;
struct sup_proc;
struct sup_admin;

/* Called exactly once per call: with the answer, or with item NULL when the process ended. */
typedef void (*sup_answer_fn)(void *self, enum mc_err status, const struct base_item *item);

enum sup_phase {
	SUP_PHASE_INVALID = 0,
	SUP_STANDBY,  /* a signer that is not in use yet */
	SUP_ACTIVE,   /* restarted when it dies */
	SUP_DRAINING, /* a signer that was replaced */
	SUP_STOPPING  /* hung up on; its end is the last that is seen of it */
};

/* --- sup_role.c: one role process, its calls and restarts --- */
struct sup_proc {
	struct sup_proc *next;
	struct sup *sup;
	enum msg_role role;
	enum sup_phase phase;
	char *environment; /* of signers and ceremonies; else NULL */
	uint32_t generation;
	pid_t pid;
	struct base_chan *chan; /* NULL: not running */
	bool greeted;
	bool fresh; /* no report since the start */
	enum msg_role_state state;
	char detail[LIMIT_DETAIL + 1];
	unsigned restarts;
	int64_t backoff_us;
	int64_t started_us;
	struct base_timer *timer;
	void (*on_timer)(struct sup_proc *proc);
	struct sup_call *calls;
	uint64_t next_corr;
	struct base_secret *passphrase; /* given for this start only; else NULL: the configured one */
	/* may be NULL: a report came; the process ended and will not be started again */
	void (*on_state)(struct sup_proc *proc);
	void (*on_end)(struct sup_proc *proc);
	/* may be NULL: a request of the role's own (status is handled before) */
	enum mc_err (*on_request)(struct sup_proc *proc, const struct base_item *item);
	void *owner; /* of whoever set the three */
};

/* Adds a process that does not run yet. environment is copied, may be NULL. */
struct sup_proc *sup_proc_add(struct sup *sup, enum msg_role role, const char *environment);
/* Starts it and hands over what its role needs. What fails is logged and tried again later. */
void sup_proc_start(struct sup_proc *proc);
/* Hangs up: it exits, and is not started again. */
void sup_proc_stop(struct sup_proc *proc);
bool sup_proc_is_signer(const struct sup_proc *proc);
/* Sends a request on the control channel. fd (or -1) is duplicated. fn may be NULL: only failures are
 * logged. fn is called in any case, possibly before this returns. */
void sup_proc_call(struct sup_proc *proc, uint16_t type, const struct msg_table *table,
    const void *object, int fd, sup_answer_fn fn, void *self);
/* Answers a role's request. */
void sup_proc_answer(struct sup_proc *proc, uint16_t type, uint64_t corr, enum mc_err status,
    const char *detail);
/* Collects ended children. */
void sup_reap(struct sup *sup);
/* The user that a process runs as. */
uid_t sup_proc_uid(const struct sup_proc *proc);
/* Detail text of an answer; empty when there is none. Points into item. */
struct base_span sup_answer_detail(const struct base_item *item);
struct base_span sup_secret_span(struct base_secret *secret);
/* Copies text, cut to fit. */
void sup_text_set(char out[LIMIT_DETAIL + 1], struct base_span text);

/* --- sup_wire.c --- */
/* Makes the channels between proc and every running process that it talks to. */
void sup_wire_peers(struct sup_proc *proc);
/* A channel between two, both told. */
void sup_wire(struct sup_proc *a, struct sup_proc *b);

/* --- sup_listen.c --- */
struct sup_listener {
	enum msg_listener kind;
	char *environment; /* of gRPC; else NULL */
	struct config_address address;
	int fd;
};
/* Binds what config names and is not in the list yet. Before the first process starts, waits up to
 * LIMIT_LISTEN_WAIT_MS for busy ports. Returns MC_OK, or MC_EIO naming key, address and remedy; then
 * the list is as before. */
enum mc_err sup_listen(struct sup *sup, const struct config *config);
/* After the front's end: binds them anew. What it did to the old ones (shut down, a filter, a copy given away)
 * ends with it, as do the connections that it had not accepted. */
void sup_listen_renew(struct sup *sup);
/* Closes all. */
void sup_listen_clear(struct sup *sup);
/* Hands a process those of one environment, or all (environment NULL). */
void sup_listen_hand_over(struct sup_proc *proc, const char *environment);

/* --- sup_keys.c --- */
/* Opens the issuing key files of an environment: the active one first. Returns how many. */
size_t sup_keys_issuing(const struct config_environment *env, int fds[SUP_KEYFILES]);
/* Opens a file of a folder for reading without following a link. -1 with MC_ENOTFOUND or MC_EIO. */
int sup_keys_open(const char *dir, const char *name);
bool sup_keys_have(const char *dir, const char *name);
/* Whether any environment, the operators included, has its key: then meshca init was run. */
bool sup_keys_any(const struct config *config);
/* Reads a passphrase file that nobody else may read. NULL with an error that says how to make it. */
struct base_secret *sup_keys_passphrase(const char *path) MC_DEALLOC(base_secret_free);
struct base_secret *sup_keys_copy(struct base_span bytes) MC_DEALLOC(base_secret_free);
/* Makes a folder and its parents (mode 0700), owned by uid when this process is root and it is new. */
enum mc_err sup_keys_folder(const char *path, uid_t uid, gid_t gid) MC_MUST_CHECK;
/* Makes the folders that config names, and takes the lock that one daemon at a time may hold. */
enum mc_err sup_keys_folders(const struct config *config, int *lock) MC_MUST_CHECK;

/* Who asked for a change, and where from: for the ledger's events. */
struct sup_asker {
	const char *actor; /* "uid 0 on the local socket" */
	const char *from;  /* "local socket" */
};

/* --- sup_ceremony.c: runs one act --- */
struct sup_act {
	enum msg_ceremony act;
	const char *environment;             /* name; NULL for the root */
	struct base_secret *passphrase; /* of the environment; NULL: the configured one. Copied */
	struct base_secret *root_passphrase; /* copied */
	struct sup_asker asker;         /* copied */
	void (*progress)(void *self, struct base_span line); /* may be NULL */
	void (*done)(void *self, enum mc_err status, const char *detail);
	void *self;
};
/* Returns MC_OK (done will be called), or MC_EBUSY, MC_ESEALED (no passphrase), MC_ENOTFOUND, MC_EIO. */
enum mc_err sup_ceremony(struct sup *sup, const struct sup_act *act) MC_MUST_CHECK;

/* --- sup_crl.c: the keeper asks for a CRL of an environment CA --- */
/* The keeper's on_request. MSG_CTL_WANT_CRL is answered with the outcome of a ceremony, or at once when none can
 * begin; that a passphrase is missing is logged once an hour for each environment. MC_EFRAME: it is no such
 * request; drop the keeper. */
enum mc_err sup_crl_request(struct sup_proc *proc, const struct base_item *item) MC_MUST_CHECK;

/* --- sup_rotate.c: one signer takes over from another --- */
typedef void (*sup_done_fn)(void *self, enum mc_err status, const char *detail);
/* Starts a second signer and drains the first when the second is ready. done is called once: also with
 * MC_ESEALED when the new one waits for its passphrase (it takes over once unsealed). */
void sup_handover(struct sup *sup, const char *environment, struct base_span passphrase,
    sup_done_fn done, void *self);
/* The signer of an environment, or of the operators, in this phase; NULL when there is none. */
struct sup_proc *sup_signer(struct sup *sup, const char *environment, enum sup_phase phase);

/* --- sup_reload.c --- */
/* Reads the file again and applies it whole, or keeps the old. done is called once. Who asked, and
 * where from, goes into the ledger's event; both are static, or live as long as the call. */
void sup_reload(struct sup *sup, const struct sup_asker *asker, sup_done_fn done, void *self);
/* Records the present configuration in the ledger. */
void sup_config_record(struct sup *sup, const struct sup_asker *asker);

/* --- sup_admin.c: the local socket --- */
/* Listens on <run_dir>/admin.sock. NULL with MC_EIO, or MC_ECONFIG: the path is too long. */
struct sup_admin *sup_admin_new(struct sup *sup);
void sup_admin_free(struct sup_admin *admin);
/* One order that came in, and of whom: what its answers need to find their way. */
struct sup_asking {
	struct sup *sup;
	struct sup_admin *admin;
	uint64_t client; /* never used again when that client has left */
	uint64_t corr;
	uint16_t type;
	uid_t uid; /* the kernel's word */
};
/* Answers it; to nobody when the client has left. flags: BASE_ITEM_MORE, or 0 for the last. */
void sup_admin_answer(const struct sup_asking *asking, uint16_t flags, const struct msg_adm_ans *ans);

/* --- sup_order.c: carries them out --- */
/* Returns MC_OK: it is answered, now or later. MC_EFRAME: it is no order, or none that decodes; drop the
 * client. asking is copied. */
enum mc_err sup_order(const struct sup_asking *asking, const struct base_item *item) MC_MUST_CHECK;

/* --- sup_status.c --- */
/* The JSON of MSG_ADM_STATUS. */
void sup_status(struct sup *sup, struct base_buf *out);

/* --- sup_users.c: whether roles run as users of their own --- */
/* MC_OK, or MC_ECONFIG: a process of this effective uid cannot start roles as the users that config names. */
enum mc_err sup_users_check(const struct config *config, uid_t euid) MC_MUST_CHECK;
/* Logs it when all processes, of which there is one or more, run as the same user. */
void sup_users_warn(const struct sup *sup);

/* --- sup_life.c: the beginning and the end --- */
/* Starts all roles: each after those that it talks to. */
void sup_life_start(struct sup *sup);
/* Ends them, once: the front's answers under way go out, for at most SUP_DRAIN_S; then all others end, and the
 * ledger last. Then the loop stops. */
void sup_life_stop(struct sup *sup);
/* For base_loop_signals(), self is the supervisor. While it serves, SIGHUP reloads and others stop; before,
 * what is under way is left as it is. SIGCHLD collects. */
void sup_life_signal(void *self, int signo);

/* --- sup_init.c --- */
struct sup_init_options {
	const char *root_passphrase_file; /* NULL: ask */
	const char *environment;          /* NULL: the whole authority */
};
/* Runs the ceremonies that are missing. Returns the exit status. */
int sup_init(struct sup *sup, const struct sup_init_options *options);

struct sup {
	struct base_loop *loop;
	struct config *config;
	const char *config_path;
	struct sup_proc *procs;
	struct sup_listener *listeners;
	size_t listener_count;
	struct sup_proc *ceremony; /* under way; or NULL */
	struct sup_admin *admin;
	uint32_t generation; /* of the newest signer */
	struct sup_crl_alarm {
		char environment[LIMIT_ENVIRONMENT + 1]; /* empty: the rest is unused */
		int64_t at_us; /* boot time of its newest alarm; 0: none yet */
	} crl_alarms[LIMIT_ENVIRONMENTS + 1]; /* the operators have one, too */
	bool recorded;       /* the ledger knows this configuration */
	bool serving;        /* not --init */
	bool stopping;
	int lock;
};

/* The first process of a role that is not being stopped; NULL when there is none. */
struct sup_proc *sup_find(struct sup *sup, enum msg_role role);

#endif
