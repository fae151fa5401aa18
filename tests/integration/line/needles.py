#!/usr/bin/env python3
# needles.py make COUNT: as many random hardware ids, TYPE=VALUE a line, of all types.
# needles.py bodies BATCH PREFIX FILE [MEMBERS]: enrollments of the ids in FILE, one a line, with the requests PREFIX1.csr
#   and so on; MEMBERS, an object, is put in.
# needles.py der FILE: the PEM blocks in FILE, decoded.
# needles.py forms FILE: of the ids in FILE every form in which one could have leaked: hexadecimal, a tab, a name.
# needles.py octets FILE: all these forms, as they are.
import base64, hashlib, itertools, json, secrets, sys

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s")
TYPES = ("mac48", "eui64", "imei", "soc_uid", "se_serial", "tpm_ek", "idevid")
# Their six octets stand somewhere by luck in one of some thousand runs, if all are MAC addresses: so few are.
MADE = TYPES + TYPES[1:]
LENGTHS = {"mac48": 6, "eui64": 8, "soc_uid": 12, "se_serial": 9, "tpm_ek": 32, "idevid": 32}


def imei():
    digits = [secrets.randbelow(10) for _ in range(14)]
    total = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return "".join(map(str, digits)) + str(-total % 10)


def make(count):
    for _, kind in zip(range(count), itertools.cycle(MADE)):
        yield kind, imei() if kind == "imei" else secrets.token_bytes(LENGTHS[kind]).hex()


def grouped(text, size, separator):
    return separator.join(text[i:i + size] for i in range(0, len(text), size))


def texts(kind, octets):
    """As people and programs write it."""
    if kind == "imei":
        digits = octets.decode()
        yield "digits", digits
        yield "label", f"{digits[:2]}-{digits[2:8]}-{digits[8:14]}-{digits[14]}"
    text = octets.hex()
    for case in (str.lower, str.upper):
        yield "hex", case(text)
        for separator in ":-. _":
            yield "hex" + separator, grouped(case(text), 2, separator)
        for separator in ":-. ":
            yield "hex4" + separator, grouped(case(text), 4, separator)
        yield "escaped", "".join("\\x" + case(f"{octet:02x}") for octet in octets)
        yield "percent", "".join("%" + case(f"{octet:02x}") for octet in octets)
        yield "percent:", grouped(case(text), 2, case("%3a"))
    yield "decimal", str(int.from_bytes(octets, "big"))
    yield "decimal, little endian", str(int.from_bytes(octets, "little"))
    yield "octets in decimal", ",".join(map(str, octets))


def base64_at(octets, offset, alphabet):
    """The characters that are the same whatever stands around it."""
    text = base64.b64encode(bytes(offset) + octets, alphabet).decode().rstrip("=")
    text = text[-(-offset * 8 // 6):]
    return text if (len(octets) + offset) % 3 == 0 else text[:-1]


def encoded(octets):
    for offset in range(3):
        for alphabet in (b"+/", b"-_"):
            yield f"base64 at {offset}", base64_at(octets, offset, alphabet).encode()
    base32 = base64.b32encode(octets).decode().rstrip("=")
    base32 = base32 if len(octets) % 5 == 0 else base32[:-1]
    yield "base32", base32.encode()
    yield "base32", base32.lower().encode()


def digests(octets):
    for name in HASHES:
        digest = hashlib.new(name, octets).digest()
        yield name, digest
        yield name + " in hex", digest.hex().encode()
        yield name + " in HEX", digest.hex().upper().encode()
        yield name + " in base64", base64.b64encode(digest).rstrip(b"=")
    digest = hashlib.blake2b(octets, digest_size=32).digest()
    yield "blake2b-256", digest
    yield "blake2b-256 in hex", digest.hex().encode()


def forms(kind, value):
    octets = value.encode() if kind == "imei" else bytes.fromhex(value)
    message = b"MONIKER-HWID\x01" + bytes([TYPES.index(kind) + 1]) + len(octets).to_bytes(2, "big") + octets
    yield "raw", octets
    yield "reversed", octets[::-1]
    yield from encoded(octets)
    written = list(texts(kind, octets))
    for name, text in written:
        yield name, text.encode()
        yield name + " reversed", text[::-1].encode()
        yield name + " in UTF-16", text.encode("utf-16-le")
        yield name + " in UTF-16", text.encode("utf-16-be")
    for name, text in written[:4]:
        for how, form in encoded(text.encode()):
            yield f"{name}, {how}", form
    for name, base in [("raw", octets), ("reversed", octets[::-1]), ("message", message)] + [(n, t.encode()) for n, t in written]:
        for how, digest in digests(base):
            yield f"{how} of {name}", digest


def bodies(batch, prefix, path, members):
    for i, line in enumerate(open(path), 1):
        kind, value = line.strip().split("=")
        yield {"batch": batch, "csr": open(f"{prefix}{i}.csr").read(),
               "hardware_ids": [{"type": kind, "value": value}]} | members


def main():
    if sys.argv[1] == "make":
        for kind, value in make(int(sys.argv[2])):
            print(f"{kind}={value}")
        return
    if sys.argv[1] == "der":
        for block in open(sys.argv[2]).read().split("-----BEGIN CERTIFICATE-----")[1:]:
            sys.stdout.buffer.write(base64.b64decode(block.split("-----")[0]))
        return
    if sys.argv[1] == "bodies":
        for body in bodies(*sys.argv[2:5], json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}):
            print(json.dumps(body))
        return
    for line in open(sys.argv[2]):
        kind, value = line.strip().split("=")
        once = {octets: name for name, octets in forms(kind, value)}
        for i, (octets, name) in enumerate(once.items()):
            if sys.argv[1] == "octets":
                sys.stdout.buffer.write(octets + b"\n")
            else:
                print(octets.hex(), f"{kind}: {name} #{i}", sep="\t")


main()
