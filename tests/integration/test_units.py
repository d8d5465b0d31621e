# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The transient units: what systemd is told of a job, and what it is not."""

import os
import subprocess

import pytest

from support import SECOND, Process, shell, unit_name

SECRET = 'XyzzySecret'


def everything_about(scope, unit):
    """All that whoever is let onto the bus can read about a unit."""
    commands = [('show', '--all', unit), ('cat', unit), ('status', '--full', '--lines=0', unit),
                ('list-units', '--all', '--full'), ('list-jobs',)]
    return {command[0]: scope.systemctl(*command, check=False) for command in commands}


def test_nothing_private_is_in_the_unit(jobs, scope, gate, folder):
    directory = f'{folder}/{SECRET}-directory'
    os.mkdir(directory, 0o755)
    fd = os.memfd_create('x')
    os.write(fd, f'{SECRET} input'.encode())
    with os.fdopen(fd, 'rb') as content:
        job = jobs.enqueue(gate.job() + [f'{SECRET} argument'], Directory=directory, Stdin=content,
                           Environment=[f'{SECRET}_NAME=1', f'VALUE={SECRET}'], Label=f'{SECRET} label',
                           Workspace=f'/{SECRET}-workspace', Session=f'{SECRET} session')
    with Process(gate.wait()) as process:
        with open(f'/proc/{process.pid}/environ', encoding='utf-8') as environment:
            assert SECRET in environment.read()
        told = everything_about(scope, unit_name(job))
        assert 'codex-jobs-worker' in told['show'] and unit_name(job) in told['cat']
        # The command line of a process is in /proc for everybody, and "status" shows it from there.
        told['status'] = '\n'.join(line for line in told['status'].splitlines() if SECRET not in line
                                   or not line.strip().startswith(('└─', '├─')))
        assert not [name for name, text in told.items() if SECRET in text]
        gate.open()
    jobs.wait(job)
    assert SECRET not in scope.systemctl('show', '--all', unit_name(job))


def test_nothing_private_is_in_the_journal(jobs):
    job = jobs.enqueue(shell(f'echo {SECRET}; echo {SECRET} >&2; exit 1'), Label=SECRET)
    jobs.wait(job)
    jobs.wait(jobs.enqueue([f'/{SECRET}/command', SECRET]))
    subprocess.run(['journalctl', '--sync'], check=True)
    journal = subprocess.run(['journalctl', '--boot', '--output=verbose', '--no-pager'], check=True,
                             stdout=subprocess.PIPE).stdout
    assert SECRET.encode() not in journal


def test_name_of_the_unit(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    pid = gate.wait()
    assert jobs.get(job)['Unit'] == unit_name(job)
    worker = scope.unit_property(unit_name(job), 'MainPID')
    with open(f'/proc/{worker}/task/{worker}/children', encoding='ascii') as file:
        assert file.read().split() == [str(pid)]
    assert scope.unit_property(unit_name(job), 'Slice') == 'codex-jobs.slice'


@pytest.mark.parametrize('option, value, expected', [
    ('TasksMax', 17, '17'), ('MemoryMax', 64 << 20, str(64 << 20)), ('CPUWeight', 42, '42')])
def test_limits_are_those_of_the_unit(jobs, scope, gate, option, value, expected):
    job = jobs.enqueue(gate.job(), **{option: value})
    gate.wait()
    assert scope.unit_property(unit_name(job), option) == expected


def test_service_manager_ends_what_its_worker_does_not(jobs, scope, settings, gate):
    """With 15 s for the worker beyond the time that the job has to stop, and 5 s beyond the time that it has to run."""
    settings(StopTimeoutSec='7s')
    job = jobs.enqueue(gate.job(), RuntimeMaxUSec=90_000_000)
    gate.wait()
    assert scope.unit_property(unit_name(job), 'TimeoutStopUSec') == '22s'
    assert scope.unit_property(unit_name(job), 'RuntimeMaxUSec') == '1min 35s'


def test_unit_takes_no_word_from_the_job(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    properties = {'NotifyAccess': 'none', 'KillMode': 'mixed', 'OOMPolicy': 'continue', 'RemainAfterExit': 'yes'}
    assert {name: scope.unit_property(unit_name(job), name) for name in properties} == properties


def test_all_processes_are_in_the_unit(jobs, gate):
    job = jobs.enqueue(gate.job(before='setsid sh -c \'echo $$ >"$0"; exec sleep infinity\' "$1" &'))
    for pid in (gate.wait(), gate.wait()):
        with open(f'/proc/{pid}/cgroup', encoding='utf-8') as file:
            assert unit_name(job) in file.read()


@pytest.mark.parametrize('command', ['true', 'false', 'no-such-command'])
def test_unit_is_released(jobs, scope, command):
    jobs.subscribe("type='signal',member='UnitRemoved'")
    job = jobs.enqueue([command])
    jobs.wait(job)
    jobs.signal(lambda signal: signal.member == 'UnitRemoved' and signal.body[0] == unit_name(job))
    assert unit_name(job) not in scope.job_units()


def test_unit_that_somebody_else_stops(jobs, scope, gate):
    """An administrator's "systemctl stop" ends the job, and whoever waits hears of it."""
    job = jobs.enqueue(gate.job())
    with Process(gate.wait()) as process:
        scope.systemctl('stop', unit_name(job))
        assert process.has_ended()
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason'], ended.exit_code) == ('failed', 'signal', 143)


def test_unit_that_somebody_else_stops_and_that_stays(jobs, scope, settings, gate):
    """That systemd loses its patience with it is no limit of the job's."""
    settings(StopTimeoutSec='1s')
    for limits in ({}, {'RuntimeMaxUSec': 3600 * SECOND}):
        job = jobs.enqueue(gate.job(before='trap "" TERM'), **limits)
        gate.wait()
        scope.systemctl('stop', unit_name(job), check=False)
        ended = jobs.wait(job)
        assert (ended.state, ended.job['Reason'], ended.exit_code) == ('failed', 'signal', 137)


def test_unit_that_somebody_else_kills(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    scope.systemctl('kill', '--signal=KILL', unit_name(job))
    assert jobs.wait(job).job['Signal'] == 9


def test_service_manager_that_executes_itself_anew(jobs, scope, new_gate):
    held, other = new_gate(), new_gate()
    ids = [jobs.enqueue(held.job(then='exit 3')), jobs.enqueue(other.job())]
    held.wait(), other.wait()
    waiting = jobs.send_wait(ids[0])
    scope.systemctl('daemon-reexec')
    held.open()
    assert jobs.wait_answer(waiting)[:2] == ('failed', 3)
    assert jobs.cancel(ids[1]) == 'cancelled'
    assert jobs.run(['true']).state == 'completed'
