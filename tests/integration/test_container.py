# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs -M: the service in a container that was booted with systemd-nspawn."""

import os
import shutil
import signal
import socket
import subprocess

import pytest

from sshsupport import descendants, program
from support import PATIENCE, Lines, shell


@pytest.fixture(scope='module')
def box(sandbox, tmp_path_factory):
    """A container of this tree, once it has booted."""
    if not shutil.which('systemd-nspawn'):
        pytest.skip('there is no systemd-nspawn')
    folder = tmp_path_factory.mktemp('box')
    subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', folder], check=True)
    for name in ('upper', 'work', 'root'):
        os.mkdir(f'{folder}/{name}')
    subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', f'lowerdir=/,upperdir={folder}/upper,workdir={folder}/work',
                    f'{folder}/root'], check=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(f'{folder}/ready')
        ready.settimeout(PATIENCE)
        nspawn = subprocess.Popen(
            ['systemd-nspawn', '-q', '-D', f'{folder}/root', '-M', 'box', '--notify-ready=yes', '--console=pipe', '-b',
             'systemd.mask=ssh.service', 'systemd.mask=postgresql.service'],
            env=os.environ | {'NOTIFY_SOCKET': f'{folder}/ready'}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            while b'READY=1' not in ready.recv(65536):
                pass
            yield nspawn
        finally:
            nspawn.kill()  # and with it the container
            nspawn.wait(PATIENCE)
            for path in (f'{folder}/root', folder):
                subprocess.run(['umount', '--lazy', path], check=True)


def run(*arguments, status=0, text=''):
    done = subprocess.run(['codex-jobs', *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


@pytest.mark.parametrize(('place', 'user'), [
    (['-M', 'box'], 'root'), (['-M', 'alice@box'], 'alice'), (['-M', 'alice@box', '--user'], 'alice')])
def test_run_in_a_container(box, place, user):
    done = run('run', *place, '--', *shell('id -un; echo $(cat /run/systemd/container); seq 200000; exit 3'),
               status=3)
    assert done.stdout == f'{user}\nsystemd-nspawn\n' + ''.join(f'{i}\n' for i in range(1, 200001))
    lines = done.stderr.splitlines()
    assert lines[0].endswith(f' -M {place[1]}{" --user" if len(place) > 2 else ""}')
    assert lines[1].endswith('failed: exit code 3')


def test_standard_input(box):
    """It is a descriptor, which a container can be sent."""
    assert run('run', '-q', '-M', 'box', '--stdin', '-', '--', 'cat', text='given\n').stdout == 'given\n'


def test_connection_to_a_session_is_cut(box):
    command = ['codex-jobs', 'run', '-M', 'alice@box', '--', *shell('echo $$; read _ </tmp/go; echo last')]
    run('run', '-q', '-M', 'alice@box', '--', 'mkfifo', '/tmp/go')
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            out, err = (Lines(stream.fileno(), 'codex-jobs') for stream in (process.stdout, process.stderr))
            assert out.line()
            for pid in descendants(box.pid):
                if program(pid).startswith('systemd-stdio-b'):
                    os.kill(pid, signal.SIGKILL)
            for word in ('Lost connection to the service on alice@box', 'Reconnected'):
                while word not in err.line():
                    pass
            run('run', '-q', '-M', 'alice@box', '--', *shell('echo >/tmp/go'))
            assert out.line() == 'last'
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_containers_that_cannot_be_reached(box):
    for place in ('nosuch', 'alice@nosuch'):
        text = run('status', '-M', place, status=125).stderr
        assert text == f"codex-jobs: Failed to connect to {place}: there is no such container, see 'machinectl list'.\n"
    done = subprocess.run(['as-user', 'alice', 'codex-jobs', 'status', '-M', 'box'], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 125
    assert done.stderr.startswith('codex-jobs: Failed to connect to box: ') and done.stderr.endswith('use sudo.\n')
    assert 'cannot be combined' in run('status', '-M', 'box', '-H', 'other', status=125).stderr
