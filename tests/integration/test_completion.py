# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Completion of the command line, in the shells themselves. Bash, which is everywhere, gets its keys
through a terminal, as from a person."""

import os
import pty
import re
import select
import shutil
import subprocess

import pytest

from helptext import help_of, options_of, verbs
from support import PATIENCE
from test_shared_queues import configure_system  # noqa: F401

BASH = '/usr/share/bash-completion/completions/codex-jobs'
FISH = '/usr/share/fish/vendor_completions.d/codex-jobs.fish'
ZSH = ['/usr/share/zsh/vendor-completions/_codex-jobs', '/usr/share/zsh/site-functions/_codex-jobs']
KIND = 'complete'

SETUP = rf'''
PS1='REA''DY> '; unset PROMPT_COMMAND; stty -echo
bind 'set completion-query-items 0'; bind 'set page-completions off'; bind 'set completion-display-width 0'
bind 'set enable-bracketed-paste off'; bind 'set bell-style none'
bind -x '"\C-x\C-l": printf "\nLINE<%s>\n" "$READLINE_LINE"'; . {BASH}
'''


# Without a cursor to move, zsh writes a line again rather than over itself.
ZSH_SETUP = r'''
PS1='REA''DY> '; unsetopt prompt_cr prompt_sp beep; LISTMAX=10000; autoload -U compinit; compinit -u -D
show-line() { zle -I; print -r -- "LI""NE<$BUFFER>"; BUFFER=; }; zle -N show-line; bindkey '^X^L' show-line
'''


class Terminal:
    """An interactive shell of alice's."""

    def __init__(self, directory, shell, setup, clear=b''):
        self.clear = clear
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp('as-user', ['as-user', 'alice', 'env', '--chdir', directory, 'TERM=dumb', 'HISTFILE=',
                                  'LC_ALL=C.UTF-8', *shell, '-i'])
        self.text = b''
        self.run(setup.strip())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def read_until(self, end):
        while not (found := re.search(end, self.text)):
            assert select.select([self.fd], [], [], PATIENCE)[0], self.text
            self.text += os.read(self.fd, 65536)
        before, self.text = self.text[:found.start()], self.text[found.end():]
        return before.decode(errors='replace'), found[0].decode(errors='replace')

    def run(self, commands):
        os.write(self.fd, f'{commands}\necho "DO""NE"\n'.encode())
        # Before the prompt, keys would be the terminal's and not readline's.
        self.read_until(rb'DONE\r\nREADY> ')

    def press(self, keys):
        """What the terminal shows after these keys, and what the command line is then. It is cleared."""
        os.write(self.fd, keys.encode() + b'\x18\x0c' + self.clear)
        shown, line = self.read_until(rb'\r?\nLINE<[^>]*>\r\n')
        if not self.clear: # it was cleared, and now other keys are taken again
            self.read_until(b'READY> ')
        return shown, line.strip()[len('LINE<'):-1]

    def complete(self, text):
        """The command line after one TAB."""
        return self.press(f'{text}\t')[1]

    def listed(self, text):
        """The lines that more TABs show, once or twice."""
        shown = self.press(f'{text}\t\t\t')[0].replace('\r', '')
        return list(dict.fromkeys(line.strip() for line in shown.split('\n') if line.strip()))


@pytest.fixture
def bash(sandbox, folder):
    terminal = Terminal(folder, ['bash', '--noprofile', '--norc'], SETUP, clear=b'\x15')
    yield terminal
    terminal.close()


@pytest.fixture
def zsh(sandbox, folder):
    if not shutil.which('zsh'):
        pytest.skip('there is no zsh')
    terminal = Terminal(folder, ['zsh', '-f'], ZSH_SETUP)
    yield terminal
    terminal.close()


def fish_completes(text):
    return subprocess.run(['as-user', 'alice', 'fish', '-c', 'complete -C $argv', text], check=True,
                          text=True, capture_output=True, timeout=PATIENCE).stdout.splitlines()


@pytest.fixture
def two_live(alice, new_gate):
    """Two jobs that run, with labels, and one that is over."""
    labels = ('the tests', 'the whole world')
    gates = [new_gate() for _ in labels]
    ids = [alice.enqueue(gate.job(), Kind=KIND, Label=label) for gate, label in zip(gates, labels)]
    for gate in gates:
        gate.wait()
    over = alice.enqueue(['true'], Kind=KIND, Label='what is over')
    alice.wait(over)
    return ids, over


# --- words ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('text, line', [
    ('codex-jobs aw', 'codex-jobs await '),
    ('codex-jobs --system --json aw', 'codex-jobs --system --json await '),
    ('codex-jobs await --poll', 'codex-jobs await --poll-interval-ms '),
    ('codex-jobs list --state co', 'codex-jobs list --state completed '),
    ('codex-jobs list --state=qu', 'codex-jobs list --state=queued '),
    ('codex-jobs retry --stdin /etc/hostn', 'codex-jobs retry --stdin /etc/hostname '),
    ('codex-jobs run --no-n', 'codex-jobs run --no-notify '),
    ('codex-jobs pau', 'codex-jobs pause '),
    ('codex-jobs --sy', 'codex-jobs --system '),
    ('codex-jobs task --effort mi', 'codex-jobs task --effort minimal '),
    ('codex-jobs task --effort=mi', 'codex-jobs task --effort=minimal '),
    ('codex-jobs review --scope wo', 'codex-jobs review --scope working-tree '),
    ('codex-jobs run --cwd /et', 'codex-jobs run --cwd /etc/'),
    ('codex-jobs run -C /et', 'codex-jobs run -C /etc/'),
    ('codex-jobs run --cwd=/et', 'codex-jobs run --cwd=/etc/'),
    ('codex-jobs run --cwd /etc/host', 'codex-jobs run --cwd /etc/host'),
    ('codex-jobs task --prompt-file /etc/hostn', 'codex-jobs task --prompt-file /etc/hostname '),
    ('codex-jobs run --env XDG_RUNT', 'codex-jobs run --env XDG_RUNTIME_DIR'),
    ('codex-jobs run --env A=B --cl', 'codex-jobs run --env A=B --clean-env '),
    ('codex-jobs run --label a:b --cl', 'codex-jobs run --label a:b --clean-env '),
    ('codex-jobs run -- codex-jobs-n', 'codex-jobs run -- codex-jobs-notify '),
    ('codex-jobs run codex-jobs-n', 'codex-jobs run codex-jobs-notify '),
    ('codex-jobs run -- cat /etc/hostn', 'codex-jobs run -- cat /etc/hostname '),
    ('codex-jobs run --cwd / cat /etc/hostn', 'codex-jobs run --cwd / cat /etc/hostname '),
    ('codex-jobs run -- cat --cl', 'codex-jobs run -- cat --cl'),
    ('codex-jobs run --limit NOF', 'codex-jobs run --limit NOFILE='),
    ('codex-jobs enqueue --limit=MEM', 'codex-jobs enqueue --limit=MEMLOCK='),
    ('codex-jobs nonsense --j', 'codex-jobs nonsense --j'),
    ('codex-jobs run --label --cl', 'codex-jobs run --label --cl'),
    ('codex-jobs await --timeout-ms 1', 'codex-jobs await --timeout-ms 1'),
])
def test_a_word_is_completed(bash, text, line):
    assert bash.complete(text) == line


def test_verbs_are_listed(bash):
    assert sorted(' '.join(bash.listed('codex-jobs ')).split()) == sorted(verbs())


def test_options_of_each_verb_are_listed(bash):
    assert len(verbs()) >= 8
    for verb in verbs():
        listed = set(' '.join(bash.listed(f'codex-jobs {verb} --')).split())
        assert listed == options_of(help_of('codex-jobs', verb)), verb


# --- ids ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('verb', ['await', 'cancel'])
def test_live_jobs_are_listed_with_their_labels(bash, two_live, verb):
    ids, _ = two_live
    listed = bash.listed(f'codex-jobs {verb} {KIND}-')
    assert listed == [f'{ids[1]}  (the whole world)', f'{ids[0]}  (the tests)']


@pytest.mark.parametrize('verb', ['logs', 'status', 'show'])
def test_all_jobs_are_listed_with_their_labels(bash, two_live, verb):
    ids, over = two_live
    listed = bash.listed(f'codex-jobs {verb} {KIND}-')
    assert listed[:2] == [f'{ids[1]}  (the whole world)', f'{ids[0]}  (the tests)']
    assert f'{over}  (what is over)' in listed


@pytest.mark.parametrize('verb', ['result', 'retry', 'remove'])
def test_jobs_that_are_over(bash, two_live, verb):
    ids, over = two_live
    listed = [line.split()[0] for line in bash.listed(f'codex-jobs {verb} ')]
    assert over in listed or bash.complete(f'codex-jobs {verb} {over[:-1]}') == f'codex-jobs {verb} {over} '
    assert not set(ids) & set(listed)


def test_an_id_is_inserted_without_its_label(bash, two_live):
    ids, _ = two_live
    for job in ids:
        assert bash.complete(f'codex-jobs await {job[:-1]}') == f'codex-jobs await {job} '
    assert bash.complete(f'codex-jobs await {ids[0]} {KIND}') == f'codex-jobs await {ids[0]} {ids[1]} '
    before = 'codex-jobs --system logs -n 3'
    assert bash.complete(f'{before} {ids[0][:-1]}') == f'{before} {ids[0]} '
    assert bash.complete(f'codex-jobs task --resume {ids[0][:-1]}') == f'codex-jobs task --resume {ids[0]} '


def test_one_id_is_enough_where_one_is_taken(bash, two_live):
    ids, _ = two_live
    assert bash.complete(f'codex-jobs logs {ids[0]} {KIND}') == f'codex-jobs logs {ids[0]} {KIND}'


def test_menu_completion_inserts_ids_alone(bash, two_live):
    ids, _ = two_live
    bash.run(r'''bind '"\C-o": menu-complete' ''')
    assert bash.press(f'codex-jobs await {KIND}-\x0f')[1].split()[2] in (ids[0], ids[1], f'{KIND}-')
    assert bash.press(f'codex-jobs await {KIND}-\x0f\x0f')[1].split()[2] in ids


def test_labels_of_the_other_scope_are_not_mixed_in(bash, two_live):
    assert bash.complete(f'codex-jobs --user await {KIND}-') == f'codex-jobs --user await {KIND}-'


HOSTILE = {
    'substitution': '$(touch pwned)', 'backticks': '`touch pwned`', 'quotes': "'; touch pwned; '",
    'glob': '"x" \\ \\" {a,b} * ~ !!', 'colour': '\033[31mred\033]0;t\a', 'c1': '\u009b31m', 'lines': 'a\nb\tc',
    'json': '", "state": "running"', 'compact-json': '","state":"completed","label":"',
    'utf8': 'ä€😀', 'empty': '', 'long': 'x' * 500}


@pytest.mark.parametrize('label', HOSTILE.values(), ids=HOSTILE)
def test_any_label_is_text(bash, alice, new_gate, folder, label):
    kind, gates = 'hostile', [new_gate(), new_gate()]
    ids = [alice.enqueue(gate.job(), Kind=kind, Label=text) for gate, text in zip(gates, (label, 'other'))]
    for gate in gates:
        gate.wait()
    shown = bash.press(f'codex-jobs await {kind}-\t\t\t')[0]
    assert all(job in shown for job in ids)
    assert 'other' in shown
    assert not re.search('[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]', shown), shown
    assert bash.complete(f'codex-jobs await {ids[0][:-1]}') == f'codex-jobs await {ids[0]} '
    assert not os.path.exists(f'{folder}/pwned')


# --- queues ---------------------------------------------------------------------------------------

@pytest.fixture
def queues(alice, configure_system):
    """Beside the queue default: one of the administrator, and two of alice's, one of which is paused."""
    configure_system(**{'q-all': {}})
    for name in ('q-build', 'q-slow'):
        alice.call('SetQueue', 'sa{sv}', name, {})
    alice.call('PauseQueue', 's', 'q-slow')


QUEUES = {
    'queue re': 'queue remove ', 'queue remove q-b': 'queue remove q-build ', 'queue set q-s': 'queue set q-slow ',
    'queue set q-a': 'queue set q-a', 'queue remove q-slow q-': 'queue remove q-slow q-', 'pause q-b': 'pause q-build ',
    'pause q-s': 'pause q-s', 'resume q-': 'resume q-slow ', 'resume q-slow q-': 'resume q-slow q-',
    'run --queue q-a': 'run --queue q-all ', 'enqueue --queue=q-sl': 'enqueue --queue=q-slow ',
    'edit --queue def': 'edit --queue default ', 'retry --queue nonsense': 'retry --queue nonsense',
    '--user pause q-': '--user pause q-', '-H nowhere.invalid pause q-': '-H nowhere.invalid pause q-'}


def test_queues(bash, queues):
    """Those for which the verb does something."""
    for text, line in QUEUES.items():
        assert bash.complete(f'codex-jobs {text}') == f'codex-jobs {line}'
    assert bash.listed('codex-jobs queue ') == ['list', 'set', 'remove']
    for text in ('pause ', 'run --queue '):
        words = set(' '.join(bash.listed(f'codex-jobs {text}')).split())
        assert words == {'default', 'q-all', 'q-build', *['q-slow'] * text.startswith('run')}
    assert bash.complete('codex-jobs -H nowhere.invalid edit --after jo') == 'codex-jobs -H nowhere.invalid edit --after jo'


@pytest.mark.skipif(not shutil.which('fish'), reason='there is no fish')
def test_queues_in_fish(queues):
    for text, line in QUEUES.items():
        found = fish_completes(f'codex-jobs {text}')
        assert [word.split('\t')[0] for word in found] == ([line.split()[-1]] if line.endswith(' ') else []), text
    assert fish_completes('codex-jobs pause ') == ['default', 'q-all', 'q-build']
    assert fish_completes('codex-jobs queue ') == ['list', 'set', 'remove']


def test_queues_in_zsh(zsh, queues):
    for text, line in QUEUES.items():
        assert zsh.complete(f'codex-jobs {text}') == f'codex-jobs {line}', text


# --- nothing to say -------------------------------------------------------------------------------

@pytest.mark.parametrize('trouble', [
    'export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere', 'export CODEX_JOBS_SCOPE=nonsense', 'PATH=/nowhere',
    'codex-jobs() { echo noise >&2; return 1; }'])
def test_what_fails_says_nothing(bash, trouble):
    bash.run(trouble)
    shown, line = bash.press(f'codex-jobs await {KIND}-nothing\t\t\t')
    assert line == f'codex-jobs await {KIND}-nothing'
    assert shown.strip() == ''


# --- other shells ---------------------------------------------------------------------------------

@pytest.mark.skipif(not shutil.which('fish'), reason='there is no fish')
def test_fish(two_live):
    ids, over = two_live
    subprocess.run(['fish', '--no-execute', FISH], check=True, timeout=PATIENCE)
    assert [line.split('\t')[0] for line in fish_completes('codex-jobs ')] == verbs()
    assert fish_completes(f'codex-jobs await {KIND}-') == [f'{ids[1]}\trunning: the whole world',
                                                     f'{ids[0]}\trunning: the tests']
    assert f'{over}\tcompleted: what is over' in fish_completes('codex-jobs result ')
    assert fish_completes(f'codex-jobs task --resume {ids[0][:-1]}') == [f'{ids[0]}\trunning: the tests']
    assert fish_completes('codex-jobs review --scope wo') == ['working-tree']
    assert fish_completes('codex-jobs list --sin') == [
        "--since\tOnly jobs submitted since then: 2h, today, yesterday, 12:30, 2026-11-01, or '2026-11-01 12:30'"]
    assert fish_completes('codex-jobs await --po') == [
        '--poll-interval-ms\tAlso poll at this interval, as a safeguard']
    assert fish_completes('codex-jobs run --cwd=/et') == ['--cwd=/etc/\tDirectory']
    for verb in verbs():
        listed = {line.split('\t')[0] for line in fish_completes(f'codex-jobs {verb} --')}
        assert listed == options_of(help_of('codex-jobs', verb))


@pytest.mark.skipif(not shutil.which('zsh'), reason='there is no zsh')
def test_zsh_finds_it():
    path, = filter(os.path.exists, ZSH)
    subprocess.run(['zsh', '-n', path], check=True, timeout=PATIENCE)
    with open(path, encoding='utf-8') as file:
        assert file.readline() == '#compdef codex-jobs\n'


def test_zsh(zsh, two_live):
    ids, over = two_live
    assert zsh.complete('codex-jobs paus') == 'codex-jobs pause '
    assert zsh.complete('codex-jobs run --no-n') == 'codex-jobs run --no-notify '
    assert zsh.complete('codex-jobs list --state=qu') == 'codex-jobs list --state=queued '
    assert zsh.complete('codex-jobs run --cwd=/et').rstrip('/ ') == 'codex-jobs run --cwd=/etc'
    for job in ids:
        assert zsh.complete(f'codex-jobs await {job[:-1]}') == f'codex-jobs await {job} '
    assert zsh.complete(f'codex-jobs retry {over[:-1]}') == f'codex-jobs retry {over} '
    shown = zsh.press(f'codex-jobs await {KIND}-\t\t')[0]
    for job, label in zip(ids, ('the tests', 'the whole world')):
        assert re.search(rf'{job} +-- running: {label}', shown), shown
    assert over not in shown


@pytest.mark.skipif(not shutil.which('zsh'), reason='there is no zsh')
def test_zsh_describes_options_to_their_ends():
    path, = filter(os.path.exists, ZSH)
    script = '''setopt extended_glob no_bash_rematch; source =(sed '$d' "$1"); local -a specs match mbegin mend
               _codex-jobs_options ${(f)"$(codex-jobs list --help)"}; print -rl -- $specs'''
    specs = subprocess.run(['zsh', '-fc', script, 'zsh', path], check=True, text=True, capture_output=True,
                           timeout=PATIENCE).stdout
    assert r"yesterday, 12\:30, 2026-11-01, or '2026-11-01 12\:30']" in specs
    assert '*--state=[Only jobs in state\\: ' in specs


def test_zsh_lists_verbs_with_what_they_do(zsh):
    shown = zsh.press('codex-jobs \t')[0]
    for verb in verbs():
        assert re.search(rf'\n{verb} +-- \w', shown), (verb, shown)
