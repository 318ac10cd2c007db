/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.c: from an address to its socket by the tables of /proc/net, and from a socket to its
 * process by the descriptors under /proc. It is slow (every process is looked at) and runs only
 * when listening has failed. Whatever cannot be read is left out: this is for a message.
 */
#define _GNU_SOURCE
#include "net/holder.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/percent.h"
#include "base/slice.h"

enum { LINE_BYTES = 512, NAME_BYTES = 64, FIELDS = 10, WORD_DIGITS = 8 };

struct listener {
    struct pawl_address address;
    uint64_t uid;
    uint64_t inode;
};

void pawl_holder_text(pid_t pid, char ret_text[static PAWL_HOLDER_BYTES])
{
    ret_text[0] = '\0';
    if (pid <= 0) {
        return;
    }
    char path[64];
    char name[NAME_BYTES] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        (void)fclose(file);
    }
    (void)snprintf(ret_text, PAWL_HOLDER_BYTES, name[0] != '\0' ? "process %d (%s)" : "process %d",
                   (int)pid, name);
}

/* Of digits as many as there are, at most eight. */
static bool read_hex(struct pawl_slice digits, uint32_t *ret_value)
{
    uint32_t value = 0;
    bool good = digits.bytes > 0 && digits.bytes <= WORD_DIGITS;
    for (size_t i = 0; good && i < digits.bytes; i++) {
        int digit = pawl_hex_digit(digits.data[i]);
        good = digit >= 0;
        value = value << 4 | (uint32_t)(good ? digit : 0);
    }
    *ret_value = value;
    return good;
}

/* "0100007F:1F90": words of 32 bits, as the machine reads them, and the port. An address of IPv4 as
 * IPv6 has it is one of IPv4. */
static bool read_address(struct pawl_slice text, struct pawl_address *ret_address)
{
    struct pawl_slice host = pawl_slice_cut(&text, ':');
    size_t words = host.bytes / WORD_DIGITS;
    uint32_t port = 0;
    struct in6_addr bytes = {0};
    bool good = (words == 1 || words == 4) && read_hex(text, &port) && port <= UINT16_MAX;
    for (size_t i = 0; good && i < words; i++) {
        uint32_t word = 0;
        good = read_hex(pawl_slice_sub(host, i * WORD_DIGITS, WORD_DIGITS), &word);
        memcpy(&bytes.s6_addr[i * sizeof(word)], &word, sizeof(word));
    }
    *ret_address = (struct pawl_address){
        .family = words == 1 ? AF_INET : AF_INET6, .port = (uint16_t)port, .host = bytes};
    if (words == 4 && IN6_IS_ADDR_V4MAPPED(&bytes)) {
        *ret_address = (struct pawl_address){.family = AF_INET, .port = (uint16_t)port};
        memcpy(&ret_address->host, &bytes.s6_addr[12], 4);
    }
    return good;
}

/* A line is: number, local address, remote address, state, queues, timer, retransmits, uid,
 * timeout, inode. */
static bool read_listener(struct pawl_slice line, struct listener *ret_listener)
{
    struct pawl_slice fields[FIELDS];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        line = pawl_slice_trim(line);
        fields[i] = pawl_slice_cut(&line, ' ');
    }
    return pawl_slice_equal_str(fields[3], "0A") &&
           read_address(fields[1], &ret_listener->address) &&
           pawl_slice_to_u64(fields[7], &ret_listener->uid) &&
           pawl_slice_to_u64(fields[9], &ret_listener->inode);
}

/* `both`: who listens at every address of IPv6 may have those of IPv4, too. */
static bool is_in_the_way(struct listener listener, const struct pawl_address *wanted, bool both)
{
    if (both && listener.address.family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&listener.address.host)) {
        listener.address.family = AF_INET;
    }
    return pawl_address_meets(&listener.address, wanted);
}

static bool look_up(const char *table,
                    const struct pawl_address *wanted,
                    bool both,
                    struct listener *ret_listener)
{
    FILE *file = fopen(table, "re");
    bool found = false;
    char line[LINE_BYTES];
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = read_listener(pawl_slice_str(line), ret_listener) &&
                is_in_the_way(*ret_listener, wanted, both);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static bool has_socket(pid_t pid, const char *wanted)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    bool found = false;
    const struct dirent *entry = NULL;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char target[NAME_BYTES];
        ssize_t bytes = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        found = bytes > 0 && pawl_slice_equal_str(pawl_slice_of(target, (size_t)bytes), wanted);
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

static pid_t process_with(uint64_t inode)
{
    char wanted[NAME_BYTES];
    (void)snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
    DIR *folder = opendir("/proc");
    pid_t found = 0;
    const struct dirent *entry = NULL;
    while (folder != NULL && found == 0 && (entry = readdir(folder)) != NULL) {
        uint64_t pid = 0;
        if (pawl_slice_to_u64(pawl_slice_str(entry->d_name), &pid) &&
            has_socket((pid_t)pid, wanted)) {
            found = (pid_t)pid;
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

void pawl_holder_of_address(const struct pawl_address *wanted,
                            char ret_text[static PAWL_HOLDER_BYTES])
{
    struct listener listener;
    ret_text[0] = '\0';
    if (!look_up("/proc/net/tcp", wanted, false, &listener) &&
        !look_up("/proc/net/tcp6", wanted, false, &listener) &&
        !look_up("/proc/net/tcp6", wanted, true, &listener)) {
        return;
    }
    pawl_holder_text(process_with(listener.inode), ret_text);
    if (ret_text[0] == '\0') {
        (void)snprintf(ret_text, PAWL_HOLDER_BYTES, "a process of user %llu",
                       (unsigned long long)listener.uid);
    }
}
