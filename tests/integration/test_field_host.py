# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Hosts, buses and logins that are not as usual."""

import json
import os
import pwd
import re
import resource
import signal
import socket
import subprocess

import pytest
from clientsupport import cli, codex, validate  # noqa: F401
from support import PATIENCE

# pylint: disable=redefined-outer-name

ALICE = pwd.getpwnam('alice').pw_uid


def elsewhere(cli, prepare, *arguments, status=0):
    """codex-jobs of alice with mounts of its own, which root prepares."""
    done = subprocess.run(['unshare', '--mount', 'sh', '-ec', f'{prepare}\nexec "$@"', 'sh', *cli.command(*arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def line(done):
    """The one line of an error."""
    assert done.stdout == '' and done.stderr.count('\n') == 1, done.stderr
    return done.stderr


# --- the runtime directory of somebody else -------------------------------------------------------

@pytest.fixture(params=['root', 'bob'])
def foreign(request):
    """A runtime directory that alice may not enter, and its owner."""
    uid = pwd.getpwnam(request.param).pw_uid
    path = f'/run/user/{uid}'
    made = not os.path.exists(path)
    if made:
        os.mkdir(path, 0o700)
        os.chown(path, uid, uid)
    yield path, request.param
    if made:
        os.rmdir(path)


def test_the_runtime_directory_of_another_is_not_used(cli, foreign):
    path, owner = foreign
    cli.environment |= {'XDG_RUNTIME_DIR': path, 'DBUS_SESSION_BUS_ADDRESS': f'unix:path={path}/bus'}
    done = cli.run('run', '--', 'printenv', 'XDG_RUNTIME_DIR')
    assert done.stdout == f'/run/user/{ALICE}\n'
    told = f'codex-jobs: XDG_RUNTIME_DIR is {path}, which belongs to {owner}; using your own.\n'
    assert done.stderr.startswith(told) == (cli.scope.name == 'user')
    assert cli.run('run', '-q', '--', 'true').stderr == ''
    assert cli.run('status', '--json').stderr == ''


def test_the_bus_address_of_another_is_not_used(cli, foreign):
    path, _ = foreign
    cli.environment['DBUS_SESSION_BUS_ADDRESS'] = f'unix:path={path}/bus,guid=0123456789abcdef0123456789abcdef'
    assert cli.output('run', '-q', '--', 'sh', '-c', 'printenv DBUS_SESSION_BUS_ADDRESS || true') in (
        '\n', '', f'unix:path=/run/user/{ALICE}/bus\n')
    del cli.environment['DBUS_SESSION_BUS_ADDRESS']
    cli.environment['XDG_RUNTIME_DIR'] = path  # the address is one's own
    assert cli.output('run', '-q', '--', 'echo', 'done') == 'done\n'


def test_who_has_no_runtime_directory_is_told_whose_it_is(cli, foreign):
    if cli.scope.name == 'system':
        pytest.skip('the system bus is the same for all')
    path, owner = foreign
    cli.environment |= {'XDG_RUNTIME_DIR': path, 'DBUS_SESSION_BUS_ADDRESS': f'unix:path={path}/bus'}
    told = line(elsewhere(cli, f'mount -t tmpfs tmpfs /run/user; mkdir {path}; chown {owner} {path}', 'status', status=125))
    assert f'XDG_RUNTIME_DIR was {path}, which belongs to {owner}.' in told
    assert "'su -'" in told and 'loginctl enable-linger' in told and 'sandbox' not in told


# --- no systemd -----------------------------------------------------------------------------------

NO_SYSTEMD = 'mount -t tmpfs tmpfs /run'


def test_a_host_without_systemd_is_called_that(cli):
    told = line(elsewhere(cli, NO_SYSTEMD, 'status', status=125))
    assert "systemd is not running here, PID 1 is 'systemd'" in told  # as its name says, and not as its folder does
    assert 'dbus.socket' not in told and 'To fix: ' in told


@pytest.mark.parametrize('prepare, words', [
    (': >/run/.containerenv', 'start the container with systemd as its init'),
    ('echo 5.15.90.1-microsoft-standard-WSL2 >/run/release; mount --bind /run/release /proc/sys/kernel/osrelease',
     "in /etc/wsl.conf, and restart it: printf '[boot]\\nsystemd=true\\n' | sudo tee -a /etc/wsl.conf && wsl.exe --shutdown"),
    ('echo sleep >/run/comm; mount --bind /run/comm /proc/1/comm', "PID 1 is 'sleep'"),
])
def test_what_to_do_without_systemd_depends_on_the_host(cli, prepare, words):
    assert words in line(elsewhere(cli, f'{NO_SYSTEMD}; {prepare}', 'enqueue', '--', 'true', status=125))


# --- lingering ------------------------------------------------------------------------------------

NO_LINGER = 'mkdir -p /run/systemd/users; mount -t tmpfs tmpfs /var/lib/systemd/linger'
HINT = ('codex-jobs: Your service manager, and with it this job, is stopped when you log out. To keep it running: '
        'loginctl enable-linger\n')


@pytest.fixture
def no_hint_yet():
    def forget():
        if os.path.exists(f'/run/user/{ALICE}/codex-jobs-logout-hint'):
            os.unlink(f'/run/user/{ALICE}/codex-jobs-logout-hint')

    forget()
    yield forget
    forget()


def test_that_a_logout_ends_jobs_is_said_once(cli, no_hint_yet):
    is_user = cli.scope.name == 'user'
    assert HINT not in elsewhere(cli, NO_LINGER, 'enqueue', '-q', '--', 'true').stderr
    assert (HINT in elsewhere(cli, NO_LINGER, 'enqueue', '--', 'true').stderr) == is_user
    assert HINT not in elsewhere(cli, NO_LINGER, 'enqueue', '--', 'true').stderr
    no_hint_yet()
    assert HINT not in cli.run('enqueue', '--', 'true').stderr
    assert HINT not in elsewhere(cli, NO_LINGER, 'run', '--', 'true').stderr
    assert HINT not in elsewhere(cli, f'{NO_LINGER}; : >/var/lib/systemd/linger/alice', 'enqueue', '--', 'true').stderr
    job = elsewhere(cli, NO_LINGER, 'enqueue', '-q', '--', 'true').stdout.strip()
    elsewhere(cli, NO_LINGER, 'await', job)
    assert (HINT in elsewhere(cli, NO_LINGER, 'retry', job).stderr) == is_user


# --- limits of the bus ----------------------------------------------------------------------------

class Connections:
    """As many of alice's to a bus as it takes."""

    def __init__(self, path, most):
        self.open = []
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        os.setegid(ALICE)
        os.seteuid(ALICE)
        try:
            while len(self.open) < most and self.add(path):
                pass
        finally:
            os.seteuid(0)
            os.setegid(0)

    def add(self, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(path)
            connection.sendall(b'\0AUTH EXTERNAL ' + str(ALICE).encode().hex().encode() + b'\r\nBEGIN\r\n' + HELLO)
            if b'LimitsExceeded' in self.answer(connection):
                raise ConnectionResetError
        except (ConnectionResetError, BrokenPipeError):
            connection.close()
            return False
        self.open.append(connection)
        return True

    @staticmethod
    def answer(connection):
        text = b''
        while b'NameAcquired' not in text and b'LimitsExceeded' not in text:
            part = connection.recv(65536)
            if not part:
                raise ConnectionResetError
            text += part
        return text

    def close(self, n):
        for _ in range(n):
            self.open.pop().close()


def hello():
    """The message, in little endian."""
    def field(code, kind, value):
        return bytes([code, 1]) + kind + b'\0' + len(value).to_bytes(4, 'little') + value + b'\0'

    fields = b''
    for each in (field(1, b'o', b'/org/freedesktop/DBus'), field(2, b's', b'org.freedesktop.DBus'),
                 field(3, b's', b'Hello'), field(6, b's', b'org.freedesktop.DBus')):
        fields += b'\0' * (-len(fields) % 8) + each
    return (b'l\1\0\1' + b'\0\0\0\0' + b'\1\0\0\0' + len(fields).to_bytes(4, 'little') + fields +
            b'\0' * (-len(fields) % 8))


HELLO = hello()


@pytest.fixture
def crowd(cli):
    """The limit of alice's connections is reached: 256 with dbus-daemon. dbus-broker takes 4095 to the system bus, and just
    closes the next one; that of a user has no limit but the descriptors of a process, and may exit at it (version 36)."""
    is_system = cli.scope.name == 'system'
    most = 5000 if is_system else 400
    connections = Connections('/run/dbus/system_bus_socket' if is_system else f'/run/user/{ALICE}/bus', most)
    connections.is_reached = len(connections.open) < most
    connections.is_told = connections.is_reached and len(connections.open) < 700
    yield connections
    connections.close(len(connections.open))
    if not connections.is_reached:
        pytest.skip('this bus takes as many')


def test_a_bus_that_takes_no_more_connections_is_called_that(cli, jobs, crowd):
    if not crowd.is_reached:
        return
    told = cli.refused('enqueue', '--label', 'crowded', '--', 'true')
    assert 'nothing was submitted' in told and 'Close some of your other connections' in told
    assert 'may have been submitted' not in told
    assert not [job for job in jobs.list() if job['Label'] == 'crowded']
    assert 'nothing was submitted' in cli.refused('run', '-q', '--', 'true')
    assert 'refused' in cli.refused('status')


def test_a_connection_is_tried_again_when_others_close(cli, crowd):
    if not crowd.is_told:
        crowd.close(5)
        assert cli.output('run', '-q', '--', 'echo', 'done') == 'done\n'
        return
    with cli.start('run', '-q', '--', 'echo', 'done') as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        crowd.close(5)
        assert process.communicate(timeout=PATIENCE) == ('done\n', '')
        assert process.returncode == 0


@pytest.fixture
def stopped(cli):
    """The service does not answer until it is woken."""
    pid = cli.scope.service_pid()
    yield lambda stop: os.kill(pid, signal.SIGSTOP if stop else signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)


def test_many_are_awaited_while_the_service_is_slow(cli, jobs, stopped):
    ids = [jobs.enqueue(['true']) for _ in range(300)]
    for job in ids:
        jobs.wait(job)
    stopped(True)
    with cli.start('await', '-q', *ids) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        stopped(False)
        assert process.communicate(timeout=PATIENCE) == ('', '')
        assert process.returncode == 0
    shown = cli.jobs('await', *ids)
    assert [job['id'] for job in shown] == ids
    assert cli.run('await', '--any', *ids).returncode == 0
    assert len(cli.output('status', *ids).splitlines()) == 301
    jobs.remove(*ids)


# --- setup ----------------------------------------------------------------------------------------

def checked(cli, prepare, name, status=0):
    """What it found, as a line and as an object of the document."""
    lines = elsewhere(cli, prepare, 'setup', status=status).stdout.splitlines()
    document = json.loads(elsewhere(cli, prepare, 'setup', '--json', status=status).stdout)
    validate(document)
    check = next((check for check in document['checks'] if check['name'] == name), None)
    shown = next((each for each in lines if each.split()[1] == f'{name}:'), None)
    if check:
        assert shown.startswith(f'{check["status"]:8} {name}: {check["text"]}')
        assert check['command'] is None or (check['command'] in shown and check['command'] in document['next'])
    return check


def test_setup_knows_of_systemd(cli):
    assert checked(cli, 'true', 'systemd')['status'] == 'ok'
    check = checked(cli, NO_SYSTEMD, 'systemd', 1)
    assert check['status'] == 'failed' and 'systemd is not running here' in check['text'] and check['remedy']
    wsl = 'echo 5.15.90.1-microsoft-standard-WSL2 >/run/release; mount --bind /run/release /proc/sys/kernel/osrelease'
    assert 'wsl.exe --shutdown' in checked(cli, f'{NO_SYSTEMD}; {wsl}', 'systemd', 1)['command']


def test_setup_knows_of_lingering(cli):
    check = checked(cli, NO_LINGER, 'linger')
    if cli.scope.name == 'system':
        assert check is None
        return
    assert (check['status'], check['command']) == ('warning', 'loginctl enable-linger')
    assert checked(cli, 'true', 'linger')['status'] == 'ok'


def test_setup_knows_of_the_runtime_directory_of_another(cli, foreign):
    path, owner = foreign
    cli.environment['XDG_RUNTIME_DIR'] = path
    check = checked(cli, 'true', 'runtime')
    if cli.scope.name == 'system':
        assert check is None
        return
    assert check['status'] == 'warning' and check['text'] == f'XDG_RUNTIME_DIR is {path}, which belongs to {owner}'
    assert 'export XDG_RUNTIME_DIR=' in check['command']


def test_setup_knows_of_connections(cli, crowd):
    if not crowd.is_reached:
        return
    if not crowd.is_told:
        # It refuses the connection or a moment later the call: the next setup may find it otherwise.
        document = json.loads(elsewhere(cli, 'true', 'setup', '--json', status=1).stdout)
        check = next(check for check in document['checks'] if check['name'] == 'service')
        assert check['status'] == 'failed' and re.search('refused the (connection|call)', check['text'])
        assert check['command'] is None and 'close some of your other connections' in check['remedy']
        return
    crowd.close(4)
    check = checked(cli, 'true', 'bus')
    assert check['status'] == 'warning' and 'busctl' in check['command']
    assert re.search('only [1-9] more', check['text']) # others of hers come and go


@pytest.mark.parametrize('size, files, status, words', [
    ('16m', 1000, 'warning', 'only 16 MiB free'), ('512k', 1000, 'failed', 'only 0 MiB free'),
    ('100m', 20, 'failed', 'inodes free'),
])
def test_setup_knows_of_space(cli, size, files, status, words):
    if cli.scope.name == 'user':
        cli.environment['XDG_STATE_HOME'] = '/mnt'
    where = '/var/lib/codex-jobs' if cli.scope.name == 'system' else '/mnt'
    check = checked(cli, f'mount -t tmpfs -o mode=0755,size={size},nr_inodes={files} tmpfs {where}', 'disk',
                  1 if status == 'failed' else 0)
    assert check['status'] == status and words in check['text'] and where in check['command']


@pytest.mark.parametrize('locale, status', [('xx_XX.UTF-8', 'warning'), ('UTF-8', 'warning'), ('C.UTF-8', 'ok'), ('C', 'ok')])
def test_setup_knows_of_locales(cli, locale, status):
    cli.environment['LC_ALL'] = locale
    check = checked(cli, 'true', 'locale')
    assert check['status'] == status and locale in check['text']
    assert check['command'] == (None if status == 'ok' else 'export LC_ALL=C.UTF-8')


@pytest.mark.parametrize('config, status', [
    ('model_provider = "ollama"\n', 'ok'), ("model = 'x'\nmodel_provider='local' # mine\n[model_providers.local]\nname = 'x'\n", 'ok'),
    ('model_provider = "openai"\n', 'warning'), ('', 'warning'), ('[profiles.x]\nmodel_provider = "ollama"\n', 'warning'),
    ('model_provider = "proxy"\n[model_providers.proxy]\nrequires_openai_auth = true\n', 'warning'),
])
def test_setup_knows_providers_without_login(cli, codex, config, status):
    with open(f'{cli.folder}/config.toml', 'w', encoding='utf-8') as file:
        file.write(config)
    cli.environment |= {'FAKE_CODEX_LOGIN': 'no', 'CODEX_HOME': cli.folder}
    assert checked(cli, 'true', 'login')['status'] == status
    cli.environment['CODEX_API_KEY'] = 'secret'
    assert checked(cli, 'true', 'login')['text'] == 'CODEX_API_KEY is set'


@pytest.mark.parametrize('before, after', [('', ''), ('WARNING: proceeding, even though', ''), ('warn', 'could not update PATH')])
def test_setup_finds_the_version_among_warnings(cli, codex, before, after):
    with open(f'{cli.folder}/bin/codex', 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\necho "{before}" >&2\necho codex-cli 1.2.3\necho "{after}" >&2\n')
    assert checked(cli, 'true', 'codex')['text'] == f'codex-cli 1.2.3, {cli.folder}/bin/codex'
