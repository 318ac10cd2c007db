/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c: who asks. It is done with every request, so it is one SHA-256 of a short text, one look
 * into the index under the hash's first bytes, and one comparison. The comparison takes the same
 * time whatever it compares; that the look-up does not is of no use to anybody who cannot choose
 * the hash.
 */
#include "registry/registry_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "journal/sha256.h"

struct registry_secret pawl_registry_secret_of(struct pawl_slice secret)
{
    struct pawl_sha256 sha;
    struct registry_secret out;
    pawl_sha256_begin(&sha);
    pawl_sha256_add(&sha, secret.data, secret.bytes);
    struct pawl_journal_hash hash = pawl_sha256_end(&sha);
    _Static_assert(sizeof(hash.bytes) == sizeof(out.hash), "one size of hash");
    memcpy(out.hash, hash.bytes, sizeof(out.hash));
    return out;
}

static bool same_secret(const struct registry_secret *a, const struct registry_secret *b)
{
    unsigned different = 0;
    for (size_t i = 0; i < sizeof(a->hash); i++) {
        different |= (unsigned)(a->hash[i] ^ b->hash[i]);
    }
    return different == 0;
}

static uint64_t index_hash(const struct registry_secret *secret)
{
    uint64_t hash;
    memcpy(&hash, secret->hash, sizeof(hash));
    return hash;
}

void pawl_registry_index_secret(struct pawl_registry *registry,
                                struct registry_key *key,
                                uint32_t place)
{
    pawl_registry_index_put(&registry->by_secret, index_hash(&key->secret), place);
}

/* What the key is at a time, its tenant considered. */
static enum pawl_key_state state_at(const struct registry_key *key, int64_t now_us)
{
    if (key->view.state == PAWL_KEY_REVOKED || key->tenant->view.state == PAWL_TENANT_CLOSED) {
        return PAWL_KEY_REVOKED;
    }
    return key->view.expires_us != 0 && key->view.expires_us <= now_us ? PAWL_KEY_EXPIRED
                                                                       : PAWL_KEY_ACTIVE;
}

static enum pawl_auth
answer_of(const struct registry_key *key, int64_t now_us, struct pawl_principal *ret_principal)
{
    *ret_principal = (struct pawl_principal){
        .kind = PAWL_PRINCIPAL_TENANT,
        .tenant = key->view.tenant,
        .key_id = key->view.id,
        .permissions = key->view.permissions,
        .scope_filter = key->view.scope_filter,
        .filter = key->filter,
    };
    if (key->view.state == PAWL_KEY_REVOKED) {
        return PAWL_AUTH_REVOKED;
    }
    bool expired = key->view.expires_us != 0 && key->view.expires_us <= now_us;
    return expired ? PAWL_AUTH_EXPIRED : PAWL_AUTH_OK;
}

enum pawl_auth pawl_registry_key_check(const struct pawl_registry *registry,
                                       struct pawl_slice secret,
                                       int64_t now_us,
                                       struct pawl_principal *ret_principal)
{
    struct registry_secret asked = pawl_registry_secret_of(secret);
    struct registry_probe probe = {0};
    uint64_t hash = index_hash(&asked);
    uint32_t place;
    while ((place = pawl_registry_index_next(&registry->by_secret, hash, &probe)) != UINT32_MAX) {
        const struct registry_key *key = registry->keys.records[place];
        if (same_secret(&key->secret, &asked)) {
            return answer_of(key, now_us, ret_principal);
        }
    }
    return PAWL_AUTH_UNKNOWN;
}

bool pawl_registry_admin_check(const struct pawl_registry *registry, struct pawl_slice secret)
{
    struct registry_secret asked = pawl_registry_secret_of(secret);
    return registry->admin_set && same_secret(&registry->admin, &asked);
}

bool pawl_registry_admin_is_set(const struct pawl_registry *registry)
{
    return registry->admin_set;
}

static void view_at(const struct registry_key *key, int64_t now_us, struct pawl_key *ret_key)
{
    *ret_key = key->view;
    ret_key->state = (uint8_t)state_at(key, now_us);
    if (key->view.state != PAWL_KEY_REVOKED && ret_key->state == PAWL_KEY_REVOKED) {
        ret_key->revoked_us = key->tenant->view.closed_us;
        ret_key->revoked_reason = PAWL_SLICE("tenant_closed");
    }
}

bool pawl_registry_key(const struct pawl_registry *registry,
                       struct pawl_slice id,
                       int64_t now_us,
                       struct pawl_key *ret_key)
{
    const struct registry_key *key = pawl_registry_find_key(registry, id);
    if (key == NULL) {
        return false;
    }
    view_at(key, now_us, ret_key);
    return true;
}

bool pawl_registry_key_next(const struct pawl_registry *registry,
                            uint32_t *cursor,
                            int64_t now_us,
                            struct pawl_key *ret_key)
{
    if (*cursor >= registry->keys.count) {
        return false;
    }
    view_at(registry->keys.records[(*cursor)++], now_us, ret_key);
    return true;
}

/* --- New ones --------------------------------------------------------------------------------- */

/* Characters drawn evenly: bytes beyond a multiple of their number are thrown away. */
static void draw(struct pawl_slice alphabet, char *out, size_t count)
{
    unsigned char bytes[64];
    unsigned limit = 256 - 256 % (unsigned)alphabet.bytes;
    size_t drawn = 0;
    while (drawn < count) {
        pawl_random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && drawn < count; i++) {
            if (bytes[i] < limit) {
                out[drawn++] = alphabet.data[bytes[i] % alphabet.bytes];
            }
        }
    }
    out[count] = '\0';
}

void pawl_registry_new_secret(char out[static PAWL_SECRET_BYTES])
{
    static const char prefix[] = "cyc_live_";
    memcpy(out, prefix, sizeof(prefix));
    draw(PAWL_SLICE("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
         out + sizeof(prefix) - 1, 32);
}

void pawl_registry_new_id(const char *prefix, char out[static PAWL_SECRET_BYTES])
{
    int bytes = snprintf(out, PAWL_SECRET_BYTES, "%s_", prefix);
    PAWL_ASSERT(bytes > 0 && bytes + 16 < PAWL_SECRET_BYTES);
    draw(PAWL_SLICE("abcdefghijklmnopqrstuvwxyz0123456789"), out + bytes, 16);
}
