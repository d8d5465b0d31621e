/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Frames between the programs of jobs on a cluster, which come in pieces. */

#include <sys/mman.h>

#include "frame.h"
#include "fuzz.h"
#include "read-write.h"

static void check_frame(const FrameBuffer *b, const Frame *f) {
        fuzz_check(strchr("HOMBXSTPG", f->type));
        fuzz_check(f->n <= ELEMENTSOF(f->numbers));
        fuzz_check(strlen(f->word) < sizeof(f->word));
        if (!f->data)
                return;
        fuzz_check(f->data >= b->data && f->data + f->size < b->data + b->begin);
        fuzz_check(f->size == f->numbers[f->n - 1] && f->data[f->size] == '\n');
}

/* The first byte is the size of the first piece. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("frames", MFD_CLOEXEC);
        size_t first = size > 0 ? MIN((size_t) data[0], size) : 0;
        FrameBuffer b = {};
        Frame f;
        int r;

        fuzz_check(fd >= 0 && write_all(fd, data, first) >= 0 && lseek(fd, 0, SEEK_SET) == 0);
        do {
                while ((r = frame_next(&b, &f)) > 0)
                        check_frame(&b, &f);
                if (r == 0 && frame_fill(&b, fd) == 0) {
                        if (first == size)
                                break;
                        fuzz_check(pwrite(fd, data + first, size - first, (off_t) first) == (ssize_t) (size - first));
                        first = size;
                }
        } while (r == 0);
        fuzz_check(r == 0 || r == -EBADMSG);
        frame_free(&b);
        return 0;
}
