/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The queue of the caller's own jobs: whether they begin, and how many there are. */

#include "client-bus.h"
#include "job-record.h"

typedef struct OwnQueue {
        bool paused;
        uint32_t queued;
        uint32_t running;
        uint32_t max_running;
        uint32_t max_queued;
} OwnQueue;

/* Reads the answer to GetQueue. Returns 0 or a negative errno, and leaves *ret as it is then. */
int own_queue_read(sd_bus_message *m, OwnQueue *ret);

/* Asks the service. Returns 0, or a negative errno with error set unless it is what client_iterate() returned. */
int own_queue_get(Client *c, OwnQueue *ret, sd_bus_error *error);

/* The same for who has something else to show, and shows it without this where the service does not answer, as an older
 * one that still runs. *ret is left as it is then. */
int own_queue_get_if_known(Client *c, OwnQueue *ret, sd_bus_error *error);

/* Says that the queue is paused, and the command that lets it go on. Says nothing of one that is not. */
void own_queue_say(Client *c, const OwnQueue *queue);

/* Whether a job waits in it. */
bool own_queue_has(const JobRecord *record);

/* ---- Why a job of it does not begin ---- */

/* Says that the queue is paused, or that as many jobs run as may; nothing where it is neither. */
void own_queue_say_why(Client *c, const OwnQueue *queue);

/* Asks, and says so once the service has answered: nobody waits for that. */
typedef struct QueueQuestion {
        Client *client;
        Call *call;
} QueueQuestion;

int queue_question_ask(QueueQuestion *q, Client *c);
void queue_question_clear(QueueQuestion *q);
