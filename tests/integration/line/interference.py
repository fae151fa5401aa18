#!/usr/bin/env python3
# interference.py ids SEED ONE OTHER   two sets of hardware ids, as files: other kinds, lengths and numbers of them, too
# interference.py same RUN RUN         runs with the same ids: nothing differs, or exit status 1
# interference.py other RUN RUN        runs with other ids: only what may differ does, and all of that, or exit status 1
# interference.py leaks RUN RUN        runs with other ids and a pseudonym that depends on them: that is found, or exit status 1
# interference.py planted RUN IDS      an id that stands in one file is found, whichever that is, or exit status 1
#
# A RUN is a folder (interference.sh): answers/, audit/ and log. What may differ, and hangs on the hardware ids:
#
#   sealed      the 272 octets of a sealed record that are the identity, encrypted: in a package for officers alone
#   commitment  `e` of a leaf that commits to a sealed record, or to a package with one
#   leaf, hash  of a leaf with such a commitment, of a tree or an export's file with such a leaf, and of the archive
#   signature   of a checkpoint over such a tree
#
# A commitment that begins with + has an apostrophe before it in the CSV, which counts in sizes: both are taken away.
#
# Each is looked for by its value, computed here from the leaves, and a name takes its place. What hangs on how fast the
# machine is, is left out: TIMING, `us` and the order of the log's lines, and which beginnings of a tile were published.
import base64, functools, hashlib, io, json, pathlib, random, re, sys, tarfile

COMMITS = re.compile(rb'"ev":"(?:enroll\.ok|disclosure\.export|disclosure\.close)".*"e":"([A-Za-z0-9+/]{43}=)"')
SEALED = slice(86, 358)  # of a sealed record, ESC1
HASHES = re.compile(rb"(?:(?<![A-Za-z0-9+/])|(?<=\\n))[A-Za-z0-9+/]{43}=|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
GUARD = re.compile(rb"(?<=,)'(?=[A-Za-z0-9+/]{43}=,)")
RECORD = re.compile(rb'(?<="record":")[A-Za-z0-9+/]+=*')
EXTRA = re.compile(rb"(?<=extra )[A-Za-z0-9+/]+=*")  # of a proof: the leaf
SIGNATURE = re.compile(rb"(?<=to )(\d+)(>(?:\n\n|\\n\\n)\xe2\x80\x94 [^ \n]* )([A-Za-z0-9+/]+=*)")
TIMING = re.compile(
    rb"process_|\w+_seconds_(?:sum|bucket)\b"  # how long, and what that cost
    # Whether signatures are kept with the next transaction or in one of their own: whichever comes first.
    rb'|moniker_ledger_batches_total\{result="committed"\}|moniker_ledger_(?:transaction|commit)_seconds_count'
    rb"|moniker_ledger_unkept_signatures|moniker_db_pool_connections|moniker_db_pool_wait_seconds_count"
    rb"|moniker_(?:status|log_checkpoint)_age_seconds|moniker_status_reloads_total"
    rb"|moniker_http_connections\{")


# ---- hardware ids

def luhn(digits):
    total = sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits)))
    return digits + [-total % 10]


class Ids:
    def __init__(self, seed):
        self.draw = random.Random(seed)

    def hex(self, octets):
        return "".join(f"{self.draw.randrange(1, 255):02x}" for _ in range(octets))

    def imei(self):
        return "".join(map(str, luhn([self.draw.randrange(10) for _ in range(14)])))

    def one(self, kind):
        sizes = {"mac48": 6, "eui64": 8, "tpm_ek": 32, "idevid": 32}
        value = self.imei() if kind == "imei" else self.hex(sizes.get(kind) or self.draw.randrange(4, 33))
        return {"type": kind, "value": value}


def make_ids(seed, out, kinds):
    """Of each device; and what is no id, in the same way each time."""
    ids = Ids(seed)
    made = {f"d{i + 1}": [ids.one(kind) for kind in kinds(ids.draw)] for i in range(13)}
    made["one-of-two"] = [ids.one("mac48"), made["d4"][-1]]
    made["malformed"] = [{"type": "mac48", "value": ids.hex(5) + ids.draw.choice("ghijklmnopqrstuvwxyz") + "0"}]
    imei = ids.imei()
    made["checksum"] = [{"type": "imei", "value": imei[:-1] + str((int(imei[-1]) + ids.draw.randrange(1, 10)) % 10)}]
    made["zeros"] = [{"type": "soc_uid", "value": "00" * ids.draw.randrange(4, 33)}]
    made["missing"] = []
    with open(out, "w") as file:
        json.dump(made, file)


def ids(seed, one, other):
    make_ids(seed + " one", one, lambda draw: ["mac48"])
    every = ["eui64", "imei", "soc_uid", "se_serial", "tpm_ek", "idevid"]
    make_ids(seed + " other", other, lambda draw: draw.sample(every, draw.randrange(1, 5)))


def blocks(size):
    return (size + 511) // 512 * 512  # as an archive has it


# ---- what a run has published, and who was told what

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Run:
    """parts: by name, all that a run has published, with names for what may differ. may_differ: what they stand for."""

    def __init__(self, folder):
        self.files = {}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_file() and (name.startswith(("audit/", "answers/")) or name == "log"):
                self.files[name] = path.read_bytes()
        self.may_differ, self.names = {}, {}
        self.read_log()
        self.name_tree()
        if "answers/export-result.body" in self.files:
            self.open_export()
        self.parts = {name: self.part(name, octets) for name, octets in self.files.items()}

    def name(self, octets, name):
        self.names[octets] = name
        self.may_differ[name] = octets

    # One tile, of which some beginnings were published on the way.
    def read_log(self):
        log = next(name.split("/")[1] for name in self.files if name.startswith("audit/"))
        size = int(self.files[f"audit/{log}/checkpoint"].split(b"\n")[1])
        assert size < 256, "one tile"
        for kind in ("entries", "0"):
            start = f"audit/{log}/tile/{kind}/000.p/"
            whole = self.files[f"{start}{size}"]
            for name in [n for n in self.files if n.startswith(start) and n != f"{start}{size}"]:
                assert whole.startswith(self.files.pop(name)), f"{name} is the beginning of the tile"
        entries, self.leaves = self.files[f"audit/{log}/tile/entries/000.p/{size}"], []
        while entries:
            end = 2 + int.from_bytes(entries[:2], "big")
            self.leaves.append(entries[2:end])
            entries = entries[end:]
        assert len(self.leaves) == size

    @functools.lru_cache(None)
    def subtree(self, first, end):
        """Its hash (RFC 9162), and whether a leaf that may differ is in it."""
        if end - first == 1:
            return sha256(b"\0", self.leaves[first]), COMMITS.search(self.leaves[first]) is not None
        middle = first + (1 << (end - first - 1).bit_length() - 1)
        (left, one), (right, other) = self.subtree(first, middle), self.subtree(middle, end)
        return sha256(b"\1", left, right), one or other

    def name_tree(self):
        for first, leaf in enumerate(self.leaves):
            commits = COMMITS.search(leaf)
            if commits:
                self.name(base64.b64decode(commits[1]), f"<commitment of {first}>")
                self.name(leaf, f"<leaf {first}>")
            for end in range(first + 1, len(self.leaves) + 1):
                found, differs = self.subtree(first, end)
                if differs:
                    self.name(found, f"<hash of {first} to {end}>")

    # An archive with a manifest that has the hashes of the other files.
    def open_export(self):
        archive = self.files.pop("answers/export-result.body")
        self.name(sha256(archive), "<hash of the archive>")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            sizes, members = {}, {member: tar.extractfile(member).read() for member in tar.getmembers()}
        for member, octets in members.items():
            size, plain = len(octets), GUARD.sub(b"", octets) if member.name.endswith(".csv") else octets
            if self.masked(member.name, octets) != octets:
                self.name(sha256(octets), f"<hash of {member.name}>")
            if plain != octets:
                sizes[f'"size": {size}'.encode()] = f'"size": {len(plain)}'.encode()
                sizes[str(len(archive)).encode()] = str(len(archive) - blocks(size) + blocks(len(plain))).encode()
            info = member.get_info()
            head = [len(plain)] + [info[key] for key in ("name", "mode", "uid", "gid", "mtime", "type", "uname", "gname")]
            self.files[f"export/{member.name}.head"] = repr(head).encode()
            self.files[f"export/{member.name}"] = plain
        for name in [name for name in self.files if name.endswith(("/manifest.json", "/export-done.body", "/export-result.head"))]:
            for told, plain in sizes.items():
                self.files[name] = self.files[name].replace(told, plain)

    # -- names in the place of octets

    def part(self, name, octets):
        lines = octets.splitlines(True)
        if name == "answers/metrics.body":
            octets = b"".join(line for line in lines if not TIMING.match(line))
        elif name == "answers/metrics.head":
            octets = b"".join(line for line in lines if not line.lower().startswith(b"content-length:"))
        elif name == "log":
            octets = b"".join(sorted(re.sub(rb" us=\d+", b"", line) for line in lines))
        elif name == "answers/package.body":
            octets = RECORD.sub(self.unsealed, octets)
        return self.masked(name, octets)

    def unsealed(self, match):
        record = base64.b64decode(match[0])
        name = f"<sealed {record[8:24].hex()}>"  # its id
        self.may_differ[name] = record[SEALED]
        return name.encode() + record[:SEALED.start] + record[SEALED.stop:]

    def masked(self, name, octets):
        if "/tile/0/" in name or name == "answers/tile.body":
            hashes = [octets[i:i + 32] for i in range(0, len(octets), 32)]
            return b"".join(self.names[h].encode() if h in self.names else h for h in hashes)
        octets = HASHES.sub(lambda m: self.known(m[0]), octets)
        octets = EXTRA.sub(lambda m: self.known(m[0]), octets)
        return SIGNATURE.sub(self.signature, octets)

    def known(self, text):
        octets = bytes.fromhex(text.decode()) if len(text) == 64 and b"=" not in text else base64.b64decode(text)
        return self.names[octets].encode() if octets in self.names else text

    def signature(self, match):
        name = f"<signature of {match[1].decode()}>"
        self.may_differ[name] = match[3]
        return match[1] + match[2] + name.encode()


# ---- two of them

def different(one, other):
    """Parts that differ, with the first place where; then what may differ, and does."""
    parts = []
    for name in sorted(one.parts.keys() | other.parts.keys()):
        a, b = one.parts.get(name, b""), other.parts.get(name, b"")
        if a != b or (name in one.parts) != (name in other.parts):
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            parts.append(f"{name}, octet {at}: {a[max(0, at - 60):at + 40]!r} and {b[max(0, at - 60):at + 40]!r}")
    if one.may_differ.keys() != other.may_differ.keys():
        parts.append(f"names: {sorted(one.may_differ.keys() ^ other.may_differ.keys())}")
    return parts, {name for name, octets in one.may_differ.items() if other.may_differ.get(name) != octets}


def same(one, other):
    parts, named = different(Run(one), Run(other))
    for line in parts + sorted(named):
        print(f"differs: {line}")
    return not parts and not named


def other(first, second):
    one, two = Run(first), Run(second)
    parts, named = different(one, two)
    for line in parts:
        print(f"interferes: {line}")
    for name in sorted(one.may_differ.keys() - named):
        print(f"does not differ, and is named: {name}")
    kinds = sorted({re.match(r"<(\w+)", name)[1] for name in named})
    print(f"{len(one.parts)} parts; of those named {len(named)} differ: {', '.join(kinds)}")
    return not parts and len(named) == len(one.may_differ) and kinds == ["commitment", "hash", "leaf", "sealed", "signature"]


def leaks(first, second):
    parts, _ = different(Run(first), Run(second))
    found = [line.split(",")[0] for line in parts]
    print(f"found in {len(found)} parts: {', '.join(found[:5])}, ...")
    return "answers/d1.body" in found and any(name.startswith("audit/") for name in found)


def planted(folder, ids_file):
    run, value = Run(folder), json.load(open(ids_file))["d1"][0]["value"].encode()
    missed = [name for name, octets in run.files.items() if run.part(name, octets + value) == run.parts[name]]
    print(f"{len(run.files)} files; missed in: {missed}")
    return not missed


if __name__ == "__main__":
    command = {"ids": ids, "same": same, "other": other, "leaks": leaks, "planted": planted}[sys.argv[1]]
    sys.exit(command(*sys.argv[2:]) is False)
