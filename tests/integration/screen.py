# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A screen of its own for a user: Xvfb, seen through its own protocol. Waits on what is drawn, takes pictures, and
moves the mouse."""

import os
import select
import struct
import subprocess
import time
import zlib

from Xlib import X, display
from Xlib.ext import damage, xtest

from support import PATIENCE

WIDTH, HEIGHT = 640, 400


class Picture:
    """What is on the screen, in rows of pixels of four bytes: blue, green, red, nothing."""

    def __init__(self, data):
        self.rows = [data[at:at + 4 * WIDTH] for at in range(0, len(data), 4 * WIDTH)]

    def places(self, color):
        """Where that colour is, "#rrggbb", as pairs of column and row."""
        wanted = bytes.fromhex(color[1:])[::-1]
        found = []
        for y, row in enumerate(self.rows):
            if wanted in row:
                found += [(x, y) for x in range(WIDTH) if row[4 * x:4 * x + 3] == wanted]
        return found

    def write(self, path):
        """As PNG, https://www.w3.org/TR/png/."""
        def chunk(kind, data):
            return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

        lines = b''
        for row in self.rows:
            pixels = bytearray(3 * WIDTH)
            for channel in range(3):
                pixels[channel::3] = row[2 - channel::4]
            lines += b'\0' + bytes(pixels)
        with open(path, 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, HEIGHT, 8, 2, 0, 0, 0))
                       + chunk(b'IDAT', zlib.compress(lines, 9)) + chunk(b'IEND', b''))


class Screen:
    def __init__(self, user):
        reading, writing = os.pipe()
        self.server = subprocess.Popen(
            ['as-user', user, 'Xvfb', '-displayfd', str(writing), '-screen', '0', f'{WIDTH}x{HEIGHT}x24', '-ac',
             '-nolisten', 'tcp', '-noreset'], pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with open(reading, encoding='ascii') as file:
            self.name = f':{file.readline().strip()}'
        assert self.name != ':', 'Xvfb did not start'
        self.display = display.Display(self.name)
        self.root = self.display.screen().root
        self.display.damage_query_version()
        self.root.damage_create(damage.DamageReportRawRectangles)
        self.display.sync()

    def close(self):
        self.display.close()
        self.server.terminate()
        self.server.wait(PATIENCE)

    def picture(self):
        image = self.root.get_image(0, 0, WIDTH, HEIGHT, X.ZPixmap, 0xffffffff)
        return Picture(image.data)

    def wait(self, accept):
        """The first picture that accept() takes. Looks whenever something was drawn."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while self.display.pending_events():
                self.display.next_event()
            picture = self.picture()
            if accept(picture):
                return picture
            if not self.display.pending_events():
                left = max(0, deadline - time.monotonic())
                assert select.select([self.display.fileno()], [], [], left)[0], 'it is not shown'

    def click(self, place, button=1):
        xtest.fake_input(self.display, X.MotionNotify, x=place[0], y=place[1])
        xtest.fake_input(self.display, X.ButtonPress, button)
        xtest.fake_input(self.display, X.ButtonRelease, button)
        self.display.sync()
