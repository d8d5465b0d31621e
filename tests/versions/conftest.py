# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Fixtures of the tests with the version before, whose build folder BEFORE names. They run as root inside the sandbox, see
tests/sandbox/run."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))
# pylint: disable=wrong-import-position
from clientsupport import Cli
from support import Scope
from versionsupport import Versions

OLDER_CLIENT = '/usr/local/bin/older-codex-jobs'


class OlderCli(Cli):
    program = OLDER_CLIENT


@pytest.fixture(scope='session')
def before():
    if os.geteuid() != 0 or not os.path.exists('/run/sandbox'):
        pytest.exit('Run these tests inside the sandbox: tests/sandbox/run --install BUILDDIR --env BEFORE=BUILDDIR -- '
                    'tests/sandbox/integration tests/versions', returncode=125)
    folder = os.environ['BEFORE']
    # Where alice may run it: the folder of the sources may be closed to her.
    shutil.copy(f'{folder}/client/codex-jobs', OLDER_CLIENT)
    return folder


@pytest.fixture(scope='session', params=('system', 'user'))
def scope(request, before):
    scope = Scope(request.param)
    scope.start_service()
    return scope


@pytest.fixture
def folder():
    alice = pwd.getpwnam('alice')
    with tempfile.TemporaryDirectory(prefix='jobs-') as path:
        os.chown(path, alice.pw_uid, alice.pw_gid)
        yield path


def use(kind, scope, folder):
    cli = kind(scope, folder)
    yield cli
    for running in cli.running:
        running.kill()
    scope.end_live_jobs()


@pytest.fixture
def newer(scope, folder):
    """The client of this version."""
    yield from use(Cli, scope, folder)


@pytest.fixture
def older(scope, folder):
    """The client of the version before."""
    yield from use(OlderCli, scope, folder)


def reload(scopes):
    for scope in scopes:
        scope.systemctl('daemon-reload')
        scope.start_service()


@pytest.fixture(scope='module')
def older_services(before):
    """Those of the version before, with stores of their own, in both scopes: their program is the same."""
    scopes = Scope('system'), Scope('user')
    places = [(path, scope) for scope in scopes for path in {scope.state, os.path.dirname(scope.results)}]
    with tempfile.TemporaryDirectory() as kept:
        versions = Versions(before, kept)
        for scope in scopes:
            scope.start_service()
            scope.systemctl('stop', 'codex-jobsd.socket', scope.service)
        for path, scope in places:
            owner = 0 if scope.is_system else scope.uid
            subprocess.run(['mount', '-t', 'tmpfs', '-o', f'mode=700,uid={owner}', 'tmpfs', path], check=True)
        versions.go_back()
        reload(scopes)
        yield
        for scope in scopes:
            scope.systemctl('stop', scope.service)
        for path, _ in places:
            subprocess.run(['umount', '--lazy', path], check=True)
        versions.upgrade()
        versions.take_worker()
        reload(scopes)
