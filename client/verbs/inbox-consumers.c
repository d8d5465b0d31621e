/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "clean.h"
#include "consumers.h"
#include "inbox-consumers.h"
#include "render.h"
#include "render-json.h"
#include "say.h"
#include "text-new.h"
#include "time-util.h"
#include "write.h"

/* ---- List ---- */

static int put_consumer(FILE *f, const Consumer *consumer, uint64_t now) {
        _cleanup_free_ char *name = one_line(consumer->name);
        uint64_t age = now > consumer->seen_usec ? now - consumer->seen_usec : 0;
        char text[DURATION_MAX];

        if (!name)
                return -ENOMEM;
        (void) fprintf(f, "%-12s  %-6s  %s\n", format_duration(age, text), consumer->unread ? "yes" : "no", name);
        return 0;
}

static int put_consumers(FILE *f, void *userdata) {
        const ConsumerList *list = userdata;
        uint64_t now = now_realtime();
        int r = 0;

        if (list->n > 0)
                (void) fprintf(f, "%-12s  %-6s  %s\n", "LAST READ", "UNREAD", "NAME");
        for (size_t i = 0; i < list->n && r >= 0; i++)
                r = put_consumer(f, &list->consumers[i], now);
        return r;
}

int inbox_consumers_show(Invocation *in) {
        _cleanup_consumer_list_ ConsumerList list = {};
        int r;

        r = consumer_list(in->client, &list, &in->error);
        if (r < 0)
                return r;
        if (in->json)
                return json_write_consumers(list.consumers, list.n, &in->error);
        r = write_text(put_consumers, &list, &in->error);
        if (r < 0 || in->quiet)
                return r;
        if (list.n == 0)
                say("No inbox has been read yet.");
        else
                say("Forget a consumer that is gone with: codex-jobs inbox --forget NAME%s", client_scope_option(in->client));
        return 0;
}

/* ---- Forget ---- */

static const Consumer *find(const ConsumerList *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (streq(list->consumers[i].name, name))
                        return &list->consumers[i];
        return NULL;
}

/* The call may be repeated while the service restarts: a consumer that is gone now was there before. */
static int forget(Invocation *in, const char *name) {
        int r;

        r = consumer_forget(in->client, name, &in->error);
        if (r >= 0 || !sd_bus_error_has_name(&in->error, JOBS_ERROR_NO_SUCH_CONSUMER))
                return r;
        sd_bus_error_free(&in->error);
        return 0;
}

int inbox_consumers_forget(Invocation *in, const char *name) {
        _cleanup_free_ char *shown = one_line(name), *line = NULL;
        _cleanup_consumer_list_ ConsumerList list = {};
        const Consumer *consumer;
        int r;

        if (!shown)
                return -ENOMEM;
        r = consumer_list(in->client, &list, &in->error);
        if (r < 0)
                return r;
        consumer = find(&list, name);
        if (!consumer)
                return error_set(&in->error, "There is no consumer '%s'. List consumers with: codex-jobs inbox --consumers%s",
                                 shown, client_scope_option(in->client));
        r = forget(in, name);
        if (r < 0)
                return r;
        if (in->json)
                return json_write_consumers(consumer, 1, &in->error);
        if (in->quiet)
                return 0;
        line = text_new("Forgot consumer %s\n", shown);
        if (!line)
                return -ENOMEM;
        return write_stdout(line, strlen(line), &in->error);
}
