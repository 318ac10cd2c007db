/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.c: from a port to its socket by the tables of /proc/net, and from a socket to its process
 * by the descriptors under /proc. It is slow (every process is looked at) and runs only when
 * listening has failed. Whatever cannot be read is left out: this is for a message.
 */
#define _GNU_SOURCE
#include "net/holder.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/slice.h"

enum { LINE_BYTES = 512, NAME_BYTES = 64, FIELDS = 10 };

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

/* A line is: number, local address, remote address, state, queues, timer, retransmits, uid,
 * timeout, inode. */
static bool
is_listener(struct pawl_slice line, uint16_t port, uint64_t *ret_uid, uint64_t *ret_inode)
{
    struct pawl_slice fields[FIELDS];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        line = pawl_slice_trim(line);
        fields[i] = pawl_slice_cut(&line, ' ');
    }
    char wanted[8];
    (void)snprintf(wanted, sizeof(wanted), "%04X", (unsigned)port);
    struct pawl_slice local = fields[1];
    (void)pawl_slice_cut(&local, ':');
    return pawl_slice_equal_str(local, wanted) && pawl_slice_equal_str(fields[3], "0A") &&
           pawl_slice_to_u64(fields[7], ret_uid) && pawl_slice_to_u64(fields[9], ret_inode);
}

static bool look_up(const char *table, uint16_t port, uint64_t *ret_uid, uint64_t *ret_inode)
{
    FILE *file = fopen(table, "re");
    bool found = false;
    char line[LINE_BYTES];
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = is_listener(pawl_slice_str(line), port, ret_uid, ret_inode);
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

void pawl_holder_of_port(uint16_t port, char ret_text[static PAWL_HOLDER_BYTES])
{
    uint64_t uid = 0;
    uint64_t inode = 0;
    ret_text[0] = '\0';
    if (!look_up("/proc/net/tcp", port, &uid, &inode) &&
        !look_up("/proc/net/tcp6", port, &uid, &inode)) {
        return;
    }
    pawl_holder_text(process_with(inode), ret_text);
    if (ret_text[0] == '\0') {
        (void)snprintf(ret_text, PAWL_HOLDER_BYTES, "a process of user %llu",
                       (unsigned long long)uid);
    }
}
