# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Programs that make terminals of their own: tmux, expect, script.
# Packages: tmux, expect, bsdutils
# Seconds: 90

case $1 in
build) ;;
run)
        export TERM=xterm-256color
        tmux=(tmux -f /dev/null -S "$PWD/socket")
        "${tmux[@]}" new-session -d -x 80 -y 24 'echo SEEN: in tmux; test -t 1 && echo SEEN: a terminal; tmux wait-for -S shown; exec cat' &&
                "${tmux[@]}" wait-for shown && echo PASS: tmux starts || echo FAIL: tmux starts
        "${tmux[@]}" send-keys 'SEEN: typed' Enter 'SEEN: typed again' Enter
        for n in {1..50}; do
                "${tmux[@]}" capture-pane -p >screen
                (($(grep -c 'typed again' screen) < 2)) || break
                sleep 0.1
        done
        grep SEEN screen
        "${tmux[@]}" resize-window -x 100 -y 30
        "${tmux[@]}" display-message -p 'SEEN: #{window_width} columns'
        "${tmux[@]}" send-keys C-c
        for n in {1..50}; do
                "${tmux[@]}" list-sessions >/dev/null 2>&1 || break
                sleep 0.1
        done
        "${tmux[@]}" list-sessions >/dev/null 2>&1 && echo FAIL: tmux ends || echo PASS: tmux ends
        expect -f - <<'END'
set timeout 20
spawn -noecho bash --norc --noprofile
expect -re {\$ $}
send "tty >/dev/null && echo 'SEEN': a terminal; stty size | wc -w\r"
expect -re {\$ $}
send "sleep 50\r"
sleep 0.5
send "\003"
expect -re {\$ $}
send "sleep 50\r"
sleep 0.5
send "\032"
expect -re {Stopped.*\$ $} { send_user "\nPASS: a job is stopped\n" } timeout { send_user "\nFAIL: a job is stopped\n" }
send "fg\r"
expect "sleep 50"
sleep 0.5
send "\003"
expect -re {\$ $}
send "exit 5\r"
expect eof
lassign [wait] pid spawn error status
send_user "\nSEEN: bash exits with $status\n"
exit 7
END
        echo "SEEN: expect exits with $?"
        printf 'echo SEEN: a shell; test -t 0 && echo SEEN: with a terminal; exit 8\n' >commands
        script --quiet --return --command 'bash commands' typescript | tr -d '\r'
        echo "SEEN: script exits with ${PIPESTATUS[0]}, $(grep -c SEEN typescript) lines"
        (stty size </dev/tty) 2>/dev/null
        echo "SEEN: without a terminal stty ends with $?"
        setsid --wait sh -c 'exit 9'
        echo "SEEN: setsid ends with $?"
        exit 0
        ;;
esac
