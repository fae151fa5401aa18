#!/usr/bin/env python3
# linkage.py FLEET LEAVES TABLES WAL PUBLIC game|again|joined|valued|ended|unshuffled: who links certificates of one device?
#
# FLEET    the truth (linkage_fleet.py): what each device got at its birth and in each epoch
# LEAVES   of the log, a line each     TABLES   every row of every table, with xmin and ctid
# WAL      pg_waldump's lines
# PUBLIC   a folder with what says which certificates are revoked: feed, pages of the change feed, and *.crl
#
# The adversary has all of it but the truth. Everything that stands somewhere about a certificate is one of its features.
# Two games, over neighboring epochs, and over birth and each epoch:
#
#   pairs     Two devices, a certificate of each, and of each another one of the other epoch: which belong together? By each
#             feature alone (nearer in rank, or more that is rare and shared), and by a classifier that learns from half of
#             the trials how much each is worth. By chance hits are binomial, with 1/2: exact, because the devices of an
#             epoch come in an order of their own, so that each trial is as likely the other way round.
#   matching  All of an epoch's in the order of a feature, against another's. By chance the hits are the fixed points of a
#             random permutation: k or more with a probability of at most 1/k!.
#
# A tie is decided by a coin. With m ways tried, one of them has to be less likely than FALSE_ALARM / m to count as a link.
#
# game     the published epochs: nobody does better than chance, or exit status 1
# again    the second epoch came in the order of the first, a leak that is planted: it is found, or exit status 1
# joined   some devices have written to rows of birth and epoch 0 in one transaction: that is found, or exit status 1
# valued   a column is planted that tells two bits of the device: that is found, or exit status 1
# ended    the devices that ended in one tick, and the two epochs whose certificates that revoked: as game
# unshuffled  the same, in a feed that has them device by device, a leak that is planted: it is found, or exit status 1
import base64, collections, json, math, pathlib, random, re, sys

FALSE_ALARM = 1e-6


# ---- what stands in certificates, leaves, tables and write-ahead log

def der(octets, path="certificate"):
    """Every primitive of it: (path, value)."""
    at, place = 0, 0
    while at < len(octets):
        tag, size, at = octets[at], octets[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(octets[at:at + count], "big"), at + count
        name, value, at = f"{path}.{place}", octets[at:at + size], at + size
        # A constructed one, a signature's two numbers, and what an extension holds.
        inner = value[1:] if tag == 0x03 and value[1:2] == b"\x30" else value
        if tag & 0x20 or inner is not value:
            yield from der(inner, name)
        else:
            yield name, int.from_bytes(value, "big")
            yield name + ".length", len(value)
        place += 1


def number(value):
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, (int, float)):
        return value
    return int.from_bytes(str(value).encode(), "big")


def flat(value, name):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from flat(inner, f"{name}.{i}")
    else:
        yield name, value


def read_rows(path):
    """A list of them: (table, xmin, ctid as a number, columns)."""
    for line in open(path):
        row = json.loads(line)
        block, place = map(int, row["ctid"].strip("()").split(","))
        table = re.sub(r"_m\d+$", "", row["table"])
        yield table, int(row["xmin"]), block << 16 | place, row["row"]


def read_wal(path):
    """Of each transaction: its first place, its last, its records, its octets."""
    found = {}
    for line in open(path):
        match = re.search(r"len \(rec/tot\): *\d+/ *(\d+), tx: *(\d+), lsn: ([0-9A-F]+)/([0-9A-F]+)", line)
        if not match or match[2] == "0":
            continue
        lsn = int(match[3], 16) << 32 | int(match[4], 16)
        first, _, count, size = found.get(int(match[2]), (lsn, 0, 0, 0))
        found[int(match[2])] = first, lsn, count + 1, size + int(match[1])
    return found


def read_feed(path):
    """Of each serial number: its last line, and where."""
    found = {}
    for place, line in enumerate(open(path)):
        words = line.split()
        if len(words) == 5 and re.fullmatch("[0-9a-f]{16}", words[0]) and len(words[1]) == 40:
            found[words[1]] = {"feed.place": place, "feed.state": number(words[2]), "feed.at": int(words[3]), "feed.reason": int(words[4])}
    return found


def read_crls(folder):
    """Of each serial number: what its entry says, and where."""
    entries = collections.defaultdict(lambda: collections.defaultdict(dict))
    for path in sorted(pathlib.Path(folder).glob("*.crl")):
        for name, value in der(path.read_bytes(), "crl"):
            match = re.fullmatch(r"crl\.0\.0\.5\.(\d+)\.(.*)", name)
            if match:
                entries[path][int(match[1])]["crl." + match[2]] = value
    return {f"{entry['crl.0']:040x}": entry | {"crl.place": place}
            for crl in entries.values() for place, entry in crl.items() if "crl.0" in entry}


class World:
    def __init__(self, leaves, tables, wal, public):
        self.feed, self.crls = read_feed(f"{public}/feed"), read_crls(public)
        self.leaves = {}
        before = None
        for place, line in enumerate(open(leaves)):
            leaf = json.loads(line)
            if str(leaf.get("sub", "")).startswith("h:"):
                self.leaves.setdefault(leaf["sub"], []).append((place, leaf, before))
            before = leaf
        self.wal = read_wal(wal)
        self.rows = list(read_rows(tables))
        self.by_text, self.by_device = collections.defaultdict(set), collections.defaultdict(set)
        for i, (table, _, _, columns) in enumerate(self.rows):
            for _, value in flat(columns, ""):
                if isinstance(value, str):
                    self.by_text[value].add(i)
            device = columns.get("id") if table == "device" else columns.get("device")
            if isinstance(device, int):
                self.by_device[device].add(i)

    def rows_of(self, serial):
        found = set(self.by_text["\\x" + serial])
        for i in list(found):
            device = self.rows[i][3].get("device")
            found |= self.by_device[device] if isinstance(device, int) else set()
        return [self.rows[i] for i in sorted(found)]


class Card:
    """A certificate, and all that stands about it: features by name, and texts that may stand elsewhere, too."""

    def __init__(self, pem, world, published):
        octets = base64.b64decode(pem.split("-----")[2])
        self.features, self.texts = dict(der(octets)), set()
        self.features["certificate.octets"] = len(octets)
        serial = next(f"{v:040x}" for n, v in self.features.items() if n == "certificate.0.0.1")
        self.features |= world.feed.get(serial, {}) | world.crls.get(serial, {})
        rows = world.rows_of(serial)
        if not rows:
            sys.exit(f"no row has the serial number {serial}")
        for table, xmin, ctid, columns in rows:
            handle = columns.get("handle")
            for place, leaf, before in world.leaves.get(f"h:{handle}", []):
                self.add_leaf(place, leaf, before)
            if not published:
                self.add_row(world, table, xmin, ctid, columns)
        if published:
            self.texts = set()

    def add_leaf(self, place, leaf, before):
        self.features["leaf.place"] = place
        for name, value in flat(leaf, "leaf"):
            self.features[name] = number(value)
            if name.endswith((".st", ".at")) and before:
                self.features[name + ".since"] = self.features[name] - number(before.get(name[5:]))

    def add_row(self, world, table, xmin, ctid, columns):
        name = table.replace("pseudonym_certificate", "certificate")
        self.features |= {f"{name}.xmin": xmin, f"{name}.ctid": ctid}
        self.texts.add(("xmin", xmin))
        for what, value in zip(("first", "last", "records", "octets"), world.wal.get(xmin, ())):
            self.features[f"wal.{name}.{what}"] = value
        for column, value in flat(columns, name):
            self.features[column] = number(value)
            if isinstance(value, str) and len(value) >= 8:
                self.texts.add(value)


# ---- the games

def ranks(values):
    """Of each its place among them; of those that are equal the middle of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out, at = [0.0] * len(values), 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for i in order[at:end]:
            out[i] = (at + end - 1) / 2
        at = end
    return out


class Game:
    """Hops: (epoch, epoch) whose certificates are to be linked. Each epoch: a list, by device."""

    def __init__(self, name, hops, epochs, seed):
        self.name, self.hops, self.epochs = name, hops, epochs
        self.draw = random.Random(f"{seed} {name}")
        self.found = []  # (probability by chance, what)
        self.features = sorted(set.intersection(*(set(card.features) for hop in hops for e in hop for card in epochs[e])))
        used = {e for hop in hops for e in hop}
        self.ranks = {(e, f): ranks([card.features[f] for card in epochs[e]]) for e in used for f in self.features}
        self.features = [f for f in self.features if any(len(set(self.ranks[e, f])) > 1 for e in used)]
        self.rare = collections.Counter(t for e in used for card in epochs[e] for t in card.texts)

    def shared(self, one, other):
        return sum(1 / self.rare[text] for text in one.texts & other.texts)

    def judge(self, hop, a, b):
        """Of each feature: 1 is for a with a, b with b; -1 for the other way round; 0 says nothing."""
        left, right = hop
        for f in self.features:
            l, r = self.ranks[left, f], self.ranks[right, f]
            straight, crossed = abs(l[a] - r[a]) + abs(l[b] - r[b]), abs(l[a] - r[b]) + abs(l[b] - r[a])
            yield (crossed > straight) - (crossed < straight)
        l, r = self.epochs[left], self.epochs[right]
        straight, crossed = self.shared(l[a], r[a]) + self.shared(l[b], r[b]), self.shared(l[a], r[b]) + self.shared(l[b], r[a])
        yield (straight > crossed) - (straight < crossed)

    def hits(self, votes):
        return sum(vote > 0 or (vote == 0 and self.draw.random() < 0.5) for vote in votes)

    def note(self, what, hits, trials):
        tail = sum(math.comb(trials, k) for k in range(hits, trials + 1)) / 2 ** trials
        self.found.append((tail, f"pairs by {what}: {hits} of {trials}"))

    def play_pairs(self):
        trials = []
        for hop in self.hops:
            devices = list(range(len(self.epochs[0])))
            self.draw.shuffle(devices)
            trials += [list(self.judge(hop, a, b)) for a, b in zip(devices[::2], devices[1::2])]
        names = self.features + ["what is shared"]
        for place, name in enumerate(names):
            self.note(name, self.hits(trial[place] for trial in trials), len(trials))
        self.draw.shuffle(trials)
        lessons, exam = trials[::2], trials[1::2]
        worth = []
        for place in range(len(names)):
            votes = [trial[place] for trial in lessons if trial[place] != 0]
            right = sum(vote > 0 for vote in votes)
            worth.append(math.log((right + 1) / (len(votes) - right + 1)))
        self.note("the classifier", self.hits(sum(w * v for w, v in zip(worth, trial)) for trial in exam), len(exam))

    def play_matching(self):
        for left, right in self.hops:
            count = len(self.epochs[left])
            orders = {f: [sorted(range(count), key=lambda i, e=e, f=f, coin=self.coins(count): (self.ranks[e, f][i], coin[i]))
                          for e in (left, right)] for f in self.features}
            for f, (one, other) in orders.items():
                self.note_matching(f, left, right, sum(a == b for a, b in zip(one, other)))
            self.note_matching("what is shared", left, right, self.match_shared(left, right))

    def coins(self, count):
        return [self.draw.random() for _ in range(count)]

    def note_matching(self, what, left, right, hits):
        self.found.append((1 / math.factorial(hits), f"matching {left} and {right} by {what}: {hits}"))

    def match_shared(self, left, right):
        """The strongest first; who is left over is matched by lot."""
        l, r = self.epochs[left], self.epochs[right]
        places = collections.defaultdict(list)
        for j, card in enumerate(r):
            for text in card.texts:
                places[text].append(j)
        near = {(i, j) for i, card in enumerate(l) for text in card.texts for j in places.get(text, [])
                if self.rare[text] < len(l)}
        coin = {pair: self.draw.random() for pair in sorted(near)}
        chosen, taken = {}, set()
        for i, j in sorted(near, key=lambda pair: (-self.shared(l[pair[0]], r[pair[1]]), coin[pair])):
            if i not in chosen and j not in taken:
                chosen[i] = j
                taken.add(j)
        rest = [j for j in range(len(r)) if j not in taken]
        self.draw.shuffle(rest)
        for i in range(len(l)):
            if i not in chosen:
                chosen[i] = rest.pop()
        return sum(i == j for i, j in chosen.items())


def main():
    fleet_file, leaves, tables, wal, public, what = sys.argv[1:7]
    world = World(leaves, tables, wal, public)
    fleet = json.load(open(fleet_file))
    pems = fleet["certificates"]
    last = len(pems) - 1  # 0 is the birth; the second epoch came in the order of the first
    if what in ("ended", "unshuffled"):
        pems = [[epoch[device] for device in fleet["ended"]] for epoch in pems]
    found = []
    for view in ("published", "everything"):
        epochs = [[Card(pem, world, view == "published") for pem in epoch] for epoch in pems]
        if what == "valued":
            for epoch in epochs:
                for device, card in enumerate(epoch):
                    card.features["planted"] = device * 2654435761 >> 8 & 3
        if what == "unshuffled":
            for epoch in epochs:
                for device, card in enumerate(epoch):
                    card.features["feed.place"] = device
        chain = [(e, e + 1) for e in range(2, last)]
        hops = {"game": {"epochs": chain, "birth": [(0, e) for e in range(2, last + 1)]}, "again": {"again": [(1, 2)]},
                "joined": {"joined": [(0, 1)]}, "valued": {"valued": chain},
                "ended": {"ended": [(last - 1, last)]}, "unshuffled": {"unshuffled": [(last - 1, last)]}}[what]
        for name, pairs in hops.items():
            game = Game(f"{view}, {name}", pairs, epochs, "linkage")
            if what == "ended" and not {"feed.place", "crl.place", "leaf.place"} <= set(game.features):
                sys.exit("no feature tells of the revocations")
            game.play_pairs()
            game.play_matching()
            best = min(game.found)
            print(f"{game.name}: {len(game.features)} features, {len(game.found)} ways; the best: {best[1]} (by chance {best[0]:.2g})")
            found += game.found
    bound = FALSE_ALARM / len(found)
    links = sorted(way for way in found if way[0] < bound)
    for chance, way in links[:20]:
        print(f"links: {way} (by chance {chance:.2g}, the bound is {bound:.2g})")
    sys.exit((len(links) > 0) == (what in ("game", "ended")))


main()
