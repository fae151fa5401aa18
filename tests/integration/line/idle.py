# idle.py PORT COUNT PID: holds COUNT idle TLS connections to the service with this process id; the
# last line says how many are alive, and the KiB of memory that each takes.
import resource, socket, ssl, sys, time

port, count, pid = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ASK = b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SPEAK_UP_S = 4  # the service ends a connection that says nothing for 10 s
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def resident_kib():
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def connect():
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port)))


def is_served(connection):
    try:
        connection.send(ASK)
        return connection.recv(1000).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, hard), hard))
before, connections, spoke = resident_kib(), [], time.monotonic()
for _ in range(count):
    connections.append(connect())
    if time.monotonic() - spoke > SPEAK_UP_S:
        spoke = time.monotonic()
        for connection in connections:
            is_served(connection)
alive = sum(is_served(connection) for connection in connections)
print("another is served:", is_served(connect()))
print(alive, (resident_kib() - before + alive - 1) // max(alive, 1))
