# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Daemons that notify the service manager of their start, reload, main process and end, as tests start them.
# Packages: redis-server, redis-tools, haproxy, curl, procps
# Seconds: 120

case $1 in
build) ;;
run)
        result() {
                (($? == 0)) && echo "PASS: $1" || echo "FAIL: $1"
        }

        # until_true COMMAND...: a daemon is ready some time after its start.
        until_true() {
                local n

                for n in {1..100}; do
                        ! "$@" >/dev/null 2>&1 || return 0
                        sleep 0.1
                done
                return 1
        }

        redis-server --port 0 --unixsocket "$PWD/redis" --supervised auto --save '' --daemonize no >redis.log &
        until_true redis-cli -s redis ping
        result 'redis starts'
        echo "SEEN: $(redis-cli -s redis set key value) $(redis-cli -s redis get key)"
        redis-cli -s redis shutdown
        wait %1
        echo "SEEN: redis exits with $?"

        cat >haproxy.cfg <<END
global
        stats socket $PWD/stats mode 600 level admin
defaults
        timeout client 5s
        timeout server 5s
        timeout connect 5s
frontend web
        mode http
        bind unix@$PWD/web
        http-request return status 200 content-type text/plain string "SEEN: haproxy answers"
END
        answers() {
                curl --silent --fail --unix-socket web http://localhost/
        }
        haproxy -Ws -q -f haproxy.cfg &
        daemon=$!
        until_true answers
        result 'haproxy starts'
        answers
        echo
        worker=$(pgrep -nP "$daemon")
        reloaded() {
                [[ $(pgrep -nP "$daemon") != "$worker" ]] && answers
        }
        kill -USR2 "$daemon"
        until_true reloaded
        result 'haproxy reloads'
        kill "$daemon"
        timeout 20 tail --pid "$daemon" -f /dev/null || kill -KILL "$daemon"
        wait "$daemon"
        echo "SEEN: haproxy exits with $?"
        # Longer than a service manager waits for a service that says that it stops.
        sleep 15
        echo "PASS: outlives its daemons"
        exit 6
        ;;
esac
