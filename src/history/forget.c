/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forget.c: runs that were removed on purpose. One row stays of each for a year, so that whoever
 * asks for it is told what became of it; where the history is rebuilt from the journals, these rows
 * are lost, and then such a run is simply not found.
 */
#include "history/db.h"

static pawl_err take_error(struct pawl_history_db *db, struct pawl_errmsg *msg)
{
    pawl_err err = db->err;
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "%s", db->msg.text);
        db->err = PAWL_OK;
    }
    return err;
}

pawl_err
pawl_history_forget(struct pawl_history *history, struct pawl_slice run_id, struct pawl_errmsg *msg)
{
    struct pawl_history_db *db = pawl_history_connection(history);
    if (!pawl_history_db_run(db, "BEGIN IMMEDIATE", "")) {
        return take_error(db, msg);
    }
    pawl_history_db_run(db,
                        "INSERT OR REPLACE INTO gone(id, name, ended_us, keep_ms)"
                        " SELECT id, name, ended_us, keep_ms FROM runs WHERE id=?1",
                        "s", run_id);
    pawl_history_db_run(db, "DELETE FROM calls WHERE run_id=?1", "s", run_id);
    pawl_history_db_run(db, "DELETE FROM approvals WHERE run_id=?1", "s", run_id);
    pawl_history_db_run(db, "DELETE FROM marks WHERE run_id=?1", "s", run_id);
    pawl_history_db_run(db, "DELETE FROM runs WHERE id=?1", "s", run_id);
    pawl_history_db_run(db,
                        "DELETE FROM gone WHERE ended_us <"
                        " (SELECT max(ended_us) FROM gone) - 365*86400*1000000",
                        "");
    pawl_err err = take_error(db, msg);
    pawl_history_db_run(db, pawl_ok(err) ? "COMMIT" : "ROLLBACK", "");
    return pawl_failed(err) ? err : take_error(db, msg);
}

pawl_err pawl_history_find_gone(struct pawl_history *history,
                                struct pawl_slice text,
                                struct pawl_history_gone *ret_gone,
                                struct pawl_errmsg *msg)
{
    struct pawl_history_db *db = pawl_history_connection(history);
    struct pawl_history_gone gone = {.id = ""};
    sqlite3_stmt *row = pawl_history_db_bind(
        db,
        "SELECT id, ended_us, keep_ms FROM gone WHERE name=?1 OR substr(id, 1, length(?1))=?1"
        " OR substr(id, 5, length(?1))=?1 ORDER BY ended_us DESC LIMIT 1",
        "s", text);
    if (row != NULL && pawl_history_db_step(db, row)) {
        (void)pawl_slice_copy_str(pawl_slice_str((const char *)sqlite3_column_text(row, 0)),
                                  gone.id, sizeof(gone.id));
        gone.ended_us = sqlite3_column_int64(row, 1);
        gone.keep_ms = sqlite3_column_int64(row, 2);
        (void)sqlite3_reset(row);
    }
    pawl_err err = take_error(db, msg);
    if (pawl_ok(err)) {
        *ret_gone = gone;
    }
    return err;
}
