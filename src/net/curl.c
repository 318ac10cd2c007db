/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl.c: see curl.h. Once loaded, libcurl is neither shut down nor unloaded: its libraries leave
 * threads' data and exit handlers behind that do not bear it.
 *
 * Failure: NOT_FOUND where the library or one of its functions is missing, MEMORY where it cannot
 * be set up.
 */
#define _GNU_SOURCE
#include "net/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"

struct pawl_curl pawl_curl;

static struct {
    pthread_once_t once;
    pawl_err err;
    struct pawl_errmsg msg;
} loading = {.once = PTHREAD_ONCE_INIT};

static const struct {
    const char *symbol;
    size_t offset;
} functions[] = {
#define FUNCTION(name) {"curl_" #name, offsetof(struct pawl_curl, name)},
    PAWL_CURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static void missing(const char *what)
{
    const char *why = dlerror();
    pawl_errmsg_set(&loading.msg, "%s cannot be loaded: %s", what, why != NULL ? why : "no reason");
    loading.err = PAWL_ERR(NOT_FOUND);
}

static void load(void)
{
    void *library = dlopen(PAWL_CURL_LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        missing(PAWL_CURL_LIBRARY);
        return;
    }
    struct pawl_curl found;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(functions); i++) {
        void *address = dlsym(library, functions[i].symbol);
        if (address == NULL) {
            missing(functions[i].symbol);
            return;
        }
        /* The standard knows no cast from data to functions; POSIX says that the bytes are good. */
        _Static_assert(sizeof(address) == sizeof(found.easy_init), "one kind of pointer");
        memcpy((char *)&found + functions[i].offset, &address, sizeof(address));
    }
    if (found.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        pawl_errmsg_set(&loading.msg, "%s cannot be set up", PAWL_CURL_LIBRARY);
        loading.err = PAWL_ERR(MEMORY);
        return;
    }
    pawl_curl = found;
}

pawl_err pawl_curl_load(struct pawl_errmsg *msg)
{
    int failed = pthread_once(&loading.once, load);
    PAWL_ASSERT(failed == 0);
    if (pawl_failed(loading.err)) {
        pawl_errmsg_set(msg, "%s", loading.msg.text);
    }
    return loading.err;
}
