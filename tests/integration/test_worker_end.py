# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What a command leaves running when it ends: it is named, and gone when the end is told."""

import os
import shutil
import signal
import time

import pytest
from clientsupport import cli  # noqa: F401
from support import SECOND, shell, unit_name
from workersupport import (facts, left_behind, lines, manual_of, processes, processes_with, python,  # noqa: F401
                           ran_for, same, status_of, story, streams, wait_for_output)

# pylint: disable=redefined-outer-name


# --- as it was found ------------------------------------------------------------------------------

def test_server_in_the_background(cli):
    """The command is through, and does not hear of it: whoever looks at the job does."""
    done = cli.run('run', '--', 'sh', '-c', 'nohup sleep 600 & echo started; sleep 0.5')
    assert done.stdout == 'started\n'
    job = cli.output('list', '-q', '--limit', '1').strip()
    record = cli.job('show', job)
    pid, name = record['left_behind'].split()[:2]
    assert (record['state'], name) == ('completed', 'sleep')
    assert not os.path.exists(f'/proc/{pid}')
    assert record['left_behind'] in cli.output('show', job)
    assert f'{pid} sleep' in ' '.join(sum(story(cli, job).values(), []))


@pytest.mark.parametrize('page', ['run', 'enqueue'])
def test_manual_says_it(page):
    text = manual_of(page)
    assert 'background' in text and 'sigterm' in text


# --- all kinds of processes -----------------------------------------------------------------------

# What a shell executes to leave a process behind: "$3" tells its number, and stays.
KINDS = {
    'background': '"$3" &',
    'nohup': 'nohup "$3" >/dev/null 2>&1 &',
    'without streams': '"$3" <&- >&- 2>&- &',
    'of another session': 'setsid "$3" &',
    'of another group': 'set -m; "$3" &',
    'of nobody': '(setsid "$3" &)',
    'of nobody, twice': '(setsid --wait sh -c \'(setsid "$0" &)\' "$3")',
    'of a child': 'sh -c \'"$0" &\' "$3"',
    'stopped': '"$3" stop &',
    'in another directory': '(cd /; exec setsid env -i "$3") &',
    'that ignores a hangup': '(trap "" HUP INT QUIT; exec "$3") &',
}


class Stays:
    """A program that tells its number when it runs, and stays."""

    def __init__(self, folder, pipe, processes):
        self.told, self.hold, never = pipe('told'), pipe('hold'), pipe('never')
        self.processes = processes
        self.path = f'{folder}/stays'
        with open(self.path, 'w', encoding='ascii') as file:
            file.write(f'#!/bin/sh\necho $$ >{self.told}\n[ -z "$1" ] || kill -STOP $$\nread _ <{never}\n')
        os.chmod(self.path, 0o755)

    def job(self, kinds, then):
        """The command of a job that leaves such processes behind when it is let go on."""
        script = [*(KINDS[kind] for kind in kinds), 'read _ <"$2"', then]
        return shell('\n'.join(script), self.told, self.hold, self.path)

    def wait(self, count=1):
        return self.processes.take(count, self.told)


@pytest.fixture
def stays(folder, pipe, processes):
    return Stays(folder, pipe, processes)


@pytest.mark.parametrize('status', [0, 3])
@pytest.mark.parametrize('kind', KINDS)
def test_what_is_left_is_named_and_gone(jobs, settings, stays, kind, status):
    settings(StopTimeoutSec='2s')
    job = jobs.enqueue(stays.job([kind], f'exit {status}'))
    process, = stays.wait()
    stays.hold.write('\n')
    ended = jobs.wait(job)
    assert process.has_ended()
    assert facts(ended) == (('completed', '', 0) if status == 0 else ('failed', 'exit-code', 3))
    assert set(left_behind(ended)) == {process.pid} and 'stays' in left_behind(ended)[process.pid]
    assert jobs.get(job)['LeftBehind'] == ended.job['LeftBehind']


def test_a_daemon_by_the_book(jobs, pipe, processes):
    script = '''
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir('/')
            os.umask(0)
            with open(sys.argv[1], 'w') as file:
                print(os.getpid(), file=file)
            os.closerange(0, 1000)
            signal.pause()
        os._exit(0)
    os.wait()
    open(sys.argv[2]).readline()
    sys.exit(4)
    '''
    told, hold = pipe('told'), pipe('hold')
    job = jobs.enqueue(python(script, told, hold))
    process, = processes.take(1, told)
    hold.write('\n')
    ended = jobs.wait(job)
    assert process.has_ended() and facts(ended) == ('failed', 'exit-code', 4)
    assert ended.job['LeftBehind'].split()[0] == str(process.pid) and 'python3' in ended.job['LeftBehind']


def test_several_are_all_named(jobs, stays):
    job = jobs.enqueue(stays.job(['background', 'of another session', 'of nobody'], 'exit 0'))
    left = stays.wait(3)
    stays.hold.write('\n')
    ended = jobs.wait(job)
    assert all(process.has_ended() for process in left)
    assert set(left_behind(ended)) == {process.pid for process in left}


def test_one_that_does_not_end_is_killed(jobs, pipe, processes, settings):
    """It had its time, as at a cancel."""
    settings(StopTimeoutSec='1s')
    told, hold = pipe('told'), pipe('hold')
    job = jobs.enqueue(shell('''sh -c 'trap "" TERM; echo $$ >"$0"; while :; do sleep 1000; done' "$1" &
                                read _ <"$2"; exit 3''', told, hold))
    process, = processes.take(1, told)
    begun = time.monotonic()
    hold.write('\n')
    ended = jobs.wait(job)
    assert time.monotonic() - begun >= 1
    assert process.has_ended() and facts(ended) == ('failed', 'exit-code', 3)
    assert left_behind(ended)[process.pid].startswith('sh')


def test_it_ends_when_all_of_it_has(jobs, pipe, processes, settings):
    """FinishedUSec is when the job became terminal, and not when its command ended."""
    settings(StopTimeoutSec='2s')
    told, hold = pipe('told'), pipe('hold')
    job = jobs.enqueue(shell('''sh -c 'trap "" TERM; echo $$ >"$0"; while :; do sleep 1000; done' "$1" &
                                read _ <"$2"''', told, hold))
    processes.take(1, told)
    hold.write('\n')
    ended = jobs.wait(job)
    assert 2 * SECOND <= ran_for(ended) < 30 * SECOND


def test_one_may_end_in_order(jobs, pipe, folder, processes):
    told, hold = pipe('told'), pipe('hold')
    job = jobs.enqueue(shell('''sh -c 'trap "sleep 0.3; echo bye >$1/bye; exit" TERM; echo $$ >"$0"
                                       while :; do sleep 0.1; done' "$1" "$3" &
                                read _ <"$2"''', told, hold, folder))
    process, = processes.take(1, told)
    hold.write('\n')
    assert jobs.wait(job).state == 'completed' and process.has_ended()
    with open(f'{folder}/bye', encoding='ascii') as file:
        assert file.read() == 'bye\n'


def test_one_that_starts_another_instead(jobs, settings, folder, pipe):
    """Each that is asked to end leaves one more behind."""
    settings(StopTimeoutSec='1s')
    told, hold = pipe('told'), pipe('hold')
    with open(f'{folder}/again', 'w', encoding='ascii') as file:
        file.write('trap "setsid sh $0 $1 & exit" TERM\necho $$ >"$1"\nwhile :; do sleep 0.05; done\n')
    os.chmod(file.name, 0o755)
    job = jobs.enqueue(shell('sh "$1/again" "$2" & read _ <"$3"; exit 3', folder, told, hold))
    told.line()
    hold.write('\n')
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert processes_with(f'{folder}/again') == []


def test_very_many(jobs, scope, settings):
    """What is said of them has its bounds."""
    settings(StopTimeoutSec='5s')
    job = jobs.enqueue(shell('for i in $(seq 300); do sleep 98765 & done; exit 3'))
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert processes_with('98765') == []
    assert ' ' in ended.job['LeftBehind'] and len(ended.job['LeftBehind']) <= 4096
    assert '\n' not in ended.job['LeftBehind']


@pytest.mark.parametrize('name', ['two\nlines', 'red\033[31m', '1 init, 2 x', 'ä€😀', 'fifteen letters',
                                  'b\udcff\udcfe', ' ', '%n $HOME', '\u202eturned'],
                         ids=['lines', 'escape', 'comma', 'utf-8', 'long', 'bytes', 'blank', 'percent', 'turned'])
def test_name_of_a_process_is_any(jobs, cli, folder, pipe, processes, name):
    """The kernel takes all bytes, the bus does not."""
    told, hold = pipe('told'), pipe('hold')
    os.mkdir(f'{folder}/bin', 0o755)
    shutil.copy('/usr/bin/sleep', os.fsencode(f'{folder}/bin/') + name.encode(errors='surrogateescape'))
    job = jobs.enqueue(shell('"$3"/* infinity & echo $! >"$1"; read _ <"$2"; exit 3', told, hold, f'{folder}/bin'))
    process, = processes.take(1, told)
    hold.write('\n')
    ended = jobs.wait(job)
    assert process.has_ended() and facts(ended) == ('failed', 'exit-code', 3)
    assert ended.job['LeftBehind'].startswith(f'{process.pid} ')
    shown = [text for texts in story(cli, job).values() for text in texts if text.startswith(f'{process.pid} ')]
    assert len(shown) == 1 and '\033' not in shown[0] and '\u202e' not in shown[0]


# --- filters --------------------------------------------------------------------------------------

# What bash executes that writes to a filter, and exits before that has processed all of it.
FILTERS = {
    'slow': 'exec > >(sleep 0.1; exec tee "$1/log"); seq 9000; exit 3',
    'of stderr': 'exec 2> >(sleep 0.1; exec cat); seq 9000 >&2; exit 3',
    'that writes at the end': 'exec > >(exec sort -n); seq 9000; exit 3',
    'of several processes': 'exec > >(sed s/^// | cat | sort -n); seq 9000; exit 3',
    'by lines': 'exec > >(while read -r line; do echo "$line"; done); seq 9000; exit 3',
    'that has read all': 'exec > >(lines=$(cat); sleep 0.1; echo "$lines"); seq 9000; exit 3',
    'of a name': 'mkfifo "$1/p"; (exec sort -n) <"$1/p" & exec >"$1/p"; seq 9000; exit 3',
    'by another number': 'exec > >(exec sort -n /dev/fd/4 4<&0 0</dev/null); seq 9000; exit 3',
    'of a command that is killed': 'exec > >(exec sort -n); seq 9000; kill -KILL $$',
    'beside a server': 'sleep infinity & exec > >(exec sort -n); seq 9000; exit 3',
}


@pytest.mark.parametrize('kind', FILTERS)
def test_filter_processes_what_it_has_not_read(jobs, folder, kind):
    ended = jobs.run(['bash', '-c', FILTERS[kind], 'bash', folder])
    assert facts(ended) == (('failed', 'signal', 137) if 'killed' in kind else ('failed', 'exit-code', 3))
    same(jobs.output(ended.job['Id']), b''.join(b'%d\n' % n for n in range(1, 9001)))
    assert ('LeftBehind' in ended.job) == ('server' in kind)


def test_filter_that_does_nothing_is_ended(jobs, settings):
    """It is not waited for longer than a second."""
    settings(StopTimeoutSec='1h')
    ended = jobs.run(['bash', '-c', 'exec > >(exec sleep infinity); echo; exit 3'])
    assert facts(ended) == ('failed', 'exit-code', 3) and 'sleep infinity' in ended.job['LeftBehind']
    assert ran_for(ended) < 60 * SECOND


@pytest.mark.parametrize('how', ['cancel', 'output', 'runtime', 'time to stop'])
def test_filter_without_an_end_is_ended(jobs, settings, how):
    """What the command has done is done: neither a cancel nor a limit changes it."""
    settings(StopTimeoutSec='1s' if how == 'time to stop' else '1h')
    options = {'output': {'OutputMax': 1 << 20}, 'runtime': {'RuntimeMaxUSec': 2 * SECOND}}.get(how, {})
    job = jobs.enqueue(['bash', '-c', 'exec 3>&1 > >(exec yes >&3); echo; exit 3'], **options)
    wait_for_output(jobs, job, lines(10))
    if how == 'cancel':
        jobs.cancel(job)
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3) and ' yes' in ended.job['LeftBehind']


def test_nothing_left(jobs):
    """Neither what has ended before, nor a process that nobody waited for, nor the command itself."""
    for script in ('true', 'sleep 0.1 & wait', '(sleep 0.1 &) ; sleep 0.5', 'sh -c "sleep 0.1 & exec sleep 0.5"',
                   'exec sh -c "exit 3"', 'yes | head -1 >/dev/null', 'kill -KILL $$'):
        assert 'LeftBehind' not in jobs.run(shell(script)).job, script


def test_nothing_is_left_by_what_was_ended(jobs, gate, settings):
    """That all of it goes is what was asked for."""
    settings(StopTimeoutSec='1s')
    before = 'sleep infinity & setsid sleep infinity &'
    job = jobs.enqueue(gate.job(before=before))
    gate.wait()
    assert jobs.cancel(job) == 'cancelled'
    assert 'LeftBehind' not in jobs.get(job)
    for options in ({'RuntimeMaxUSec': SECOND}, {'StallUSec': SECOND}):
        assert 'LeftBehind' not in jobs.run(shell(f'{before} sleep infinity'), **options).job
    assert 'LeftBehind' not in jobs.run(shell(f'{before} yes'), OutputMax=1000).job


def test_command_that_is_killed_leaves_something(jobs, pipe, processes):
    told, hold = pipe('told'), pipe('hold')
    job = jobs.enqueue(shell('sleep infinity & echo $! >"$1"; read _ <"$2"; kill -KILL $$', told, hold))
    process, = processes.take(1, told)
    hold.write('\n')
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'signal', 137) and process.has_ended()
    assert set(left_behind(ended)) == {process.pid}


def test_it_is_gone_when_the_signal_comes(jobs, pipe, processes):
    """Also for those who do not wait but listen."""
    told, hold = pipe('told'), pipe('hold')
    jobs.watch_finished()
    job = jobs.enqueue(shell('sleep infinity & echo $! >"$1"; read _ <"$2"', told, hold))
    process, = processes.take(1, told)
    hold.write('\n')
    jobs.signal(lambda signal: signal.member == 'JobFinished' and signal.body[0] == job)
    assert process.has_ended()


def test_place_is_free_when_it_is_gone(jobs, pipe, processes, settings, new_gate):
    """Nobody has more running than he may: the next begins when the last process of a job is gone."""
    settings(MaxRunning=1, StopTimeoutSec='1h')
    told, hold = pipe('told'), pipe('hold')
    job = jobs.enqueue(shell('''sh -c 'trap "echo term >$0" TERM; echo $$ >"$0"; while :; do sleep 0.1; done' "$1" &
                                read _ <"$2"''', told, hold))
    process, = processes.take(1, told)
    gate = new_gate()
    second = jobs.enqueue(gate.job())
    waiting = jobs.send_wait(job)
    hold.write('\n')
    assert told.line() == 'term'
    jobs.flush()
    assert not jobs.is_answered(waiting)
    assert (jobs.get(job)['State'], jobs.get(second)['State']) == ('running', 'queued')
    process.kill(signal.SIGKILL)
    ended = jobs.wait_answer(waiting)
    assert (ended.state, ended.exit_code) == ('completed', 0)
    assert process.pid in left_behind(ended)
    gate.wait()
    gate.open()
    assert jobs.wait(second).state == 'completed'


# --- the command and its worker -------------------------------------------------------------------

def test_orphans_are_taken_care_of(jobs, scope, gate):
    """A job of many days does not fill up with the dead."""
    job = jobs.enqueue(gate.job(before='for i in $(seq 50); do (setsid true &); done; (setsid sleep 0.2 &); sleep 0.5\n'
                                       '(sleep infinity & echo $!)'))
    gate.wait()
    main = int(scope.unit_property(unit_name(job), 'MainPID'))
    orphan = int(wait_for_output(jobs, job, lines(1)))
    assert int(status_of(orphan)['PPid']) == main
    dead = [pid for pid in filter(str.isdigit, os.listdir('/proc')) if zombie_of(pid, main)]
    assert dead == []
    gate.open()
    assert jobs.wait(job).state == 'completed'


def zombie_of(pid, parent):
    try:
        status = status_of(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status['State'].startswith('Z') and int(status['PPid']) == parent


def test_orphan_that_ends_is_not_the_command(jobs):
    """However it ends, and how many of them."""
    script = '''for i in 1 2 3 4 5; do (setsid sh -c "exit $i" &); (setsid sh -c 'kill -KILL $$' &); done
                sleep 0.5; echo done; exit 9'''
    job = jobs.enqueue(shell(script))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 9)
    assert streams(jobs, job) == (b'done\n', b'')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGKILL,
                                    signal.SIGUSR1, signal.SIGALRM, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT,
                                    signal.SIGRTMIN + 3])
def test_command_that_ends_by_a_signal(jobs, number):
    """Its worker ends so, too, without a core of its own."""
    script = '''
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    number = int(sys.argv[1])
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    '''
    ended = jobs.run(python(script, int(number)))
    assert (ended.state, ended.exit_code, ended.job['Signal']) == ('failed', 128 + number, number)
    assert ended.job['Reason'] in ('signal', 'core-dump')
    assert ended.job['EndSource'] == 'worker'


@pytest.mark.parametrize('status', [0, 1, 2, 125, 126, 127, 128, 137, 143, 255])
def test_end_comes_from_the_worker(jobs, status):
    ended = jobs.run(shell(f'exit {status}'))
    assert facts(ended) == (('completed', '', 0) if status == 0 else ('failed', 'exit-code', status))
    assert ended.job['EndSource'] == 'worker'


def test_end_source_in_json(cli):
    job = cli.job('run', '--', 'true')
    assert (job['end_source'], job['left_behind'], job['result_error']) == ('worker', None, None)
