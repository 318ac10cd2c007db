/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams.c: stdin, stdout and stderr, as a command finds and leaves them. A descriptor that is
 * closed at the start would be taken by the first file that is opened, and what is meant for
 * people, keys among it, would go into that file. So its place is taken by /dev/null in the
 * direction that nobody uses: reading and writing fail as they would have. An agent still finds it
 * closed, as it is let go of by exec.
 */
#include "cli/streams.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

static bool dies_by_sigpipe; /* as it was at the start; servers and clients ignore it later */

void pawl_cli_streams_begin(void)
{
    struct sigaction action;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int way = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", way | O_CLOEXEC) != fd) {
            _exit(PAWL_EXIT_REFUSED); /* there is nowhere to say why */
        }
    }
    dies_by_sigpipe = sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
}

/* Whoever read the pipe has had enough, as `head` has. */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int pawl_cli_streams_end(int status)
{
    /* An error of an earlier flush shows in the second. */
    bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (!failed || status != PAWL_EXIT_OK) {
        return status;
    }
    if (dies_by_sigpipe && reader_is_gone()) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
    fputs("pawl: the output could not be written\n", stderr);
    return PAWL_EXIT_REFUSED;
}
