/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "build-config.h"
#include "client-internal.h"
#include "say.h"
#include "scope.h"
#include "text-new.h"

int scope_resolve(Scope option, bool *ret_system, bool *ret_given, sd_bus_error *error) {
        const char *word = getenv("CODEX_JOBS_SCOPE");
        bool known = isempty(word) || streq(word, "system") || streq(word, "user");
        bool usual;

        if (!known && option == SCOPE_DEFAULT)
                return error_set(error, "Invalid CODEX_JOBS_SCOPE '%.64s'. Set it to 'system' or 'user', or unset it.",
                                 word);

        usual = isempty(word) ? access(SYSTEM_SERVICE_FILE, F_OK) >= 0 : streq(word, "system");
        *ret_system = option == SCOPE_DEFAULT ? usual : option == SCOPE_SYSTEM;
        *ret_given = !known || *ret_system != usual;
        return 0;
}

const char *client_remote(const Client *c) {
        return remote_name(&c->remote);
}

const char *client_remote_option(const Client *c) {
        return c->remote.host ? "-H" : c->remote.machine ? "-M" : NULL;
}

const char *client_scope_option(const Client *c) {
        return c->option;
}

char *client_tool(const Client *c, const char *tool) {
        const char *host = c->remote.host, *machine = c->remote.machine;

        return text_new("%s%.*s%s%s%s%s%s", host ? "ssh " : "", host ? (int) strcspn(host, "/") : 0, strempty(host),
                        host ? " " : "", tool, c->system ? "" : " --user", machine ? " -M " : "", strempty(machine));
}
