/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs: the command line of the job service. Finds the verb; each has a file of its own. */

#include <fcntl.h>
#include <signal.h>

#include "say.h"
#include "suggest.h"
#include "verbs.h"

static const Verb *const verbs[] = {
        &verb_run,    &verb_enqueue, &verb_retry,  &verb_task, &verb_review, &verb_adversarial_review, &verb_await,
        &verb_status, &verb_list,    &verb_show,   &verb_logs, &verb_result, &verb_inbox,              &verb_cancel,
        &verb_remove, &verb_pause,   &verb_resume, &verb_setup,  &verb_top,
};

static const Verb verb_none = {
        .help = "codex-jobs VERB [options]\n"
                "\n"
                "Run commands as durable background jobs.\n"
                "\n"
                "Start jobs:\n"
                "  run [options] -- COMMAND…      Run a command as a job and exit with its status\n"
                "  enqueue [options] -- COMMAND…  Submit a command and print the job ID\n"
                "  retry ID                       Run the command of a finished job again\n"
                "\n"
                "Run Codex:\n"
                "  task [options] [PROMPT|-]      Have Codex work on a prompt\n"
                "  review [options]               Have Codex review changes\n"
                "  adversarial-review [FOCUS]     Have Codex challenge changes and look for flaws\n"
                "\n"
                "Follow jobs:\n"
                "  await ID…                      Wait for jobs to finish and show their results\n"
                "  status [ID…]                   Show active and recently finished jobs\n"
                "  top [options]                  Monitor and control jobs interactively\n"
                "  list [options]                 List jobs by time, state and kind\n"
                "  show ID                        Show all details of a job\n"
                "  logs ID                        Show the output of a job\n"
                "  result [ID]                    Show the result of a finished job\n"
                "  inbox [options]                Show jobs that finished since you last checked\n"
                "\n"
                "Control jobs:\n"
                "  cancel [ID…]                   Cancel jobs and terminate their processes\n"
                "  remove ID…                     Delete finished jobs and their output\n"
                "  pause [options]                Pause your queue\n"
                "  resume [options]               Resume your queue\n"
                "  setup [options]                Check the installation and suggest fixes\n"
                "\n"
                "Options:\n"
                COMMON_HELP "\n"
                "      --version            Show the version\n"
                "\n"
                "See 'codex-jobs VERB --help' for the options of a verb.",
};

/* A closed descriptor would be reused by the first file that is opened, and results written to that file. */
static int open_standard_descriptors(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                if (open("/dev/null", O_RDONLY) != fd) /* writing to it fails, as it should */
                        return -EBADF;
        }
        return 0;
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i]->name, name) || (verbs[i]->alias && streq(verbs[i]->alias, name)))
                        return verbs[i];
        return NULL;
}

/* Names that other programs use; too different from ours to be found as typing mistakes. */
static const char *called_elsewhere(const char *word) {
        static const struct {
                const char *word;
                const char *verb;
        } words[] = {
                { "add", "enqueue" },    { "clean", "remove" }, { "delete", "remove" }, { "kill", "cancel" },
                { "log", "logs" },       { "ls", "list" },      { "output", "result" }, { "ps", "status" },
                { "restart", "retry" },  { "rerun", "retry" },  { "start", "run" },     { "stop", "cancel" },
                { "submit", "enqueue" }, { "tail", "logs" },    { "wait", "await" },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i].word, word))
                        return words[i].verb;
        return NULL;
}

static int no_such_verb(const char *word) {
        Suggestion s = { .word = word };
        const char *name;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                suggest_name(&s, verbs[i]->name);
        name = called_elsewhere(word) ?: s.name;
        if (name)
                return usage_error(&verb_none, "Unknown command '%.48s', did you mean '%s'?", word, name);
        return usage_error(&verb_none, "Unknown command '%.48s'", word);
}

/* "help VERB" is "VERB --help", and "help" is "--help". */
static int help(const char *word) {
        const Verb *verb = word ? find_verb(word) : &verb_none;

        return verb ? option_help(verb) : no_such_verb(word);
}

int main(int argc, char *argv[]) {
        static const struct option options[] = { COMMON_OPTIONS, {} };
        Common common = {};
        const Verb *verb;
        int option, r;

        if (open_standard_descriptors() < 0)
                return STATUS_OWN_FAILURE;
        (void) signal(SIGPIPE, SIG_IGN);

        r = option_next(&verb_none, &common, argc, argv, "+:" COMMON_LETTERS, options, &option);
        if (r < 0)
                return option;
        if (optind >= argc)
                return usage_error(&verb_none, "No command given");
        if (streq(argv[optind], "help"))
                return help(argv[optind + 1]);
        verb = find_verb(argv[optind]);
        if (!verb)
                return no_such_verb(argv[optind]);

        argc -= optind;
        argv += optind;
        optind = 0; /* getopt_long(3): starts over */
        return verb->run(argc, argv, &common);
}
