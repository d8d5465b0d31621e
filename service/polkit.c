/* SPDX-License-Identifier: Apache-2.0 */

#include <systemd/sd-journal.h>

#include "macro.h"
#include "polkit.h"

#define FLAG_ALLOW_USER_INTERACTION 1U
#define ANSWER_USEC (300 * USEC_PER_SEC) /* people take their time to type */

typedef struct Check {
        PolkitCallback callback;
        void *userdata;
        void (*free_userdata)(void *); /* NULL once it was called back */
} Check;

static PolkitAnswer read_answer(sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int authorized, challenge;

        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
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

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Check *check = userdata;

        check->free_userdata = NULL;
        check->callback(read_answer(reply), check->userdata);
        return 0;
}

static void check_free(void *userdata) {
        Check *check = userdata;

        if (check->free_userdata)
                check->free_userdata(check->userdata);
        free(check);
}

int polkit_check(sd_bus_message *call, const char *action, PolkitCallback callback, void *userdata,
                 void (*free_userdata)(void *)) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        sd_bus *bus = sd_bus_message_get_bus(call);
        uint32_t flags = 0;
        Check *check;
        int r;

        if (sd_bus_message_get_allow_interactive_authorization(call) > 0)
                flags |= FLAG_ALLOW_USER_INTERACTION;
        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(call), action, 0, flags, "");
        if (r < 0)
                return r;
        check = malloc(sizeof(*check));
        if (!check)
                return -ENOMEM;
        *check = (Check) { .callback = callback, .userdata = userdata, .free_userdata = free_userdata };
        r = sd_bus_call_async(bus, &slot, m, on_answer, check, ANSWER_USEC);
        if (r < 0) {
                free(check);
                return r;
        }
        /* The slot lives until the answer, with the check. */
        (void) sd_bus_slot_set_destroy_callback(slot, check_free);
        (void) sd_bus_slot_set_floating(slot, true);
        return 0;
}
