/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* ListConsumers, ForgetConsumer: the consumers of inboxes. */

#include "dict.h"
#include "pending-call.h"

static int append_entry(sd_bus_message *m, const char *name, char type, const void *value) {
        int r;

        r = dict_open(m, name, (const char[]) { type, 0 });
        if (r >= 0)
                r = sd_bus_message_append_basic(m, type, value);
        return r < 0 ? r : dict_close(m);
}

static int append_consumer(sd_bus_message *m, const StoreConsumer *consumer) {
        int unread = consumer->unread != 0, r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_entry(m, "Name", 's', consumer->name);
        if (r >= 0)
                r = append_entry(m, "Sequence", 't', &consumer->sequence);
        if (r >= 0)
                r = append_entry(m, "SeenUSec", 't', &consumer->seen_usec);
        if (r >= 0)
                r = append_entry(m, "Unread", 'b', &unread);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int reply_consumers(PendingCall *pending, const StoreConsumer *consumers, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(pending->call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_consumer(reply, &consumers[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_consumers(int r, const StoreConsumer *consumers, size_t n, void *userdata) {
        PendingCall *pending = userdata;

        if (r >= 0)
                r = reply_consumers(pending, consumers, n);
        if (r < 0)
                (void) pending_fail(pending, r);
        else
                (void) pending_free(pending);
}

static int submit_list(PendingCall *pending) {
        return store_list_consumers(pending->service->core->store, pending->user->uid, on_consumers, pending);
}

int method_list_consumers(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { pending_take_turn, submit_list };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new(&pending, userdata, m);
        return r < 0 ? r : pending_start(TAKE_PTR(pending), steps);
}

static int submit_forget(PendingCall *pending) {
        return store_forget_consumer(pending->service->core->store, pending->user->uid, pending->consumer,
                                     pending_on_done, pending);
}

int method_forget_consumer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { submit_forget };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        const char *consumer;
        int r;

        r = pending_read_consumer(m, &consumer, error);
        if (r >= 0)
                r = pending_new(&pending, userdata, m);
        if (r < 0)
                return r;
        pending->consumer = strdup(consumer);
        return pending->consumer ? pending_start(TAKE_PTR(pending), steps) : -ENOMEM;
}
