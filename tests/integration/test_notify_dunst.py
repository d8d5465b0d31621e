# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs-notify with dunst, a real notification server, which the bus starts on a screen of its own. Pictures of
what it shows are left in /sandbox."""

import os
import shutil

import pytest

from notifysupport import Notifier
from support import shell

if not shutil.which('dunst') or not shutil.which('Xvfb'):
    pytest.skip('there is no dunst or no Xvfb: install dunst, xvfb and python3-xlib', allow_module_level=True)

from screen import Screen  # pylint: disable=wrong-import-position

# pylint: disable=redefined-outer-name

# So dunst shows each urgency, and nothing else is of these colours.
LOW, NORMAL, CRITICAL = '#2b303b', '#1d3b2a', '#4b1d24'

DUNSTRC = f'''
[global]
    width = 480
    height = 200
    origin = top-right
    offset = 16x16
    font = DejaVu Sans 11
    markup = full
    format = "<b>%s</b>\\n%b"
    frame_width = 2
    frame_color = "#8fa1b3"
    padding = 14
    horizontal_padding = 14
    icon_position = left
    enable_recursive_icon_lookup = true
    icon_theme = hicolor
    icon_path = /usr/share/icons/hicolor/scalable/apps/
    min_icon_size = 64
    max_icon_size = 64
    corner_radius = 6
    mouse_left_click = do_action, close_current
    mouse_right_click = context
    dmenu = {{menu}}
    show_indicators = no
[urgency_low]
    background = "{LOW}"
    foreground = "#eeeeee"
    timeout = 0
[urgency_normal]
    background = "{NORMAL}"
    foreground = "#eeeeee"
    timeout = 0
[urgency_critical]
    background = "{CRITICAL}"
    foreground = "#eeeeee"
    timeout = 0
'''


@pytest.fixture
def notifier(sandbox):
    notifier = Notifier()
    notifier.forget()
    yield notifier
    notifier.forget()


@pytest.fixture
def screen(notifier, folder):
    """Alice's, on which dunst comes up when it is needed. Its menu takes what the file "choice" says."""
    screen = Screen('alice')
    config = f'{notifier.user.pw_dir}/.config/dunst'
    os.makedirs(config, exist_ok=True)
    menu = f'{folder}/menu'
    with open(menu, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\nexec grep "$(cat {folder}/choice)"\n')
    os.chmod(menu, 0o755)
    with open(f'{config}/dunstrc', 'w', encoding='utf-8') as file:
        file.write(DUNSTRC.format(menu=menu))
    notifier.systemctl('stop', 'dunst.service')
    notifier.systemctl('set-environment', f'DISPLAY={screen.name}')
    yield screen
    notifier.systemctl('stop', 'dunst.service')
    notifier.systemctl('unset-environment', 'DISPLAY')
    shutil.rmtree(config)
    screen.close()


def shows(*colors):
    """Whether there is a notification of each of these urgencies, and no other."""
    def accept(picture):
        found = {color for color in (LOW, NORMAL, CRITICAL) if len(picture.places(color)) > 2000}
        return found == set(colors)
    return accept


def keep(picture, name, scope):
    picture.write(f'/sandbox/notify-{name}-{scope.name}.png')


def test_the_bus_starts_a_server_that_shows_each_outcome(jobs, scope, screen, notifier, gate):
    notifier.start()
    jobs.run(shell('echo "42 tests passed in 3 files"'), Label='make check')
    keep(screen.wait(shows(NORMAL)), 'completed', scope)
    jobs.run(shell('echo "parser.c:41: error: \'<b>\' & \\"x\\" undeclared" >&2; exit 2'), Label='nightly build')
    keep(screen.wait(shows(NORMAL, CRITICAL)), 'failed', scope)
    job = jobs.enqueue(gate.job(), Label='sync <photos> & videos')
    gate.wait()
    jobs.cancel(job)
    keep(screen.wait(shows(NORMAL, CRITICAL, LOW)), 'all', scope)


def test_a_click_opens_the_result(jobs, scope, screen, notifier, pipe, folder):
    opened = pipe('opened')
    program = f'{folder}/opener'
    with open(program, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\ncat "$1" >{opened}\n')
    os.chmod(program, 0o755)
    notifier.start(Opener=program)
    jobs.run(['echo', 'hello'], Label='to be opened')
    picture = screen.wait(shows(NORMAL))
    screen.click(picture.places(NORMAL)[100])
    assert opened.line() == 'to be opened'
    screen.wait(shows())


def test_the_menu_starts_it_again(jobs, scope, screen, notifier, folder):
    with open(f'{folder}/choice', 'w', encoding='utf-8') as file:
        file.write('Retry')
    notifier.start()
    job = jobs.run(shell('test -e "$1" || { : >"$1"; exit 4; }', f'{folder}/made'), Label='flaky test').job
    picture = screen.wait(shows(CRITICAL))
    screen.click(picture.places(CRITICAL)[100], button=3)
    keep(screen.wait(lambda picture: shows(NORMAL)(picture) or shows(NORMAL, CRITICAL)(picture)), 'retried', scope)
    new = jobs.list(Limit=1)[0]
    assert (new['RetryOf'], new['State']) == (job['Id'], 'completed')


def test_a_flood_is_one_notification(jobs, scope, screen, notifier):
    notifier.start(SummaryAfter=0, SummarySec='1h')
    for serial in [jobs.send_enqueue(['true'], Label=f'shard {n}') for n in range(40)]:
        jobs.enqueued.append(jobs.answer(serial)[0])
    for job in jobs.enqueued:
        jobs.wait(job)
    screen.wait(shows(NORMAL))
    # Shown behind all the others, and in their place.
    jobs.run(['false'], Label='the last shard')
    picture = screen.wait(shows(CRITICAL))
    keep(picture, 'flood', scope)
    rows = {y for _, y in picture.places(CRITICAL)}
    assert max(rows) - min(rows) < 150, 'there is more than one'


def test_a_server_that_is_killed_is_started_for_the_next(jobs, scope, screen, notifier):
    notifier.start()
    jobs.run(['true'], Label='first')
    screen.wait(shows(NORMAL))
    notifier.systemctl('kill', '--signal=KILL', 'dunst.service')
    screen.wait(shows())
    jobs.run(['false'], Label='second')
    keep(screen.wait(shows(CRITICAL)), 'again', scope)


def test_a_server_that_cannot_start_is_waited_for(jobs, scope, screen, notifier):
    bus = notifier.scope.connect()
    bus.call_to('org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager',
                'Subscribe')
    bus.subscribe("type='signal',member='JobRemoved'")
    notifier.systemctl('set-environment', 'DISPLAY=:9999')
    notifier.start()
    jobs.run(['true'], Label='before there was a screen')
    bus.signal(lambda signal: signal.member == 'JobRemoved' and signal.body[2:] == ('dunst.service', 'failed'))
    bus.close()
    notifier.systemctl('set-environment', f'DISPLAY={screen.name}')
    notifier.systemctl('reset-failed', 'dunst.service')
    notifier.systemctl('start', 'dunst.service')
    keep(screen.wait(shows(NORMAL)), 'waited', scope)
