/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>

#include "mirror.h"

#define WINDOW_SIZE (2 * 1024 * 1024) /* read ahead */
#define PAGE_SIZE 4096

struct Mirror {
        Client *client; /* not owned, as the name */
        OutputPart part; /* the next one */
        int fd;
        Call *call;
        off_t released;
        bool at_end; /* as far as is known */
        uint64_t end;

        bool finishing;
        bool asked; /* since then */
        bool bounded;
        uint64_t limit; /* if so */

        mirror_changed_t changed;
        void *userdata; /* not owned */
};

static void read_more(Mirror *m);

static void fail(Mirror *m, int r) {
        client_stop(m->client, r, NULL);
}

bool mirror_is_complete(const Mirror *m) {
        return m->bounded && (m->part.offset >= m->limit || m->at_end);
}

static void on_part(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        OutputState state;
        Mirror *m = userdata;
        int r;

        m->call = call_free(m->call);
        if (error) {
                m->changed(error, m->userdata);
                return;
        }
        r = output_take_part(reply, &m->part, m->fd, &state);
        if (r < 0) {
                fail(m, r);
                return;
        }
        m->at_end = m->part.offset >= state.size;
        if (m->asked && !m->bounded) {
                m->bounded = true;
                m->limit = MIN(state.size, m->end);
        }
        read_more(m);
        m->changed(NULL, m->userdata); /* may free it */
}

static bool wants_size(const Mirror *m) {
        return m->finishing && !m->bounded;
}

static void read_more(Mirror *m) {
        uint64_t offset = m->part.offset, until = (uint64_t) m->released + WINDOW_SIZE;
        int r;

        if (m->call || mirror_is_complete(m))
                return;
        if (!wants_size(m) && (m->at_end || offset >= until))
                return;
        m->part.max = offset < until ? until - offset : 0;
        m->asked = m->finishing;
        r = call_new(m->client, &m->call, CALL_PATIENT, "ReadOutput", append_part, &m->part, on_part, m);
        if (r < 0)
                fail(m, r);
}

void mirror_grew(Mirror *m, const char *id, const char *stream) {
        if (id && (!streq(id, m->part.name.id) || !streq(stream, m->part.name.stream)))
                return;
        m->at_end = false;
        read_more(m);
}

void mirror_release(Mirror *m, off_t offset) {
        off_t end = offset - offset % PAGE_SIZE;

        if (end <= m->released)
                return;
        (void) fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, m->released, end - m->released);
        m->released = end;
        read_more(m);
}

void mirror_finish(Mirror *m) {
        m->finishing = true;
        read_more(m);
}

int mirror_fd(const Mirror *m) {
        return m->fd;
}

int mirror_new(Client *c, const OutputName *name, int fd, uint64_t end, mirror_changed_t changed, void *userdata, Mirror **ret) {
        _cleanup_(mirror_freep) Mirror *m = malloc(sizeof(Mirror));
        struct stat st;

        if (!m) {
                closep(&fd);
                return -ENOMEM;
        }
        *m = (Mirror) { .client = c, .part.name = *name, .fd = fd, .end = end, .changed = changed, .userdata = userdata };
        if (m->fd < 0)
                m->fd = output_new();
        if (m->fd < 0)
                return m->fd;
        if (fstat(m->fd, &st) < 0)
                return -errno;
        m->part.offset = (uint64_t) st.st_size;
        read_more(m);
        *ret = TAKE_PTR(m);
        return 0;
}

Mirror *mirror_free(Mirror *m) {
        if (!m)
                return NULL;
        (void) call_free(m->call);
        closep(&m->fd);
        free(m);
        return NULL;
}
