"""Sends calls with hostile strings in them to the broker, as many as are wanted, and says how many were answered and how many
ended their connection. Calls come on standard input, one a line in hex, with @ where a string goes; usage: SOCKET COUNT."""

import random
import socket
import sys

PATH, COUNT = sys.argv[1], int(sys.argv[2])
CALLS = [bytes.fromhex(line) for line in sys.stdin]

texts = [chr(code) for code in list(range(0x20)) + list(range(0x7F, 0xA0))] + [
    '\n{"seq":1}', "\r\n", '"}\n{"v":1,', "\\", '"', "%n%s%s%n", "\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "\u2028", "\u2029",
    "\u202e", "\u2066", "\u200f", "\ufeff", "\ufffe", "\U000e0001", "e\u0301", "\nPRIORITY=0", "\nMIGBROKER_UID=0\n",
    "\ud800", "\udc0a", "\udfff", "../../etc/shadow", "$(reboot)", "\U0001f600", "a", "0", " ", "1g.5gb",
]
raw = [bytes([code]) for code in list(range(0x20)) + list(range(0x80, 0x100))] + [
    b"\xed\xa0\x80", b"\xc0\x8a", b"\xe0\x80\x8a", b"\xf4\x90\x80\x80", b"\xe2\x80", b"\\ud800", b"\\u0000", b"\\x0a",
]


def escaped(text):
    """As JSON has it: everything as units of UTF-16, so lone surrogates too."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)).encode()


def hostile(number):
    dice = random.Random(number)
    kind = number % 4
    if kind == 0:
        return escaped(dice.choice(texts))
    if kind == 1:
        return escaped("".join(dice.choice(texts) for _ in range(dice.randrange(1, 20))))
    if kind == 2:
        piece = escaped(dice.choice(texts))
        return piece * (4096 // len(piece))
    return b"".join(dice.choice(raw) for _ in range(dice.randrange(1, 6)))


connection = None
answered = closed = 0
for number in range(COUNT):
    if connection is None:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(PATH)
    if number % 50 == 0:
        # What the kernel calls this process, cut to 15 bytes.
        with open("/proc/self/comm", "wb", buffering=0) as comm:
            comm.write(dice.choice(raw) * 15 if (dice := random.Random(-number)).random() < 0.5
                       else dice.choice(texts).encode("utf-8", "surrogatepass"))
    # One after the other gets each kind of string, whatever the number of calls.
    call = CALLS[number // 4 % len(CALLS)]
    try:
        connection.sendall(call.replace(b"@", hostile(number)) + b"\0")
        answer = b""
        while not answer.endswith(b"\0"):
            part = connection.recv(65536)
            if not part:
                raise ConnectionResetError
            answer += part
        answered += 1
    except (BrokenPipeError, ConnectionResetError):
        connection.close()
        connection = None
        closed += 1
print(answered, closed)
