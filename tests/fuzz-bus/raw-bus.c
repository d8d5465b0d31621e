/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "bus-names.h"
#include "raw-bus.h"

#define HEADER_SIZE 16
#define MESSAGE_MAX (UINT32_C(128) << 20)

enum { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY_SERIAL, FIELD_DESTINATION, FIELD_SENDER,
       FIELD_SIGNATURE, FIELD_UNIX_FDS };

struct RawBus {
        int fd;
        uint32_t serial;
        uint32_t waiting[RAW_CALLS_MAX]; /* serials of calls that are to be answered */
        unsigned n_waiting;
        RawAnswered answered;
        void *userdata;
        Writer input;
        size_t skip; /* bytes of a message that is not of interest */
};

uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

void raw_message_clear(RawMessage *m) {
        for (unsigned i = 0; i < m->n_fds; i++)
                closep(&m->fds[i]);
        writer_clear(&m->body);
        *m = (RawMessage) {};
}

/* --- answers --------------------------------------------------------------------------------------- */

static uint32_t get_u32(const uint8_t *p) {
        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static size_t align8(size_t n) {
        return (n + 7) & ~(size_t) 7;
}

static void take_answer(RawBus *bus, uint32_t serial, const char *error) {
        for (unsigned i = 0; i < bus->n_waiting; i++)
                if (bus->waiting[i] == serial) {
                        bus->waiting[i] = bus->waiting[--bus->n_waiting];
                        if (bus->answered)
                                bus->answered(error, bus->userdata);
                        return;
                }
}

/* The fields of a header: what is answered, and whether by an error. The bus has checked them. */
static void read_header(RawBus *bus, const uint8_t *m, size_t fields_end) {
        const char *error = NULL;
        uint32_t serial = 0;

        for (size_t p = HEADER_SIZE; p + 8 <= fields_end;) {
                uint8_t field = m[p];
                char type = (char) m[p + 2];

                if (type == 'g')
                        p = align8(p + 4 + m[p + 4] + 2);
                else {
                        if (field == FIELD_REPLY_SERIAL)
                                serial = get_u32(m + p + 4);
                        else if (field == FIELD_ERROR)
                                error = (const char *) m + p + 8;
                        p = align8(p + 8 + (type == 'u' ? 0 : get_u32(m + p + 4) + 1));
                }
        }
        if (serial > 0)
                take_answer(bus, serial, error);
}

/* Whether a whole header was there. What is in the body is not of interest, and may be large. */
static bool next_message(RawBus *bus) {
        size_t head, n = MIN(bus->skip, bus->input.size);

        bus->skip -= n;
        bus->input.size -= n;
        memmove(bus->input.data, bus->input.data + n, bus->input.size);
        if (bus->skip > 0 || bus->input.size < HEADER_SIZE)
                return false;
        head = HEADER_SIZE + get_u32(bus->input.data + 12);
        if (bus->input.size < head)
                return false;
        read_header(bus, bus->input.data, head);
        bus->skip = align8(head) + get_u32(bus->input.data + 4);
        return true;
}

static void close_received(struct msghdr *msg) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                                int fd;

                                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                                (void) close(fd);
                        }
}

static int receive(RawBus *bus) {
        uint8_t buffer[65536], control[CMSG_SPACE(253 * sizeof(int))] __attribute__((aligned(8)));
        struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
        ssize_t n;

        n = recvmsg(bus->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN ? 0 : -ECONNRESET;
        close_received(&msg);
        if (n == 0)
                return -ECONNRESET;
        writer_bytes(&bus->input, buffer, (size_t) n);
        while (next_message(bus))
                ;
        return 0;
}

/* --- sending --------------------------------------------------------------------------------------- */

static int wait_for(RawBus *bus, short events, uint64_t deadline) {
        struct pollfd p = { .fd = bus->fd, .events = events };
        uint64_t now = now_usec();

        if (now >= deadline)
                return -ETIMEDOUT;
        if (poll(&p, 1, (int) MIN((deadline - now) / USEC_PER_MSEC + 1, (uint64_t) INT32_MAX)) < 0 && errno != EINTR)
                return -errno;
        if (p.revents & POLLIN)
                return receive(bus);
        return p.revents & (POLLHUP | POLLERR) ? -ECONNRESET : 0;
}

static ssize_t send_some(RawBus *bus, const uint8_t *data, size_t size, const int *fds, unsigned n_fds) {
        uint8_t control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))] __attribute__((aligned(8))) = {};
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        struct cmsghdr *c;

        if (n_fds > 0) {
                msg.msg_control = control;
                msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
        }
        return sendmsg(bus->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A bus that reads nothing more for so long hangs. */
static int send_all(RawBus *bus, const Writer *w, const int *fds, unsigned n_fds) {
        uint64_t deadline = now_usec() + RAW_ANSWER_USEC;
        size_t sent = 0;

        while (sent < w->size) {
                ssize_t n = send_some(bus, w->data + sent, w->size - sent, fds, n_fds);
                int r;

                if (n > 0) {
                        sent += (size_t) n;
                        n_fds = 0;
                        continue;
                }
                if (errno != EAGAIN && errno != ETOOMANYREFS)
                        return -ECONNRESET;
                r = wait_for(bus, POLLIN | POLLOUT, deadline);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void begin_field(Writer *w, uint8_t field, const char *type) {
        writer_align(w, 8);
        writer_number(w, field, 1);
        writer_signature(w, type);
}

static void text_field(Writer *w, uint8_t field, const char *type, const char *value) {
        if (!value)
                return;
        begin_field(w, field, type);
        writer_string(w, value);
}

static void number_field(Writer *w, uint8_t field, uint32_t value) {
        if (value == 0)
                return;
        begin_field(w, field, "u");
        writer_number(w, value, 4);
}

static void write_message(Writer *w, const RawMessage *m, const char *destination, uint32_t serial) {
        size_t begin;

        writer_number(w, 'l', 1);
        writer_number(w, m->type, 1);
        writer_number(w, m->flags, 1);
        writer_number(w, 1, 1);
        writer_number(w, m->body.size, 4);
        writer_number(w, serial, 4);
        begin = writer_begin_array(w, 8);
        text_field(w, FIELD_PATH, "o", m->path);
        text_field(w, FIELD_INTERFACE, "s", m->interface);
        text_field(w, FIELD_MEMBER, "s", m->member);
        text_field(w, FIELD_ERROR, "s", m->error);
        number_field(w, FIELD_REPLY_SERIAL, m->reply_serial);
        text_field(w, FIELD_DESTINATION, "s", destination);
        if (m->signature[0]) {
                begin_field(w, FIELD_SIGNATURE, "g");
                writer_signature(w, m->signature);
        }
        number_field(w, FIELD_UNIX_FDS, m->n_fds);
        writer_end_array(w, begin, 8);
        writer_align(w, 8);
        writer_bytes(w, m->body.data, m->body.size);
}

static int send_to(RawBus *bus, const RawMessage *m, const char *destination) {
        _cleanup_(writer_clear) Writer w = {};
        uint32_t serial = ++bus->serial;

        write_message(&w, m, destination, serial);
        if (m->type == TYPE_CALL && !(m->flags & FLAG_NO_REPLY))
                bus->waiting[bus->n_waiting++] = serial;
        return send_all(bus, &w, m->fds, m->n_fds);
}

int raw_bus_send(RawBus *bus, const RawMessage *m) {
        int r;

        r = raw_bus_wait(bus, RAW_CALLS_MAX - 1, RAW_ANSWER_USEC);
        return r < 0 ? r : send_to(bus, m, JOBS_BUS_NAME);
}

int raw_bus_wait(RawBus *bus, unsigned n_waiting, uint64_t timeout_usec) {
        uint64_t deadline = now_usec() + timeout_usec;
        int r;

        while (bus->n_waiting > n_waiting) {
                r = wait_for(bus, POLLIN, deadline);
                if (r < 0)
                        return r;
        }
        return 0;
}

unsigned raw_bus_waiting(const RawBus *bus) {
        return bus->n_waiting;
}

void raw_bus_set_answered(RawBus *bus, RawAnswered answered, void *userdata) {
        bus->answered = answered;
        bus->userdata = userdata;
}

/* --- connecting ------------------------------------------------------------------------------------ */

/* One line of the authentication, which begins so. */
static int expect(int fd, const char *word) {
        char line[256];
        size_t n = 0;

        while (n < sizeof(line) - 1) {
                if (read(fd, line + n, 1) != 1)
                        return -ECONNRESET;
                if (line[n++] == '\n')
                        break;
        }
        line[n] = 0;
        return startswith(line, word) ? 0 : -EACCES;
}

static int authenticate(int fd) {
        char uid[16], text[128] = { 0 };
        size_t n = 1; /* begins with a NUL */
        int r;

        (void) snprintf(uid, sizeof(uid), "%u", (unsigned) geteuid());
        n += (size_t) sprintf(text + 1, "AUTH EXTERNAL ");
        for (const char *c = uid; *c; c++)
                n += (size_t) sprintf(text + n, "%02x", (unsigned) *c);
        n += (size_t) sprintf(text + n, "\r\n");
        if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t) n)
                return -ECONNRESET;
        r = expect(fd, "OK ");
        if (r < 0)
                return r;
        if (send(fd, "NEGOTIATE_UNIX_FD\r\n", 19, MSG_NOSIGNAL) != 19)
                return -ECONNRESET;
        r = expect(fd, "AGREE_UNIX_FD");
        if (r < 0)
                return r;
        return send(fd, "BEGIN\r\n", 7, MSG_NOSIGNAL) == 7 ? 0 : -ECONNRESET;
}

int raw_bus_new(RawBus **ret, const char *socket_path) {
        _cleanup_(raw_bus_freep) RawBus *bus = calloc(1, sizeof(*bus));
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int r;

        if (!bus || strlen(socket_path) >= sizeof(address.sun_path))
                return -ENOMEM;
        (void) strcpy(address.sun_path, socket_path);
        bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bus->fd < 0 || connect(bus->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = authenticate(bus->fd);
        if (r < 0)
                return r;
        r = send_to(bus, &(RawMessage) { .type = TYPE_CALL, .path = "/org/freedesktop/DBus",
                                         .interface = "org.freedesktop.DBus", .member = "Hello" },
                    "org.freedesktop.DBus");
        if (r >= 0)
                r = raw_bus_wait(bus, 0, RAW_ANSWER_USEC);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

RawBus *raw_bus_free(RawBus *bus) {
        if (!bus)
                return NULL;

        closep(&bus->fd);
        writer_clear(&bus->input);
        free(bus);
        return NULL;
}
