# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The streams of a job are pipes, as under a shell: a program may open them anew by name, and nothing that
was written is lost by it. The order of what came on both is kept."""

import os
import shutil
import struct
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from support import PATIENCE, refused, shell
from workersupport import (beside, facts, lines, processes, python, same, streams,  # noqa: F401
                           under_a_shell, wait_for_output)

# pylint: disable=redefined-outer-name


# --- as it was found ------------------------------------------------------------------------------

def test_stream_that_is_opened_anew(cli):
    done = cli.run('run', '-q', '--', 'sh', '-c',
                   'echo one >&2; sleep 1; echo two >/dev/stderr; sleep 1; echo three >&2')
    assert (done.stdout, done.stderr) == ('', 'one\ntwo\nthree\n')
    job = cli.output('list', '-q', '--limit', '1').strip()
    assert cli.run('logs', '--stderr', job).stdout + cli.run('logs', '--stderr', job).stderr == 'one\ntwo\nthree\n'


def test_it_is_heard_live(cli, gate):
    """What stands before the gate comes while the job waits there."""
    running = cli.listen('run', '-q', '--', *gate.job(before='echo one >&2; echo two >/dev/stderr',
                                                       then='echo three >&2'))
    gate.wait()
    assert [running.err.line() for _ in range(2)] == ['one', 'two']
    gate.open()
    assert running.err.line() == 'three'
    assert running.end() == (0, '', [])


# --- by all ways to open one ----------------------------------------------------------------------

# What a shell executes, and what then stands in both streams.
WAYS = {
    'stderr by name': ('echo a >&2; echo b >/dev/stderr; echo c >&2', '', 'abc'),
    'stdout by name': ('echo a; echo b >/dev/stdout; echo c', 'abc', ''),
    'appended': ('echo a; echo b >>/dev/stdout; echo c; echo d >>/dev/stderr', 'abc', 'd'),
    'tee to stderr': ('echo a >&2; echo b | tee /dev/stderr; echo c >&2', 'b', 'abc'),
    'tee to stdout': ('echo a; echo b | tee /dev/stdout; echo c', 'abbc', ''),
    'tee -a': ('echo a; echo b | tee -a /dev/stdout /dev/stderr; echo c >&2', 'abb', 'bc'),
    'tee to both': ('echo a; echo a >&2; echo b | tee /dev/stderr >/dev/stdout; echo c; echo c >&2', 'abc', 'abc'),
    'of a child': ("echo a; sh -c 'echo b >/dev/stdout; echo c >/dev/stderr'; echo d", 'abd', 'c'),
    'by number': ('echo a >&2; echo b | cat >/dev/fd/2; echo c >&2', '', 'abc'),
    'by process': ('echo a; echo b >/proc/self/fd/1; echo c >/proc/$$/fd/1; echo d', 'abcd', ''),
    'kept open': ('echo a; exec 3>/proc/self/fd/1; echo b >&3; echo c; echo d >&3', 'abcd', ''),
    'kept open twice': ('exec 3>/dev/stdout 4>/dev/stdout; echo a >&3; echo b >&4; echo c >&3; echo d', 'abcd', ''),
    'in place of itself': ('echo a; exec >/dev/stdout; echo b; exec >/dev/stdout 2>/dev/stderr; echo c; echo d >&2',
                           'abc', 'd'),
    'the other one': ('echo a >&2; exec >/dev/stderr; echo b; echo c >&2', '', 'abc'),
    'both in one': ('echo a; exec 2>/dev/stdout; echo b >&2; echo c', 'abc', ''),
    'of another session': ("echo a; setsid --wait sh -c 'echo b >/dev/stdout; echo c >/dev/stderr'; echo d", 'abd',
                           'c'),
    'in a pipeline': ('echo a; { echo b >/dev/stdout; echo c >/dev/stderr; } | cat; echo d', 'abd', 'c'),
    'for reading too': ('echo a; exec 4<>/dev/stdout; echo b >&4; echo c', 'abc', ''),
    'for reading': ('echo a; exec 4</proc/self/fd/1; echo b; exec 4<&-; echo c', 'abc', ''),
    'by dd': ('echo a; echo b | dd of=/dev/stdout status=none; echo c', 'abc', ''),
    'by cp': ('echo b >"$1/b"; echo a; cp "$1/b" /dev/stdout; echo c', 'abc', ''),
    'over what is there': ('echo b >"$1/b"; echo a; cat "$1/b" >|/dev/stdout; echo c', 'abc', ''),
    'by sed': ('echo a; echo b | sed -n "w /dev/stdout"; echo c', 'abc', ''),
    'by awk': ('echo a >&2; echo b | awk \'{ print >"/dev/stderr" }\'; echo c >&2', '', 'abc'),
    'cut off': ('echo a; truncate -s 0 /dev/stdout 2>/dev/null; echo b; : >/dev/stdout; echo c', 'abc', ''),
    'cut off stderr': ('echo a >&2; : >/dev/stderr; echo b >&2; true 2>/dev/stderr; echo c >&2', '', 'abc'),
}


@pytest.mark.parametrize('way', WAYS)
def test_stream_is_as_under_a_shell(jobs, folder, way):
    script, stdout, stderr = WAYS[way]
    expected = tuple(''.join(f'{letter}\n' for letter in text).encode() for text in (stdout, stderr))
    # That it is so under a shell, too.
    assert under_a_shell(shell(script, folder)) == expected
    job = jobs.enqueue(shell(script, folder))
    assert jobs.wait(job).state == 'completed'
    assert streams(jobs, job) == expected


def test_each_way_is_in_the_logs(cli):
    """One after the other in one job, in order: what is opened by name is the same pipe."""
    script, expected = '', []
    for number, (way, (part, stdout, stderr)) in enumerate(WAYS.items()):
        if 'exec' in part or '$1' in part:
            continue
        script += f'echo "{number} {way}"; {part}\n'
        expected += [f'{number} {way}', *sorted(stdout + stderr)]
    job = cli.enqueue('--', 'sh', '-c', script)
    cli.run('await', '-q', job)
    shown = subprocess.run(cli.command('logs', job), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           check=True, timeout=PATIENCE).stdout
    assert sorted(shown.splitlines()) == sorted(expected)


def test_a_stream_is_a_pipe(jobs):
    script = 'for fd in 1 2; do [ -p /proc/self/fd/$fd ] && ! [ -f /proc/self/fd/$fd ] && echo pipe; done'
    job = jobs.enqueue(shell(script))
    jobs.wait(job)
    assert jobs.output(job) == b'pipe\n' * 2


def test_a_stream_has_no_place(jobs):
    """A program that finds that it can seek, or map, would write where it was."""
    script = '''
    for call in (lambda: os.lseek(1, 0, os.SEEK_SET), lambda: os.ftruncate(1, 0), lambda: os.pwrite(1, b'x', 0)):
        try:
            call()
        except OSError as error:
            print(errno.errorcode[error.errno], flush=True)
    '''
    job = jobs.enqueue(python(script))
    jobs.wait(job)
    assert jobs.output(job).split() == [b'ESPIPE', b'EINVAL', b'ESPIPE']


def test_output_by_sendfile(jobs, folder):
    """The kernel does not copy to a file that is opened for appending."""
    with open(f'{folder}/content', 'wb') as file:
        file.write(os.urandom(1 << 20))
        file.seek(0)
    os.chmod(file.name, 0o644)
    script = '''
    with open(sys.argv[1], 'rb') as file:
        left = 1 << 20
        while left > 0:
            left -= os.sendfile(1, file.fileno(), None, left)
    '''
    job = jobs.enqueue(python(script, file.name))
    assert jobs.wait(job).state == 'completed'
    with open(file.name, 'rb') as content:
        same(jobs.output(job), content.read())


@pytest.mark.parametrize('size', [1, 4095, 4096, 4097, 65536, 1_000_000])
def test_output_of_who_does_not_wait(jobs, size):
    """As node writes: a stream that takes no more is come back to."""
    script = '''
    os.set_blocking(1, False)
    rest = bytes(range(256)) * 16384
    size = int(sys.argv[1])
    while rest:
        select.select([], [1], [])
        try:
            rest = rest[os.write(1, rest[:size]):]
        except BlockingIOError:
            pass
        if size == 1 and len(rest) < 4_190_000:
            break
    '''
    job = jobs.enqueue(python(script, size))
    assert jobs.wait(job).state == 'completed'
    whole = bytes(range(256)) * 16384
    same(jobs.output(job), whole[:len(whole) - 4_189_999] if size == 1 else whole)


# Each writes a thousand lines without blocking, and what is not taken at once is lost. The worker does not run meanwhile, as on
# a machine that is busy with other things; but it has noticed before, by the threads or by what was written, what comes.
BURST = """
import fcntl, signal, threading

worker = os.getppid()
if not open(f'/proc/{worker}/comm').read().startswith('codex-jobs-work'):
    worker = None

def let_worker(signal):
    if worker:
        os.kill(worker, signal)

def begin(fd, wrote):
    os.set_blocking(fd, False)
    if wrote:
        os.write(fd, b'a line before\\n')
    else:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    while fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
        pass

def burst(fd, wrote=False):
    begin(fd, wrote)
    let_worker(signal.SIGSTOP)
    for n in range(1000):
        try:
            os.write(fd, b'line %d of a burst\\n' % n)
        except BlockingIOError:
            pass
    let_worker(signal.SIGCONT)
    os.set_blocking(fd, True)

def both(times):
    for n in range(times):
        print(n, flush=True)
        print(n, file=sys.stderr, flush=True)
"""

BURSTS = {
    'stdout': 'burst(1)',
    'stderr': 'burst(2)',
    'both': 'burst(1); burst(2)',
    'after lines on both': 'both(20); burst(1, True)',
    'after lines on both, stderr': 'both(20); burst(2, True)',
    'switched to and fro': 'for n in range(9): os.set_blocking(1, n % 2 == 0); both(1)\nburst(1, True)',
    'of a child': 'if os.fork() == 0:\n    burst(1, True)\n    os._exit(0)\nos.wait()',
    'inherited': "begin(1, False); begin(2, False); let_worker(signal.SIGSTOP)\n"
                 "subprocess.run(['sh', '-c', 'i=0; while [ $i -lt 1000 ]; do echo $i; echo $i >&2; i=$((i+1)); done'])\n"
                 "let_worker(signal.SIGCONT)",
}


@pytest.mark.parametrize('kind', BURSTS)
def test_burst_is_as_under_a_shell(jobs, kind):
    command = python(BURST + BURSTS[kind])
    expected = under_a_shell(command)
    job = jobs.enqueue(command)
    assert jobs.wait(job).state == 'completed'
    assert expected[0].count(b'\n') + expected[1].count(b'\n') >= 1000
    for found, there in zip(streams(jobs, job), expected):
        same(found, there)


@pytest.mark.skipif(not shutil.which('node'), reason='the same is tested without Node.js above')
@pytest.mark.parametrize('stream', ['log', 'error'])
def test_burst_of_node(jobs, stream):
    """On a machine that is busy with other things: 1,000 lines and process.exit()."""
    script = f'for (let i = 0; i < 1000; i++) console.{stream}("line " + i); process.exit(3)'
    busy = [jobs.enqueue(shell('while :; do :; done')) for _ in range(2 * os.cpu_count())]
    try:
        for _ in range(5):
            job = jobs.enqueue(['node', '-e', script])
            assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
            same(b''.join(streams(jobs, job)), b''.join(b'line %d\n' % n for n in range(1000)))
    finally:
        for each in busy:
            jobs.cancel(each)


def test_pipe_of_another_size(jobs):
    script = '''
    for size in (1 << 20, 4096, 1 << 16):
        for stream in (1, 2):
            try:
                fcntl.fcntl(stream, 1031, size)  # F_SETPIPE_SZ
            except OSError:
                pass
            os.write(stream, bytes(3000))
            os.write(stream, bytes(100_000))
    '''
    job = jobs.enqueue(python(script))
    assert jobs.wait(job).state == 'completed'
    assert streams(jobs, job) == (bytes(3 * 103_000),) * 2


def test_closed_streams_are_not_the_end(jobs):
    """The command ends, and not its output."""
    ended = jobs.run(shell('echo a; exec >&- 2>&-; sleep 1; exit 3'))
    assert facts(ended) == ('failed', 'exit-code', 3)
    assert jobs.output(ended.job['Id']) == b'a\n'


@pytest.mark.parametrize('end, expected', [('exit 4', 'exit-code'), ('kill -KILL $$', 'signal'),
                                           ('exec sh -c "exit 4"', 'exit-code')])
def test_what_is_in_the_pipe_at_the_end_is_kept(jobs, end, expected):
    """A page on each stream, as the last thing before the end."""
    for _ in range(10):
        job = jobs.enqueue(shell(f'head -c 4096 /dev/zero >&2; head -c 4096 /dev/zero; echo end; {end}'))
        assert jobs.wait(job).job['Reason'] == expected
        assert streams(jobs, job) == (bytes(4096) + b'end\n', bytes(4096))


def test_streams_of_background_processes_are_not_waited_for(jobs, settings, processes, pipe):
    """They hold the pipes and go on writing; what they wrote before the end is there."""
    settings(StopTimeoutSec='1s')
    told = pipe('told')
    script = '''setsid sh -c 'echo $$ >"$0"; trap "" TERM; while :; do echo x; echo y >&2; sleep 0.01; done' "$1" &
                read _ <"$2"; exit 3'''
    gate = pipe('gate')
    job = jobs.enqueue(shell(script, told, gate))
    process, = processes.take(1, told)
    gate.write('\n')
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 3)
    assert process.has_ended()
    before = streams(jobs, job)
    assert set(before[0]) <= set(b'x\n') and set(before[1]) <= set(b'y\n')
    found = jobs.get(job)
    assert (found['StdoutBytes'], found['StderrBytes']) == tuple(map(len, before))


# --- the order of both ----------------------------------------------------------------------------

ENTRY = struct.Struct('@QII')


def order_of(jobs, job):
    """(microseconds, bytes, stream) of each piece, as they came."""
    return list(ENTRY.iter_unpack(jobs.output(job, 'order')))


def in_order(jobs, job):
    """What came on both, put together again."""
    content = streams(jobs, job)
    at, text = [0, 0], b''
    for _, size, stream in order_of(jobs, job):
        text += content[stream][at[stream]:at[stream] + size]
        at[stream] += size
    assert tuple(at) == tuple(map(len, content)), 'the pieces are not all of it'
    return text


def together(cli, job, *arguments):
    """What "logs" shows where both of its streams are one."""
    return subprocess.run(cli.command('logs', *arguments, job), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=True, timeout=PATIENCE).stdout


# Each writes to both streams by turns.
BY_TURNS = {
    'a shell': shell('for i in $(seq 200); do echo "o $i"; echo "e $i" >&2; done'),
    'printf': shell('i=0; while [ $i -lt 500 ]; do printf "o %d\\n" $i; printf "e %d\\n" $i >&2; i=$((i+1)); done'),
    'one process': python("for n in range(20000): os.write(1 + n % 2, b'%d\\n' % n)"),
    'children': shell('for i in $(seq 100); do sh -c "echo o $i"; sh -c "echo e $i >&2"; done'),
    'a pause': shell('for i in $(seq 10); do echo "o $i"; sleep 0.05; echo "e $i" >&2; sleep 0.05; done'),
    'two and three': python("for n in range(9000): os.write(1 + n % 5 // 3, b'%d\\n' % n)"),
    'long lines': python("for n in range(500): os.write(1 + n % 2, b'%03d' % n * 1300 + b'\\n')"),
    'one and two lines': shell('for i in $(seq 300); do case $i in *5) printf "o $i\\nand\\n";; *) echo "o $i";; esac; '
                               'echo "e $i" >&2; done'),
    'parts and lines': python("for n in range(2000): "
                              "os.write(1 + n % 7 % 2, [b'%d', b'%d\\n', b'%d\\n\\nand '][n % 3] % n)"),
    'more than a page': python("for n in range(300): os.write(1 + n % 2, b'%04d' % n * 2500 + b'\\n')"),
}


@pytest.mark.parametrize('name', BY_TURNS)
def test_order_is_kept(jobs, name):
    job = jobs.enqueue(BY_TURNS[name])
    assert jobs.wait(job).state == 'completed'
    same(in_order(jobs, job), under_a_shell(BY_TURNS[name], merged=True)[0])


@pytest.mark.parametrize('name', ['a shell', 'one process', 'children', 'two and three'])
def test_logs_show_it_in_order(cli, name):
    job = cli.enqueue('--', *BY_TURNS[name])
    cli.run('await', '-q', job)
    same(together(cli, job), under_a_shell(BY_TURNS[name], merged=True)[0])


def test_run_passes_it_on_in_order(cli):
    script = 'for i in 1 2 3 4 5 6 7 8 9; do echo "o $i"; echo "e $i" >&2; done'
    done = subprocess.run(cli.command('run', '-q', '--', 'sh', '-c', script), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == ''.join(f'o {i}\ne {i}\n' for i in range(1, 10))


def test_order_under_load(jobs):
    """40,000 lines, while another job writes as much as it can."""
    other = jobs.enqueue(shell('while :; do head -c 1000000 /dev/zero; sleep 0.001; done'))
    job = jobs.enqueue(python("for n in range(40000): os.write(1 + n % 2, b'%d\\n' % n)"))
    assert jobs.wait(job).state == 'completed'
    jobs.cancel(other)
    same(in_order(jobs, job), b''.join(b'%d\n' % n for n in range(40000)))


def test_order_of_two_processes(jobs):
    """One writes after the other has, which tells it through a pipe."""
    script = '''
    ours, theirs = socket.socketpair()
    child = os.fork()
    stream, mine = (2, theirs) if child == 0 else (1, ours)
    for n in range(2000):
        if child == 0 or n > 0:
            mine.recv(1)
        os.write(stream, b'%d\\n' % (2 * n + (child == 0)))
        mine.send(b'x')
    if child:
        os.wait()
    '''
    job = jobs.enqueue(python(script))
    assert jobs.wait(job).state == 'completed'
    same(in_order(jobs, job), b''.join(b'%d\n' % n for n in range(4000)))


def test_order_as_it_grows(jobs, gate):
    """It tells of nothing that is not written yet, and the descriptor is for reading."""
    job = jobs.enqueue(gate.job(before='echo one; echo two >&2', then='echo three'))
    gate.wait()
    wait_for_output(jobs, job, lambda text: sum(size for _, size, _ in ENTRY.iter_unpack(text)) == 8, 'order')
    assert in_order(jobs, job) == b'one\ntwo\n'
    with jobs.open_output(job, 'order') as file:
        with pytest.raises(OSError):
            os.write(file.fileno(), b'x')
        with pytest.raises(OSError):
            os.ftruncate(file.fileno(), 0)
    before = order_of(jobs, job)
    gate.open()
    started, finished = (jobs.wait(job).job[name] for name in ('StartedUSec', 'FinishedUSec'))
    entries = order_of(jobs, job)
    assert in_order(jobs, job) == b'one\ntwo\nthree\n'
    assert entries[:len(before)] == before
    times = [usec for usec, _, _ in entries]
    assert times == sorted(times) and started <= times[0] and times[-1] <= finished


def test_order_of_a_job_that_wrote_nothing(jobs):
    assert order_of(jobs, jobs.run(['true']).job['Id']) == []


def test_order_of_one_stream(jobs):
    job = jobs.enqueue(['head', '-c', '3000000', '/dev/zero'])
    jobs.wait(job)
    entries = order_of(jobs, job)
    assert sum(size for _, size, _ in entries) == 3_000_000 and {stream for *_, stream in entries} == {0}


def test_other_streams_are_still_refused(jobs):
    job = jobs.run(['true']).job['Id']
    with refused('InvalidArgument', 'order'):
        jobs.open_output(job, 'orders')


# What a program does with its stdout, and the end of what stands there then.
ODD = {
    'nothing, often': ("""
        for n in range(1000):
            os.write(1, b'')
        os.write(1, b'end')
        """, b'end'),
    'pages that it changes afterwards': ("""
        import mmap
        libc, page = ctypes.CDLL(None), mmap.mmap(-1, 4096)
        page.write(b'x' * 4096)
        at = ctypes.addressof(ctypes.c_char.from_buffer(page))
        libc.vmsplice(1, (ctypes.c_size_t * 2)(at, 4096), ctypes.c_size_t(1), 0)
        page.seek(0)
        page.write(b'y' * 4096)
        os.write(1, b'end')
        """, b'end'),
    'flags that change': ("""
        for n in range(300):
            fcntl.fcntl(1, fcntl.F_SETFL, (os.O_NONBLOCK, os.O_DIRECT, os.O_ASYNC, 0)[n % 4])
            select.select([], [1], [])
            os.write(1, b'%d,' % n)
        """, b'298,299,'),
    'sizes that change': ("""
        for n in range(300):
            try:
                fcntl.fcntl(1, 1031, 4096 << n % 6)  # F_SETPIPE_SZ
            except OSError:
                pass  # there is more in it
            os.write(1, b'%d,' % n)
        """, b'298,299,'),
    'a reader of its own': ("""
        reader = os.open('/dev/stdout', os.O_RDONLY | os.O_NONBLOCK)
        for n in range(300):
            os.write(1, b'%d,' % n)
            try:
                os.read(reader, 100)
            except BlockingIOError:
                pass
        os.close(reader)
        os.write(1, b'end')
        """, b'end'),
}


@pytest.mark.parametrize('kind', ODD)
def test_odd_things_that_are_done_to_a_stream(jobs, kind, beside):
    script, end = ODD[kind]
    ended = jobs.run(python(script + '\n        sys.exit(5)', kind))
    assert facts(ended) == ('failed', 'exit-code', 5), jobs.output(ended.job['Id'], 'stderr')
    assert jobs.output(ended.job['Id']).endswith(end)


def test_stream_that_somebody_else_keeps(jobs, new_gate, pipe, processes):
    """The end of the job does not wait for it, and it writes to nobody then."""
    keeper, job_gate, told = new_gate(), new_gate(), pipe('told')
    job = jobs.enqueue(job_gate.job('exit 5', before='echo one'))
    pid = job_gate.wait()
    other = jobs.enqueue(shell('exec 3>"/proc/$1/fd/1"; echo two >&3; echo $$ >"$2"; read _ <"$3"; '
                               'echo three >&3 || exit 6', pid, told, keeper.hold))
    processes.take(1, told)
    job_gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 5)
    assert jobs.output(job) == b'one\ntwo\n'
    keeper.open()
    assert jobs.wait(other).state == 'failed'
    assert jobs.output(job) == b'one\ntwo\n'


# --- one pipe for both ----------------------------------------------------------------------------

def test_merged_output(jobs):
    job = jobs.enqueue(BY_TURNS['one process'], MergeOutput=('b', True))
    ended = jobs.wait(job)
    assert ended.state == 'completed'
    same(jobs.output(job), b''.join(b'%d\n' % n for n in range(20000)))
    assert (jobs.output(job, 'stderr'), ended.job['StderrBytes']) == (b'', 0)
    same(in_order(jobs, job), jobs.output(job))


@pytest.mark.parametrize('way', ['stderr by name', 'tee to both', 'both in one', 'by number'])
def test_merged_output_that_is_opened_anew(jobs, way):
    script, *_ = WAYS[way]
    job = jobs.enqueue(shell(script), MergeOutput=('b', True))
    jobs.wait(job)
    assert streams(jobs, job) == under_a_shell(shell(script), merged=True)


def test_merged_output_is_one_pipe(jobs):
    for merge in (True, False):
        job = jobs.enqueue(shell('[ /proc/self/fd/1 -ef /proc/self/fd/2 ]'), MergeOutput=('b', merge))
        assert jobs.wait(job).exit_code == int(not merge)


def test_not_merged_without_the_option(jobs):
    job = jobs.enqueue(shell('echo a; echo b >&2'), MergeOutput=('b', False))
    jobs.wait(job)
    assert streams(jobs, job) == (b'a\n', b'b\n')
    with refused('InvalidArgument', 'MergeOutput'):
        jobs.enqueue(['true'], MergeOutput=('s', 'yes'))


def test_merged_output_at_the_command_line(cli):
    done = cli.run('run', '-q', '--merge-output', '--', 'sh', '-c', 'echo a; echo b >&2; echo c')
    assert (done.stdout, done.stderr) == ('a\nb\nc\n', '')


def test_retry_merges_again(jobs):
    first = jobs.run(shell('echo a; echo b >&2'), MergeOutput=('b', True)).job['Id']
    again, _ = jobs.call('Retry', 'sa{sv}', first, {})
    jobs.enqueued.append(again)
    jobs.wait(again)
    assert streams(jobs, again) == (b'a\nb\n', b'')


def test_what_could_not_be_executed_is_told_in_it(jobs):
    job = jobs.enqueue(['/no/such/command'], MergeOutput=('b', True))
    assert jobs.wait(job).job['Reason'] == 'not-executable'
    assert b'/no/such/command' in b''.join(streams(jobs, job))


# --- while it grows -------------------------------------------------------------------------------

def test_reader_of_what_grows_misses_nothing(jobs, gate):
    job = jobs.enqueue(gate.job(before='seq 100000', then='seq 100001 200000'))
    gate.wait()
    with jobs.open_output(job) as file:
        text = wait_for_output(jobs, job, lines(100000))
        same(file.read(), text)
        gate.open()
        jobs.wait(job)
        text += file.read()
    same(text, b''.join(b'%d\n' % n for n in range(1, 200001)))


def test_each_line_comes_at_once(jobs, gate):
    """And not when a buffer is full."""
    job = jobs.enqueue(gate.job(before='for i in 1 2 3; do echo $i; read _ <"$2"; done'))
    for number in (1, 2, 3):
        assert wait_for_output(jobs, job, lines(number)).endswith(b'%d\n' % number)
        gate.open()
    gate.wait()
    gate.open()
    assert jobs.wait(job).state == 'completed'
