/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_table.c FILE: data/prices.json as a C file of constants, on stdout. Part of the build: a
 * book that cannot be read is an error of the build, with the place, and not of somebody's run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/price_priv.h"

static char *read_file(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    long bytes = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *text = bytes > 0 ? malloc((size_t)bytes) : NULL;
    bool fine = text != NULL && fseek(file, 0, SEEK_SET) == 0 &&
                fread(text, 1, (size_t)bytes, file) == (size_t)bytes;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!fine) {
        free(text);
        return NULL;
    }
    *ret_bytes = (size_t)bytes;
    return text;
}

/* Texts of the book have no escapes (price_book.c), so they are C's as they stand. */
static void put_text(struct pawl_slice text)
{
    printf("{\"%.*s\", %zu}", (int)text.bytes, text.data, text.bytes);
}

static void put_span(struct price_span span)
{
    printf("{%" PRIu32 ", %" PRIu32 "}", span.first, span.count);
}

static void put_providers(const struct pawl_price_book *book)
{
    printf("static const struct price_provider providers[] = {\n");
    for (uint32_t i = 0; i < book->provider_count; i++) {
        const struct price_provider *provider = &book->providers[i];
        const struct price_span spans[] = {provider->models, provider->hosts, provider->aliases,
                                           provider->fallback, provider->tools};
        printf("    {");
        put_text(provider->id);
        for (size_t j = 0; j < PAWL_ARRAY_LEN(spans); j++) {
            printf(", ");
            put_span(spans[j]);
        }
        printf(", ");
        put_text(provider->tools_date);
        printf(", ");
        put_text(provider->tools_source);
        printf("},\n");
    }
    printf("};\n\n");
}

static void put_models(const struct pawl_price_book *book)
{
    printf("static const struct price_model models[] = {\n");
    for (uint32_t i = 0; i < book->model_count; i++) {
        const struct price_model *model = &book->models[i];
        printf("    {");
        put_text(model->id);
        printf(", ");
        put_span(model->rules);
        printf(", ");
        put_span(model->rows);
        printf(", %" PRId64 ", %" PRIu32 ", %s},\n", model->context_tokens, model->provider,
               model->time_of_day ? "true" : "false");
    }
    printf("};\n\n");
}

static void put_rules(const struct pawl_price_book *book)
{
    printf("static const struct price_rule rules[] = {\n");
    for (uint32_t i = 0; i < book->rule_count; i++) {
        const struct price_rule *rule = &book->rules[i];
        printf("    {");
        put_text(rule->text);
        printf(", '%c', %s, %s},\n", rule->op, rule->negated ? "true" : "false",
               rule->more ? "true" : "false");
    }
    printf("};\n\n");
}

static void put_rows(const struct pawl_price_book *book)
{
    printf("static const struct pawl_price_row rows[] = {\n");
    for (uint32_t i = 0; i < book->row_count; i++) {
        const struct pawl_price_row *row = &book->rows[i];
        printf("    {%" PRId64 ", %" PRId64 ", {", row->from_us, row->over_tokens);
        for (size_t kind = 0; kind < PAWL_PRICE_KIND_COUNT; kind++) {
            printf("%s%" PRId64, kind > 0 ? ", " : "", row->microcents[kind]);
        }
        printf("}},\n");
    }
    printf("};\n\n");
}

static void put_names(const struct pawl_price_book *book)
{
    printf("static const struct pawl_slice names[] = {\n");
    for (uint32_t i = 0; i < book->name_count; i++) {
        printf("    ");
        put_text(book->names[i]);
        printf(",\n");
    }
    printf("};\n\n");
}

static void put_book(const struct pawl_price_book *book)
{
    printf("const struct pawl_price_book pawl_price_embedded = {\n    .date = ");
    put_text(book->date);
    printf(",\n    .source = ");
    put_text(book->source);
    printf(",\n    .licence = ");
    put_text(book->licence);
    printf(",\n    .providers = providers,\n    .models = models,\n    .rules = rules,\n"
           "    .rows = rows,\n    .names = names,\n"
           "    .provider_count = %" PRIu32 ",\n    .model_count = %" PRIu32
           ",\n    .rule_count = %" PRIu32 ",\n    .row_count = %" PRIu32
           ",\n    .name_count = %" PRIu32 ",\n};\n",
           book->provider_count, book->model_count, book->rule_count, book->row_count,
           book->name_count);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: price_table FILE\n");
        return EXIT_FAILURE;
    }
    size_t bytes = 0;
    char *text = read_file(argv[1], &bytes);
    struct pawl_errmsg msg = {"it cannot be read"};
    struct pawl_price_book *book = NULL;
    if (text == NULL ||
        pawl_failed(pawl_price_book_load(pawl_slice_of(text, bytes), &book, &msg))) {
        (void)fprintf(stderr, "%s: %s\n", argv[1], msg.text);
        free(text);
        return EXIT_FAILURE;
    }
    printf("/* SPDX-License-Identifier: Apache-2.0 */\n"
           "/* Made of data/prices.json by tools/price_table.c. */\n"
           "#include \"gateway/price_priv.h\"\n\n");
    put_providers(book);
    put_models(book);
    put_rules(book);
    put_rows(book);
    put_names(book);
    put_book(book);
    pawl_price_book_free(book);
    free(text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
