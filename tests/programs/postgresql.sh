# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Test suites start a database server of their own, and stop it; it notifies the service manager of both.
# Packages: postgresql, postgresql-common, procps
# Seconds: 180

case $1 in
build) ;;
run)
        cat >script.sql <<'END'
\echo SEEN: psql runs
create table words (number serial primary key, word text);
insert into words (word) select 'word ' || n from generate_series(1, 1000) n;
select 'SEEN: ' || count(*) || ' ' || max(word) from words;
\copy words to words.tsv
copy (select 'SEEN: copied ' || word from words order by number limit 3) to stdout;
do $$ begin raise notice 'SEEN: a notice'; end $$;
\! echo SEEN: a shell of psql
\q
END
        cat >within <<'END'
psql --quiet --tuples-only --no-align --file script.sql && echo PASS: script || echo FAIL: script
cluster=$(pg_lsclusters --no-header | awk '{ print $1, $2; exit }')
pg_ctlcluster $cluster stop && echo PASS: stop || echo FAIL: stop
psql --quiet --command 'select 1' 2>/dev/null && echo FAIL: stopped || echo PASS: stopped
pg_ctlcluster $cluster start && echo PASS: start || echo FAIL: start
pg_ctlcluster $cluster restart -m immediate && echo PASS: restart || echo FAIL: restart
psql --quiet --tuples-only --no-align --command "select 'SEEN: still ' || count(*) from words"
exit 5
END
        pg_virtualenv sh ./within
        status=$?
        echo "SEEN: $(wc -l <words.tsv) lines"
        echo "SEEN: $(pgrep -cu "$(id -u)" postgres) servers left"
        # The server itself, with the environment: pg_ctlcluster empties it.
        export PATH=$(echo /usr/lib/postgresql/*/bin | awk '{ print $NF }'):$PATH
        initdb --no-sync --auth trust --pgdata data >/dev/null && echo PASS: initdb || echo FAIL: initdb
        options="-k $PWD -c listen_addresses="
        for round in 1 2; do
                pg_ctl --pgdata data --options "$options" --wait --log log start >/dev/null &&
                        psql -h "$PWD" -d postgres --quiet --tuples-only --no-align \
                                --command "select 'SEEN: server $round has ' || count(*) from pg_database" &&
                        pg_ctl --pgdata data --mode fast stop >/dev/null &&
                        echo "PASS: server $round" || echo "FAIL: server $round"
        done
        # Longer than a service manager waits for a service that says that it stops.
        sleep 15
        echo PASS: outlives its server
        exit $status
        ;;
esac
