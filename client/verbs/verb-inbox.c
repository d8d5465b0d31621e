/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs inbox: shows jobs that finished since a consumer last acknowledged, the oldest first. */

#include "answer.h"
#include "bus-names.h"
#include "clean.h"
#include "inbox-consumers.h"
#include "render.h"
#include "text-new.h"
#include "utf8.h"
#include "verbs.h"
#include "write.h"

enum {
        OPTION_CONSUMER = OPTION_VERB,
        OPTION_ACK,
        OPTION_LIMIT,
        OPTION_HERE,
        OPTION_SESSION,
        OPTION_CONSUMERS,
        OPTION_FORGET,
};

#define CONSUMER_DEFAULT "default"

static struct {
        const char *consumer; /* NULL: that of what is looked at */
        bool here;
        const char *session; /* NULL: any */
        uint64_t limit;
        bool acknowledge;
        bool limited;        /* --limit */
        bool consumers;      /* list the consumers instead */
        const char *forget;  /* that consumer instead; NULL: none */
        bool forgets_twice;
} given = { .limit = 100 };

static int option(const Verb *verb, int option) {
        switch (option) {
        case OPTION_CONSUMER:
                given.consumer = optarg;
                return 0;
        case OPTION_ACK:
                given.acknowledge = true;
                return 0;
        case OPTION_HERE:
                given.here = true;
                return 0;
        case OPTION_SESSION:
                return option_session(verb, &given.session);
        case OPTION_CONSUMERS:
                given.consumers = true;
                return 0;
        case OPTION_FORGET:
                given.forgets_twice = given.forget != NULL;
                given.forget = optarg;
                return 0;
        default:
                given.limited = true;
                return option_number(verb, "limit", 1, JOB_LIST_MAX, &given.limit);
        }
}

typedef struct Inbox {
        Invocation *in; /* not owned */
        const char *consumer;
        char own_consumer[JOB_CONSUMER_MAX + 1];
        char *workspace; /* with --here */
        uint64_t sequence; /* of the last that was looked at */
        bool more;         /* there may be */
        JobList list;
} Inbox;

static void inbox_clear(Inbox *s) {
        job_list_clear(&s->list);
        free(s->workspace);
}

/* ---- The service ---- */

static bool is_filtered(void) {
        return given.here || given.session;
}

static int append_inbox(sd_bus_message *m, void *userdata) {
        const Inbox *s = userdata;

        return sd_bus_message_append(m, "su", s->consumer, (uint32_t) (is_filtered() ? JOB_LIST_MAX : given.limit));
}

static bool is_wanted(const Inbox *s, const JobRecord *record) {
        return (!s->workspace || streq(s->workspace, strempty(record->workspace))) &&
                (!given.session || streq(given.session, strempty(record->session)));
}

/* Leaves the first of those that are wanted. */
static void filter(Inbox *s) {
        size_t n = 0, i;

        for (i = 0; i < s->list.n && n < given.limit; i++) {
                s->sequence = s->list.records[i].sequence;
                if (is_wanted(s, &s->list.records[i]))
                        s->list.records[n++] = s->list.records[i];
                else
                        job_record_clear(&s->list.records[i]);
        }
        s->more |= i < s->list.n;
        for (; i < s->list.n; i++)
                job_record_clear(&s->list.records[i]);
        s->list.n = n;
}

static int append_acknowledge(sd_bus_message *m, void *userdata) {
        const Inbox *s = userdata;

        return sd_bus_message_append(m, "st", s->consumer, s->sequence);
}

/* Only what was shown: jobs that finished meanwhile are shown the next time. */
static int acknowledge(Inbox *s) {
        if (!given.acknowledge || s->sequence == 0)
                return 0;
        return call_wait(s->in->client, CALL_AGAIN, "Acknowledge", append_acknowledge, s, NULL, &s->in->error);
}

static int read_page(Inbox *s) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        job_list_clear(&s->list);
        r = call_wait(s->in->client, CALL_AGAIN, "Inbox", append_inbox, s, &reply, &s->in->error);
        if (r >= 0)
                r = job_list_read(reply, &s->list);
        if (r < 0)
                return r;
        s->more = s->list.n == (is_filtered() ? JOB_LIST_MAX : given.limit);
        filter(s);
        return 0;
}

static int append_filter(sd_bus_message *m, void *userdata) {
        const Inbox *s = userdata;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}", "AfterSequence", "t", s->sequence, "Limit", "u", (uint32_t) given.limit);
        if (r >= 0 && s->workspace)
                r = sd_bus_message_append(m, "{sv}", "Workspace", "s", s->workspace);
        if (r >= 0 && given.session)
                r = sd_bus_message_append(m, "{sv}", "Session", "s", given.session);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The wanted jobs beyond a page that has none. */
static int read_later(Inbox *s) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = call_wait(s->in->client, CALL_AGAIN, "List", append_filter, s, &reply, &s->in->error);
        if (r >= 0)
                r = job_list_read(reply, &s->list);
        if (r < 0)
                return r;
        s->more = s->list.n == given.limit;
        if (s->list.n > 0)
                s->sequence = s->list.records[s->list.n - 1].sequence;
        return 0;
}

/* A page without any wanted job is skipped, if it may be acknowledged. */
static int read_inbox(Inbox *s) {
        int r;

        r = read_page(s);
        while (r >= 0 && s->list.n == 0 && s->more && given.acknowledge) {
                r = acknowledge(s);
                if (r >= 0)
                        r = read_page(s);
        }
        return r >= 0 && s->list.n == 0 && s->more ? read_later(s) : r;
}

/* A separate consumer for this workspace or session, with a short name whatever the length of theirs: FNV-1a. */
static void find_consumer(Inbox *s) {
        const char *const parts[] = { strempty(s->workspace), strempty(given.session) };
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                for (const char *p = parts[i];; p++) { /* with the NUL between both */
                        hash = (hash ^ (unsigned char) *p) * UINT64_C(0x100000001b3);
                        if (!*p)
                                break;
                }
        (void) snprintf(s->own_consumer, sizeof(s->own_consumer), "%s-%016jx", given.here ? "workspace" : "session",
                        (uintmax_t) hash);
        s->consumer = given.consumer ?: is_filtered() ? s->own_consumer : CONSUMER_DEFAULT;
}

/* ---- The answer ---- */

/* A word as a shell takes it. */
static void put_word(FILE *f, const char *word) {
        if (word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@/+-")] == 0) {
                (void) fprintf(f, " %s", word);
                return;
        }
        (void) fputs(" '", f);
        for (; *word; word++)
                (void) fprintf(f, *word == '\'' ? "'\\'%c" : "%c", *word);
        (void) fputc('\'', f);
}

static void put_option(FILE *f, const char *name, const char *value) {
        if (!value)
                return;
        (void) fprintf(f, " --%s", name);
        put_word(f, value);
}

/* The command that acknowledges, or shows the rest; NULL with 0 if there is none. */
static int command_to_continue(Inbox *s, char **ret) {
        _cleanup_text_stream_ TextStream command = {};
        FILE *f;

        *ret = NULL;
        if (s->list.n == 0 || (given.acknowledge && !s->more))
                return 0;
        f = text_stream_open(&command);
        if (!f)
                return -ENOMEM;
        (void) fputs("codex-jobs inbox --ack", f);
        (void) fputs(given.here ? " --here" : "", f);
        put_option(f, "session", given.session);
        put_option(f, "consumer", s->consumer == s->own_consumer || streq(s->consumer, CONSUMER_DEFAULT) ? NULL :
                                                                                                            s->consumer);
        (void) fputs(client_scope_option(s->in->client), f);
        *ret = text_stream_take(&command);
        return *ret ? 0 : -ENOMEM;
}

static int show_json(Inbox *s, char *next) {
        _cleanup_free_ const JobRecord **records = job_list_records(&s->list);
        char *commands[] = { next, NULL };

        if (!records)
                return -ENOMEM;
        return json_write(&(const JsonReply) { .n = s->list.n, .records = records, .next = commands }, &s->in->error);
}

static int put_job(FILE *f, const JobRecord *record) {
        _cleanup_free_ char *end = render_end(record), *label = NULL;

        if (!end)
                return -ENOMEM;
        label = one_line(strempty(record->label));
        if (!label)
                return -ENOMEM;
        (void) fprintf(f, "%s %s: %s\n", record->id, end, label);
        return 0;
}

static int put_jobs(FILE *f, void *userdata) {
        const JobList *list = userdata;
        int r = 0;

        for (size_t i = 0; i < list->n && r >= 0; i++)
                r = put_job(f, &list->records[i]);
        return r;
}

/* --consumers and --forget are not about jobs. */
static int check_consumers_options(Invocation *in) {
        const char *option = given.forget ? "forget" : "consumers", *forget = given.forget;
        bool about_jobs = given.acknowledge || given.consumer || given.limited || is_filtered();

        if (about_jobs || (given.consumers && forget))
                return usage_error(in->verb, "--%s cannot be combined with other options of inbox", option);
        if (given.forgets_twice)
                return usage_error(in->verb, "--forget can be given only once");
        if (forget && (!*forget || strlen(forget) > JOB_CONSUMER_MAX || !utf8_is_valid(forget, strlen(forget))))
                return usage_error(in->verb, "Invalid value for --forget: must be 1 to %u bytes of UTF-8",
                                   JOB_CONSUMER_MAX);
        return 0;
}

static int check(Invocation *in) {
        const char *consumer = given.consumer;

        if (given.consumers || given.forget)
                return check_consumers_options(in);
        if (consumer && (!*consumer || strlen(consumer) > JOB_CONSUMER_MAX || !utf8_is_valid(consumer, strlen(consumer))))
                return usage_error(in->verb, "Invalid value for --consumer: must be 1 to %u bytes of UTF-8",
                                   JOB_CONSUMER_MAX);
        if (consumer && has_control(consumer))
                return usage_error(in->verb, "Invalid value for --consumer: must not contain control characters");
        return 0;
}

static int run(Invocation *in) {
        _cleanup_(inbox_clear) Inbox s = { .in = in };
        _cleanup_free_ char *next = NULL;
        int r;

        if (given.consumers)
                return inbox_consumers_show(in);
        if (given.forget)
                return inbox_consumers_forget(in, given.forget);
        r = given.here ? workspace_here(&s.workspace, &in->error) : 0;
        if (r < 0)
                return r;
        find_consumer(&s);
        r = read_inbox(&s);
        if (r >= 0)
                r = command_to_continue(&s, &next);
        if (r >= 0)
                r = in->json ? show_json(&s, next) : write_text(put_jobs, &s.list, &in->error);
        if (r >= 0)
                r = acknowledge(&s);
        if (r < 0 || in->json || in->quiet)
                return r;
        if (s.list.n == 0)
                say("No jobs have finished since the last 'codex-jobs inbox --ack'.");
        else
                say("Show a result with: codex-jobs result ID%s", client_scope_option(in->client));
        if (next)
                say("%s: %s", given.acknowledge ? "There may be more. Continue with" : "Acknowledge with", next);
        return 0;
}

const Verb verb_inbox = {
        .name = "inbox",
        .arguments = "",
        .options = (const struct option[]) {
                { "consumer", required_argument, NULL, OPTION_CONSUMER },
                { "ack", no_argument, NULL, OPTION_ACK },
                { "limit", required_argument, NULL, OPTION_LIMIT },
                { "here", no_argument, NULL, OPTION_HERE },
                { "session", required_argument, NULL, OPTION_SESSION },
                { "consumers", no_argument, NULL, OPTION_CONSUMERS },
                { "forget", required_argument, NULL, OPTION_FORGET },
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Show jobs that finished since you last checked",
        .help = "Show jobs that finished since you last acknowledged, the oldest first. Jobs are shown again\n"
                "until they are acknowledged with --ack. A new consumer is shown all stored finished jobs.\n"
                "\n"
                "Options:\n"
                "      --ack                Acknowledge the jobs after showing them\n"
                "      --consumer NAME      Use a separate inbox with this name (default: default)\n"
                "      --here               Only jobs of this workspace, in a separate inbox\n"
                "      --session NAME       Only jobs of this session, in a separate inbox\n"
                "      --limit N            Show at most N jobs, 1 to 1000 (default: 100)\n"
                "      --consumers          List the consumers, which keep jobs they have not acknowledged\n"
                "      --forget NAME        Forget a consumer that is gone\n",
};
