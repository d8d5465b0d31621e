# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Fixtures of the tests with the real clients. They run as root inside the sandbox, see tests/sandbox/run. CLAUDE and
CODEX name the programs of the clients; what needs one that is not there is skipped."""

import os
import pwd
import subprocess
import sys
import tempfile

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))
# pylint: disable=wrong-import-position
from claude import Claude, Home, PROGRAMS
from messages import Model
from support import Scope


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes long, and is left out without LONG')


def pytest_collection_modifyitems(items):
    if not os.environ.get('LONG'):
        for item in items:
            if item.get_closest_marker('long'):
                item.add_marker(pytest.mark.skip(reason='not without --long'))


@pytest.fixture(scope='session', autouse=True)
def sandbox():
    if os.geteuid() != 0 or not os.path.exists('/run/sandbox'):
        pytest.exit('Run these tests inside the sandbox: tests/sandbox/run --install BUILDDIR -- '
                    'tests/sandbox/integration tests/agents', returncode=125)


def bind(name, folder=None):
    """The program that a variable names, where alice may run it: the folder of the sources may be closed to her. One in
    a folder of that name comes with all that is beside that."""
    path = os.environ.get(name.upper())
    if not path or not os.access(path, os.X_OK):
        pytest.skip(f'{name} cannot be had: set {name.upper()} to its path')
    path, target = os.path.realpath(path), f'{PROGRAMS}/{name}'
    inner = f'/{folder}/{os.path.basename(path)}' if folder else ''
    if not os.path.exists(target):
        os.makedirs(PROGRAMS, exist_ok=True)
        if folder:
            os.mkdir(target)
        else:
            with open(target, 'wb'):
                pass
        subprocess.run(['mount', '--bind', path.removesuffix(inner), target], check=True)
    return target + inner


@pytest.fixture(scope='session')
def claude_program(sandbox):
    return bind('claude')


@pytest.fixture(scope='session')
def codex_program(sandbox):
    return bind('codex', folder='bin')


@pytest.fixture
def alice(sandbox):
    """The service as alice sees it. What a test leaves running is ended after it, and all is forgotten."""
    scope = Scope('system')
    scope.start_service()
    client = scope.connect()
    yield client
    for job in client.list_ids(State=['queued', 'running']):
        client.cancel(job)
    while ended := client.list_ids(State=['completed', 'failed', 'cancelled'], Limit=1000):
        client.remove(*ended)
    client.close()


@pytest.fixture(scope='module')
def folder(sandbox):
    """A folder of alice's, in her home: what is in force there may be written to while nothing else may."""
    with tempfile.TemporaryDirectory(prefix='agents-', dir='/home/alice') as path:
        user = pwd.getpwnam('alice')
        os.chown(path, user.pw_uid, user.pw_gid)
        yield path


@pytest.fixture(scope='module')
def paper():
    with Model() as model:
        yield model


@pytest.fixture(scope='module')
def shared_home(folder, paper):
    return Home(folder, paper)


@pytest.fixture
def home(shared_home, alice):
    """As it was made, but for what the client itself keeps."""
    yield shared_home
    shared_home.clean()
    errors, shared_home.model.errors = shared_home.model.errors, []
    assert errors == []


@pytest.fixture
def model(home):
    return home.model


@pytest.fixture(scope='module')
def installed(claude_program, shared_home):
    """Claude Code with the plugin, as it is after an install."""
    claude = Claude(shared_home)
    claude.install()
    return claude


@pytest.fixture
def claude(installed, home):
    return installed
