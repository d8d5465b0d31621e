# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Both streams of a job in the order in which it wrote to them, and with times."""

import datetime
import os
import re
import signal
import struct
import subprocess

import pytest
from clientsupport import cli, on_terminal  # noqa: F401
from support import PATIENCE, Lines

# pylint: disable=redefined-outer-name

TURNS = 'i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo "out $i"; echo "err $i" >&2; done'
LINES = ''.join(f'out {i}\nerr {i}\n' for i in range(1, 201))
STAMP = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d '
NO_STAMP = f'{"-":30}'


def together(cli, *arguments, status=0, **options):
    """What it writes to both of its streams, which are one pipe."""
    done = subprocess.run(cli.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=PATIENCE, **options)
    assert done.returncode == status, done.stdout
    return done.stdout


def ended(cli, *command):
    """The id of a job that did that."""
    return cli.job('run', '--', *command)['id']


def split(text):
    """The times and the rest of lines that have both."""
    lines = text.splitlines(keepends=True)
    assert all(re.match(STAMP, line) for line in lines), text
    return [datetime.datetime.fromisoformat(line[:29]) for line in lines], ''.join(line[30:] for line in lines)


# --- the order ------------------------------------------------------------------------------------

def test_lines_in_turn(cli):
    assert together(cli, 'run', '--quiet', '--', 'sh', '-c', TURNS).decode() == LINES
    job = ended(cli, 'sh', '-c', TURNS)
    assert together(cli, 'logs', job).decode() == LINES
    assert together(cli, 'logs', '--follow', '--no-tail', job).decode() == LINES
    for stream in ('stdout', 'stderr'):
        expected = ''.join(f'{stream[3:]} {i}\n' for i in range(1, 201))
        assert cli.output('logs', f'--{stream}', job) == expected
    done = cli.run('logs', job)
    assert done.stdout + done.stderr == ''.join(f'out {i}\n' for i in range(1, 201)) + \
        ''.join(f'err {i}\n' for i in range(1, 201))


@pytest.mark.parametrize('verb', ['run', 'logs'])
def test_lines_in_turn_live(cli, new_gate, verb):
    gate = new_gate()
    command = gate.job(before='echo a >&2; echo b; echo c >&2',
                       then=f'{TURNS}; echo >"$1"; read _ <"$2"; echo end >&2; echo end')
    if verb == 'logs':
        job = cli.enqueue('--', *command)
        command = ['logs', '--follow', job]
    else:
        command = ['run', '--quiet', '--', *command]
    with subprocess.Popen(cli.command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        heard = Lines(process.stdout.fileno(), command)
        assert [heard.line() for _ in range(3)] == ['a', 'b', 'c']
        gate.wait()
        gate.open()
        assert [heard.line() for _ in range(400)] == LINES.split('\n')[:-1]
        gate.ready.line()
        gate.open()
        assert [heard.line() for _ in range(2)] == ['end', 'end']
        assert process.wait(PATIENCE) == 0


def test_lines_are_whole_where_they_come_in_parts(cli):
    script = 'printf a; printf b >&2; printf "c\\n"; printf d >&2; printf e; printf "f\\n" >&2'
    assert together(cli, 'run', '-q', '--', 'sh', '-c', script) == b'abc\ndef\n'
    assert together(cli, 'logs', ended(cli, 'sh', '-c', script)) == b'abc\ndef\n'


def test_bytes_of_any_kind(cli):
    parts = [bytes(range(256)), b'\0', b'\xff\xfe\0\n' * 50, b'no newline']
    script = f'import os\nfor part in {parts!r}:\n os.write(1, part)\n os.write(2, part[::-1])'
    expected = b''.join(part + part[::-1] for part in parts)
    assert together(cli, 'run', '-q', '--', '/usr/bin/python3', '-c', script) == expected
    job = ended(cli, '/usr/bin/python3', '-c', script)
    assert together(cli, 'logs', job) == expected
    assert together(cli, 'logs', '--stderr', job) == b''.join(part[::-1] for part in parts)


@pytest.mark.parametrize(('script', 'out', 'err'), [
    ('exec 2>&-; echo a; echo b', 'a\nb\n', ''),
    ('exec >&-; echo a >&2; echo b >&2', '', 'a\nb\n'),
    ('exec >&- 2>&-; true', '', ''),
    ('exec 2>&1; echo a; echo b >&2; echo c', 'a\nb\nc\n', ''),
    ('exec >&2; echo a; echo b >&2; echo c', '', 'a\nb\nc\n'),
    ('echo a; echo b', 'a\nb\n', ''),
    ('echo a >&2', '', 'a\n'),
    ('true', '', '')])
def test_streams_that_are_closed_or_one(cli, script, out, err):
    done = cli.run('run', '-q', '--', 'sh', '-c', script)
    assert (done.stdout, done.stderr) == (out, err)
    job = ended(cli, 'sh', '-c', script)
    done = cli.run('logs', job)
    assert (done.stdout, done.stderr) == (out, err)
    assert together(cli, 'logs', '--follow', job).decode() == out + err
    assert split(together(cli, 'logs', '--timestamps', job).decode())[1] == out + err


def test_much_of_both(cli, folder):
    """From several processes at once: not a byte is lost, and none is of the other stream."""
    script = 'yes "line of out" | head -n 200000 & yes "line of err" | head -n 200000 >&2 & wait'
    with open(f'{folder}/out', 'wb') as out, open(f'{folder}/err', 'wb') as err:
        subprocess.run(cli.command('run', '-q', '--', 'sh', '-c', script), stdin=subprocess.DEVNULL, stdout=out,
                       stderr=err, check=True, timeout=PATIENCE)
    for name in ('out', 'err'):
        with open(f'{folder}/{name}', 'rb') as file:
            assert file.read() == f'line of {name}\n'.encode() * 200000


def test_no_more_than_there_is(cli, gate):
    """logs ends, however much a job goes on to write."""
    job = cli.enqueue('--', *gate.job(before='while :; do echo a; echo b >&2; done &'))
    gate.wait()
    for options in ([], ['--timestamps'], ['--stdout', '--tail', '3']):
        subprocess.run(cli.command('logs', *options, job), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True, timeout=PATIENCE)
    cli.run('cancel', job)


def test_a_slow_reader_does_not_keep_from_interrupting(cli, gate):
    job = cli.enqueue('--', *gate.job(before='yes a | head -c 1M; yes b | head -c 1M >&2'))
    gate.wait()
    with cli.start('logs', '--follow', '--no-tail', job) as process:
        assert process.stdout.read(2) == 'a\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        process.stdout.close()
        process.stderr.close()


# --- with --tail and --follow ---------------------------------------------------------------------

def test_last_lines(cli):
    job = ended(cli, 'sh', '-c', TURNS)
    assert together(cli, 'logs', '--tail', '2', job).decode() == 'out 199\nerr 199\nout 200\nerr 200\n'
    assert together(cli, 'logs', '--tail', '0', job) == b''
    assert together(cli, 'logs', '--follow', job).decode() == ''.join(
        f'out {i}\nerr {i}\n' for i in range(191, 201))
    job = ended(cli, 'sh', '-c', 'echo a >&2; for i in 1 2 3 4 5; do echo $i; done; echo b >&2; echo 6')
    assert together(cli, 'logs', '--tail', '2', job) == b'a\n5\nb\n6\n'


def test_who_joins_late(cli, jobs, gate):
    job = cli.enqueue('--', *gate.job(before=TURNS, then='echo new >&2; echo newer'))
    gate.wait()
    jobs.wait_for_output(job, lambda: sum(size for _, size, _ in entries_of(jobs, job)) == len(LINES))
    with subprocess.Popen(cli.command('logs', '-f', '-n', '3', job), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        heard = Lines(process.stdout.fileno(), 'logs')
        assert [heard.line() for _ in range(6)] == LINES.split('\n')[-7:-1]
        gate.open()
        assert [heard.line() for _ in range(2)] == ['new', 'newer']
        assert process.wait(PATIENCE) == 0


# --- the index ------------------------------------------------------------------------------------

ENTRY = struct.Struct('=QII')


def entries_of(jobs, job):
    return list(ENTRY.iter_unpack(jobs.output(job, 'order')))


def index_of(scope, job):
    return f'{scope.state}/output/{job}.order'


def test_index_tells_of_every_byte(cli, scope):
    job = cli.job('run', '--', 'sh', '-c', TURNS)
    with open(index_of(scope, job['id']), 'rb') as file:
        entries = list(ENTRY.iter_unpack(file.read()))
    sizes = [sum(size for _, size, stream in entries if stream == which) for which in (0, 1)]
    assert sizes == [job['stdout_bytes'], job['stderr_bytes']]
    times = [usec for usec, *_ in entries]
    assert times == sorted(times) and all(size > 0 for _, size, _ in entries)


@pytest.mark.parametrize('wrong', [
    b'', ENTRY.pack(1, 0, 0), ENTRY.pack(1, 1, 2), ENTRY.pack(1, 0xffffffff, 0) * 3, ENTRY.pack(1, 1, 0xffffffff),
    b'\xff' * 160, b'\0' * 160, ENTRY.pack(1, 6, 0)[:9]], ids=lambda wrong: wrong[:16].hex() or 'empty')
def test_index_that_is_wrong(cli, scope, wrong):
    """Everything is shown, in order as far as the index has it."""
    job = ended(cli, 'sh', '-c', 'echo 1 >&2; echo a; echo 2 >&2; echo b; echo 3 >&2')
    with open(index_of(scope, job), 'r+b') as file:
        file.truncate(2 * ENTRY.size)
        file.seek(0, os.SEEK_END)
        file.write(wrong)
    assert together(cli, 'logs', job) == b'1\na\nb\n2\n3\n'
    assert together(cli, 'logs', '--follow', job) == b'1\na\nb\n2\n3\n'
    assert cli.output('logs', '--stderr', job) == '1\n2\n3\n'
    lines = together(cli, 'logs', '--timestamps', job).decode().splitlines()
    assert [line[30:] for line in lines] == ['1', 'a', 'b', '2', '3']
    assert all(re.match(STAMP, line) for line in lines[:2])
    assert all(line.startswith(NO_STAMP) for line in lines[2:])


def test_job_without_an_index(cli, scope):
    job = ended(cli, 'sh', '-c', 'echo 1 >&2; echo a; echo 2 >&2; echo b')
    os.unlink(index_of(scope, job))
    assert together(cli, 'logs', job) == b'a\nb\n1\n2\n'
    assert together(cli, 'logs', '--timestamps', '--stderr', job).decode() == f'{NO_STAMP}1\n{NO_STAMP}2\n'


# --- times ----------------------------------------------------------------------------------------

def test_times(cli):
    job = cli.job('run', '--', 'sh', '-c', TURNS)
    times, text = split(together(cli, 'logs', '--timestamps', job['id']).decode())
    assert text == LINES and times == sorted(times)
    start, end = (datetime.datetime.fromisoformat(job[name].replace('Z', '+00:00'))
                  for name in ('started_at', 'finished_at'))
    millisecond = datetime.timedelta(milliseconds=1)
    assert start - millisecond <= times[0] and times[-1] <= end + millisecond
    for options in (['--stdout'], ['--stderr'], ['--stdout', '--tail', '3'], ['--follow'], ['--tail', '2'],
                    ['--follow', '--tail', '2', '--stderr']):
        plain = together(cli, 'logs', *options, job['id']).decode()
        found, text = split(together(cli, 'logs', '--timestamps', *options, job['id']).decode())
        assert text == plain and set(found) <= set(times)


def test_times_of_where_one_is(cli):
    job = ended(cli, 'echo', 'x')
    for zone, offset in (('UTC', '+00:00'), ('CET-1', '+01:00'), ('NST3:30', '-03:30')):
        cli.environment['TZ'] = zone
        assert re.fullmatch(STAMP.replace('[+-]\\d\\d:\\d\\d', re.escape(offset)) + 'x\n',
                            cli.output('logs', '--timestamps', job))


def test_a_line_has_the_time_of_its_beginning(cli, gate):
    job = cli.enqueue('--', *gate.job(before='printf a', then='printf "b\\nc\\n\\n"'))
    gate.wait()
    with cli.start('logs', '--timestamps', '--follow', job) as process:
        assert re.fullmatch(STAMP + 'a', process.stdout.read(31))
        between = datetime.datetime.now(datetime.timezone.utc)
        gate.open()
        assert process.stdout.readline() == 'b\n'
        process.stdout.read()
    times, text = split(cli.output('logs', '--timestamps', job))
    assert text == 'ab\nc\n\n'
    assert times[0] <= between <= times[1] + datetime.timedelta(milliseconds=1) and times[1] <= times[2]


def test_times_of_an_excerpt_are_refused(cli):
    assert '--timestamps and --max-bytes' in cli.refused('logs', '--timestamps', '--max-bytes', '5', 'job-0')


# --- on a terminal --------------------------------------------------------------------------------

@pytest.mark.parametrize('options', [[], ['--timestamps']])
def test_a_terminal_shows_both_in_order(cli, options):
    """Clean, with its own state of each stream: an escape sequence of one does not reach into the other."""
    script = r'printf "a\033[3"; printf "b\n" >&2; printf "1mc\n"; printf "\303" >&2; printf "d\n"; printf "\244\n" >&2'
    cli.environment['LC_ALL'] = 'C.UTF-8'
    job = ended(cli, 'sh', '-c', script)
    text = on_terminal(cli, 'logs', *options, job, stderr=subprocess.STDOUT)
    assert re.sub(STAMP, '', text) == 'ab\nc\nd\nä\n'
