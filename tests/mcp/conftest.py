# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Fixtures of the tests with official packages of the Model Context Protocol. They run as root inside the sandbox, see
tests/sandbox/run. MCP, MCP_INSPECTOR and MCP_CONFORMANCE name the folders that npm installed them in; what needs one that
is not there is skipped."""

import os
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))
# pylint: disable=wrong-import-position
from support import Scope


@pytest.fixture(scope='session', autouse=True)
def sandbox():
    if os.geteuid() != 0 or not os.path.exists('/run/sandbox'):
        pytest.exit('Run these tests inside the sandbox: tests/sandbox/run --install BUILDDIR -- '
                    'tests/sandbox/integration tests/mcp', returncode=125)


@pytest.fixture(scope='session')
def system(sandbox):
    scope = Scope('system')
    scope.start_service()
    return scope


@pytest.fixture(scope='session')
def packages(system):
    """The folder of a set of packages."""
    def find(name):
        folder = os.environ.get(name)
        if not folder or not os.path.isdir(f'{folder}/node_modules'):
            pytest.skip(f'packages cannot be had: set {name} to the folder that npm installed them in')
        return folder
    return find
