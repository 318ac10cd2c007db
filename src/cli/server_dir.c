/* SPDX-License-Identifier: Apache-2.0 */
/* server_dir.c: see server_dir.h. */
#include "cli/server_dir.h"

#include <stdlib.h>
#include <string.h>

pawl_err
pawl_cli_server_dir(const char *said, char out[static PAWL_PATH_BYTES], struct pawl_errmsg *msg)
{
    struct pawl_datadir dir;
    const char *variable = getenv("PAWL_SERVE_DATA_DIR");
    if (said == NULL && variable != NULL && variable[0] != '\0') {
        said = variable;
    }
    pawl_err err = pawl_datadir_resolve(said, &dir, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (said == NULL) {
        return pawl_datadir_path(&dir, "server", out, msg);
    }
    memcpy(out, dir.path, PAWL_PATH_BYTES);
    return PAWL_OK;
}

pawl_err pawl_cli_server_path(const char *said,
                              const char *name,
                              char out[static PAWL_PATH_BYTES],
                              struct pawl_errmsg *msg)
{
    struct pawl_datadir dir;
    pawl_err err = pawl_cli_server_dir(said, dir.path, msg);
    return pawl_ok(err) ? pawl_datadir_path(&dir, name, out, msg) : err;
}
