/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dict.h"

static int read_entry(sd_bus_message *m, DictEntry entry, void *userdata) {
        const char *name, *type;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r >= 0)
                r = sd_bus_message_peek_type(m, NULL, &type);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'v', type);
        if (r >= 0)
                r = entry(m, name, type, userdata);
        if (r == DICT_SKIP)
                r = sd_bus_message_skip(m, type);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int dict_read(sd_bus_message *m, DictEntry entry, void *userdata) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(m, entry, userdata);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int dict_read_list(sd_bus_message *m, int (*read_one)(sd_bus_message *m, void *userdata), void *userdata) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        while (r >= 0 && (r = sd_bus_message_at_end(m, false)) == 0)
                r = read_one(m, userdata);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int dict_open(sd_bus_message *m, const char *name, const char *type) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', name);
        return r < 0 ? r : sd_bus_message_open_container(m, 'v', type);
}

int dict_close(sd_bus_message *m) {
        int r;

        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

bool dict_is_integer(const char *type) {
        return type[0] && !type[1] && strchr("ynqiuxt", type[0]);
}

typedef union Integer {
        uint8_t y;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
} Integer;

/* Of a type with a sign; 0 for the others, which are not negative. */
static int64_t with_sign(const Integer *value, char type) {
        return type == 'n' ? value->n : type == 'i' ? value->i : type == 'x' ? value->x : 0;
}

static uint64_t without_sign(const Integer *value, char type) {
        return type == 'y' ? value->y : type == 'q' ? value->q : type == 'u' ? value->u : value->t;
}

int dict_read_integer(sd_bus_message *m, char type, uint64_t min, uint64_t max, uint64_t *ret,
                      char text[static DICT_INTEGER_MAX]) {
        bool has_sign = type == 'n' || type == 'i' || type == 'x';
        Integer value = {};
        uint64_t number;
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        number = has_sign ? (uint64_t) with_sign(&value, type) : without_sign(&value, type);
        if (has_sign && with_sign(&value, type) < 0) {
                (void) snprintf(text, DICT_INTEGER_MAX, "%" PRIi64, with_sign(&value, type));
                return -ERANGE;
        }
        (void) snprintf(text, DICT_INTEGER_MAX, "%" PRIu64, number);
        if (number < min || number > max)
                return -ERANGE;
        *ret = number;
        return 0;
}

int dict_read_signed(sd_bus_message *m, char type, int64_t min, int64_t max, int64_t *ret,
                     char text[static DICT_INTEGER_MAX]) {
        bool has_sign = type == 'n' || type == 'i' || type == 'x';
        Integer value = {};
        int64_t number;
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        if (has_sign)
                (void) snprintf(text, DICT_INTEGER_MAX, "%" PRIi64, with_sign(&value, type));
        else
                (void) snprintf(text, DICT_INTEGER_MAX, "%" PRIu64, without_sign(&value, type));
        if (!has_sign && without_sign(&value, type) > INT64_MAX)
                return -ERANGE;
        number = has_sign ? with_sign(&value, type) : (int64_t) without_sign(&value, type);
        if (number < min || number > max)
                return -ERANGE;
        *ret = number;
        return 0;
}
