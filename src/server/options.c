/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c: the table of options.def at work: a text is read by its option's type and bounds once,
 * where it is said, so that whoever uses a value later cannot fail at it.
 */
#include "server/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/nearest.h"

enum { TEXTS_BYTES_MAX = 1 << 20 };

static const char variable_prefix[] = "PAWL_SERVE_";

const struct pawl_serve_option pawl_serve_option_table[PAWL_SERVE_OPTION_COUNT] = {
#define PAWL_SERVE_OPTION(id, flag, argument, type, least, most, by_default, choices, places,      \
                          help)                                                                    \
    {flag,       argument, PAWL_SERVE_##type,          least, most,                                \
     by_default, choices,  PAWL_SERVE_PLACES_##places, help},
#include "server/options.def"
#undef PAWL_SERVE_OPTION
};

/* --- Values ---------------------------------------------------------------------------------- */

/* The word's place among "a|b|c", or -1. */
static int64_t find_choice(const char *choices, struct pawl_slice word)
{
    struct pawl_slice rest = pawl_slice_str(choices);
    for (int64_t i = 0; rest.bytes > 0; i++) {
        if (pawl_slice_equal(pawl_slice_cut(&rest, '|'), word)) {
            return i;
        }
    }
    return -1;
}

/* "64K", "20G", "5MiB", "4096". */
static bool parse_bytes(struct pawl_slice text, int64_t *ret_bytes)
{
    static const char letters[] = "KMGT";
    uint64_t number = 0;
    int shift = 0;
    if (pawl_slice_ends_with(text, PAWL_SLICE("iB"))) {
        text = pawl_slice_sub(text, 0, text.bytes - 2);
    }
    const char *letter = text.bytes > 0 ? strchr(letters, text.data[text.bytes - 1]) : NULL;
    if (letter != NULL && *letter != '\0') {
        shift = 10 * ((int)(letter - letters) + 1);
        text = pawl_slice_sub(text, 0, text.bytes - 1);
    }
    if (!pawl_slice_to_u64(text, &number) || number > (uint64_t)PAWL_AMOUNT_MAX >> shift) {
        return false;
    }
    *ret_bytes = (int64_t)(number << shift);
    return true;
}

static int64_t parse_switch(struct pawl_slice text)
{
    int64_t place = find_choice("no|yes|false|true|off|on|0|1", text);
    return place < 0 ? -1 : place % 2;
}

/* false: it is not what the option takes. */
static bool parse_number(const struct pawl_serve_option *option, const char *text, int64_t *ret)
{
    struct pawl_slice slice = pawl_slice_str(text);
    *ret = -1;
    switch (option->type) {
    case PAWL_SERVE_TEXT:
    case PAWL_SERVE_LIST:
        *ret = 0;
        return slice.bytes > 0 &&
               (option->type == PAWL_SERVE_LIST || (int64_t)slice.bytes <= option->most);
    case PAWL_SERVE_CHOICE:
        *ret = find_choice(option->choices, slice);
        return *ret >= 0;
    case PAWL_SERVE_SWITCH:
        *ret = parse_switch(slice);
        return *ret >= 0;
    case PAWL_SERVE_COUNT:
        return pawl_money_parse_count(slice, ret) && *ret >= option->least && *ret <= option->most;
    case PAWL_SERVE_BYTES:
        return parse_bytes(slice, ret) && *ret >= option->least && *ret <= option->most;
    case PAWL_SERVE_TIME:
        if (strcmp(text, "0") == 0) {
            *ret = 0;
            return option->least == 0;
        }
        return pawl_duration_parse_ms(text, ret) && *ret >= option->least && *ret <= option->most;
    }
    PAWL_UNREACHABLE();
}

/* The largest of the units that leaves nothing over: "20G". */
static const char *bytes_text(int64_t bytes, char out[static PAWL_CLOCK_TEXT_BYTES])
{
    static const char letters[] = "\0KMGT";
    int step = 0;
    while (step < 4 && bytes % 1024 == 0 && bytes > 0) {
        bytes /= 1024;
        step++;
    }
    (void)snprintf(out, PAWL_CLOCK_TEXT_BYTES, "%" PRId64 "%.1s", bytes, &letters[step]);
    return out;
}

/* "a time between 1m and 3660d, such as 24h": the default is always one that is taken. */
static void tell_wrong(const struct pawl_serve_option *option, struct pawl_errmsg *msg)
{
    char least[PAWL_CLOCK_TEXT_BYTES];
    char most[PAWL_CLOCK_TEXT_BYTES];
    char words[120];
    size_t used = 0;
    switch (option->type) {
    case PAWL_SERVE_TEXT:
    case PAWL_SERVE_LIST:
        pawl_errmsg_set(msg, "takes a text that is not empty and not too long");
        break;
    case PAWL_SERVE_CHOICE:
        for (const char *c = option->choices; *c != '\0' && used + 3 < sizeof(words); c++) {
            words[used++] = *c == '|' ? ',' : *c;
            if (*c == '|') {
                words[used++] = ' ';
            }
        }
        words[used] = '\0';
        pawl_errmsg_set(msg, "takes one of %s", words);
        break;
    case PAWL_SERVE_SWITCH:
        pawl_errmsg_set(msg, "takes yes or no");
        break;
    case PAWL_SERVE_COUNT:
        pawl_errmsg_set(msg, "takes a whole number between %" PRId64 " and %" PRId64 ", such as %s",
                        option->least, option->most, option->by_default);
        break;
    case PAWL_SERVE_BYTES:
        pawl_errmsg_set(msg, "takes a size between %s and %s, such as %s",
                        bytes_text(option->least, least), bytes_text(option->most, most),
                        option->by_default);
        break;
    case PAWL_SERVE_TIME:
        pawl_errmsg_set(msg, "takes a time between %s and %s, such as %s",
                        pawl_duration_format_ms(option->least, least),
                        pawl_duration_format_ms(option->most, most), option->by_default);
        break;
    }
}

/* A shell makes a home of "~/"; from the file, a unit or "--data-dir=~/x" it comes as it is, and
 * what is made there is a directory of that name. */
static bool is_home(const struct pawl_serve_option *option, const char *text)
{
    if (option->type == PAWL_SERVE_LIST && strncmp(text, "unix:", 5) == 0) {
        text += 5;
    } else if (option->type != PAWL_SERVE_TEXT) {
        return false;
    }
    return text[0] == '~' && (text[1] == '/' || text[1] == '\0');
}

pawl_err pawl_serve_options_set(struct pawl_serve_options *options,
                                enum pawl_serve_option_id id,
                                const char *text,
                                enum pawl_serve_origin origin,
                                struct pawl_errmsg *msg)
{
    PAWL_ASSERT(id < PAWL_SERVE_OPTION_COUNT && text != NULL);
    const struct pawl_serve_option *option = &pawl_serve_option_table[id];
    struct pawl_serve_value *value = &options->values[id];
    int64_t number = 0;
    struct pawl_serve_address address;
    if (!parse_number(option, text, &number)) {
        tell_wrong(option, msg);
        return PAWL_ERR(INVALID);
    }
    if (is_home(option, text)) {
        pawl_errmsg_set(msg, "takes a whole path: no shell has made a home of the '~'");
        return PAWL_ERR(INVALID);
    }
    if (option->type == PAWL_SERVE_LIST &&
        pawl_failed(pawl_serve_address_parse(text, &address, msg))) {
        return PAWL_ERR(INVALID); /* all lists there are, are of addresses */
    }
    if (origin < value->origin) {
        return PAWL_OK;
    }
    if (option->type != PAWL_SERVE_LIST || origin > value->origin) {
        value->count = 0;
    }
    if (value->count == PAWL_SERVE_LIST_MAX) {
        pawl_errmsg_set(msg, "may be given %d times", PAWL_SERVE_LIST_MAX);
        return PAWL_ERR(LIMIT);
    }
    struct pawl_slice copy = pawl_arena_copy(&options->arena, pawl_slice_str(text));
    if (options->arena.overflowed) {
        pawl_errmsg_set(msg, "no memory for it");
        return PAWL_ERR(MEMORY);
    }
    value->texts[value->count++] = copy.data;
    value->number = number;
    value->origin = origin;
    value->line = 0;
    return PAWL_OK;
}

void pawl_serve_options_init(struct pawl_serve_options *options)
{
    *options = (struct pawl_serve_options){.values = {{.count = 0}}};
    pawl_arena_init(&options->arena, TEXTS_BYTES_MAX);
    for (int id = 0; id < PAWL_SERVE_OPTION_COUNT; id++) {
        struct pawl_errmsg msg;
        const char *text = pawl_serve_option_table[id].by_default;
        if (text[0] != '\0') {
            pawl_err err = pawl_serve_options_set(options, (enum pawl_serve_option_id)id, text,
                                                  PAWL_SERVE_FROM_DEFAULT, &msg);
            PAWL_ASSERT(pawl_ok(err) || err.code == PAWL_ERR_MEMORY);
        }
    }
}

void pawl_serve_options_free(struct pawl_serve_options *options)
{
    pawl_arena_free(&options->arena);
}

/* --- Variables ------------------------------------------------------------------------------- */

const char *pawl_serve_variable(enum pawl_serve_option_id id,
                                char out[static PAWL_SERVE_NAME_BYTES])
{
    (void)snprintf(out, PAWL_SERVE_NAME_BYTES, "%s%s", variable_prefix,
                   pawl_serve_option_table[id].flag);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    return out;
}

static pawl_err read_variable(struct pawl_serve_options *options,
                              struct pawl_slice name,
                              const char *text,
                              struct pawl_errmsg *msg)
{
    char known[PAWL_SERVE_NAME_BYTES];
    char given[PAWL_SERVE_NAME_BYTES];
    char near[PAWL_SERVE_NAME_BYTES] = "";
    (void)pawl_slice_copy_str(name, given, sizeof(given));
    struct pawl_nearest nearest = {.word = given};
    for (int i = 0; i < PAWL_SERVE_OPTION_COUNT; i++) {
        enum pawl_serve_option_id id = (enum pawl_serve_option_id)i;
        if (pawl_serve_option_table[i].places == PAWL_SERVE_PLACES_F) {
            continue;
        }
        (void)pawl_serve_variable(id, known);
        if (pawl_slice_equal_str(name, known)) {
            pawl_err err = pawl_serve_options_set(options, id, text, PAWL_SERVE_FROM_VARIABLE, msg);
            if (pawl_failed(err)) {
                pawl_errmsg_wrap(msg, "$%s", known);
            }
            return err;
        }
        pawl_nearest_offer(&nearest, known);
        if (nearest.found == known) { /* which the next name overwrites */
            memcpy(near, known, sizeof(near));
            nearest.found = near;
        }
    }
    pawl_errmsg_set(msg, "$%s: there is no such option%s%s%s", given,
                    nearest.found != NULL ? "; did you mean $" : "",
                    nearest.found != NULL ? nearest.found : "", nearest.found != NULL ? "?" : "");
    return PAWL_ERR(INVALID);
}

pawl_err pawl_serve_options_read_variables(struct pawl_serve_options *options,
                                           char *const *environment,
                                           struct pawl_errmsg *msg)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        struct pawl_slice text = pawl_slice_str(*environment);
        struct pawl_slice name = pawl_slice_cut(&text, '=');
        if (!pawl_slice_starts_with(name, PAWL_SLICE("PAWL_SERVE_")) || text.bytes == 0) {
            continue;
        }
        pawl_err err = read_variable(options, name, text.data, msg);
        if (pawl_failed(err)) {
            return err;
        }
    }
    return PAWL_OK;
}

/* --- Asking ---------------------------------------------------------------------------------- */

const char *pawl_serve_text(const struct pawl_serve_options *options, enum pawl_serve_option_id id)
{
    return options->values[id].count > 0 ? options->values[id].texts[0] : NULL;
}

int64_t pawl_serve_number(const struct pawl_serve_options *options, enum pawl_serve_option_id id)
{
    PAWL_ASSERT(options->values[id].count > 0 &&
                pawl_serve_option_table[id].type > PAWL_SERVE_LIST);
    return options->values[id].number;
}

const char *pawl_serve_origin_text(const struct pawl_serve_options *options,
                                   enum pawl_serve_option_id id,
                                   char *out,
                                   size_t bytes)
{
    char name[PAWL_SERVE_NAME_BYTES];
    const struct pawl_serve_value *value = &options->values[id];
    switch (value->origin) {
    case PAWL_SERVE_FROM_DEFAULT:
        return "default";
    case PAWL_SERVE_FROM_FLAG:
        return "a flag";
    case PAWL_SERVE_FROM_VARIABLE:
        (void)snprintf(out, bytes, "$%s", pawl_serve_variable(id, name));
        return out;
    case PAWL_SERVE_FROM_FILE:
        (void)snprintf(out, bytes, "line %" PRIu32 " of the file", value->line);
        return out;
    }
    PAWL_UNREACHABLE();
}

/* --- Together -------------------------------------------------------------------------------- */

enum { ORIGIN_BYTES = 80 };

struct time_in_force {
    const char *flag;
    int64_t ms; /* 0: not known */
    bool said;
    char text[PAWL_CLOCK_TEXT_BYTES];
    char from[ORIGIN_BYTES];
};

/* `kept_ms`: the ledger's, 0: not known, -1: it has none. */
static struct time_in_force
time_of(const struct pawl_serve_options *options, enum pawl_serve_option_id id, int64_t kept_ms)
{
    char origin[ORIGIN_BYTES];
    struct time_in_force found = {
        .flag = pawl_serve_option_table[id].flag,
        .said = options->values[id].origin != PAWL_SERVE_FROM_DEFAULT,
    };
    bool is_ledgers = !found.said && kept_ms >= 0;
    found.ms = is_ledgers ? kept_ms : pawl_serve_number(options, id);
    (void)pawl_duration_format_ms(found.ms, found.text);
    (void)snprintf(found.from, sizeof(found.from), "%s",
                   is_ledgers ? "as the ledger has it"
                              : pawl_serve_origin_text(options, id, origin, sizeof(origin)));
    return found;
}

static pawl_err compare_times(const struct time_in_force *longer,
                              const struct time_in_force *shorter,
                              const char *why,
                              struct pawl_errmsg *msg)
{
    bool known = longer->ms > 0 && shorter->ms > 0;
    if (!known || (!longer->said && !shorter->said) || longer->ms >= shorter->ms) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "%s must not be shorter than %s: %s (%s) and %s (%s)%s", longer->flag,
                    shorter->flag, longer->text, longer->from, shorter->text, shorter->from, why);
    return PAWL_ERR(INVALID);
}

pawl_err pawl_serve_options_check(const struct pawl_serve_options *options,
                                  const struct pawl_serve_kept *kept,
                                  struct pawl_errmsg *msg)
{
    bool cert = pawl_serve_text(options, PAWL_SERVE_OPT_TLS_CERT) != NULL;
    bool key = pawl_serve_text(options, PAWL_SERVE_OPT_TLS_KEY) != NULL;
    if (cert != key) {
        pawl_errmsg_set(msg, "TLS needs both, tls-cert and tls-key");
        return PAWL_ERR(INVALID);
    }
    struct time_in_force keys =
        time_of(options, PAWL_SERVE_OPT_KEEP_KEYS, kept != NULL ? kept->keys_ms : -1);
    struct time_in_force settled =
        time_of(options, PAWL_SERVE_OPT_KEEP_SETTLED, kept != NULL ? kept->settled_ms : -1);
    struct time_in_force journal = time_of(options, PAWL_SERVE_OPT_KEEP_JOURNAL, -1);
    pawl_err err = compare_times(&settled, &keys, "", msg);
    return pawl_ok(err) ? compare_times(&journal, &settled,
                                        ": repeated requests are answered from the journal", msg)
                        : err;
}
