# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Fixtures of the integration tests. They run as root inside the sandbox, see tests/sandbox/run; each
test that uses "scope" runs for the system's service and for a user's own, or for those that SCOPES names."""

import grp
import os
import pwd
import subprocess
import tempfile

import pytest

from support import Gate, Pipe, Scope


def pytest_configure(config):
    config.addinivalue_line('markers', 'restarts: the test ends the service')
    config.addinivalue_line('markers', 'last: runs when all other tests are through')


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker('last') is not None)


@pytest.fixture(scope='session', autouse=True)
def sandbox():
    if os.geteuid() != 0 or not os.path.exists('/run/sandbox'):
        pytest.exit('Run these tests inside the sandbox: tests/sandbox/run --install BUILDDIR -- '
                    'tests/sandbox/integration', returncode=125)
    # A supplementary group, for the test that a job has it.
    subprocess.run(['groupadd', '--force', 'helpers'], check=True)
    if 'alice' not in grp.getgrnam('helpers').gr_mem:
        subprocess.run(['usermod', '--append', '--groups', 'helpers', 'alice'], check=True)


@pytest.fixture(scope='session', params=os.environ.get('SCOPES', 'system user').split())
def scope(request, sandbox):
    return Scope(request.param)


@pytest.fixture(scope='session')
def system(sandbox):
    """The system scope, for what a user's scope has no other user for."""
    return Scope('system')


@pytest.fixture(scope='module')
def few_jobs(sandbox):
    """What ended in other tests is forgotten: examples of documents take the store of somebody new."""
    for name in ('system', 'user'):
        client = Scope(name).connect()
        while ended := client.list_ids(State=['completed', 'failed', 'cancelled'], Limit=1000):
            client.remove(*ended)
        client.close()


@pytest.fixture(autouse=True)
def service_stays_up(request):
    """Whatever a test does to it, the service is the process that it was before. No job of the test runs beside the
    next."""
    if not {'scope', 'system'} & set(request.fixturenames):
        yield
        return
    scope = request.getfixturevalue('scope' if 'scope' in request.fixturenames else 'system')
    scope.start_service()
    scope.bus.signals.clear()
    before = scope.service_pid()
    yield
    scope.end_live_jobs()
    if not request.node.get_closest_marker('restarts'):
        assert scope.service_pid() == before, 'the service ended'


@pytest.fixture
def connect(scope):
    """Connections to the scope's bus, alice's where no uid is given."""
    connections = []

    def make(uid=None):
        connections.append(scope.connect(uid))
        return connections[-1]

    yield make
    for connection in connections:
        connection.end_all()
        connection.close()


@pytest.fixture
def jobs(connect):
    """The service as alice sees it. What a test leaves running is ended after it."""
    return connect()


@pytest.fixture
def alice(system):
    client = system.connect()
    yield client
    client.end_all()
    client.close()


@pytest.fixture
def bob(system):
    client = system.connect(pwd.getpwnam('bob').pw_uid)
    yield client
    client.end_all()
    client.close()


@pytest.fixture
def root(system):
    client = system.connect(0)
    yield client
    client.end_all()
    client.close()


@pytest.fixture
def folder(request):
    """An empty folder of alice's."""
    alice = pwd.getpwnam('alice')
    with tempfile.TemporaryDirectory(prefix='jobs-') as path:
        os.chown(path, alice.pw_uid, alice.pw_gid)
        yield path


@pytest.fixture
def pipe(folder):
    pipes = []

    def make(name):
        pipes.append(Pipe(f'{folder}/{name}', pwd.getpwnam('alice').pw_uid))
        return pipes[-1]

    yield make
    for each in pipes:
        each.close()


@pytest.fixture
def new_gate(pipe):
    names = iter(range(1000))

    def make():
        number = next(names)
        return Gate(pipe(f'ready{number}'), pipe(f'hold{number}'))

    return make


@pytest.fixture
def gate(new_gate):
    return new_gate()


@pytest.fixture
def own_store(scope):
    """An empty one, for the time of a test."""
    folders = [scope.state] + ([scope.results] if scope.is_system else [])
    uid, gid = (0, 0) if scope.is_system else (scope.uid, scope.user.pw_gid)
    scope.systemctl('stop', scope.service)
    for folder in folders:
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'mode=700,uid={uid},gid={gid}', 'tmpfs', folder],
                       check=True)
    scope.start_service()
    yield
    scope.systemctl('stop', scope.service)
    for folder in folders:
        subprocess.run(['umount', '--lazy', folder], check=True)  # a worker may be on its way out


@pytest.fixture
def settings(scope, jobs):
    """Puts a configuration in force; the test's end takes it back."""

    def apply(**values):
        scope.configure(**values)
        scope.reload(jobs)

    yield apply
    if os.path.exists(scope.config):
        os.unlink(scope.config)
    scope.reload(jobs)
