/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Jobs as resources: job://ID/record, job://ID/stdout and job://ID/stderr. See server.c. */

#include "exchange.h"
#include "job-id.h"

int resources_list(Exchange *x, json_object *params);
int resources_templates(Exchange *x, json_object *params);
int resources_read(Exchange *x, json_object *params);

typedef enum ResourceKind {
        RESOURCE_RECORD,
        RESOURCE_STDOUT,
        RESOURCE_STDERR,
} ResourceKind;

typedef struct ResourceName {
        char id[JOB_ID_MAX + 1];
        ResourceKind kind;
        uint64_t offset; /* UINT64_MAX: the end */
        size_t limit;
} ResourceName;

/* Reads a URI. Returns whether it is one of these. */
bool resource_name_read(const char *uri, ResourceName *ret);

/* Answers that a resource does not exist. */
void resource_not_found(Exchange *x, const char *uri);
