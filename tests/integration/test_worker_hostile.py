# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Jobs that do harm to their worker and to their host: each has an end of its own with its reason, the job
beside it runs through, and the service is the process that it was."""

import os
import pwd
import signal
import subprocess

import pytest
from support import PATIENCE, SECOND, Process, shell, unit_name
from workersupport import (FOLDER, WORKER, beside, facts, neighbour, processes, processes_with,  # noqa: F401
                           python, quick_end, status_of, wait_for_progress, worker_of)

# pylint: disable=redefined-outer-name

pytestmark = pytest.mark.usefixtures('quick_end')


# --- its processes --------------------------------------------------------------------------------

def test_command_that_is_stopped_is_cancelled(jobs, pipe, processes, beside):
    told = pipe('told')
    job = jobs.enqueue(shell("sh -c 'kill -STOP $0; echo $0 >$1' $$ \"$1\" & wait; exit 3", told))
    process, = processes.take(1, told)
    assert jobs.cancel(job) == 'cancelled'
    assert process.has_ended()


@pytest.mark.parametrize('reason, option', [('runtime-limit', 'RuntimeMaxUSec'), ('stalled', 'StallUSec')])
def test_command_that_is_stopped_reaches_its_limits(jobs, beside, reason, option):
    ended = jobs.run(shell("kill -STOP $$; exit 3"), **{option: SECOND})
    assert (ended.state, ended.job['Reason']) == ('failed', reason)


def test_tree_that_is_stopped_and_ignores_all(jobs, pipe, processes, beside):
    told = pipe('told')
    one = 'trap "" TERM HUP INT; echo $$ >"$0"; kill -STOP $$; while :; do sleep 1000; done'
    job = jobs.enqueue(shell(f"for i in 1 2 3 4; do setsid sh -c '{one}' \"$1\" & done; "
                             f"exec sh -c '{one}' \"$1\"", told))
    tree = processes.take(5, told)
    assert jobs.cancel(job) == 'cancelled'
    assert all(process.has_ended() for process in tree)


def test_command_that_ignores_its_end(jobs, gate, processes, beside):
    job = jobs.enqueue(gate.job(before='trap "" TERM HUP INT', then='while :; do sleep 1000; done'))
    process = processes.add(gate.wait())
    gate.open()
    assert jobs.cancel(job) == 'cancelled'
    assert process.has_ended()


# Each that has a child goes, and so on without an end.
CHAIN = '''python3 -c "
import os
while True:
    if os.fork(): os._exit(0)
    %s
"'''

FORKERS = {
    # Bounded by the number of processes of the user, or by TasksMax= where there is a controller.
    'a bomb': 'b() { b 98766 | b 98766 & }; b 98766; sleep infinity',
    'a chain': f'exec {CHAIN % "pass"} 98766',
    'a chain of sessions': f'exec {CHAIN % "os.setsid()"} 98766',
    'many chains': f'for i in $(seq 20); do {CHAIN % "pass"} 98766 & done; sleep infinity',
    'a tree that ignores its end': 'trap "" TERM; f() { for i in 1 2 3; do\n'
                                   'sh -c "trap \'\' TERM; sleep 98766" & done; }; f; f; f; wait; sleep infinity',
    'who starts one for each that ends': 'while :; do sleep 0.01 98766 & wait $!; done',
}


@pytest.mark.parametrize('kind', FORKERS)
@pytest.mark.parametrize('end', ['cancel', 'limit'])
def test_forks_without_end(jobs, scope, pipe, beside, kind, end):
    """A cancel or a limit ends it as a whole, whatever is born meanwhile."""
    told = pipe('told')
    script = f'ulimit -u $(($(ps -u {scope.uid} -L --no-headers | wc -l) + 150)); echo go >"$1"; {FORKERS[kind]}'
    options = {'RuntimeMaxUSec': SECOND} if end == 'limit' else {}
    job = jobs.enqueue(['bash', '-c', script, 'bash', str(told)], TasksMax=400, OutputMax=1 << 30, **options)
    assert told.line() == 'go'
    if end == 'cancel':
        # One that ran out of its own accord has ended as it did.
        assert jobs.cancel(job) in ('cancelled', 'completed', 'failed')
    ended = jobs.wait(job)
    assert ended.state in ('cancelled', 'completed', 'failed')
    assert processes_with('98766') == []


def test_command_that_forks_on_and_ends(jobs, beside):
    """What it leaves behind is a chain that no list of processes shows as it is."""
    chain = f'{CHAIN % "pass"} 98767 &'
    job = jobs.enqueue(shell(f'{chain} sleep 0.5; exit 3'))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert processes_with('98767') == []


def test_limit_of_tasks_leaves_the_worker_room(jobs, beside):
    """Where it has no room for its command either, that is told."""
    for tasks in (1, 2, 3):
        ended = jobs.run(shell('true & wait; exit 3'), TasksMax=tasks)
        assert ended.state == 'failed' and ended.job['Reason'] in ('exit-code', 'not-executable', 'signal')


# --- out of its control group ---------------------------------------------------------------------

def into_a_scope(scope, command):
    """What a shell executes to have that run in a unit of its own, as far as its user may."""
    return (f'env XDG_RUNTIME_DIR=/run/user/{scope.uid} DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{scope.uid}/bus '
            f'systemd-run --user --scope --quiet {command}')


def has_moved(process, job):
    with open(f'/proc/{process.pid}/cgroup', encoding='utf-8') as file:
        return unit_name(job) not in file.read()


def test_command_that_moves_away(jobs, scope, gate, processes, beside):
    """It is still the command: its exit status is the job's."""
    inner = gate.job(then='exit 3')[2]
    job = jobs.enqueue(shell(f"exec {into_a_scope(scope, 'sh -c')} '{inner}' sh {gate.ready} {gate.hold}"))
    process = processes.add(gate.wait())
    if not has_moved(process, job):
        pytest.skip('the service manager does not let it')
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_command_that_moved_away_is_cancelled(jobs, scope, gate, processes, beside):
    inner = gate.job()[2]
    job = jobs.enqueue(shell(f"exec {into_a_scope(scope, 'sh -c')} '{inner}' sh {gate.ready} {gate.hold}"))
    process = processes.add(gate.wait())
    if not has_moved(process, job):
        pytest.skip('the service manager does not let it')
    assert jobs.cancel(job) == 'cancelled'
    assert process.has_ended()


def test_child_that_moves_away(jobs, scope, pipe, processes, beside):
    """Whoever does so on purpose gets away; the job ends all the same."""
    told, hold = pipe('told'), pipe('hold')
    child = f'sh -c "echo \\$\\$ >{told}; exec sleep infinity"'
    job = jobs.enqueue(shell(f'{into_a_scope(scope, child)} & read _ <{hold}; exit 3'))
    processes.take(1, told)
    hold.write('\n')
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


def needs_a_group_of_its_own(scope):
    if scope.is_system:
        pytest.skip('the control group of a job is root\'s')
    if not os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
        pytest.skip('control groups v1 are not a user\'s to make')


def test_group_within_its_group(jobs, scope, pipe, processes, beside):
    """Where the control group is the user's, in a user's scope, processes can hide one level below."""
    needs_a_group_of_its_own(scope)
    told, hold = pipe('told'), pipe('hold')
    script = '''
    path = open('/proc/self/cgroup').read().strip().split('\\n')[-1].split(':')[2]
    os.makedirs('/sys/fs/cgroup' + path + '/below/deeper', exist_ok=True)
    child = os.fork()
    if child == 0:
        time.sleep(1000)
    with open('/sys/fs/cgroup' + path + '/below/deeper/cgroup.procs', 'w') as file:
        file.write(str(child))
    with open(sys.argv[1], 'w') as file:
        print(child, file=file)
    open(sys.argv[2]).readline()
    sys.exit(3)
    '''
    job = jobs.enqueue(python(script, told, hold))
    process, = processes.take(1, told)
    hold.write('\n')
    ended = jobs.wait(job)
    assert process.has_ended() and facts(ended) == ('failed', 'exit-code', 3)
    job = jobs.enqueue(python(script, told, hold))
    process, = processes.take(1, told)
    assert jobs.cancel(job) == 'cancelled' and process.has_ended()


def test_group_that_is_frozen(jobs, scope, pipe, processes, beside):
    """What is frozen takes no signal until it is thawed."""
    needs_a_group_of_its_own(scope)
    told = pipe('told')
    script = '''
    path = '/sys/fs/cgroup' + open('/proc/self/cgroup').read().strip().split('\\n')[-1].split(':')[2]
    os.makedirs(path + '/below')
    child = os.fork()
    if child == 0:
        time.sleep(1000)
    with open(path + '/below/cgroup.procs', 'w') as file:
        file.write(str(child))
    with open(path + '/below/cgroup.freeze', 'w') as file:
        file.write('1')
    with open(sys.argv[1], 'w') as file:
        print(child, file=file)
    time.sleep(1000)
    '''
    job = jobs.enqueue(python(script, told))
    process, = processes.take(1, told)
    assert jobs.cancel(job) == 'cancelled'
    assert process.has_ended()


# --- its worker -----------------------------------------------------------------------------------

def test_worker_that_is_killed_by_its_job(jobs, gate, processes, beside):
    left = 'setsid sh -c \'trap "" TERM; echo $$ >"$0"; while :; do sleep 1000; done\' "$1" &'
    job = jobs.enqueue(gate.job(before=f'{WORKER} {left}', then='kill -KILL $worker; sleep infinity'))
    tree = [processes.add(gate.wait()) for _ in range(2)]
    gate.open()
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'signal', 137)
    assert all(process.has_ended() for process in tree)


def test_worker_that_is_terminated_by_its_job(jobs, gate, processes, beside):
    job = jobs.enqueue(gate.job(before=f'{WORKER} trap "" TERM', then='kill -TERM $worker; sleep infinity'))
    tree = [processes.add(gate.wait())]
    gate.open()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', 'signal')
    assert all(process.has_ended() for process in tree)


@pytest.mark.parametrize('name', ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'PIPE', 'ALRM', 'CHLD', 'CONT', 'WINCH',
                                  'XFSZ', 'XCPU', 'VTALRM', 'PROF', 'IO', 'PWR', 'RTMIN', 'RTMAX', 'TRAP', 'ILL'])
def test_worker_that_gets_a_signal_of_its_job(jobs, beside, name):
    """Passed over, or the end of the job: it does not hang."""
    job = jobs.enqueue(['bash', '-c', f'{WORKER} for i in 1 2 3; do kill -{name} $worker; done; sleep 0.3; exit 3'])
    ended = jobs.wait(job)
    assert ended.state == 'failed' and ended.job['Reason'] in ('exit-code', 'signal', 'core-dump')
    assert name in ('TRAP', 'ILL') or facts(ended) == ('failed', 'exit-code', 3)


def test_worker_that_is_stopped_by_its_job_and_cancelled(jobs, pipe, processes, beside):
    """The service manager wakes it up, or ends it."""
    told = pipe('told')
    job = jobs.enqueue(shell(f'{WORKER} kill -STOP $worker; echo $$ >"$1"; exec sleep infinity', told))
    process, = processes.take(1, told)
    assert jobs.cancel(job) == 'cancelled'
    assert process.wait_end()


def test_worker_that_is_stopped_at_its_limit(jobs, beside):
    """Its unit has the limit, too, and 5 s more."""
    job = jobs.enqueue(shell(f'{WORKER} kill -STOP $worker; exec sleep infinity'), RuntimeMaxUSec=SECOND)
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', 'runtime-limit')
    assert ended.job['FinishedUSec'] - ended.job['StartedUSec'] >= SECOND


def test_worker_that_is_stopped_and_goes_on(jobs, pipe, processes, scope, beside):
    """What the job wrote meanwhile waits in the pipe."""
    told = pipe('told')
    job = jobs.enqueue(shell(f'{WORKER} kill -STOP $worker; echo $$ >"$1"; seq 100000; exit 3', told))
    processes.take(1, told)
    os.kill(worker_of(scope, job), signal.SIGCONT)
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert jobs.output(job).count(b'\n') == 100000


def test_worker_that_is_stopped_and_continued_again_and_again(jobs, beside):
    # Nothing is written while it is stopped: the pipe need not take it.
    script = f'''{WORKER} for i in $(seq 300); do kill -STOP $worker; kill -CONT $worker; echo "$i"; done; exit 3'''
    job = jobs.enqueue(shell(script))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert jobs.output(job) == b''.join(b'%d\n' % n for n in range(1, 301))


@pytest.mark.parametrize('limit', ['nofile=3:3', 'fsize=0:0', 'nproc=0:0', 'cpu=1:1', 'as=1000:1000', 'data=1000:1000',
                                   'stack=1000:1000', 'msgqueue=0:0', 'sigpending=0:0', 'rttime=1:1', 'core=0:0'])
def test_limits_of_its_worker_that_a_job_lowers(jobs, beside, limit):
    """The kernel lets it, as both are of one user: what comes of it is an end, and nobody else's affair."""
    script = f'''{WORKER} prlimit --pid $worker --{limit} 2>/dev/null
seq 5000; systemd-notify --status=x --no-block; echo "{{}}" >"$CODEX_JOB_RESULT"; exit 3'''
    ended = jobs.run(shell(script))
    assert ended.state == 'failed'
    assert ended.job['Reason'] in ('exit-code', 'signal', 'core-dump', 'output-limit')


def test_group_of_its_own(jobs, gate, processes, beside):
    """kill 0 reaches what the job started, and not its worker."""
    assert facts(jobs.run(shell('kill 0; sleep infinity'))) == ('failed', 'signal', 143)
    assert facts(jobs.run(shell('kill -KILL 0; sleep infinity'))) == ('failed', 'signal', 137)
    assert facts(jobs.run(shell('trap "" TERM; kill 0; exit 4'))) == ('failed', 'exit-code', 4)
    assert facts(jobs.run(['bash', '-c', 'trap "" INT QUIT HUP; kill -INT 0; kill -QUIT 0; kill -HUP 0; exit 4'])) == \
        ('failed', 'exit-code', 4)


def test_group_of_its_worker(jobs, beside):
    """Whatever group that is, no other job is in it."""
    script = f'{WORKER} read -r _ _ _ _ group rest </proc/$worker/stat; kill -TERM -"$group"; sleep 1; exit 3'
    ended = jobs.run(shell(script))
    assert ended.state == 'failed' and ended.job['Reason'] in ('signal', 'exit-code')


def test_job_that_changes_its_own_oom_score(jobs, beside):
    script = f'{WORKER} echo 1000 >/proc/self/oom_score_adj; echo 1000 >/proc/$worker/oom_score_adj; exit 3'
    assert facts(jobs.run(shell(script))) == ('failed', 'exit-code', 3)


# --- all of its user's processes ------------------------------------------------------------------

@pytest.fixture(scope='module')
def mallory():
    subprocess.run(['useradd', '--create-home', 'mallory'], check=False, stderr=subprocess.DEVNULL)
    return pwd.getpwnam('mallory').pw_uid


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGHUP])
def test_all_that_it_may_signal(system, alice, new_gate, mallory, number):
    """Its worker among them. Jobs of others run on, and so does its user's next one."""
    client = system.connect(mallory)
    try:
        with neighbour(alice, new_gate()):
            job = client.enqueue(python('''
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                os.kill(-1, int(sys.argv[1]))
                time.sleep(0.5)
                sys.exit(3)
                ''', int(number)))
            if number == signal.SIGSTOP:
                # Nobody is there to see its end, until it is asked for.
                client.flush()
                client.cancel(job)
            ended = client.wait(job)
            assert ended.state in ('failed', 'cancelled')
            assert ended.job['Reason'] in ('signal', 'exit-code', 'user')
            if number == signal.SIGKILL:
                assert facts(ended) == ('failed', 'signal', 137)
            again = client.run(shell('echo out; systemd-notify --status=x; exit 4'))
            assert (again.exit_code, again.job['Progress']) == (4, 'x')
    finally:
        client.end_all()
        client.close()


def test_two_jobs_of_one_user_of_which_one_kills_all(system, alice, new_gate, mallory):
    """Each says how it ended."""
    client = system.connect(mallory)
    ready = client.enqueue(shell('systemd-notify --status=ready; exec sleep infinity'))
    try:
        wait_for_progress(client, ready, 'ready')
        with neighbour(alice, new_gate()):
            job = client.enqueue(shell('kill -KILL -1; exit 3'))
            for each in (ready, job):
                assert facts(client.wait(each)) == ('failed', 'signal', 137)
    finally:
        client.end_all()
        client.close()


# --- the host -------------------------------------------------------------------------------------

def test_disk_that_is_full(jobs, scope, folder, beside):
    """The worker cannot write its output: that is no success, and it is told."""
    folder = f'{folder}/disk' # the other job still opens what is beside it
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    with open('/proc/mounts', encoding='ascii') as file:
        if not any(line.split()[1] == scope.state for line in file):
            subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4M,mode=777', 'tmpfs', folder], check=True)
    try:
        job = jobs.enqueue(shell('head -c 100000000 /dev/zero >"$1/x"; exit 3', folder))
        assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    finally:
        subprocess.run(['umount', folder], check=False)


def test_many_hostile_jobs_at_once(jobs, scope, beside, pipe):
    """Twelve of them beside each other."""
    scripts = ['while :; do systemd-notify --status=$RANDOM; done', 'yes',
               f'{WORKER} kill -STOP $worker; sleep infinity', 'trap "" TERM; while :; do sleep 100 & sleep 0.01; done',
               'kill -STOP $$', f'{WORKER} kill -KILL $worker',
               'for i in $(seq 100); do setsid sleep infinity & done; wait', 'exec >&- 2>&-; sleep infinity',
               f'{FOLDER} rm -rf "$folder"; sleep infinity', f'{WORKER} while :; do kill -HUP $worker; done']
    ids = [jobs.enqueue(['bash', '-c', script], RuntimeMaxUSec=2 * SECOND, OutputMax=1 << 20) for script in scripts]
    reasons = [jobs.wait(job).job['Reason'] for job in ids]
    assert set(reasons) <= {'runtime-limit', 'output-limit', 'signal', 'exit-code'}
    assert reasons[1] == 'output-limit' and reasons[5] == 'signal'


def test_many_that_kill_their_workers_at_once(jobs, scope):
    """The service begins to listen to a unit while that fails: it sees either all of that, or waits for the rest."""
    ids = [jobs.enqueue(['bash', '-c', f'{WORKER} kill -KILL $worker']) for _ in range(150)]
    assert {facts(jobs.wait(job)) for job in ids} == {('failed', 'signal', 137)}


def test_worker_of_a_job_without_a_trace_in_proc(jobs, gate, processes, scope, beside):
    """The status of the worker is what it was, whatever its job has done to itself."""
    job = jobs.enqueue(gate.job(before='ulimit -n 64; umask 0777; cd /; set -f'))
    processes.add(gate.wait())
    status = status_of(worker_of(scope, job))
    assert status['Umask'] != '0777'
    gate.open()
    assert jobs.wait(job).state == 'completed'


def test_timeout_of_a_client_changes_nothing(jobs, scope, gate, beside):
    """A caller that is gone while its job is being ended."""
    job = jobs.enqueue(gate.job(before='trap "" TERM', then='sleep infinity'))
    with Process(gate.wait()) as process:
        for _ in range(3):
            gone = scope.connect()
            gone.send_cancel(job)
            gone.flush()
            gone.close()
        assert jobs.wait(job, PATIENCE * SECOND).state == 'cancelled'
        assert process.has_ended()
