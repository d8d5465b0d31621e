# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Jobs that misuse what they are given to speak with: their notify socket and their streams. Each ends as its
command does, and the job beside it runs through."""

import os
import random

import pytest
from support import SECOND, shell
from workersupport import (FOLDER, beside, descriptors_of, facts, lines, python, quick_end,  # noqa: F401
                           streams, wait_for_output, worker_of)

# pylint: disable=redefined-outer-name

pytestmark = pytest.mark.usefixtures('quick_end')


# --- its notify socket ----------------------------------------------------------------------------

def test_socket_that_is_removed(jobs, beside):
    script = 'rm -f "$NOTIFY_SOCKET"; systemd-notify --status=x || echo failed; echo done; exit 3'
    job = jobs.enqueue(shell(f'{FOLDER} {script}'))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert jobs.output(job) == b'failed\ndone\n'


@pytest.mark.parametrize('instead', ['mkdir "$NOTIFY_SOCKET"', 'mkfifo "$NOTIFY_SOCKET"', ': >"$NOTIFY_SOCKET"',
                                     'ln -s /dev/null "$NOTIFY_SOCKET"', 'chmod 000 "$NOTIFY_SOCKET"'])
def test_socket_that_is_replaced(jobs, beside, instead):
    remove = '' if 'chmod' in instead else 'rm -f "$NOTIFY_SOCKET";'
    job = jobs.enqueue(shell(f'{FOLDER} {remove} {instead}; exit 3'))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


@pytest.mark.parametrize('waits', [True, False], ids=['waits', 'does not wait'])
def test_flood_of_messages(jobs, beside, waits):
    """As fast as it can for two seconds, each of another text; the last is the progress."""
    script = '''
    flags = 0 if sys.argv[1] else socket.MSG_DONTWAIT
    end = time.monotonic() + 2
    n = 0
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.connect(os.environ['NOTIFY_SOCKET'])
    while time.monotonic() < end:
        try:
            sender.send(b'STATUS=%d' % n, flags)
        except BlockingIOError:
            pass
        n += 1
    notify(b'STATUS=last')
    sys.exit(3)
    '''
    jobs.subscribe("type='signal',member='PropertiesChanged'")
    job = jobs.enqueue(python(script, '1' if waits else ''))
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert ended.job['Progress'] == 'last'
    jobs.flush()
    told = [each for each in jobs.signals if job.replace('-', '_2d') in each.path and 'Progress' in each.body[2]]
    seconds = (ended.job['FinishedUSec'] - ended.job['StartedUSec']) / SECOND
    assert len(told) <= 4 * seconds + 4


def test_flood_by_several_processes(jobs, beside):
    script = '''
    children = []
    for child in range(8):
        pid = os.fork()
        if pid == 0:
            end = time.monotonic() + 2
            while time.monotonic() < end:
                notify(b'STATUS=' + b'x' * 1000)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    print('done', flush=True)
    sys.exit(3)
    '''
    job = jobs.enqueue(python(script))
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert jobs.output(job) == b'done\n'


def test_flood_without_an_end(jobs, beside, gate):
    """Neither is its output late by it, nor its end."""
    script = '''
    if os.fork() == 0:
        while True:
            notify(b'STATUS=x')
    os.execvp('sh', ['sh', '-c', *sys.argv[1:]])
    '''
    job = jobs.enqueue(python(script, *gate.job(before='echo out', then='exit 3')[2:]))
    gate.wait()
    assert wait_for_output(jobs, job, lines(1)) == b'out\n'
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_descriptors_without_end(jobs, scope, beside, gate):
    """Never so many under way that the kernel, which counts those of a user, would refuse them to others."""
    script = '''
    ready, hold = sys.argv[1:]
    held = os.open('/dev/null', os.O_RDONLY)
    sent = 0
    end = time.monotonic() + 2
    while time.monotonic() < end:
        notify(b'FDSTORE=1', [held] * 50)
        sent += 1
        if sent % 4 == 0:
            barrier()
    barrier()
    print(sent, flush=True)
    with open(ready, 'w') as file:
        print(os.getpid(), file=file)
    with open(hold) as file:
        file.readline()
    sys.exit(3)
    '''
    job = jobs.enqueue(python(script, gate.ready, gate.hold))
    gate.wait()
    held = descriptors_of(worker_of(scope, job))
    assert held.count('/dev/null') < 10 and len(held) < 40
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert int(jobs.output(job)) >= 20


def test_descriptors_of_all_kinds(jobs, beside):
    """Closing one may take its time, or tell somebody."""
    script = '''
    for make in (lambda: os.open('/tmp', os.O_PATH), lambda: os.pidfd_open(os.getpid()), lambda: os.memfd_create('x'),
                 lambda: os.eventfd(0), lambda: socket.socket().detach(), lambda: select.epoll().fileno(),
                 lambda: os.open('/proc/self/mem', os.O_RDONLY), lambda: os.open('.', os.O_RDONLY),
                 lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()):
        fd = make()
        try:
            notify(b'FDSTORE=1\\nFDNAME=x', [fd])
            notify(b'BARRIER=1', [fd, fd])
        except OSError:
            pass
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    socket.send_fds(ours, [b'x'], [theirs.fileno()])
    notify(b'STATUS=cycle', [ours.fileno(), theirs.fileno()])
    barrier()
    sys.exit(3)
    '''
    ended = jobs.run(python(script))
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert ended.job['Progress'] == 'cycle'


@pytest.mark.parametrize('size', [1000, 4096, 65536, 100_000, 200_000])
def test_large_messages(jobs, beside, size):
    """They are cut, or passed over; the next one counts."""
    script = '''
    for n in range(100):
        try:
            notify(b'STATUS=' + b'x' * int(sys.argv[1]))
        except OSError as error:
            assert error.errno in (errno.EMSGSIZE, errno.ENOBUFS), error
    '''
    progress = jobs.run(python(script, size)).job.get('Progress', 'x')
    assert set(progress) == {'x'} and len(progress) <= 1024
    ended = jobs.run(python(script + "    notify(b'STATUS=next')\n    sys.exit(3)\n", size))
    assert (*facts(ended), ended.job['Progress']) == ('failed', 'exit-code', 3, 'next')


MALFORMED = {
    'no text': b'STATUS=\xff\xfe\xfd',
    'half a letter': b'STATUS=x\xe2\x82',
    'a surrogate': b'STATUS=\xed\xa0\x80',
    'zero inside': b'STATUS=a\0b',
    'zeros': bytes(100),
    'nothing': b'',
    'an end of line': b'\n',
    'ends of lines': b'\n' * 5000,
    'no equals sign': b'STATUS',
    'equals signs': b'====',
    'no name': b'=x',
    'control letters': b'STATUS=\x01\x1b[31m\x07\x7f',
    'carriage return': b'STATUS=a\rb',
    'turned': 'STATUS=\u202ex'.encode(),
    'many lines': b'STATUS=x\n' * 7000,
    'many names': b''.join(b'N%d=1\n' % n for n in range(5000)),
    'random': random.Random(1).randbytes(4000),
    'barrier without': b'BARRIER=1',
    'all in one': b'BARRIER=1\nSTATUS=x\nMAINPID=1\nSTOPPING=1',
    'a format': b'STATUS=%s%n%s%n',
}


@pytest.mark.parametrize('kind', MALFORMED)
def test_malformed_message(jobs, beside, kind):
    script = '''
    message = os.fsencode(sys.stdin.buffer.read().decode('latin-1').encode('latin-1'))
    for n in range(10):
        notify(message)
    notify(b'STATUS=after')
    sys.exit(3)
    '''
    for after in (True, False):
        fd = os.memfd_create('message')
        os.write(fd, MALFORMED[kind])
        with os.fdopen(fd, 'rb') as content:
            text = script if after else script.replace("    notify(b'STATUS=after')\n", '')
            job = jobs.enqueue(python(text), Stdin=content)
        ended = jobs.wait(job)
        assert facts(ended) == ('failed', 'exit-code', 3), jobs.output(job, 'stderr')
        assert not after or ended.job['Progress'] == 'after'
        jobs.get(job)['State']  # which the bus would not take with bytes that are no text
        assert '\n' not in ended.job.get('Progress', '')


def test_messages_from_a_connected_socket_that_shuts_down(jobs, beside):
    script = '''
    for n in range(200):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.connect(os.environ['NOTIFY_SOCKET'])
        sender.send(b'STATUS=%d' % n)
        sender.shutdown(socket.SHUT_RDWR)
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        try:
            socket.socket(socket.AF_UNIX, kind).connect(os.environ['NOTIFY_SOCKET'])
        except OSError as error:
            print(errno.errorcode[error.errno], flush=True)
    sys.exit(3)
    '''
    ended = jobs.run(python(script))
    assert (*facts(ended), ended.job['Progress']) == ('failed', 'exit-code', 3, '199')
    assert jobs.output(ended.job['Id']) == b'EPROTOTYPE\n' * 2


def test_socket_of_another_job(jobs, gate, beside):
    """Of the same user: what is said there is said of that job, and does no more to it."""
    job = jobs.enqueue(gate.job(before='echo "$NOTIFY_SOCKET"', then='exit 3'))
    gate.wait()
    path = wait_for_output(jobs, job, lines(1)).decode().strip()
    script = f'NOTIFY_SOCKET="{path}" systemd-notify STOPPING=1 MAINPID=1 STATUS=other'
    assert jobs.run(shell(script)).state in ('completed', 'failed')
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)


def test_socket_of_another_user(system, alice, bob, gate):
    job = alice.enqueue(gate.job(before='echo "$NOTIFY_SOCKET"', then='exit 3'))
    gate.wait()
    path = wait_for_output(alice, job, lines(1)).decode().strip()
    assert bob.run(shell(f'NOTIFY_SOCKET="{path}" systemd-notify STATUS=bob')).state == 'failed'
    gate.open()
    ended = alice.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3) and 'Progress' not in ended.job


# --- its streams ----------------------------------------------------------------------------------

@pytest.mark.parametrize('script', [
    'cat </dev/stdout >/dev/null & echo a; exit 3', 'exec 3</proc/self/fd/1 4</proc/self/fd/2; sleep infinity & exit 3',
    '(setsid cat /proc/self/fd/1 >/dev/null &) ; seq 100000; exit 3', 'exec >/dev/full; echo x; exit 3',
    'while :; do exec >/dev/stdout; done & sleep 0.3; exit 3', 'timeout 1 dd if=/dev/stdout of=/dev/null; exit 3',
    'for i in $(seq 200); do (sleep infinity) & done; exit 3', 'exec 1<&- 2<&-; exit 3',
    'mkfifo "$1/p"; exec >"$1/p" & sleep 0.3; exit 3', 'yes >/dev/stderr & sleep 0.3; exit 3'])
def test_what_is_done_to_the_streams(jobs, folder, beside, script):
    ended = jobs.run(shell(script, folder), OutputMax=1 << 30)
    assert facts(ended) == ('failed', 'exit-code', 3)


def test_flags_of_the_streams(jobs, beside):
    """Those of the job's ends are its own affair."""
    script = '''
    for stream in (1, 2):
        flags = fcntl.fcntl(stream, fcntl.F_GETFL)
        for change in (os.O_NONBLOCK, os.O_ASYNC, os.O_APPEND, os.O_DIRECT, 0):
            try:
                fcntl.fcntl(stream, fcntl.F_SETFL, flags ^ change)
            except OSError:
                pass
            os.write(stream, b'x' * 100)
        for call in (lambda: fcntl.fcntl(stream, 1031, 1 << 20), lambda: fcntl.fcntl(stream, 1031, 0),
                     lambda: fcntl.flock(stream, fcntl.LOCK_EX),
                     lambda: fcntl.fcntl(stream, fcntl.F_SETOWN, os.getppid()),
                     lambda: os.fchmod(stream, 0), lambda: os.fchown(stream, os.getuid(), os.getgid()),
                     lambda: os.open('/proc/self/fd/%d' % stream, os.O_RDWR)):
            try:
                call()
            except OSError:
                pass
            os.write(stream, b'y' * 100)
    sys.exit(3)
    '''
    ended = jobs.run(python(script))
    assert facts(ended) == ('failed', 'exit-code', 3)
    for text in streams(jobs, ended.job['Id']):
        assert text == b'x' * 500 + b'y' * 700
