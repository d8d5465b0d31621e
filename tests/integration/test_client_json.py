# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Every verb's JSON is as the schema says. The documents are validated where they are read: see
clientsupport."""

import json
import os

import jsonschema
import pytest
from clientsupport import SCHEMA, cli, codex, schema, validate, validator  # noqa: F401

# pylint: disable=redefined-outer-name


def test_schema_is_valid_and_installed():
    validator.check_schema(schema)
    assert os.path.exists(SCHEMA)
    with open(SCHEMA, encoding='utf-8') as file:
        assert json.load(file) == schema


def test_verbs_of_a_command(cli, gate):
    ended = cli.job('run', '--', 'sh', '-c', 'exit 7', status=7)['id']
    job = cli.job('enqueue', '--', *gate.job())['id']
    gate.wait()
    documents = [
        cli.document('status'), cli.document('status', job), cli.document('status', job, ended),
        cli.document('await', job, '--timeout-ms', '1', status=124),
        cli.document('await', job, ended, '--timeout-ms', '1', status=124),
        cli.document('run', '--timeout-ms', '1', '--', *gate.job(), status=124),
        cli.document('cancel', job), cli.document('cancel', job, ended),
        cli.document('result', job, status=143), cli.document('await', job, ended, status=143),
        cli.document('await', '--any', job, ended, status=143), cli.document('result', ended, status=7),
        cli.document('list'), cli.document('list', '--since', '1h', '--state', 'failed'), cli.document('show', job),
        cli.document('pause'), cli.document('status'), cli.document('resume'), cli.document('retry', ended),
        cli.document('inbox'), cli.document('inbox', '--ack'), cli.document('remove', job, ended),
    ]
    assert all(document['schema'] == 1 for document in documents)


@pytest.mark.parametrize('command, status, reason', [
    (['sh', '-c', 'kill -9 $$'], 137, 'signal'), (['/nowhere'], 127, 'not-executable'),
    (['--runtime-max', '1s', '--', 'sleep', 'infinity'], 143, 'runtime-limit')])
def test_jobs_that_failed(cli, command, status, reason):
    separator = [] if '--' in command else ['--']
    assert cli.job('run', *separator, *command, status=status)['reason'] == reason


def test_absent_is_null_and_not_missing(cli):
    job = cli.job('run', '--', 'true')
    names = ('stopped_by', 'cpu_usage_usec', 'memory_peak', 'retry_of', 'result_error', 'left_behind', 'resource_limits')
    assert [job[name] for name in names] == [None] * len(names) and job['notify'] is True
    del job['retry_of']
    with pytest.raises(jsonschema.ValidationError):
        validate({'schema': 1, 'job': job, 'next': []})


def test_resources_of_a_job_that_took_some(cli):
    """They are known of what ran for a second."""
    job = cli.job('run', '--runtime-max', '2s', '--', 'sh', '-c', 'while :; do :; done', status=143)
    assert 0 < job['cpu_usage_usec'] < 10**9
    assert job['memory_peak'] is None or job['memory_peak'] > 0
    assert ' CPU time' in cli.output('show', job['id'])


def test_verbs_of_codex(cli, codex):
    cli.document('task', '--background', 'x')
    cli.document('task', '--background', '--await', 'x')
    cli.document('task', 'fake:failed', status=1)
    cli.as_alice('git', 'init', '-q')
    cli.document('review')
    cli.document('adversarial-review', '--background', '--await')
    cli.document('setup')


@pytest.mark.parametrize('change', [
    {'schema': 2}, {'job': None}, {'jobs': []}, {'next': 'codex-jobs'},
    {'job': {'state': 'done'}}, {'job': {'reason': 'user'}}, {'job': {'created_at': 'today'}},
    {'job': {'notify': None}}, {'job': {'retry_of': 'job'}}, {'job': {'memory_peak': -1}}, {'job': {'end_source': 'init'}}, {'queue': []},
    {'job': {'stdout': 'x'}}, {'job': {'id': 'JOB-0123456789'}}, {'job': {'finished_at': None}}])
def test_the_schema_refuses_what_is_wrong(cli, change):
    document = cli.document('enqueue', '--', 'true')
    document = cli.document('status', '--wait', document['job']['id'])
    for name, value in change.items():
        if isinstance(value, dict):
            document[name] = {**document[name], **value}
        else:
            document[name] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(document)
