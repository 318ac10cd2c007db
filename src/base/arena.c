/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.c: bump allocation in blocks. Blocks double from 4 KiB to 1 MiB; a request that is
 * large against the current block gets a block of its own behind the head, so that the rest
 * of the head is not lost. Memory held is therefore within a small factor of what was asked.
 *
 * Invariants:
 *   A1  used_bytes is the sum of `used` over all blocks, and never above max_bytes.
 *   A2  every allocation begins at a multiple of 16, and is zero when it is handed out.
 *   A3  what no allocation owns is poisoned under the address sanitizer. Two allocations lie next
 *       to each other when the size of the first is a multiple of 16, so not every step over an
 *       end is caught; the poison is there for use after a reset.
 *
 * Failure: NULL and the sticky flag, for the maximum and for missing memory alike. Once the
 * flag is up every later allocation fails too: half a reply must not look like a whole one.
 * Ownership: the arena owns its blocks; pointers into it die with reset and free.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(start, bytes)   ASAN_POISON_MEMORY_REGION(start, bytes)
#define UNPOISON(start, bytes) ASAN_UNPOISON_MEMORY_REGION(start, bytes)
#else
#define POISON(start, bytes)   ((void)(start), (void)(bytes))
#define UNPOISON(start, bytes) ((void)(start), (void)(bytes))
#endif

enum { ALIGN_BYTES = 16, BLOCK_BYTES_FIRST = 4096, BLOCK_BYTES_LAST = 1 << 20 };

struct pawl_arena_block {
    struct pawl_arena_block *next; /* the one made before it, or a large one put behind it */
    size_t capacity;
    size_t used;
    size_t unused_padding;
};

_Static_assert(sizeof(struct pawl_arena_block) % ALIGN_BYTES == 0,
               "the first allocation of a block must be aligned");

static char *block_data(struct pawl_arena_block *block)
{
    return (char *)(block + 1);
}

/* Rounded up to the alignment. false when that passes SIZE_MAX. */
static bool align_up(size_t bytes, size_t *ret_bytes)
{
    if (bytes > SIZE_MAX - (ALIGN_BYTES - 1)) {
        return false;
    }
    *ret_bytes = (bytes + (ALIGN_BYTES - 1)) & ~(size_t)(ALIGN_BYTES - 1);
    return true;
}

static struct pawl_arena_block *block_new(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct pawl_arena_block)) {
        return NULL;
    }
    struct pawl_arena_block *block = pawl_alloc(sizeof(*block) + capacity);
    if (block != NULL) {
        *block = (struct pawl_arena_block){.capacity = capacity};
        POISON(block_data(block), capacity);
    }
    return block;
}

static void block_free(struct pawl_arena_block *block)
{
    UNPOISON(block_data(block), block->capacity);
    pawl_free(block);
}

void pawl_arena_init(struct pawl_arena *arena, size_t max_bytes)
{
    *arena = (struct pawl_arena){.max_bytes = max_bytes};
}

/* A block with room for `bytes`: the head, a new head, or one of its own behind the head. */
static struct pawl_arena_block *block_for(struct pawl_arena *arena, size_t bytes)
{
    struct pawl_arena_block *head = arena->head;
    if (head != NULL && bytes <= head->capacity - head->used) {
        return head;
    }
    size_t regular = BLOCK_BYTES_FIRST;
    if (head != NULL) {
        regular = head->capacity < BLOCK_BYTES_LAST / 2 ? head->capacity * 2 : BLOCK_BYTES_LAST;
    }
    size_t left = arena->max_bytes - arena->used_bytes;
    regular = regular < left ? regular : left & ~(size_t)(ALIGN_BYTES - 1);
    bool own = head != NULL && bytes > regular / 4;
    struct pawl_arena_block *block = block_new(own || bytes > regular ? bytes : regular);
    if (block == NULL) {
        return NULL;
    }
    if (own) {
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        arena->head = block;
    }
    return block;
}

void *pawl_arena_alloc_bare(struct pawl_arena *arena, size_t bytes)
{
    size_t rounded = 0;
    if (arena->overflowed) {
        return NULL;
    }
    struct pawl_arena_block *block = NULL;
    if (align_up(bytes > 0 ? bytes : 1, &rounded) &&
        rounded <= arena->max_bytes - arena->used_bytes) {
        block = block_for(arena, rounded);
    }
    if (block == NULL) {
        arena->overflowed = true;
        return NULL;
    }
    char *memory = block_data(block) + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    UNPOISON(memory, bytes);
    PAWL_ASSERT(block->used <= block->capacity && arena->used_bytes <= arena->max_bytes);
    return memory;
}

void *pawl_arena_alloc(struct pawl_arena *arena, size_t bytes)
{
    void *memory = pawl_arena_alloc_bare(arena, bytes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

/* The head has it all, since a block behind it is looked at no more. */
bool pawl_arena_reserve(struct pawl_arena *arena, size_t bytes)
{
    struct pawl_arena_block *head = arena->head;
    size_t rounded = 0;
    bool fits = !arena->overflowed && align_up(bytes, &rounded) &&
                rounded <= arena->max_bytes - arena->used_bytes;
    if (fits && head != NULL && rounded <= head->capacity - head->used) {
        return true;
    }
    struct pawl_arena_block *block = fits ? block_new(rounded) : NULL;
    if (block == NULL) {
        arena->overflowed = true;
        return false;
    }
    block->next = head;
    arena->head = block;
    return true;
}

/* The link to the block whose latest allocation this is, or NULL. Only the head and the block
 * behind it are looked at: the latest allocation of the arena is in one of them. */
static struct pawl_arena_block **
link_of_latest(struct pawl_arena *arena, const char *memory, size_t rounded)
{
    struct pawl_arena_block **link = &arena->head;
    for (int i = 0; i < 2 && *link != NULL; i++) {
        if (memory + rounded == block_data(*link) + (*link)->used) {
            return link;
        }
        link = &(*link)->next;
    }
    return NULL;
}

/* Makes a block that holds nothing but one allocation hold a larger one. */
static bool block_enlarge(struct pawl_arena_block **link, size_t capacity)
{
    struct pawl_arena_block *block = *link;
    if (capacity > SIZE_MAX - sizeof(*block)) {
        return false;
    }
    UNPOISON(block_data(block), block->capacity);
    struct pawl_arena_block *moved = pawl_realloc(block, sizeof(*block) + capacity);
    if (moved != NULL) {
        block = moved;
        block->capacity = capacity;
        *link = block;
    }
    POISON(block_data(block) + block->used, block->capacity - block->used);
    return moved != NULL;
}

/* Whether an allocation of `old` bytes, the latest of its block, can become `rounded` there: it
 * fits, or it is the block's only one, so that the block itself can grow. */
static bool can_stay(const struct pawl_arena_block *block, size_t old, size_t rounded)
{
    return rounded <= block->capacity - (block->used - old) || block->used == old;
}

/* Does it. NULL when the block had to grow and could not. */
static void *
resize_latest(struct pawl_arena *arena, struct pawl_arena_block **link, size_t old, size_t rounded)
{
    size_t before = (*link)->used - old;
    if (rounded > (*link)->capacity - before && !block_enlarge(link, rounded)) {
        return NULL;
    }
    struct pawl_arena_block *block = *link;
    block->used = before + rounded;
    arena->used_bytes = arena->used_bytes - old + rounded;
    return block_data(block) + before;
}

void *pawl_arena_resize(struct pawl_arena *arena, void *memory, size_t old_bytes, size_t new_bytes)
{
    size_t old = 0;
    size_t rounded = 0;
    bool fits = align_up(old_bytes > 0 ? old_bytes : 1, &old) &&
                align_up(new_bytes > 0 ? new_bytes : 1, &rounded);
    size_t more = fits && rounded > old ? rounded - old : 0;
    if (!fits || (more > 0 && arena->overflowed) || more > arena->max_bytes - arena->used_bytes) {
        arena->overflowed = true;
        return NULL;
    }
    struct pawl_arena_block **link = link_of_latest(arena, memory, old);
    if (link == NULL || !can_stay(*link, old, rounded)) {
        if (rounded <= old) {
            UNPOISON(memory, new_bytes);
            if (new_bytes > old_bytes) {
                memset((char *)memory + old_bytes, 0, new_bytes - old_bytes);
            }
            return memory;
        }
        void *copy = pawl_arena_alloc(arena, new_bytes);
        if (copy != NULL && old_bytes > 0) {
            memcpy(copy, memory, old_bytes);
        }
        return copy;
    }
    char *resized = resize_latest(arena, link, old, rounded);
    if (resized == NULL) {
        arena->overflowed = true;
        return NULL;
    }
    const char *block_end = block_data(*link) + (*link)->capacity;
    UNPOISON(resized, new_bytes);
    POISON(resized + new_bytes, (size_t)(block_end - resized) - new_bytes);
    if (new_bytes > old_bytes) {
        memset(resized + old_bytes, 0, new_bytes - old_bytes);
    }
    return resized;
}

struct pawl_slice pawl_arena_copy(struct pawl_arena *arena, struct pawl_slice slice)
{
    char *memory = slice.bytes < SIZE_MAX ? pawl_arena_alloc(arena, slice.bytes + 1) : NULL;
    if (memory == NULL) {
        return PAWL_SLICE_NONE;
    }
    if (slice.bytes > 0) {
        memcpy(memory, slice.data, slice.bytes);
    }
    return (struct pawl_slice){memory, slice.bytes};
}

struct pawl_slice pawl_arena_printf(struct pawl_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        arena->overflowed = true;
        return PAWL_SLICE_NONE;
    }
    size_t bytes = (size_t)length;
    char *memory = pawl_arena_alloc(arena, bytes + 1);
    if (memory == NULL) {
        return PAWL_SLICE_NONE;
    }
    va_start(arguments, format);
    int again = vsnprintf(memory, bytes + 1, format, arguments);
    va_end(arguments);
    PAWL_ASSERT(again == length);
    return (struct pawl_slice){memory, bytes};
}

void pawl_arena_reset(struct pawl_arena *arena)
{
    struct pawl_arena_block *block = arena->head;
    while (block != NULL && block->next != NULL) {
        struct pawl_arena_block *next = block->next;
        block_free(block);
        block = next;
    }
    if (block != NULL) {
        block->used = 0;
        POISON(block_data(block), block->capacity);
    }
    arena->head = block;
    arena->used_bytes = 0;
    arena->overflowed = false;
}

void pawl_arena_free(struct pawl_arena *arena)
{
    pawl_arena_reset(arena);
    if (arena->head != NULL) {
        block_free(arena->head);
        arena->head = NULL;
    }
}
