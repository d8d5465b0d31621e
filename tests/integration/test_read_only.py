# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""ReadOnly: what such a job can write, and what not."""

import os
import tempfile

import pytest

from support import shell

WRITE = '''
for path; do
        echo x >"$path/written" && echo "$path"
        echo changed >>"$path/kept"
done 2>/dev/null
true'''


@pytest.fixture
def folders(scope):
    """Folders of alice's in different places, each with a file."""
    made = []
    places = [scope.user.pw_dir, '/var/tmp', '/tmp', f'/run/user/{scope.uid}']
    for place in places:
        made.append(tempfile.TemporaryDirectory(prefix='read-only-', dir=place))
        with open(f'{made[-1].name}/kept', 'w', encoding='ascii') as file:
            file.write('kept\n')
        for path in (made[-1].name, f'{made[-1].name}/kept'):
            os.chown(path, scope.uid, scope.user.pw_gid)
    yield [folder.name for folder in made]
    for folder in made:
        folder.cleanup()


def kept(folder):
    with open(f'{folder}/kept', encoding='ascii') as file:
        return sorted(os.listdir(folder)), file.read()


def test_nothing_of_the_callers_is_changed(jobs, folders):
    job = jobs.enqueue(shell(WRITE, *folders), ReadOnly=True)
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job) == b''
    assert [kept(folder) for folder in folders] == [(['kept'], 'kept\n')] * len(folders)
    # They can be written otherwise.
    job = jobs.enqueue(shell(WRITE, *folders))
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job).decode().split() == folders
    assert [kept(folder) for folder in folders] == [(['kept', 'written'], 'kept\nchanged\n')] * len(folders)


def test_it_can_be_read(jobs, scope, folders):
    job = jobs.enqueue(['cat', 'kept'], ReadOnly=True, Directory=folders[0])
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job) == b'kept\n'
    assert jobs.run(['ls', scope.user.pw_dir], ReadOnly=True).state == 'completed'


def test_what_a_job_needs_can_be_written(jobs):
    script = '''set -e
echo x >/tmp/own; echo x >/var/tmp/own; cat /tmp/own /var/tmp/own
echo '{"a": 1}' >"$CODEX_JOB_RESULT"
echo error >&2; echo null >/dev/null
systemd-notify --status=said'''
    job = jobs.enqueue(shell(script), ReadOnly=True)
    ended = jobs.wait(job)
    assert (ended.state, ended.job.get('Result'), ended.job.get('Progress')) == ('completed', '{"a":1}', 'said')
    assert (jobs.output(job), jobs.output(job, 'stderr')) == (b'x\nx\n', b'error\n')
    assert not os.path.exists('/tmp/own') and not os.path.exists('/var/tmp/own')


def test_temporary_folders_are_a_jobs_own(jobs):
    """Empty, and not those of another."""
    for _ in range(2):
        job = jobs.enqueue(shell('ls -A /tmp /var/tmp; echo x >/tmp/own'), ReadOnly=True)
        assert jobs.wait(job).state == 'completed'
        assert jobs.output(job) == b'/tmp:\n\n/var/tmp:\n'


def test_it_runs_as_its_caller(jobs, scope):
    job = jobs.enqueue(shell('id -u; id -g; echo "$HOME"'), ReadOnly=True)
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job).decode().split() == [str(scope.uid), str(scope.user.pw_gid), scope.user.pw_dir]


def test_limits_and_cancel_hold(jobs, gate):
    ended = jobs.run(['yes'], ReadOnly=True, OutputMax=1000)
    assert ended.job['Reason'] == 'output-limit'
    job = jobs.enqueue(['sleep', 'infinity'], ReadOnly=True)
    assert jobs.cancel(job) == 'cancelled'


def test_root_cannot_change_the_system_either(root):
    script = 'for path; do echo x >"$path/written" && echo "$path"; done; true'
    job = root.enqueue(shell(script, '/etc', '/usr', '/var/lib', '/root', '/'), ReadOnly=True)
    assert root.wait(job).state == 'completed'
    assert root.output(job) == b''
    assert root.output(job, 'stderr').decode().count('Read-only file system') == 5
    assert not os.path.exists('/etc/written')
