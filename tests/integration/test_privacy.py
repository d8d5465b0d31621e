# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What bob can find out while alice runs a job, and after it: everything he can reach is read, and searched for what
is hers. A control is planted in each place first: a search that does not find it would find nothing."""

import contextlib
import os
import pwd
import secrets
import select
import stat
import subprocess
import tempfile
import time

import pytest
from clientsupport import cli, codex  # noqa: F401

from support import NAME, PATH, PATIENCE, BusError, Process, object_path, unit_name
from workersupport import wait_until

# pylint: disable=redefined-outer-name

# What the kernel shows of each process.
RUNNING = {'processes': {'argv'}, 'status': {'argv'}}


def token():
    """Stands in a kind, a file name or a text."""
    return 'q' + secrets.token_hex(10)


# --- as bob ---------------------------------------------------------------------------------------

# Copies all there is of a tree below /proc: files, and where links lead to.
PROCESSES = r'''
import os, sys
out = sys.stdout.buffer
for folder, names, files in os.walk('/proc'):
    if folder == '/proc':
        names[:] = [name for name in names if name not in ('sys', 'bus', 'irq', 'fs')]
    for name in names + files:
        path = os.path.join(folder, name)
        try:
            out.write(os.fsencode(os.readlink(path)) + b'\n')
        except OSError:
            pass
        if name in files:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
                out.write(os.read(fd, 1 << 18) + b'\n')
                os.close(fd)
            except OSError:
                pass
'''

# Names and the ends of links, then the content of what has changed since $1 was touched.
FILES = r'''
find / \( -path /proc -o -path /sys \) -prune -o -printf '%p %l\n'
find / \( -path /proc -o -path /sys \) -prune -o -type f -cnewer "$1" -readable -print0 | xargs -0 -r cat --
'''


def as_bob(*command):
    """All that a command of bob's says."""
    return subprocess.run(['as-user', 'bob', *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=4 * PATIENCE).stdout


def everything(*commands):
    return b'\n'.join(as_bob(*command) for command in commands)


class Monitor:
    """dbus-monitor, from before the job."""

    def __init__(self):
        self.process = subprocess.Popen(['as-user', 'bob', 'dbus-monitor', '--system'], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = b''
        self.read_until(b'NameAcquired')

    def read_until(self, word):
        deadline = time.monotonic() + PATIENCE
        while word not in self.text:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.process.stdout], [], [], left)[0], f'{word} did not come'
            self.text += os.read(self.process.stdout.fileno(), 1 << 20)
        return self.text

    def close(self):
        self.process.kill()
        self.process.communicate()


# --- the sweep ------------------------------------------------------------------------------------

def probe_bus(sweep, job):
    """The objects of the service."""
    services = ['tree', NAME], ['introspect', NAME, PATH], ['introspect', NAME, object_path(job)], \
        ['call', NAME, PATH, 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects'], \
        ['call', NAME, PATH, 'org.freedesktop.DBus.Properties', 'GetAll', 's', ''], \
        ['get-property', NAME, object_path(job), f'{NAME}.Job', 'Label']
    return everything(*[['busctl', *each] for each in services])


def probe_lists(sweep, job):
    """What each method answers, also to one who knows what to ask for."""
    bob, alice = sweep.bob, pwd.getpwnam('alice').pw_uid
    found = []
    for filters in ({}, {'Uid': alice}, {'Uid': 0}, {'State': ['running']}, {'AfterSequence': 0},
                    {'Session': sweep.secrets['session']}, {'Workspace': f'/{sweep.secrets["workspace"]}'},
                    {'Before': job}):
        found.append(bob.list(Limit=1000, **filters))
    for member, signature, *body in (('Get', 's', job), ('Await', 'st', job, 0), ('OpenOutput', 'ss', job, 'stdout'),
                                     ('ReadOutput', 'sstt', job, 'stdout', 0, 65536),
                                     ('AwaitAll', 'ast', [job], 0), ('Inbox', 'su', 'privacy', 1000),
                                     ('Retry', 'sa{sv}', job, {}), ('Cancel', 's', job), ('Remove', 'as', [job])):
        try:
            found.append(bob.call(member, signature, *body))
        except BusError as error:
            found.append(error.text)
    return repr(found).encode()


def probe_units(sweep, job):
    """All properties of all units, and of the service manager; the files of units."""
    return everything(['systemctl', 'show', '--all', '*'], ['systemctl', 'show', '--all', unit_name(job)],
                      ['systemctl', 'show'], ['systemctl', 'show-environment'], ['systemctl', 'cat', 'codex-job*'],
                      ['systemctl', 'list-units', '--all', '--full'], ['systemctl', 'list-jobs'],
                      ['systemd-analyze', 'dump'], ['busctl', 'tree', 'org.freedesktop.systemd1'],
                      ['busctl', 'introspect', 'org.freedesktop.systemd1',
                       '/org/freedesktop/systemd1/unit/' + unit_name(job).replace('-', '_2d').replace('.', '_2e')])


def probe_status(sweep, job):
    """With the processes of each unit."""
    return everything(['systemctl', 'status', '--full', '--lines=0', '*'],
                      ['systemd-cgls', '--full', '--all', '--no-pager'],
                      ['loginctl', 'user-status', 'alice', '--full', '--lines=0'])


def probe_journal(sweep, job):
    """All of it, which only root and administrators may read."""
    subprocess.run(['journalctl', '--sync'], check=True)
    read = ['journalctl', '--all', '--no-pager', '--output=verbose']
    return as_bob(*read) + subprocess.run(read, check=True, stdout=subprocess.PIPE).stdout


def probe_processes(sweep, job):
    return as_bob('/usr/bin/python3', '-c', PROCESSES)


def probe_files(sweep, job):
    return as_bob('sh', '-c', FILES, 'sh', sweep.stamp)


def probe_signals(sweep, job):
    """What the bus hands to whoever listens to everything."""
    sweep.bob.flush()
    sweep.heard += [repr(signal) for signal in sweep.bob.signals]
    sweep.bob.signals.clear()
    return '\n'.join(sweep.heard).encode()


def probe_monitor(sweep, job):
    last = sweep.bob.run(['true'], Kind=sweep.control).job['Id']  # its end is broadcast
    return sweep.monitor.read_until(last.encode())


PROBES = {function.__name__.removeprefix('probe_'): function for function in (
    probe_bus, probe_lists, probe_units, probe_status, probe_journal, probe_processes, probe_files, probe_signals,
    probe_monitor)}


class Sweep:
    """Bob's search, with a control where each probe looks: a job of his, a file, a line of the journal."""

    def __init__(self, bob, secret, gate):
        self.bob = bob
        self.secrets = secret
        self.control = token()
        self.heard = []
        handle, self.stamp = tempfile.mkstemp(dir='/var/tmp')
        os.fchmod(handle, 0o644)
        os.close(handle)
        os.utime(self.stamp, (time.time() - 10,) * 2)
        with contextlib.suppress(BusError):
            bob.subscribe("eavesdrop='true'")
        bob.subscribe("type='signal'")
        self.monitor = Monitor()
        self.planted = f'/var/tmp/{self.control}'
        with open(self.planted, 'w', encoding='utf-8') as file:
            file.write(self.control)
        os.chmod(self.planted, 0o644)
        subprocess.run(['as-user', 'bob', 'systemd-cat', 'echo', self.control], check=True)
        bob.enqueue([*gate.job(), self.control], Kind=self.control, Label=self.control)
        gate.wait()

    def close(self):
        self.monitor.close()
        os.unlink(self.stamp)
        os.unlink(self.planted)

    def find(self, job):
        """Name of the probe to what it found."""
        found = {}
        for name, probe in PROBES.items():
            text = probe(self, job)
            assert self.control.encode() in text, f'{name} does not find what is there'
            found[name] = {kind for kind, secret in self.secrets.items() if secret.encode() in text}
        return {name: kinds for name, kinds in found.items() if kinds}


@pytest.fixture
def secret():
    return {kind: token() for kind in (
        'argv', 'name', 'value', 'stdin', 'stdout', 'stderr', 'label', 'directory', 'workspace', 'session', 'key',
        'progress', 'result', 'prompt')}


@pytest.fixture
def sweep(bob, secret, new_gate):
    sweep = Sweep(bob, secret, bob_gate(new_gate()))
    yield sweep
    sweep.close()


def bob_gate(gate):
    """A gate that bob's jobs reach; its pipes are in a folder of alice's."""
    os.chmod(os.path.dirname(str(gate.ready)), 0o711)
    for pipe in (gate.ready, gate.hold):
        os.chown(str(pipe), pwd.getpwnam('bob').pw_uid, -1)
    return gate


def memfd(text):
    fd = os.memfd_create('input')
    os.write(fd, text.encode())
    return os.fdopen(fd, 'rb')


# What the job tells comes through its standard input, so that it is nowhere else.
SCRIPT = '''
read stdin; read stdout; read stderr; read progress; read result
echo "$stdout"; echo "$stderr" >&2
echo "{\\"x\\": \\"$result\\"}" >"$CODEX_JOB_RESULT"
systemd-notify --status="$progress"
'''


@pytest.fixture
def enqueue(alice, secret, folder):
    def make(gate, then='exit 3'):
        directory = f'{folder}/{secret["directory"]}'
        os.mkdir(directory)
        os.chown(directory, alice.uid, -1)
        lines = ''.join(f'{secret[name]}\n' for name in ('stdin', 'stdout', 'stderr', 'progress', 'result'))
        with memfd(lines) as stdin:
            return alice.enqueue([*gate.job(before=SCRIPT, then=then), secret['argv']], Stdin=stdin,
                                 Environment=[f'{secret["name"]}={secret["value"]}'], Label=secret['label'],
                                 Directory=directory, Workspace=f'/{secret["workspace"]}', Session=secret['session'],
                                 IdempotencyKey=secret['key'])
    return make


# --- tests ----------------------------------------------------------------------------------------

def test_nobody_sees_what_is_of_another(alice, sweep, enqueue, secret, gate):
    job = enqueue(gate)
    gate.wait()
    assert alice.output_of(job, len(secret['stdout']) + 1).decode() == secret['stdout'] + '\n'
    assert alice.progress_of(job) == secret['progress']
    assert sweep.find(job) == RUNNING
    gate.open()
    ended = alice.wait(job)
    assert secret['result'] in ended.job['Result'] and ended.exit_code == 3
    assert sweep.find(job) == {}


def test_failure_to_start_tells_nobody_what(alice, sweep, secret):
    """The name of what could not be executed or entered is for the one whose job it is."""
    for argv, directory in ((f'/{secret["argv"]}/command', '/'), (secret['argv'], '/'),
                            ('true', f'/{secret["directory"]}')):
        job = alice.enqueue([argv], Directory=directory)
        assert alice.wait(job).job['Reason'] == 'not-executable'
        complaint = alice.output(job, 'stderr').decode()
        assert secret['argv'] in complaint or secret['directory'] in complaint
    assert sweep.find(job) == {}


def test_prompt_that_comes_by_standard_input(alice, sweep, cli, codex, scope, secret, gate):
    """No process has it in its command line, neither of the job nor of the client."""
    if not scope.is_system:
        pytest.skip('on its own bus a user has no neighbours')
    program = f'{cli.folder}/bin/codex'
    with open(program, encoding='utf-8') as file:
        first, rest = file.read().split('\n', 1)
    # The same fake, which first waits at the gate.
    with open(program, 'w', encoding='utf-8') as file:
        file.write(f'{first}\nprint(1, file=open({str(gate.ready)!r}, "w"), flush=True)\n'
                   f'open({str(gate.hold)!r}).readline()\n{rest}')
    client = subprocess.Popen(cli.command('task', '-'), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    client.stdin.write(f'Think of {secret["prompt"]}')
    client.stdin.close()
    gate.wait()
    job, = alice.list_ids(State=['running'], Kind='task')
    assert secret['prompt'] in alice.get(job)['Label']
    assert sweep.find(job) == {}
    gate.open()
    assert client.wait(PATIENCE) == 0
    assert secret['prompt'] in codex.last()[1]


# --- files ----------------------------------------------------------------------------------------

def owner_and_mode(path):
    assert 'system.posix_acl_access' not in os.listxattr(path, follow_symlinks=False), path
    found = os.lstat(path)
    return found.st_uid, stat.S_IMODE(found.st_mode)


def test_files_are_the_owners_and_roots(jobs, scope, gate):
    job = jobs.enqueue(gate.job(before='echo "{}" >"$CODEX_JOB_RESULT"'))
    gate.wait()
    service = 0 if scope.is_system else scope.uid
    assert owner_and_mode(scope.state) == owner_and_mode(f'{scope.state}/output') == (service, 0o700)
    assert os.stat(scope.results).st_mode & 0o066 == 0
    for stream in ('stdout', 'stderr', 'order'):
        # Nobody else can enter the folder; who has a descriptor may watch it.
        assert owner_and_mode(f'{scope.state}/output/{job}.{stream}') == (service, 0o644)
    assert owner_and_mode(scope.folders) == owner_and_mode(f'{scope.folders}/{job}') == (scope.uid, 0o700)
    assert owner_and_mode(f'{scope.folders}/{job}/notify') == (scope.uid, 0o600)
    stores = [f'{scope.state}/{name}' for name in os.listdir(scope.state) if name.startswith('jobs.sqlite')]
    assert stores
    for path in stores:
        uid, mode = owner_and_mode(path)
        assert (uid, mode & 0o077) == (service, 0), path


@pytest.mark.parametrize('name', ['stdin', 'stdout', 'stderr', 'result'])
def test_streams_of_a_job_cannot_be_opened_through_its_process(alice, system, enqueue, gate, name):
    """By way of /proc, which leads into folders that are closed."""
    job = enqueue(gate)
    with Process(gate.wait()) as process:
        path = {'result': f'{system.folders}/{job}/result'}.get(
            name, f'/proc/{process.pid}/fd/{dict(stdin=0, stdout=1, stderr=2).get(name)}')
        assert subprocess.run(['as-user', 'alice', 'test', '-r', path], check=False).returncode == 0
        for test in ('-r', '-w'):
            assert subprocess.run(['as-user', 'bob', 'test', test, path], check=False).returncode == 1


def can(user, test, path):
    return subprocess.run(['as-user', user, 'test', test, path], check=False).returncode == 0


def test_files_of_a_job_that_has_ended_are_written_no_more(alice, system, gate):
    """They are the service's, and no limit would count what is added: neither by name nor through a descriptor."""
    job = alice.enqueue(gate.job(before='echo 1; echo 2 >&2; echo "{}" >"$CODEX_JOB_RESULT"'))
    with Process(gate.wait()) as process:
        files = [f'/proc/{process.pid}/fd/1', f'/proc/{process.pid}/fd/2', f'{system.folders}/{job}/result']
        assert all(can('alice', '-w', path) for path in files)
    gate.open()
    alice.wait(job)
    assert not can('alice', '-r', files[2]) and not can('alice', '-w', files[2])
    for stream in ('stdout', 'stderr'):
        with alice.open_output(job, stream) as file:
            link = f'/proc/self/fd/{file.fileno()}'
            for redirection, allowed in ((f'<{link}', True), (f'>>{link}', False), (f'>{link}', False)):
                done = subprocess.run(['as-user', 'alice', 'sh', '-c', f': {redirection}'], check=False,
                                      pass_fds=[file.fileno()], capture_output=True)
                assert (done.returncode == 0) == allowed, (redirection, done.stderr)


def test_result_that_is_too_long_does_not_stay(jobs, scope):
    ended = jobs.run(['sh', '-c', 'head -c 1000000 /dev/zero >"$CODEX_JOB_RESULT"'])
    assert 'Result' not in ended.job
    assert ended.job['ResultError'] == 'larger than 64 KiB (1000000 bytes)'
    assert not os.path.exists(f'{scope.folders}/{ended.job["Id"]}')


# --- the store ------------------------------------------------------------------------------------

def in_store(scope, secret):
    """Which of them the files of the store have, byte by byte."""
    text = b''
    for name in os.listdir(scope.state):
        if name.startswith('jobs.sqlite'):
            with open(f'{scope.state}/{name}', 'rb') as file:
                text += file.read()
    return {kind for kind, value in secret.items() if value.encode() in text}


ERASED = {'name', 'value', 'stdin'}


@pytest.mark.parametrize('then', ['exit 0', 'exit 3', 'kill -9 $$', 'sleep infinity'],
                         ids=['completed', 'failed', 'killed', 'cancelled'])
def test_input_of_a_job_that_has_ended_is_erased(jobs, scope, secret, gate, then):
    """From the store, and from its log."""
    with memfd(secret['stdin']) as stdin:
        job = jobs.enqueue(gate.job(then=then), Stdin=stdin, Environment=[f'{secret["name"]}={secret["value"]}'])
    gate.wait()
    assert in_store(scope, secret) == ERASED
    gate.open()
    if then == 'sleep infinity':
        jobs.cancel(job)
    jobs.wait(job)
    assert wait_until(scope.state, lambda: not in_store(scope, secret)), in_store(scope, secret)


def test_input_of_a_job_that_never_ran_is_erased(jobs, scope, settings, secret, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    gate.wait()
    with memfd(secret['stdin']) as stdin:
        job = jobs.enqueue(['true'], Stdin=stdin, Environment=[f'{secret["name"]}={secret["value"]}'])
    assert in_store(scope, secret) == ERASED
    assert jobs.cancel(job) == 'cancelled'
    assert wait_until(scope.state, lambda: not in_store(scope, secret)), in_store(scope, secret)


def test_job_that_is_removed_is_erased(jobs, scope, secret):
    """With all that was told of it."""
    job = jobs.run(['echo', secret['argv']], Label=secret['label'], Session=secret['session'],
                   IdempotencyKey=secret['key']).job['Id']
    assert {'label', 'session'} <= in_store(scope, secret)
    jobs.remove(job)
    assert wait_until(scope.state, lambda: not in_store(scope, secret)), in_store(scope, secret)


@pytest.mark.parametrize('keep, then', [('failed', 'exit 3'), ('yes', 'exit 0')])
def test_input_is_kept_where_the_configuration_says_so(jobs, scope, settings, secret, gate, keep, then):
    settings(KeepInput=keep)
    with memfd(secret['stdin']) as stdin:
        job = jobs.enqueue(gate.job(then=then), Stdin=stdin, Environment=[f'{secret["name"]}={secret["value"]}'])
    gate.wait()
    gate.open()
    jobs.wait(job)
    assert in_store(scope, secret) == ERASED
    jobs.remove(job)
    assert wait_until(scope.state, lambda: not in_store(scope, secret)), in_store(scope, secret)
