# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What programs in a job say by sd_notify(3): STATUS= is the job's progress, and nothing else of it has an
effect on the job. Programs that are services elsewhere are started in test suites, and say all of it."""

import os
import signal
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from support import SECOND, Process, shell, unit_name
from workersupport import (beside, descriptors_of, facts, lines, parent_of, python, ran_for,  # noqa: F401
                           wait_for_output, wait_for_progress, worker_of)

# pylint: disable=redefined-outer-name


# --- as it was found ------------------------------------------------------------------------------

def test_a_program_that_says_it_stops(cli):
    """For longer than the 10 seconds that a service manager would have given it."""
    assert cli.output('run', '-q', '--', 'sh', '-c', 'systemd-notify STOPPING=1; sleep 14; echo done') == 'done\n'


def test_a_program_that_names_another_main_process(cli):
    job = cli.job('run', '--', 'sh', '-c', 'sleep 4 & systemd-notify "MAINPID=$!"; sleep 1; exit 5', status=5)
    assert (job['state'], job['reason'], job['exit_code']) == ('failed', 'exit-code', 5)


def test_the_end_is_that_of_the_command(jobs):
    ended = jobs.run(shell('sleep 4 & systemd-notify "MAINPID=$!"; sleep 1; exit 5'))
    assert facts(ended) == ('failed', 'exit-code', 5)
    assert SECOND <= ran_for(ended) < 4 * SECOND


# --- what else there is to say --------------------------------------------------------------------

# Each is said by a job that goes on for a moment, and then ends by itself.
MESSAGES = {
    'stopping': 'STOPPING=1',
    'ready': 'READY=1',
    'reloading': 'RELOADING=1',
    'reloading-since': 'RELOADING=1 MONOTONIC_USEC=1',
    'errno': 'ERRNO=2',
    'bus-error': 'BUSERROR=org.freedesktop.DBus.Error.NoMemory',
    'exit-status': 'EXIT_STATUS=0',
    'watchdog-trigger': 'WATCHDOG=trigger',
    'watchdog-ping': 'WATCHDOG=1',
    'watchdog-short': 'WATCHDOG_USEC=1000',
    'extend': 'EXTEND_TIMEOUT_USEC=1',
    'main-is-init': 'MAINPID=1',
    'main-is-parent': 'MAINPID=$PPID',
    'main-is-nobody': 'MAINPID=4194303',
    'main-is-none': 'MAINPID=0',
    'main-is-no-number': 'MAINPID=-1',
    'main-pidfd': 'MAINPIDFD=1',
    'access': 'NOTIFYACCESS=all',
    'store': 'FDSTORE=1 FDNAME=x',
    'unstore': 'FDSTOREREMOVE=1 FDNAME=x',
    'invocation': 'INVOCATION_ID=00000000000000000000000000000000',
    'restart': 'RESTART_RESET=1',
    'nothing-known': 'X_OF_ITS_OWN=1',
    'all-at-once': 'READY=1 STOPPING=1 RELOADING=1 MAINPID=1 ERRNO=2 WATCHDOG=trigger',
}


@pytest.mark.parametrize('name', MESSAGES)
def test_message_without_effect(jobs, settings, name):
    settings(StopTimeoutSec='0')  # where it stopped the job, that would be at once
    job = jobs.enqueue(shell(f'systemd-notify {MESSAGES[name]}; sleep 0.5; echo done; exit 5'))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 5)
    assert jobs.output(job) == b'done\n'


@pytest.mark.parametrize('message', ['STOPPING=1', 'RELOADING=1', 'MAINPID=1', 'MAINPID=$PPID', 'ERRNO=2',
                                     'WATCHDOG=trigger'])
def test_success_after_a_message(jobs, settings, message):
    settings(StopTimeoutSec='0')
    assert facts(jobs.run(shell(f'systemd-notify "{message}"; sleep 0.5; exit 0'))) == ('completed', '', 0)


@pytest.mark.parametrize('status', [126, 127])
def test_command_that_ends_like_one_that_was_not_executed(jobs, status):
    """Whether it was the worker knows, not the job."""
    ended = jobs.run(shell(f'systemd-notify ERRNO=2 "STATUS=codex-jobs: cannot execute …: x"; exit {status}'))
    assert facts(ended) == ('failed', 'exit-code', status)


ENDS = {
    'exit 0': ('completed', '', 0),
    'exit 5': ('failed', 'exit-code', 5),
    'kill -KILL $$': ('failed', 'signal', 137),
    'kill -TERM $$': ('failed', 'signal', 143),
}


@pytest.mark.parametrize('child', ['sleep infinity', 'true', 'false'])
def test_main_process_that_is_a_child(jobs, child):
    """As haproxy, unicorn and podman say it: however the child ends, the job ends as its command."""
    ids = {end: jobs.enqueue(shell(f'{child} & systemd-notify "MAINPID=$!" READY=1; sleep 0.3; {end}'))
           for end in ENDS}
    assert {end: facts(jobs.wait(job)) for end, job in ids.items()} == ENDS


def test_main_process_that_is_a_grandchild(jobs):
    script = '(setsid sh -c \'systemd-notify "MAINPID=$$"; exec sleep infinity\' &); sleep 0.5; exit 5'
    assert facts(jobs.run(shell(script))) == ('failed', 'exit-code', 5)


def test_main_process_that_is_of_another_job(jobs, gate, beside):
    other = jobs.enqueue(gate.job(then='exit 6'))
    with Process(gate.wait()) as process:
        assert facts(jobs.run(shell(f'systemd-notify MAINPID={process.pid}; sleep 0.5; exit 5'))) == \
            ('failed', 'exit-code', 5)
        assert not process.has_ended()
    gate.open()
    assert facts(jobs.wait(other)) == ('failed', 'exit-code', 6)


def test_systemd_notify_with_a_pid(jobs):
    """--pid names its parent: the shell, or with the shell replaced the worker."""
    assert facts(jobs.run(shell('systemd-notify --ready --pid; sleep 0.3; exit 5'))) == ('failed', 'exit-code', 5)
    assert facts(jobs.run(shell('systemd-notify --pid=$PPID --ready; sleep 0.3; exit 5'))) == ('failed', 'exit-code', 5)
    assert facts(jobs.run(['systemd-notify', '--ready', '--pid=parent'])) == ('completed', '', 0)


def test_systemd_notify_as_the_command(jobs, settings):
    settings(StopTimeoutSec='0')
    for arguments in (['--ready'], ['--stopping'], ['--reloading'], ['--no-block', '--status=x'], ['STOPPING=1']):
        job = jobs.enqueue(['systemd-notify', *arguments])
        ended = jobs.wait(job)
        if b'unrecognized option' in jobs.output(job, 'stderr'):
            continue  # of later versions
        assert facts(ended) == ('completed', '', 0), arguments


def test_systemd_notify_that_executes(jobs):
    if '--exec' not in subprocess.run(['systemd-notify', '--help'], check=True, capture_output=True, text=True).stdout:
        pytest.skip('systemd-notify has no --exec here: since version 254')
    job = jobs.enqueue(['systemd-notify', '--ready', '--exec', '--status=up', '--', ';', 'sh', '-c', 'echo done; exit 5'])
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 5)
    assert (ended.job['Progress'], jobs.output(job)) == ('up', b'done\n')


def test_systemd_notify_with_descriptors(jobs):
    if '--fd=' not in subprocess.run(['systemd-notify', '--help'], check=True, capture_output=True, text=True).stdout:
        pytest.skip('systemd-notify has no --fd here: since version 254')
    assert facts(jobs.run(shell('exec 4</etc/passwd; systemd-notify --fd=4 --fdname=x; exit 5'))) == \
        ('failed', 'exit-code', 5)


# --- as whole programs say it ---------------------------------------------------------------------

# A server of a test suite comes up, reloads and goes down again; the suite goes on.
SERVERS = {
    'postgresql': ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1'],
    'gunicorn': ['READY=1\nSTATUS=Gunicorn arbiter booted', 'RELOADING=1\nSTATUS=Gunicorn arbiter reloading',
                 'READY=1\nMAINPID=%d\nSTATUS=Gunicorn arbiter reloaded',
                 'STOPPING=1\nSTATUS=Gunicorn shutting down'],
    'haproxy': ['READY=1\nMAINPID=%d', 'RELOADING=1\nSTATUS=Reloading Configuration',
                'READY=1\nSTATUS=Ready\nMAINPID=%d', 'STOPPING=1'],
    'podman': ['MAINPID=%d\nREADY=1', 'MAINPID=%d', 'STOPPING=1\nERRNO=4'],
    'dockerd': ['READY=1', 'EXTEND_TIMEOUT_USEC=1000000', 'STOPPING=1'],
    'watched': ['READY=1\nWATCHDOG_USEC=1000', 'WATCHDOG=1', 'WATCHDOG=trigger', 'STOPPING=1'],
}


@pytest.mark.parametrize('name', SERVERS)
def test_server_in_a_test_suite(jobs, settings, name):
    settings(StopTimeoutSec='0')
    script = '''
    for turn in range(2):
        server = subprocess.Popen(['sleep', 'infinity'])
        for message in sys.argv[1:]:
            notify(message.replace('%d', str(server.pid)).encode())
            barrier()
            time.sleep(0.1)
        server.terminate()
        server.wait()
        time.sleep(0.2)
        print('went down', flush=True)
    notify(b'STATUS=all passed')
    '''
    job = jobs.enqueue(python(script, *SERVERS[name]))
    ended = jobs.wait(job)
    assert facts(ended) == ('completed', '', 0)
    assert ended.job['Progress'] == 'all passed'
    assert jobs.output(job) == b'went down\n' * 2


def test_server_that_fails_its_suite(jobs):
    script = '''
    server = subprocess.Popen(['sleep', 'infinity'])
    notify(b'READY=1\\nMAINPID=%d' % server.pid)
    notify(b'STOPPING=1')
    server.kill()
    server.wait()
    time.sleep(0.3)
    sys.exit(9)
    '''
    assert facts(jobs.run(python(script))) == ('failed', 'exit-code', 9)


# --- progress -------------------------------------------------------------------------------------

@pytest.mark.parametrize('message, progress', [
    (b'STATUS=a\nREADY=1', 'a'), (b'READY=1\nSTATUS=a', 'a'), (b'\nSTATUS=a\n', 'a'), (b'STATUS=a=b', 'a=b'),
    (b'MAINPID=1\nSTATUS=a\nSTOPPING=1\n', 'a'), ('STATUS=3/8 ä€😀'.encode(), '3/8 ä€😀'),
    (b'X=1\nSTATUS=a\nY=2', 'a'), (b'XSTATUS=b\nSTATUS=a\n STATUS=c', 'a')], ids=range(8))
def test_status_among_other_things(jobs, message, progress):
    ended = jobs.run(python('notify(os.fsencode(sys.argv[1])); sys.exit(5)', message.decode()))
    assert facts(ended) == ('failed', 'exit-code', 5)
    assert ended.job['Progress'] == progress


@pytest.mark.parametrize('message, progress', [
    (b'x' * 4081 + b'\nSTATUS=whole', 'whole'), (b'x' * 4087 + b'\nSTATUS=cut', 'c'), (b'x' * 4090 + b'\nSTATUS=x', ''),
    (b'STATUS=first\n' + b'x' * 9000 + b'\nSTATUS=late', 'first'), (b'STATUS=x\nSTATUS=', '')], ids=range(5))
def test_status_that_is_cut(jobs, message, progress):
    """Of a message the first 4 KiB count."""
    ended = jobs.run(python("notify(b'STATUS='); notify(sys.argv[1].encode()); sys.exit(5)", message.decode()))
    assert facts(ended) == ('failed', 'exit-code', 5)
    assert ended.job.get('Progress', '') == progress


def test_message_to_the_service_manager_itself(jobs, scope, gate):
    """Its socket is there for everybody; what comes from a job is passed over."""
    path = '/run/systemd/notify' if scope.is_system else f'/run/user/{scope.uid}/systemd/notify'
    script = '''
    path, ready, hold = sys.argv[1:]
    os.environ['NOTIFY_SOCKET'] = path
    for message in (b'STATUS=told', b'ERRNO=2', b'MAINPID=%d' % os.getpid()):
        notify(message)
    barrier()
    with open(ready, 'w') as file:
        file.write('%d\\n' % os.getpid())
    with open(hold) as file:
        file.readline()
    notify(b'STOPPING=1')
    sys.exit(5)
    '''
    job = jobs.enqueue(python(script, path, gate.ready, gate.hold))
    command = gate.wait()
    found = {name: scope.unit_property(unit_name(job), name) for name in ('StatusText', 'StatusErrno', 'SubState')}
    assert found == {'StatusText': '', 'StatusErrno': '0', 'SubState': 'running'}
    assert int(scope.unit_property(unit_name(job), 'MainPID')) != command
    gate.open()
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 5)
    assert ended.job.get('Progress', '') == ''


def test_last_of_many_is_the_progress(jobs):
    """However quickly they come, and however soon the end."""
    ended = jobs.run(python("for n in range(500): notify(b'STATUS=%d' % n)"))
    assert (ended.state, ended.job['Progress']) == ('completed', '499')


def test_progress_of_a_process_that_is_gone(jobs):
    """No credentials of the sender can be looked up any more."""
    script = '''
    for n in range(50):
        if os.fork() == 0:
            notify(b'STATUS=%d' % n)
            os._exit(0)
        os.wait()
    '''
    assert jobs.run(python(script)).job['Progress'] == '49'


def test_progress_from_another_session_and_group(jobs, gate):
    job = jobs.enqueue(gate.job(before='(setsid sh -c "systemd-notify --status=daemon" &); wait'))
    gate.wait()
    assert wait_for_progress(jobs, job, 'daemon') == 'daemon'
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_progress_with_a_umask_that_takes_all(jobs):
    """The socket is the worker's, whatever a job does to its own umask."""
    ended = jobs.run(shell('umask 0777; systemd-notify --status=told; exit 5'))
    assert (ended.exit_code, ended.job['Progress']) == (5, 'told')


def test_socket_is_the_jobs_own(jobs, scope, gate):
    """Nobody else writes to it, and it is none of the service manager's."""
    job = jobs.enqueue(gate.job(before='echo "$NOTIFY_SOCKET"; stat -c "%F %a %u" "$NOTIFY_SOCKET"'))
    gate.wait()
    path, what = wait_for_output(jobs, job, lines(2)).decode().splitlines()
    assert what == f'socket 600 {scope.uid}'
    assert job in path
    gate.open()
    jobs.wait(job)
    assert not os.path.exists(path)


# --- descriptors ----------------------------------------------------------------------------------

def test_barrier(jobs):
    """Who sent one goes on when it is read: systemd-notify does it each time."""
    script = '''
    begun = time.monotonic()
    for n in range(100):
        notify(b'STATUS=%d' % n)
        barrier()
    print('through')
    '''
    job = jobs.enqueue(python(script))
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Progress'], jobs.output(job)) == ('completed', '99', b'through\n')


def test_barrier_while_the_output_flows(jobs):
    script = '''
    writer = subprocess.Popen(['head', '-c', '50000000', '/dev/zero'])
    for n in range(50):
        barrier()
    sys.exit(writer.wait())
    '''
    ended = jobs.run(python(script))
    assert (ended.state, ended.job['StdoutBytes']) == ('completed', 50_000_000)


@pytest.mark.parametrize('message', ['FDSTORE=1', 'FDSTORE=1\nFDNAME=x\nFDPOLL=0', 'STATUS=x', 'BARRIER=1',
                                     'BARRIER=1\nSTATUS=x', 'READY=1', ''],
                         ids=['store', 'store-name', 'status', 'barrier', 'barrier-status', 'ready', 'nothing'])
def test_descriptors_that_are_sent_are_closed(jobs, scope, folder, gate, message):
    """Those that a message brings, known or not."""
    with open(f'{folder}/sent', 'w', encoding='ascii') as file:
        os.chown(file.name, scope.uid, -1)
    script = '''
    message, path, ready, hold = sys.argv[1:]
    with open(path) as file:
        for n in range(20):
            notify(message.encode() or b'\\n', [file.fileno()] * (1 if 'BARRIER' in message else 200))
            barrier()
    with open(ready, 'w') as file:
        print(os.getpid(), file=file)
    with open(hold) as file:
        file.readline()
    sys.exit(5)
    '''
    job = jobs.enqueue(python(script, message, f'{folder}/sent', gate.ready, gate.hold))
    gate.wait()
    worker = worker_of(scope, job)
    held = descriptors_of(worker)
    assert f'{folder}/sent' not in held and len(held) < 40
    assert f'{folder}/sent' not in descriptors_of(parent_of(worker))
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 5)


def test_store_of_descriptors_is_empty(jobs, scope, gate):
    script = '''
    with open('/etc/passwd') as file:
        notify(b'FDSTORE=1', [file.fileno()])
    barrier()
    os.execvp('sh', ['sh', '-c', sys.argv[1], 'sh', *sys.argv[2:]])
    '''
    job = jobs.enqueue(python(script, *gate.job()[2:3], *gate.job()[4:]))
    gate.wait()
    assert scope.unit_property(f'codex-job-{job}.service', 'NFileDescriptorStore') == '0'
    gate.open()
    assert jobs.wait(job).state == 'completed'


# --- together with the limits and the end ---------------------------------------------------------

@pytest.mark.parametrize('message', ['EXTEND_TIMEOUT_USEC=60000000', 'STOPPING=1 EXTEND_TIMEOUT_USEC=60000000',
                                     'READY=1 EXTEND_TIMEOUT_USEC=60000000', 'RELOADING=1', 'MAINPID=1'])
def test_runtime_limit_holds_whatever_is_said(jobs, settings, message):
    settings(StopTimeoutSec='1s')
    ended = jobs.run(shell(f'while :; do systemd-notify {message}; sleep 0.1; done'), RuntimeMaxUSec=SECOND)
    assert (ended.state, ended.job['Reason']) == ('failed', 'runtime-limit')
    assert ended.job['FinishedUSec'] - ended.job['StartedUSec'] < 30 * SECOND


def test_cancel_holds_whatever_is_said(jobs, settings, gate):
    """A job cannot take more time for its end than it has."""
    settings(StopTimeoutSec='1s')
    job = jobs.enqueue(shell('trap "" TERM; echo $$ >"$1"; while :; do '
                             'systemd-notify EXTEND_TIMEOUT_USEC=600000000; done', gate.ready))
    with Process(gate.wait()) as process:
        assert jobs.cancel(job) == 'cancelled'
        assert process.has_ended()


def test_progress_while_a_job_is_being_ended(jobs, gate):
    """What it says of its end is still told."""
    script = 'trap "systemd-notify --status=cleaning; exit 0" TERM; echo $$ >"$1"; sleep infinity & wait'
    job = jobs.enqueue(shell(script, gate.ready))
    gate.wait()
    assert jobs.cancel(job) == 'cancelled'
    assert jobs.get(job)['Progress'] == 'cleaning'


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
def test_signal_after_a_message(jobs, number):
    """The command ended by it, and no child that was said to be the main process."""
    ended = jobs.run(shell(f'sleep infinity & systemd-notify "MAINPID=$!"; sleep 0.3; kill -{number} $$'))
    assert (*facts(ended), ended.job['Signal']) == ('failed', 'signal', 128 + number, number)
