/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, as whom, in which state: JSON for the command line. */
#include "rotation/sup.h"

static void
append_string(struct base_buf *out, const char *text)
{
	base_buf_append_u8(out, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\') {
			base_buf_append_u8(out, '\\');
		}
		/* details are one printable line: mc_err_fail cleans them */
		base_buf_append_u8(out, (unsigned char)*p < 0x20 ? ' ' : (uint8_t)*p);
	}
	base_buf_append_u8(out, '"');
}

static const char *
state_word(const struct sup_proc *proc)
{
	if (proc->chan == NULL) {
		return "down";
	}
	if (proc->phase == SUP_DRAINING) {
		return "draining";
	}
	switch (proc->state) {
	case MSG_RS_STARTING:
		return "starting";
	case MSG_RS_SEALED:
		return "sealed";
	case MSG_RS_READY:
		return "ready";
	case MSG_RS_DRAINING:
		return "draining";
	case MSG_RS_BLOCKED:
		return "blocked";
	default:
		return "down";
	}
}

static void
append_process(struct base_buf *out, const struct sup_proc *proc)
{
	base_buf_append_str(out, "{\"role\":");
	append_string(out, msg_role_name(proc->role));
	base_buf_append_str(out, ",\"environment\":");
	append_string(out, proc->environment != NULL ? proc->environment : "");
	base_buf_appendf(out, ",\"pid\":%d,\"uid\":%u,\"state\":", (int)proc->pid,
	    (unsigned)sup_proc_uid(proc));
	append_string(out, state_word(proc));
	base_buf_append_str(out, ",\"detail\":");
	append_string(out, proc->detail);
	base_buf_appendf(out, ",\"restarts\":%u}", proc->restarts);
}

void
sup_status(struct sup *sup, struct base_buf *out)
{
	struct base_buf roles;
	bool ready = sup->procs != NULL, shared = true, first = true;
	uid_t uid = sup->procs != NULL ? sup_proc_uid(sup->procs) : 0;

	base_buf_init(&roles, LIMIT_FRAME);
	for (const struct sup_proc *proc = sup->procs; proc != NULL; proc = proc->next) {
		if (proc->role != MSG_ROLE_CEREMONY) {
			shared = shared && sup_proc_uid(proc) == uid;
		}
		ready = ready && (proc->phase != SUP_ACTIVE ||
		    (proc->chan != NULL && proc->state == MSG_RS_READY));
		base_buf_append_str(&roles, first ? "" : ",");
		append_process(&roles, proc);
		first = false;
	}
	base_buf_appendf(out, "{\"version\":\"%s\",\"ready\":%s,\"shared_uid\":%s,\"roles\":[",
	    MESHCA_VERSION, ready ? "true" : "false", shared ? "true" : "false");
	base_buf_append_span(out, base_buf_span(&roles));
	base_buf_append_str(out, "]}");
	base_buf_clear(&roles);
}
