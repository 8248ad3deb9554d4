"""Puts one policy in the other's place, over and over.

flips.py PID POLICY A B SECONDS

A and B are files with the two texts. Each flip renames a new file over POLICY and sends PID a SIGHUP, a thousand times a
second if the machine is that fast. Prints how many flips there were.
"""

import os
import signal
import sys
import time

pid, policy, first, second, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])
texts = [open(name, "rb").read() for name in (first, second)]
draft = policy + ".draft"
begin = time.monotonic()
flips = 0
while time.monotonic() - begin < seconds:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, texts[flips % 2])
    os.close(descriptor)
    os.rename(draft, policy)
    os.kill(pid, signal.SIGHUP)
    flips += 1
    time.sleep(max(0, begin + flips / 1000 - time.monotonic()))
print(flips)
