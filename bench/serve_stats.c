/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_stats.c: what is counted: a histogram of integers whose buckets grow with the value, and
 * processor time.
 *
 * Processor time is the scheduler's own account in nanoseconds (/proc/PID/task/TID/schedstat),
 * not the ticks of /proc/PID/stat, of which there are 250 a second. It has the time a thread ran,
 * kernel included, and the time it waited for a core that others had: where that is large, the
 * rate beside it says more about the others than about the server.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "serve_load.h"

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS };

/* Values below 2 * SUB_BUCKETS are their own index; from there on each power of two has
 * SUB_BUCKETS buckets. */
static uint32_t shift_of(uint64_t value)
{
    if (value < 2 * SUB_BUCKETS) {
        return 0;
    }
    return 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
}

void load_histogram_add(struct histogram *histogram, uint64_t ns)
{
    uint32_t shift = shift_of(ns);
    uint64_t index = ((uint64_t)shift << HISTOGRAM_SUB_BITS) + (ns >> shift);
    if (index >= HISTOGRAM_BUCKETS) {
        index = HISTOGRAM_BUCKETS - 1;
    }
    histogram->buckets[index]++;
    histogram->count++;
    histogram->max = ns > histogram->max ? ns : histogram->max;
}

void load_histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
    into->count += from->count;
    into->max = from->max > into->max ? from->max : into->max;
}

/* The largest value that is counted in the bucket. */
static uint64_t upper_of(uint32_t index)
{
    if (index < 2 * SUB_BUCKETS) {
        return index;
    }
    uint32_t shift = (index >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t lower = (uint64_t)(index - (shift << HISTOGRAM_SUB_BITS)) << shift;
    return lower + ((UINT64_C(1) << shift) - 1);
}

uint64_t load_histogram_at(const struct histogram *histogram, uint32_t permyriad)
{
    uint64_t wanted = (histogram->count * permyriad + 9999) / 10000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted && seen > 0) {
            uint64_t upper = upper_of(i);
            return upper < histogram->max ? upper : histogram->max;
        }
    }
    return 0;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t load_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t load_own_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* The first line of a file of /proc, without its end. */
static bool read_line(uint32_t pid, const char *thread, const char *name, char *out, size_t bytes)
{
    char path[320];
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%s/%s", pid, thread, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false; /* the thread ended in between */
    }
    bool any = fgets(out, (int)bytes, file) != NULL;
    (void)fclose(file);
    if (any) {
        out[strcspn(out, "\n")] = '\0';
    }
    return any;
}

/* Threads that find no room for their name count under the last one. */
static struct cpu_share *share_of(struct cpu_time *time, const char *name)
{
    for (uint32_t i = 0; i < time->share_count; i++) {
        if (strcmp(time->shares[i].name, name) == 0) {
            return &time->shares[i];
        }
    }
    if (time->share_count == CPU_NAMES_MAX) {
        return &time->shares[CPU_NAMES_MAX - 1];
    }
    struct cpu_share *share = &time->shares[time->share_count++];
    (void)snprintf(share->name, sizeof(share->name), "%s", name);
    return share;
}

static void add_thread(struct cpu_time *time, uint32_t pid, const char *thread)
{
    char name[CPU_NAME_BYTES + 1];
    char text[128];
    if (!read_line(pid, thread, "comm", name, sizeof(name)) ||
        !read_line(pid, thread, "schedstat", text, sizeof(text))) {
        return;
    }
    char *end = NULL;
    uint64_t ran_ns = strtoull(text, &end, 10);
    time->ran_ns += ran_ns;
    time->waited_ns += strtoull(end, NULL, 10);
    share_of(time, name)->ran_ns += ran_ns;
}

void load_cpu_of(uint32_t pid, struct cpu_time *ret_time)
{
    *ret_time = (struct cpu_time){0};
    if (pid == 0) {
        return;
    }
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
    DIR *threads = opendir(path);
    if (threads == NULL) {
        load_die(path);
    }
    for (const struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads)) {
        if (entry->d_name[0] != '.') {
            add_thread(ret_time, pid, entry->d_name);
        }
    }
    (void)closedir(threads);
}

void load_cpu_since(struct cpu_time *time, const struct cpu_time *from)
{
    time->ran_ns -= from->ran_ns;
    time->waited_ns -= from->waited_ns;
    for (uint32_t i = 0; i < from->share_count; i++) {
        struct cpu_share *share = share_of(time, from->shares[i].name);
        share->ran_ns -= share->ran_ns < from->shares[i].ran_ns ? 0 : from->shares[i].ran_ns;
    }
}
