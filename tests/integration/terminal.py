# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A terminal that a program of alice's runs on: keys are pressed, and its screen is looked at."""

import fcntl
import os
import select
import signal
import struct
import termios
import time

import pyte

from support import PATIENCE, Process


class Terminal:
    """A terminal of so many columns and lines with a command on it."""

    def __init__(self, command, columns=80, lines=24):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b''  # all that was written
        self.fd, other = os.openpty()
        self.size(columns, lines)
        self.before = termios.tcgetattr(other)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.fd)
                login_tty(other)
                # Not the real environment: readline, where it is loaded, puts LINES and COLUMNS into that.
                os.execvpe(command[0], command, os.environ)
            finally:
                os._exit(125)
        self.other = other
        self.process = Process(self.pid)
        self.status = None

    def close(self):
        if self.status is None:
            self.process.kill(signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.process.fd)
        os.close(self.other)
        os.close(self.fd)

    def size(self, columns, lines):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def resize(self, columns, lines):
        """As a window does: what the screen had is for the program to draw again."""
        self.screen.resize(lines, columns)
        self.size(columns, lines)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def read(self, timeout):
        """Takes what was written until now, or comes within the time; whether there was something."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        data = os.read(self.fd, 65536)
        self.raw += data
        self.stream.feed(data)
        return True

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return '\n'.join(self.lines())

    def line(self, *words):
        """The first line that has all the words, or ''."""
        return next((line for line in self.lines() if all(word in line for word in words)), '')

    def until(self, accept):
        """Reads until the screen is accepted, and returns what accept() did."""
        deadline = time.monotonic() + PATIENCE
        while not (found := accept()):
            assert self.read(max(0, deadline - time.monotonic())), f'the screen is still:\n{self.text()}'
        return found

    def until_line(self, *words):
        return self.until(lambda: self.line(*words))

    def until_gone(self, *words):
        self.until(lambda: not self.line(*words))

    def end(self):
        """Reads to the end of the program; its exit status, or minus its signal."""
        deadline = time.monotonic() + PATIENCE
        while not self.process.has_ended():
            select.select([self.fd, self.process.fd], [], [], max(0, deadline - time.monotonic()))
            while self.read(0):
                pass
            assert time.monotonic() < deadline, f'it does not end; the screen is:\n{self.text()}'
        while self.read(0):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def is_restored(self):
        """Whether the terminal works as it did before."""
        return termios.tcgetattr(self.other) == self.before


def login_tty(descriptor):
    """It becomes the terminal of this process."""
    os.setsid()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
    for target in (0, 1, 2):
        os.dup2(descriptor, target)
    if descriptor > 2:
        os.close(descriptor)
