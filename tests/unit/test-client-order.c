/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "order.h"
#include "test.h"

#define OUT OUTPUT_ORDER_STDOUT
#define ERR OUTPUT_ORDER_STDERR

/* The files of a job, as the worker writes them, and what was shown of them. */
typedef struct Scene {
        int streams[2];
        int index;
        uint64_t usec; /* of the last entry: 1, 2, 3, … */
        Order order;
        char shown[4096]; /* parts: "o" or "e", with times the time, and the bytes in brackets */
} Scene;

static int make_file(const char *name) {
        int fd = open(test_path(name), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

        check(fd >= 0);
        return fd;
}

static void append(int fd, const void *data, size_t size) {
        check_int(write(fd, data, size), size);
}

/* Bytes that no entry is about. */
static void write_data(Scene *s, unsigned stream, const char *text) {
        append(s->streams[stream], text, strlen(text));
}

static void write_entry(Scene *s, unsigned stream, uint32_t size) {
        append(s->index, &(OutputOrderEntry) { ++s->usec, size, stream }, sizeof(OutputOrderEntry));
}

static void write_text(Scene *s, unsigned stream, const char *text) {
        write_data(s, stream, text);
        write_entry(s, stream, (uint32_t) strlen(text));
}

static void scene_begin(Scene *s, bool timed) {
        *s = (Scene) { .streams = { make_file("stdout"), make_file("stderr") }, .index = make_file("order") };
        order_init(&s->order, timed);
}

static void scene_add(Scene *s, unsigned stream, off_t begin) {
        check_ok(order_add(&s->order, stream, fcntl(s->streams[stream], F_DUPFD_CLOEXEC, 3), begin, ORDER_TO_END));
}

static void scene_new(Scene *s, bool timed) {
        scene_begin(s, timed);
        scene_add(s, OUT, 0);
        scene_add(s, ERR, 0);
}

static void scene_clear(Scene *s) {
        order_clear(&s->order);
        (void) close(s->streams[OUT]);
        (void) close(s->streams[ERR]);
        (void) close(s->index);
}
#define _cleanup_scene_ _cleanup_(scene_clear)

static void note(Scene *s, const OrderPart *part) {
        size_t n = strlen(s->shown), size = (size_t) (part->end - part->begin);
        char *to = s->shown + n;

        check(n + size + 32 < sizeof(s->shown));
        to += sprintf(to, "%c", part->stream == OUT ? 'o' : 'e');
        if (s->order.timed)
                to += sprintf(to, "%" PRIu64, part->usec);
        *to++ = '[';
        check_int(pread(s->streams[part->stream], to, size, part->begin), size);
        (void) strcpy(to + size, "]");
}

/* Shows what there is now, with the index where it is wanted, and returns what was shown. */
static const char *show(Scene *s) {
        int r;

        s->shown[0] = 0;
        for (;;) {
                OrderPart part = {};

                r = check_ok(order_next(&s->order, &part));
                if (r > 0 && part.begin < part.end)
                        note(s, &part);
                else if (r == 0 && order_wants_index(&s->order))
                        order_set_index(&s->order, fcntl(s->index, F_DUPFD_CLOEXEC, 3));
                else if (r == 0)
                        return s->shown;
        }
}

static const char *show_end(Scene *s) {
        check_ok(order_end(&s->order));
        (void) show(s);
        check(order_is_over(&s->order));
        return s->shown;
}

static void in_turn(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        check_string(show(&s), "");
        write_text(&s, OUT, "a");
        write_text(&s, ERR, "b\n");
        write_text(&s, ERR, "c\n");
        write_text(&s, OUT, "d\n");
        write_text(&s, OUT, "e\n");
        check_string(show(&s), "o[a]e[b\nc\n]o[d\ne\n]");
        write_text(&s, ERR, "f\n");
        check_string(show(&s), "e[f\n]");
        check_string(show_end(&s), "");
}

static void all_at_the_end(void) {
        _cleanup_scene_ Scene s;

        scene_begin(&s, false);
        write_text(&s, ERR, "1");
        write_text(&s, OUT, "2");
        write_text(&s, ERR, "3");
        check_ok(order_end(&s.order)); /* before they are open */
        scene_add(&s, ERR, 0);
        scene_add(&s, OUT, 0);
        check_string(show(&s), "e[1]o[2]e[3]");
        check(order_is_over(&s.order));
}

static void times(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, true);
        check_string(show(&s), "");
        check(!order_wants_index(&s.order));
        write_text(&s, OUT, "a");
        write_text(&s, OUT, "b");
        write_text(&s, ERR, "c");
        write_data(&s, ERR, "d");
        check_string(show(&s), "o1[a]o2[b]e3[c]");
        check_string(show_end(&s), "e0[d]");
}

/* The entries of the other stream are passed over, whatever it has. */
static void times_of_one_stream(void) {
        _cleanup_scene_ Scene s;

        scene_begin(&s, true);
        scene_add(&s, ERR, 0);
        write_entry(&s, OUT, 1000);
        write_text(&s, ERR, "a");
        write_entry(&s, OUT, 1000);
        write_text(&s, ERR, "b");
        check_string(show(&s), "e2[a]e4[b]");
        check_string(show_end(&s), "");
}

/* Where one stream is empty the index is not needed; what was shown before it was is not shown again. */
static void one_stream_alone(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "ab");
        write_data(&s, OUT, "c");
        check_string(show(&s), "o[abc]");
        check(s.order.index == ORDER_UNUSED);
        write_data(&s, OUT, "d");
        write_entry(&s, OUT, 2);
        write_text(&s, ERR, "e");
        write_text(&s, OUT, "f");
        check_string(show(&s), "o[d]e[e]o[f]");
}

static void stderr_alone(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, ERR, "ab");
        check_string(show(&s), "e[ab]");
        write_text(&s, ERR, "c");
        check_string(show_end(&s), "e[c]");
        check(s.order.index == ORDER_UNUSED);
}

static void last_lines(void) {
        _cleanup_scene_ Scene s;

        scene_begin(&s, false);
        scene_add(&s, OUT, 4);
        scene_add(&s, ERR, 3);
        write_text(&s, OUT, "12");
        write_text(&s, ERR, "ab");
        write_text(&s, OUT, "3456");
        write_text(&s, ERR, "cde");
        write_text(&s, OUT, "7");
        check_string(show(&s), "o[56]e[de]o[7]");
}

/* What the index does not tell of comes at the end. */
static void the_rest(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "a");
        write_text(&s, ERR, "b");
        write_data(&s, ERR, "c");
        write_data(&s, OUT, "d");
        check_string(show(&s), "o[a]e[b]");
        check(check_ok(order_is_behind(&s.order)));
        write_entry(&s, ERR, 1);
        check_string(show(&s), "e[c]");
        write_data(&s, ERR, "e");
        check_string(show_end(&s), "o[d]e[e]");
}

/* It does not come at all, or late: nothing is shown twice, and the order comes back. */
static void late_entries(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "a");
        write_text(&s, ERR, "b");
        check_string(show(&s), "o[a]e[b]");
        check(!check_ok(order_is_behind(&s.order)));
        write_data(&s, OUT, "c");
        order_give_up(&s.order);
        check_string(show(&s), "o[c]");
        write_data(&s, OUT, "d");
        check_string(show(&s), "");
        write_entry(&s, OUT, 2);
        write_text(&s, ERR, "e");
        check_string(show(&s), "o[d]e[e]");
        check_string(show_end(&s), "");
}

static void no_index(void) {
        _cleanup_scene_ Scene s;
        OrderPart part;

        scene_new(&s, false);
        write_data(&s, OUT, "a");
        write_data(&s, ERR, "b");
        check_int(order_next(&s.order, &part), 0);
        check(order_wants_index(&s.order));
        check_int(order_next(&s.order, &part), 0);
        order_set_index(&s.order, -EBADF);
        check_string(show(&s), "o[a]e[b]");
        write_data(&s, OUT, "c");
        check_string(show(&s), "o[c]");
        write_data(&s, OUT, "d");
        write_data(&s, ERR, "e");
        check_string(show(&s), "e[e]o[d]"); /* by turns */
        write_data(&s, OUT, "f");
        write_data(&s, ERR, "g");
        check_string(show_end(&s), "o[f]e[g]");
}

/* To open the index takes long: the service is away. */
static void index_under_way(void) {
        _cleanup_scene_ Scene s;
        OrderPart part;

        scene_new(&s, false);
        write_text(&s, ERR, "b");
        write_text(&s, OUT, "a");
        check_int(order_next(&s.order, &part), 0);
        check(check_ok(order_is_behind(&s.order)));
        order_give_up(&s.order);
        check_int(order_next(&s.order, &part), 1);
        check_int(part.stream, OUT);
        check_int(order_next(&s.order, &part), 1);
        check_int(order_next(&s.order, &part), 0);
        write_text(&s, ERR, "c");
        write_text(&s, OUT, "d");
        check_string(show(&s), "e[c]o[d]");
}

static void empty_index(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_data(&s, OUT, "a");
        write_data(&s, ERR, "b");
        check_string(show(&s), "");
        check_string(show_end(&s), "o[a]e[b]");
}

/* Written behind "a" of both streams, and before more of both. */
static void check_garbage(OutputOrderEntry garbage) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "a");
        write_text(&s, ERR, "b");
        append(s.index, &garbage, sizeof(garbage));
        write_text(&s, ERR, "c");
        write_text(&s, OUT, "d");
        check_string(show_end(&s), "o[a]e[b]o[d]e[c]");
}

static void garbage(void) {
        check_garbage((OutputOrderEntry) {});
        check_garbage((OutputOrderEntry) { .stream = ERR });
        check_garbage((OutputOrderEntry) { .stream = 2, .size = 1 });
        check_garbage((OutputOrderEntry) { .stream = UINT32_MAX, .size = UINT32_MAX });
        check_garbage((OutputOrderEntry) { .stream = ERR, .size = UINT32_MAX });
        check_garbage((OutputOrderEntry) { .stream = OUT, .size = 3 });
}

static void garbage_while_it_runs(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "a");
        write_text(&s, ERR, "b");
        write_entry(&s, 7, 1);
        check_string(show(&s), "o[a]e[b]");
        write_text(&s, ERR, "c");
        check_string(show(&s), "e[c]");
        check(s.order.index == ORDER_NONE);
}

static void entry_before_its_data(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, ERR, "a");
        write_data(&s, OUT, "b");
        write_entry(&s, OUT, 3);
        write_text(&s, ERR, "e");
        check_string(show(&s), "e[a]");
        check(check_ok(order_is_behind(&s.order)));
        write_data(&s, OUT, "cd");
        check_string(show(&s), "o[bcd]e[e]");
        write_entry(&s, ERR, 2);
        check_string(show(&s), "");
        check(check_ok(order_is_behind(&s.order)));
        order_give_up(&s.order);
        check_string(show(&s), "");
        check(s.order.index == ORDER_NONE);
        write_data(&s, ERR, "f");
        check_string(show_end(&s), "e[f]");
}

/* As where it is fetched, little by little. */
static void long_entry(void) {
        enum { PIECE = 65536 };
        static const char piece[PIECE];
        _cleanup_scene_ Scene s;
        OrderPart part;

        scene_new(&s, false);
        write_text(&s, ERR, "a");
        write_data(&s, OUT, "b");
        write_entry(&s, OUT, 2 * PIECE);
        check_string(show(&s), "e[a]");
        for (unsigned i = 0; i < 2; i++) {
                append(s.streams[OUT], piece, PIECE - 1);
                check_int(order_next(&s.order, &part), i == 0);
        }
        check_int(part.begin, 0);
        check_int(part.end, PIECE);
        append(s.streams[OUT], piece, 1);
        check_int(order_next(&s.order, &part), 1);
        check_int(part.begin, PIECE);
        check_int(part.end, 2 * PIECE);
}

static void part_of_an_entry(void) {
        const OutputOrderEntry entry = { 1, 1, ERR };
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "a");
        write_data(&s, ERR, "b");
        append(s.index, &entry, 7);
        check_string(show(&s), "o[a]");
        append(s.index, (const char *) &entry + 7, sizeof(entry) - 7);
        check_string(show(&s), "e[b]");
}

/* A job that still runs: what it adds is not waited for, and ends at some time. */
static void what_there_is_at_the_end(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "a");
        write_text(&s, ERR, "b");
        write_data(&s, ERR, "c");
        check_ok(order_end(&s.order));
        write_data(&s, ERR, "d");
        write_entry(&s, ERR, 2);
        write_text(&s, OUT, "e");
        check_string(show(&s), "o[a]e[bc]");
        check(order_is_over(&s.order));
        check(s.order.index == ORDER_NONE);
}

static void cut_stream(void) {
        _cleanup_scene_ Scene s;

        scene_new(&s, false);
        write_text(&s, OUT, "abc");
        write_text(&s, ERR, "d");
        check_string(show(&s), "o[abc]e[d]");
        check_int(ftruncate(s.streams[OUT], 0), 0);
        write_text(&s, ERR, "e");
        check_string(show(&s), "e[e]");
        write_text(&s, OUT, "f");
        check_string(show_end(&s), "");
}

/* Much of it is skipped, a bounded part in each step. */
static void long_index(void) {
        _cleanup_scene_ Scene s;
        unsigned n = 10 * ELEMENTSOF(s.order.entries), steps = 0;
        OrderPart part;

        scene_begin(&s, true);
        scene_add(&s, OUT, n);
        scene_add(&s, ERR, 1);
        for (unsigned i = 0; i < n; i++)
                write_text(&s, OUT, "x");
        write_text(&s, ERR, "yz");
        check_int(order_next(&s.order, &part), 0);
        order_set_index(&s.order, fcntl(s.index, F_DUPFD_CLOEXEC, 3));
        do {
                check_int(order_next(&s.order, &part), 1);
                steps++;
        } while (part.begin == part.end);
        check_int(steps, 11);
        check_int(part.stream, ERR);
        check_int(part.usec, n + 1);
        check_int(part.begin, 1);
        check_int(part.end, 2);
        check_int(order_next(&s.order, &part), 0);
}

TEST_MAIN(TEST(in_turn), TEST(all_at_the_end), TEST(times), TEST(times_of_one_stream), TEST(one_stream_alone),
          TEST(stderr_alone), TEST(last_lines), TEST(the_rest), TEST(late_entries), TEST(no_index),
          TEST(index_under_way), TEST(empty_index), TEST(garbage), TEST(garbage_while_it_runs),
          TEST(entry_before_its_data), TEST(long_entry), TEST(part_of_an_entry),
          TEST(what_there_is_at_the_end), TEST(cut_stream), TEST(long_index))
