/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* org.codex.Jobs: its vtable, properties and signal. See pending-call.h for the methods. */

#include "build-config.h"
#include "build-tag.h"
#include "bus-names.h"
#include "pending-call.h"

static int property_get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append_basic(reply, 's', streq(property, "Build") ? build_tag() : PROJECT_VERSION);
}

static int property_get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Service *service = userdata;
        const Core *core = service->core;
        uint32_t number = streq(property, "Queued")  ? core->queue.n_waiting :
                          streq(property, "Running") ? core->queue.n_running + core->queue.n_lent :
                                                       core->config.max_running;

        return sd_bus_message_append_basic(reply, 'u', &number);
}

static int property_get_total(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Service *service = userdata;
        const Core *core = service->core;
        uint64_t total = streq(property, "Expired")  ? core->expired :
                         streq(property, "Finished") ? store_finished(core->store) :
                                                       store_last_sequence(core->store);

        return sd_bus_message_append_basic(reply, 't', &total);
}

static const sd_bus_vtable jobs_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Enqueue", SD_BUS_ARGS("as", argv, "a{sv}", options), SD_BUS_RESULT("s", id, "o", job),
                                method_enqueue, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Await", SD_BUS_ARGS("s", id, "t", timeout_usec),
                                SD_BUS_RESULT("s", state, "i", exit_code, "a{sv}", job), method_await,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AwaitAny", SD_BUS_ARGS("as", ids, "t", timeout_usec),
                                SD_BUS_RESULT("s", id, "s", state, "i", exit_code, "a{sv}", job), method_await_any,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AwaitAll", SD_BUS_ARGS("as", ids, "t", timeout_usec), SD_BUS_RESULT("aa{sv}", jobs),
                                method_await_all, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("s", id), SD_BUS_RESULT("s", state), method_cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Get", SD_BUS_ARGS("s", id), SD_BUS_RESULT("a{sv}", job), method_get,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("a{sv}", filter), SD_BUS_RESULT("aa{sv}", jobs), method_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenOutput", SD_BUS_ARGS("s", id, "s", stream), SD_BUS_RESULT("h", fd),
                                method_open_output, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ReadOutput", SD_BUS_ARGS("s", id, "s", stream, "t", offset, "t", max),
                                SD_BUS_RESULT("ay", data, "t", size, "b", complete), method_read_output,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("as", ids), SD_BUS_NO_RESULT, method_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Inbox", SD_BUS_ARGS("s", consumer, "u", limit), SD_BUS_RESULT("aa{sv}", jobs),
                                method_inbox, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Acknowledge", SD_BUS_ARGS("s", consumer, "t", sequence), SD_BUS_NO_RESULT,
                                method_acknowledge, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListConsumers", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", consumers),
                                method_list_consumers, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ForgetConsumer", SD_BUS_ARGS("s", consumer), SD_BUS_NO_RESULT,
                                method_forget_consumer, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Retry", SD_BUS_ARGS("s", id, "a{sv}", options), SD_BUS_RESULT("s", new_id, "o", job),
                                method_retry, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Hold", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT, method_hold, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT, method_release,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Edit", SD_BUS_ARGS("s", id, "a{sv}", changes), SD_BUS_NO_RESULT, method_edit,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Pause", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_pause, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Resume", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_resume, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetQueue", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", queue), method_get_queue,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PauseQueue", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_pause,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ResumeQueue", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_resume,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetQueue", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT, method_set_queue,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveQueue", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_remove_queue,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListQueues", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", queues), method_list_queues,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobFinished", SD_BUS_ARGS("s", id, "s", state, "i", exit_code, "t", sequence), 0),
        SD_BUS_SIGNAL_WITH_ARGS("OutputGrew", SD_BUS_ARGS("s", id, "s", stream), 0),
        SD_BUS_PROPERTY("Version", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Build", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Queued", "u", property_get_number, 0, 0),
        SD_BUS_PROPERTY("Running", "u", property_get_number, 0, 0),
        SD_BUS_PROPERTY("Finished", "t", property_get_total, 0, 0),
        SD_BUS_PROPERTY("LastSequence", "t", property_get_total, 0, 0),
        SD_BUS_PROPERTY("Expired", "t", property_get_total, 0, 0),
        SD_BUS_PROPERTY("MaxRunning", "u", property_get_number, 0, 0),
        SD_BUS_VTABLE_END,
};

int interface_jobs_register(Service *service) {
        return sd_bus_add_object_vtable(service->bus, &service->vtable_slots[0], JOBS_PATH, JOBS_INTERFACE, jobs_vtable, service);
}
