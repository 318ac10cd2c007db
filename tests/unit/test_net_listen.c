/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_listen.c: where a server listens: how addresses are written, names with several of
 * them, Unix sockets and their modes, the tag that an exchange gives back, and what the messages
 * say where it cannot.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attrs.h"

/* --- Unix sockets --------------------------------------------------------------------------- */

struct folder {
    char path[64];
    char socket[96];
};

static void folder_open(struct folder *folder)
{
    snprintf(folder->path, sizeof(folder->path), "/tmp/pawl_net_XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->socket, sizeof(folder->socket), "%s/s", folder->path);
}

static void server_listens_on_a_private_unix_socket(void **state)
{
    (void)state;
    struct folder folder;
    folder_open(&folder);
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    struct pawl_errmsg msg = {0};
    assert_true(pawl_ok(pawl_http_server_listen_unix(f.service.server, folder.socket, &msg)));
    struct stat found;
    assert_int_equal(lstat(folder.socket, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    struct wire wire;
    wire_connect_unix(&wire, &f.world, folder.socket);
    wire_send(&wire, GET("/unix"));
    WAIT_UNTIL(&f.world, wire_has(&wire, "GET /unix 0"));
    wire_close(&wire);
    /* It listens there itself, whatever the path is called, or somebody else does. */
    char around[128];
    snprintf(around, sizeof(around), "%s/../%s/s", folder.path, strrchr(folder.path, '/') + 1);
    const char *const paths[] = {folder.socket, around};
    for (int i = 0; i < 2; i++) {
        pawl_err own = pawl_http_server_listen_unix(f.service.server, paths[i], &msg);
        assert_int_equal(own.code, PAWL_ERR_EXISTS);
        assert_non_null(strstr(msg.text, paths[i]));
        assert_non_null(strstr(msg.text, "this server listens there already; name each address "
                                         "once"));
    }
    struct fixture other;
    fixture_open(&other, limits_default());
    pawl_err err = pawl_http_server_listen_unix(other.service.server, folder.socket, &msg);
    fixture_close(&other);
    assert_int_equal(err.code, PAWL_ERR_EXISTS);
    assert_non_null(strstr(msg.text, folder.socket));
    char who[32];
    snprintf(who, sizeof(who), "process %d (", (int)getpid());
    assert_non_null(strstr(msg.text, who));
    fixture_close(&f);
    assert_int_not_equal(access(folder.socket, F_OK), 0);
    assert_int_equal(rmdir(folder.path), 0);
}

static void server_replaces_a_stale_unix_socket_only(void **state)
{
    (void)state;
    struct folder folder;
    folder_open(&folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, folder.socket, strlen(folder.socket) + 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_errmsg msg = {0};
    assert_true(pawl_ok(pawl_http_server_listen_unix(f.service.server, folder.socket, &msg)));
    char file[128];
    snprintf(file, sizeof(file), "%s/file", folder.path);
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
    assert_int_equal(pawl_http_server_listen_unix(f.service.server, file, &msg).code,
                     PAWL_ERR_EXISTS);
    assert_int_equal(access(file, F_OK), 0);
    char far[200];
    memset(far, 'a', sizeof(far) - 1);
    far[sizeof(far) - 1] = '\0';
    assert_int_equal(pawl_http_server_listen_unix(f.service.server, far, &msg).code,
                     PAWL_ERR_INVALID);
    assert_int_equal(pawl_http_server_listen_unix(f.service.server, "/none/such/s", &msg).code,
                     PAWL_ERR_NOT_FOUND);
    fixture_close(&f);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder.path), 0);
}

static void server_gives_a_socket_the_mode_that_is_asked_for(void **state)
{
    (void)state;
    struct folder folder;
    folder_open(&folder);
    struct fixture f;
    fixture_open(&f, limits_default());
    char address[128];
    snprintf(address, sizeof(address), "unix:%s", folder.socket);
    const struct pawl_http_listen listen = {.address = address, .unix_mode = 0666};
    mode_t mask = umask(0077);
    uint16_t port = 1;
    assert_true(pawl_ok(pawl_http_server_listen(f.service.server, &listen, &port, NULL)));
    umask(mask);
    assert_int_equal(port, 0);
    struct stat found;
    assert_int_equal(lstat(folder.socket, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0666);
    fixture_close(&f);
    assert_int_equal(rmdir(folder.path), 0);
}

/* The hundreds digit of what a child under that uid is answered on the socket. */
static int status_class_on(const char *path, uid_t uid, struct world *world)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char answer[512] = {0};
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        memcpy(address.sun_path, path, strlen(path) + 1);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bool answered = setuid(uid) == 0 &&
                        connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
                        write(fd, GET("/"), sizeof(GET("/")) - 1) > 0 &&
                        read(fd, answer, sizeof(answer) - 1) >= 10;
        _exit(answered ? answer[9] : '0');
    }
    close(ends[1]);
    struct wire life;
    wire_adopt(&life, world, ends[0]);
    WAIT_UNTIL(world, life.eof);
    wire_close(&life);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) - '0';
}

static void server_keeps_one_socket_to_its_user_and_opens_another(void **state)
{
    (void)state;
    struct folder folder;
    folder_open(&folder);
    assert_int_equal(chmod(folder.path, 0711), 0);
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    char open_path[128];
    snprintf(open_path, sizeof(open_path), "%s/open", folder.path);
    const struct pawl_http_listen mine = {
        .address = folder.socket, .unix_mode = 0666, .same_user_only = true};
    const struct pawl_http_listen all = {.address = open_path, .unix_mode = 0666};
    assert_true(pawl_ok(pawl_http_server_listen(f.service.server, &mine, NULL, NULL)));
    assert_true(pawl_ok(pawl_http_server_listen(f.service.server, &all, NULL, NULL)));
    assert_int_equal(status_class_on(folder.socket, geteuid(), &f.world), 2);
    assert_int_equal(status_class_on(open_path, geteuid(), &f.world), 2);
    if (geteuid() == 0) {
        assert_int_equal(status_class_on(folder.socket, 65534, &f.world), 4);
        assert_int_equal(status_class_on(open_path, 65534, &f.world), 2);
    } else {
        print_message("not root: no other user to connect as\n");
    }
    fixture_close(&f);
    assert_int_equal(rmdir(folder.path), 0);
}

/* --- Ports ---------------------------------------------------------------------------------- */

static uint32_t last_tag;

static void tell_tag(struct service *service, struct pawl_http_exchange *exchange)
{
    (void)service;
    last_tag = pawl_http_exchange_listener(exchange);
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("tagged"));
}

static void exchange_tells_the_listener_it_came_by(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.on_request = tell_tag;
    static const uint32_t tags[] = {7, UINT32_MAX, 0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tags); i++) {
        const struct pawl_http_listen listen = {.address = "127.0.0.1:0", .tag = tags[i]};
        uint16_t port = 0;
        assert_true(pawl_ok(pawl_http_server_listen(f.service.server, &listen, &port, NULL)));
        struct wire wire;
        wire_connect(&wire, &f.world, port);
        last_tag = 99;
        wire_send(&wire, GET("/"));
        WAIT_UNTIL(&f.world, wire_has(&wire, "tagged"));
        assert_int_equal(last_tag, tags[i]);
        wire_close(&wire);
    }
    fixture_close(&f);
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static void answers_on_ipv6(struct fixture *f, uint16_t port)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(port)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    struct wire wire;
    wire_adopt(&wire, &f->world, fd);
    wire_send(&wire, GET("/six"));
    WAIT_UNTIL(&f->world, wire_has(&wire, "GET /six 0"));
    wire_close(&wire);
}

static void answers_on_ipv4(struct fixture *f, uint16_t port)
{
    struct wire wire;
    wire_connect(&wire, &f->world, port);
    wire_send(&wire, GET("/four"));
    WAIT_UNTIL(&f->world, wire_has(&wire, "GET /four 0"));
    wire_close(&wire);
}

static uint16_t listen_at(struct fixture *f, const char *text)
{
    const struct pawl_http_listen listen = {.address = text};
    uint16_t port = 0;
    struct pawl_errmsg msg = {0};
    if (pawl_failed(pawl_http_server_listen(f->service.server, &listen, &port, &msg))) {
        fail_msg("%s: %s", text, msg.text);
    }
    assert_true(port > 0);
    return port;
}

static void server_listens_on_both_families(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    answers_on_ipv4(&f, listen_at(&f, "localhost:0"));
    answers_on_ipv4(&f, listen_at(&f, "*:0"));
    if (has_ipv6()) {
        answers_on_ipv6(&f, listen_at(&f, "[::1]:0"));
        answers_on_ipv6(&f, listen_at(&f, "*:0"));
        answers_on_ipv6(&f, listen_at(&f, "[::]:0"));
    } else {
        print_message("no IPv6 here\n");
    }
    fixture_close(&f);
}

static void server_reads_addresses_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *why;
    } rows[] = {
        {"", "HOST:PORT"},
        {"8080", "HOST:PORT"},
        {":8080", "a host is missing"},
        {"[]:8080", "brackets"},
        {"127.0.0.1:", "0 to 65535"},
        {"127.0.0.1:65536", "0 to 65535"},
        {"127.0.0.1:-1", "0 to 65535"},
        {"127.0.0.1:80x", "0 to 65535"},
        {"::1:8080", "brackets"},
        {"[127.0.0.1]:8080", "brackets"},
        {"unix:", "1 to"},
    };
    struct fixture f;
    fixture_open(&f, limits_default());
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        const struct pawl_http_listen listen = {.address = rows[i].address};
        struct pawl_errmsg msg = {0};
        pawl_err err = pawl_http_server_listen(f.service.server, &listen, NULL, &msg);
        if (err.code != PAWL_ERR_INVALID || strstr(msg.text, rows[i].why) == NULL) {
            fail_msg("%s: %s, \"%s\"", rows[i].address, pawl_err_name(err), msg.text);
        }
    }
    char far[400];
    memset(far, 'a', sizeof(far));
    memcpy(far + sizeof(far) - 3, ":1", 3);
    const struct pawl_http_listen listen = {.address = far};
    pawl_err err = pawl_http_server_listen(f.service.server, &listen, NULL, NULL);
    assert_int_equal(err.code, PAWL_ERR_INVALID);
    fixture_close(&f);
}

static void server_names_the_process_that_has_the_port(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_errmsg msg = {0};
    struct fixture other;
    fixture_open(&other, limits_default());
    pawl_err err =
        pawl_http_server_listen_tcp(other.service.server, "127.0.0.1", f.service.port, NULL, &msg);
    fixture_close(&other);
    assert_int_equal(err.code, PAWL_ERR_EXISTS);
    char where[64];
    snprintf(where, sizeof(where), "127.0.0.1:%u: address already in use by process %d (",
             (unsigned)f.service.port, (int)getpid());
    assert_non_null(strstr(msg.text, where));
    fixture_close(&f);
}

/* Another process, which listens until the other end of its pipe is closed. */
static pid_t listen_elsewhere(const char *host, uint16_t port, const int life[2])
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    char byte = 0;
    if (child > 0) {
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return child;
    }
    close(life[1]);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool good = inet_pton(AF_INET, host, &address.sin_addr) == 1 &&
                bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
                listen(fd, 1) == 0 && write(ready[1], &byte, 1) == 1;
    close(ready[1]);
    _exit(good && read(life[0], &byte, 1) == 0 ? 0 : 1);
}

/* And not one that has the same port elsewhere. */
static void server_names_the_process_that_is_in_the_way(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4"};
    pid_t children[PAWL_ARRAY_LEN(hosts)];
    int life[2];
    struct fixture f;
    fixture_open(&f, limits_default());
    assert_int_equal(pipe(life), 0);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(hosts); i++) {
        children[i] = listen_elsewhere(hosts[i], f.service.port, life);
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(hosts); i++) {
        struct pawl_errmsg msg = {0};
        pawl_err err =
            pawl_http_server_listen_tcp(f.service.server, hosts[i], f.service.port, NULL, &msg);
        assert_int_equal(err.code, PAWL_ERR_EXISTS);
        char where[64];
        snprintf(where, sizeof(where), "%s:%u: address already in use by process %d (", hosts[i],
                 (unsigned)f.service.port, (int)children[i]);
        if (strstr(msg.text, where) == NULL) {
            fail_msg("\"%s\" is not \"%s\"", msg.text, where);
        }
    }
    close(life[1]);
    close(life[0]);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(hosts); i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    fixture_close(&f);
}

/* A socket of IPv6 that takes IPv4, too, is in the way of an address of that. */
static void server_names_who_listens_for_both_families(void **state)
{
    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    socklen_t bytes = sizeof(address);
    int no = 0;
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        print_message("no IPv6 here\n");
        close(fd);
        return;
    }
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_errmsg msg = {0};
    pawl_err err = pawl_http_server_listen_tcp(f.service.server, "127.0.0.1",
                                               ntohs(address.sin6_port), NULL, &msg);
    assert_int_equal(err.code, PAWL_ERR_EXISTS);
    char who[32];
    snprintf(who, sizeof(who), "by process %d (", (int)getpid());
    if (strstr(msg.text, who) == NULL) {
        fail_msg("\"%s\" is not \"%s\"", msg.text, who);
    }
    fixture_close(&f);
    close(fd);
}

/* The same address twice, or one that every address has in it already. */
static void server_says_that_it_has_the_port_itself(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0", "127.0.0.1", "127.0.0.2"};
    struct fixture f;
    fixture_open(&f, limits_default());
    for (size_t i = 0; i < PAWL_ARRAY_LEN(hosts); i++) {
        uint16_t port = f.service.port;
        struct pawl_errmsg msg = {0};
        if (i == 2) { /* from here on one that listens everywhere */
            assert_true(
                pawl_ok(pawl_http_server_listen_tcp(f.service.server, "0.0.0.0", 0, &port, &msg)));
            f.service.port = port;
        }
        pawl_err err = pawl_http_server_listen_tcp(f.service.server, hosts[i], port, NULL, &msg);
        assert_int_equal(err.code, PAWL_ERR_EXISTS);
        char where[128];
        snprintf(where, sizeof(where),
                 "%s:%u: this server listens there already; name each address once", hosts[i],
                 (unsigned)port);
        if (strstr(msg.text, where) == NULL) {
            fail_msg("%s is not \"%s\"", msg.text, where);
        }
    }
    fixture_close(&f);
}

static void server_says_why_it_cannot_listen(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_errmsg msg = {0};
    /* Two dots make it no name, so nobody is asked for it. */
    pawl_err err = pawl_http_server_listen_tcp(f.service.server, "no..name", 0, NULL, &msg);
    assert_int_equal(err.code, PAWL_ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "no..name"));
    /* TEST-NET-1, which no interface has. */
    err = pawl_http_server_listen_tcp(f.service.server, "192.0.2.1", 0, NULL, &msg);
    assert_int_equal(err.code, PAWL_ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "192.0.2.1:0"));
    uint16_t port = 0;
    assert_true(
        pawl_ok(pawl_http_server_listen_tcp(f.service.server, "127.0.0.1", 0, &port, &msg)));
    assert_true(port > 0 && port != f.service.port);
    fixture_close(&f);
}

/* A port that is free in one family only: neither is opened. */
static void server_listens_on_all_addresses_or_on_none(void **state)
{
    (void)state;
    if (!has_ipv6()) {
        print_message("no IPv6 here\n");
        return;
    }
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    char all[32];
    char six[32];
    snprintf(all, sizeof(all), "*:%u", (unsigned)f.service.port);
    snprintf(six, sizeof(six), "[::]:%u", (unsigned)f.service.port);
    const struct pawl_http_listen listen = {.address = all};
    pawl_err err = pawl_http_server_listen(f.service.server, &listen, NULL, NULL);
    assert_int_equal(err.code, PAWL_ERR_EXISTS);
    answers_on_ipv6(&f, listen_at(&f, six));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_listens_on_a_private_unix_socket),
        cmocka_unit_test(server_replaces_a_stale_unix_socket_only),
        cmocka_unit_test(server_gives_a_socket_the_mode_that_is_asked_for),
        cmocka_unit_test(server_keeps_one_socket_to_its_user_and_opens_another),
        cmocka_unit_test(exchange_tells_the_listener_it_came_by),
        cmocka_unit_test(server_listens_on_both_families),
        cmocka_unit_test(server_reads_addresses_strictly),
        cmocka_unit_test(server_names_the_process_that_has_the_port),
        cmocka_unit_test(server_names_the_process_that_is_in_the_way),
        cmocka_unit_test(server_names_who_listens_for_both_families),
        cmocka_unit_test(server_says_that_it_has_the_port_itself),
        cmocka_unit_test(server_says_why_it_cannot_listen),
        cmocka_unit_test(server_listens_on_all_addresses_or_on_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
