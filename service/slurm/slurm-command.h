/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Slurm's programs: srun, squeue, scancel, scontrol. They run with an environment of ours, in which only the configuration of
 * Slurm is that of the unit. A job is found by its name, codex-job-ID: numbers are given again when slurmctld forgets a job. */

#include <sys/types.h>

#include "macro.h"

/* What a job is to srun. */
typedef struct SlurmJob {
        char name[80];
        const char *id;
        uint64_t runtime_max_usec; /* 0: no limit */
} SlurmJob;

typedef enum SlurmState {
        SLURM_NO_ANSWER = -1,
        SLURM_NONE, /* there is no such job */
        SLURM_PENDING,
        SLURM_RUNNING, /* or will be in a moment, or suspended */
        SLURM_COMPLETING,
        SLURM_TIMEOUT, /* the others are over */
        SLURM_OUT_OF_MEMORY,
        SLURM_NODE_FAIL,
        SLURM_CANCELLED,
        SLURM_OTHER,
} SlurmState;

typedef struct SlurmLook {
        SlurmState state;
        char number[16]; /* of the job */
        char word[24];   /* the state as Slurm calls it */
        char reason[64]; /* for which it is pending */
} SlurmLook;

/* srun with its pipes. It is two processes, in a process group of their own. */
typedef struct Srun {
        pid_t pid; /* 0: none */
        int in, out, err;
} Srun;

/* Whether its programs are in one of the usual places. */
bool slurm_is_installed(void);

void slurm_job_init(SlurmJob *job, const char *id, uint64_t runtime_max_usec);

/* Asks for the job: a live one if there is, else the last one. */
SlurmLook slurm_look(const SlurmJob *job);

/* Starts srun for the command. Returns 0 or a negative errno; options of the administrator come from the environment. */
int slurm_run(const SlurmJob *job, Srun *ret);

/* Starts srun to listen to the job with that number, from those offsets on. */
int slurm_attach(const SlurmJob *job, const char *number, const uint64_t offsets[static 3], Srun *ret);

/* Kills both processes of srun, at once: one alone makes the other cancel the job. */
void srun_kill(Srun *srun);
void srun_close(Srun *srun);

/* Cancels what is alive of the job, and waits until nothing is: as long as it takes, even for slurmctld. */
void slurm_reap(const SlurmJob *job);

/* Tells whether jobs of this host can be run, a line on standard output for each obstacle. Returns the exit status. */
int slurm_check(void);

/* Pauses of a repetition: doubled up to max. */
void slurm_pause(uint64_t *usec, uint64_t max);
