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
                "Hands commands over to a service that runs them durably, and tells how they ended.\n"
                "\n"
                "Start jobs:\n"
                "  run [options] -- COMMAND…      run a command as a job and exit as it exits\n"
                "  enqueue [options] -- COMMAND…  hand it over and print the id of the job\n"
                "  retry ID                       run the command of a job that ended once more\n"
                "\n"
                "Have Codex work:\n"
                "  task [options] [PROMPT|-]      have Codex work on something\n"
                "  review [options]               have Codex review changes\n"
                "  adversarial-review [FOCUS]     have Codex look for what is wrong with them\n"
                "\n"
                "Follow jobs:\n"
                "  await ID…                      wait for jobs to end and show their results\n"
                "  status [ID…]                   show what goes on, and what ended last\n"
                "  top [options]                  show jobs on the whole terminal, with keys to steer them\n"
                "  list [options]                 list jobs by time, state and kind\n"
                "  show ID                        show the whole story of a job\n"
                "  logs ID                        show what a job wrote\n"
                "  result [ID]                    show the result of a job that ended\n"
                "  inbox [options]                show what ended since you looked last\n"
                "\n"
                "Steer:\n"
                "  cancel [ID…]                   end jobs\n"
                "  remove ID…                     forget jobs that ended, with their output\n"
                "  pause [options]                let no more jobs of yours begin\n"
                "  resume [options]               let them begin again\n"
                "  setup [options]                check that all works, and tell how to mend it\n"
                "\n"
                "'codex-jobs VERB --help' tells about one. Options for all:\n"
                COMMON_HELP "\n"
                "      --version            print the version",
};

/* A descriptor that is closed would be taken by the first thing that is opened, and results written into that. */
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

/* As other programs call it; too unlike ours for a mistake in typing. */
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
        if (streq(word, "help")) /* that is how others call it */
                return usage_error(&verb_none, "there is no verb 'help'. Did you mean '--help', or 'VERB --help'?");
        name = called_elsewhere(word) ?: s.name;
        if (name)
                return usage_error(&verb_none, "there is no verb '%.48s'. Did you mean '%s'?", word, name);
        return usage_error(&verb_none, "there is no verb '%.48s'", word);
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
                return usage_error(&verb_none, "no verb given");
        verb = find_verb(argv[optind]);
        if (!verb)
                return no_such_verb(argv[optind]);

        argc -= optind;
        argv += optind;
        optind = 0; /* getopt_long(3): begins anew */
        return verb->run(argc, argv, &common);
}
