/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/queue.h>
#include <systemd/sd-journal.h>

#include "macro.h"
#include "polkit.h"
#include "ticket.h"

#define FLAG_ALLOW_USER_INTERACTION 1U
#define ANSWER_USEC (300 * USEC_PER_SEC) /* people take their time to type */
#define ASKED_MAX 8       /* questions of a user, at a time */
#define WAITING_MAX 1024  /* and those that are asked after them */

typedef struct Check {
        Ticket ticket;
        Polkit *polkit;
        sd_bus_message *call;
        sd_bus_message *question;
        sd_bus_slot *slot; /* NULL: it waits to be asked */
        PolkitCallback callback;
        void *userdata;
        void (*free_userdata)(void *);
} Check;

struct Polkit {
        sd_bus *bus;
        TicketQueue checks;
};

int polkit_new(Polkit **ret, sd_bus *bus) {
        Polkit *polkit;

        polkit = calloc(1, sizeof(*polkit));
        if (!polkit)
                return -ENOMEM;
        polkit->bus = sd_bus_ref(bus);
        ticket_queue_init(&polkit->checks, ASKED_MAX, WAITING_MAX);
        *ret = polkit;
        return 0;
}

static Check *check_of(Ticket *ticket) {
        return ticket ? CONTAINER_OF(ticket, Check, ticket) : NULL;
}

/* But for the caller's userdata. */
static void check_free(Check *check) {
        (void) sd_bus_slot_unref(check->slot);
        (void) sd_bus_message_unref(check->question);
        (void) sd_bus_message_unref(check->call);
        free(check);
}

static void check_drop(Check *check) {
        check->free_userdata(check->userdata);
        check_free(check);
}

Polkit *polkit_free(Polkit *polkit) {
        Ticket *ticket;

        if (!polkit)
                return NULL;

        while ((ticket = TAILQ_FIRST(&polkit->checks.tickets))) {
                (void) ticket_leave(&polkit->checks, ticket);
                check_drop(check_of(ticket));
        }
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
                sd_journal_print(LOG_WARNING, "polkit check failed, denying access: %s", strempty(error->message));
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

/* Has the next question of the user asked. */
static void check_leave(Check *check) {
        Check *next = check_of(ticket_leave(&check->polkit->checks, &check->ticket));

        while (next && ask(next) < 0) {
                Check *after = check_of(ticket_leave(&next->polkit->checks, &next->ticket));

                next->callback(POLKIT_DENIED, next->userdata);
                check_free(next);
                next = after;
        }
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Check *check = userdata;

        check_leave(check);
        check->callback(read_answer(reply), check->userdata);
        check_free(check);
        return 0;
}

static Check *find_check(Polkit *polkit, const char *peer, TicketState state) {
        Ticket *ticket;

        TAILQ_FOREACH(ticket, &polkit->checks.tickets, entry)
                if (ticket->state == state && streq(sd_bus_message_get_sender(check_of(ticket)->call), peer))
                        return check_of(ticket);
        return NULL;
}

/* What waits goes first: it is not to be asked any more. */
void polkit_drop_peer(Polkit *polkit, const char *peer) {
        Check *check;

        while ((check = find_check(polkit, peer, TICKET_WAITS)) || (check = find_check(polkit, peer, TICKET_SERVED))) {
                check_leave(check);
                check_drop(check);
        }
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
        Check *check;
        int r;

        r = new_question(polkit->bus, call, action, &question);
        if (r < 0)
                return r;
        check = malloc(sizeof(*check));
        if (!check)
                return -ENOMEM;
        *check = (Check) {
                .polkit = polkit,
                .call = sd_bus_message_ref(call),
                .question = TAKE_PTR(question),
                .callback = callback,
                .userdata = userdata,
                .free_userdata = free_userdata,
        };
        r = ticket_join(&polkit->checks, &check->ticket, uid);
        if (r > 0) {
                r = ask(check);
                if (r < 0)
                        check_leave(check);
        }
        if (r < 0)
                check_free(check);
        return r < 0 ? r : 0;
}
