/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "consumers.h"
#include "dict.h"

void consumer_list_clear(ConsumerList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->consumers[i].name);
        free(list->consumers);
        *list = (ConsumerList) {};
}

static int read_name(sd_bus_message *m, Consumer *consumer) {
        const char *name;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        free(consumer->name);
        consumer->name = strdup(name);
        return consumer->name ? 0 : -ENOMEM;
}

static int read_entry(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Consumer *consumer = userdata;
        int unread, r;

        if (streq(name, "Name"))
                return read_name(m, consumer);
        if (streq(name, "Sequence"))
                return sd_bus_message_read_basic(m, 't', &consumer->sequence);
        if (streq(name, "SeenUSec"))
                return sd_bus_message_read_basic(m, 't', &consumer->seen_usec);
        if (!streq(name, "Unread"))
                return DICT_SKIP;
        r = sd_bus_message_read_basic(m, 'b', &unread);
        if (r >= 0)
                consumer->unread = unread;
        return r;
}

static int read_one(sd_bus_message *m, void *userdata) {
        ConsumerList *list = userdata;
        Consumer *bigger = reallocarray(list->consumers, list->n + 1, sizeof(Consumer));
        int r;

        if (!bigger)
                return -ENOMEM;
        list->consumers = bigger;
        bigger[list->n] = (Consumer) {};
        r = dict_read(m, read_entry, &bigger[list->n++]);
        return r < 0 ? r : bigger[list->n - 1].name ? 0 : -EBADMSG;
}

int consumer_list(Client *c, ConsumerList *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_consumer_list_ ConsumerList list = {};
        int r;

        r = call_wait(c, CALL_AGAIN, "ListConsumers", append_nothing, NULL, &reply, error);
        if (r >= 0)
                r = dict_read_list(reply, read_one, &list);
        if (r < 0)
                return r;
        *ret = list;
        list = (ConsumerList) {};
        return 0;
}

int consumer_forget(Client *c, const char *name, sd_bus_error *error) {
        return call_wait(c, CALL_AGAIN, "ForgetConsumer", append_string, (char *) name, NULL, error);
}
