/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <systemd/sd-journal.h>

#include "macro.h"
#include "polkit.h"

#define FLAG_ALLOW_USER_INTERACTION 1U
#define ANSWER_USEC (300 * USEC_PER_SEC) /* users need time to type */

struct Question {
        Ticket ticket;
        User *user;
        sd_bus_message *message;
        sd_bus_slot *slot; /* NULL: not sent yet */
        QuestionCallback callback;
        void *userdata;
};

static PolkitAnswer read_answer(sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int authorized, challenge;

        /* polkit could not be started. If a service cannot be started now, dbus-broker reports that the name has no
         * owner. */
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

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Question *question = userdata;

        question->callback(read_answer(reply), question->userdata);
        return 0;
}

static int ask(Question *question) {
        return sd_bus_call_async(sd_bus_message_get_bus(question->message), &question->slot, question->message, on_answer,
                                 question, ANSWER_USEC);
}

/* Sends the next check of the user. */
Question *question_free(Question *question) {
        Ticket *ticket;

        if (!question)
                return NULL;

        ticket = turns_leave(&question->user->questions, &question->ticket);
        if (ticket) {
                Question *next = CONTAINER_OF(ticket, Question, ticket);

                if (ask(next) < 0)
                        next->callback(POLKIT_DENIED, next->userdata);
        }
        (void) sd_bus_slot_unref(question->slot);
        (void) sd_bus_message_unref(question->message);
        (void) user_unref(question->user);
        free(question);
        return NULL;
}

static int new_message(sd_bus_message *call, const char *action, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint32_t flags = 0;
        int r;

        if (sd_bus_message_get_allow_interactive_authorization(call) > 0)
                flags |= FLAG_ALLOW_USER_INTERACTION;
        r = sd_bus_message_new_method_call(sd_bus_message_get_bus(call), &m, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(call), action, 0, flags, "");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int question_new(Question **ret, User *user, sd_bus_message *call, const char *action, QuestionCallback callback, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Question *question;
        int r;

        r = new_message(call, action, &m);
        if (r < 0)
                return r;
        question = malloc(sizeof(*question));
        if (!question)
                return -ENOMEM;
        *question = (Question) {
                .user = user_ref(user),
                .message = TAKE_PTR(m),
                .callback = callback,
                .userdata = userdata,
        };
        r = turns_join(&user->questions, &question->ticket);
        if (r > 0)
                r = ask(question);
        if (r < 0)
                (void) question_free(question);
        else
                *ret = question;
        return MIN(r, 0);
}
