/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "flood.h"
#include "say.h"
#include "text-new.h"

#define LIST_MAX (64U * 1024U) /* bytes of the list of its jobs; more are only counted */

void flood_clear(Flood *flood) {
        digest_clear(&flood->digest);
        free(flood->list);
        *flood = (Flood) {};
}

int flood_copy(const Flood *flood, Flood *ret) {
        Flood copy = *flood;
        int r;

        copy.list = NULL;
        if (flood->list) {
                copy.list = strdup(flood->list);
                if (!copy.list)
                        return -ENOMEM;
        }
        r = digest_copy(&flood->digest, &copy.digest);
        if (r < 0) {
                free(copy.list);
                return r;
        }
        *ret = copy;
        return 0;
}

int flood_add(Flood *flood, const JobRecord *record) {
        _cleanup_free_ char *end = describe_end(record), *text = NULL, *line = NULL;
        char *longer;
        int r;

        r = digest_add(&flood->digest, record);
        if (r < 0)
                return r;
        if (flood->list && strlen(flood->list) > LIST_MAX)
                return 0;
        text = end ? text_new("%s  %s: %s", record->id, end, strempty(record->label)) : NULL;
        line = text ? one_line(text) : NULL;
        longer = line ? text_new("%s%s\n", strempty(flood->list), line) : NULL;
        if (!longer)
                return -ENOMEM;
        free(flood->list);
        flood->list = longer;
        return 0;
}
