#!/usr/bin/env python3
"""Verifies a published audit log, an export or one proof from it, with nothing of Moniker's.

    verify.py VKEY FOLDER [WITNESS...]           a log's folder: C2SP tlog-tiles; or an export, unpacked
    verify.py VKEY FILE.tar [WITNESS...]         an export
    verify.py VKEY FILE.tlog-proof [WITNESS...]  a leaf with its proof: C2SP tlog-proof

Each WITNESS is a verifier key, too: all have to have cosigned the checkpoint (C2SP tlog-cosignature).
Exit status: 0 good, 1 tampering, 2 something is missing. Python's standard library only; the
arithmetic of Ed25519 (RFC 8032) is here, too, so that there is nothing else to trust.
"""
import base64, csv, hashlib, io, json, os, sys, tarfile

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


def root_of(hashes, leaves_below=None):
    stack = []                                                         # (leaves below, hash)
    for n, h in zip(leaves_below or [1] * len(hashes), hashes):
        while stack and stack[-1][0] == n:
            n, h = 2 * n, node(stack.pop()[1], h)
        stack.append((n, h))
    h = stack.pop()[1] if stack else hashlib.sha256(b"").digest()
    while stack:
        h = node(stack.pop()[1], h)
    return h


def tile_name(n):
    name = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        name = "x%03d/%s" % (n % 1000, name)
    return name


def tile(folder, kind, n, width):                                      # the full one has its beginning
    name = tile_name(n)
    path = os.path.join(folder, "tile", kind, name)
    part = path + ".p/%d" % width
    return open(part if width < 256 and os.path.exists(part) else path, "rb").read()


def prunes(origin, fields):                                             # what log.prune says is gone, and who says so
    d = fields.get("d", {})
    if fields["ev"] == "log.prune" and fields["out"] == "success" \
            and fields["sub"] == "log:" + origin.split("/")[-1][:60] and "first" in d and "last" in d \
            and d["first"] <= d["last"] < fields["seq"]:               # nobody prunes what is to come
        return [(d["first"], d["last"], fields["seq"])]
    return []


def excuse(said, first, end):                                          # why these leaves are not there
    by, at = [], first
    while at < end:
        last, seq = next(((last, seq) for begin, last, seq in said if begin <= at <= last), (None, None))
        if last is None:
            raise FileNotFoundError("leaves %d to %d are not there, and no log.prune says why" % (first, end - 1))
        by, at = by + [seq], last + 1
    return " and ".join("leaf %d" % seq for seq in dict.fromkeys(by))


def log(vkey, folder):
    size, root = checkpoint(vkey, open(os.path.join(folder, "checkpoint"), "rb").read())
    origin, hashes, last, absent, said = vkey.split("+")[0], [], "", [], []
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        tiles, at = tile(folder, "0", n, width), 0
        try:
            bundle = tile(folder, "entries", n, width)
        except FileNotFoundError:                                      # pruned? Its hashes have to be there
            hashes += [tiles[32 * i:32 * i + 32] for i in range(width)]
            absent.append((256 * n, 256 * n + width))
            continue
        for i in range(width):
            seq, end = 256 * n + i, at + 2 + int.from_bytes(bundle[at:at + 2], "big")
            leaf, at = bundle[at + 2:end], end
            hashes.append(leaf_hash(leaf))
            if hashes[-1] != tiles[32 * i:32 * i + 32]:
                raise ValueError("leaf %d is not what was hashed" % seq)
            fields = json.loads(leaf)
            if fields["seq"] != seq or fields["st"] < last:
                raise ValueError("leaf %d: its number or its time is wrong" % seq)
            last, said = fields["st"], said + prunes(origin, fields)
    if root_of(hashes) != root:
        raise ValueError("the leaves do not lead to the signed root")
    gone = []                                                          # [first, end, by whom], joined
    for first, end in absent:
        by = excuse(said, first, end)
        if gone and gone[-1][1:] == [first, by]:
            gone[-1][1] = end
        else:
            gone.append([first, end, by])
    return "%d leaves, the last of %s" % (size, last) + "".join(
        "\npruned: leaves %d to %d, by %s; their hashes are there" % (first, end - 1, by) for first, end, by in gone)


class Files(dict):                                                     # of an export: name -> contents
    def __missing__(self, name):
        raise FileNotFoundError("%s is not there" % name)


def files_of(path):
    if os.path.isdir(path):
        return Files((os.path.relpath(os.path.join(at, name), path), open(os.path.join(at, name), "rb").read())
                     for at, _, names in os.walk(path) for name in names)
    files, folders = Files(), set()
    with tarfile.open(path, "r:") as archive:
        for member in archive:
            folder, _, name = member.name.partition("/")
            folders.add(folder)
            if not member.isfile() or name in files or len(folders) > 1:
                raise ValueError("%s: not a file of the export, or there twice" % member.name)
            files[name] = archive.extractfile(member).read()
    return files


class Tiles:                                                           # those of an export, from the root down
    def __init__(self, files, size, root):
        self.files, self.size, self.known = files, size, {}
        edge, below = [], []
        for level in range(7, -1, -1):
            width = (size >> 8 * level) % 256
            edge += self.read(level, size >> 8 * level >> 8, width) if width else []
            below += [256 ** level] * width
        if root_of(edge, below) != root:
            raise ValueError("the tiles do not lead to the signed root")

    def read(self, level, n, width):
        name = "tile/%d/%s" % (level, tile_name(n)) + (".p/%d" % width if width < 256 else "")
        octets = self.files[name]
        if len(octets) != 32 * width:
            raise ValueError("%s: not %d hashes" % (name, width))
        return [octets[i:i + 32] for i in range(0, len(octets), 32)]

    def hashes(self, level, n):
        if (level, n) not in self.known:
            width = min(256, (self.size >> 8 * level) - 256 * n)
            found = self.read(level, n, width)
            if width == 256 and self.hashes(level + 1, n // 256)[n % 256] != root_of(found):
                raise ValueError("tile %d of level %d does not lead to the signed root" % (n, level))
            self.known[level, n] = found
        return self.known[level, n]


def asked_for(asked, fields):                                          # is the leaf one of those?
    ev = asked["ev"]
    return (asked["after"] is None or fields["seq"] > asked["after"]) \
        and (asked["from"] is None or fields["st"] >= asked["from"]) \
        and (asked["to"] is None or fields["st"] < asked["to"]) \
        and (ev is None or fields["ev"] == ev or (ev[-1] == "*" and fields["ev"].startswith(ev[:-1]))) \
        and asked["rc"] in (None, fields["rc"]) and asked["act"] in (None, fields.get("act"))


def spreadsheet(fields):                                               # its line of leaves.csv
    cells = [fields.get(k, "") for k in "seq st ev rc sev out t act sub c e cnt win".split()]
    cells = ["'" + c if isinstance(c, str) and c[:1] in ("=", "+", "-", "@") else c for c in cells]
    out = io.StringIO()
    csv.writer(out).writerow(cells + [json.dumps(fields["d"], separators=(",", ":")) if "d" in fields else ""])
    return out.getvalue().encode()


def export(vkey, files):
    manifest = json.loads(files["manifest.json"])
    size, root = checkpoint(vkey, files["checkpoint"])
    if (manifest["size"], base64.b64decode(manifest["root"])) != (size, root):
        raise ValueError("the manifest names another checkpoint")
    for file in manifest["files"]:
        if hashlib.sha256(files[file["name"]]).hexdigest() != file["sha256"]:
            raise ValueError("%s is not the file that the manifest names" % file["name"])
    if {file["name"] for file in manifest["files"]} != set(files) - {"manifest.json"}:
        raise ValueError("the manifest does not name every file once")
    tiles, asked = Tiles(files, size, root), manifest["asked"]
    complete = asked["ev"] is asked["rc"] is asked["act"] is None
    sheet = [b"seq,st,ev,rc,sev,out,t,act,sub,c,e,cnt,win,d\r\n"]
    seqs = []
    for leaf in files["leaves.ndjson"].split(b"\n")[:-1]:
        fields = json.loads(leaf)
        seq = fields["seq"]
        if leaf_hash(leaf) != tiles.hashes(0, seq // 256)[seq % 256]:
            raise ValueError("leaf %d is not what was hashed" % seq)
        if not asked_for(asked, fields) or (seqs and seq <= seqs[-1]):
            raise ValueError("leaf %d is not what was asked for" % seq)
        if complete and seqs and seq != seqs[-1] + 1:
            raise ValueError("the leaves from %d on are left out" % (seqs[-1] + 1))
        seqs.append(seq)
        sheet.append(spreadsheet(fields))
    if [manifest["count"], manifest["first"], manifest["last"]] != [len(seqs)] + [seqs[i] if seqs else None for i in (0, -1)]:
        raise ValueError("the manifest counts other leaves")
    if manifest["proves"] != ("complete" if complete else "inclusion"):
        raise ValueError("the manifest says that it proves something else")
    if complete and asked["from"] is None and seqs and seqs[0] != (asked["after"] if asked["after"] is not None else -1) + 1:
        raise ValueError("the leaves before %d are left out" % seqs[0])
    if complete and asked["to"] is None and (asked["limit"] is None or len(seqs) < asked["limit"]) and seqs and seqs[-1] != size - 1:
        raise ValueError("the leaves after %d are left out" % seqs[-1])
    if b"".join(sheet) != files["leaves.csv"]:
        raise ValueError("leaves.csv is not what the leaves say")
    if complete and seqs:
        return "complete: leaves %d to %d, and none of them is missing" % (seqs[0], seqs[-1])
    return "inclusion only: %d leaves are in the log; that none is missing is not proven" % len(seqs)


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
        path = sys.argv[2]
        if os.path.exists(os.path.join(path, "manifest.json")) or \
                (os.path.isfile(path) and tarfile.is_tarfile(path)):
            print("good:", export(sys.argv[1], files_of(path)))
        elif os.path.isdir(path):
            print("good:", log(sys.argv[1], path))
        else:
            print("good:", proof(sys.argv[1], open(sys.argv[2], "rb").read()))
    except OSError as missing:
        print("incomplete:", missing)
        sys.exit(2)
    except (ValueError, KeyError, IndexError, TypeError, tarfile.TarError) as wrong:
        print("tampered:", wrong)
        sys.exit(1)
