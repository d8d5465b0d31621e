/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "frame.h"
#include "read-write.h"
#include "test.h"

/* A pipe that has this text and no more. */
static int make_input(const char *text, size_t size) {
        int ends[2];

        check(pipe2(ends, O_CLOEXEC) == 0);
        check(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0);
        check_ok(write_all(ends[1], text, size));
        (void) close(ends[1]);
        return ends[0];
}

static void fill(FrameBuffer *b, const char *text, size_t size) {
        _cleanup_close_ int fd = make_input(text, size);

        while (frame_fill(b, fd) > 0)
                ;
}

static void there_and_back(void) {
        static const char bytes[] = "a\0b\nc";
        FrameBuffer b = {};
        int ends[2];
        Frame f;

        check(pipe2(ends, O_CLOEXEC) == 0);
        check_ok(frame_write(ends[1], "H 1 4711 node-1", NULL, 0));
        check_ok(frame_write(ends[1], "O 1 5000000000 5", bytes, 5));
        check_ok(frame_write(ends[1], "B", NULL, 0));
        (void) close(ends[1]);
        check(frame_fill(&b, ends[0]) > 0);
        check(frame_fill(&b, ends[0]) == 0);
        check(frame_next(&b, &f) == 1);
        check(f.type == 'H' && f.numbers[0] == 1 && f.numbers[1] == 4711 && streq(f.word, "node-1"));
        check(frame_next(&b, &f) == 1);
        check(f.type == 'O' && f.numbers[0] == 1 && f.numbers[1] == 5000000000 && f.size == 5);
        check(memcmp(f.data, bytes, 5) == 0);
        check(frame_next(&b, &f) == 1);
        check(f.type == 'B');
        check(frame_next(&b, &f) == 0);
        (void) close(ends[0]);
        frame_free(&b);
}

/* A frame is there whole or not at all, wherever it is cut. */
static void in_pieces(void) {
        static const char text[] = "M 10\n0123456789\nX 2 3\nabc\nT\n";
        size_t size = sizeof(text) - 1;

        for (size_t cut = 0; cut <= size; cut++) {
                static const char types[] = "MXT";
                FrameBuffer b = {};
                size_t n = 0;
                Frame f;

                fill(&b, text, cut);
                while (frame_next(&b, &f) > 0)
                        check(f.type == types[n++]);
                fill(&b, text + cut, size - cut);
                while (frame_next(&b, &f) > 0)
                        check(f.type == types[n++]);
                check(n == 3);
                frame_free(&b);
        }
}

static void large(void) {
        enum { SIZE = 600000 };
        FrameBuffer b = {};
        char *text = malloc(SIZE + 64);
        int n = snprintf(text, 64, "O 0 0 %d\n", SIZE);
        Frame f;

        memset(text + n, 'x', SIZE);
        text[n + SIZE] = '\n';
        fill(&b, text, (size_t) n + SIZE + 1);
        check(frame_next(&b, &f) == 1);
        check(f.size == SIZE && f.data[0] == 'x' && f.data[SIZE - 1] == 'x');
        check(frame_next(&b, &f) == 0);
        frame_free(&b);
        free(text);
}

static void nonsense(void) {
        static const char *const texts[] = {
                "Z\n", "\n", "O\n", "O 1 2\n", "O 1 2 x\n", "O 1 2 -3\nabc\n", "B 1\n", "M 3\nabcd\n", "M 99999999999999999999999\n",
                "M 33554433\n", "H 1\n", "Hello world\n", "T \n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                FrameBuffer b = {};
                Frame f;

                fill(&b, texts[i], strlen(texts[i]));
                if (frame_next(&b, &f) != -EBADMSG)
                        check(!texts[i]);
                frame_free(&b);
        }
}

static void endless_line(void) {
        char text[FRAME_LINE_MAX + 1];
        FrameBuffer b = {};
        Frame f;

        memset(text, '1', sizeof(text));
        fill(&b, text, sizeof(text));
        check(frame_next(&b, &f) == -EBADMSG);
        frame_free(&b);
}

TEST_MAIN(TEST(there_and_back), TEST(in_pieces), TEST(large), TEST(nonsense), TEST(endless_line))
