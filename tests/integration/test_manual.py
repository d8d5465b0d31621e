# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The manual is right: its pages are well-formed, tell of every option there is and of none that there
is not, and their examples do what they say."""

import glob
import os
import re
import shutil
import subprocess
import textwrap
import xml.etree.ElementTree as tree

import pytest

from helptext import help_of, options_of, verbs
from support import NAME, PATIENCE
from transcript import Command, Reader, Shell, commands_of

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = sorted(os.path.basename(path)[:-len('.scd')] for path in glob.glob(f'{SOURCE}/docs/man/*.scd'))
PROGRAM_PAGES = ['codex-jobs-notify.1'] # of programs of their own
VERB_PAGES = [page for page in PAGES if re.match(r'codex-jobs-.*\.1$', page) and page not in PROGRAM_PAGES]
PATHS = f'{os.environ["PATH"]}:/usr/libexec/codex-jobs'
VERB_SECTIONS = ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXIT STATUS', 'EXAMPLES', 'SEE ALSO']

pytestmark = [pytest.mark.skipif(not shutil.which('man'), reason='there is no man: install man-db'),
              pytest.mark.usefixtures('few_jobs')]


def installed(page):
    path = f'/usr/share/man/man{page[-1]}/{page}'
    assert os.path.exists(path), f'{page} is not installed: install scdoc, then meson setup --reconfigure'
    return path


def man(page, width, *options):
    environment = {**os.environ, 'LC_ALL': 'C.UTF-8', 'MANWIDTH': str(width), 'MANPAGER': 'cat'}
    return subprocess.run(['man', *options, '-l', installed(page)], env=environment, check=True, timeout=60,
                          capture_output=True, text=True)


def sections(page, width=80):
    """The lines of a page by its sections, without those that are empty at their ends."""
    found = {}
    for line in man(page, width).stdout.split('\n')[1:-2]:
        if line[:1].strip():
            name = line
            found[name] = []
        elif found:
            found[name].append(line)
    return {name: '\n'.join(lines).strip('\n').split('\n') for name, lines in found.items()}


def flat(page):
    """A page without line breaks within paragraphs."""
    return '\n'.join(man(page, 10000).stdout.split('\n'))


def options_in_page(page):
    lines = [line for line in sections(page, 10000)['OPTIONS'] if re.match(r' {7}-', line)]
    return {option for line in lines for option in re.findall(r'--[a-z][a-z-]*', line)}


# --- form -----------------------------------------------------------------------------------------

@pytest.mark.parametrize('page', PAGES)
def test_page_is_set_without_a_warning(page):
    lines = man(page, 80, '--warnings', '-E', 'UTF-8', '-Tutf8', '-Z').stderr.splitlines()
    # Words that are long: groff 1.23 tells that it cannot adjust their lines.
    assert [line for line in lines if not line.endswith(': cannot adjust line')] == []


@pytest.mark.parametrize('page', PAGES)
def test_page_has_a_name_and_what_it_is_about(page):
    found = subprocess.run(['lexgrog', installed(page)], capture_output=True, text=True, timeout=60).stdout
    assert re.search(rf': "{re.escape(page[:-2])} - [a-z].*[^.]"$', found.strip()), found


@pytest.mark.parametrize('page', PAGES)
def test_page_fits_a_terminal(page):
    assert [line for line in man(page, 80).stdout.split('\n') if len(line) > 80] == []


@pytest.mark.parametrize('page', PAGES)
def test_page_names_no_page_that_is_not_there(page):
    named = set(re.findall(r'\b((?:codex-|org\.codex)[\w.-]*)\((\d)\)', flat(page)))
    assert {f'{name}.{section}' for name, section in named} <= set(PAGES)


@pytest.mark.parametrize('page', PAGES)
def test_page_has_its_version(page):
    version = help_of('codex-jobs', '--version').split()[1]
    assert f'Codex Jobs {version}' in man(page, 80).stdout.strip().split('\n')[-1]
    assert not re.search(r'@\w+@', flat(page))


def test_section_for_agents_fits_on_a_screen():
    assert len(sections('codex-jobs.1')['FOR AGENTS']) + 1 <= 24


# --- completeness ---------------------------------------------------------------------------------

def test_each_verb_has_a_page_and_each_page_is_about_something():
    assert {'run', 'await'} < set(verbs())
    about = [page[len('codex-jobs-'):-2] for page in PAGES if page.startswith('codex-jobs-')]
    assert set(verbs()) <= set(about)
    assert [name for name in about if name not in verbs() and not shutil.which(f'codex-jobs-{name}', path=PATHS)] == []


def test_overview_names_each_verb():
    named = [line.split()[0] for line in sections('codex-jobs.1')['VERBS'] if re.match(r' {7}\S', line)]
    assert sorted(named) == sorted(verbs())
    for verb in verbs():
        assert f'codex-jobs-{verb}(1)' in flat('codex-jobs.1')


@pytest.mark.parametrize('page', VERB_PAGES)
def test_page_of_a_verb_has_the_options_of_its_help(page):
    verb = page[len('codex-jobs-'):-2]
    found = options_of(help_of('codex-jobs', verb))
    assert {'--help', '--system', '--user'} <= found
    assert options_in_page(page) == found


@pytest.mark.parametrize('page', VERB_PAGES)
def test_page_of_a_verb_has_its_sections(page):
    names = [name for name in sections(page) if name in VERB_SECTIONS]
    assert names == VERB_SECTIONS


def test_overview_has_the_options_of_the_help():
    # That there is a version is nothing that a verb's help would have to tell.
    assert options_in_page('codex-jobs.1') == options_of(help_of('codex-jobs')) | {'--version'}


def test_page_of_the_service_has_the_options_of_its_help():
    program = re.search(r'/\S+/codex-jobsd', flat('codex-jobsd.8'))[0]
    assert options_in_page('codex-jobsd.8') == options_of(help_of(program))


@pytest.mark.parametrize('page', PROGRAM_PAGES)
def test_page_of_a_program_has_the_options_of_its_help(page):
    assert options_in_page(page) == options_of(help_of(page[:-2]))


@pytest.mark.parametrize(('page', 'source', 'pattern'), [
    ('codex-jobs.conf.5', 'service/core/config.c', r'(?:SETTING\(|streq\(name, )"(\w+)"'),
    ('codex-jobs-notify.1', 'client/notify/settings.c', r'\{ "(\w+)", set_')])
def test_page_of_a_configuration_has_every_setting(page, source, pattern):
    with open(f'{SOURCE}/{source}', encoding='utf-8') as file:
        settings = re.findall(pattern, file.read())
    assert len(settings) > 5
    assert sorted(re.findall(r'^ {7}(\w+)=$', man(page, 80).stdout, re.M)) == sorted(settings)


def test_sample_of_the_configuration_has_every_setting_with_its_default():
    with open(f'{SOURCE}/docs/codex-jobs.conf', encoding='utf-8') as file:
        text, queue = file.read().split('#[Queue gpu]\n')
    page, queues = man('codex-jobs.conf.5', 80, '--no-hyphenation').stdout.split('\nQUEUES\n')
    assert re.findall(r'^#(\w+)=', queue, re.M) == re.findall(r'^ {7}(\w+)=$', queues, re.M)
    sample = dict(re.findall(r'^#(\w+)=(\w+)$', text, re.M))
    found = dict(re.findall(r'^ {7}(\w+)=$.*?Default:\s+([^.\s]+)', page, re.M | re.S))
    assert found.pop('MaxRunningPerUser') == 'three' and sample.pop('MaxRunningPerUser') == '12' # quarters of 16
    assert sample == found


def test_page_of_the_interface_has_every_member():
    text = flat('org.codex.Jobs.5')
    for name in ('org.codex.Jobs', 'org.codex.Jobs.Job'):
        interface = tree.parse(f'/usr/share/dbus-1/interfaces/{name}.xml').getroot().find('interface')
        section = text[text.index(f'\n{name}\n'):]
        for member in interface:
            arguments = ', '.join(f'{each.get("name")} {each.get("type")}' for each in member.iter('arg')
                                  if each.get('direction') != 'out')
            head = {'property': f'{member.get("name")} {member.get("type")} ('}.get(
                member.tag, f'{member.get("name")}({arguments})')
            assert f'\n       {head}' in section


# --- examples -------------------------------------------------------------------------------------

MAKE = '''#!/bin/sh
case $1 in
check) echo '42 tests passed' ;;
broken) echo 'make: *** [Makefile:7: broken] Error 1' >&2; exit 2 ;;
world) systemd-notify --status='3 of 8 files'; exec sleep infinity ;;
esac
'''


def executable(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, 0o755)


@pytest.fixture
def reader(alice, folder):
    """What alice has at hand: a project of her own, with a make and a codex that are quick."""
    programs = f'{folder}/bin'
    os.mkdir(programs)
    executable(f'{programs}/make', MAKE)
    shutil.copy(f'{SOURCE}/tests/codex/fake-codex', f'{programs}/codex')
    subprocess.run(['as-user', 'alice', 'git', 'init', '--quiet', folder], check=True, timeout=60)
    with open(f'{folder}/PROMPT.md', 'w', encoding='utf-8') as file:
        file.write('Explain the Makefile.\n')
    before = set(alice.list_ids(State=['queued', 'running']))
    path = f'{programs}:{os.environ["PATH"]}'
    shells = {'user': Shell('alice', folder, path), 'root': Shell('root', '/', os.environ['PATH'])}
    yield Reader(alice, shells, '/home/alice/project', folder)
    for shell in shells.values():
        shell.close()
    for job in set(alice.list_ids(State=['queued', 'running'])) - before:
        alice.cancel(job)


def examples(page):
    with open(f'{SOURCE}/docs/man/{page}.scd', encoding='utf-8') as file:
        lines = file.read().split('\n')
    # A backslash means something to scdoc in blocks, too.
    return list(commands_of([re.sub(r'\\(.)', r'\1', line) for line in lines], page))


@pytest.mark.parametrize('page', PAGES)
def test_examples_do_what_the_page_says(reader, page):
    commands = examples(page)
    if re.match(r'codex-jobs.*\.[17]$', page):
        assert commands, 'there are no examples'
    reader.follow(commands)


def program_of(page, section):
    """The program that a section shows, as a reader would copy it from his terminal."""
    indented = textwrap.dedent('\n'.join(sections(page)[section]))
    return textwrap.dedent(re.search(r'^ +#!/usr/bin/python3\n(?:(?: .*)?\n)*', indented, re.M)[0])


def wait_for_new_service(system):
    system.bus.signal(lambda signal: signal.member == 'NameOwnerChanged' and signal.body[0] == NAME and signal.body[2])


@pytest.mark.restarts
@pytest.mark.parametrize('event', ['nothing', 'restart', 'kill', 'stop', 'bus'])
def test_program_that_waits(system, alice, gate, folder, event):
    command = ['as-user', 'alice', '/usr/bin/python3', '-c', program_of('org.codex.Jobs.5', 'A PROGRAM THAT WAITS'), folder]
    argv = gate.job('exit 7', before=f'echo started >>{folder}/record')
    waiting = subprocess.Popen([*command, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        gate.wait()
        if event == 'kill':
            system.kill_service()
        elif event == 'bus':
            system.restart_bus()
        elif event != 'nothing':
            system.systemctl(event, system.service, check=False) # a call that comes meanwhile takes a stop back
        if event in ('restart', 'kill', 'stop'):
            wait_for_new_service(system)
        gate.open()
        printed, complaints = waiting.communicate(timeout=PATIENCE)
    finally:
        waiting.kill()
        waiting.communicate()
        gate.open()
    assert re.fullmatch(r'job-\w{10} failed 7\n', printed) and complaints == ''
    again = subprocess.run([*command, *argv], check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert again.stdout == printed
    other = subprocess.run([*command, 'true'], check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert other.returncode == 1 and other.stderr.startswith('org.codex.Jobs.Error.KeyConflict: ')
    with open(f'{folder}/record', encoding='utf-8') as file:
        assert file.read() == 'started\n'


def readme():
    """The transcripts of README.md, which are indented there. "sudo" is for who reads it, not for a test."""
    with open(f'{SOURCE}/README.md', encoding='utf-8') as file:
        blocks = re.findall(r'^\n((?:    .*\n)+)$', file.read(), re.M)
    for block in blocks:
        if 'sudo ' not in block:
            yield from ['```', *(line[4:] for line in block.splitlines()), '```']


def test_examples_of_the_readme(reader):
    commands = list(commands_of(list(readme()), 'README.md'))
    assert len(commands) >= 4
    reader.follow(commands)


def test_picture_shows_what_happens(reader):
    """It is drawn by tools/picture; where this fails, draw it again."""
    texts = tree.parse(f'{SOURCE}/docs/pictures/session.svg').iter('{http://www.w3.org/2000/svg}text')
    lines = [''.join(text.itertext()) for text in texts]
    assert max(map(len, lines)) <= 80
    reader.follow(commands_of(['```', *lines, '```'], 'session.svg'))


def transcript(*shown):
    return list(commands_of(['```', *shown, '```'], 'here'))


@pytest.mark.parametrize('shown', [
    ['$ false'], ['$ true', '$ echo $?', '1'], ['$ false', '$ echo $?', '0'], ['$ false', '$ echo $?'],
    ['$ echo one', 'two'], ['$ echo one', 'one', 'two'], ['$ printf "one\\ntwo\\n"', 'one'],
    ['$ echo "one two"', 'one…three'], ['$ echo "uid x"', 'uid 1001'],
    ['$ codex-jobs enqueue -q -- true', 'job-7f3k9q2m1x', '$ echo job-1111111111', 'job-7f3k9q2m1x']])
def test_examples_that_lie_are_found(reader, shown):
    with pytest.raises(AssertionError):
        reader.follow(transcript(*shown))


def test_examples_that_are_right_are_taken(reader):
    reader.follow(transcript(
        '$ x=4; cd /; false', '$ echo $?', '1', '$ echo $x $PWD in 12ms', '4 / in 3min 2s',
        '$ printf "one\\n"; printf "two\\n" >&2; echo three', 'one', '…', '$ echo "a', "> b  c\"", 'a', 'b c',
        '$ id=$(codex-jobs enqueue -q -- true); echo $id $id', 'job-7f3k9q2m1x job-7f3k9q2m1x',
        '$ test job-7f3k9q2m1x = $id', '$ echo "me (uid $(id -u))"', 'me (uid 1234)'))
    assert isinstance(transcript('# id -u', '0')[0], Command)
    reader.follow(transcript('# id -u', '0'))
