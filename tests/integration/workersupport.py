# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What the tests of codex-jobs-worker are written with: its process, the folder of a job, programs that
speak to its notify socket, and children of a job that are root's."""

import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import textwrap
import time

import pytest

from support import JOB, PATIENCE, Process, object_path, unit_name

IN_MODIFY, IN_DELETE = 0x2, 0x200  # see inotify(7)
libc = ctypes.CDLL(None, use_errno=True)

# What each of these programs begins with.
PRELUDE = '''
import ctypes, errno, fcntl, os, resource, select, signal, socket, subprocess, sys, time

def notify(message, fds=(), flags=0):
    path = os.environ['NOTIFY_SOCKET']
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect('\\0' + path[1:] if path[0] == '@' else path)
        socket.send_fds(sender, [message], fds, flags)

def barrier():
    """Until all that was sent before has been read."""
    reader, writer = os.pipe()
    notify(b'BARRIER=1', [writer])
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
'''


# What a shell script of a job begins with that does something to its worker: the worker's number, and nothing
# that would be done to another.
WORKER = '''
worker=$PPID
case $(cat /proc/$worker/comm) in codex-jobs-work*) ;; *) echo "my parent is no worker" >&2; exit 98;; esac
'''

# Likewise for its folder.
FOLDER = '''
folder=$(dirname "$CODEX_JOB_RESULT")
case $folder in */"$CODEX_JOB_ID") ;; *) echo "I have no folder of my own" >&2; exit 97;; esac
'''


def python(script, *arguments):
    """The command of a job that executes this."""
    return ['python3', '-c', PRELUDE + textwrap.dedent(script), *map(str, arguments)]


def facts(ended):
    return ended.state, ended.job['Reason'], ended.exit_code


def streams(jobs, job):
    return jobs.output(job), jobs.output(job, 'stderr')


def under_a_shell(command, merged=False):
    """What alice gets from it through pipes of hers, on each of both streams or on one."""
    script = """
    done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, check=True,
                          stderr=subprocess.STDOUT if sys.argv[1] else subprocess.PIPE)
    os.write(1, b'%d\\n' % len(done.stdout))
    sys.stdout.buffer.write(done.stdout + (done.stderr or b''))
    """
    done = subprocess.run(['as-user', 'alice', *python(script, '1' if merged else '', *command)],
                          stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    size, _, text = done.stdout.partition(b'\n')
    return text[:int(size)], text[int(size):]


def same(found, expected):
    """Of long texts only the place is told where they begin to differ."""
    if found == expected:
        return
    at = next((n for n, (one, other) in enumerate(zip(found, expected)) if one != other),
              min(len(found), len(expected)))
    raise AssertionError(f'at {at}: {found[at:at + 60]} and not {expected[at:at + 60]}; '
                         f'{len(found)} bytes and not {len(expected)}')


def wait_for_output(jobs, job, is_enough, stream='stdout'):
    """What a job has written, as soon as that is enough: it comes from the job through its worker."""
    with jobs.open_output(job, stream) as file, os.fdopen(libc.inotify_init1(os.O_CLOEXEC), 'rb', 0) as watch:
        assert libc.inotify_add_watch(watch.fileno(), f'/proc/self/fd/{file.fileno()}'.encode(), IN_MODIFY) > 0
        text = file.read()
        while not is_enough(text):
            assert select.select([watch], [], [], PATIENCE)[0], f'nothing came after {text[-100:]}'
            os.read(watch.fileno(), 65536)
            text += file.read()
        return text


def lines(count):
    """For wait_for_output()."""
    return lambda text: text.count(b'\n') >= count


def left_behind(ended):
    """The numbers of the processes that are named, and what is said of each."""
    return {int(text.split()[0]): text.split(' ', 1)[1] for text in ended.job['LeftBehind'].split(', ')}


def manual_of(verb):
    """The page of a verb, in small letters."""
    path = f'/usr/share/man/man1/codex-jobs-{verb}.1'
    if not os.path.exists(path):
        pytest.skip('the manual is not installed: install scdoc')
    with open(path, encoding='utf-8') as file:
        return file.read().lower()


def ran_for(ended):
    """Microseconds, as the service counted them."""
    return ended.job['FinishedUSec'] - ended.job['StartedUSec']


def wait_for_progress(jobs, job, *words):
    """The progress of a running job, as soon as it has all these words."""
    jobs.subscribe(f"type='signal',member='PropertiesChanged',arg0='{JOB}'")
    while True:
        found = jobs.get(job)
        progress = found.get('Progress', '')
        if all(str(word) in progress for word in words):
            assert found['State'] == 'running', found
            return progress
        assert found['State'] in ('queued', 'running'), f'{found["State"]} without {words}: {found}'
        jobs.signal(lambda signal: signal.path == object_path(job))


def story(cli, job):
    """The lines of "show" by their names."""
    found = {}
    for line in cli.output('show', job).splitlines():
        name, text = re.fullmatch(r' *([a-z]+(?: [a-z]+)*): (.*)', line).groups()
        found.setdefault(name, []).append(text)
    return found


# --- processes ------------------------------------------------------------------------------------

def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8', errors='replace') as file:
        return dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)


def uid_of(pid):
    return int(status_of(pid)['Uid'].split()[0])


def parent_of(pid):
    return int(status_of(pid)['PPid'])


def worker_of(scope, job):
    """The main process of a running job's unit."""
    return int(scope.unit_property(unit_name(job), 'MainPID'))


def is_worker(pid):
    with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
        return os.path.basename(file.read().split('\0')[0]) == 'codex-jobs-worker'


def descriptors_of(pid):
    """What its descriptors are of."""
    found = []
    for name in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f'/proc/{pid}/fd/{name}'))
    return found


def kill_now(process):
    with contextlib.suppress(ProcessLookupError):
        process.kill(signal.SIGKILL)


class Processes(contextlib.ExitStack):
    """Processes that told of themselves through a pipe. Whatever becomes of a test, they end with it."""

    def __init__(self):
        super().__init__()
        self.all = []

    def add(self, pid):
        process = self.enter_context(Process(pid))
        self.all.append(process)
        self.callback(kill_now, process)
        return process

    def take(self, count, pipe):
        """So many that tell their number through the pipe."""
        return [self.add(int(pipe.line())) for _ in range(count)]


@pytest.fixture
def processes(jobs):
    with Processes() as found:
        yield found


# --- files of a job -------------------------------------------------------------------------------

def folder_of(scope, job):
    """A job's own folder."""
    return f'{scope.folders}/{job}'


def files_of(scope, job):
    """The service's files of a job."""
    return sorted(name for name in os.listdir(f'{scope.state}/output') if name.startswith(job))


def wait_until(folder, condition):
    """Until it holds, which only a change or deletion of a file in the folder brings about."""
    with os.fdopen(libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), 'rb', 0) as watch:
        assert libc.inotify_add_watch(watch.fileno(), os.fsencode(folder), IN_MODIFY | IN_DELETE) > 0
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if not select.select([watch], [], [], max(0, deadline - time.monotonic()))[0]:
                return False
            watch.read(65536)
    return True


# --- other jobs -----------------------------------------------------------------------------------

@contextlib.contextmanager
def neighbour(client, gate):
    """A job that runs beside what is done inside, and is not touched by it."""
    job = client.enqueue(gate.job(before='systemd-notify --status=half; echo half; echo half >&2',
                                  then='echo whole; echo whole >&2; systemd-notify --status=whole; exit 3'))
    with Process(gate.wait()) as process:
        yield job
        assert not process.has_ended()
        assert wait_for_progress(client, job, 'half') == 'half'
        gate.open()
        ended = client.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert ended.job['Progress'] == 'whole'
    assert streams(client, job) == (b'half\nwhole\n',) * 2, f'{streams(client, job)} {ended.job}'


@pytest.fixture
def beside(jobs, new_gate):
    """Beside the test runs another job, which it must not touch."""
    with neighbour(jobs, new_gate()) as job:
        yield job


@pytest.fixture
def quick_end(request):
    """What does not end by itself is soon killed."""
    if 'scope' in request.fixturenames and 'settings' not in request.fixturenames:
        request.getfixturevalue('settings')(StopTimeoutSec='2s')


# --- children that are root's ---------------------------------------------------------------------

class RootChildren:
    """Children of a job that its user cannot signal, as sudo makes them."""

    def __init__(self, folder, pipe, processes):
        self.program = f'{folder}/as-root'
        self.ready = pipe('root')
        self.processes = processes
        shutil.copy('/usr/bin/setpriv', self.program)
        os.chown(self.program, 0, 0)
        os.chmod(self.program, 0o4755)

    def start(self, command='exec sleep 987654'):
        """What a shell executes to have one more in the background."""
        script = f'echo $$ >{self.ready}; {command}'
        return f"{self.program} --reuid=0 --regid=0 --clear-groups sh -c '{script}' >/dev/null 2>&1 &\n"

    def wait(self):
        process, = self.processes.take(1, self.ready)
        assert uid_of(process.pid) == 0
        return process


@pytest.fixture
def root_children(folder, pipe, processes):
    return RootChildren(folder, pipe, processes)


def end(process):
    """As root."""
    process.kill(signal.SIGKILL)
    assert process.wait_end(PATIENCE)


def processes_with(word):
    """Those that have it among their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                if word.encode() in file.read():
                    found.append(int(pid))
    return found
