/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool output: a page of what a job wrote. */

#include "output.h"
#include "page.h"
#include "tool-jobs.h"

#define BYTES_DEFAULT 16384

typedef struct Output {
        Exchange *exchange; /* not owned */
        json_object *arguments; /* the name points into them */
        OutputName name;
        uint64_t offset;
        size_t max;
        Call *call;
} Output;

static void output_free(void *work) {
        Output *o = work;

        (void) call_free(o->call);
        (void) json_object_put(o->arguments);
        free(o);
}

/* Where the text is in the output, and how to get what comes next; NULL: out of memory. */
static char *place_of(const Output *o, const Page *page) {
        char *text = NULL;
        int r;

        if (page->from == 0 && page->to == page->size)
                r = asprintf(&text, "[all of %s: %ju bytes]", o->name.stream, (uintmax_t) page->size);
        else if (page->to == page->size)
                r = asprintf(&text, "[bytes %ju to %ju of %ju, the end of %s]", (uintmax_t) page->from, (uintmax_t) page->to,
                             (uintmax_t) page->size, o->name.stream);
        else
                r = asprintf(&text, "[bytes %ju to %ju of %ju; next: output {\"id\":\"%s\",\"stream\":\"%s\",\"offset\":%ju}]",
                             (uintmax_t) page->from, (uintmax_t) page->to, (uintmax_t) page->size, o->name.id,
                             o->name.stream, (uintmax_t) page->to);
        return r < 0 ? NULL : text;
}

static json_object *result_of(const Output *o, const Page *page) {
        _cleanup_json_ json_object *result = json_object_new_object(), *content = json_object_new_array();
        _cleanup_free_ char *place = place_of(o, page);

        if (!result || !content || !place || json_append(content, json_text_block(page->text)) < 0 ||
            json_append(content, json_text_block(place)) < 0 || json_add(result, "content", TAKE_PTR(content)) < 0)
                return NULL;
        return TAKE_PTR(result);
}

static void on_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_page_ Page page = {};
        Output *o = userdata;
        int r;

        if (error) {
                exchange_refuse_error(o->exchange, error);
                return;
        }
        r = output_take_fd(reply, &fd);
        if (r >= 0)
                r = page_read(fd, o->offset, o->max, &page);
        if (r < 0)
                exchange_fail_errno(o->exchange, r);
        else
                exchange_answer(o->exchange, result_of(o, &page));
}

int tool_output(Exchange *x, json_object *arguments) {
        int64_t offset = json_number(arguments, "offset", -1);
        Output *o = malloc(sizeof(Output));

        if (!o)
                return -ENOMEM;
        *o = (Output) {
                .exchange = x,
                .arguments = json_object_get(arguments),
                .name = { .id = json_text(arguments, "id"), .stream = json_text(arguments, "stream") ?: "stdout" },
                .offset = offset < 0 ? PAGE_TAIL : (uint64_t) offset,
                .max = (size_t) json_number(arguments, "max_bytes", BYTES_DEFAULT),
        };
        exchange_set_work(x, o, output_free);
        return call_new(x->mcp->client, &o->call, CALL_AGAIN, "OpenOutput", append_output, &o->name, on_opened, o);
}
