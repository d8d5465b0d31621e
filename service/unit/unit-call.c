/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "unit-internal.h"

int unit_manager_call_new(UnitManager *manager, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(manager->bus, ret, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, member);
}

int unit_manager_call(UnitManager *manager, sd_bus_slot **slot, const char *member, const char *name,
                      bool with_mode, sd_bus_message_handler_t handler, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = unit_manager_call_new(manager, member, &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(m, 's', name);
        if (r >= 0 && with_mode)
                r = sd_bus_message_append_basic(m, 's', "replace");
        if (r < 0)
                return r;
        if (!slot)
                return sd_bus_send(manager->bus, m, NULL);
        *slot = sd_bus_slot_unref(*slot);
        return sd_bus_call_async(manager->bus, slot, m, handler, userdata, 0);
}

int unit_manager_let_go(UnitManager *manager, sd_bus_slot **slot, const char *name, const char *sub_state,
                        sd_bus_message_handler_t handler, void *userdata) {
        bool failed = streq(sub_state, "failed");

        return unit_manager_call(manager, slot, failed ? "ResetFailedUnit" : "StopUnit", name, !failed, handler, userdata);
}

void unit_manager_discard(UnitManager *manager, const char *id, const char *sub_state) {
        char name[JOB_UNIT_MAX];

        (void) unit_manager_let_go(manager, NULL, job_unit_name(id, name), sub_state, NULL, NULL);
}
