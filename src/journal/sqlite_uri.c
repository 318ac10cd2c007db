/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_uri.c: see sqlite_uri.h. Three bytes mean something in such a name and are escaped. Where
 * a path begins with two slashes, as $PWD/data does in the root, what follows would be a machine's
 * name: so an absolute one follows an empty name.
 */
#include "journal/sqlite_uri.h"

#include <string.h>

#include "base/assert.h"

void pawl_sqlite_immutable_uri(const char *path, char out[static PAWL_SQLITE_URI_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const char *scheme = path[0] == '/' ? "file://" : "file:";
    size_t used = strlen(scheme);
    PAWL_ASSERT(strlen(path) < PAWL_PATH_BYTES_MAX);
    memcpy(out, scheme, used);
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;
        if (byte == '%' || byte == '?' || byte == '#') {
            out[used++] = '%';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
        } else {
            out[used++] = (char)byte;
        }
    }
    memcpy(out + used, "?immutable=1", sizeof("?immutable=1"));
}
