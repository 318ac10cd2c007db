/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_store.c: see disk_store.h. Every file has two contents: what reads show, and what would
 * be there after a power failure; between them lies the list of changes. The directory is
 * kept the same way.
 *
 * Memory is the test's own, so running out of it ends the test.
 */
#include "tests/lib/disk_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { SECTOR_BYTES = 512 };

static void *must(void *memory)
{
    PAWL_ASSERT(memory != NULL);
    return memory;
}

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(must(malloc(bytes)), text, bytes);
}

/* Room for one more row of an array that doubles. */
static void *one_more(void *rows, size_t count, size_t *capacity, size_t row_bytes)
{
    if (count < *capacity) {
        return rows;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return must(realloc(rows, *capacity * row_bytes));
}

/* --- Contents. -------------------------------------------------------------------------------- */

static void bytes_resize(struct store_bytes *content, size_t bytes)
{
    if (bytes > content->capacity) {
        size_t capacity = content->capacity * 2 > bytes ? content->capacity * 2 : bytes;
        content->data = must(realloc(content->data, capacity));
        content->capacity = capacity;
    }
    if (bytes > content->bytes) {
        memset(content->data + content->bytes, 0, bytes - content->bytes);
    }
    content->bytes = bytes;
}

static void bytes_write(struct store_bytes *content, size_t offset, const void *data, size_t bytes)
{
    if (offset + bytes > content->bytes) {
        bytes_resize(content, offset + bytes);
    }
    if (bytes > 0) {
        memcpy(content->data + offset, data, bytes);
    }
}

void store_bytes_copy(const struct store_bytes *from, struct store_bytes *to)
{
    bytes_resize(to, from->bytes);
    if (from->bytes > 0) {
        memcpy(to->data, from->data, from->bytes);
    }
}

static void apply(struct store_bytes *content, const struct store_change *change)
{
    if (change->data != NULL) {
        bytes_write(content, change->offset, change->data, change->bytes);
    } else {
        bytes_resize(content, change->offset);
    }
}

static void drop_changes(struct store_inode *inode)
{
    for (size_t i = 0; i < inode->change_count; i++) {
        free(inode->changes[i].data);
    }
    inode->change_count = 0;
}

static struct store_change *add_change(struct store_inode *inode)
{
    inode->changes = one_more(inode->changes, inode->change_count, &inode->change_capacity,
                              sizeof(*inode->changes));
    return &inode->changes[inode->change_count++];
}

void store_write(struct store_inode *inode, size_t offset, const void *data, size_t bytes)
{
    struct store_change *change = add_change(inode);
    *change = (struct store_change){.offset = offset, .bytes = bytes};
    change->data = must(malloc(bytes > 0 ? bytes : 1));
    if (bytes > 0) {
        memcpy(change->data, data, bytes);
    }
    apply(&inode->current, change);
}

void store_truncate(struct store_inode *inode, size_t bytes)
{
    struct store_change *change = add_change(inode);
    *change = (struct store_change){.offset = bytes};
    apply(&inode->current, change);
}

void store_sync(struct store_inode *inode)
{
    for (size_t i = 0; i < inode->change_count; i++) {
        apply(&inode->durable, &inode->changes[i]);
    }
    drop_changes(inode);
}

void store_lose(struct store_inode *inode)
{
    drop_changes(inode);
}

/* Each sector of a write on its own: kept or not. */
static void
apply_torn(struct store_bytes *content, const struct store_change *change, struct pawl_prng *prng)
{
    size_t at = 0;
    while (at < change->bytes) {
        size_t to_border = SECTOR_BYTES - (change->offset + at) % SECTOR_BYTES;
        size_t bytes = change->bytes - at < to_border ? change->bytes - at : to_border;
        if (pawl_prng_one_in(prng, 2)) {
            bytes_write(content, change->offset + at, change->data + at, bytes);
        }
        at += bytes;
    }
}

static void inode_crash(struct store_inode *inode, struct pawl_prng *prng)
{
    /* Often all or nothing, since the interesting crashes are the half ones only sometimes. */
    uint64_t mood = pawl_prng_below(prng, 4);
    for (size_t i = 0; i < inode->change_count; i++) {
        const struct store_change *change = &inode->changes[i];
        uint64_t fate = mood < 2 ? mood : pawl_prng_below(prng, 3);
        if (fate == 1) {
            apply(&inode->durable, change);
        } else if (fate == 2 && change->data != NULL) {
            apply_torn(&inode->durable, change, prng);
        }
    }
    drop_changes(inode);
    store_bytes_copy(&inode->durable, &inode->current);
    inode->locked = false;
}

void store_close(struct store_inode *inode)
{
    PAWL_ASSERT(inode->references > 0);
    if (--inode->references > 0) {
        return;
    }
    drop_changes(inode);
    free(inode->changes);
    free(inode->current.data);
    free(inode->durable.data);
    free(inode);
}

/* --- Names. ----------------------------------------------------------------------------------- */

static size_t names_find(const struct store_names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->rows[i].path, path) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void names_drop(struct store_names *names, const char *path)
{
    size_t at = names_find(names, path);
    if (at == SIZE_MAX) {
        return;
    }
    free(names->rows[at].path);
    store_close(names->rows[at].inode);
    names->rows[at] = names->rows[--names->count];
}

static void names_set(struct store_names *names, const char *path, struct store_inode *inode)
{
    inode->references++;
    names_drop(names, path);
    names->rows = one_more(names->rows, names->count, &names->capacity, sizeof(*names->rows));
    names->rows[names->count++] = (struct store_name){.path = copy_text(path), .inode = inode};
}

static void names_clear(struct store_names *names)
{
    while (names->count > 0) {
        names_drop(names, names->rows[0].path);
    }
}

static void names_copy(const struct store_names *from, struct store_names *to)
{
    names_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        names_set(to, from->rows[i].path, from->rows[i].inode);
    }
}

static void step_apply(struct store_names *names, const struct store_step *step)
{
    if (step->from != NULL) {
        names_drop(names, step->from);
    }
    if (step->inode != NULL) {
        names_set(names, step->path, step->inode);
    } else {
        names_drop(names, step->path);
    }
}

static void step_free(struct store_step *step)
{
    if (step->inode != NULL) {
        store_close(step->inode);
    }
    free(step->path);
    free(step->from);
}

static void drop_steps(struct store *store)
{
    for (size_t i = 0; i < store->step_count; i++) {
        step_free(&store->steps[i]);
    }
    store->step_count = 0;
}

/* Does it now, and notes it for the disk. */
static void
take_step(struct store *store, const char *path, const char *from, struct store_inode *inode)
{
    struct store_step step = {
        .path = copy_text(path), .from = from != NULL ? copy_text(from) : NULL, .inode = inode};
    if (inode != NULL) {
        inode->references++;
    }
    store->steps =
        one_more(store->steps, store->step_count, &store->step_capacity, sizeof(*store->steps));
    store->steps[store->step_count++] = step;
    step_apply(&store->current, &step);
}

struct store_inode *store_find(const struct store *store, const char *path)
{
    size_t at = names_find(&store->current, path);
    return at == SIZE_MAX ? NULL : store->current.rows[at].inode;
}

struct store_inode *store_open(struct store *store, const char *path)
{
    struct store_inode *inode = store_find(store, path);
    if (inode != NULL) {
        inode->references++;
    }
    return inode;
}

struct store_inode *store_create(struct store *store, const char *path)
{
    PAWL_ASSERT(store_find(store, path) == NULL);
    struct store_inode *inode = must(calloc(1, sizeof(*inode)));
    inode->references = 1;
    take_step(store, path, NULL, inode);
    return inode;
}

void store_remove(struct store *store, const char *path)
{
    take_step(store, path, NULL, NULL);
}

void store_rename(struct store *store, const char *from, const char *to)
{
    struct store_inode *inode = store_open(store, from);
    PAWL_ASSERT(inode != NULL);
    take_step(store, to, from, inode);
    store_close(inode);
}

void store_sync_directory(struct store *store)
{
    names_copy(&store->current, &store->durable);
    drop_steps(store);
}

/* --- All of it. ------------------------------------------------------------------------------- */

void store_crash(struct store *store, struct pawl_prng *prng)
{
    size_t kept = (size_t)pawl_prng_below(prng, store->step_count + 1);
    for (size_t i = 0; i < kept; i++) {
        step_apply(&store->durable, &store->steps[i]);
    }
    drop_steps(store);
    names_copy(&store->durable, &store->current);
    for (size_t i = 0; i < store->current.count; i++) {
        inode_crash(store->current.rows[i].inode, prng);
    }
}

uint64_t store_total_bytes(const struct store *store)
{
    uint64_t total = 0;
    for (size_t i = 0; i < store->current.count; i++) {
        total += store->current.rows[i].inode->current.bytes;
    }
    return total;
}

void store_copy(const struct store *store, struct store *ret_copy)
{
    *ret_copy = (struct store){.steps = NULL};
    for (size_t i = 0; i < store->current.count; i++) {
        const struct store_inode *from = store->current.rows[i].inode;
        struct store_inode *inode = store_create(ret_copy, store->current.rows[i].path);
        store_bytes_copy(&from->current, &inode->current);
        store_bytes_copy(&from->current, &inode->durable);
        store_close(inode);
    }
    store_sync_directory(ret_copy);
}

void store_free(struct store *store)
{
    drop_steps(store);
    free(store->steps);
    names_clear(&store->current);
    names_clear(&store->durable);
    free(store->current.rows);
    free(store->durable.rows);
}
