"""feed.py OUT STOP URL...: follows the change feed from the beginning until STOP is there and nothing is new,
asking the addresses in turn; whoever does not answer is asked again, and OUT.away tells that somebody did not. Each
page must begin where the last one ended and its lines must be chained. OUT gets "SEQ LINE" of every change and at last "hash HEX"; OUT.N the pages,
whose signatures somebody else verifies. As a verifier: MONIKER_CACERT, MONIKER_VERIFIER_CERT and _KEY."""
import base64
import hashlib
import http.client
import itertools
import os
import ssl
import sys
import time
import urllib.parse

out, stop, urls = sys.argv[1], sys.argv[2], sys.argv[3:]
context = ssl.create_default_context(cafile=os.environ["MONIKER_CACERT"])
context.load_cert_chain(os.environ["MONIKER_VERIFIER_CERT"], os.environ["MONIKER_VERIFIER_KEY"])


def ask(url, cursor):
    """A page, or None: no answer now."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=30)
    try:
        connection.request("GET", "/v1/changes?wait=1&after=" + cursor)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status == 503:
        return None
    assert answer.status == 200, (answer.status, text)
    return text


def read(page, place, before):
    """The lines of a page that follows on this place."""
    text = page.split("\n\n")[0].split("\n")
    head = dict(line.split(" ", 1) for line in text[1:9])
    lines = text[9:]
    assert int(head["from"]) == place and base64.b64decode(head["before"]) == before, (place, head)
    assert int(head["to"]) == place + len(lines), head
    for line in lines:
        before = hashlib.sha256(before + line.encode()).digest()
    assert base64.b64decode(head["after"]) == before, head
    return lines, before, head["cursor"]


place, last, cursor, pages, refused = 0, bytes(32), "AAAAAAAAAAAAAAAA", 0, 0
with open(out, "w", encoding="ascii") as changes:
    for url in itertools.cycle(urls):
        ended = os.path.exists(stop)
        page = ask(url, cursor)
        if page is None:
            refused += 1
            open(out + ".away", "w").close()
            time.sleep(0.05)
            continue
        lines, last, cursor = read(page, place, last)
        for line in lines:
            place += 1
            changes.write(f"{place} {line}\n")
        changes.flush()
        if lines:
            pages += 1
            with open(f"{out}.{pages}", "w", encoding="utf-8") as copy:
                copy.write(page)
        elif ended:
            break
    changes.write(f"hash {last.hex()}\n")
print(f"{place} changes in {pages} pages; {refused} times no answer")
