# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Python's own tests of what a process inherits: signals, descriptors, terminals, children, limits.
# Packages: libpython{python}-testsuite
# Seconds: 240

modules='test_signal test_pty test_openpty test_fcntl test_fileio test_posix test_threadsignals test_resource test_select
test_poll test_epoll test_wait3 test_wait4 test_fork1 test_popen test_termios test_tty test_print test_cmd_line test_curses'

case $1 in
build) ;;
run)
        export TMPDIR=$PWD
        for module in $modules; do
                /usr/bin/python3 -c "import test.$module" 2>/dev/null || continue
                /usr/bin/python3 -m unittest --verbose "test.$module" 2>&1 </dev/null |
                        sed -E "s/^(test[A-Za-z0-9_]*) \(([A-Za-z0-9_.]*)\).* \.\.\. ok$/PASS: \2 \1/
                                s/^(test[A-Za-z0-9_]*) \(([A-Za-z0-9_.]*)\).* \.\.\. skipped .*$/SKIP: \2 \1/
                                s/^(test[A-Za-z0-9_]*) \(([A-Za-z0-9_.]*)\).* \.\.\. (FAIL|ERROR)$/FAIL: \2 \1/"
                echo "SEEN: $module exits with ${PIPESTATUS[0]}"
        done
        exit 0
        ;;
esac
