/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prices_embed.S: data/prices.json as read-only bytes of the binary. The path comes from the build.
 */
    .section .rodata
    .global pawl_prices_json
    .global pawl_prices_json_end
    .balign 8
pawl_prices_json:
    .incbin PAWL_PRICES_PATH
pawl_prices_json_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
