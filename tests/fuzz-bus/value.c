/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "value.h"

#define DEPTH_MAX 30 /* of arrays; the specification has 32 */

/* --- texts and numbers ----------------------------------------------------------------------------- */

static const char *const words[] = {
        "", " ", "true", "sh", "job", "job-", "JOB", "-", "--", ".", "..", "/", "/tmp", "/nonexistent", "//", "tmp", "stdout",
        "stderr", "result", "completed", "running", "queued", "org.codex.Jobs", "org.codex.Jobs.Job", "%n%h%%", "$HOME ${X}",
        "A=1", "=", "A=", "PATH=/nonexistent", "LD_PRELOAD=x", "\n", "a\nb\tc", "\x1b[31m", "ä€😀", "\xef\xbf\xbe", "\xef\xbf\xbf",
        "\x7f", "' OR 1=1; --", "*", "_", "job_2d0", "job-0000000000", "0000000000", "{}", "[]", "infinity", "-1",
};

static const char *const option_names[] = {
        "Argv", "Kind", "Label", "Directory", "Environment", "Stdin", "Workspace", "Session", "RuntimeMaxUSec", "OutputMax",
        "MemoryMax", "TasksMax", "CPUWeight", "StallUSec", "ReadOnly", "MergeOutput", "UMask", "IdempotencyKey", "Notify",
        "Queue", "Priority", "After", "NotBeforeUSec", "Hold", "Parent", "Detach", "Retries", "RetryDelayUSec", "RetryOn", "State", "Uid", "AfterSequence", "Before", "Limit",
};

/* Nul and the bytes that UTF-8 has not are left to the messages that are broken. */
static void append_text(Draw *d, const char *prefix) {
        size_t n = d->giant && random_once_in(d->random, 4) ? d->giant : random_below(d->random, 200);
        size_t length = strlen(prefix) + n;

        writer_number(&d->message->body, length, 4);
        writer_bytes(&d->message->body, prefix, strlen(prefix));
        writer_fill(&d->message->body, (uint8_t) (' ' + random_below(d->random, 95)), n);
        writer_number(&d->message->body, 0, 1);
}

static void append_string(Draw *d) {
        char id[64];

        switch (random_below(d->random, d->giant ? 4 : 8)) {
        case 0:
                value_draw_id(d, id);
                writer_string(&d->message->body, id);
                break;
        case 1:
                writer_string(&d->message->body, random_pick(d->random, option_names));
                break;
        case 2:
        case 3:
                append_text(d, random_pick(d->random, words));
                break;
        default:
                writer_string(&d->message->body, random_pick(d->random, words));
        }
}

static void append_path(Draw *d) {
        static const char *const paths[] = { "/", "/a", "/org/codex/Jobs", "/org/codex/Jobs/job", "/org/codex/Jobs/job/job_2d0" };

        writer_string(&d->message->body, random_pick(d->random, paths));
}

static uint64_t draw_number(Random *random) {
        static const uint64_t numbers[] = {
                0, 1, 2, 7, 100, 255, 1000, 1024, 65535, 65536, 1000000, INT32_MAX, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX,
                (uint64_t) INT64_MAX + 1, UINT64_MAX, UINT64_MAX - 1,
        };

        return random_once_in(random, 3) ? random_next(random) >> random_below(random, 64) : random_pick(random, numbers);
}

void value_draw_id(Draw *d, char ret[static 64]) {
        size_t n;

        if (d->target->n_ids == 0 || random_once_in(d->random, 8)) {
                (void) snprintf(ret, 64, "%.50s", random_pick(d->random, words));
                return;
        }
        (void) snprintf(ret, 64, "%s", d->target->ids[random_below(d->random, d->target->n_ids)]);
        n = strlen(ret);
        switch (random_below(d->random, 6)) {
        case 0:
                ret[random_below(d->random, (uint32_t) n + 1)] = 0;
                break;
        case 1:
                ret[random_below(d->random, (uint32_t) n + 1)] ^= (char) random_below(d->random, 32);
                break;
        default:
                break;
        }
        for (char *c = ret; *c; c++)
                if ((unsigned char) *c >= 0x80)
                        *c = '?';
}

/* --- types ----------------------------------------------------------------------------------------- */

static size_t alignment_of(char type) {
        if (strchr("ybgv", type))
                return type == 'b' ? 4 : 1;
        if (strchr("nq", type))
                return 2;
        return strchr("xtd({", type) ? 8 : 4;
}

/* Behind the complete type at s. */
static const char *type_end(const char *s) {
        unsigned open = 0;

        while (*s == 'a')
                s++;
        do {
                open += *s == '(' || *s == '{';
                open -= *s == ')' || *s == '}';
                s++;
        } while (open > 0 && *s);
        return s;
}

static char *draw_type(Random *random, char *p, const char *end, unsigned depth) {
        static const char basic[] = "ybnqiuxtdsoghvs";

        if (depth > DEPTH_MAX || end - p < 12 || !random_once_in(random, 3)) {
                *p++ = basic[random_below(random, sizeof(basic) - 1)];
                return p;
        }
        switch (random_below(random, 4)) {
        case 0:
        case 1:
                *p++ = 'a';
                return draw_type(random, p, end, depth + 1);
        case 2:
                *p++ = '(';
                for (uint32_t n = 1 + random_below(random, 3); n > 0; n--)
                        p = draw_type(random, p, end - 4, depth + 1);
                *p++ = ')';
                return p;
        default:
                p = stpcpy(p, "a{s");
                p = draw_type(random, p, end - 4, depth + 1);
                *p++ = '}';
                return p;
        }
}

void value_draw_signature(Draw *d, char ret[static 256]) {
        char *p = ret;

        for (uint32_t n = random_below(d->random, 5); n > 0; n--)
                p = draw_type(d->random, p, ret + 40, 0);
        *p = 0;
}

/* --- containers ------------------------------------------------------------------------------------ */

static void append_descriptor(Draw *d) {
        RawMessage *m = d->message;

        if (m->n_fds < DESCRIPTORS_MAX)
                m->fds[m->n_fds++] = descriptor_new(d->random);
        writer_number(&m->body, m->n_fds - 1, 4);
}

static void append_one(Draw *d, const char *type);

static void append_variant(Draw *d) {
        char type[64] = "v";
        char *end;

        if (d->depth > 2 * DEPTH_MAX) /* the specification has 64 */
                (void) strcpy(type, "y");
        else if (!random_once_in(d->random, d->depth > 1 ? 3 : 20)) { /* else variants in variants */
                end = draw_type(d->random, type, type + sizeof(type) - 16, d->depth);
                *end = 0;
        }
        writer_signature(&d->message->body, type);
        append_one(d, type);
}

static uint32_t draw_count(Draw *d) {
        if (d->giant && d->depth <= 2)
                return (uint32_t) d->giant;
        return random_once_in(d->random, 30) && d->depth <= 2 ? random_below(d->random, 3000) : random_below(d->random, 4);
}

static void append_options(Draw *d);

static void append_array(Draw *d, const char *element) {
        Writer *w = &d->message->body;
        size_t alignment = alignment_of(*element), begin, limit;
        uint32_t n;

        if (startswith(element, "{sv}") && !random_once_in(d->random, 4))
                return append_options(d);
        begin = writer_begin_array(w, alignment);
        limit = w->size + MAX(d->giant, (size_t) 200000);
        n = draw_count(d);
        if (*element == 'y')
                writer_fill(w, (uint8_t) random_next(d->random), n);
        else if (d->giant && *element == 's' && random_once_in(d->random, 2)) /* as many as fit */
                for (; n > 0 && w->size < limit; n--)
                        writer_string(w, "");
        else
                for (; n > 0 && w->size < limit; n--)
                        append_one(d, element);
        writer_end_array(w, begin, alignment);
}

static void append_struct(Draw *d, const char *type) {
        writer_align(&d->message->body, 8);
        for (type++; *type && *type != ')' && *type != '}'; type = type_end(type))
                append_one(d, type);
}

static void append_one(Draw *d, const char *type) {
        char text[256];

        d->depth++;
        switch (*type) {
        case 's':
                append_string(d);
                break;
        case 'o':
                append_path(d);
                break;
        case 'g':
                value_draw_signature(d, text);
                writer_signature(&d->message->body, text);
                break;
        case 'h':
                append_descriptor(d);
                break;
        case 'b':
                writer_number(&d->message->body, random_below(d->random, 2), 4);
                break;
        case 'v':
                append_variant(d);
                break;
        case 'a':
                append_array(d, type + 1);
                break;
        case '(':
        case '{':
                append_struct(d, type);
                break;
        default:
                writer_number(&d->message->body, draw_number(d->random), *type == 'd' ? 8 : alignment_of(*type));
        }
        d->depth--;
}

void value_append(Draw *d, const char *signature) {
        for (; *signature; signature = type_end(signature)) {
                append_one(d, signature);
                if (d->message->body.size > d->giant)
                        d->giant = 0; /* one of them is enough */
        }
}

/* --- what is right --------------------------------------------------------------------------------- */

static void append_strings(Draw *d, const char *const *strings, size_t n) {
        size_t begin = writer_begin_array(&d->message->body, 4);

        for (size_t i = 0; i < n; i++)
                writer_string(&d->message->body, strings[i]);
        writer_end_array(&d->message->body, begin, 4);
}

static void append_command(Draw *d) {
        static const char *const commands[][3] = {
                { "true" }, { "true" }, { "false" }, { "cat" }, { "sleep", "infinity" }, { "/nonexistent" }, { "/" },
                { "sh", "-c", "echo out; echo err >&2; exit 3" }, { "sh", "-c", "kill -SEGV $$" },
                { "sh", "-c", "echo '{\"a\": 1}' >\"$CODEX_JOB_RESULT\"" }, { "sh", "-c", "systemd-notify --status=ready" },
                { "sh", "-c", "setsid sleep infinity & exit 1" }, { "sh", "-c", "head -c 300000 /dev/zero" },
        };
        const char *const *command = random_pick(d->random, commands);
        size_t n = 0;

        while (n < 3 && command[n])
                n++;
        append_strings(d, command, n);
}

static void append_ids(Draw *d) {
        size_t begin = writer_begin_array(&d->message->body, 4);
        uint32_t n = 1 + (random_once_in(d->random, 50) ? random_below(d->random, 1030) : random_below(d->random, 3));
        char id[64];

        for (; n > 0; n--) {
                value_draw_id(d, id);
                writer_string(&d->message->body, id);
        }
        writer_end_array(&d->message->body, begin, 4);
}

/* An entry of the options of Enqueue or the filters of List: its name, its type, and a few values. */
static const struct {
        const char *name, *type;
        const char *texts[3];
        uint64_t numbers[3];
} entries[] = {
        { "Kind", "s", { "job", "task", "a-b" } },
        { "Label", "s", { "label", "", "ä€😀" } },
        { "Directory", "s", { "/tmp", "/", "/nonexistent" } },
        { "Environment", "as", { "A=1", "PATH=/usr/bin", "X=" } },
        { "Stdin", "h" },
        { "Workspace", "s", { "/tmp", "/", "/a b" } },
        { "Session", "s", { "session", "", "1" } },
        { "RuntimeMaxUSec", "t", {}, { 1000000, 2000000, 60000000 } },
        { "OutputMax", "t", {}, { 1, 1000, 1000000 } },
        { "MemoryMax", "t", {}, { 1 << 20, 1 << 26, 1 << 30 } },
        { "TasksMax", "t", {}, { 1, 10, 1000 } },
        { "CPUWeight", "t", {}, { 1, 100, 10000 } },
        { "StallUSec", "t", {}, { 1000000, 2000000, 60000000 } },
        { "ReadOnly", "b", {}, { 0, 1, 1 } },
        { "MergeOutput", "b", {}, { 0, 1, 1 } },
        { "UMask", "u", {}, { 0, 077, 01000 } },
        { "Notify", "b", {}, { 0, 1, 1 } },
        { "IdempotencyKey", "s", { "key", "other", "third" } },
        { "State", "as", { "queued", "running", "failed" } },
        { "Uid", "u", {}, { 0, 1000, 1001 } },
        { "AfterSequence", "t", {}, { 0, 1, 1000 } },
        { "Limit", "u", {}, { 1, 10, 1000 } },
};

static void append_entry_value(Draw *d, size_t i) {
        const char *type = entries[i].type, *text = random_pick(d->random, entries[i].texts);
        uint64_t number = random_pick(d->random, entries[i].numbers);

        writer_signature(&d->message->body, type);
        if (streq(type, "s"))
                writer_string(&d->message->body, text);
        else if (streq(type, "as"))
                append_strings(d, &text, 1);
        else if (streq(type, "h"))
                append_descriptor(d);
        else
                writer_number(&d->message->body, number, alignment_of(*type));
}

/* Mostly right ones, each of which may have another name or another value. */
static void append_options(Draw *d) {
        Writer *w = &d->message->body;
        size_t begin = writer_begin_array(w, 8);

        for (uint32_t n = random_below(d->random, 4); n > 0; n--) {
                size_t i = random_below(d->random, ELEMENTSOF(entries));
                uint32_t wrong = random_below(d->random, 12);

                writer_align(w, 8);
                writer_string(w, wrong == 0 ? random_pick(d->random, option_names) : entries[i].name);
                if (wrong == 1)
                        append_variant(d);
                else if (wrong == 2) {
                        writer_signature(w, entries[i].type);
                        append_one(d, entries[i].type);
                } else
                        append_entry_value(d, i);
        }
        writer_end_array(w, begin, 8);
}

void value_append_argument(Draw *d, const char *name, const char *type) {
        static const uint64_t timeouts[] = { 0, 0, 1, 1000, 100000, 1000000, UINT64_MAX };
        Writer *w = &d->message->body;
        char id[64];

        if (streq(name, "id") && streq(type, "s")) {
                value_draw_id(d, id);
                writer_string(w, id);
        } else if (streq(name, "ids") && streq(type, "as"))
                append_ids(d);
        else if (streq(name, "argv") && streq(type, "as"))
                append_command(d);
        else if (streq(name, "timeout_usec") && streq(type, "t"))
                writer_number(w, random_pick(d->random, timeouts), 8);
        else if (streq(name, "stream") && streq(type, "s"))
                writer_string(w, random_once_in(d->random, 2) ? "stdout" : "stderr");
        else if (streq(name, "consumer") && streq(type, "s"))
                writer_string(w, random_once_in(d->random, 2) ? "fuzz" : "bus");
        else if (streq(name, "limit") && streq(type, "u"))
                writer_number(w, 1 + random_below(d->random, 1000), 4);
        else if (streq(type, "a{sv}"))
                append_options(d);
        else
                value_append(d, type);
}
