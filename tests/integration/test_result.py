# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What a job tells besides its output: progress by sd_notify(3), a result by $CODEX_JOB_RESULT."""

import json
import os
import subprocess

import pytest

from support import JOB, object_path, shell


def result_of(jobs, content):
    """The result of a job that leaves these bytes."""
    job = jobs.enqueue(shell('cat >"$CODEX_JOB_RESULT"'), Stdin=memfd(content))
    ended = jobs.wait(job)
    assert ended.state == 'completed'
    return ended.job.get('Result')


def memfd(content):
    fd = os.memfd_create('result')
    os.write(fd, content)
    return os.fdopen(fd, 'rb')


@pytest.mark.parametrize('text', [
    '{}', ' {"a": 1}\n', '{"a":{"b":[1,2,{"c":null}]},"d":true}', '{"text": "ä€😀 \\u0000 \\n \\" \\\\ /"}',
    '{"0.1": 0.1, "e": 1.5e300, "n": -1, "m": 9223372036854775807, "u": 18446744073709551615}',
    '{\n  "pretty": [\n    1\n  ]\n}\n\n'])
def test_an_object_is_the_result(jobs, text):
    result = result_of(jobs, text.encode())
    assert json.loads(result) == json.loads(text)
    assert '\n' not in result


@pytest.mark.parametrize('size', [65536 - 1, 65536])
def test_largest_result(jobs, size):
    text = '{"a": "' + 'x' * (size - 9) + '"}'
    assert len(text) == size
    assert json.loads(result_of(jobs, text.encode())) == json.loads(text)


@pytest.mark.parametrize('text', [
    '', ' ', 'nonsense', '{', '{"a": 1', '{"a": 1}}', '{} {}', '{}x', '[]', '[{}]', '1', '"text"', 'null', 'true',
    '{a: 1}', '{"a": 01}', '{"a": 1,}', '/* */ {}', '{}\0'])
def test_anything_else_is_no_result(jobs, text):
    assert result_of(jobs, text.encode()) is None


def no_constant(text):
    raise ValueError(text)


@pytest.mark.parametrize('text', ["{'a': 1}", '{"a": "line\nbreak"}', '{"a": NaN}',
                                  '{"a": [Infinity, -Infinity]}'])
def test_what_is_almost_json_is_told_as_json_or_not_at_all(jobs, text):
    result = result_of(jobs, text.encode())
    assert result is None or isinstance(json.loads(result, parse_constant=no_constant), dict)


@pytest.mark.parametrize('content', [b'{"a": "\xff"}', b'\xef\xbb\xbf{}', b'{"a": "\xed\xa0\x80"}', b'\0'])
def test_broken_text_is_no_result(jobs, content):
    assert result_of(jobs, content) is None


def test_deeply_nested_result_does_no_harm(jobs):
    assert result_of(jobs, b'{"a":' * 10000 + b'1' + b'}' * 10000) is None


@pytest.mark.parametrize('size', [65537, 70 * 1024, 5 << 20])
def test_result_that_is_too_large_is_none(jobs, size):
    assert result_of(jobs, b'{"a": "' + b'x' * (size - 9) + b'"}') is None


def test_number_beyond_64_bits_is_not_changed(jobs):
    text = '{"n": 123456789012345678901234567890}'
    result = result_of(jobs, text.encode())
    assert result is None or json.loads(result) == json.loads(text)


def test_result_of_a_failed_job_is_kept(jobs):
    ended = jobs.run(shell('echo "{\\"why\\": \\"x\\"}" >"$CODEX_JOB_RESULT"; exit 4'))
    assert (ended.exit_code, ended.job['Result']) == (4, '{"why":"x"}')


def test_result_of_a_cancelled_job_is_kept(jobs, gate):
    job = jobs.enqueue(gate.job(before='echo {} >"$CODEX_JOB_RESULT"'))
    gate.wait()
    jobs.cancel(job)
    assert jobs.get(job)['Result'] == '{}'


def test_last_write_counts(jobs):
    script = 'echo "{\\"a\\": 1, \\"long\\": 2}" >"$CODEX_JOB_RESULT"; echo "{\\"b\\": 2}" >"$CODEX_JOB_RESULT"'
    assert jobs.run(shell(script)).job['Result'] == '{"b":2}'


# The file is the job's, in a folder of the job's own: it may be replaced as well as written.
REPLACEMENTS = {
    'rename': ('echo "{\\"by\\": \\"rename\\"}" >new; mv new "$CODEX_JOB_RESULT"', '{"by":"rename"}'),
    'rename-within': ('cd "${CODEX_JOB_RESULT%/*}"; echo "{}" >result; echo "{\\"b\\": 1}" >new; mv new result', '{"b":1}'),
    'removed': ('echo "{\\"a\\": 1}" >"$CODEX_JOB_RESULT"; rm "$CODEX_JOB_RESULT"', None),
    'symbolic-link': ('echo "{\\"a\\": 1}" >new; ln -s "$PWD/new" "$CODEX_JOB_RESULT"', None),
    'folder': ('mkdir "$CODEX_JOB_RESULT"', None),
    'named-pipe': ('mkfifo "$CODEX_JOB_RESULT"', None),
    'device': ('ln -s /dev/zero "$CODEX_JOB_RESULT"', None),
}


@pytest.mark.parametrize('kind', REPLACEMENTS)
def test_result_file_that_is_replaced(jobs, folder, kind):
    script, result = REPLACEMENTS[kind]
    ended = jobs.run(shell(script), Directory=folder)
    assert (ended.state, ended.job.get('Result')) == ('completed', result)
    assert ended.job.get('ResultError') == ('not a regular file' if result is None and kind != 'removed' else None)


def test_sparse_result_of_ten_gigabytes_is_none(jobs):
    ended = jobs.run(shell('echo "{}" >"$CODEX_JOB_RESULT"; truncate -s 10G "$CODEX_JOB_RESULT"'))
    assert ended.state == 'completed' and 'Result' not in ended.job


WRITERS = {
    'changes': """while :; do echo '{"a": 1}' >"$1"; head -c 70000 /dev/zero >"$1"; truncate -s 5 "$1"; done""",
    'is-replaced': """while :; do mkfifo fifo; mv -f fifo "$1"; ln -sf /dev/zero link; mv -f link "$1"
                      echo '{"a": 1}' >file; mv -f file "$1"; done""",
}


@pytest.mark.parametrize('how', WRITERS)
def test_result_that_is_not_left_alone_while_it_is_read(jobs, scope, folder, gate, how):
    """By a process of the user that is not one of the job's, which are gone by then."""
    for _ in range(10):
        job = jobs.enqueue(gate.job())
        gate.wait()
        writer = subprocess.Popen(['setpriv', f'--reuid={scope.uid}', '--clear-groups', *shell(WRITERS[how]),
                                   f'{scope.folders}/{job}/result'], cwd=folder, stderr=subprocess.DEVNULL)
        gate.open()
        ended = jobs.wait(job)
        writer.kill()
        writer.wait()
        assert ended.state == 'completed'
        assert ended.job.get('Result') in (None, '{"a":1}')


@pytest.mark.parametrize('how', WRITERS)
def test_result_that_was_not_left_alone_until_the_end(jobs, folder, how):
    """What the command left in the background goes on until it is terminated, and then the result is read."""
    for _ in range(10):
        ended = jobs.run(shell(f'{{ {WRITERS[how]}; }} 2>/dev/null & exit 0'.replace('$1', '$CODEX_JOB_RESULT')),
                         Directory=folder)
        assert ended.state == 'completed'
        assert ended.job.get('Result') in (None, '{"a":1}')


def test_result_that_is_a_link_to_a_file_of_another(jobs, scope):
    """It is neither read with more rights than the user has nor changed, also when the job is forgotten."""
    path = f'{os.path.dirname(scope.folders)}/of-root'
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='ascii') as file:
        file.write('{"secret": 1}')
    try:
        job = jobs.run(shell('ln -f "$1" "$CODEX_JOB_RESULT"', path)).job
        assert 'Result' not in job
        jobs.remove(job['Id'])
        with open(path, encoding='ascii') as file:
            assert file.read() == '{"secret": 1}'
        assert os.stat(path).st_mode & 0o777 == 0o600
    finally:
        os.unlink(path)


# --- progress -------------------------------------------------------------------------------------

def next_progress(jobs, job):
    jobs.signal(lambda signal: signal.path == object_path(job) and 'Progress' in signal.body[2])
    return jobs.get(job)['Progress']


def test_progress_is_told_as_it_comes(jobs, gate):
    jobs.subscribe(f"type='signal',member='PropertiesChanged',arg0='{JOB}'")
    job = jobs.enqueue(gate.job(before="systemd-notify --status='1 of 2: $HOME %n \"ä\"'",
                                then='systemd-notify --status="2 of 2"'))
    assert next_progress(jobs, job) == '1 of 2: $HOME %n "ä"'
    gate.open()
    assert next_progress(jobs, job) == '2 of 2'
    assert jobs.wait(job).job['Progress'] == '2 of 2'


def test_progress_of_a_child_counts(jobs):
    assert jobs.run(shell('(setsid systemd-notify --status=child; :); :')).job['Progress'] == 'child'


def test_long_progress_is_shortened(jobs):
    ended = jobs.run(shell('systemd-notify --status="$(head -c 3000 /dev/zero | tr "\\0" x)"'))
    progress = ended.job['Progress']
    assert set(progress) == {'x'} and 100 <= len(progress) <= 1024


def test_job_without_progress_has_none(jobs):
    assert 'Progress' not in jobs.run(['true']).job


def test_other_notifications_change_nothing(jobs, gate):
    script = 'systemd-notify READY=1 MAINPID=1 ERRNO=2'
    job = jobs.enqueue(gate.job(before=script, then='exit 5'))
    gate.wait()
    assert jobs.get(job)['State'] == 'running'
    gate.open()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason'], ended.exit_code) == ('failed', 'exit-code', 5)
