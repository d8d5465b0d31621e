/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/queue.h>
#include <systemd/sd-journal.h>

#include "macro.h"
#include "polkit.h"

#define FLAG_ALLOW_USER_INTERACTION 1U
#define ANSWER_USEC (300 * USEC_PER_SEC) /* people take their time to type */
#define ASKED_MAX 8U      /* questions of a user, at a time */
#define WAITING_MAX 1024U /* and those that are asked after them */

typedef struct Check {
        TAILQ_ENTRY(Check) entry;
        Polkit *polkit;
        uint32_t uid;
        sd_bus_message *call;
        sd_bus_message *question;
        sd_bus_slot *slot; /* NULL: it waits to be asked */
        PolkitCallback callback;
        void *userdata;
        void (*free_userdata)(void *);
} Check;

struct Polkit {
        sd_bus *bus;
        TAILQ_HEAD(, Check) checks; /* in the order in which they came */
};

int polkit_new(Polkit **ret, sd_bus *bus) {
        Polkit *polkit;

        polkit = calloc(1, sizeof(*polkit));
        if (!polkit)
                return -ENOMEM;
        polkit->bus = sd_bus_ref(bus);
        TAILQ_INIT(&polkit->checks);
        *ret = polkit;
        return 0;
}

/* Takes it out of the list and frees it, but for the caller's userdata. */
static void check_free(Check *check) {
        TAILQ_REMOVE(&check->polkit->checks, check, entry);
        (void) sd_bus_slot_unref(check->slot);
        (void) sd_bus_message_unref(check->question);
        (void) sd_bus_message_unref(check->call);
        free(check);
}

static void check_drop(Check *check) {
        check->free_userdata(check->userdata);
        check_free(check);
}

void polkit_drop_peer(Polkit *polkit, const char *peer) {
        Check *next;

        for (Check *check = TAILQ_FIRST(&polkit->checks); check; check = next) {
                next = TAILQ_NEXT(check, entry);
                if (streq(sd_bus_message_get_sender(check->call), peer))
                        check_drop(check);
        }
}

Polkit *polkit_free(Polkit *polkit) {
        Check *check;

        if (!polkit)
                return NULL;

        while ((check = TAILQ_FIRST(&polkit->checks)))
                check_drop(check);
        (void) sd_bus_unref(polkit->bus);
        free(polkit);
        return NULL;
}

/* --- asking ---------------------------------------------------------------------------------------- */

static PolkitAnswer read_answer(sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int authorized, challenge;

        /* Nobody could start it. Where it cannot be started now, dbus-broker says that the name has no owner. */
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN))
                return POLKIT_ABSENT;
        if (error) {
                sd_journal_print(LOG_WARNING, "polkit failed, which denies: %s", strempty(error->message));
                return POLKIT_DENIED;
        }
        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                return POLKIT_DENIED;
        return authorized ? POLKIT_ALLOWED : POLKIT_DENIED;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

static int ask(Check *check) {
        return sd_bus_call_async(check->polkit->bus, &check->slot, check->question, on_answer, check, ANSWER_USEC);
}

/* How many questions of a user are asked now, and how many wait; the first of those. */
static Check *count(const Polkit *polkit, uint32_t uid, unsigned *ret_asked, unsigned *ret_waiting) {
        Check *check, *first = NULL;

        *ret_asked = *ret_waiting = 0;
        TAILQ_FOREACH(check, &polkit->checks, entry) {
                if (check->uid != uid)
                        continue;
                *(check->slot ? ret_asked : ret_waiting) += 1;
                if (!check->slot && !first)
                        first = check;
        }
        return first;
}

static void ask_next(Polkit *polkit, uint32_t uid) {
        unsigned asked, waiting;
        Check *next;

        while ((next = count(polkit, uid, &asked, &waiting)) && asked < ASKED_MAX && ask(next) < 0) {
                next->callback(POLKIT_DENIED, next->userdata);
                check_free(next);
        }
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Check *check = userdata;
        Polkit *polkit = check->polkit;
        uint32_t uid = check->uid;

        check->callback(read_answer(reply), check->userdata);
        check_free(check);
        ask_next(polkit, uid);
        return 0;
}

static int new_question(sd_bus *bus, sd_bus_message *call, const char *action, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint32_t flags = 0;
        int r;

        if (sd_bus_message_get_allow_interactive_authorization(call) > 0)
                flags |= FLAG_ALLOW_USER_INTERACTION;
        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(call), action, 0, flags, "");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int polkit_check(Polkit *polkit, sd_bus_message *call, uint32_t uid, const char *action, PolkitCallback callback,
                 void *userdata, void (*free_userdata)(void *)) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *question = NULL;
        unsigned asked, waiting;
        Check *check;
        int r;

        (void) count(polkit, uid, &asked, &waiting);
        if (waiting >= WAITING_MAX)
                return -EDQUOT;
        r = new_question(polkit->bus, call, action, &question);
        if (r < 0)
                return r;
        check = malloc(sizeof(*check));
        if (!check)
                return -ENOMEM;
        *check = (Check) {
                .polkit = polkit,
                .uid = uid,
                .call = sd_bus_message_ref(call),
                .question = TAKE_PTR(question),
                .callback = callback,
                .userdata = userdata,
                .free_userdata = free_userdata,
        };
        TAILQ_INSERT_TAIL(&polkit->checks, check, entry);
        r = asked < ASKED_MAX ? ask(check) : 0;
        if (r < 0)
                check_free(check);
        return r;
}
