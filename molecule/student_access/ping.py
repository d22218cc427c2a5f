"""One ICMP echo, as ping would: ping.py ADDRESS. Exits with 1 when there is no answer within two seconds."""

from __future__ import annotations

import socket
import struct
import sys

REQUEST, REPLY = 8, 0

with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as ping:
    ping.settimeout(2)
    identifier = 4711
    # The checksum is the complement of the sum of the message's words, itself taken as 0
    checksum = 0xFFFF - (REQUEST << 8) - identifier
    ping.sendto(struct.pack("!BBHHH", REQUEST, 0, checksum, identifier, 0), (sys.argv[1], 0))
    try:
        while ping.recv(1024)[20] != REPLY:
            pass
    except TimeoutError:
        sys.exit(1)
