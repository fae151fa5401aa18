"""Many streams of changes at once: `many` reads until each has another page, `deaf` reads nothing
before its standard input ends."""
import os, resource, socket, ssl, sys

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
kind, cursor, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
host, port = os.environ["MONIKER_URL"].removeprefix("https://").split(":")
context = ssl.create_default_context(cafile=os.environ["MONIKER_CACERT"])
context.load_cert_chain(os.environ["MONIKER_VERIFIER_CERT"], os.environ["MONIKER_VERIFIER_KEY"])
request = (f"GET /v1/changes?after={cursor} HTTP/1.1\r\nHost: {host}\r\n"
           "Accept: text/event-stream\r\n\r\n").encode()


def begin():
    raw = socket.socket()
    if kind == "deaf":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.connect(("127.0.0.1", int(port)))
    raw.settimeout(60)
    stream = context.wrap_socket(raw, server_hostname=host)
    stream.sendall(request)
    return stream


def read_pages(stream, pages):
    said = b""
    while said.count(b"event: page") < pages or not said.endswith(b"\n\n\r\n"):
        octets = stream.recv(65536)
        if not octets:
            return False
        said += octets
    return True


def ends(stream):
    """Reads what is left: an end, without the last chunk of one who is not done."""
    try:
        while stream.recv(65536):
            pass
        return True
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


streams = [begin() for _ in range(count)]
if kind == "many":
    print(sum(read_pages(stream, 2) for stream in streams), "have it")
else:
    sys.stdin.read()
    print(sum(ends(stream) for stream in streams), "were ended")
