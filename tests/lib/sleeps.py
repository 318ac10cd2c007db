# SPDX-License-Identifier: Apache-2.0
"""A machine that sleeps, as its processes see it (clock_ahead.c)."""
import pathlib
import struct


class Machine:
    """`environment` goes to each process that is to live on it; `file` is made for its clock."""

    def __init__(self, pawl, file):
        shim = pathlib.Path(pawl).with_name("clock_ahead.so")
        assert shim.exists(), shim
        self.file = pathlib.Path(file)
        self.file.write_bytes(struct.pack("q", 0))
        self.environment = {"LD_PRELOAD": str(shim), "CLOCK_AHEAD": str(file)}

    def sleep(self, seconds):
        """It wakes up with clocks that are so much ahead, all but the one that loops wait by."""
        with open(self.file, "r+b") as ahead:
            slept, = struct.unpack("q", ahead.read())
            ahead.seek(0)
            ahead.write(struct.pack("q", slept + seconds))
