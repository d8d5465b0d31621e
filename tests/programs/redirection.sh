# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# What scripts do with /dev/stdout and /dev/stderr, by the programs that everybody has.
# Packages: gawk, bsdutils, curl, findutils, perl, python3
# Seconds: 60

case $1 in
build) ;;
run)
        say() {
                printf 'SEEN: %s\n' "$1"
        }

        say one >&2
        say 'tee to stderr' | tee /dev/stderr
        say 'tee to stdout' | tee /dev/stdout
        say 'echo to the name' >/dev/stderr
        say 'echo to stdout by name' >/dev/stdout
        say 'by number' >/proc/self/fd/2
        say 'by its own number' >/dev/fd/1
        say two >&2
        for awk in gawk mawk; do
                ! command -v $awk >/dev/null || say "$awk" | $awk '{ print > "/dev/stderr"; print > "/dev/stdout"; print | "cat 1>&2" }'
        done
        say sed | sed -n 'w /dev/stderr'
        say sed | sed 'w /dev/stdout'
        say dd | dd of=/dev/stderr status=none
        say dd | dd of=/dev/stdout status=none conv=notrunc
        say sort | sort -o /dev/stdout
        say cp >file && cp file /dev/stdout && cp file /dev/stderr
        say curl >file && curl --silent -o /dev/stdout "file://$PWD/file"
        say install | install -m 600 /dev/stdin file && cat file >/dev/stderr
        say tar >file && tar cf /dev/stdout file | tar xOf /dev/stdin
        find file -fprintf /dev/stderr 'SEEN: find\n'
        perl -e 'open my $err, ">", "/dev/stderr" or die; print $err "SEEN: perl\n"; open my $out, ">>", "/dev/stdout"; print $out "SEEN: perl appends\n"'
        python3 -c 'open("/dev/stdout", "w").write("SEEN: python\n"); open("/dev/stderr", "a").write("SEEN: python appends\n")'
        exec 3>/dev/stderr 4>&1
        say three >&3
        say four >&4
        exec 3>&-
        # What is written to both streams in turn.
        for n in 1 2 3; do
                say "turn $n"
                say "turn $n" >&2
        done
        { say 'process substitution' | tee >(cat >&2) >(cat >&4) >/dev/null; } 4>&1
        sleep 0.2
        bash -c 'set -m; sleep 0.1 & fg %1' >/dev/null
        say "job control exits with $?"
        script --quiet --return --command 'test -t 0 && test -t 1 && echo SEEN: on a terminal; exit 6' /dev/null </dev/null | tr -d '\r'
        say "script exits with ${PIPESTATUS[0]}"
        yes | head -n 1 >/dev/null
        say "yes ends with ${PIPESTATUS[*]}"
        # Some programs leave O_NONBLOCK behind. A pipe holds 64 KiB: more than what follows.
        python3 -c 'import os; os.set_blocking(1, False); os.set_blocking(2, False)'
        seq 1000 | sed 's/^/SEEN: without blocking /'
        seq -f 'SEEN: without blocking %g' 1000 >&2
        for n in {1..200}; do
                say "without blocking, line by line $n"
        done
        python3 -c 'import os; os.set_blocking(1, True); os.set_blocking(2, True)'
        seq 20000 | sed 's/^/SEEN: many /' | tee /dev/stderr | tail -n 2
        logger --stderr --no-act 'SEEN by logger' 2>&1 | grep -o 'SEEN by logger' | sed 's/SEEN/SEEN:/'
        (exec >&-; say closed) 2>/dev/null
        say "a closed stdout ends with $?"
        echo 'PASS: redirection'
        kill -USR1 $$
        ;;
esac
