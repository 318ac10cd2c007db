/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc.c: malloc behind a fault hook. The hook's state is three counters and a switch, all
 * atomic with relaxed order: nothing else is published through them, and the tests that arm
 * the hook do so while a single thread allocates.
 *
 * Two counters that decide are written only by pawl_alloc_fail_at; the other two only grow.
 */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static atomic_bool armed;
static _Atomic uint64_t fail_first;
static _Atomic uint64_t fail_times;
static _Atomic uint64_t calls;
static _Atomic uint64_t failures;

static bool fails(void)
{
    if (!atomic_load_explicit(&armed, memory_order_relaxed)) {
        return false;
    }
    uint64_t call = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1;
    uint64_t first = atomic_load_explicit(&fail_first, memory_order_relaxed);
    uint64_t times = atomic_load_explicit(&fail_times, memory_order_relaxed);
    if (call < first || call - first >= times) {
        return false;
    }
    atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
    return true;
}

void *pawl_alloc(size_t bytes)
{
    return fails() ? NULL : malloc(bytes > 0 ? bytes : 1);
}

void *pawl_alloc_zeroed(size_t count, size_t bytes_each)
{
    if (count == 0 || bytes_each == 0) {
        count = 1;
        bytes_each = 1;
    }
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, bytes_each, &bytes)) {
        return NULL; /* calloc says the same, but not under every sanitizer */
    }
    return fails() ? NULL : calloc(count, bytes_each);
}

void *pawl_realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : realloc(memory, bytes > 0 ? bytes : 1);
}

void pawl_free(void *memory)
{
    free(memory);
}

void pawl_alloc_fail_at(uint64_t nth, uint64_t times)
{
    atomic_store_explicit(&armed, false, memory_order_relaxed);
    atomic_store_explicit(&fail_first, nth, memory_order_relaxed);
    atomic_store_explicit(&fail_times, times, memory_order_relaxed);
    atomic_store_explicit(&calls, 0, memory_order_relaxed);
    atomic_store_explicit(&failures, 0, memory_order_relaxed);
    atomic_store_explicit(&armed, nth > 0, memory_order_relaxed);
}

uint64_t pawl_alloc_failures(void)
{
    return atomic_load_explicit(&failures, memory_order_relaxed);
}

uint64_t pawl_alloc_calls(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}
