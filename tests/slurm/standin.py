# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A stand-in for codex-jobsd: it starts codex-jobs-slurm as the main process of a job, and is what it reports to."""

import array
import os
import pwd
import queue
import random
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

LIBEXEC = '/usr/libexec/codex-jobs'
SPEC_MAGIC, TRAILER_MAGIC = 0x31636570732d6a63, 0x3172656b726f7763
NO_STDIN = 2**64 - 1
HELLO, PROGRESS, ENDED, LACK, PLACE, WELCOME, GO = 1, 2, 3, 4, 5, 64, 65
ITSELF, CANNOT, STOP, OOM, RUNTIME, OUTPUT, STALL, NODE_LOST, LOST, ELSEWHERE = range(10)
EXITED, KILLED, DUMPED = 1, 2, 3
SECONDS = 20


class End:
    """A report of the end, see WorkerEnded."""

    def __init__(self, data):
        (_, _, size, self.final, self.cause, self.code, self.status, _, self.started, self.ended, self.result, _,
         _, self.output_error, text, left, result) = struct.unpack_from('=5I2iIQQIIQIIII', data)
        rest = data[size:]
        self.text = rest[:text].decode()
        self.left = rest[text:text + left].decode()
        self.data = rest[text + left:text + left + result]

    def __repr__(self):
        return f'End(cause={self.cause}, code={self.code}, status={self.status}, text={self.text!r}, left={self.left!r})'

    @property
    def short(self):
        return self.cause, self.code, self.status


class Standin:
    def __init__(self, user='alice'):
        self.user = pwd.getpwnam(user)
        self.folder = tempfile.mkdtemp(dir='/tmp')
        os.chmod(self.folder, 0o755)
        self.path = f'{self.folder}/workers'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.listen(64)
        self.jobs = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            link, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        job = None
        while data := self.receive(link):
            kind = struct.unpack_from('=II', data)[1]
            if kind == HELLO:
                job = self.jobs[data[8:72].rstrip(b'\0').decode()]
                assert data[72:88] == job.secret
                job.link = link
                order = os.open(f'{job.path}.order', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                link.sendmsg([struct.pack('=II', 1, WELCOME)],
                             [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [order]))])
                os.close(order)
            job.take(kind, data)

    @staticmethod
    def receive(link):
        try:
            return link.recv(1 << 20)
        except ConnectionResetError:
            return b''

    def clear(self):
        """Ends what a test that failed has left. The others let their allocation go, after their end."""
        for job in self.jobs.values():
            if any(kind == ENDED for kind, _ in job.messages):
                job.exit()
            if job.process.poll() is None:
                job.process.kill()
                job.reap()
        self.jobs = {}

    def start(self, *argv, **options):
        job = Job(self, argv, **options)
        self.jobs[job.id] = job
        job.start()
        return job


class Job:
    """One that was started. go: its end is recorded at once."""

    def __init__(self, service, argv, stdin=None, environment=(), directory='/', stop_timeout=2, runtime_max=0, output_max=0,
                 options='', memory=None, caller=None, go=True, merge=False, ident=None):
        self.service, self.argv, self.go = service, argv, go
        self.id = ident or 'job-' + ''.join(random.choices('0123456789abcdefghjkmnpqrstvwxyz', k=10))
        self.path = f'{service.folder}/{self.id}'
        self.secret = random.randbytes(16)
        self.messages, self.ends = [], queue.Queue()
        self.changed = threading.Condition()
        self.link = self.process = None
        self.spec = self.encode(stdin, environment, directory, stop_timeout, runtime_max, output_max, merge)
        self.environment = {'PATH': '/usr/bin:/bin', 'HOME': service.user.pw_dir, 'USER': service.user.pw_name, **(caller or {})}
        if options:
            self.environment['CODEX_JOBS_LAUNCHER_OPTIONS'] = options
        if memory:
            self.environment['CODEX_JOBS_MEMORY_MAX'] = str(memory)

    def encode(self, stdin, environment, directory, stop_timeout, runtime_max, output_max, merge):
        strings = b''.join(text.encode() + b'\0' for text in (directory, *self.argv, *environment))
        header = struct.pack('=QQQII', SPEC_MAGIC, len(strings), NO_STDIN if stdin is None else len(stdin), len(self.argv),
                             len(environment))
        trailer = struct.pack('=QQQQQII16s108s108s', TRAILER_MAGIC, int(stop_timeout * 1e6), int(runtime_max * 1e6), output_max,
                              0, 0, 1 if merge else 0, self.secret, self.service.path.encode(), b'/nowhere')
        return header + strings + (stdin or b'') + trailer

    def start(self):
        spec = os.memfd_create('spec')
        os.write(spec, self.spec) if len(self.spec) < 1 << 20 else self.write(spec)
        user = self.service.user
        files = [os.open(f'{self.path}.{name}', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in ('stdout', 'stderr')]
        self.begun = time.monotonic()
        self.process = subprocess.Popen([f'{LIBEXEC}/codex-jobs-slurm', self.id], stdin=spec, stdout=files[0], stderr=files[1],
                                        env=self.environment, user=user.pw_uid, group=user.pw_gid, extra_groups=[],
                                        start_new_session=True)
        for fd in (spec, *files):
            os.close(fd)

    def write(self, fd):
        data = memoryview(self.spec)
        while data:
            data = data[os.write(fd, data):]

    def take(self, kind, data):
        with self.changed:
            self.messages.append((kind, data[8:]))
            self.changed.notify_all()
        if kind == ENDED:
            end = End(data)
            end.seconds = time.monotonic() - self.begun
            self.ends.put(end)
            if self.go and end.final:
                self.confirm()

    def confirm(self):
        self.link.send(struct.pack('=II', 1, GO))

    def wait_for(self, kind, condition=lambda text: True, seconds=SECONDS):
        """The first message of that kind."""
        def find():
            return next((text for k, text in self.messages if k == kind and condition(text)), None)
        with self.changed:
            assert self.changed.wait_for(lambda: find() is not None, seconds), self.messages
            return find()

    def wait_begun(self, seconds=SECONDS):
        """Returns the node and the number of the job in Slurm."""
        return self.wait_for(PLACE, seconds=seconds).decode().split()

    def wait_output(self, text, seconds=SECONDS):
        end = time.monotonic() + seconds
        while text not in self.output():
            assert time.monotonic() < end, self.output()
            time.sleep(0.02)

    def end(self, seconds=SECONDS):
        return self.ends.get(timeout=seconds)

    def cancel(self):
        self.process.send_signal(signal.SIGTERM)

    def exit(self, seconds=SECONDS):
        """As the command, if nobody said that its end is recorded; PID 1 does not wait for that when it stops the unit."""
        return self.process.wait(seconds)

    def output(self, name='stdout'):
        with open(f'{self.path}.{name}', 'rb') as file:
            return file.read()

    def reap(self, **more):
        user = self.service.user
        return subprocess.run([f'{LIBEXEC}/codex-jobs-slurm', '--reap', self.id], env={**self.environment, **more},
                              user=user.pw_uid, group=user.pw_gid, extra_groups=[], check=False, timeout=SECONDS).returncode
