#!/usr/bin/env python3
"""Reads Prometheus text (format 0.0.4) strictly.

exposition.py FILE               checks it; prints "name type" of each metric, sorted
exposition.py --values FILE      checks it; prints "value series" of each sample, spelled as in the text
Exit status 1 and a reason on standard error when the text is not as the format says."""
import re
import sys

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
SAMPLE = re.compile(r"([^{ ]+)(?:\{(.*)\})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\Z)')
NUMBER = re.compile(r"[-+]?(\d+(\.\d+)?(e[-+]?\d+)?|Inf|NaN)\Z")


def fail(number, why):
    sys.exit(f"line {number}: {why}")


def labels_of(text, number):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match:
            fail(number, f"labels {text!r}")
        if match[1] in labels:
            fail(number, f"label {match[1]} twice")
        labels[match[1]] = match[2]
        at = match.end()
    return labels


def family_of(name, families):
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and families.get(base) == "histogram":
            return base
    return name


def check_histogram(name, series):
    for key, parts in series.items():
        bounds = [float(le) for le, _ in parts["bucket"]]
        counts = [count for _, count in parts["bucket"]]
        where = f"histogram {name}{{{key}}}"
        if bounds != sorted(set(bounds)) or bounds[-1] != float("inf"):
            sys.exit(f"{where}: bounds {bounds}")
        if counts != sorted(counts) or counts[0] < 0:
            sys.exit(f"{where}: counts are not cumulative")
        if "sum" not in parts or parts.get("count") != counts[-1]:
            sys.exit(f"{where}: sum or count is missing, or count is not the last bucket")


def read(text):
    if not text.endswith("\n"):
        sys.exit("the last line has no end")
    families, helped, samples, histograms, current = {}, set(), {}, {}, None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            if current in helped or not NAME.match(current) or len(line.split(" ", 3)) < 4:
                fail(number, f"HELP of {current}: twice, no name or no text")
            helped.add(current)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != current or name in families or kind not in ("counter", "gauge", "histogram"):
                fail(number, f"TYPE of {name} is not where it belongs")
            if (kind == "counter") != name.endswith("_total"):
                fail(number, f"{name}: counters, and only they, end in _total")
            families[name] = kind
        else:
            match = SAMPLE.match(line)
            if not match or not NUMBER.match(match[3]):
                fail(number, f"no sample: {line!r}")
            name, labels, value = match[1], labels_of(match[2] or "", number), float(match[3])
            family = family_of(name, families)
            if family != current or family not in families:
                fail(number, f"{name} does not stand with its metric")
            if match[1] + "{" + (match[2] or "") in samples:
                fail(number, f"series twice: {line!r}")
            samples[match[1] + "{" + (match[2] or "")] = value
            if families[family] != "histogram":
                if families[family] == "counter" and value < 0:
                    fail(number, f"a counter is negative: {line!r}")
                continue
            le = labels.pop("le", None)
            parts = histograms.setdefault(family, {}).setdefault(str(sorted(labels.items())), {"bucket": []})
            if name.endswith("_bucket"):
                parts["bucket"].append((le, value))
            else:
                parts[name.removeprefix(family + "_")] = value
    for name, series in histograms.items():
        check_histogram(name, series)
    return families, samples


families, samples = read(open(sys.argv[-1], encoding="ascii").read())
if sys.argv[1] == "--values":
    for series, value in samples.items():
        print(f"{value:.9g} {series}}}" if not series.endswith("{") else f"{value:.9g} {series[:-1]}")
else:
    print("\n".join(f"{name} {kind}" for name, kind in sorted(families.items())))
