# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Fixtures of the tests with a real Slurm. They run as root inside the sandbox, see tests/sandbox/run."""

import glob
import os
import shutil
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))
# pylint: disable=wrong-import-position
from cluster import SPOOL, Cluster, wait_until
from standin import Standin


def pytest_configure(config):
    config.addinivalue_line('markers', 'leaves_spool: a job that was not collected is left on its node')


@pytest.fixture(scope='session')
def cluster():
    if os.geteuid() != 0 or not os.path.exists('/run/sandbox'):
        pytest.exit('Run these tests inside the sandbox: tests/sandbox/run --install BUILDDIR -- '
                    'tests/sandbox/integration tests/slurm', returncode=125)
    for program in ('slurmctld', 'slurmd', 'srun', 'munged'):
        if not shutil.which(program):
            pytest.exit(f'{program} is not installed: tools/bootstrap --slurm', returncode=125)
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def alice(cluster):
    standin = Standin('alice')
    yield standin
    standin.clear()


@pytest.fixture
def bob(cluster):
    standin = Standin('bob')
    yield standin
    standin.clear()


@pytest.fixture(autouse=True)
def nothing_left(cluster, request):
    """After each test: no job in Slurm, no process and nothing in the spool of a node."""
    yield
    wait_until(lambda: not cluster.jobs(), what='no jobs in Slurm')
    wait_until(lambda: not cluster.processes('codex-jobs-node'), what='no processes on nodes')
    left = [f'{path}: {os.listdir(path)}' for path in glob.glob(f'{SPOOL}.*/*/*')]
    for path in glob.glob(f'{SPOOL}.*/*/*'):
        shutil.rmtree(path)
    assert not left or request.node.get_closest_marker('leaves_spool')
