# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# The tests of bash that are about job control, traps, redirection, pipes and input.
# Source: bash
# Packages: bsdutils
# Seconds: 240
tests='comsub comsub-eof coproc errors exportfunc heredoc herestr input-test lastpipe mapfile posixpipe procsub redir
set-e set-x trap varenv'
# These need a terminal that is theirs.
terminal_tests='jobs test vredir'

# run_tests NAME...
run_tests() {
        local name

        cd "$BUILD/tests" || exit
        for name; do
                rm -f "$BASH_TSTOUT"
                timeout --foreground 120 sh "./run-$name" && echo "PASS: $name" || echo "FAIL: $name"
        done
}

case $1 in
build)
        ./configure --quiet CFLAGS=-O1 --disable-nls --without-bash-malloc &&
                make -j"$(nproc)" && make -j"$(nproc)" recho zecho printenv xcase
        ;;
run)
        export TMPDIR=$PWD BASH_TSTOUT=$PWD/printed THIS_SH=$BUILD/bash BUILD_DIR=$BUILD PATH=$BUILD/tests:$BUILD:$PATH
        export -f run_tests
        run_tests $tests
        script --quiet --return --command "bash -c 'run_tests $terminal_tests'" /dev/null | tr -d '\r'
        exit 0
        ;;
esac
