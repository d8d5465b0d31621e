/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool output: a page of what a job wrote. */

#include "output.h"
#include "page.h"
#include "text-new.h"
#include "tool-jobs.h"
#include "work.h"

#define BYTES_DEFAULT 16384

typedef struct Output {
        Work work;
        OutputName name; /* points into the arguments */
        uint64_t offset;
        size_t max;
} Output;

/* Where the text is in the output, and how to get what comes next; NULL: out of memory. */
static char *place_of(const Output *o, const Page *page) {
        uintmax_t from = page->from, to = page->to, size = page->size;

        if (from == 0 && to == size)
                return text_new("[all of %s: %ju bytes]", o->name.stream, size);
        if (to == size)
                return text_new("[bytes %ju to %ju of %ju, the end of %s]", from, to, size, o->name.stream);
        return text_new("[bytes %ju to %ju of %ju; next: output {\"id\":\"%s\",\"stream\":\"%s\",\"offset\":%ju}]", from,
                        to, size, o->name.id, o->name.stream, to);
}

static json_object *result_of(const Output *o, const Page *page) {
        _cleanup_json_ json_object *result = json_object_new_object(), *content = json_object_new_array();
        _cleanup_free_ char *place = place_of(o, page);

        if (!result || !content || !place || json_append(content, json_text_block(page->text)) < 0 ||
            json_append(content, json_text_block(place)) < 0 || json_add(result, "content", TAKE_PTR(content)) < 0)
                return NULL;
        return TAKE_PTR(result);
}

static int opened(Work *work, sd_bus_message *reply) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_page_ Page page = {};
        const Output *o = (Output *) work;
        int r;

        r = output_take_fd(reply, &fd);
        if (r >= 0)
                r = page_read(fd, o->offset, o->max, &page);
        if (r >= 0)
                exchange_answer(work->exchange, result_of(o, &page));
        return r;
}

int tool_output(Exchange *x, json_object *arguments) {
        int64_t offset = json_number(arguments, "offset", -1);
        Output *o = malloc(sizeof(Output));

        if (!o)
                return -ENOMEM;
        *o = (Output) {
                .work = { .exchange = x, .arguments = json_object_get(arguments) },
                .name = { .id = json_text(arguments, "id"), .stream = json_text(arguments, "stream") ?: "stdout" },
                .offset = offset < 0 ? PAGE_TAIL : (uint64_t) offset,
                .max = (size_t) json_number(arguments, "max_bytes", BYTES_DEFAULT),
        };
        work_set(&o->work);
        return work_call(&o->work, CALL_AGAIN, "OpenOutput", append_output, &o->name, opened);
}
