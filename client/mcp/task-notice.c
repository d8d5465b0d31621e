/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "task-notice.h"
#include "task-object.h"

struct TaskNotice {
        Mcp *mcp;
        TaskNotice *next;
        Watcher watcher;
};

static void notice_free(TaskNotice *notice) {
        Mcp *mcp = notice->mcp;

        for (TaskNotice **n = &mcp->notices; *n; n = &(*n)->next)
                if (*n == notice) {
                        *n = notice->next;
                        mcp->n_notices--;
                        break;
                }
        watch_remove(&notice->watcher);
        free(notice);
}

static void on_changed(Watcher *watcher, const JobRecord *record, const sd_bus_error *error) {
        TaskNotice *notice = CONTAINER_OF(watcher, TaskNotice, watcher);
        _cleanup_json_ json_object *params = NULL;

        if (!error && !job_state_is_terminal(record->state))
                return;
        params = error ? NULL : json_object_new_object();
        if (params && task_object_fill(params, record, false, false) >= 0)
                mcp_notify(notice->mcp, "notifications/tasks/status", TAKE_PTR(params), false);
        notice_free(notice);
}

void task_notice_add(Mcp *mcp, const char *id) {
        TaskNotice *notice = mcp->n_notices < TASK_NOTICES_MAX ? malloc(sizeof(TaskNotice)) : NULL;

        if (!notice)
                return;
        *notice = (TaskNotice) { .mcp = mcp, .next = mcp->notices, .watcher = { .changed = on_changed } };
        mcp->notices = notice;
        mcp->n_notices++;
        if (watch_add(mcp->watch, id, &notice->watcher) < 0)
                notice_free(notice);
}

void task_notices_clear(Mcp *mcp) {
        while (mcp->notices)
                notice_free(mcp->notices);
}
