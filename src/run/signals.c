/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals.c: what becomes of a signal to pawl while the agent runs.
 *
 * Signals come through a signalfd, because what is to be done depends on the sender: what the
 * terminal sends, the agent has got as well; what a process sends to pawl is meant for the agent.
 * INT and QUIT are ignored either way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "run/run_priv.h"

pawl_err pawl_run_collect_signals(struct pawl_run *run, struct pawl_errmsg *msg)
{
    static const int collected[] = {SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGHUP};
    static const int ignored[] = {SIGINT, SIGQUIT, SIGPIPE, SIGTTOU, SIGTTIN, SIGXFSZ};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(ignored); i++) {
        (void)sigaction(ignored[i], &ignore, NULL);
    }
    struct sigaction children = {.sa_handler = SIG_DFL}; /* Or they could not be waited for. */
    (void)sigaction(SIGCHLD, &children, NULL);
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(collected); i++) {
        if (collected[i] != SIGHUP || !run->keeper.hangup_ignored) {
            (void)sigaddset(&set, collected[i]);
        }
    }
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    run->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (run->signal_fd < 0) {
        pawl_errmsg_set(msg, "cannot collect signals: %s", strerror(errno));
        return pawl_err_from_errno(errno);
    }
    return PAWL_OK;
}

void pawl_run_on_signal(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct pawl_run *run = poll->data;
    struct signalfd_siginfo info;
    while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        bool from_terminal = info.ssi_code == SI_KERNEL;
        bool from_keeper = info.ssi_pid == (uint32_t)run->keeper.pid;
        if (!from_terminal && !from_keeper) {
            pawl_keeper_signal(&run->keeper, (int)info.ssi_signo);
        }
    }
}
