#!/usr/bin/env python3
"""recorder.py PORT FOLDER: passes connections on to this port of this host, and writes what goes over
each, one file for each direction. Prints its own port. Ends with its standard input."""
import os, socket, sys, threading

target, folder = int(sys.argv[1]), sys.argv[2]
listener = socket.create_server(("127.0.0.1", 0))


def pump(source, sink, name):
    with open(os.path.join(folder, name), "wb", buffering=0) as record:
        while True:
            try:
                octets = source.recv(65536)
            except OSError:
                octets = b""
            record.write(octets)
            try:
                sink.sendall(octets) if octets else sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the other end has gone: what still comes is recorded
            if not octets:
                return


def serve():
    number = 0
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", target))
        number += 1
        for ends in ((near, far, f"{number}.there"), (far, near, f"{number}.back")):
            threading.Thread(target=pump, args=ends, daemon=True).start()


threading.Thread(target=serve, daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
