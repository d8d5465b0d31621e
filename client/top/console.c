/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>

#include "console.h"
#include "job-state.h"
#include "say.h"
#include "terminal.h"

/* Behind these the process is gone, and curses had no turn. */
static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT };

static struct Console {
        SCREEN *screen; /* NULL: not taken */
        bool utf8;
        bool color;
        struct termios before;
        char leave[256]; /* sequences that restore the terminal; cannot be looked up when they are needed */
        size_t n_leave;
        struct sigaction old[ELEMENTSOF(crashes)];
        bool suspended;
        struct sigaction stop; /* what SIGTSTP did before */
} console;

/* ---- Crashes ---- */

static void on_crash(int number) {
        int error = errno;

        if (write(STDOUT_FILENO, console.leave, console.n_leave) >= 0)
                (void) tcsetattr(STDIN_FILENO, TCSANOW, &console.before);
        for (size_t i = 0; i < ELEMENTSOF(crashes); i++)
                if (crashes[i] == number)
                        (void) sigaction(number, &console.old[i], NULL);
        errno = error;
        (void) raise(number); /* the default action happens when this returns */
}

static int put_leave(int c) {
        if (console.n_leave < sizeof(console.leave))
                console.leave[console.n_leave++] = (char) c;
        return c;
}

static void prepare_for_crashes(void) {
        static const char *const names[] = { "sgr0", "rmkx", "cnorm", "rmcup" };
        const struct sigaction action = { .sa_handler = on_crash };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *sequence = tigetstr(names[i]);

                if (sequence && sequence != (char *) -1)
                        (void) tputs(sequence, 1, put_leave);
        }
        for (size_t i = 0; i < ELEMENTSOF(crashes); i++)
                (void) sigaction(crashes[i], &action, &console.old[i]);
}

static void forget_crashes(void) {
        for (size_t i = 0; i < ELEMENTSOF(crashes); i++)
                (void) sigaction(crashes[i], &console.old[i], NULL);
}

/* ---- Ctrl-Z ---- */

static void on_stop(int number) {
}

/* SIGTSTP is blocked, and read by the event loop: curses would ignore it while it draws. It does not touch a signal that
 * has a handler before it begins. */
static void keep_stop_from_curses(void) {
        static const struct sigaction action = { .sa_handler = on_stop };

        (void) sigaction(SIGTSTP, &action, &console.stop);
}

void console_stop(void) {
        sigset_t set;

        if (!console.suspended) {
                (void) def_prog_mode();
                (void) endwin();
        }
        (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &console.before);
        (void) sigaction(SIGTSTP, &console.stop, NULL);
        (void) raise(SIGTSTP);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTSTP);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL); /* returns when the process is continued */
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        keep_stop_from_curses();
        console_continue();
}

/* ---- Taking it ---- */

static int check_terminal(sd_bus_error *error) {
        const char *type = getenv("TERM"), *move;
        int found;

        if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
                return error_set(error, "'codex-jobs top' requires a terminal. Use 'codex-jobs status' instead.");
        if (setupterm(NULL, STDOUT_FILENO, &found) == OK) {
                move = tigetstr("cup");
                if (move && move != (char *) -1)
                        return 0;
        }
        return error_set(error,
                         "Unsupported terminal type '%.32s'. Set TERM, or use 'codex-jobs status --watch' instead.",
                         strempty(type));
}

static void begin_colors(void) {
        static const short colors[_JOB_STATE_MAX] = {
                [JOB_QUEUED] = -1, [JOB_RUNNING] = COLOR_CYAN, [JOB_COMPLETED] = COLOR_GREEN,
                [JOB_FAILED] = COLOR_RED, [JOB_CANCELLED] = COLOR_YELLOW,
        };

        console.color = terminal_has_color(STDOUT_FILENO) && start_color() == OK && has_colors() &&
                use_default_colors() == OK;
        for (short i = 0; console.color && i < _JOB_STATE_MAX; i++)
                (void) init_pair((short) (i + 1), colors[i], -1);
}

int console_open(sd_bus_error *error) {
        int r;

        r = check_terminal(error);
        if (r < 0)
                return r;
        console.utf8 = terminal_is_utf8();
        if (!setlocale(LC_CTYPE, "") && console.utf8)
                (void) setlocale(LC_CTYPE, "C.UTF-8"); /* for ncurses */
        if (tcgetattr(STDIN_FILENO, &console.before) < 0)
                return -errno;
        prepare_for_crashes();
        keep_stop_from_curses();
        console.screen = newterm(NULL, stdout, stdin);
        if (!console.screen) {
                forget_crashes();
                (void) sigaction(SIGTSTP, &console.stop, NULL);
                return error_set(error, "Failed to initialize the terminal. Use 'codex-jobs status --watch' instead.");
        }
        (void) cbreak();
        (void) noecho();
        (void) nonl();
        (void) keypad(stdscr, TRUE);
        (void) nodelay(stdscr, TRUE);
        (void) set_escdelay(25);
        (void) curs_set(0);
        begin_colors();
        return 0;
}

void console_close(void) {
        if (!console.screen)
                return;
        (void) endwin();
        (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &console.before);
        forget_crashes();
        (void) sigaction(SIGTSTP, &console.stop, NULL);
        delscreen(console.screen);
        console.screen = NULL;
}

/* Keys are read one by one, and not shown. */
static void set_keys(void) {
        struct termios keys = console.before;

        keys.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
}

void console_suspend(void) {
        (void) def_prog_mode();
        (void) endwin();
        set_keys();
        console.suspended = true;
}

void console_resume(void) {
        console.suspended = false;
        (void) reset_prog_mode();
        console_resize();
}

void console_continue(void) {
        if (console.suspended) {
                set_keys();
                return;
        }
        (void) reset_prog_mode();
        console_resize();
}

void console_resize(void) {
        (void) resizeterm((int) terminal_lines(STDOUT_FILENO), (int) terminal_columns(STDOUT_FILENO));
        (void) clearok(curscr, TRUE); /* it may have been smaller in between, and lost what is out of its sight */
}

bool console_is_utf8(void) {
        return console.utf8;
}

bool console_has_color(void) {
        return console.color;
}
