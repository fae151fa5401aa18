#!/usr/bin/env python3
# The devices of the linkage game. FOLDER has their keys and requests (csrs.c) and fleet.json, what they were given.
# linkage_fleet.py born FOLDER BATCH COUNT SEED: enrolls them, all at once.
# linkage_fleet.py take FOLDER EPOCH SEED crowd|queue|again: each takes a pseudonym. In an order drawn anew, several at a time
#   or one after another; or one after another in the order of the epoch before (a leak that is planted).
import concurrent.futures, http.client, json, os, random, ssl, sys, time, urllib.parse

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: the service's clock is ahead of ours
TRIES = 100
REASONS = ["keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn"]


def post(path, body, cert, key, kind="application/json"):
    """The answer; again while the service has no time for us."""
    context = ssl.create_default_context(cafile=os.environ["MONIKER_CACERT"])
    context.verify_flags |= NO_CHECK_TIME
    context.load_cert_chain(cert, key)
    url = urllib.parse.urlsplit(os.environ["MONIKER_URL"])
    for _ in range(TRIES):
        connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=60)
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        octets = answer.read()
        connection.close()
        if answer.status not in (429, 503):
            break
        time.sleep(0.2)
    if answer.status not in (200, 201):
        sys.exit(f"{path}: {answer.status} {octets.decode()}")
    return octets


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def born(folder, batch, count, seed):
    draw = random.Random(seed)
    macs = draw.sample(range(1 << 24), count)
    lines = [json.dumps({"batch": batch, "csr": read(f"{folder}/birth{i + 1}.csr"),
                         "hardware_ids": [{"type": "mac48", "value": f"02005e{mac:06x}"}]})
             for i, mac in enumerate(macs)]
    answers = post("/v1/enrollments", "\n".join(lines), os.environ["MONIKER_STATION_CERT"],
                   os.environ["MONIKER_STATION_KEY"], "application/x-ndjson").splitlines()
    births = [json.loads(line)["body"]["certificate"] for line in answers]
    for i, pem in enumerate(births):
        write(f"{folder}/birth{i + 1}.pem", pem)
    return {"order": [], "certificates": [births]}


def take(folder, epoch, seed, how, fleet):
    """By the birth certificate or by the last epoch's pseudonym, whichever each device likes."""
    draw = random.Random(f"{seed} {epoch}")
    order = list(range(len(fleet["certificates"][0])))
    draw.shuffle(order)
    if how == "again":
        order = fleet["order"]
    shown = {i: draw.choice(["birth", f"epoch{epoch - 1}-"] if epoch > 0 else ["birth"]) for i in order}

    def ask(i):
        own = f"{folder}/{shown[i]}{i + 1}"
        body = json.dumps({"csr": read(f"{folder}/epoch{epoch}-{i + 1}.csr")})
        pem = json.loads(post("/v1/pseudonyms", body, own + ".pem", own + ".key"))["certificate"]
        write(f"{folder}/epoch{epoch}-{i + 1}.pem", pem)
        return pem

    with concurrent.futures.ThreadPoolExecutor(4 if how == "crowd" else 1) as pool:
        got = dict(zip(order, pool.map(ask, order)))
    fleet["order"] = order
    fleet["certificates"].append([got[i] for i in range(len(order))])
    return fleet


def end(folder, count, seed, fleet):
    draw = random.Random(f"{seed} end")
    fleet["ended"] = draw.sample(range(len(fleet["certificates"][0])), count)
    for i in fleet["ended"]:
        der = ssl.PEM_cert_to_DER_cert(fleet["certificates"][0][i])
        # Two headers, version, the number's header: a serial number has 20 octets, and begins with 4 to 7.
        at = der.index(b"\xa0\x03\x02\x01\x02\x02\x14") + 7
        body = {"select": {"serial": der[at:at + 20].hex()}, "action": "revoke", "reason": draw.choice(REASONS)}
        post("/v1/revocations", json.dumps(body), os.environ["MONIKER_OFFICER_CERT"], os.environ["MONIKER_OFFICER_KEY"])
    return fleet


def main():
    command, folder = sys.argv[1:3]
    if command == "born":
        fleet = born(folder, sys.argv[3], int(sys.argv[4]), sys.argv[5])
    elif command == "end":
        fleet = end(folder, int(sys.argv[3]), sys.argv[4], json.loads(read(f"{folder}/fleet.json")))
    else:
        fleet = take(folder, int(sys.argv[3]), sys.argv[4], sys.argv[5], json.loads(read(f"{folder}/fleet.json")))
    write(f"{folder}/fleet.json", json.dumps(fleet))


main()
