# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What codex-jobs-slurm believes of a node: all there is that user's, who may have changed the spool, or be the node."""

import os
import shutil

import pytest

FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fake-srun')
PROGRAMS = [f'/usr/local/bin/{name}' for name in ('srun', 'squeue', 'scancel')]
MODES = ['secret', 'flood', 'status', 'long']
MIB = 1 << 20


@pytest.fixture(autouse=True)
def node(system, alice):
    """A queue for each thing that the node says."""
    for path in PROGRAMS:
        shutil.copy(FAKE, path)
    system.configure({mode: {'Launcher': 'slurm', 'Options': f'--{mode}'} for mode in MODES})
    system.reload(alice)
    yield
    alice.end_all()
    system.configure()
    system.reload(alice)
    os.unlink(system.config)
    for path in PROGRAMS:
        os.unlink(path)


def test_the_secret_of_the_worker_stays_here(alice):
    """With it, the user would be given the file for the order, to write to."""
    job = alice.run(['true'], Queue='secret').job
    assert job['State'] == 'completed'
    assert alice.output(job['Id']) == bytes(16)


def test_what_a_node_sends_is_bounded(alice):
    job = alice.run(['true'], Queue='flood', OutputMax=MIB).job
    assert job['StdoutBytes'] == 17 * MIB # as of a worker, with room for the order


@pytest.mark.parametrize('mode', ['status', 'long'])
def test_an_end_that_makes_no_sense(alice, mode):
    """The service would not take it, however often it is told."""
    job = alice.run(['true'], Queue=mode).job
    assert (job['State'], job['Reason']) == ('failed', 'lost')
    assert job['Progress'] == 'the end as told by the node makes no sense'
