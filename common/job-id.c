/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/random.h>

#include "job-id.h"
#include "macro.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
#define KIND_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

static bool is_letter(char c) {
        return c >= 'a' && c <= 'z';
}

static bool kind_is_valid_n(const char *kind, size_t n) {
        if (n == 0 || n > JOB_KIND_MAX)
                return false;
        return is_letter(kind[0]) && kind[n - 1] != '-' && strspn(kind, KIND_CHARACTERS) >= n;
}

bool job_kind_is_valid(const char *kind) {
        return kind_is_valid_n(kind, strnlen(kind, JOB_KIND_MAX + 1));
}

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool job_queue_is_valid(const char *name) {
        size_t n = strnlen(name, JOB_QUEUE_MAX + 1);

        return n <= JOB_QUEUE_MAX && strspn(name, LETTERS_AND_DIGITS) > 0 && strspn(name, LETTERS_AND_DIGITS "-_.") == n;
}

bool job_id_is_valid(const char *id) {
        size_t n = strnlen(id, JOB_ID_MAX + 1);

        if (n > JOB_ID_MAX || n < JOB_TOKEN_LENGTH + 2)
                return false;

        const char *token = id + n - JOB_TOKEN_LENGTH;

        return token[-1] == '-' && strspn(token, alphabet) == JOB_TOKEN_LENGTH &&
                kind_is_valid_n(id, n - JOB_TOKEN_LENGTH - 1);
}

bool job_id_prefix_is_valid(const char *prefix) {
        size_t n = strnlen(prefix, JOB_ID_MAX + 1);

        return n > 0 && n <= JOB_ID_MAX && *prefix != '-' && strspn(prefix, KIND_CHARACTERS) == n;
}

const char *job_id_token(const char *id) {
        return id + strlen(id) - JOB_TOKEN_LENGTH;
}

int job_id_generate(const char *kind, char ret[static JOB_ID_MAX + 1]) {
        unsigned char random[JOB_TOKEN_LENGTH];
        char *p;

        if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
                return errno > 0 ? -errno : -EIO;

        p = stpcpy(ret, kind);
        *p++ = '-';
        for (size_t i = 0; i < sizeof(random); i++)
                *p++ = alphabet[random[i] % 32];
        *p = 0;
        return 0;
}
