/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c: any bytes as a JSON text, our reader against jansson's. */
#include "json_differential.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    (void)json_differential(pawl_slice_of((const char *)data, bytes));
    return 0;
}
