/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The queues of the caller: whether they are paused, and their number of jobs. */

#include "client-bus.h"
#include "job-record.h"

#define OBSTACLE_MAX 512
#define LAUNCHER_MAX 16
#define SLURM_CONF_MAX 512

typedef struct OwnQueue {
        char name[JOB_QUEUE_MAX + 1];
        bool paused;
        uint32_t queued;
        uint32_t running;
        uint32_t max_running; /* of a list: 0, no limit of its own */
        uint32_t max_running_user; /* of a list, like the next two: of one user; 0: no limit */
        uint32_t running_of_all; /* of all users */
        bool is_administrators; /* one of the administrator, for all users */
        uint32_t max_queued;
        char launcher[LAUNCHER_MAX]; /* of a list: what runs its jobs elsewhere; empty: they run on this host */
        char slurm_conf[SLURM_CONF_MAX]; /* of a list; empty: the default of Slurm */
        bool is_closed; /* of a list: it starts no jobs, because of: */
        char problem[OBSTACLE_MAX]; /* an invalid line of its configuration; empty: none */
        char obstacle[OBSTACLE_MAX]; /* why the service starts no jobs; empty: it does */
} OwnQueue;

/* Reads a reply to GetQueue. Returns 0, or a negative errno with *ret unchanged. */
int own_queue_read(sd_bus_message *m, OwnQueue *ret);

/* Calls the service. Returns 0, or a negative errno with error set unless it is from client_iterate(). */
int own_queue_get(Client *c, OwnQueue *ret, sd_bus_error *error);

/* The same, but not an error if the service, such as an older version, does not reply. *ret is unchanged then. */
int own_queue_get_if_known(Client *c, OwnQueue *ret, sd_bus_error *error);

/* The same for a queue with that name; error is set, too, if there is none. Its limits are those that apply to it. */
int own_queue_get_named(Client *c, const char *name, OwnQueue *ret, sd_bus_error *error);

/* All of them, "default" first. */
typedef struct OwnQueueList {
        OwnQueue *queues;
        size_t n;
} OwnQueueList;
int own_queue_list(Client *c, OwnQueueList *ret, sd_bus_error *error);
void own_queue_list_clear(OwnQueueList *list);
#define _cleanup_own_queue_list_ _cleanup_(own_queue_list_clear)

/* Creates one, or changes its limit of running jobs (0: none); removes one. */
int own_queue_set(Client *c, const char *name, uint32_t max_running, sd_bus_error *error);
int own_queue_remove(Client *c, const char *name, sd_bus_error *error);

/* Reports that the queue is paused, with the command that resumes it, or why no jobs are started. Otherwise does
 * nothing. */
void own_queue_say(Client *c, const OwnQueue *queue);

/* Whether the job is queued in "default". */
bool own_queue_has(const JobRecord *record);

/* Whether it is queued there, and waits for nothing else. */
bool own_queue_delays(const JobRecord *record);

/* ---- Why a job of it does not start ---- */

/* Reports that the queue is paused, that no jobs are started, or that the limit of running jobs is reached, if so. */
void own_queue_say_why(Client *c, const OwnQueue *queue);

/* The same asynchronously, when the service has replied. */
typedef struct QueueQuestion {
        Client *client;
        Call *call;
} QueueQuestion;

int queue_question_ask(QueueQuestion *q, Client *c);
void queue_question_clear(QueueQuestion *q);
