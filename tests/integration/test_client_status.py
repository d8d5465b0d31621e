# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""status --wait."""

import json

from clientsupport import cli, validate  # noqa: F401
from support import PATIENCE

# pylint: disable=redefined-outer-name


def test_wait_shows_the_end(cli, gate):
    job = cli.enqueue('--', *gate.job('exit 3'))
    gate.wait()
    with cli.start('status', job, '--wait', '--json') as process:
        gate.open()
        document = json.loads(process.communicate(timeout=PATIENCE)[0])
    validate(document)
    assert process.returncode == 0
    assert document['job']['exit_code'] == 3 and document['job']['wait_timed_out'] is False


def test_wait_that_times_out_shows_what_is(cli, gate):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    shown = cli.job('status', job, '--wait', '--timeout-ms', '1', status=124)
    assert shown['state'] == 'running' and shown['wait_timed_out'] is True
    assert 'running for' in cli.output('status', job, '--wait', '--timeout-ms', '1', status=124)


def test_wait_for_several(cli, gate):
    running = cli.enqueue('--', *gate.job())
    gate.wait()
    ended = cli.job('run', '--', 'true')['id']
    jobs = cli.jobs('status', ended, running, '--wait', '--timeout-ms', '1', status=124)
    assert [job['wait_timed_out'] for job in jobs] == [False, True]
    gate.open()
    assert cli.output('status', ended, running, '--wait').count('completed') == 2


def test_wait_reads_the_state_in_between(cli, gate):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    with cli.start('status', job, '--wait', '--poll-interval-ms', '1') as process:
        gate.open()
        assert 'completed' in process.communicate(timeout=PATIENCE)[0]


def test_wait_needs_a_job_and_an_end(cli):
    assert '--wait requires a job ID' in cli.refused('status', '--wait')
    assert '--watch' in cli.refused('status', '--wait', '--watch', 'job-0123456789')
    assert '--timeout-ms' in cli.refused('status', '--timeout-ms', 'soon')
