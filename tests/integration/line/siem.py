#!/usr/bin/env python3
"""siem.py CERTIFICATE KEY FILE [PORT]: a syslog receiver (RFC 5425) that keeps what it was sent.

Prints its port. Appends to FILE a line for each message, "ORIGIN SEQ LEAF", once the session has ended
in order: before that the sender does not count on it either.
"""
import re, socket, ssl, sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", int(sys.argv[4]) if len(sys.argv) > 4 else 0))
print(listener.getsockname()[1], flush=True)


def messages(octets):
    while octets:
        length, _, octets = octets.partition(b" ")
        yield octets[:int(length)].decode()
        octets = octets[int(length):]


while True:
    near, _ = listener.accept()
    try:
        with context.wrap_socket(near, server_side=True, suppress_ragged_eofs=False) as session:
            octets = b"".join(iter(lambda: session.recv(65536), b""))
            with open(sys.argv[3], "a") as received:
                for message in messages(octets):
                    origin, seq, leaf = re.search(r'origin="([^"]+)" seq="(\d+)"\] (\{.*\})$', message).groups()
                    received.write("%s %s %s\n" % (origin, seq, leaf))
            session.unwrap()
    except (OSError, ssl.SSLError):
        near.close()  # a session that was cut short: it comes again
