#!/usr/bin/env python3
"""Verifies a published audit log, or one proof from it, with nothing of Moniker's.

    verify.py VKEY FOLDER [WITNESS...]           a log's folder: C2SP tlog-tiles
    verify.py VKEY FILE.tlog-proof [WITNESS...]  a leaf with its proof: C2SP tlog-proof

Each WITNESS is a verifier key, too: all have to have cosigned the checkpoint (C2SP tlog-cosignature).
Exit status: 0 good, 1 tampering, 2 something is missing. Python's standard library only; the
arithmetic of Ed25519 (RFC 8032) is here, too, so that there is nothing else to trust.
"""
import base64, hashlib, json, os, sys

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493   # the field, the group's order
D = -121665 * pow(121666, -1, P) % P


def point(octets):                                                     # RFC 8032, section 5.1.3
    y, sign = int.from_bytes(octets, "little") & (1 << 255) - 1, octets[31] >> 7
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or v * x * x % P != u or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    return (P - x if x & 1 != sign else x, y)


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + t, -1, P) % P,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P)


def times(n, a):
    total = (0, 1)
    while n:
        total, a, n = add(total, a) if n & 1 else total, add(a, a), n >> 1
    return total


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def signed(public, message, signature):                                # RFC 8032, section 5.1.7
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L
    return s < L and times(s, BASE) == add(point(r), times(h, point(public)))


def key_of(vkey, algorithm):                                           # 1: a log's, 4: a witness's
    name, key_hash, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[0] != algorithm or len(key) != 33 or \
            hashlib.sha256(name.encode() + b"\n" + key).digest()[:4] != bytes.fromhex(key_hash):
        sys.exit("not a verifier key of this kind: " + vkey)
    return name, bytes.fromhex(key_hash), key[1:]


def by(name, key_hash, note):                                          # C2SP signed-note
    for line in note[note.rindex(b"\n\n") + 2:].decode().splitlines():
        dash, who, value = line.split(" ")
        value = base64.b64decode(value, validate=True)
        if dash == "\u2014" and who == name and value[:4] == key_hash:
            return value[4:]
    raise ValueError("the checkpoint is not signed by " + name)


def checkpoint(vkey, note):                                            # C2SP tlog-checkpoint
    name, key_hash, key = key_of(vkey, 1)
    text = note[:note.rindex(b"\n\n") + 1]
    if not signed(key, text, by(name, key_hash, note)):
        raise ValueError("the signature of the checkpoint is wrong")
    for witness in WITNESSES:                                          # C2SP tlog-cosignature
        who, key_hash, key = key_of(witness, 4)
        value = by(who, key_hash, note)
        head = b"cosignature/v1\ntime %d\n" % int.from_bytes(value[:8], "big")
        if not signed(key, head + text, value[8:]):
            raise ValueError("the cosignature by %s is wrong" % who)
    origin, size, root = text.decode().split("\n")[:3]
    if origin != name:
        raise ValueError("the checkpoint is of another log")
    return int(size), base64.b64decode(root, validate=True)


def leaf_hash(leaf): return hashlib.sha256(b"\0" + leaf).digest()      # RFC 9162, section 2.1.1
def node(left, right): return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes):
    stack = []                                                         # (leaves below, hash)
    for h in hashes:
        n = 1
        while stack and stack[-1][0] == n:
            n, h = 2 * n, node(stack.pop()[1], h)
        stack.append((n, h))
    h = stack.pop()[1] if stack else hashlib.sha256(b"").digest()
    while stack:
        h = node(stack.pop()[1], h)
    return h


def tile(folder, kind, n, width):                                      # the full one has its beginning
    name = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        name = "x%03d/%s" % (n % 1000, name)
    path = os.path.join(folder, "tile", kind, name)
    part = path + ".p/%d" % width
    return open(part if width < 256 and os.path.exists(part) else path, "rb").read()


def log(vkey, folder):
    size, root = checkpoint(vkey, open(os.path.join(folder, "checkpoint"), "rb").read())
    hashes, last = [], ""
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        bundle, tiles, at = tile(folder, "entries", n, width), tile(folder, "0", n, width), 0
        for i in range(width):
            seq, end = 256 * n + i, at + 2 + int.from_bytes(bundle[at:at + 2], "big")
            leaf, at = bundle[at + 2:end], end
            hashes.append(leaf_hash(leaf))
            if hashes[-1] != tiles[32 * i:32 * i + 32]:
                raise ValueError("leaf %d is not what was hashed" % seq)
            fields = json.loads(leaf)
            if fields["seq"] != seq or fields["st"] < last:
                raise ValueError("leaf %d: its number or its time is wrong" % seq)
            last = fields["st"]
    if root_of(hashes) != root:
        raise ValueError("the leaves do not lead to the signed root")
    return "%d leaves, the last of %s" % (size, last)


def proof(vkey, text):                                                 # RFC 9162, section 2.1.3.2
    head, note = text.split(b"\n\n", 1)
    lines = head.decode().split("\n")
    leaf = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
    index, path = int(lines[2].removeprefix("index ")), [base64.b64decode(h) for h in lines[3:]]
    size, root = checkpoint(vkey, note)
    h, fn, sn = leaf_hash(leaf), index, size - 1
    for p in path:
        if fn & 1 or fn == sn:
            h = node(p, h)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            h = node(h, p)
        fn, sn = fn >> 1, sn >> 1
    if lines[0] != "c2sp.org/tlog-proof@v1" or not 0 <= index < size or sn or h != root \
            or json.loads(leaf)["seq"] != index:
        raise ValueError("the proof does not lead to the signed root")
    return leaf.decode()


WITNESSES = sys.argv[3:]

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        if os.path.isdir(sys.argv[2]):
            print("good:", log(sys.argv[1], sys.argv[2]))
        else:
            print("good:", proof(sys.argv[1], open(sys.argv[2], "rb").read()))
    except OSError as missing:
        print("incomplete:", missing)
        sys.exit(2)
    except (ValueError, KeyError, IndexError, TypeError) as wrong:
        print("tampered:", wrong)
        sys.exit(1)
