# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# What a process inherits, as the programs that everybody has show it.
# Packages: procps
# Seconds: 20

case $1 in
build) ;;
run)
        echo "SEEN: descriptors $(ls /proc/self/fd | paste -sd " ")"
        grep -E '^(Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp|Groups)' /proc/self/status | sed 's/^/SEEN: /'
        echo "SEEN: niceness $(nice), umask $(umask), core files $(ulimit -c), traps $(trap)"
        echo "SEEN: terminal: $(ps -o tty= -p $$), leads its session: $(ps -o sid= -p $$ | grep -cw $$)"
        echo "SEEN: PWD is the directory: $([[ $PWD -ef . && $PWD == "$(env | sed -n 's/^PWD=//p')" ]] && echo yes)"
        compgen -e | sort | sed 's/^/SEEN: variable /'
        echo 'PASS: inherited'
        exit 77
        ;;
esac
