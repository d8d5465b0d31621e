# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Where the faults happen: the service in one scope, as its clients and its systemd see it."""

import asyncio
import contextlib
import fcntl
import os
import shutil

from client import Client, is_passing
from history import History
from kernel_events import folder_until
from support import BUS, BusError, MANAGER, NAME, PATH, PROPERTIES, Scope, acting_as

CLIENTS = 5

# Seconds. The service looks after what it missed once a minute: that is too late here.
PATIENCE = 40
LONG_PATIENCE = 300

WORKER = 'codex-jobs-worker'
GROUPS = '/sys/fs/cgroup'
V1_GROUPS = '/sys/fs/cgroup/systemd'
SYSTEMD = ('org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager')
SERVICE_UNIT = '/org/freedesktop/systemd1/unit/codex_2djobsd_2eservice'
WATCHED = ["type='signal',interface='org.codex.Jobs',member='JobFinished'",
           f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{NAME}'",
           "type='signal',sender='org.freedesktop.systemd1',member='PropertiesChanged',"
           f"path='{SERVICE_UNIT}'"]
UNIT_REMOVED = "type='signal',sender='org.freedesktop.systemd1',member='UnitRemoved'"
SETTINGS = {'MaxRunning': 12, 'StopTimeoutSec': '300ms'}


class Scene:
    def __init__(self, scope, folder, name, user='alice'):
        """folder: where it leaves what happens; name: of what is done here."""
        self.scope = Scope(scope, user)
        self.folder = folder
        self.name = f'{scope} {name}'
        self.slots = SETTINGS['MaxRunning']
        self.base = f'{folder}/{scope}-{name}'
        self.make_folders()
        self.history = History(f'{self.base}/history.jsonl')
        self.failure = None
        self.violations = None  # found by the act itself; else the checker's
        self.owner = ''
        self.starts = 0  # how often it came; another bus gives the same unique names once more
        self.pid = 0  # of the owner of the name
        self.main_pid = 0  # as systemd tells, from the first moment on
        self.changed = asyncio.Event()
        self.outages = 0  # now
        self.excused = 0  # when the last one ended
        self.bus_is_up = asyncio.Event()
        self.bus_is_up.set()
        self.watcher = self.client(self.on_signal, self.on_watcher_lost)
        self.watcher.rules += WATCHED
        self.watching = None
        self.clients = [self.client() for _ in range(CLIENTS)]

    def make_folders(self):
        """What the jobs and the service need, as their owners'."""
        home = self.scope.user.pw_dir
        os.makedirs(self.base, exist_ok=True)
        for folder in (f'{self.base}/records', f'{self.base}/gates', f'{self.base}/locks'):
            os.makedirs(folder, exist_ok=True)
            self.own(folder)
        source = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'command')
        self.command_path = shutil.copy(source, f'{self.base}/command')
        points = f'{self.scope.state}/failpoints'
        os.makedirs(points, mode=0o700, exist_ok=True)
        while not self.scope.is_system and points != home:
            self.own(points)
            points = os.path.dirname(points)
        self.make_job_folders()

    def make_job_folders(self):
        """The folder of the folders of jobs, as systemd or the service makes it, with the failpoints of workers."""
        if self.scope.is_system:
            self.job_folders = f'/var/cache/codex-jobs/{self.scope.uid}'
            os.makedirs(os.path.dirname(self.job_folders), mode=0o711, exist_ok=True)
        else:
            self.job_folders = f'/run/user/{self.scope.uid}/codex-jobs/jobs'
            os.makedirs(os.path.dirname(self.job_folders), mode=0o755, exist_ok=True)
            self.own(os.path.dirname(self.job_folders))
        for folder in (self.job_folders, f'{self.job_folders}/.failpoints'):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self.own(folder)

    def own(self, path):
        os.chown(path, self.scope.uid, self.scope.user.pw_gid)

    def client(self, on_signal=None, on_lost=None):
        return Client(self.scope.address, self.scope.uid, self.bus_is_up.wait, on_signal, on_lost)

    async def open(self):
        self.scope.configure(**SETTINGS)
        await self.watch()
        await self.up()
        self.history.add('opened', last=await self.last_sequence(), slots=self.slots)

    async def watch(self):
        """From here on we are told everything."""
        while not self.watcher.link:
            try:
                await self.watcher.call_to(*SYSTEMD, 'Subscribe')
            except (BusError, OSError):
                await self.breathe()
        self.history.add('watching')

    def on_watcher_lost(self):
        self.set_owner('')
        self.watching = asyncio.create_task(self.watch())

    async def last_sequence(self):
        (_, value), = await self.watcher.call_to(NAME, PATH, PROPERTIES, 'Get', 'ss', MANAGER,
                                                 'LastSequence')
        return value

    def close(self):
        self.watcher.on_lost = None
        for client in [self.watcher, *self.clients]:
            client.close()

    # --- the service ---

    def on_signal(self, signal):
        if signal.member == 'NameOwnerChanged':
            self.set_owner(signal.body[2])
        elif signal.member == 'JobFinished':
            job, state, exit_code, sequence = signal.body
            self.history.add('signal', id=job, state=state, exit=exit_code, sequence=sequence,
                             sender=signal.sender)
        elif signal.member == 'PropertiesChanged' and 'MainPID' in signal.body[1]:
            self.main_pid = signal.body[1]['MainPID'][1]
            self.changed.set()

    def set_owner(self, owner):
        if owner == self.owner:
            return
        self.owner = owner
        self.starts += bool(owner)
        self.pid = 0
        self.history.add('up' if owner else 'down', owner=owner)
        self.changed.set()

    async def owner_change(self, timeout):
        self.changed.clear()
        await asyncio.wait_for(self.changed.wait(), timeout)

    async def up(self):
        """The service is there; it is started if need be. Returns its process."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not self.pid:
            try:
                await self.watcher.call_to(*BUS, 'StartServiceByName', 'su', NAME, 0)
                owner, = await self.watcher.call_to(*BUS, 'GetNameOwner', 's', NAME)
                self.set_owner(owner)
                self.pid, = await self.watcher.call_to(*BUS, 'GetConnectionUnixProcessID', 's', owner)
            except (BusError, OSError) as error:
                if not self.outages and loop.time() > max(start, self.excused) + PATIENCE:
                    raise TimeoutError(f'the service does not come up: {error}') from error
                await self.breathe()
        return self.pid

    async def breathe(self):
        """Let a change of the service happen, but not for ever: there may be none."""
        try:
            await self.owner_change(0.1)
        except TimeoutError:
            pass

    async def insist(self, client, member, signature='', *body):
        """A call that may be made twice: asked until there is an answer."""
        while True:
            try:
                return await client.call(member, signature, *body)
            except BusError as error:
                if not is_passing(error):
                    raise
            await self.breathe()

    async def replaced(self, starts):
        """Another process serves than at the time when there had been so many."""
        while self.owner and self.starts == starts:
            await self.owner_change(LONG_PATIENCE if self.outages else PATIENCE)
        await self.up()

    async def restart(self):
        """Have systemd do it; returns when another process serves."""
        starts = self.starts
        await self.systemctl('restart', self.scope.service)
        await self.replaced(starts)

    async def next_process(self, pid):
        """The process that systemd starts next, which does not serve yet."""
        while self.main_pid in (0, pid):
            await self.owner_change(PATIENCE)
        return self.main_pid

    @contextlib.contextmanager
    def outage(self):
        """What is not the service's fault takes long: nobody is held to our patience."""
        self.outages += 1
        try:
            yield
        finally:
            self.outages -= 1
            self.excused = asyncio.get_running_loop().time()

    async def patiently(self, tasks):
        """Those of the tasks that have not ended when our patience does."""
        loop = asyncio.get_running_loop()
        start, late = loop.time(), set(tasks)
        while late and (self.outages or loop.time() < max(start, self.excused) + PATIENCE):
            _, late = await asyncio.wait(late, timeout=1)
        return late

    # --- its systemd ---

    async def command(self, *arguments, check=True):
        process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        if check and process.returncode != 0:
            raise RuntimeError(f'{" ".join(arguments)} exited with {process.returncode}')
        return output.decode()

    async def as_service(self, *arguments, check=True):
        """A command as the user that the service runs as."""
        prefix = [] if self.scope.is_system else ['as-user', self.scope.user.pw_name]
        return await self.command(*prefix, *arguments, check=check)

    async def journal(self, since):
        """What the service has said since a time of day, in both scopes."""
        await self.command('journalctl', '--sync')
        return await self.command('journalctl', '--quiet', '--output=cat', f'--since=@{since:.6f}',
                                  '--identifier=codex-jobsd', check=False)

    async def systemctl(self, *arguments, check=True):
        user = [] if self.scope.is_system else ['--user']
        return await self.as_service('systemctl', *user, *arguments, check=check)

    def drop_in(self, text):
        """Settings of the service's unit for a while; None takes them back."""
        top = '/run/systemd/system' if self.scope.is_system else f'/run/user/{self.scope.uid}/systemd/user'
        folder = f'{top}/{self.scope.service}.d'
        if text is None:
            shutil.rmtree(folder)
            return
        with acting_as(0 if self.scope.is_system else self.scope.uid):
            os.makedirs(folder, exist_ok=True)
            with open(f'{folder}/50-chaos.conf', 'w', encoding='utf-8') as file:
                file.write(text)

    async def take_down(self):
        """The service is not there and cannot be started, until let_up()."""
        await self.systemctl('--quiet', 'mask', '--runtime', '--now', self.scope.service)

    async def let_up(self):
        await self.systemctl('--quiet', 'unmask', '--runtime', self.scope.service)

    async def job_units(self):
        units, = await self.watcher.call_to(*SYSTEMD, 'ListUnitsByPatterns', 'asas', [],
                                            ['codex-job-*'])
        return [unit[0] for unit in units]

    async def no_units(self, timeout):
        """Whether all units of jobs are gone in time."""
        gone = asyncio.Event()
        before, self.watcher.on_signal = self.watcher.on_signal, \
            lambda signal: gone.set() if signal.member == 'UnitRemoved' else self.on_signal(signal)
        await self.watcher.call_to(*BUS, 'AddMatch', 's', UNIT_REMOVED)
        try:
            while await self.job_units():
                gone.clear()
                await asyncio.wait_for(gone.wait(), timeout)
        except TimeoutError:
            return False
        finally:
            self.watcher.on_signal = before
        return True

    # --- its files ---

    def output_folders(self):
        return [f'{self.scope.state}/output', self.scope.results]

    def left_folders(self):
        return [name for name in os.listdir(self.job_folders) if name != '.failpoints']

    async def no_files(self, timeout):
        for folder in self.output_folders():
            try:
                await folder_until(folder, lambda: not os.listdir(folder), timeout)
            except TimeoutError:
                return False
        return True

    # --- failpoints ---

    def failpoint(self, name):
        return f'{self.scope.state}/failpoints/{name}'

    def arm(self, name):
        with open(self.failpoint(name), 'x', encoding='ascii'):
            pass

    def disarm(self, name):
        try:
            os.unlink(self.failpoint(name))
            return True
        except FileNotFoundError:
            return False

    async def taken(self, name, timeout):
        path = self.failpoint(name)
        await folder_until(os.path.dirname(path), lambda: not os.path.exists(path), timeout)

    # --- failpoints of workers ---

    def worker_failpoint(self, name):
        return f'{self.job_folders}/.failpoints/{name}'

    async def worker_taken(self, name, timeout):
        """Have some worker die there. Returns the id of its job."""
        folder, armed = os.path.split(self.worker_failpoint(name))
        with open(f'{folder}/{armed}', 'x', encoding='ascii'):
            pass
        try:
            await folder_until(folder, lambda: not os.path.exists(f'{folder}/{armed}'), timeout)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f'{folder}/{armed}')
        taken, = (other for other in os.listdir(folder) if other.startswith(f'{armed}.'))
        os.unlink(f'{folder}/{taken}')
        return taken.removeprefix(f'{armed}.')

    # --- processes of jobs ---

    def processes(self, job):
        """Process ids in the control group of the job's unit, wherever the slice is."""
        top = V1_GROUPS if os.path.isdir(V1_GROUPS) else GROUPS
        if not self.scope.is_system:
            uid = self.scope.uid
            top += f'/user.slice/user-{uid}.slice/user@{uid}.service'
        found = []
        for folder, _, _ in os.walk(f'{top}/codex.slice/codex-jobs.slice/codex-job-{job}.service'):
            try:
                with open(f'{folder}/cgroup.procs', encoding='ascii') as file:
                    found += file.read().split()
            except OSError:  # it is gone: ENOENT, or ENODEV where it was open already
                pass
        return found

    def record_lines(self, job):
        try:
            with open(f'{self.base}/records/{job}', encoding='ascii') as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return None

    def is_locked(self, job):
        try:
            fd = os.open(f'{self.base}/locks/{job}', os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(fd)

    def alive(self, job):
        """What there is of the job's processes, its worker aside, which stays until its unit is let go."""
        found = [pid for pid in self.processes(job) if program(pid) not in ('', WORKER)]
        return found + ['lock'] * self.is_locked(job)

    def record(self, job):
        """The last thing that the job's command left."""
        lines = self.record_lines(job)
        return lines if lines is None else lines[-1] if lines else ''

    def command_pid(self, job):
        """0 where there is none any more."""
        lines = self.record_lines(job)
        pid = lines[0].split()[2] if lines else ''
        return int(pid) if pid in self.processes(job) else 0

    def worker_pid(self, job):
        """Of a job whose command runs: the parent of that. 0 where there is none any more."""
        pid = self.command_pid(job)
        try:
            with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
                parent = file.read().rpartition(')')[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(parent) if program(parent) == WORKER else 0


def program(pid):
    """The name of what a process executes; none, where it is about to be gone."""
    try:
        return os.path.basename(os.readlink(f'/proc/{pid}/exe').removesuffix(' (deleted)'))
    except (FileNotFoundError, ProcessLookupError):
        return ''
