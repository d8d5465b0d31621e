/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs inbox: what ended since one reader acknowledged last, oldest first. */

#include "answer.h"
#include "bus-names.h"
#include "clean.h"
#include "render.h"
#include "say.h"
#include "utf8.h"
#include "verbs.h"
#include "write.h"

enum {
        OPTION_CONSUMER = OPTION_VERB,
        OPTION_ACK,
        OPTION_LIMIT,
};

#define LIMIT_DEFAULT 100
#define CONSUMER_DEFAULT "default"

typedef struct Inbox {
        const Common *common;
        Client *client;
        const char *consumer;
        uint64_t limit;
        bool acknowledge;
        JobList list;
        sd_bus_error error;
} Inbox;

static void inbox_clear(Inbox *s) {
        (void) client_free(s->client);
        job_list_clear(&s->list);
        sd_bus_error_free(&s->error);
}

/* ---- The service ---- */

static int append_inbox(sd_bus_message *m, void *userdata) {
        const Inbox *s = userdata;

        return sd_bus_message_append(m, "su", s->consumer, (uint32_t) s->limit);
}

static int read_inbox(Inbox *s) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = call_wait(s->client, CALL_AGAIN, "Inbox", append_inbox, s, &reply, &s->error);
        return r < 0 ? r : job_list_read(reply, &s->list);
}

static int append_acknowledge(sd_bus_message *m, void *userdata) {
        const Inbox *s = userdata;

        return sd_bus_message_append(m, "st", s->consumer, s->list.records[s->list.n - 1].sequence);
}

/* Just what was shown: what ended in between stays for the next time. */
static int acknowledge(Inbox *s) {
        if (!s->acknowledge || s->list.n == 0)
                return 0;
        return call_wait(s->client, CALL_AGAIN, "Acknowledge", append_acknowledge, s, NULL, &s->error);
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

/* The command that acknowledges, or that shows what is left; NULL with 0 where nothing is. */
static int command_to_go_on(Inbox *s, char **ret) {
        bool more = s->list.n == s->limit;
        _cleanup_fclose_ FILE *f = NULL;
        char *text = NULL;
        size_t size;

        *ret = NULL;
        if (s->list.n == 0 || (s->acknowledge && !more))
                return 0;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void) fputs("codex-jobs inbox --ack", f);
        if (!streq(s->consumer, CONSUMER_DEFAULT)) {
                (void) fputs(" --consumer", f);
                put_word(f, s->consumer);
        }
        (void) fputs(client_scope_option(s->client), f);
        if (fclose(TAKE_PTR(f)) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

static int show_json(Inbox *s, char *next) {
        _cleanup_free_ const JobRecord **records = calloc(s->list.n + 1, sizeof(JobRecord *));
        char *commands[] = { next, NULL };

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < s->list.n; i++)
                records[i] = &s->list.records[i];
        return json_write(&(const JsonReply) { .n = s->list.n, .records = records, .next = commands }, &s->error);
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

static int show_text(Inbox *s) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < s->list.n; i++) {
                r = put_job(f, &s->list.records[i]);
                if (r < 0)
                        return r;
        }
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        return write_stdout(text, size, &s->error);
}

static int inbox(Inbox *s) {
        _cleanup_free_ char *next = NULL;
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r < 0)
                return r;
        r = read_inbox(s);
        if (r < 0)
                return r;
        r = command_to_go_on(s, &next);
        if (r >= 0)
                r = s->common->json ? show_json(s, next) : show_text(s);
        if (r >= 0)
                r = acknowledge(s);
        if (r < 0 || s->common->json || s->common->quiet)
                return r;
        if (s->list.n == 0)
                say("nothing has ended since the last 'codex-jobs inbox --ack'.");
        else
                say("the result of one: codex-jobs result ID%s", client_scope_option(s->client));
        if (next)
                say("%s: %s", s->acknowledge ? "there may be more" : "to acknowledge them", next);
        return 0;
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                { "consumer", required_argument, NULL, OPTION_CONSUMER },
                { "ack", no_argument, NULL, OPTION_ACK },
                { "limit", required_argument, NULL, OPTION_LIMIT },
                {},
        };
        _cleanup_(inbox_clear) Inbox s = { .common = common, .consumer = CONSUMER_DEFAULT, .limit = LIMIT_DEFAULT };
        int option, r;

        while ((r = option_next(&verb_inbox, common, argc, argv, ":" COMMON_LETTERS, options, &option)) == 0) {
                if (option == OPTION_CONSUMER)
                        s.consumer = optarg;
                else if (option == OPTION_ACK)
                        s.acknowledge = true;
                else if (option_number(&verb_inbox, "limit", 1, JOB_LIST_MAX, &s.limit) < 0)
                        return STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        if (optind < argc)
                return usage_error(&verb_inbox, "'%.48s' is too much: an inbox takes no job", argv[optind]);
        if (!*s.consumer || strlen(s.consumer) > JOB_CONSUMER_MAX || !utf8_is_valid(s.consumer, strlen(s.consumer)))
                return usage_error(&verb_inbox, "the name of a consumer is 1 to %u bytes of UTF-8", JOB_CONSUMER_MAX);
        if (has_control(s.consumer))
                return usage_error(&verb_inbox, "the name of a consumer has no control characters");
        r = inbox(&s);
        return r < 0 ? answer_failure(s.client, &s.error, r, NULL, 0) : 0;
}

const Verb verb_inbox = {
        .name = "inbox",
        .run = run,
        .help = "codex-jobs inbox [options]\n"
                "\n"
                "Shows what ended since you acknowledged last, oldest first, so that nothing is missed by\n"
                "whoever was away. Nothing is acknowledged without --ack. The first look of a consumer finds\n"
                "all jobs that ended and are stored.\n"
                "\n"
                "Options:\n"
                "      --ack                acknowledge what is shown, once it is written\n"
                "      --consumer NAME      for several readers, each with an inbox of its own (default)\n"
                "      --limit N            at most so many, 1 to 1000 (100)\n"
                COMMON_HELP,
};
