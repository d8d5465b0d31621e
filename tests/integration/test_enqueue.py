# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Enqueue: what is recorded, and what the command receives."""

import hashlib
import os
import re
import subprocess
import time

import pytest

from support import SECOND, shell

# What a shell, systemd or a careless program takes for something else.
HOSTILE = [
    '$HOME', '${HOME}', '$$', '$(id)', '`id`', '%n', '%%', '%h %u', ';', '; rm -rf /', '&', '|', '>', '#',
    "'", '"', '\\', '\\n', '\\x41', "it's", 'a b', ' ', '\t', 'line\nline\n', '\n', '', '-', '--', '@', '!x',
    '*', '?', '~', '{a,b}', 'ä€😀', '\x01\x7f\x1b[31m', 'key=value', '[Service]', '\r\n']

ARGUMENTS = shell('cat /proc/$$/cmdline; :')
ENVIRONMENT = ['cat', '/proc/self/environ']


def arguments_of(jobs, argv, **options):
    job = jobs.enqueue(argv, **options)
    assert jobs.wait(job).state == 'completed'
    return jobs.output(job).split(b'\0')[:-1]


def environment_of(jobs, **options):
    job = jobs.enqueue(ENVIRONMENT, **options)
    assert jobs.wait(job).state == 'completed'
    return jobs.output(job).split(b'\0')[:-1]


# --- what is recorded -----------------------------------------------------------------------------

def test_id_is_kind_and_ten_characters(jobs):
    assert re.fullmatch('job-[0-9a-hjkmnp-tv-z]{10}', jobs.enqueue(['true']))
    assert re.fullmatch('task-[0-9a-hjkmnp-tv-z]{10}', jobs.enqueue(['true'], Kind='task'))


def test_longest_kind(jobs):
    kind = 'a' + '-0' * 15 + 'z'
    job = jobs.enqueue(['true'], Kind=kind)
    assert len(kind) == 32 and job.startswith(kind + '-')
    assert jobs.wait(job).state == 'completed'


def test_a_job_is_there_when_enqueue_returns(jobs, gate):
    job = jobs.enqueue(gate.job())
    assert jobs.get(job)['Id'] == job
    assert job in jobs.list_ids()


def test_entries_and_their_types(jobs, scope, folder):
    job = jobs.enqueue(shell('systemd-notify --status=half; echo "{}" >"$CODEX_JOB_RESULT"'),
                       Label='a label', Workspace='/w', Session='s', Directory=folder)
    jobs.wait(job)
    entries, = jobs.call('Get', 's', job)
    assert {name: type for name, (type, _) in entries.items()} == {
        'Id': 's', 'Kind': 's', 'Label': 's', 'State': 's', 'Reason': 's', 'ExitCode': 'i', 'Signal': 'i',
        'Uid': 'u', 'Unit': 's', 'Queue': 's', 'Directory': 's', 'Workspace': 's', 'Session': 's',
        'CreatedUSec': 't', 'StartedUSec': 't', 'FinishedUSec': 't', 'Sequence': 't', 'Progress': 's',
        'StdoutBytes': 't', 'StderrBytes': 't', 'Result': 's', 'Notify': 'b', 'EndSource': 's',
        'Priority': 'i', 'Held': 'b', 'Detached': 'b', 'Attempt': 't', 'Retries': 't', 'RetryDelayUSec': 't', 'Slot': 'i'}
    values = {name: value for name, (_, value) in entries.items()}
    assert values['Label'] == 'a label'
    assert values['Workspace'] == '/w'
    assert values['Session'] == 's'
    assert values['Directory'] == folder
    assert values['Uid'] == scope.uid
    assert values['Unit'] == f'codex-job-{job}.service'


def test_entries_without_a_value_are_left_out(jobs):
    job = jobs.run(['true']).job
    assert not {'Workspace', 'Session', 'Progress', 'Result', 'StoppedBy'} & set(job)


def test_label_of_a_job_without_one_is_its_command(jobs):
    assert jobs.run(['printf', 'a\nb', 'c d']).job['Label'] == 'printf a b c d'


def test_label_of_a_long_command_is_shortened(jobs):
    label = jobs.run(['true', 'ä' * 1000]).job['Label']
    assert label.startswith('true ää') and label.endswith('…') and len(label.encode()) <= 84


@pytest.mark.parametrize('option, length', [('Label', 1024), ('Session', 256)])
def test_longest_texts(jobs, option, length):
    text = 'ä' * (length // 2)
    assert jobs.run(['true'], **{option: text}).job[option] == text


def test_times_are_in_order(jobs):
    before = time.time_ns() // 1000
    job = jobs.run(['true']).job
    after = time.time_ns() // 1000
    assert before <= job['CreatedUSec'] <= job['StartedUSec'] <= job['FinishedUSec'] <= after


def test_times_of_a_job_that_waits_in_the_queue(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    job = jobs.get(jobs.enqueue(['true']))
    assert job['CreatedUSec'] > 0
    assert (job['StartedUSec'], job['FinishedUSec'], job['Sequence']) == (0, 0, 0)
    assert (job['State'], job['Reason'], job['ExitCode']) == ('queued', '', -1)


def test_limits_that_are_not_reached_change_nothing(jobs):
    ended = jobs.run(['echo', 'x'], RuntimeMaxUSec=10 * 365 * 24 * 3600 * SECOND, OutputMax=2,
                     MemoryMax=1 << 40, TasksMax=1000, CPUWeight=10000)
    assert ended.state == 'completed'


# --- as whom --------------------------------------------------------------------------------------

def groups_of(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as lines:
        line, = [line for line in lines if line.startswith('Groups:')]
    return set(map(int, line.split()[1:]))


def test_job_runs_as_its_caller(jobs, scope):
    job = jobs.enqueue(shell('id -u; id -ru; id -g; id -rg'))
    jobs.wait(job)
    uid, gid = str(scope.uid), str(scope.user.pw_gid)
    assert jobs.output(job).decode().split() == [uid, uid, gid, gid]


def test_job_has_the_groups_of_its_caller(jobs, scope):
    job = jobs.enqueue(['id', '-G'])
    jobs.wait(job)
    groups = set(map(int, jobs.output(job).split()))
    if scope.is_system:
        assert groups == set(os.getgrouplist('alice', scope.user.pw_gid))
        assert len(groups) > 1
    else:
        manager = os.popen(f'systemctl show --value -p MainPID user@{scope.uid}').read()
        assert groups == groups_of(int(manager)) | {scope.user.pw_gid}


def test_job_has_the_home_of_its_caller(jobs, scope):
    job = jobs.enqueue(shell('echo "$HOME"; echo "$USER"; echo "$LOGNAME"; echo "$SHELL"; pwd'))
    jobs.wait(job)
    home, name = scope.user.pw_dir, scope.user.pw_name
    assert jobs.output(job).decode().split() == [home, name, name, scope.user.pw_shell, home]


def test_job_has_no_capability(jobs):
    job = jobs.enqueue(['grep', '^Cap[PEA]', '/proc/self/status'])
    jobs.wait(job)
    assert {line.split()[1] for line in jobs.output(job).splitlines()} == {b'0' * 16}


def test_job_holds_no_descriptor_but_its_three(jobs):
    job = jobs.enqueue(shell('ls /proc/$$/fd'))
    jobs.wait(job)
    assert jobs.output(job).split()[:3] == [b'0', b'1', b'2']
    # dash keeps its script at 10 and up; what the service leaked would come before.
    assert all(int(number) >= 10 for number in jobs.output(job).split()[3:])


def usual_mask(scope):
    """A user's units inherit it from his manager, see systemd.exec(5); PAM sets that."""
    if scope.is_system:
        return b'0022'
    pid = subprocess.run(['systemctl', 'show', '--value', '-p', 'MainPID', f'user@{scope.uid}.service'],
                         stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with open(f'/proc/{pid}/status', 'rb') as status:
        return next(line.split()[1] for line in status if line.startswith(b'Umask:'))


def test_job_has_the_usual_mask_and_signals(jobs, scope):
    job = jobs.enqueue(shell('umask; grep ^SigIgn /proc/self/status; grep ^SigBlk /proc/self/status'))
    jobs.wait(job)
    mask, _, ignored, _, blocked = jobs.output(job).split()
    assert mask == usual_mask(scope)
    assert int(ignored, 16) == 0 and int(blocked, 16) == 0


# --- directory ------------------------------------------------------------------------------------

def test_directory(jobs, folder):
    job = jobs.enqueue(['/bin/pwd'], Directory=folder)
    jobs.wait(job)
    assert jobs.output(job).decode() == folder + '\n'


def test_directory_in_bytes(jobs, folder):
    path = os.fsencode(folder) + b'/\xff $HOME %n;'
    os.mkdir(path, 0o755)
    job = jobs.enqueue(['/bin/pwd'], Directory=('ay', path))
    assert jobs.wait(job).job['Directory'] == folder + '/\ufffd $HOME %n;'
    assert jobs.output(job) == path + b'\n'


def test_command_is_looked_up_from_the_directory(jobs, folder):
    with open(f'{folder}/tool', 'w', opener=lambda *a: os.open(*a, 0o755), encoding='utf-8') as file:
        file.write('#!/bin/sh\necho here\n')
    job = jobs.enqueue(['./tool'], Directory=folder)
    jobs.wait(job)
    assert jobs.output(job) == b'here\n'


def test_variable_home_does_not_move_the_default_directory(jobs, scope):
    job = jobs.enqueue(['/bin/pwd'], Environment=['HOME=/tmp'])
    jobs.wait(job)
    assert jobs.output(job).decode() == scope.user.pw_dir + '\n'


# --- environment ----------------------------------------------------------------------------------

def test_environment_arrives_byte_for_byte(jobs):
    entries = [f'HOSTILE_{number}={text}' for number, text in enumerate(HOSTILE)]
    found = environment_of(jobs, Environment=entries)
    for entry in entries:
        assert entry.encode() in found


def test_environment_in_bytes(jobs):
    entries = [b'BYTES=' + bytes(range(1, 256)), b'\xff=\xfe']
    found = environment_of(jobs, Environment=('aay', entries))
    for entry in entries:
        assert entry in found


def test_environment_goes_before_what_systemd_sets(jobs):
    found = environment_of(jobs, Environment=['HOME=/elsewhere', 'LANG=xx'], Directory='/')
    assert [entry for entry in found if entry.startswith(b'HOME=')] == [b'HOME=/elsewhere']
    assert [entry for entry in found if entry.startswith(b'LANG=')] == [b'LANG=xx']


def test_command_is_looked_up_in_the_path_of_the_job(jobs, folder):
    os.symlink('/bin/echo', f'{folder}/only-here')
    job = jobs.enqueue(['only-here', 'found'], Environment=[f'PATH={folder}'])
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job) == b'found\n'


def test_variables_of_the_job(jobs, scope):
    job = jobs.enqueue(shell('echo "$CODEX_JOB_ID"; echo "$CODEX_JOB_RESULT"; test -S "$NOTIFY_SOCKET"'))
    assert jobs.wait(job).state == 'completed'
    name, result = jobs.output(job).decode().split()
    assert name == job
    assert result == f'{scope.folders}/{job}/result'


def test_caller_cannot_give_the_job_another_id(jobs):
    job = jobs.enqueue(shell('echo "$CODEX_JOB_ID"'), Environment=['CODEX_JOB_ID=job-0000000000'])
    jobs.wait(job)
    assert jobs.output(job).decode() == job + '\n'


# --- arguments ------------------------------------------------------------------------------------

def test_arguments_arrive_byte_for_byte(jobs):
    argv = [*ARGUMENTS, *HOSTILE]
    assert arguments_of(jobs, argv) == [word.encode() for word in argv]


def test_long_arguments(jobs):
    argv = [*ARGUMENTS, '$x%n ' * 20 * 1024, 'y' * 100 * 1024]
    assert arguments_of(jobs, argv) == [word.encode() for word in argv]


def test_many_arguments(jobs):
    argv = [*ARGUMENTS, *map(str, range(20000))]
    assert arguments_of(jobs, argv) == [word.encode() for word in argv]


def test_arguments_in_bytes(jobs):
    argv = [word.encode() for word in ARGUMENTS] + [bytes(range(1, 256)), b'\xff\xfe', b'']
    assert arguments_of(jobs, [], Argv=argv) == argv


def test_arguments_while_the_service_manager_reloads(jobs, scope):
    argv = [*ARGUMENTS, *HOSTILE]
    expected = b''.join(word.encode() + b'\0' for word in argv)
    reloads = [scope.start_systemctl('daemon-reload') for _ in range(2)]
    queued = [jobs.enqueue(argv) for _ in range(40)]
    scope.systemctl('daemon-reload')
    queued += [jobs.enqueue(argv) for _ in range(10)]
    for job in queued:
        assert jobs.wait(job).state == 'completed'
        assert jobs.output(job) == expected
    assert [reload.wait() for reload in reloads] == [0, 0]


# --- standard input -------------------------------------------------------------------------------

def memfd(content):
    fd = os.memfd_create('test')
    os.write(fd, content)
    return os.fdopen(fd, 'rb')


def test_standard_input_is_empty_by_default(jobs):
    job = jobs.enqueue(['readlink', '/proc/self/fd/0'])
    jobs.wait(job)
    assert jobs.output(job) == b'/dev/null\n'


@pytest.mark.parametrize('content', [b'', b'x', b'$HOME\n%n\0\xff\n'])
def test_standard_input(jobs, content):
    with memfd(content) as file:
        job = jobs.enqueue(['cat'], Stdin=file)
    jobs.wait(job)
    assert jobs.output(job) == content


def test_large_binary_standard_input(jobs):
    content = os.urandom(1 << 20)
    with memfd(content) as file:
        job = jobs.enqueue(['sha256sum'], Stdin=file)
    jobs.wait(job)
    assert jobs.output(job).split()[0].decode() == hashlib.sha256(content).hexdigest()


def test_standard_input_is_read_from_its_beginning(jobs):
    with memfd(b'whole') as file:
        file.seek(3)
        job = jobs.enqueue(['cat'], Stdin=file)
    jobs.wait(job)
    assert jobs.output(job) == b'whole'


def test_standard_input_is_that_of_the_moment(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    with memfd(b'before') as file:
        job = jobs.enqueue(['cat'], Stdin=file)
        os.pwrite(file.fileno(), b'AFTER!', 0)
    gate.open()
    jobs.wait(job)
    assert jobs.output(job) == b'before'


def test_standard_input_can_be_opened_by_name(jobs):
    with memfd(b'named') as file:
        job = jobs.enqueue(['cat', '/dev/stdin'], Stdin=file)
    jobs.wait(job)
    assert jobs.output(job) == b'named'
