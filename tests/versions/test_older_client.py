# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The client of the version before with the service of this one: programs and people have it open, or on their other hosts,
while the service is upgraded."""

import json

from support import Process

GO = 'until [ -e go ]; do sleep 0.05; done; echo out; echo err >&2; exit 5'


def job_in(client, verb, *words, status=0):
    """In the JSON of that client, the only one or the newest."""
    document = json.loads(client.output(verb, '--json', *words, status=status))
    return document['jobs'][0] if 'jobs' in document else document['job']


def test_run(older):
    done = older.run('run', '--', 'sh', '-c', 'cat; echo err >&2; exit 3', status=3, text='')
    assert done.stdout == '' and 'err\n' in done.stderr
    assert older.output('run', '-q', '--stdin', '-', '--', 'cat', text='in') == 'in'


def test_await(older, folder):
    job = older.enqueue('--label', 'of before', '--', 'sh', '-c', GO)
    waiting = older.listen('await', job)
    waiting.tells('waiting for')
    with open(f'{folder}/go', 'w', encoding='ascii'):
        pass
    status, out, err = waiting.end()
    assert status == 5 and out == 'out\n' and any(job in line for line in err)


def test_await_over_a_restart(older, folder, scope):
    job = older.enqueue('--', 'sh', '-c', GO)
    waiting = older.listen('await', job)
    waiting.tells('waiting for')
    with Process(scope.service_pid()) as process:
        scope.systemctl('restart', scope.service)
        assert process.has_ended()
    with open(f'{folder}/go', 'w', encoding='ascii'):
        pass
    status, out, _ = waiting.end()
    assert status == 5 and out == 'out\n'


def test_what_is_said_of_a_job(older, newer):
    job = newer.enqueue('--label', 'a label', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')
    newer.run('await', job, status=7)
    assert older.output('logs', '--stdout', job) == 'out\n'
    for verb in ('status', 'show', 'list', 'inbox'):
        words = (job,) if verb in ('status', 'show') else ()
        assert job[:8] in older.output(verb, *words) and 'a label' in older.output(verb, *words)
    for verb, status in (('status', 0), ('show', 0), ('result', 7)):
        found, now = (job_in(client, verb, job, status=status) for client in (older, newer))
        assert {name: now.get(name) for name in found} == found  # members may be added, none is changed


def test_cancel_and_retry(older):
    job = older.enqueue('--', 'sleep', '1000')
    older.run('cancel', job)
    older.run('await', job, status=143)
    again = older.enqueue('--', 'sh', '-c', 'exit 9')
    older.run('await', again, status=9)
    repeated = older.output('retry', '-q', again).strip()
    older.run('await', repeated, status=9)
    older.run('remove', repeated)
    assert repeated in older.refused('show', repeated)


def test_pause(older):
    older.run('pause')
    job = older.enqueue('--', 'true')
    assert 'queued' in older.output('status', job)
    older.run('resume')
    older.run('await', job)


def test_what_it_does_not_know(older, newer):
    """Jobs that only this version can have."""
    newer.run('queue', 'set', 'narrow', '--max-running', '1')
    held = newer.enqueue('--hold', '--priority', '7', '--queue', 'narrow', '--', 'true')
    failed = newer.enqueue('--retries', '1', '--retry-delay', '0', '--', 'false')
    newer.run('await', failed, status=1)
    lost = newer.enqueue('--after', failed, '--', 'true')
    newer.run('await', lost, status=1)
    for job, state in ((held, 'queued'), (failed, 'failed'), (lost, 'failed')):
        for verb in ('status', 'show'):
            assert state in older.output(verb, job)
            assert job_in(older, verb, job)['state'] == state
    assert held in older.output('list', '--json') and lost in older.output('inbox', '--json')
    older.run('cancel', held)
    older.run('await', held, status=143)
    newer.run('queue', 'remove', 'narrow')
