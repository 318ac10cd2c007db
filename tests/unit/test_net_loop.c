/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_loop.c: the end-of-turn hook, the lists of deadlines, the owner of a local socket, and
 * libuv's errors as ours.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/deadline.h"
#include "net/loop.h"
#include "net/peer.h"

/* --- Turns ---------------------------------------------------------------------------------- */

struct hook {
    struct world world;
    struct pawl_turn *turn;
    struct wire wires[2];
    size_t run_count;
    bool again;
    bool close_inside;
    size_t bytes_at_run; /* what both wires had read when it ran */
};

static void on_turn(void *arg)
{
    struct hook *hook = arg;
    hook->run_count += 1;
    hook->bytes_at_run = hook->wires[0].in.bytes + hook->wires[1].in.bytes;
    /* Whatever the phase, uv_run comes back and does not wait for something else. */
    uv_stop(&hook->world.loop);
    if (hook->again) {
        hook->again = false;
        pawl_turn_request(hook->turn);
    }
    if (hook->close_inside) {
        pawl_turn_close(hook->turn);
    }
}

static void open_hook(struct hook *hook)
{
    *hook = (struct hook){0};
    world_open(&hook->world);
    assert_true(pawl_ok(pawl_turn_new(&hook->world.loop, on_turn, hook, &hook->turn)));
}

static void close_hook(struct hook *hook)
{
    pawl_turn_close(hook->turn);
    world_close(&hook->world);
}

static void turn_runs_only_when_asked(void **state)
{
    (void)state;
    struct hook hook;
    open_hook(&hook);
    for (int i = 0; i < 5; i++) {
        uv_run(&hook.world.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(hook.run_count, 0);
    pawl_turn_request(hook.turn);
    pawl_turn_request(hook.turn);
    for (int i = 0; i < 5; i++) {
        uv_run(&hook.world.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(hook.run_count, 1);
    close_hook(&hook);
}

static void ask_in_prepare(uv_prepare_t *handle)
{
    struct hook *hook = handle->data;
    pawl_turn_request(hook->turn);
    uv_prepare_stop(handle);
}

static void ask_in_check(uv_check_t *handle)
{
    struct hook *hook = handle->data;
    pawl_turn_request(hook->turn);
    uv_check_stop(handle);
}

static void ask_in_timer(uv_timer_t *handle)
{
    struct hook *hook = handle->data;
    pawl_turn_request(hook->turn);
}

static void ask_in_close(uv_handle_t *handle)
{
    struct hook *hook = handle->data;
    pawl_turn_request(hook->turn);
}

/* Whoever asks, in whatever phase: the loop does not wait with the request open. Only the
 * watchdog would end that wait. Handles of one kind run in an order that depends on which
 * was started first, so each is there once before and once after the turn's own. */
static void turn_never_lets_the_loop_wait_with_a_request(void **state)
{
    (void)state;
    struct hook hook = {0};
    world_open(&hook.world);
    uv_prepare_t prepare[2];
    uv_check_t check[2];
    uv_timer_t timer;
    for (size_t i = 0; i < 2; i++) {
        uv_prepare_init(&hook.world.loop, &prepare[i]);
        uv_check_init(&hook.world.loop, &check[i]);
        prepare[i].data = &hook;
        check[i].data = &hook;
    }
    uv_prepare_start(&prepare[0], ask_in_prepare);
    assert_true(pawl_ok(pawl_turn_new(&hook.world.loop, on_turn, &hook, &hook.turn)));
    WAIT_UNTIL(&hook.world, hook.run_count == 1);
    uv_prepare_start(&prepare[1], ask_in_prepare);
    WAIT_UNTIL(&hook.world, hook.run_count == 2);
    uv_check_start(&check[1], ask_in_check);
    uv_timer_init(&hook.world.loop, &timer);
    timer.data = &hook;
    uv_timer_start(&timer, ask_in_timer, 1, 0);
    WAIT_UNTIL(&hook.world, hook.run_count >= 3);
    WAIT_UNTIL(&hook.world,
               !uv_is_active((uv_handle_t *)&check[1]) && !uv_is_active((uv_handle_t *)&timer));
    size_t before = hook.run_count;
    uv_close((uv_handle_t *)&prepare[0], ask_in_close);
    uv_close((uv_handle_t *)&prepare[1], NULL);
    uv_close((uv_handle_t *)&check[0], NULL);
    uv_close((uv_handle_t *)&check[1], NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    WAIT_UNTIL(&hook.world, hook.run_count > before);
    before = hook.run_count;
    hook.again = true;
    pawl_turn_request(hook.turn);
    WAIT_UNTIL(&hook.world, hook.run_count == before + 2);
    close_hook(&hook);
}

static void turn_keeps_the_loop_alive_until_it_ran(void **state)
{
    (void)state;
    struct hook hook;
    open_hook(&hook);
    uv_unref((uv_handle_t *)&hook.world.watchdog);
    assert_int_equal(uv_run(&hook.world.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(hook.run_count, 0);
    hook.again = true;
    pawl_turn_request(hook.turn);
    /* The function stops the loop each time, so it may come back with something left to do. */
    while (uv_run(&hook.world.loop, UV_RUN_DEFAULT) != 0) {
        assert_false(hook.world.timed_out);
    }
    assert_int_equal(hook.run_count, 2);
    close_hook(&hook);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct hook *hook = poll->data;
    size_t index = poll == &hook->wires[0].poll ? 0 : 1;
    char bytes[16];
    ssize_t got = read(hook->wires[index].fd, bytes, sizeof(bytes));
    hook->wires[index].in.bytes += got > 0 ? (size_t)got : 0;
    pawl_turn_request(hook->turn);
}

/* Two sockets are ready in one turn: the hook runs once, after both. */
static void turn_runs_after_everything_that_was_ready(void **state)
{
    (void)state;
    struct hook hook;
    open_hook(&hook);
    int ends[2][2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        hook.wires[i].fd = ends[i][0];
        assert_int_equal(uv_poll_init(&hook.world.loop, &hook.wires[i].poll, ends[i][0]), 0);
        hook.wires[i].poll.data = &hook;
        uv_poll_start(&hook.wires[i].poll, UV_READABLE, on_ready);
        assert_int_equal(write(ends[i][1], "x", 1), 1);
    }
    WAIT_UNTIL(&hook.world, hook.run_count > 0);
    assert_int_equal(hook.run_count, 1);
    assert_int_equal(hook.bytes_at_run, 2);
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&hook.wires[i].poll, NULL);
        uv_run(&hook.world.loop, UV_RUN_NOWAIT);
        close(ends[i][0]);
        close(ends[i][1]);
    }
    close_hook(&hook);
}

static void turn_may_be_closed_inside_its_function(void **state)
{
    (void)state;
    struct hook hook;
    open_hook(&hook);
    hook.close_inside = true;
    pawl_turn_request(hook.turn);
    WAIT_UNTIL(&hook.world, hook.run_count == 1);
    world_close(&hook.world);
}

/* --- Signals -------------------------------------------------------------------------------- */

static void on_unused_request(void *arg, struct pawl_http_exchange *exchange)
{
    (void)arg;
    (void)exchange;
}

/* Writing to a connection that the peer has closed must be an error and not the end. */
static void a_server_leaves_no_deadly_sigpipe(void **state)
{
    (void)state;
    struct world world;
    struct pawl_http_server *server = NULL;
    world_open(&world);
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    struct pawl_http_server_options options = {
        .loop = &world.loop, .limits = limits_default(), .handler = on_unused_request};
    assert_true(pawl_ok(pawl_http_server_new(&options, &server)));
    struct sigaction action;
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_IGN);
    pawl_http_server_close(server);
    world_close(&world);
}

/* --- Errors --------------------------------------------------------------------------------- */

static void uv_errors_become_ours(void **state)
{
    (void)state;
    assert_true(pawl_ok(pawl_err_from_uv(0)));
    assert_true(pawl_ok(pawl_err_from_uv(7)));
    assert_int_equal(pawl_err_from_uv(UV_ECONNREFUSED).code, PAWL_ERR_UNREACHABLE);
    assert_int_equal(pawl_err_from_uv(UV_EAI_NONAME).code, PAWL_ERR_UNREACHABLE);
    assert_int_equal(pawl_err_from_uv(UV_ETIMEDOUT).code, PAWL_ERR_TIMEOUT);
    assert_int_equal(pawl_err_from_uv(UV_EADDRINUSE).code, PAWL_ERR_EXISTS);
    assert_int_equal(pawl_err_from_uv(UV_EACCES).code, PAWL_ERR_PERMISSION);
    assert_int_equal(pawl_err_from_uv(UV_ENOENT).code, PAWL_ERR_NOT_FOUND);
    assert_int_equal(pawl_err_from_uv(UV_EOF).code, PAWL_ERR_IO);
    assert_int_equal(pawl_err_from_uv(UV_ENOMEM).code, PAWL_ERR_MEMORY);
}

/* --- Deadlines ------------------------------------------------------------------------------ */

static void deadlines_expire_in_order_of_their_start(void **state)
{
    (void)state;
    struct pawl_deadline_list list = {.timeout_ms = 10};
    struct pawl_deadline d[3] = {{0}};
    uint64_t at_ms = 0;
    assert_false(pawl_deadline_next(&list, &at_ms));
    pawl_deadline_start(&list, &d[0], 100);
    pawl_deadline_start(&list, &d[1], 101);
    pawl_deadline_start(&list, &d[2], 102);
    pawl_deadline_start(&list, &d[0], 103); /* again */
    assert_true(pawl_deadline_next(&list, &at_ms));
    assert_int_equal(at_ms, 111);
    assert_null(pawl_deadline_take_due(&list, 110));
    assert_ptr_equal(pawl_deadline_take_due(&list, 111), &d[1]);
    assert_null(pawl_deadline_take_due(&list, 111));
    pawl_deadline_stop(&d[2]);
    pawl_deadline_stop(&d[2]);
    assert_ptr_equal(pawl_deadline_take_due(&list, 200), &d[0]);
    assert_null(pawl_deadline_take_due(&list, 200));
    assert_null(list.first);
    assert_null(list.last);
}

static void deadlines_move_between_lists_and_may_never_expire(void **state)
{
    (void)state;
    struct pawl_deadline_list timed = {.timeout_ms = 10};
    struct pawl_deadline_list endless = {.timeout_ms = 0};
    struct pawl_deadline d[2] = {{0}};
    pawl_deadline_start(&timed, &d[0], 1);
    pawl_deadline_start(&timed, &d[1], 1);
    pawl_deadline_start(&endless, &d[0], 2);
    uint64_t at_ms = 0;
    assert_false(pawl_deadline_next(&endless, &at_ms));
    assert_null(pawl_deadline_take_due(&endless, UINT64_MAX));
    assert_ptr_equal(timed.first, &d[1]);
    pawl_deadline_stop(&d[1]);
    pawl_deadline_stop(&d[0]);
    assert_null(timed.first);
    assert_null(endless.first);
}

/* --- Peers ---------------------------------------------------------------------------------- */

struct pair {
    int near; /* accepted */
    int far;  /* connected */
    struct sockaddr_storage remote;
    struct sockaddr_storage local;
};

static bool open_pair(struct pair *pair, int family, int far_family)
{
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    socklen_t bytes = sizeof(struct sockaddr_in);
    if (family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        memcpy(&address, &in, sizeof(in));
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        in6.sin6_addr = far_family == AF_INET6 ? in6addr_loopback : in6addr_any;
        memcpy(&address, &in6, sizeof(in6));
        bytes = sizeof(in6);
    }
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, bytes) != 0) {
        close(listener);
        return false;
    }
    assert_int_equal(listen(listener, 1), 0);
    bytes = sizeof(address);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    if (far_family != family) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &address, sizeof(in6));
        struct sockaddr_in in = {
            .sin_family = AF_INET, .sin_port = in6.sin6_port, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        memcpy(&address, &in, sizeof(in));
        bytes = sizeof(in);
    }
    pair->far = socket(far_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair->far, (const struct sockaddr *)&address, bytes), 0);
    pair->near = accept(listener, NULL, NULL);
    assert_true(pair->near >= 0);
    close(listener);
    bytes = sizeof(pair->remote);
    assert_int_equal(getpeername(pair->near, (struct sockaddr *)&pair->remote, &bytes), 0);
    bytes = sizeof(pair->local);
    assert_int_equal(getsockname(pair->near, (struct sockaddr *)&pair->local, &bytes), 0);
    return true;
}

static void peer_of_a_loopback_connection_is_this_user(void **state)
{
    (void)state;
    static const int families[][2] = {
        {AF_INET, AF_INET}, {AF_INET6, AF_INET6}, {AF_INET6, AF_INET}};
    struct pawl_peer peer;
    pawl_peer_open(&peer);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(families); i++) {
        struct pair pair = {0};
        if (!open_pair(&pair, families[i][0], families[i][1])) {
            assert_int_not_equal(i, 0);
            print_message("no IPv6 here: case %zu skipped\n", i);
            continue;
        }
        assert_true(pawl_peer_is_local(&pair.remote, &pair.local));
        uid_t uid = (uid_t)-1;
        assert_int_equal(pawl_peer_tcp_uid(&peer, &pair.remote, &pair.local, &uid),
                         PAWL_PEER_KNOWN);
        assert_int_equal(uid, geteuid());
        uid = (uid_t)-1;
        assert_int_equal(pawl_peer_tcp_uid_from_proc(&pair.remote, &pair.local, &uid),
                         PAWL_PEER_KNOWN);
        assert_int_equal(uid, geteuid());
        /* Without an owner the far socket is nobody's, and not root's. */
        close(pair.far);
        assert_int_equal(pawl_peer_tcp_uid(&peer, &pair.remote, &pair.local, &uid),
                         PAWL_PEER_NOBODY);
        assert_int_equal(pawl_peer_tcp_uid_from_proc(&pair.remote, &pair.local, &uid),
                         PAWL_PEER_NOBODY);
        close(pair.near);
    }
    pawl_peer_close(&peer);
}

static void peer_under_another_uid_is_told_apart(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: no other user to be\n");
        skip();
    }
    struct pair pair = {0};
    assert_true(open_pair(&pair, AF_INET, AF_INET));
    close(pair.far);
    close(pair.near);
    uint16_t port = 0;
    int listener = listen_loopback(1, &port);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        char byte = 0;
        close(ready[1]);
        int fd = setuid(65534) == 0 ? socket(AF_INET, SOCK_STREAM, 0) : -1;
        /* Stays until the test has looked: the pipe's other end closes then. */
        _exit(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
                      read(ready[0], &byte, 1) == 0
                  ? 0
                  : 1);
    }
    close(ready[0]);
    int near = accept(listener, NULL, NULL);
    assert_true(near >= 0);
    socklen_t bytes = sizeof(pair.remote);
    assert_int_equal(getpeername(near, (struct sockaddr *)&pair.remote, &bytes), 0);
    bytes = sizeof(pair.local);
    assert_int_equal(getsockname(near, (struct sockaddr *)&pair.local, &bytes), 0);
    struct pawl_peer peer;
    pawl_peer_open(&peer);
    uid_t uid = 0;
    assert_int_equal(pawl_peer_tcp_uid(&peer, &pair.remote, &pair.local, &uid), PAWL_PEER_KNOWN);
    assert_int_equal(uid, 65534);
    assert_int_equal(pawl_peer_tcp_uid_from_proc(&pair.remote, &pair.local, &uid), PAWL_PEER_KNOWN);
    assert_int_equal(uid, 65534);
    pawl_peer_close(&peer);
    close(ready[1]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(near);
    close(listener);
}

/* A child that forks twice: what it leaves behind belongs to whoever is the subreaper. */
static void peer_descends_from_its_ancestors(void **state)
{
    (void)state;
    int hold[2];
    int tell[2];
    char done = 0;
    pid_t grandchild = 0;
    assert_int_equal(pipe(hold), 0);
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_NAME, "a) b (c", 0, 0, 0);
        pid_t pid = fork();
        if (pid != 0) {
            assert_int_equal(write(tell[1], &pid, sizeof(pid)), sizeof(pid));
        } else {
            (void)prctl(PR_SET_NAME, "other", 0, 0, 0);
        }
        (void)close(hold[1]);
        _exit(read(hold[0], &done, 1) == 0 ? 0 : 1);
    }
    assert_int_equal(read(tell[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    assert_true(pawl_peer_descends_from(grandchild, child));
    assert_true(pawl_peer_descends_from(grandchild, getpid()));
    assert_true(pawl_peer_descends_from(child, child));
    assert_false(pawl_peer_descends_from(child, grandchild));
    assert_false(pawl_peer_descends_from(getpid(), child));
    assert_true(pawl_peer_descends_from_named(grandchild, "a) b (c"));
    assert_true(pawl_peer_descends_from_named(child, "a) b (c"));
    assert_false(pawl_peer_descends_from_named(getpid(), "a) b (c"));
    assert_false(pawl_peer_descends_from_named(grandchild, ""));
    (void)close(hold[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    /* It may have been anybody's, and who inherited its connections goes on. */
    assert_true(pawl_peer_descends_from(child, getpid()));
    assert_true(pawl_peer_descends_from_named(child, "other"));
    (void)close(hold[0]);
    (void)close(tell[0]);
    (void)close(tell[1]);
}

static void peer_is_local_by_either_end(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000001)}};
    struct sockaddr_in b = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000002)}};
    struct sockaddr_storage remote = {0};
    struct sockaddr_storage local = {0};
    memcpy(&remote, &a, sizeof(a));
    memcpy(&local, &b, sizeof(b));
    assert_false(pawl_peer_is_local(&remote, &local));
    memcpy(&local, &a, sizeof(a));
    assert_true(pawl_peer_is_local(&remote, &local));
    a.sin_addr.s_addr = htonl(0x7f123456);
    memcpy(&remote, &a, sizeof(a));
    assert_true(pawl_peer_is_local(&remote, &local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turn_runs_only_when_asked),
        cmocka_unit_test(turn_never_lets_the_loop_wait_with_a_request),
        cmocka_unit_test(turn_keeps_the_loop_alive_until_it_ran),
        cmocka_unit_test(turn_runs_after_everything_that_was_ready),
        cmocka_unit_test(turn_may_be_closed_inside_its_function),
        cmocka_unit_test(a_server_leaves_no_deadly_sigpipe),
        cmocka_unit_test(uv_errors_become_ours),
        cmocka_unit_test(deadlines_expire_in_order_of_their_start),
        cmocka_unit_test(deadlines_move_between_lists_and_may_never_expire),
        cmocka_unit_test(peer_of_a_loopback_connection_is_this_user),
        cmocka_unit_test(peer_under_another_uid_is_told_apart),
        cmocka_unit_test(peer_is_local_by_either_end),
        cmocka_unit_test(peer_descends_from_its_ancestors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
