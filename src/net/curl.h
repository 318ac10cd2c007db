/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl.h: libcurl, loaded when it is needed. It comes with thirty other libraries, and mapping and
 * relocating them takes longer than everything else that a command does before its work; most
 * commands, and the start of an agent, need none of it. So the program is not linked to libcurl:
 * its functions are looked up by name, once, and are called under their own names.
 *
 * Whoever includes this file calls pawl_curl_load() before the first of them.
 */
#ifndef PAWL_NET_CURL_H
#define PAWL_NET_CURL_H

#include <curl/curl.h>

#include "base/err.h"

/* The functions that the client uses. */
#define PAWL_CURL_FUNCTIONS(EACH)                                                                  \
    EACH(easy_cleanup)                                                                             \
    EACH(easy_getinfo)                                                                             \
    EACH(easy_init)                                                                                \
    EACH(easy_pause)                                                                               \
    EACH(easy_setopt)                                                                              \
    EACH(easy_strerror)                                                                            \
    EACH(global_init)                                                                              \
    EACH(multi_add_handle)                                                                         \
    EACH(multi_cleanup)                                                                            \
    EACH(multi_info_read)                                                                          \
    EACH(multi_init)                                                                               \
    EACH(multi_remove_handle)                                                                      \
    EACH(multi_setopt)                                                                             \
    EACH(multi_socket_action)                                                                      \
    EACH(share_cleanup)                                                                            \
    EACH(share_init)                                                                               \
    EACH(share_setopt)

struct pawl_curl {
#define PAWL_CURL_MEMBER(name) __typeof__(curl_##name) *name;
    PAWL_CURL_FUNCTIONS(PAWL_CURL_MEMBER)
#undef PAWL_CURL_MEMBER
};

extern struct pawl_curl pawl_curl;

/* Loads libcurl and sets it up for the process, the first time; a failure is told again. It stays
 * loaded. Any thread may call it. */
PAWL_MUST_CHECK pawl_err pawl_curl_load(struct pawl_errmsg *msg);

/* libcurl's own macros of these names check types and pass the call on. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
#undef curl_share_setopt

#define curl_easy_cleanup        pawl_curl.easy_cleanup
#define curl_easy_getinfo        pawl_curl.easy_getinfo
#define curl_easy_init           pawl_curl.easy_init
#define curl_easy_pause          pawl_curl.easy_pause
#define curl_easy_setopt         pawl_curl.easy_setopt
#define curl_easy_strerror       pawl_curl.easy_strerror
#define curl_multi_add_handle    pawl_curl.multi_add_handle
#define curl_multi_cleanup       pawl_curl.multi_cleanup
#define curl_multi_info_read     pawl_curl.multi_info_read
#define curl_multi_init          pawl_curl.multi_init
#define curl_multi_remove_handle pawl_curl.multi_remove_handle
#define curl_multi_setopt        pawl_curl.multi_setopt
#define curl_multi_socket_action pawl_curl.multi_socket_action
#define curl_share_cleanup       pawl_curl.share_cleanup
#define curl_share_init          pawl_curl.share_init
#define curl_share_setopt        pawl_curl.share_setopt

#endif
