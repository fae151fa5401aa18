#!/usr/bin/env python3
"""pruned.py MONIKER CHECKPOINT: logs of which leaves are gone, to all three verifiers.

MONIKER is the program, CHECKPOINT what checkpoint.go was built to; the third is docs/verify/verify.py,
with whose arithmetic the logs here are signed. A hole is excused by a log.prune leaf of this log that
comes later and has all of it; whatever else is said, it is refused.
"""
import base64, hashlib, json, os, shutil, subprocess, sys, tempfile

MONIKER, CHECKPOINT = sys.argv[1:]
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
VERIFY = os.path.join(TOP, "docs", "verify", "verify.py")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(VERIFY))
sys.argv = [VERIFY]
import verify

ORIGIN, SEED = "moniker.example/node1-2026", bytes(range(1, 33))


def encoded(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


SECRET = hashlib.sha512(SEED).digest()
SCALAR = int.from_bytes(SECRET[:32], "little") & ~7 & (1 << 254) - 1 | 1 << 254
PUBLIC = encoded(verify.times(SCALAR, verify.BASE))
KEY_HASH = hashlib.sha256(ORIGIN.encode() + b"\n\1" + PUBLIC).digest()[:4]
VKEY = "%s+%s+%s" % (ORIGIN, KEY_HASH.hex(), base64.b64encode(b"\1" + PUBLIC).decode())


def number(*octets):
    return int.from_bytes(hashlib.sha512(b"".join(octets)).digest(), "little") % verify.L


def sign(message):                                                     # RFC 8032, section 5.1.6
    r = number(SECRET[32:], message)
    head = encoded(verify.times(r, verify.BASE))
    return head + ((r + number(head, PUBLIC, message) * SCALAR) % verify.L).to_bytes(32, "little")


def leaf(seq, event="svc.heartbeat", rest="", outcome='"rc":"OK","sev":1,"out":"success"'):
    st = "2026-01-01T00:%02d:%02dZ" % (seq // 60, seq % 60)
    return '{"seq":%d,"st":"%s","v":1,"ev":"%s",%s,"t":"%s","n":"AAAAAAAAAAAAAAAAAAAAAA"%s}' % (
        seq, st, event, outcome, st, rest)


def prune(seq, first, last, log="node1-2026", keys=("first", "last"), **more):
    return leaf(seq, "log.prune", ',"act":"system:host","sub":"log:%s","cnt":%d,"d":{"%s":%d,"%s":%d}' % (
        log, last - first + 1, keys[0], first, keys[1], last), **more)


def publish(folder, others):
    leaves = [others.get(seq) or leaf(seq, "log.open" if seq == 0 else "svc.heartbeat") for seq in range(605)]
    leaves = [text.encode() for text in leaves]
    hashes = [verify.leaf_hash(text) for text in leaves]

    def put(name, octets):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        open(os.path.join(folder, name), "wb").write(octets)
    for n, width in enumerate((256, 256, 93)):
        end = "%03d" % n + (".p/%d" % width if width < 256 else "")
        part = slice(256 * n, 256 * n + width)
        put("tile/0/" + end, b"".join(hashes[part]))
        put("tile/entries/" + end, b"".join(len(text).to_bytes(2, "big") + text for text in leaves[part]))
    put("tile/1/000.p/2", verify.root_of(hashes[:256]) + verify.root_of(hashes[256:512]))
    text = ("%s\n%d\n%s\n" % (ORIGIN, len(leaves), base64.b64encode(verify.root_of(hashes)).decode())).encode()
    signature = base64.b64encode(KEY_HASH + sign(text)).decode()
    put("checkpoint", text + ("\n\u2014 %s %s\n" % (ORIGIN, signature)).encode())


def run(*command):
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return said.returncode, said.stdout


def judge(what, folder, status, by="", moniker=""):
    """All three say `status`; verify.py and Go, which knows only good and bad, say `by`, and moniker its own words."""
    for name, want, words, (got, said) in (
            ("moniker", status, moniker, run(MONIKER, "audit", "verify", folder, "--vkey", VKEY)),
            ("verify.py", status, by, run(sys.executable, VERIFY, VKEY, folder)),
            ("Go", min(status, 1), by, run(CHECKPOINT, VKEY, folder))):
        if got != want or words not in said:
            sys.exit("%s: %s: exit status %d, not %d, or not '%s': %s" % (what, name, got, want, words, said))
    got, said = run(MONIKER, "audit", "verify", folder, "--vkey", VKEY, "--json")
    answer = json.loads(said)
    lines = "\n".join("%s: leaf %s: %s" % (found["kind"], found["seq"], found["text"]) for found in answer["findings"])
    if got != status or answer["verdict"] != ("good", "tampered", "incomplete")[status] or moniker not in lines:
        sys.exit("%s: moniker --json: exit status %d, not %d, or not '%s': %s" % (what, got, status, moniker, said))
    print("ok:", what)


NOT_THERE = "incomplete: leaf 256: tile/entries/001: it is not there"
MISSING = "leaves 256 to 511 are not there, and no log.prune says why"
OUTCOME_FAILED = '"rc":"STATE_CONFLICT","sev":3,"out":"failure"'
CASES = (                                                              # what, leaves, bundles removed, status, words
    ("nothing is gone", {}, (), 0, ""),
    ("a hole of which no leaf speaks", {}, (1,), 2, MISSING),
    ("what a leaf says was pruned", {600: prune(600, 0, 511)}, (0, 1), 0, "by leaf 600"),
    ("by two leaves", {600: prune(600, 256, 299), 601: prune(601, 300, 511)}, (1,), 0, "leaf 601"),
    ("a leaf that has a part of it", {600: prune(600, 0, 510)}, (1,), 2, MISSING),
    ("a leaf that has the rest of it", {600: prune(600, 257, 511)}, (1,), 2, MISSING),
    ("a leaf of another log", {600: prune(600, 0, 511, log="node2-2026")}, (1,), 2, MISSING),
    ("a leaf that says it failed", {600: prune(600, 0, 511, outcome=OUTCOME_FAILED)}, (1,), 2, MISSING),
    ("a leaf of blobs", {600: prune(600, 0, 511, keys=("blobs_first", "blobs_last"))}, (1,), 2, MISSING),
    ("a leaf of what is to come", {3: prune(3, 256, 511)}, (1,), 2, MISSING),
    ("a leaf that is gone itself", {600: prune(600, 0, 255), 300: prune(300, 0, 255)}, (1,), 2, MISSING),
)
with tempfile.TemporaryDirectory() as work:
    for i, (what, others, removed, status, words) in enumerate(CASES):
        folder = os.path.join(work, str(i))
        publish(folder, others)
        for n in removed:
            os.remove(os.path.join(folder, "tile/entries/%03d" % n))
        judge(what, folder, status, words, words if status == 0 else NOT_THERE)
    folder = os.path.join(work, "2")
    tile = os.path.join(folder, "tile/0/001")
    octets = bytearray(open(tile, "rb").read())
    shutil.copy(tile, tile + ".true")
    octets[40] ^= 1
    open(tile, "wb").write(octets)
    judge("pruned leaves whose hashes were changed", folder, 1)
    open(tile, "wb").write(octets[:-1])
    judge("whose hashes were cut", folder, 1)
    os.remove(tile)
    judge("whose hashes are gone, too", folder, 2)
    os.rename(tile + ".true", tile)
    judge("as it was", folder, 0, "leaf 600", "leaves 0 to 511 were pruned, by leaf 600")
