/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_child.c: the keeper itself. One thread, one poll(2) on two descriptors: the socket to
 * pawl and a signalfd for SIGCHLD. It writes nothing anywhere but to the socket, and to the
 * terminal when pawl is gone.
 *
 * Clearing is a small state machine. Between two looks it waits for a child's end, which is what
 * usually comes next, but at most LOOK_MS, since a grandchild may end without our being told.
 *
 *     IDLE ──clear──► ASKED (TERM was sent) ──patience over──► KILLING ──nobody left──► IDLE
 *                        └─────────────────nobody left──────────────────────────────────┘
 *
 * EOF on the socket means that pawl is gone: the same, with KILL at once, and then the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "net/peer.h"
#include "run/command.h"
#include "run/keeper.h"
#include "run/terminal.h"
#include "run/tree.h"

enum { LOOK_MS = 20, GIVE_UP_MS = 5000, EXIT_EXEC_FAILED = 127 };

enum clearing { CLEARING_IDLE, CLEARING_ASKED, CLEARING_KILLING };

struct keeper {
    int socket_fd; /* -1: pawl is gone */
    int child_fd;  /* signalfd */
    char *const *argv;
    const struct pawl_keeper_signals *signals;
    pid_t self;
    pid_t pawl;
    pid_t group; /* pawl's process group, which is the agent's */
    pid_t agent; /* 0: not started, or reaped */
    bool has_terminal;
    struct termios modes; /* of the terminal, before there was an agent */
    bool pawl_stopped;
    bool orphaned; /* pawl was killed, and had not seen to the terminal itself */
    enum clearing clearing;
    int64_t kill_at_us;
    int64_t give_up_at_us;
    struct pawl_tree tree;
    struct pawl_clock clock;
};

static int64_t now_us(const struct keeper *keeper)
{
    return keeper->clock.boot_us(keeper->clock.arg);
}

static void tell(struct keeper *keeper, struct pawl_keeper_event event)
{
    if (keeper->socket_fd >= 0) {
        ssize_t sent = send(keeper->socket_fd, &event, sizeof(event), MSG_NOSIGNAL);
        (void)sent; /* A socket without a reader is noticed by poll. */
    }
}

/* --- Starting the agent -------------------------------------------------------------------- */

struct start {
    char *settings;
    size_t settings_bytes;
    struct pawl_slice edits;
};

/* In the agent's process: as pawl was started, plus the settings; and should the keeper be killed
 * together with pawl, when nobody is left to do it, the agent itself still ends. Its program is
 * looked for before the settings, which put wrappers in front of PATH: its command has been edited
 * already. */
PAWL_NORETURN static void
become_agent(const struct keeper *keeper, const struct start *start, int report_fd)
{
    (void)setpgid(0, keeper->group);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != keeper->self) {
        _exit(EXIT_EXEC_FAILED); /* The keeper was killed before that. */
    }
    char program[PAWL_PATH_BYTES];
    int missing = pawl_command_find(keeper->argv[0], getenv("PATH"), program);
    char *end = start->settings + start->settings_bytes;
    for (char *setting = start->settings; setting < end; setting += strlen(setting) + 1) {
        (void)putenv(setting); /* Without a "=" it is taken out. */
    }
    char **argv = pawl_keeper_edit(keeper->argv, start->edits);
    for (int number = 1; number <= SIGRTMAX; number++) {
        bool ignored = sigismember(&keeper->signals->ignored, number) == 1;
        struct sigaction action = {.sa_handler = ignored ? SIG_IGN : SIG_DFL};
        (void)sigaction(number, &action, NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &keeper->signals->mask, NULL);
    errno = ENOMEM;
    if (argv != NULL && missing == 0) {
        (void)execvp(program, argv);
    }
    if (argv != NULL && (missing != 0 || errno == EACCES)) {
        (void)execvp(argv[0], argv); /* Another directory may have one that can be executed. */
    }
    int error_number = errno;
    ssize_t written = write(report_fd, &error_number, sizeof(error_number));
    (void)written; /* Without the report the exit status still says it. */
    _exit(EXIT_EXEC_FAILED);
}

/* The keeper must hold nothing open that the agent might want to see closed: whoever reads from the
 * agent's pipe waits for its end. */
static void let_go_of_descriptors(const struct keeper *keeper, int report_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= STDERR_FILENO && null_fd >= 0; fd++) {
        (void)dup2(null_fd, fd);
    }
    unsigned int from = STDERR_FILENO + 1;
    int limit = keeper->socket_fd;
    limit = keeper->child_fd > limit ? keeper->child_fd : limit;
    limit = report_fd > limit ? report_fd : limit;
    for (int fd = (int)from; fd < limit; fd++) {
        if (fd != keeper->socket_fd && fd != keeper->child_fd && fd != report_fd) {
            (void)close(fd);
        }
    }
    (void)syscall(SYS_close_range, (unsigned int)limit + 1, ~0u, 0);
}

static void start_agent(struct keeper *keeper, const struct start *start)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        tell(keeper,
             (struct pawl_keeper_event){.kind = PAWL_KEEPER_NOT_STARTED, .error_number = errno});
        return;
    }
    keeper->agent = fork();
    if (keeper->agent == 0) {
        become_agent(keeper, start, report[1]);
    }
    int error_number = keeper->agent < 0 ? errno : 0;
    (void)close(report[1]);
    let_go_of_descriptors(keeper, report[0]);
    /* The pipe closes with a successful exec; else it brings the reason. */
    while (error_number == 0 && read(report[0], &error_number, sizeof(error_number)) < 0 &&
           errno == EINTR) {
    }
    (void)close(report[0]);
    if (error_number != 0) {
        keeper->agent = 0;
        tell(keeper, (struct pawl_keeper_event){.kind = PAWL_KEEPER_NOT_STARTED,
                                                .error_number = error_number});
        return;
    }
    tell(keeper, (struct pawl_keeper_event){.kind = PAWL_KEEPER_STARTED});
}

/* --- Ending what is left ------------------------------------------------------------------- */

static void begin_clearing(struct keeper *keeper, uint32_t patience_ms)
{
    int64_t kill_at_us = now_us(keeper) + (int64_t)patience_ms * PAWL_US_PER_MS;
    if (keeper->clearing == CLEARING_IDLE) {
        keeper->kill_at_us = kill_at_us;
        if (patience_ms > 0 && pawl_ok(pawl_tree_walk(&keeper->tree, getpid()))) {
            pawl_tree_signal(&keeper->tree, SIGTERM);
            /* A stopped process takes the signal only when it runs again. */
            pawl_tree_signal(&keeper->tree, SIGCONT);
        }
        keeper->clearing = CLEARING_ASKED;
    } else if (kill_at_us < keeper->kill_at_us) {
        keeper->kill_at_us = kill_at_us;
    }
}

static void clearing_ended(struct keeper *keeper, size_t left)
{
    keeper->clearing = CLEARING_IDLE;
    tell(keeper, (struct pawl_keeper_event){.kind = PAWL_KEEPER_CLEARED, .left = (uint32_t)left});
}

static void clear_step(struct keeper *keeper)
{
    if (keeper->clearing == CLEARING_ASKED && now_us(keeper) >= keeper->kill_at_us) {
        keeper->clearing = CLEARING_KILLING;
        keeper->give_up_at_us = now_us(keeper) + GIVE_UP_MS * PAWL_US_PER_MS;
    }
    pawl_err err = keeper->clearing == CLEARING_KILLING ? pawl_tree_kill(&keeper->tree, getpid())
                                                        : pawl_tree_walk(&keeper->tree, getpid());
    if (pawl_ok(err) && keeper->tree.count == 0 && keeper->agent == 0) {
        clearing_ended(keeper, 0); /* The agent's end has been told before. */
    } else if (keeper->clearing == CLEARING_KILLING && now_us(keeper) >= keeper->give_up_at_us) {
        clearing_ended(keeper, keeper->tree.count);
    }
}

/* --- Events -------------------------------------------------------------------------------- */

/* Pawl shares the agent's fate with the terminal: see keeper.h. */
static void stop_pawl(struct keeper *keeper, bool stop)
{
    if (keeper->socket_fd >= 0 && keeper->has_terminal && stop != keeper->pawl_stopped) {
        keeper->pawl_stopped = stop;
        (void)kill(keeper->pawl, stop ? SIGSTOP : SIGCONT);
    }
}

static void agent_changed(struct keeper *keeper, int wait_status)
{
    if (WIFSTOPPED(wait_status)) {
        /* While clearing, it was us who stopped it. */
        stop_pawl(keeper, keeper->clearing == CLEARING_IDLE);
    } else if (WIFCONTINUED(wait_status)) {
        stop_pawl(keeper, false);
    } else {
        keeper->agent = 0;
        tell(keeper,
             (struct pawl_keeper_event){.kind = PAWL_KEEPER_EXITED, .wait_status = wait_status});
        stop_pawl(keeper, false);
    }
}

static void reap(struct keeper *keeper)
{
    struct signalfd_siginfo info;
    while (read(keeper->child_fd, &info, sizeof(info)) > 0) {
    }
    int status = 0;
    for (pid_t pid = 1; pid > 0;) {
        pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED);
        if (pid > 0 && pid == keeper->agent) {
            agent_changed(keeper, status);
        }
    }
}

static void take_terminal_back(const struct keeper *keeper)
{
    if (keeper->has_terminal && keeper->orphaned) {
        pawl_terminal_take_back(&keeper->modes, keeper->group);
    }
}

/* This end of the socket is told before pawl's parent is told of its death. So the terminal comes
 * first: a moment later it may be the shell's again, and has a prompt on the screen that is to go.
 * What draws on it is stopped for that, as far as it is the agent itself. */
static void pawl_is_gone(struct keeper *keeper)
{
    (void)close(keeper->socket_fd);
    keeper->socket_fd = -1;
    keeper->orphaned = keeper->agent > 0 || keeper->clearing != CLEARING_IDLE;
    if (keeper->agent > 0) {
        (void)kill(keeper->agent, SIGSTOP);
    }
    take_terminal_back(keeper);
    begin_clearing(keeper, 0);
}

static void take_order(struct keeper *keeper)
{
    static char message[sizeof(struct pawl_keeper_order) + PAWL_KEEPER_START_MAX];
    struct pawl_keeper_order order;
    ssize_t bytes = recv(keeper->socket_fd, message, sizeof(message), MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (bytes < (ssize_t)sizeof(order)) {
        pawl_is_gone(keeper);
        return;
    }
    memcpy(&order, message, sizeof(order));
    if (order.kind == PAWL_KEEPER_ORDER_START) {
        PAWL_ASSERT(order.value <= (size_t)bytes - sizeof(order));
        char *texts = message + sizeof(order);
        struct start start = {
            .settings = texts,
            .settings_bytes = order.value,
            .edits =
                pawl_slice_of(texts + order.value, (size_t)bytes - sizeof(order) - order.value),
        };
        start_agent(keeper, &start);
    } else if (order.kind == PAWL_KEEPER_ORDER_SIGNAL && keeper->agent > 0) {
        (void)kill(keeper->agent, (int)order.value);
    } else if (order.kind == PAWL_KEEPER_ORDER_CLEAR) {
        begin_clearing(keeper, order.value);
    }
}

/* Everything that can be ignored is: a signal to the whole process group is meant for the agent,
 * and whoever wants to be rid of the keeper ends pawl. Faults keep their default. */
static void ignore_signals(void)
{
    static const int kept[] = {SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action = {.sa_handler = SIG_IGN};
        for (size_t i = 0; i < PAWL_ARRAY_LEN(kept); i++) {
            if (kept[i] == number) {
                action.sa_handler = SIG_DFL;
            }
        }
        (void)sigaction(number, &action, NULL);
    }
}

static int open_child_fd(void)
{
    sigset_t children;
    sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &children, NULL);
    return signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
}

void pawl_keeper_main(int fd, char *const *argv, const struct pawl_keeper_signals *signals)
{
    (void)prctl(PR_SET_NAME, PAWL_KEEPER_NAME, 0, 0, 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    ignore_signals();
    pid_t group = getpgrp();
    /* Whoever kills pawl's whole group must not kill the one that then ends the tree. */
    (void)setpgid(0, 0);
    struct keeper keeper = {
        .socket_fd = fd,
        .child_fd = open_child_fd(),
        .argv = argv,
        .signals = signals,
        .self = getpid(),
        .pawl = getppid(),
        .group = group,
        .clock = pawl_clock_os(),
    };
    keeper.has_terminal = pawl_terminal_controlling(&keeper.modes);
    if (keeper.child_fd < 0) {
        _exit(EXIT_FAILURE); /* Pawl sees the closed socket. */
    }
    while (keeper.socket_fd >= 0 || keeper.clearing != CLEARING_IDLE) {
        struct pollfd polled[2] = {{.fd = keeper.socket_fd, .events = POLLIN},
                                   {.fd = keeper.child_fd, .events = POLLIN}};
        (void)poll(polled, 2, keeper.clearing != CLEARING_IDLE ? LOOK_MS : -1);
        if (polled[1].revents != 0) {
            reap(&keeper);
        }
        if (polled[0].revents != 0) {
            take_order(&keeper);
        }
        if (keeper.clearing != CLEARING_IDLE) {
            clear_step(&keeper);
        }
    }
    take_terminal_back(&keeper); /* Where another of the agent's had it until now. */
    _exit(EXIT_SUCCESS);
}
