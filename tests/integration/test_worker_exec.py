# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What a command finds when it begins: its directory by name, the umask of its caller; and what is told where
it cannot begin, in the way and with the exit status of a shell."""

import os
import re
import shutil
import stat
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from support import PATIENCE, refused, shell
from workersupport import facts, manual_of

# pylint: disable=redefined-outer-name


def write(path, text, mode=0o755):
    with open(path, 'wb') as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)
    return path


def folder_in(folder, name, mode=0o755):
    os.mkdir(f'{folder}/{name}')
    os.chmod(f'{folder}/{name}', mode)
    return f'{folder}/{name}'


def said(jobs, job, stream='stdout'):
    return jobs.output(job, stream).decode(errors='surrogateescape').removesuffix('\n')


# --- the directory by name ------------------------------------------------------------------------

def test_pwd_of_the_caller(cli):
    assert cli.output('run', '-q', '--', 'printenv', 'PWD') == f'{cli.folder}\n'


def test_pwd_of_another_directory(cli):
    other = folder_in(cli.folder, 'other')
    for option in (['-C', other], ['-C', 'other'], ['--cwd', other]):
        assert cli.output('run', '-q', *option, '--', 'printenv', 'PWD') == f'{other}\n'


def test_pwd_in_a_makefile(cli):
    if not shutil.which('make'):
        pytest.skip('there is no make: install it')
    other = folder_in(cli.folder, 'other')
    write(f'{other}/Makefile', 'all:\n\t@echo $(PWD)\n', 0o644)
    assert cli.output('run', '-q', '-C', other, '--', 'make', '-s') == f'{other}\n'


def test_pwd_of_a_clean_environment(cli):
    """It tells of the job and not of the caller."""
    assert cli.output('run', '-q', '--clean-env', '--', 'printenv', 'PWD') == f'{cli.folder}\n'
    assert cli.output('run', '-q', '--clean-env', '-C', '/', '--', 'printenv', 'PWD') == '/\n'


def test_pwd_of_a_symbolic_link(cli):
    """As the caller's shell calls it, or by its own name: it is the directory."""
    real = folder_in(cli.folder, 'real')
    os.symlink(real, f'{cli.folder}/link')
    pwd = cli.output('run', '-q', '-C', f'{cli.folder}/link', '--', 'printenv', 'PWD').strip()
    assert pwd in (real, f'{cli.folder}/link')
    record = cli.job('run', '-C', f'{cli.folder}/link', '--', 'sh', '-c', '[ "$PWD" -ef . ] && printenv PWD')
    assert record['stdout'].strip() == record['directory']


@pytest.mark.parametrize('name', ['plain', 'with a blank', 'ä€😀', 'two\nlines', '%n $HOME', '-x', 'a=b', 'link'])
def test_pwd_is_the_directory(jobs, folder, name):
    if name == 'link':
        os.symlink(folder_in(folder, 'real'), f'{folder}/link')
    else:
        folder_in(folder, name)
    job = jobs.enqueue(['printenv', 'PWD'], Directory=f'{folder}/{name}')
    assert jobs.wait(job).state == 'completed'
    assert said(jobs, job) == f'{folder}/{name}'


def test_pwd_of_a_directory_that_is_no_text(jobs, folder):
    """The kernel takes all bytes."""
    path = os.fsencode(folder) + b'/\xff\xfe'
    os.mkdir(path)
    job = jobs.enqueue(['sh', '-c', 'cd "$0"/[!a-z]* && exec printenv PWD', folder])
    jobs.wait(job)
    assert jobs.output(job) == path + b'\n'


def test_pwd_without_a_directory_is_the_home(jobs, scope):
    for options in ({}, {'Environment': ['PWD=/nonsense']}, {'Environment': ['HOME=/tmp', 'PWD=']}):
        job = jobs.enqueue(shell('printenv PWD; /bin/pwd'), **options)
        assert jobs.wait(job).state == 'completed'
        assert said(jobs, job).split('\n') == [scope.user.pw_dir] * 2, options


@pytest.mark.parametrize('value', ['/nonsense', '', 'relative', '/', '/tmp/../tmp'])
def test_pwd_that_is_given_is_not_taken(jobs, folder, value):
    """That of the caller is another, where the job runs elsewhere."""
    job = jobs.enqueue(['printenv', 'PWD'], Directory=folder, Environment=[f'PWD={value}'])
    assert jobs.wait(job).state == 'completed'
    assert said(jobs, job) == folder


def test_there_is_one_pwd(jobs, folder):
    job = jobs.enqueue(['env'], Directory=folder, Environment=['PWD=/a', 'A=1'])
    jobs.wait(job)
    assert [line for line in said(jobs, job).split('\n') if line.startswith('PWD=')] == [f'PWD={folder}']


def test_command_may_do_without_it(cli):
    """What is called in a job has what its caller gives it, as anywhere."""
    assert cli.run('run', '-q', '--', 'env', '-i', 'printenv', 'PWD', status=1).stdout == ''
    assert cli.output('run', '-q', '--', 'sh', '-c', 'cd /; printenv PWD; pwd') == '/\n/\n'
    assert cli.output('run', '-q', '--', 'env', '-C', '/', 'printenv', 'PWD') == f'{cli.folder}\n'


def test_pwd_of_a_retry(cli):
    other = folder_in(cli.folder, 'other')
    job = cli.job('run', '-C', other, '--', 'printenv', 'PWD')['id']
    assert cli.output('retry', '-q', '--await', job, cwd='/') == f'{other}\n'


# --- the umask ------------------------------------------------------------------------------------

def under_umask(cli, mask, *arguments):
    """codex-jobs as a shell with that umask calls it."""
    command = ['sh', '-c', f'umask {mask}; exec "$@"', 'sh', *cli.command(*arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def test_umask_is_taken_along(cli):
    text = subprocess.run(['bash', '-c', 'umask 077; ulimit -n 4096; exec "$@"', 'bash',
                           *cli.command('run', '-q', '--', 'bash', '-c', 'umask; ulimit -n')],
                          capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    umask, limit = text.split()
    assert umask == '0077' and limit.isdigit()  # of which the manual tells


@pytest.mark.parametrize('mask', ['022', '077', '0', '0777', '002', '0027'])
def test_any_umask_is_taken_along(cli, mask):
    path = f'{cli.folder}/made'
    script = 'umask; : >made; mkdir folder; umask 022; systemd-notify --status=told; echo "{}" >"$CODEX_JOB_RESULT"'
    text = under_umask(cli, mask, 'run', '-q', '--', 'sh', '-c', script)
    assert int(text, 8) == int(mask, 8)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666 & ~int(mask, 8)
    assert stat.S_IMODE(os.stat(f'{cli.folder}/folder').st_mode) == 0o777 & ~int(mask, 8)
    # The worker's own files are as they must be.
    record = cli.job('show', cli.output('list', '-q', '--limit', '1').strip())
    assert (record['progress'], record['result'], record['result_error']) == ('told', {}, None)


def test_other_verbs_take_it_along(cli):
    job = under_umask(cli, '0123', 'enqueue', '-q', '--', 'sh', '-c', 'umask').strip()
    assert cli.output('await', '-q', job) == '0123\n'


def test_umask_of_a_retry_is_that_of_the_first(cli):
    job = under_umask(cli, '0071', 'enqueue', '-q', '--', 'sh', '-c', 'umask').strip()
    cli.run('await', '-q', job)
    assert under_umask(cli, '022', 'retry', '-q', '--await', job) == '0071\n'


@pytest.mark.parametrize('mask', [0, 0o022, 0o077, 0o777, 0o123])
def test_umask_of_a_request(jobs, mask):
    job = jobs.enqueue(shell('umask'), UMask=('u', mask))
    assert jobs.wait(job).state == 'completed'
    assert int(jobs.output(job), 8) == mask
    again, _ = jobs.call('Retry', 'sa{sv}', job, {})
    jobs.enqueued.append(again)
    jobs.wait(again)
    assert int(jobs.output(again), 8) == mask


def test_umask_without_a_word_is_that_of_a_unit(jobs, scope):
    """Which differs between distributions in the units of users."""
    command = [] if scope.is_system else ['as-user', scope.user.pw_name]
    command += ['systemd-run', '--wait', '--pipe', '--quiet', *([] if scope.is_system else ['--user']), *shell('umask')]
    expected = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout
    job = jobs.enqueue(shell('umask'))
    jobs.wait(job)
    assert jobs.output(job) == expected


@pytest.mark.parametrize('value', [('u', 0o1000), ('u', 2**32 - 1), ('s', '022'), ('i', -1), ('b', True)])
def test_umask_that_is_none(jobs, value):
    with refused('InvalidArgument', 'UMask'):
        jobs.enqueue(['true'], UMask=value)


@pytest.mark.restarts
def test_umask_of_a_queued_job_survives(jobs, scope):
    jobs.call('Pause')
    try:
        ids = {mask: jobs.enqueue(shell('umask'), UMask=('u', mask)) for mask in (0, 0o077, 0o777)}
        scope.kill_service()
        jobs.flush()
    finally:
        jobs.call('Resume')
    for mask, job in ids.items():
        jobs.wait(job)
        assert int(jobs.output(job), 8) == mask


@pytest.mark.parametrize('page', ['run', 'enqueue'])
def test_manual_tells_what_is_taken_along(page):
    text = manual_of(page)
    assert 'umask' in text and ('ulimit' in text or 'resource limit' in text)


# --- what the kernel cannot execute ---------------------------------------------------------------

def not_executed(jobs, job, exit_code, *words):
    """One line says why, and has the words."""
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'not-executable', exit_code)
    complaint = said(jobs, job, 'stderr')
    assert '\n' not in complaint and '\r' not in complaint
    for word in words:
        assert word in complaint, complaint
    assert jobs.output(job) == b''
    return complaint


INTERPRETERS = {
    # What stands in the first line, what of it must be named, and the exit status.
    'crlf': ('#!/bin/sh\r\necho ran\r\n', '/bin/sh', 127),
    'crlf with an argument': ('#!/bin/sh -e\r\necho ran\r\n', '/bin/sh', None),
    'crlf by env': ('#!/usr/bin/env sh\r\necho ran\r\n', '/usr/bin/env', None),
    'missing': ('#!/no/such/interpreter\n', '/no/such/interpreter', 127),
    'missing, with an argument': ('#! /no/such/interpreter -x y\n', '/no/such/interpreter', 127),
    'missing, relative': ('#!no-such-interpreter\n', 'no-such-interpreter', 127),
    'missing, without an end of line': ('#!/no/such/interpreter', '/no/such/interpreter', 127),
    'a directory': ('#!/usr\n', '/usr', 126),
    'not executable': ('#!/etc/passwd\n', '/etc/passwd', 126),
    'behind a directory that may not be read': ('#!/root/bin/interpreter\n', '/root/bin/interpreter', 126),
    'behind a file': ('#!/etc/passwd/x\n', '/etc/passwd/x', 126),
}


@pytest.mark.parametrize('by_name', [False, True], ids=['by path', 'by name'])
@pytest.mark.parametrize('kind', INTERPRETERS)
def test_interpreter_is_named(jobs, folder, kind, by_name):
    text, name, exit_code = INTERPRETERS[kind]
    path = write(f'{folder_in(folder, "bin")}/x.sh', text)
    options = {'Environment': [f'PATH={folder}/bin:/usr/bin:/bin']} if by_name else {}
    if exit_code is None:  # the kernel finds the interpreter, and what that says is its own
        ended = jobs.run(['x.sh' if by_name else path], **options)
        assert ended.state == 'failed' and jobs.output(ended.job['Id'], 'stderr') != b''
        return
    there = subprocess.run(['as-user', 'alice', 'bash', '-c', '"$0"', path], capture_output=True, check=False)
    assert there.returncode == exit_code
    job = jobs.enqueue(['x.sh' if by_name else path], **options)
    complaint = not_executed(jobs, job, exit_code, 'x.sh', name)
    assert kind != 'crlf' or re.search('CR|carriage|line end|Windows|DOS', complaint), complaint


def test_interpreter_at_the_command_line(cli):
    for text, name in (('#!/bin/sh\r\n', '/bin/sh'), ('#!/no/such/interpreter\n', '/no/such/interpreter')):
        write(f'{cli.folder}/x.sh', text)
        done = cli.run('run', '-q', '--', './x.sh', status=127)
        assert name in done.stderr and './x.sh' in done.stderr and done.stderr.count('\n') == 1


def test_interpreter_of_an_interpreter_is_named(jobs, folder):
    inner = write(f'{folder}/inner', '#!/no/such/interpreter\n')
    path = write(f'{folder}/outer', f'#!{inner}\n')
    complaint = not_executed(jobs, jobs.enqueue([path]), 127)
    assert inner in complaint or '/no/such/interpreter' in complaint


def elf(change):
    """A program of this machine, changed."""
    with open('/usr/bin/true', 'rb') as file:
        content = bytearray(file.read())
    change(content)
    return bytes(content)


def another_machine(content):
    content[18:20] = (22 if content[18] != 22 else 62).to_bytes(2, 'little')


def another_loader(content):
    found = re.search(rb'/lib[^\0]*/ld-[^\0]*(?=\0)', content)
    start, end = found.span()
    content[start:end] = b'/no/such/loader'.ljust(end - start, b'x')[:end - start]


def test_program_for_another_machine(jobs, folder):
    path = write(f'{folder}/program', elf(another_machine))
    assert subprocess.run(['as-user', 'alice', 'bash', '-c', '"$0"', path], stderr=subprocess.DEVNULL,
                          check=False).returncode == 126
    not_executed(jobs, jobs.enqueue([path]), 126, path, 'Exec format error')


def test_program_whose_loader_is_missing(jobs, folder):
    path = write(f'{folder}/program', elf(another_loader))
    not_executed(jobs, jobs.enqueue([path]), 127, path, '/no/such/loader')


@pytest.mark.parametrize('content, expected', [
    (b'', ('completed', '', 0)), (b'echo ran\nexit 3\n', ('failed', 'exit-code', 3)),
    (b'# a comment\n', ('completed', '', 0)), (b'exit 3\n' + bytes(100), ('failed', 'exit-code', 3))],
    ids=['empty', 'script', 'comment', 'data behind it'])
def test_file_without_an_interpreter_is_a_shells(jobs, folder, content, expected):
    """As any shell has it."""
    path = write(f'{folder}/x', content)
    assert subprocess.run(['as-user', 'alice', 'bash', '-c', '"$0"', path], stdout=subprocess.DEVNULL,
                          check=False).returncode == expected[2]
    assert facts(jobs.run([path])) == expected


@pytest.mark.parametrize('content', [b'\x7fELF', b'\x7fELF' + bytes(60), b'\0\1\2\3' * 100, os.urandom(1000)],
                         ids=['beginning', 'zeros', 'binary', 'random'])
def test_file_that_is_nothing(jobs, folder, content):
    """It is not read as a script."""
    path = write(f'{folder}/x', b'\x7fELF' + content)
    not_executed(jobs, jobs.enqueue([path]), 126, path, 'Exec format error')


def test_file_that_is_being_written(jobs, folder):
    path = write(f'{folder}/x', elf(lambda content: None))
    with open(path, 'ab'):
        not_executed(jobs, jobs.enqueue([path]), 126, path, 'Text file busy')


def test_command_in_a_directory_that_is_gone(jobs, folder):
    os.rmdir(folder_in(folder, 'gone'))
    not_executed(jobs, jobs.enqueue(['true'], Directory=f'{folder}/gone'), 126, f'{folder}/gone')


# --- where a command is looked up -----------------------------------------------------------------

@pytest.fixture
def places(folder):
    """Folders for a PATH."""
    tool = '#!/bin/sh\necho "$0"\n'
    os.mkdir(f'{folder}/closed', 0o700)  # root's
    write(f'{folder}/closed/tool', tool)
    write(f'{folder_in(folder, "good")}/tool', tool)
    write(f'{folder_in(folder, "plain")}/tool', tool, 0o644)
    write(f'{folder_in(folder, "unreadable")}/tool', tool, 0o000)
    folder_in(folder_in(folder, 'folders'), 'tool')
    os.symlink('/no/such/file', f'{folder_in(folder, "dangling")}/tool')
    os.symlink('tool', f'{folder_in(folder, "loop")}/tool')
    os.symlink('loop', f'{folder}/loop-of-folders')
    folder_in(folder, 'here')
    write(f'{folder}/here/tool', tool)
    write(f'{folder}/file', '')
    folder_in(folder, 'empty')
    return folder


PATHS = {
    'may not be read': '{0}/closed',
    'may not be read, first': '{0}/closed:{0}/good',
    'may not be read, last': '{0}/good:{0}/closed',
    'may not be read, and no more': '{0}/closed:{0}/empty:/usr/bin:/bin',
    'a file': '{0}/file',
    'a file, first': '{0}/file:{0}/good',
    'a file, and no more': '{0}/file:/usr/bin',
    'relative': 'good',
    'relative, not there': 'absent:{0}/empty',
    'of this directory': '.:{0}/empty',
    'empty': '',
    'an empty entry first': ':{0}/empty',
    'an empty entry last': '{0}/empty:',
    'an empty entry': '{0}/empty::{0}/empty',
    'not executable': '{0}/plain',
    'not executable, then executable': '{0}/plain:{0}/good',
    'not executable, then nothing': '{0}/plain:{0}/empty',
    'not readable either': '{0}/unreadable:{0}/empty',
    'not executable, and may not be read': '{0}/closed:{0}/plain',
    'a folder of that name': '{0}/folders',
    'a folder of that name, then executable': '{0}/folders:{0}/good',
    'a dangling link': '{0}/dangling',
    'a dangling link, then executable': '{0}/dangling:{0}/good',
    'a link to itself': '{0}/loop',
    'a link to itself, then executable': '{0}/loop:{0}/good',
    'not there': '/no/such/folder',
    'not there, then executable': '/no/such/folder:{0}/good',
    'too long': '/' + 'x' * 300,
    'too long, then executable': '/' + 'x' * 300 + ':{0}/good',
    'very many': '{0}/empty:' * 500 + '{0}/good',
    'a colon': ':',
}


@pytest.mark.parametrize('kind', PATHS)
def test_path_is_searched_as_a_shell_does(jobs, places, kind):
    """Found or not, and with which exit status."""
    path = PATHS[kind].format(places)
    here = f'{places}/here'
    for command in ('tool', 'no-such-tool'):
        there = subprocess.run(['as-user', 'alice', 'env', '-i', '-C', here, f'PATH={path}', '/bin/bash', '-c', '"$0"',
                                command], capture_output=True, text=True, check=False)
        job = jobs.enqueue([command], Directory=here, Environment=[f'PATH={path}'])
        ended = jobs.wait(job)
        assert ended.exit_code == there.returncode, (command, there.stderr, said(jobs, job, 'stderr'))
        if there.returncode == 0:
            assert os.path.basename(said(jobs, job)) == 'tool'
        else:
            not_executed(jobs, job, there.returncode, command)


def test_mistyped_command_and_a_path_that_may_not_be_read(cli):
    os.mkdir(f'{cli.folder}/closed', 0o700)
    cli.environment['PATH'] = f'{cli.folder}/closed:{cli.environment["PATH"]}'
    done = cli.run('run', '-q', '--', 'gti', 'status', status=127)
    assert 'gti' in done.stderr and 'Permission denied' not in done.stderr


def test_command_with_a_slash_is_not_looked_up(jobs, places):
    for command, exit_code in (('./tool', 0), ('../plain/tool', 126), ('../closed/tool', 126), ('./no-such-tool', 127),
                               ('../file/tool', 126), ('../folders/tool', 126)):
        ended = jobs.run([command], Directory=f'{places}/here', Environment=[f'PATH={places}/good'])
        there = subprocess.run(['as-user', 'alice', 'bash', '-c', 'cd "$0" && "$1"', f'{places}/here', command],
                               capture_output=True, check=False)
        assert ended.exit_code == there.returncode == exit_code, command


@pytest.mark.parametrize('command', ['', ' ', '.', '..', '/', '//', './', '\n', '-x', '~'])
def test_command_that_is_no_name(jobs, folder, command):
    """It ends, as not executable; an empty one may be refused."""
    try:
        ended = jobs.run([command], Directory=folder)
    except Exception as error:  # pylint: disable=broad-except
        assert 'InvalidArgument' in str(error)
        return
    assert ended.state == 'failed' and ended.job['Reason'] == 'not-executable'
    assert ended.exit_code in (126, 127)


# --- what else a command finds --------------------------------------------------------------------

def test_session_and_group_are_its_own(jobs):
    """So that "kill 0" reaches the job and nobody else."""
    job = jobs.enqueue(shell('read -r pid comm state ppid group session rest </proc/self/stat; '
                             'echo "$(($group == $session)) $(($group == $$)) $(($ppid != $group))"; '
                             'ps -o pid=,pgid=,sid= -p $$'))
    assert jobs.wait(job).state == 'completed'
    first, second = said(jobs, job).split('\n')
    assert len(set(second.split())) == 1
    assert first.split()[0] == '1'


def test_descriptors_are_three(jobs):
    job = jobs.enqueue(['python3', '-c', 'import os; print(sorted(os.listdir("/proc/self/fd"), key=int)[:-1])'])
    jobs.wait(job)
    assert said(jobs, job) == "['0', '1', '2']"


def test_signals_are_as_they_were(jobs):
    """None is blocked or ignored, whatever its worker does with them."""
    job = jobs.enqueue(['grep', '-E', '^Sig(Blk|Ign|Pnd)|^ShdPnd', '/proc/self/status'])
    jobs.wait(job)
    found = dict(line.split(':\t') for line in said(jobs, job).split('\n'))
    assert set(found.values()) == {'0' * 16}, found


def test_limits_and_priorities_are_those_of_a_unit(jobs, scope):
    """None of those that the worker has for itself."""
    script = 'cat /proc/self/limits /proc/self/oom_score_adj; nice; ulimit -a'
    job = jobs.enqueue(['bash', '-c', script], OutputMax=100_000)
    jobs.wait(job)
    command = ['systemd-run', '--quiet', '--pipe', '--wait', '--collect']
    if scope.is_system:
        command += [f'--property=User={scope.user.pw_name}', '--slice=codex-jobs.slice']
    else:
        command = ['as-user', scope.user.pw_name, *command, '--user', '--slice=codex-jobs.slice']
    expected = subprocess.run([*command, 'bash', '-c', script], stdout=subprocess.PIPE, check=True, text=True,
                              timeout=PATIENCE).stdout
    assert said(jobs, job).split('\n') == expected.splitlines()


def test_priorities_and_restrictions_of_the_caller_stay_there(cli):
    script = ('nice; ionice; taskset -p $$ | cut -d: -f2; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status; '
              'readlink /proc/self/ns/mnt /proc/self/ns/uts')
    command = cli.command('run', '-q', '--', 'sh', '-c', script)
    plain, changed = [subprocess.run([*prefix, *command], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
                      for prefix in ([], ['unshare', '--mount', '--uts', 'nice', '-n5', 'ionice', '-c3', 'taskset', '-c', '0',
                                          'choom', '-n', '500', '--', 'setpriv', '--no-new-privs'])]
    assert changed == plain and len(plain.splitlines()) == 7
    for word in ('nice', 'taskset', 'choom', 'namespaces'):
        assert word in manual_of('run')


def test_dumpable_as_any_process(jobs, scope):
    """What its worker is, the command is not: a debugger attaches to it."""
    job = jobs.enqueue(shell('stat -c %u /proc/self/environ; head -c 1 /proc/$$/environ >/dev/null && echo read'))
    jobs.wait(job)
    assert said(jobs, job).split('\n') == [str(scope.uid), 'read']


def test_environment_has_nothing_of_the_workers(jobs):
    job = jobs.enqueue(['env'], Environment=['A=1'])
    jobs.wait(job)
    names = {line.split('=')[0] for line in said(jobs, job).split('\n')}
    assert {'A', 'CODEX_JOB_ID', 'CODEX_JOB_RESULT', 'NOTIFY_SOCKET', 'PWD', 'HOME', 'USER'} <= names
    assert not {name for name in names if name.startswith(('LISTEN_', 'WATCHDOG_', 'CACHE_DIRECTORY', 'FDSTORE',
                                                       'RUNTIME_DIRECTORY', 'SYSTEMD_EXEC_PID'))}


def test_no_variable_that_names_an_open_file_goes_along(cli):
    """It is not open in the job: Node.js, for one, would use another file of that number, or not start."""
    names = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'WAYLAND_SOCKET', 'BASH_XTRACEFD', 'CODEX_JOB_SLOT']
    cli.environment |= {name: '77' for name in names}
    assert '=77' not in cli.output('run', '-q', '--', 'env')
    assert cli.output('run', '-q', '--env', 'BASH_XTRACEFD', '--', 'printenv', 'BASH_XTRACEFD') == '77\n'


def test_environment_that_is_given_does_not_mislead(jobs, scope):
    """What tells of the job is the service's to say."""
    job = jobs.enqueue(shell('echo "$NOTIFY_SOCKET"; echo "$CODEX_JOB_ID"; echo "$CODEX_JOB_RESULT"; '
                             'systemd-notify --status=told'),
                       Environment=['NOTIFY_SOCKET=/x', 'CODEX_JOB_ID=x', 'CODEX_JOB_RESULT=/x'])
    ended = jobs.wait(job)
    socket, name, result = said(jobs, job).split('\n')
    assert name == job and job in socket and job in result
    assert ended.job['Progress'] == 'told'
