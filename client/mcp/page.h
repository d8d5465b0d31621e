/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A part of the output of a job, as a text for others: clean, in UTF-8, without half a character at either end. */

#include "macro.h"

typedef struct Page {
        char *text;
        uint64_t from, to; /* the bytes that it is made of */
        uint64_t size;     /* of all the output */
} Page;

#define PAGE_TAIL UINT64_MAX

/* The last max bytes for PAGE_TAIL, else up to max from an offset. Returns 0 or a negative errno. */
int page_read(int fd, uint64_t offset, size_t max, Page *ret);
void page_clear(Page *page);
#define _cleanup_page_ _cleanup_(page_clear)
