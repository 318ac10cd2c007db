/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_load.c: loads a server of the Cycles protocol, or an nginx that answers with the same
 * bodies, over connections that are kept open, and prints one line of JSON about it.
 *
 *   serve_load --port=7878 --work=lifecycle --connections=256 --keys=FILE --server-pid=PID
 *   serve_load --port=7878 --setup --scopes=100000 --depth=4 --keys=FILE   with $PAWL_ADMIN_KEY
 *   serve_load --sync-probe=DIR
 *
 * `serve_load --help` lists the options. Each connection waits for its answer before it sends
 * again; a lifecycle is a reserve and the commit of what it held. Statuses that are not 2xx are
 * counted and shown, the first with its body; a connection goes on with a new lifecycle after one.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "serve_load.h"

enum { ID_SLOTS = LOAD_CONNECTIONS_MAX };

struct options {
    uint16_t port;
    uint32_t connections;
    uint32_t seconds;
    uint32_t warm_up_ms;
    uint32_t server_pid;
    uint64_t seed;
    uint64_t count;  /* of requests; 0: by time */
    uint64_t due_ms; /* from the start; 0: leases of a minute */
    struct shape shape;
    enum work work;
    const char *keys;
    const char *request;
    const char *prefix;
    const char *sync_folder;
    bool setup;
    bool show;
};

/* What a connection remembers between reserve and commit. */
struct held {
    char id[LOAD_ID_BYTES_MAX];
    uint32_t id_bytes;
};

struct load {
    struct options options;
    struct template templates[LOAD_STEPS_MAX];
    uint32_t steps;
    struct tenant *tenants;
    uint32_t scopes_each;
    struct pawl_prng scopes; /* by --seed: the same scopes in the same order */
    struct pawl_prng keys;   /* never the same again: a key that was used is a repeat */
    struct held held[ID_SLOTS];
    uint32_t shown;
    bool answered;  /* with --show: once was enough */
    uint64_t begun; /* requests */
    uint64_t start_ns;
};

_Noreturn void load_die(const char *what)
{
    (void)fprintf(stderr, "serve_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static _Noreturn void usage(int status)
{
    (void)fputs(
        "usage: serve_load --port=N [option ...]\n"
        "  --work=WORK        reserve, lifecycle (default), decide, balances, event\n"
        "  --request=FILE     instead: this request, byte for byte\n"
        "  --connections=N    64\n"
        "  --seconds=N        measured, 5\n"
        "  --count=N          instead: so many requests, all of them measured\n"
        "  --due-in=SECONDS   all leases end together, so long after the start\n"
        "  --warm-up-ms=N     before that, 1000\n"
        "  --server-pid=PID   whose processor time is counted\n"
        "  --keys=FILE        tenants and their keys, as --setup wrote them\n"
        "  --scopes=N         leaves among which requests choose at random, 1\n"
        "  --depth=N          levels under the tenant, 1 (default) or 4\n"
        "  --tenants=N        1: all share its budget; more: each connection belongs to one\n"
        "  --seed=N           of the choice, 1\n"
        "  --show             does the work once and prints the answers' bodies\n"
        "  --setup            makes tenants, keys and budgets; the key is in $PAWL_ADMIN_KEY\n"
        "  --prefix=WORD      five letters that tenants' names begin with, 'bench'\n"
        "  --sync-probe=DIR   instead: what an append of 4 KiB with fsync takes there\n",
        status == 0 ? stdout : stderr);
    exit(status);
}

/* --- Options. --------------------------------------------------------------------------------- */

static uint64_t number_of(const char *text, uint64_t low, uint64_t high)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < low || number > high) {
        (void)fprintf(stderr, "serve_load: %s: a number from %" PRIu64 " to %" PRIu64 "\n", text,
                      low, high);
        exit(2);
    }
    return number;
}

static enum work work_of(const char *name)
{
    for (uint32_t i = 0; i < WORK_COUNT; i++) {
        if (strcmp(work_names[i], name) == 0) {
            return (enum work)i;
        }
    }
    usage(2);
}

static void set_option(struct options *options, int letter, const char *value)
{
    switch (letter) {
    case 'p':
        options->port = (uint16_t)number_of(value, 1, UINT16_MAX);
        break;
    case 'w':
        options->work = work_of(value);
        break;
    case 'r':
        options->request = value;
        break;
    case 'c':
        options->connections = (uint32_t)number_of(value, 1, LOAD_CONNECTIONS_MAX);
        break;
    case 's':
        options->seconds = (uint32_t)number_of(value, 1, 3600);
        break;
    case 'u':
        options->warm_up_ms = (uint32_t)number_of(value, 0, 3600000);
        break;
    case 'P':
        options->server_pid = (uint32_t)number_of(value, 0, INT32_MAX);
        break;
    case 'k':
        options->keys = value;
        break;
    case 'n':
        options->shape.scopes = (uint32_t)number_of(value, 1, 1000000);
        break;
    case 'd':
        options->shape.depth = (uint32_t)number_of(value, 1, 4);
        break;
    case 't':
        options->shape.tenants = (uint32_t)number_of(value, 1, 10000);
        break;
    case 'S':
        options->seed = number_of(value, 0, UINT64_MAX);
        break;
    case 'N':
        options->count = number_of(value, 1, UINT32_MAX);
        break;
    case 'D':
        options->due_ms = number_of(value, 10, 9000) * 1000;
        break;
    case 'o':
        options->show = true;
        break;
    case 'm':
        options->setup = true;
        break;
    case 'x':
        options->prefix = value;
        break;
    case 'y':
        options->sync_folder = value;
        break;
    default:
        usage(letter == 'h' ? 0 : 2);
    }
}

static void read_options(struct options *options, int argc, char **argv)
{
    static const struct option table[] = {
        {"port", required_argument, NULL, 'p'},
        {"work", required_argument, NULL, 'w'},
        {"request", required_argument, NULL, 'r'},
        {"connections", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'},
        {"warm-up-ms", required_argument, NULL, 'u'},
        {"server-pid", required_argument, NULL, 'P'},
        {"keys", required_argument, NULL, 'k'},
        {"scopes", required_argument, NULL, 'n'},
        {"depth", required_argument, NULL, 'd'},
        {"tenants", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 'S'},
        {"count", required_argument, NULL, 'N'},
        {"due-in", required_argument, NULL, 'D'},
        {"show", no_argument, NULL, 'o'},
        {"setup", no_argument, NULL, 'm'},
        {"prefix", required_argument, NULL, 'x'},
        {"help", no_argument, NULL, 'h'},
        {"sync-probe", required_argument, NULL, 'y'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.connections = 64,
                                .seconds = 5,
                                .warm_up_ms = 1000,
                                .seed = 1,
                                .shape = {.scopes = 1, .tenants = 1, .depth = 1},
                                .work = WORK_LIFECYCLE,
                                .prefix = "bench"};
    for (int letter = getopt_long(argc, argv, "", table, NULL); letter != -1;
         letter = getopt_long(argc, argv, "", table, NULL)) {
        set_option(options, letter, optarg);
    }
    if (options->sync_folder != NULL) {
        return;
    }
    bool wants_keys = options->request == NULL;
    const struct shape *shape = &options->shape;
    if (optind != argc || options->port == 0 || (wants_keys && options->keys == NULL) ||
        shape->tenants > shape->scopes || (shape->depth != 1 && shape->depth != 4) ||
        strlen(options->prefix) != 5) {
        usage(2);
    }
}

/* --- Requests and answers. -------------------------------------------------------------------- */

/* What is left until all leases end, without the grace that follows them. */
static uint32_t lease_ms(const struct load *load)
{
    if (load->options.due_ms == 0) {
        return LOAD_LEASE_MS;
    }
    uint64_t gone_ms = (load_now_ns() - load->start_ns) / 1000000;
    if (gone_ms + 2 * LOAD_GRACE_MS > load->options.due_ms) {
        errno = ETIME;
        load_die("--due-in: the leases end before all are made");
    }
    return (uint32_t)(load->options.due_ms - gone_ms) - LOAD_GRACE_MS;
}

static size_t next_request(void *arg, uint32_t connection, uint32_t step, char *out)
{
    struct load *load = arg;
    bool enough = load->options.count > 0 && load->begun == load->options.count;
    if ((load->options.show && load->answered) || enough) {
        return 0;
    }
    load->begun++;
    const struct held *held = &load->held[connection];
    struct filling filling = {
        .prng = &load->keys,
        .tenant =
            load->tenants != NULL ? &load->tenants[connection % load->options.shape.tenants] : NULL,
        .scope = (uint32_t)pawl_prng_below(&load->scopes, load->scopes_each),
        .per_workspace = load->options.shape.depth > 1 ? 1000 : 1,
        .reservation = held->id,
        .reservation_bytes = held->id_bytes,
        .lease_ms = lease_ms(load),
    };
    return load_template_fill(&load->templates[step], &filling, out);
}

static void keep_id(struct held *held, const char *body, size_t bytes)
{
    const char *id = NULL;
    size_t id_bytes = 0;
    if (!load_answer_field(body, bytes, "reservation_id", &id, &id_bytes) ||
        id_bytes > sizeof(held->id)) {
        (void)fprintf(stderr, "serve_load: %s\n", body);
        errno = EPROTO;
        load_die("a reservation without an id");
    }
    memcpy(held->id, id, id_bytes);
    held->id_bytes = (uint32_t)id_bytes;
}

static uint32_t on_done(
    void *arg, uint32_t connection, uint32_t step, const struct answer *answer, const char *body)
{
    struct load *load = arg;
    bool good = answer->status / 100 == 2;
    uint32_t next = good && step + 1 < load->steps ? step + 1 : 0;
    if (load->options.show) {
        (void)printf("%s\n", body);
        load->answered = next == 0;
    }
    if (good && load->templates[step].has_id && load->steps > 1) {
        keep_id(&load->held[connection], body, answer->bytes - answer->head_bytes);
    }
    return next;
}

/* --- What is printed. ------------------------------------------------------------------------- */

/* 12345 ns as "12.3". */
static void print_us(const char *name, uint64_t ns)
{
    (void)printf("\"%s\":%" PRIu64 ".%" PRIu64, name, ns / 1000, ns % 1000 / 100);
}

static void print_latency(const char *name, const struct histogram *histogram)
{
    (void)printf(",\"%s\":{", name);
    print_us("p50_us", load_histogram_at(histogram, 5000));
    (void)printf(",");
    print_us("p90_us", load_histogram_at(histogram, 9000));
    (void)printf(",");
    print_us("p99_us", load_histogram_at(histogram, 9900));
    (void)printf(",");
    print_us("max_us", histogram->max);
    (void)printf("}");
}

static void print_statuses(const char *name, const uint64_t *statuses)
{
    const char *comma = "";
    (void)printf(",\"%s\":{", name);
    for (uint32_t i = 0; i < LOAD_STATUS_MAX; i++) {
        if (statuses[i] > 0) {
            (void)printf("%s\"%" PRIu32 "\":%" PRIu64, comma, i, statuses[i]);
            comma = ",";
        }
    }
    (void)printf("}");
}

static void print_text(const char *name, const char *text)
{
    (void)printf(",\"%s\":\"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    (void)putchar('"');
}

/* Processor time of the server's threads by their names, a request. */
static void print_threads(const struct cpu_time *time, uint64_t requests)
{
    const char *comma = "";
    (void)printf(",\"server_threads_us\":{");
    for (uint32_t i = 0; i < time->share_count; i++) {
        (void)printf("%s", comma);
        print_us(time->shares[i].name, time->shares[i].ran_ns / requests);
        comma = ",";
    }
    (void)printf("}");
}

static uint64_t per_second(uint64_t count, uint64_t took_ns)
{
    return took_ns > 0 ? count * 1000000000 / took_ns : 0; /* an hour's count times 10^9 fits */
}

static void print_figures(const struct load *load, const struct figures *figures)
{
    uint64_t took_ns = figures->took_ns;
    uint64_t requests = figures->requests > 0 ? figures->requests : 1;
    static struct histogram all;
    (void)printf("{\"work\":\"%s\",\"connections\":%" PRIu32 ",\"took_ms\":%" PRIu64
                 ",\"requests\":%" PRIu64 ",\"per_second\":%" PRIu64
                 ",\"lifecycles_per_second\":%" PRIu64,
                 load->options.request != NULL ? "request" : work_names[load->options.work],
                 load->options.connections, took_ns / 1000000, figures->requests,
                 per_second(figures->requests, took_ns), per_second(figures->lifecycles, took_ns));
    for (uint32_t i = 0; i < load->steps; i++) {
        load_histogram_merge(&all, &figures->steps[i]);
        print_latency(load->templates[i].name, &figures->steps[i]);
    }
    print_latency("all", &all);
    (void)printf(",");
    print_us("server_cpu_us", figures->server.ran_ns / requests);
    (void)printf(",");
    print_us("client_cpu_us", figures->own_cpu_ns / requests);
    (void)printf(",\"server_ran_percent\":%" PRIu64 ",\"server_waited_percent\":%" PRIu64
                 ",\"client_ran_percent\":%" PRIu64,
                 figures->server.ran_ns * 100 / took_ns, figures->server.waited_ns * 100 / took_ns,
                 figures->own_cpu_ns * 100 / took_ns);
    (void)printf(
        ",\"sent_bytes\":%" PRIu64 ",\"received_bytes\":%" PRIu64 ",\"disconnects\":%" PRIu64,
        figures->bytes_sent / requests, figures->bytes_received / requests, figures->disconnects);
    print_threads(&figures->server, requests);
    print_statuses("statuses", figures->statuses);
    print_statuses("statuses_all", figures->statuses_all);
    if (figures->refusal[0] != '\0') {
        print_text("refusal", figures->refusal);
    }
    (void)printf("}\n");
}

static void make_ready(struct load *load)
{
    const struct options *options = &load->options;
    if (options->request != NULL) {
        load_template_literal(&load->templates[0], options->request);
        load->steps = 1;
    } else {
        load->steps = load_templates_of(options->work, &options->shape, load->templates);
        load->tenants = load_tenants_read(options->keys, options->shape.tenants);
    }
    load->scopes_each = options->shape.scopes / options->shape.tenants;
    pawl_prng_seed(&load->scopes, options->seed);
    uint64_t seed = 0;
    pawl_random_bytes(&seed, sizeof(seed));
    pawl_prng_seed(&load->keys, seed);
}

int main(int argc, char **argv)
{
    static struct load load;
    static struct figures figures;
    struct options *options = &load.options;
    read_options(options, argc, argv);
    if (options->sync_folder != NULL) {
        load_sync_probe(options->sync_folder);
        return 0;
    }
    if (options->setup) {
        const char *admin_key = getenv("PAWL_ADMIN_KEY");
        load_setup(options->port, options->connections, &options->shape, options->prefix,
                   admin_key != NULL ? admin_key : "", options->keys);
        return 0;
    }
    make_ready(&load);
    load.start_ns = load_now_ns();
    bool timed = !options->show && options->count == 0;
    struct drive drive = {
        .port = options->port,
        .connections = options->show ? 1 : options->connections,
        .warm_up_ns = timed ? (uint64_t)options->warm_up_ms * 1000000 : 0,
        .measure_ns = timed ? (uint64_t)options->seconds * 1000000000 : 0,
        .server_pid = options->server_pid,
        .next = next_request,
        .done = on_done,
        .arg = &load,
    };
    load_drive(&drive, &figures);
    if (!options->show) {
        print_figures(&load, &figures);
    }
    return 0;
}
