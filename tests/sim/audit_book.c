/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_book.c: see audit_book.h. Arrays and linear searches: slow, obvious, and nothing like
 * the core. Names are copied, because the records they come from are gone a moment later.
 */
#include "audit_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void *grown(void *rows, size_t count, size_t *capacity, size_t row_bytes)
{
    if (count < *capacity) {
        return rows;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    void *memory = realloc(rows, *capacity * row_bytes);
    PAWL_ASSERT(memory != NULL);
    return memory;
}

void book_free(struct book *book)
{
    for (size_t i = 0; i < book->budget_count; i++) {
        free(book->budgets[i].instances);
    }
    free(book->budgets);
    free(book->reservations);
    free(book->sessions);
    free(book->approvals);
    free(book->keys);
}

struct book_name book_name(struct pawl_slice text)
{
    struct book_name name = {""};
    bool fits = pawl_slice_copy_str(text, name.text, sizeof(name.text));
    PAWL_ASSERT(fits);
    return name;
}

bool book_is(const struct book_name *name, struct pawl_slice text)
{
    return pawl_slice_equal_str(text, name->text);
}

struct book_budget *book_add_budget(struct book *book)
{
    book->budgets =
        grown(book->budgets, book->budget_count, &book->budget_capacity, sizeof(*book->budgets));
    struct book_budget *budget = &book->budgets[book->budget_count++];
    *budget = (struct book_budget){.state = PAWL_BUDGET_ACTIVE};
    return budget;
}

struct book_budget *book_budget(const struct book *book, uint64_t id)
{
    for (size_t i = 0; i < book->budget_count; i++) {
        if (book->budgets[i].id == id) {
            return &book->budgets[i];
        }
    }
    return NULL;
}

struct book_instance *book_instance(struct book_budget *budget, uint32_t ordinal)
{
    for (size_t i = budget->instance_count; i > 0; i--) {
        if (budget->instances[i - 1].ordinal == ordinal) {
            return &budget->instances[i - 1];
        }
    }
    size_t bytes = (budget->instance_count + 1) * sizeof(*budget->instances);
    budget->instances = realloc(budget->instances, bytes);
    PAWL_ASSERT(budget->instances != NULL);
    struct book_instance *instance = &budget->instances[budget->instance_count++];
    *instance = (struct book_instance){.ordinal = ordinal};
    return instance;
}

struct book_reservation *book_reservation(struct book *book, uint64_t id)
{
    PAWL_ASSERT(id < UINT32_MAX);
    if (id >= book->reservation_count) {
        size_t count = (size_t)id + 1024;
        book->reservations = realloc(book->reservations, count * sizeof(*book->reservations));
        PAWL_ASSERT(book->reservations != NULL);
        memset(book->reservations + book->reservation_count, 0,
               (count - book->reservation_count) * sizeof(*book->reservations));
        book->reservation_count = count;
    }
    return &book->reservations[id];
}

struct book_session *book_add_session(struct book *book)
{
    book->sessions = grown(book->sessions, book->session_count, &book->session_capacity,
                           sizeof(*book->sessions));
    struct book_session *session = &book->sessions[book->session_count++];
    *session = (struct book_session){.state = PAWL_SESSION_ACTIVE, .deadline_us = INT64_MAX};
    return session;
}

uint8_t *book_tenant(struct book *book, struct pawl_slice name)
{
    for (size_t i = 0; i < book->tenant_count; i++) {
        if (book_is(&book->tenants[i].name, name)) {
            return &book->tenants[i].state;
        }
    }
    PAWL_ASSERT(book->tenant_count < BOOK_TENANTS_MAX);
    struct book_tenant *tenant = &book->tenants[book->tenant_count++];
    *tenant = (struct book_tenant){.name = book_name(name)};
    return &tenant->state;
}

struct book_session *
book_session(const struct book *book, struct pawl_slice tenant, struct pawl_slice name)
{
    for (size_t i = 0; i < book->session_count; i++) {
        if (book_is(&book->sessions[i].tenant, tenant) && book_is(&book->sessions[i].name, name)) {
            return &book->sessions[i];
        }
    }
    return NULL;
}

struct book_approval *book_add_approval(struct book *book)
{
    book->approvals = grown(book->approvals, book->approval_count, &book->approval_capacity,
                            sizeof(*book->approvals));
    struct book_approval *approval = &book->approvals[book->approval_count++];
    *approval = (struct book_approval){.id = 0};
    return approval;
}

struct book_approval *book_approval(const struct book *book, uint64_t id)
{
    for (size_t i = book->approval_count; i > 0; i--) {
        if (book->approvals[i - 1].id == id) {
            return &book->approvals[i - 1];
        }
    }
    return NULL;
}

struct book_key *book_key(struct book *book, size_t n)
{
    if (n >= book->key_count) {
        size_t count = n + 1024;
        book->keys = realloc(book->keys, count * sizeof(*book->keys));
        PAWL_ASSERT(book->keys != NULL);
        memset(book->keys + book->key_count, 0, (count - book->key_count) * sizeof(*book->keys));
        book->key_count = count;
    }
    return &book->keys[n];
}

/* The scope's path is the subject's path cut somewhere: up to the scope's deepest level all
 * levels are the same, missing ones too. */
static bool path_binds(const struct book_budget *budget, const struct pawl_subject *subject)
{
    size_t deepest = 0;
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        deepest = budget->levels[i].text[0] != '\0' ? i : deepest;
    }
    for (size_t i = 0; i <= deepest; i++) {
        if (!book_is(&budget->levels[i], subject->levels[i])) {
            return false;
        }
    }
    return true;
}

bool book_binds(const struct book_budget *budget, const struct pawl_subject *subject, uint16_t unit)
{
    if (budget->unit != unit ||
        !book_is(&budget->levels[PAWL_LEVEL_TENANT], subject->levels[PAWL_LEVEL_TENANT])) {
        return false;
    }
    if (budget->session.text[0] != '\0') {
        return book_is(&budget->session, subject->session);
    }
    if (budget->dimension.text[0] == '\0') {
        return path_binds(budget, subject);
    }
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        if (book_is(&budget->dimension, subject->dimensions[i].name) &&
            book_is(&budget->value, subject->dimensions[i].value)) {
            return true;
        }
    }
    return false;
}
