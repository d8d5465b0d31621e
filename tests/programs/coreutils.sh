# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# The tests of coreutils that are about input and output, signals, terminals and redirection. They are in
# other folders in other versions.
# Source: coreutils
# Packages: perl, bsdutils, libio-pty-perl, libexpect-perl
# Seconds: 300
tests='tee.sh cat-buf.sh cat-proc.sh cat-self.sh cat-E.sh close-stdout.sh head-c.sh head-pos.sh head-write-error.sh
nohup.sh stdbuf.sh timeout.sh timeout-blocked.pl timeout-group.sh timeout-parameters.sh
tty.sh env-signal-handler.sh env.sh kill.sh nice.sh seq-epipe.sh yes.sh
printf-surprise.sh tac-2-nonseekable.sh sort-compress-proc.sh sort-exit-early.sh sort-continue.sh
truncate-fifo.sh usage_vs_getopt.sh help-version.sh csplit-io-err.sh filter.sh wc-proc.sh pwd-option.sh printenv.sh
nproc-avail.sh sync.sh id/context.sh misc/ls-misc.pl'

case $1 in
build)
        ./configure --quiet CFLAGS=-O1 --disable-nls --without-selinux --without-gmp --without-openssl &&
                make -j"$(nproc)" && make check TESTS= SUBDIRS=.
        ;;
run)
        cd "$BUILD" || exit
        chosen=$(for name in $tests; do
                find tests -path "*/$name"
        done; find tests/dd tests/tail* -name '*.sh')
        chosen=$(sort -u <<<"$chosen" | paste -sd ' ')
        driver="sh $PROGRAMS/coreutils-driver"
        check="make check-TESTS SUBDIRS=. TMPDIR=$OLDPWD"
        $check TESTS="$chosen" SH_LOG_DRIVER="$driver" PL_LOG_DRIVER="$driver"
        status=$?
        # These need a terminal that is theirs.
        chosen=$(find tests -name 'stty*.sh' -o -name 'tty*.sh' -o -name 'tty*.pl' | sort | paste -sd ' ')
        script --quiet --return --command "$check TESTS='$chosen' SH_LOG_DRIVER='$driver --terminal' \
                PL_LOG_DRIVER='$driver --terminal'" /dev/null | tr -d '\r'
        exit $((status + PIPESTATUS[0]))
        ;;
esac
