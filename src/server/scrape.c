/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape.c: what the metrics tell beside what was counted (metrics.h): how things stand now. It is
 * asked together, when somebody reads.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/log.h"
#include "server/server_priv.h"

/* --- The process ----------------------------------------------------------------------------- */

static int64_t count_entries(const char *path)
{
    DIR *entries = opendir(path);
    int64_t count = 0;
    if (entries == NULL) {
        return 0;
    }
    while (readdir(entries) != NULL) {
        count++;
    }
    (void)closedir(entries);
    return count > 3 ? count - 3 : 0; /* ".", "..", and the one that it is read through */
}

/* Pages of the address space and of what is in memory. */
static void read_memory(int64_t *ret_virtual, int64_t *ret_resident)
{
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    uint64_t pages[2] = {0, 0};
    if (fd >= 0) {
        (void)close(fd);
    }
    struct pawl_slice rest = pawl_slice_of(text, bytes > 0 ? (size_t)bytes : 0);
    for (size_t i = 0; i < 2; i++) {
        if (!pawl_slice_to_u64(pawl_slice_cut(&rest, ' '), &pages[i])) {
            pages[i] = 0;
        }
    }
    int64_t page_bytes = sysconf(_SC_PAGESIZE);
    *ret_virtual = (int64_t)pages[0] * page_bytes;
    *ret_resident = (int64_t)pages[1] * page_bytes;
}

static int64_t us_of(const struct timeval *time)
{
    return (int64_t)time->tv_sec * PAWL_US_PER_SECOND + time->tv_usec;
}

static void put_process(const struct pawl_serve *serve, struct pawl_metrics_writer *writer)
{
    struct rusage usage = {0};
    struct rlimit files = {0};
    int64_t virtual_bytes = 0;
    int64_t resident_bytes = 0;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    read_memory(&virtual_bytes, &resident_bytes);
    pawl_metrics_put(writer, PAWL_METRIC_ID_LOG_LINES_LOST, (int64_t)pawl_serve_log_lost());
    pawl_metrics_put_us(writer, PAWL_METRIC_ID_CPU_SECONDS,
                        us_of(&usage.ru_utime) + us_of(&usage.ru_stime));
    pawl_metrics_put(writer, PAWL_METRIC_ID_RESIDENT_BYTES, resident_bytes);
    pawl_metrics_put(writer, PAWL_METRIC_ID_VIRTUAL_BYTES, virtual_bytes);
    pawl_metrics_put(writer, PAWL_METRIC_ID_OPEN_FDS, count_entries("/proc/self/fd"));
    pawl_metrics_put(writer, PAWL_METRIC_ID_MAX_FDS, (int64_t)files.rlim_cur);
    pawl_metrics_put_us(writer, PAWL_METRIC_ID_START_SECONDS, serve->started_us);
}

/* --- The journal ----------------------------------------------------------------------------- */

static int64_t bytes_of_dir(const char *path)
{
    DIR *entries = opendir(path);
    int64_t bytes = 0;
    if (entries == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        struct stat found;
        if (fstatat(dirfd(entries), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(found.st_mode)) {
            bytes += found.st_size;
        }
    }
    (void)closedir(entries);
    return bytes;
}

static void put_journal(const struct pawl_serve *serve, struct pawl_metrics_writer *writer)
{
    struct pawl_engine_stats stats;
    struct statvfs disk;
    pawl_engine_stats(serve->engine, &stats);
    pawl_metrics_put(writer, PAWL_METRIC_ID_HOLDS_EXPIRED, (int64_t)stats.lapsed_holds);
    pawl_metrics_put(writer, PAWL_METRIC_ID_WAITING, stats.waiting);
    pawl_metrics_put(writer, PAWL_METRIC_ID_OPERATION, (int64_t)stats.op);
    pawl_metrics_put(writer, PAWL_METRIC_ID_DURABLE_OPERATION, (int64_t)stats.durable_op);
    pawl_metrics_put(writer, PAWL_METRIC_ID_CHECKPOINT_OPERATION, (int64_t)stats.checkpoint_op);
    pawl_metrics_put(writer, PAWL_METRIC_ID_JOURNAL_BYTES, bytes_of_dir(serve->journal_dir));
    if (statvfs(serve->journal_dir, &disk) == 0) {
        pawl_metrics_put(writer, PAWL_METRIC_ID_DISK_FREE_BYTES,
                         (int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
    }
}

static void put_archive(const struct pawl_serve *serve, struct pawl_metrics_writer *writer)
{
    struct pawl_archive_stats stats = {0};
    pawl_archive_stats(serve->archive, &stats);
    uint64_t durable_op = pawl_engine_durable_op(serve->engine);
    pawl_metrics_put(writer, PAWL_METRIC_ID_ARCHIVE_OPERATION, (int64_t)stats.op);
    pawl_metrics_put(writer, PAWL_METRIC_ID_ARCHIVE_LAG,
                     durable_op > stats.op ? (int64_t)(durable_op - stats.op) : 0);
    pawl_metrics_put(writer, PAWL_METRIC_ID_ARCHIVE_QUEUE, (int64_t)stats.queued_bytes);
    pawl_metrics_put(writer, PAWL_METRIC_ID_ARCHIVE_ROWS, (int64_t)stats.rows);
    pawl_metrics_put(writer, PAWL_METRIC_ID_ARCHIVE_BROKEN, stats.broken ? 1 : 0);
}

/* --- The ledger ------------------------------------------------------------------------------ */

static void put_ledger(const struct pawl_serve *serve, struct pawl_metrics_writer *writer)
{
    const struct pawl_core *core = pawl_engine_core(serve->engine);
    const struct pawl_config *config = pawl_core_config(core);
    struct pawl_core_stats stats;
    pawl_core_stats(core, &stats);
    const struct {
        const char *labels;
        uint32_t rows;
        uint32_t rows_max;
    } tables[] = {
#define PAWL_MAXIMUM(id, name, words, most, used, row_bytes, at_once, comes_back, note)            \
    {"table=\"" name "\"", stats.used, config->most},
#include "core/maxima.def"
#undef PAWL_MAXIMUM
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tables); i++) {
        pawl_metrics_put_labeled(writer, PAWL_METRIC_ID_LEDGER_ROWS, tables[i].labels,
                                 tables[i].rows);
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tables); i++) {
        pawl_metrics_put_labeled(writer, PAWL_METRIC_ID_LEDGER_ROWS_MAX, tables[i].labels,
                                 tables[i].rows_max);
    }
    pawl_metrics_put(writer, PAWL_METRIC_ID_LEDGER_BYTES,
                     ((int64_t)stats.chunks_used + stats.chunks_free) * PAWL_CHUNK_BYTES);
}

void pawl_serve_scrape(struct pawl_serve *serve, struct pawl_buf *out)
{
    struct pawl_metrics_writer writer;
    char labels[80];
    pawl_metrics_begin(&writer, out);
    (void)snprintf(labels, sizeof(labels), "version=\"%s\",rules=\"%u\"", serve->options->version,
                   PAWL_RULES_VERSION);
    pawl_metrics_put_labeled(&writer, PAWL_METRIC_ID_BUILD_INFO, labels, 1);
    pawl_metrics_put(&writer, PAWL_METRIC_ID_READY, serve->ending ? 0 : 1);
    pawl_metrics_put_counted(&writer, serve->metrics);
    pawl_metrics_put(&writer, PAWL_METRIC_ID_REQUESTS_OPEN, pawl_cycles_open_count(serve->cycles));
    pawl_metrics_put(&writer, PAWL_METRIC_ID_CONNECTIONS,
                     (int64_t)pawl_http_server_connection_count(serve->http));
    pawl_metrics_put(&writer, PAWL_METRIC_ID_CONNECTIONS_MAX, serve->connections_max);
    put_journal(serve, &writer);
    put_ledger(serve, &writer);
    put_archive(serve, &writer);
    put_process(serve, &writer);
}
