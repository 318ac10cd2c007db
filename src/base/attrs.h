/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attrs.h: the compiler attributes that the tree uses, under names of its own,
 * so that a file never spells __attribute__ itself.
 */
#ifndef PAWL_BASE_ATTRS_H
#define PAWL_BASE_ATTRS_H

#define PAWL_MUST_CHECK                     __attribute__((warn_unused_result))
#define PAWL_PRINTF(fmt_index, first_index) __attribute__((format(printf, fmt_index, first_index)))
#define PAWL_NORETURN                       __attribute__((noreturn))
#define PAWL_UNUSED                         __attribute__((unused))
#define PAWL_COLD                           __attribute__((cold))
/* For a processor that has this; whoever calls it has asked before. */
#define PAWL_TARGET(extension) __attribute__((target(extension)))

#define PAWL_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
