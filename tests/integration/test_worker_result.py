# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""$CODEX_JOB_RESULT is a place in a folder of the job's own: a result may be renamed to it, and where what is
there cannot be taken, "show" and standard error say so."""

import json
import os
import stat
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from support import PATIENCE, shell
from workersupport import (FOLDER, WORKER, beside, facts, folder_of, processes, python,  # noqa: F401
                           root_children, story, wait_for_progress)

# pylint: disable=redefined-outer-name

OBJECT = '{"a": 1}'


# --- as it was found ------------------------------------------------------------------------------

def test_result_that_is_renamed(cli):
    """As everybody is taught to write a file."""
    script = 'jq -n "{a: 1}" >$CODEX_JOB_RESULT.new && mv $CODEX_JOB_RESULT.new $CODEX_JOB_RESULT'
    if subprocess.run(['which', 'jq'], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        script = script.replace('jq -n "{a: 1}"', f"echo '{OBJECT}'")
    job = cli.job('run', '--', 'sh', '-c', script)
    assert (job['state'], job['result'], job['result_error']) == ('completed', {'a': 1}, None)


def test_result_of_70_kib(cli):
    script = 'printf \'{"a": "%s"}\' "$(head -c 71680 /dev/zero | tr "\\0" x)" >"$CODEX_JOB_RESULT"'
    done = cli.run('run', '--', 'sh', '-c', script)
    is_named(cli, cli.output('list', '-q', '--limit', '1').strip(), done.stderr, '64')


def is_named(cli, job, stderr, *words):
    """Why there is no result, in "show", on standard error and in JSON."""
    record = cli.job('show', job)
    assert record['result'] is None
    error = record['result_error']
    assert error and '\n' not in error and len(error) < 500
    for word in words:
        assert word in error, error
    assert error in cli.output('show', job)
    assert error in stderr, stderr
    assert [line for line in stderr.splitlines() if error in line][0].startswith('codex-jobs: ')


# --- what is taken --------------------------------------------------------------------------------

TAKEN = {
    'written': 'echo "$1" >"$CODEX_JOB_RESULT"',
    'renamed': 'echo "$1" >"$CODEX_JOB_RESULT.new"; mv "$CODEX_JOB_RESULT.new" "$CODEX_JOB_RESULT"',
    'renamed over': 'echo x >"$CODEX_JOB_RESULT"; echo "$1" >"$CODEX_JOB_RESULT~"\n'
                    'mv "$CODEX_JOB_RESULT~" "$CODEX_JOB_RESULT"',
    'moved from elsewhere': 'echo "$1" >"$2/result"; mv "$2/result" "$CODEX_JOB_RESULT"',
    'copied': 'echo "$1" >"$2/result"; cp "$2/result" "$CODEX_JOB_RESULT"',
    'installed': 'echo "$1" >"$2/result"; install -m 600 "$2/result" "$CODEX_JOB_RESULT"',
    'edited in place': 'echo "$1" | sed "s/1/2/" >"$CODEX_JOB_RESULT"; sed -i "s/2/1/" "$CODEX_JOB_RESULT"',
    'removed and written': 'echo x >"$CODEX_JOB_RESULT"; rm "$CODEX_JOB_RESULT"; echo "$1" >"$CODEX_JOB_RESULT"',
    'appended': 'printf "{" >>"$CODEX_JOB_RESULT"; echo "$1" | cut -c2- >>"$CODEX_JOB_RESULT"',
    'a hard link': 'echo "$1" >"$CODEX_JOB_RESULT.a"; ln "$CODEX_JOB_RESULT.a" "$CODEX_JOB_RESULT"',
    'read-only': 'echo "$1" >"$CODEX_JOB_RESULT"; chmod 400 "$CODEX_JOB_RESULT"',
    'of a child': '(setsid sh -c \'echo "$0" >"$CODEX_JOB_RESULT"\' "$1")',
    'from elsewhere': 'cd /; echo "$1" >"$CODEX_JOB_RESULT"',
    'still open': 'exec 3>"$CODEX_JOB_RESULT"; echo "$1" >&3; sleep infinity >&- 2>&- &',
}


@pytest.mark.parametrize('how', TAKEN)
def test_result_is_taken(jobs, folder, how):
    for end, state in (('exit 0', 'completed'), ('exit 3', 'failed'), ('kill -KILL $$', 'failed')):
        ended = jobs.run(shell(f'{TAKEN[how]}\n{end}', OBJECT, folder), Directory=folder)
        assert (ended.state, ended.job.get('Result')) == (state, '{"a":1}')
        assert 'ResultError' not in ended.job


def test_result_that_is_renamed_again_and_again(jobs):
    """One of them is there at each moment, and the last is it."""
    script = '''
    path = os.environ['CODEX_JOB_RESULT']
    for n in range(2000):
        with open(path + '.new', 'w') as file:
            file.write('{"n": %d}' % n)
        os.rename(path + '.new', path)
    '''
    assert jobs.run(python(script)).job['Result'] == '{"n":1999}'


def test_result_of_a_job_that_is_ended(jobs, gate):
    write = f"echo '{OBJECT}' >$CODEX_JOB_RESULT.new; mv $CODEX_JOB_RESULT.new $CODEX_JOB_RESULT"
    job = jobs.enqueue(gate.job(before=write))
    gate.wait()
    jobs.cancel(job)
    assert jobs.get(job)['Result'] == '{"a":1}'
    for options in ({'RuntimeMaxUSec': 1_000_000}, {'StallUSec': 1_000_000}):
        ended = jobs.run(shell(f"echo '{OBJECT}' >\"$CODEX_JOB_RESULT\"; sleep infinity"), **options)
        assert ended.job['Result'] == '{"a":1}'


def test_result_that_is_written_while_the_job_is_being_ended(jobs, gate):
    job = jobs.enqueue(shell('''trap "echo '{}' >$CODEX_JOB_RESULT; exit" TERM
                                echo $$ >"$1"; while :; do sleep 0.1; done''', gate.ready))
    gate.wait()
    jobs.cancel(job)
    assert jobs.get(job)['Result'] == '{}'


@pytest.mark.parametrize('size', [65535, 65536])
def test_largest_result_is_taken(jobs, size):
    script = 'printf \'{"a": "%s"}\' "$(head -c "$1" /dev/zero | tr "\\0" x)" >"$CODEX_JOB_RESULT"'
    ended = jobs.run(shell(script, size - 9))
    assert json.loads(ended.job['Result']) == {'a': 'x' * (size - 9)}
    assert 'ResultError' not in ended.job


def test_no_result_is_no_mistake(cli):
    for script in ('true', 'rm -f "$CODEX_JOB_RESULT"', 'echo "{}" >"$CODEX_JOB_RESULT.new"',
                   'echo "{}" >"$CODEX_JOB_RESULT"; rm "$CODEX_JOB_RESULT"'):
        done = cli.run('run', '--', 'sh', '-c', script)
        record = cli.job('show', cli.output('list', '-q', '--limit', '1').strip())
        assert (record['result'], record['result_error']) == (None, None), script
        assert 'result' not in done.stderr.lower(), script


# --- what is not ----------------------------------------------------------------------------------

REFUSED = {
    'empty': ': >"$CODEX_JOB_RESULT"',
    'a blank': 'echo >"$CODEX_JOB_RESULT"',
    'no json': 'echo nonsense >"$CODEX_JOB_RESULT"',
    'half of it': 'printf "{" >"$CODEX_JOB_RESULT"',
    'two objects': 'echo "{} {}" >"$CODEX_JOB_RESULT"',
    'a comma too many': 'echo "{\\"a\\": 1,}" >"$CODEX_JOB_RESULT"',
    'an array': 'echo "[]" >"$CODEX_JOB_RESULT"',
    'a number': 'echo 1 >"$CODEX_JOB_RESULT"',
    'null': 'echo null >"$CODEX_JOB_RESULT"',
    'a text': 'echo \'"x"\' >"$CODEX_JOB_RESULT"',
    'no text': 'printf "{\\"a\\": \\"\\377\\"}" >"$CODEX_JOB_RESULT"',
    'a zero behind it': 'printf "{}\\0" >"$CODEX_JOB_RESULT"',
    'deep': 'head -c 60000 /dev/zero | tr "\\0" "[" | sed "s/^/{\\"a\\":/" >"$CODEX_JOB_RESULT"',
    'a mark before it': 'printf "\\357\\273\\277{}" >"$CODEX_JOB_RESULT"',
    'not a number': 'echo "{\\"a\\": NaN}" >"$CODEX_JOB_RESULT"',
    'holes': 'truncate -s 65536 "$CODEX_JOB_RESULT"',
    'a byte too large': 'printf \'{"a": "%s"}\' "$(head -c 65528 /dev/zero | tr "\\0" x)" >"$CODEX_JOB_RESULT"',
    'ten gigabytes': 'echo "{}" >"$CODEX_JOB_RESULT"; truncate -s 10G "$CODEX_JOB_RESULT"',
    'a link': 'echo "{}" >"$1/x"; ln -s "$1/x" "$CODEX_JOB_RESULT"',
    'a dangling link': 'ln -s /no/such/file "$CODEX_JOB_RESULT"',
    'a link to a device': 'ln -s /dev/zero "$CODEX_JOB_RESULT"',
    'a link to itself': 'ln -s result "$CODEX_JOB_RESULT"',
    'a pipe': 'mkfifo "$CODEX_JOB_RESULT"',
    'a folder': 'mkdir "$CODEX_JOB_RESULT"; echo "{}" >"$CODEX_JOB_RESULT/x"',
    'a socket': 'python3 -c \'import os, socket; socket.socket(socket.AF_UNIX).bind(os.environ["CODEX_JOB_RESULT"])\'',
    'unreadable': 'echo "{}" >"$CODEX_JOB_RESULT"; chmod 000 "$CODEX_JOB_RESULT"',
    'write-only': 'umask 0577; echo "{}" >"$CODEX_JOB_RESULT"',
}


@pytest.mark.parametrize('kind', REFUSED)
def test_why_it_is_not_taken_is_named(cli, kind):
    done = cli.run('run', '--', 'sh', '-c', f'{REFUSED[kind]}; exit 3', 'sh', cli.folder, status=3)
    job = cli.output('list', '-q', '--limit', '1').strip()
    is_named(cli, job, done.stderr)
    waited = cli.run('await', job, status=3)
    assert cli.job('show', job)['result_error'] in waited.stderr
    record = cli.job('show', job)
    assert (record['state'], record['reason'], record['exit_code']) == ('failed', 'exit-code', 3)


def test_it_changes_no_success(cli):
    """The exit status is the command's."""
    done = cli.run('run', '--', 'sh', '-c', 'echo out; echo x >"$CODEX_JOB_RESULT"')
    assert done.stdout == 'out\n'
    quiet = cli.run('run', '-q', '--', 'sh', '-c', 'echo out; echo x >"$CODEX_JOB_RESULT"')
    assert quiet.stdout == 'out\n'


def test_background_job_names_it_too(cli):
    job = cli.enqueue('--', 'sh', '-c', 'echo x >"$CODEX_JOB_RESULT"')
    done = cli.run('await', job)
    is_named(cli, job, done.stderr)
    assert any(cli.job('show', job)['result_error'] in text for texts in story(cli, job).values() for text in texts)


def test_file_of_another_is_not_read(jobs, folder):
    """Through a link of either kind: with no more rights than the job has."""
    for path in ('/etc/shadow', f'{folder}/secret'):
        if path.startswith(folder):
            with open(path, 'w', encoding='ascii') as file:
                file.write('{"secret": 1}')
            os.chmod(path, 0o600)
        for link in ('ln -s', 'ln'):
            ended = jobs.run(shell(f'{link} "$1" "$CODEX_JOB_RESULT"', path))
            assert 'Result' not in ended.job
        assert os.path.exists(path)


def test_result_of_roots_child_is_none_or_is_read(jobs, root_children, folder, gate):
    """Whoever wrote it: the job's user reads it, or it is named."""
    child = root_children.start('umask 077; echo "{}" >$CODEX_JOB_RESULT')
    job = jobs.enqueue(gate.job(before=child.replace('&\n', '\n')))
    root_children.ready.line()
    gate.wait()
    gate.open()
    ended = jobs.wait(job)
    assert ended.state == 'completed' and 'Result' not in ended.job
    assert ended.job['ResultError']


# --- the folder -----------------------------------------------------------------------------------

def test_folder_is_the_jobs_own(jobs, scope, gate):
    jobs.call('Pause')
    try:
        job = jobs.enqueue(gate.job(before='systemd-notify --status="$CODEX_JOB_RESULT"'))
        jobs.flush()
        assert not os.path.exists(folder_of(scope, job))
    finally:
        jobs.call('Resume')
    gate.wait()
    path = wait_for_progress(jobs, job, 'result')
    assert path == f'{folder_of(scope, job)}/result'
    place = os.stat(folder_of(scope, job))
    assert (stat.S_IMODE(place.st_mode), place.st_uid, place.st_gid) == (0o700, scope.uid, scope.user.pw_gid)
    assert not os.path.exists(path)
    gate.open()
    jobs.wait(job)
    assert not os.path.exists(folder_of(scope, job))


@pytest.mark.parametrize('end', ['exit', 'fail', 'kill', 'cancel', 'limit', 'not executable', 'worker'])
def test_folder_goes_with_the_job(jobs, scope, gate, end):
    options = {'RuntimeMaxUSec': 1_000_000} if end == 'limit' else {}
    if end == 'not executable':
        job = jobs.enqueue(['/no/such/command'])
    else:
        then = {'fail': 'exit 3', 'kill': 'kill -KILL $$', 'worker': f'{WORKER} kill -KILL $worker; sleep infinity'}
        job = jobs.enqueue(gate.job(before='echo x >"$CODEX_JOB_RESULT.other"', then=then.get(end, 'exit 0')),
                           **options)
        gate.wait()
        if end == 'cancel':
            jobs.cancel(job)
        elif end != 'limit':
            gate.open()
    jobs.wait(job)
    if end == 'worker':  # nobody is left to remove it but the service, or the next start
        return
    assert not os.path.exists(folder_of(scope, job))


CLUTTER = {
    'files': 'for i in $(seq 2000); do : >"$d/$i"; done',
    'folders': 'for i in $(seq 500); do mkdir -p "$d/$i/a/b"; : >"$d/$i/a/b/c"; done',
    'deep folders': 'cd "$d"; for i in $(seq 1500); do mkdir xxxxxxxxxx; cd xxxxxxxxxx; done; : >x',
    'closed folders': 'mkdir -p "$d/a/b"; : >"$d/a/b/c"; chmod 000 "$d/a/b" "$d/a"',
    'a closed folder': ': >"$d/x"; chmod 000 "$d"',
    'links': 'ln -s "$1" "$d/link"; ln -s "$1/kept" "$d/file"; ln "$1/kept" "$d/hard"; ln -s / "$d/root"\n'
             'ln -s . "$d/self"; ln -s ../.. "$d/up"',
    'a link in its place': 'rm -rf "$d"; ln -s "$1" "$d"',
    'a file in its place': 'rm -rf "$d"; echo x >"$d"',
    'nothing in its place': 'rm -rf "$d"',
    'another name': 'mv "$d" "$1/moved"; mkdir "$d"; : >"$d/x"',
    'pipes': 'mkfifo "$d/p1" "$d/p2" "$d/result"',
    'a mount that is none': 'mkdir "$d/proc"; ln -s /proc/self/root "$d/proc/root"; ln -s /proc/self/cwd "$d/proc/cwd"',
    'strange names': 'printf x >"$d/$(printf "a\\nb")"; printf x >"$d/-rf"; mkdir "$d/ "\n'
                     'printf x >"$d/$(printf "\\377")"',
    'no permission for others': 'umask 0777; mkdir "$d/x"; : >"$d/y"',
}


@pytest.mark.parametrize('kind', CLUTTER)
def test_what_a_job_does_to_its_folder(jobs, scope, folder, kind, beside):
    """Its end is its own, nothing outside is touched, and nothing stays."""
    victim = f'{folder}/victim'
    os.mkdir(victim)
    with open(f'{victim}/kept', 'w', encoding='ascii') as file:
        file.write('kept\n')
    for path in (victim, file.name):
        os.chown(path, scope.uid, -1)
    job = jobs.enqueue(shell(f'{FOLDER} d=$folder\n{CLUTTER[kind]}\ncd /; exit 3', victim))
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3)
    with open(f'{victim}/kept', encoding='ascii') as file:
        assert file.read() == 'kept\n'
    assert set(os.listdir(victim)) <= {'kept', 'moved'}
    assert not os.path.lexists(folder_of(scope, job))
    assert jobs.run(shell('echo "{}" >"$CODEX_JOB_RESULT"; systemd-notify --status=x')).job['Result'] == '{}'


def test_folder_of_another_user_is_closed(system, alice, bob, gate):
    job = alice.enqueue(gate.job())
    gate.wait()
    path = folder_of(system, job)
    tried = bob.enqueue(shell('ls "$1"; ls "$(dirname "$1")"; echo x >"$1/result"', path))
    assert bob.wait(tried).state == 'failed'
    assert bob.output(tried) == b''
    gate.open()
    assert 'Result' not in alice.wait(job).job


def test_place_of_the_folder_that_is_taken(jobs, scope, folder):
    """Where something of that name is already, of whatever kind, the job runs or says why not."""
    jobs.run(['true'])
    assert os.path.isdir(scope.folders)
    jobs.call('Pause')
    try:
        ids = [jobs.enqueue(shell('echo "{}" >"$CODEX_JOB_RESULT"; echo ran')) for _ in range(3)]
        for job, make in zip(ids, ('mkdir "$1"; echo "[]" >"$1/result"', 'ln -s "$2" "$1"', 'echo x >"$1"')):
            subprocess.run(['as-user', 'alice', *shell(make, folder_of(scope, job), folder)], check=True)
    finally:
        jobs.call('Resume')
    for job in ids:
        ended = jobs.wait(job)
        assert (ended.state, ended.job.get('Result')) == ('completed', '{}') or ended.job['Reason'] == 'not-executable'
    assert os.listdir(folder) == []


# --- read-only jobs -------------------------------------------------------------------------------

def test_result_of_a_read_only_job(jobs):
    for how in ('written', 'renamed', 'renamed over'):
        ended = jobs.run(shell(TAKEN[how], OBJECT), ReadOnly=True)
        assert (ended.state, ended.job.get('Result')) == ('completed', '{"a":1}'), how


def test_progress_of_a_read_only_job(cli):
    job = cli.job('run', '--read-only', '-C', '/', '--', 'systemd-notify', '--status=told')
    assert job['progress'] == 'told'
    command = cli.command('run', '-q', '--read-only', '-C', '/', '--', 'sh', '-c',
                          'echo one >/dev/stderr; echo two >/dev/stdout')
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ('two\n', 'one\n')
