# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What the integration tests are written with: connections to a bus as any user, the service seen as
its callers see it, the service's two scopes, and jobs that wait until a test lets them go on.

Nothing here sleeps or polls: a test waits on an answer, a signal of the bus, a named pipe or a pidfd.
"""

import collections
import contextlib
import ctypes
import os
import pwd
import select
import shutil
import signal
import subprocess
import time
import weakref

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, prep_socket

NAME = 'org.codex.Jobs'
PATH = '/org/codex/Jobs'
MANAGER = 'org.codex.Jobs'
JOB = 'org.codex.Jobs.Job'
ERROR = 'org.codex.Jobs.Error.'
PROPERTIES = 'org.freedesktop.DBus.Properties'
BUS = ('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus')

# Where it is installed; /proc/PID/exe names a folder of another mount namespace where / is an overlay.
PROGRAM = '/usr/libexec/codex-jobs/codex-jobsd'

FOREVER = 2**64 - 1
SECOND = 1_000_000

# Nothing that is right takes so many seconds, sanitizers and a busy machine included.
PATIENCE = 120

OPTION_TYPES = {
    'Argv': 'aay', 'Kind': 's', 'Label': 's', 'Directory': 's', 'Environment': 'as', 'Stdin': 'h',
    'Workspace': 's', 'Queue': 's', 'Session': 's', 'RuntimeMaxUSec': 't', 'OutputMax': 't', 'MemoryMax': 't',
    'TasksMax': 't', 'CPUWeight': 't', 'StallUSec': 't', 'ReadOnly': 'b', 'IdempotencyKey': 's',
    'Notify': 'b', 'MergeOutput': 'b', 'UMask': 'u', 'ResourceLimits': 'a{sv}', 'Priority': 'i', 'After': 'a(ss)',
    'NotBeforeUSec': 't', 'Hold': 'b', 'Parent': 's', 'Detach': 'b', 'Retries': 'u',
    'RetryDelayUSec': 't', 'RetryOn': 'as'}

FILTER_TYPES = {
    'State': 'as', 'Kind': 's', 'Workspace': 's', 'Session': 's', 'Uid': 'u', 'AfterSequence': 't',
    'Before': 's', 'Limit': 'u'}


class BusError(Exception):
    """An error answer: its name on the bus and its text."""

    def __init__(self, name, text):
        super().__init__(f'{name}: {text[:300]}')
        self.name = name
        self.text = text


Signal = collections.namedtuple('Signal', 'path interface member body')
Ended = collections.namedtuple('Ended', 'state exit_code job')


# --- a connection ---------------------------------------------------------------------------------

@contextlib.contextmanager
def acting_as(uid):
    """The kernel takes the credentials of a connection when it is made."""
    before = os.geteuid()
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(before)


class Connection:
    """A connection to a bus as some user. Calls can be sent without waiting for their answers."""

    open_ones = weakref.WeakSet()

    def __init__(self, address, uid):
        self.address = address
        self.uid = uid
        self.rules = []
        self.open()

    def open(self):
        with acting_as(self.uid):
            self.connection = DBusConnection(prep_socket(self.address, enable_fds=True), enable_fds=True)
        self.answers = collections.defaultdict(list)
        self.signals = collections.deque()
        self.open_ones.add(self)

    def close(self):
        self.open_ones.discard(self)
        self.connection.close()

    def reopen(self):
        """The bus that it was to is gone."""
        self.close()
        self.open()
        for rule in self.rules:
            self.call_to(*BUS, 'AddMatch', 's', rule)

    def send(self, destination, path, interface, member, signature='', *body):
        """Send a call; what is returned stands for its answer."""
        message = new_method_call(DBusAddress(path, destination, interface), member,
                                  signature or None, body)
        serial = next(self.connection.outgoing_serial)
        self.connection.send(message, serial)
        return serial

    def receive(self, timeout):
        self.take(self.connection.receive(timeout=timeout))

    def take(self, message):
        fields = message.header.fields
        if message.header.message_type is MessageType.signal:
            self.signals.append(Signal(fields[HeaderFields.path], fields[HeaderFields.interface],
                                       fields[HeaderFields.member], message.body))
        else:
            self.answers[fields[HeaderFields.reply_serial]].append(message)

    def answer(self, serial, timeout=PATIENCE):
        """The body of the answer, of which there is one; an error is raised."""
        deadline = time.monotonic() + timeout
        while serial not in self.answers:
            self.receive(max(0, deadline - time.monotonic()))
        message, = self.answers.pop(serial)
        if message.header.message_type is MessageType.error:
            text = message.body[0] if message.body else ''
            raise BusError(message.header.fields[HeaderFields.error_name], text)
        return message.body

    def is_answered(self, serial):
        return serial in self.answers

    def call_to(self, destination, path, interface, member, signature='', *body):
        return self.answer(self.send(destination, path, interface, member, signature, *body))

    def subscribe(self, rule):
        self.call_to(*BUS, 'AddMatch', 's', rule)
        self.rules.append(rule)

    def signal(self, accept, timeout=PATIENCE):
        """The next signal that accept() takes; those before it are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            while self.signals:
                found = self.signals.popleft()
                if accept(found):
                    return found
            self.receive(max(0, deadline - time.monotonic()))


# --- the service ----------------------------------------------------------------------------------

def plain(entries):
    """a{sv} without the types."""
    return {name: value for name, (_, value) in entries.items()}


def typed(values, types):
    """a{sv} out of plain values; a value that is a pair has its type with it."""
    return {name: value if isinstance(value, tuple) else (types[name], value)
            for name, value in values.items()}


class Jobs(Connection):
    """The service, as one user sees it."""

    def __init__(self, address, uid):
        super().__init__(address, uid)
        self.enqueued = []

    def send_call(self, member, signature='', *body):
        return self.send(NAME, PATH, MANAGER, member, signature, *body)

    def call(self, member, signature='', *body):
        return self.call_to(NAME, PATH, MANAGER, member, signature, *body)

    def send_enqueue(self, argv, **options):
        return self.send_call('Enqueue', 'asa{sv}', list(argv), typed(options, OPTION_TYPES))

    def enqueue(self, argv, **options):
        job, path = self.answer(self.send_enqueue(argv, **options))
        self.enqueued.append(job)
        assert path == object_path(job)
        return job

    def run(self, argv, **options):
        """Enqueue, and wait for the end."""
        return self.wait(self.enqueue(argv, **options))

    def send_wait(self, job, timeout=FOREVER):
        return self.send_call('Await', 'st', job, timeout)

    def wait_answer(self, serial):
        state, exit_code, job = self.answer(serial)
        return Ended(state, exit_code, plain(job))

    def wait(self, job, timeout=FOREVER):
        return self.wait_answer(self.send_wait(job, timeout))

    def get(self, job):
        return plain(self.call('Get', 's', job)[0])

    def list(self, **filters):
        return [plain(job) for job in self.call('List', 'a{sv}', typed(filters, FILTER_TYPES))[0]]

    def list_ids(self, **filters):
        return [job['Id'] for job in self.list(**filters)]

    def send_cancel(self, job):
        return self.send_call('Cancel', 's', job)

    def cancel(self, job):
        return self.call('Cancel', 's', job)[0]

    def open_output(self, job, stream='stdout'):
        """A file object, which the caller closes."""
        return self.call('OpenOutput', 'ss', job, stream)[0].to_file('rb')

    def output(self, job, stream='stdout'):
        with self.open_output(job, stream) as file:
            return file.read()

    def wait_for_output(self, job, is_enough):
        """What a job has written is in its files a moment later."""
        growth = self.call('OpenOutput', 'ss', job, 'growth')[0].to_raw_fd()
        with select.epoll() as poll:
            poll.register(growth, select.EPOLLIN | select.EPOLLET)
            while not is_enough():
                assert poll.poll(PATIENCE), f'the output of {job} did not grow'
        os.close(growth)

    def output_of(self, job, size, stream='stdout'):
        """As soon as it is so many bytes."""
        with self.open_output(job, stream) as file:
            self.wait_for_output(job, lambda: os.fstat(file.fileno()).st_size >= size)
            return file.read()

    def progress_of(self, job):
        """As soon as it has some: a moment after the job has told it."""
        while 'Progress' not in (found := self.get(job)):
            self.signal(lambda signal: signal.path == object_path(job) and 'Progress' in signal.body[2])
        return found['Progress']

    def remove(self, *jobs):
        self.call('Remove', 'as', list(jobs))

    def inbox(self, consumer, limit=1000):
        return [plain(job) for job in self.call('Inbox', 'su', consumer, limit)[0]]

    def inbox_ids(self, consumer, limit=1000):
        return [job['Id'] for job in self.inbox(consumer, limit)]

    def acknowledge(self, consumer, sequence):
        self.call('Acknowledge', 'st', consumer, sequence)

    def consumers(self):
        return [plain(consumer) for consumer in self.call('ListConsumers')[0]]

    def consumer_names(self):
        return [consumer['Name'] for consumer in self.consumers()]

    def property(self, name):
        return self.call_to(NAME, PATH, PROPERTIES, 'Get', 'ss', MANAGER, name)[0][1]

    def flush(self):
        """Everything that the service sent to us before now has arrived."""
        self.property('Version')

    def watch_finished(self):
        self.subscribe(f"type='signal',interface='{MANAGER}',member='JobFinished'")

    def finished(self):
        """What JobFinished told so far, oldest first."""
        self.flush()
        found = [signal.body for signal in self.signals if signal.member == 'JobFinished']
        self.signals.clear()
        return found

    def end_all(self):
        for call in [self.send_cancel(job) for job in self.enqueued]:
            with contextlib.suppress(BusError):
                self.answer(call)


def object_path(job):
    return f'{PATH}/job/{job.replace("-", "_2d")}'


def unit_name(job):
    return f'codex-job-{job}.service'


@contextlib.contextmanager
def refused(name, *words):
    """The call inside is refused with that error, and a sentence of one line that has the words."""
    try:
        yield
    except BusError as error:
        assert error.name == (name if '.' in name else ERROR + name), error
        assert 10 < len(error.text) < 500 and '\n' not in error.text
        for word in words:
            assert word in error.text, error.text
    else:
        raise AssertionError(f'the call was not refused with {name}')


def replace_program():
    shutil.copy2(PROGRAM, f'{PROGRAM}.new')
    os.rename(f'{PROGRAM}.new', PROGRAM)


def restart_others(scope):
    """The other services have the same program, and would notice a moment later that it changed."""
    commands = [] if scope.is_system else [['systemctl']]
    commands += [['as-user', user, 'systemctl', '--user'] for user in ('alice', 'bob')
                 if scope.is_system or user != scope.user.pw_name]
    for command in commands:
        subprocess.run([*command, 'try-restart', Scope.service], check=True, timeout=PATIENCE)


# --- the scopes -----------------------------------------------------------------------------------

class Scope:
    """One of the service's two scopes, with the user who enqueues in it by default."""

    service = 'codex-jobsd.service'

    def __init__(self, name, user='alice'):
        self.name = name
        self.is_system = name == 'system'
        self.user = pwd.getpwnam(user)
        self.uid = self.user.pw_uid
        home = self.user.pw_dir
        if self.is_system:
            self.address = '/run/dbus/system_bus_socket'
            self.config = '/etc/codex-jobs.conf'
            self.state = '/var/lib/codex-jobs'
            self.results = '/var/cache/codex-jobs/results'  # of an older version
            self.folders = f'/var/cache/codex-jobs/{self.uid}'
        else:
            self.address = f'/run/user/{self.uid}/bus'
            self.config = f'{home}/.config/codex-jobs.conf'
            self.state = f'{home}/.local/state/codex-jobs'
            self.results = f'{self.state}/results'
            self.folders = f'/run/user/{self.uid}/codex-jobs/jobs'
        self.bus = Connection(self.address, self.uid)
        self.bus.subscribe(f"type='signal',sender='{BUS[0]}',member='NameOwnerChanged',arg0='{NAME}'")

    def connect(self, uid=None):
        return Jobs(self.address, self.uid if uid is None else uid)

    def end_live_jobs(self):
        """Those of all users, and wait until they have ended."""
        with contextlib.closing(self.connect(0 if self.is_system else self.uid)) as everybody:
            live = everybody.list(State=['queued', 'running'], Limit=1000)
            for call in [everybody.send_cancel(job['Id']) for job in live]:
                everybody.answer(call)

    def systemctl(self, *arguments, check=True):
        command = ['systemctl', *arguments]
        if not self.is_system:
            command = ['as-user', self.user.pw_name, 'systemctl', '--user', *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=check,
                              timeout=PATIENCE).stdout

    def start_systemctl(self, *arguments):
        """Without waiting for its end."""
        command = ['systemctl', *arguments]
        if not self.is_system:
            command = ['as-user', self.user.pw_name, 'systemctl', '--user', *arguments]
        return subprocess.Popen(command)

    def unit_property(self, unit, name):
        return self.systemctl('show', '--value', '-p', name, unit).strip()

    def job_units(self, besides=()):
        """Their names, without those whose state is given: the fourth field, see systemctl(1)."""
        listed = self.systemctl('list-units', '--all', '--plain', '--no-legend', 'codex-job-*')
        return [line.split()[0] for line in listed.splitlines() if line.split()[3] not in besides]

    def files(self):
        """The names of all files of jobs."""
        return sorted(os.listdir(f'{self.state}/output') + os.listdir(self.results))

    def start_service(self):
        self.bus.call_to(*BUS, 'StartServiceByName', 'su', NAME, 0)

    def service_pid(self):
        """The process of the service that runs now, or 0."""
        try:
            return self.bus.call_to(*BUS, 'GetConnectionUnixProcessID', 's', NAME)[0]
        except BusError:
            return 0

    def kill_service(self):
        """Kill the service as a crash does, and wait until the bus knows: it would still hand calls to
        the dead one."""
        owner = self.service_owner()
        with Process(self.service_pid()) as process:
            process.kill(signal.SIGKILL)
            self.wait_until_gone(owner)
            assert process.wait_end()

    def service_owner(self):
        """The unique name of the service that runs now."""
        return self.bus.call_to(*BUS, 'GetNameOwner', 's', NAME)[0]

    def wait_until_gone(self, owner):
        """Until the bus has seen that service leave."""
        self.bus.signal(lambda signal: signal.member == 'NameOwnerChanged' and signal.body[1] == owner)

    def upgrade(self):
        """What a package manager does: another file under the old name, then a restart."""
        replace_program()
        self.systemctl('restart', self.service)
        restart_others(self)

    def restart_bus(self):
        """All that were connected to it are then connected to the new one."""
        with Process(self.service_pid()) as process:
            self.systemctl('restart', 'dbus.service')
            assert process.wait_end()
        for connection in list(Connection.open_ones):
            if connection.address == self.address:
                connection.reopen()
        if self.is_system:
            # It does not connect to another, and whoever opens a session would wait for it.
            for verb in ('reset-failed', 'restart'): # it is started more often than it may be
                subprocess.run(['systemctl', verb, 'systemd-logind.service'], check=True, timeout=PATIENCE)
            for user in ('alice', 'bob'):
                # A user's service manager needs this bus to move processes, and does not connect to another.
                subprocess.run(['as-user', user, 'systemctl', '--user', 'daemon-reexec'], check=True, timeout=PATIENCE)

    def configure(self, queues=None, **values):
        """A configuration of these settings, and of queues with theirs."""
        os.makedirs(os.path.dirname(self.config), exist_ok=True)
        with open(self.config, 'w', encoding='utf-8') as file:
            for section, settings in {'Jobs': values, **{f'Queue {name}': queue for name, queue in (queues or {}).items()}}.items():
                file.write(f'[{section}]\n' + ''.join(f'{key}={value}\n' for key, value in settings.items()))

    def reload(self, jobs):
        with Process(self.service_pid()) as process:
            process.kill(signal.SIGHUP)
        # The signal is pending now. The service may take one message that arrives with it first; the
        # second finds it done.
        jobs.flush()
        jobs.flush()


# --- processes and jobs that wait -----------------------------------------------------------------

class Process:
    """A process held by its pidfd, so that its number cannot become another's."""

    def __init__(self, pid):
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def wait_end(self, timeout=PATIENCE):
        return bool(select.select([self.fd], [], [], timeout)[0])

    def has_ended(self):
        return self.wait_end(0)

    def kill(self, number):
        signal.pidfd_send_signal(self.fd, number)


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # of waitpid(2): a thread of any kind


def ptrace(request, thread):
    """The C library's, which takes pointers; they are 0 here."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, thread, None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def held(pid):
    """All threads of the process stand still: from the first line inside, which SIGSTOP does not promise, and also after
    SIGCONT, which the service sends to workers from time to time, and the service manager with SIGTERM."""
    threads = []
    try:
        while new := [int(name) for name in os.listdir(f'/proc/{pid}/task') if int(name) not in threads]:
            for thread in new:
                ptrace(PTRACE_SEIZE, thread)
                threads.append(thread)
                ptrace(PTRACE_INTERRUPT, thread)
                os.waitpid(thread, WALL)
        yield
    finally:
        for thread in threads:
            let_go(thread)


def let_go(thread):
    try:
        ptrace(PTRACE_DETACH, thread)
    except ProcessLookupError:  # it was killed
        os.waitpid(thread, WALL)


@contextlib.contextmanager
def disk_busy(scope):
    """The service goes on, and nothing that it writes is on disk before the end."""
    tasks = f'/proc/{scope.service_pid()}/task'
    for name in os.listdir(tasks):
        with open(f'{tasks}/{name}/comm', encoding='ascii') as file:
            if file.read() == 'codex-jobs-db\n':
                thread = int(name)
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        let_go(thread)


def now_usec():
    """CLOCK_REALTIME, as the service has it."""
    return time.time_ns() // 1000


def shell(script, *arguments):
    return ['sh', '-c', script, 'sh', *map(str, arguments)]


class Lines:
    """What comes through a descriptor, a line at a time."""

    def __init__(self, fd, name):
        self.fd = fd
        self.name = name
        self.text = b''

    def line(self):
        while b'\n' not in self.text:
            assert select.select([self.fd], [], [], PATIENCE)[0], f'nothing came through {self.name}'
            text = os.read(self.fd, 65536)
            assert text, f'{self.name} ended'
            self.text += text
        line, self.text = self.text.split(b'\n', 1)
        return line.decode()


class Pipe(Lines):
    """A named pipe between a test and its jobs. The test keeps both ends open, so that a job never
    waits for it to open the other."""

    def __init__(self, path, uid):
        self.path = path
        os.mkfifo(path, 0o600)
        os.chown(path, uid, -1)
        super().__init__(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK), path)

    def __str__(self):
        return self.path

    def close(self):
        os.close(self.fd)

    def write(self, text):
        os.write(self.fd, text.encode())


class Gate:
    """Holds jobs: each tells that it runs, and stays until it is let through."""

    def __init__(self, ready, hold):
        self.ready = ready
        self.hold = hold

    def job(self, then='exit 0', before=''):
        """The command of a job that executes "before", waits at the gate, and executes "then"."""
        return shell(f'{before}\necho $$ >"$1"; read _ <"$2"\n{then}', self.ready, self.hold)

    def wait(self):
        """The process id of the next job that came to the gate."""
        return int(self.ready.line())

    def open(self, count=1):
        # One byte each, as two readers may share what is written at once.
        self.hold.write('\n' * count)
