# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify a journal of breakglass.remediation without any of its code, from docs/reference/journal-format.md alone.

python verify_journal.py DIRECTORY --key FILE [--anchors FILE]

Exit codes: 0 intact, 1 could not be checked, 2 changed, 3 wrong use. Needs Python 3.9 and `cryptography`. Only reads.
"""

# ruff: noqa: ANN001, ANN201, ANN202, ANN204, D102, D103, PLR2004, PTH110, PTH118, PTH123, T201, TRY300, TRY301
from __future__ import annotations

import argparse
import base64
import datetime as dt
import decimal
import json
import os
import re
import stat
import sys
from collections import defaultdict
from functools import reduce
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_LINE, MAX_NOTE, MAX_INTEGER, MAX_DEPTH = 4 * 1024 * 1024, 64 * 1024, 2**53 - 1, 32
LEDGER, FIELDS = "ledger.jsonl", {"at", "body", "id", "kind", "origin", "previous", "seq"}
UNCHECKED = {"TORN", "UNKNOWN KEY", "UNSIGNED", "NO KEYS", "UNANCHORED", "UNREADABLE"}
AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}(?:\.[a-z0-9_-]{1,64}){0,7}")
CHECKPOINT_FILE = re.compile(r"(.+)\.(0|[1-9][0-9]{0,17})\.checkpoint", re.DOTALL)
CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/=]+)\n")
SIGNATURE = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/=]+)")


def canonical(value, depth=MAX_DEPTH):  # RFC 8785
    if value is None or isinstance(value, (str, bool)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float)):  # its section 3.2.2.3
        if not abs(value) <= MAX_INTEGER:
            raise ValueError("not a number that every reader keeps exact")
        digits, _, exponent = repr(value).partition("e-")
        text = f"{digits}e-{int(exponent or 0)}" if abs(value) < 1e-6 else format(decimal.Decimal(repr(value)), "f")
        return str(int(value)) if value == int(value) else text
    if not depth:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return f"[{','.join(canonical(item, depth - 1) for item in value)}]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{canonical(name)}:{canonical(value[name], depth - 1)}" for name in names) + "}"


def parse(line, origin=None):
    """Return the record that a line is; None when it is none (of this origin), or not in canonical form."""
    try:
        record = json.loads(line.decode())
        good = len(line) <= MAX_LINE and record.keys() == FIELDS and isinstance(record["body"], dict)
        good = good and dt.datetime.fromisoformat(record["at"][:-1])
        good = good and type(record["seq"]) is int and record["seq"] > 0
        good = good and all(0 < len(record[name]) <= 500 and record[name].isprintable() for name in ("id", "origin"))
        good = good and " " not in record["origin"] and AT.fullmatch(record["at"]) and KIND.fullmatch(record["kind"])
        good = good and re.fullmatch("[0-9a-f]{64}", record["previous"]) and origin in (None, record["origin"])
        return record if good and canonical(record).encode() == line else None
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None


def base64_bytes(text):
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not the base64 that an encoder writes")
    return raw


def read_keys(path):
    """Return {(name, key id): Ed25519 key} of a file of C2SP verifier keys."""
    keys = {}
    for line in Path(path).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, key_id, encoded = line.strip().split("+", 2)
            raw = base64_bytes(encoded)
            if raw[:1] != b"\x01" or sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != key_id:
                raise ValueError("a verifier key is damaged, or of another type")
            keys[name, bytes.fromhex(key_id)] = Ed25519PublicKey.from_public_bytes(raw[1:])
    return keys


def open_note(note, keys):
    """Return (origin, size, root) of a C2SP checkpoint; KeyError when no known key signed it, ValueError if broken."""
    text, separator, rest = note.rpartition("\n\n")
    *lines, last = rest.split("\n")
    found = [(match[1], base64_bytes(match[2])) for match in map(SIGNATURE.fullmatch, lines) if match]
    is_note = separator and not last and 0 < len(lines) <= 16 and not re.search("[\0-\t\x0b-\x1f\ud800-\udfff]", note)
    if not is_note or len(found) < len(lines) or any(len(raw) <= 4 for _, raw in found):
        raise ValueError("not a signed note")
    try:
        known = [(keys[name, raw[:4]], raw[4:]) for name, raw in found if (name, raw[:4]) in keys]
        any(key.verify(signature, f"{text}\n".encode()) for key, signature in known)
    except InvalidSignature:
        raise ValueError("text or signature was changed") from None
    if not known:
        raise KeyError("not signed by a known key")
    match = CHECKPOINT.fullmatch(f"{text}\n")
    if not match or len(base64_bytes(match[3])) != 32:
        raise ValueError("not a checkpoint")
    return match[1], int(match[2]), base64_bytes(match[3])


def read(path, limit=-1):
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(22, "not a plain file")
        return file.read(limit)


def roots(lines, sizes):
    """Return {size: root over so many lines}; RFC 6962, section 2.1."""
    edge, found = [], {0: sha256(b"").digest()}
    for size, line in enumerate(lines, 1):
        node, rest = sha256(b"\0" + line).digest(), size - 1
        while rest & 1:
            node, rest = sha256(b"\1" + edge.pop() + node).digest(), rest >> 1
        edge.append(node)
        if size in sizes:
            found[size] = reduce(lambda right, left: sha256(b"\1" + left + right).digest(), edge[::-1])
    return found


def first_fault(lines, origin, claims, newest):
    """Return (kind, record, text) of the first record that is not what its place asks for, or None."""
    previous = "0" * 64
    for at, line in enumerate(lines, 1):
        record, digest = parse(line, origin), sha256(line).hexdigest()
        if record is None:
            return "EDITED", at, "it is no record of this stream"
        fits = record["previous"] == previous
        if record["seq"] == at and not fits:  # the next line tells whose fault that is; of the last line, a root does
            following = parse(lines[at], origin) if at < len(lines) else None
            if following and (following["seq"], following["previous"]) == (at, previous):
                return "INSERTED", at, f"lines {at} and {at + 1} both claim number {at}"
            is_before = following is None or following["previous"] == digest
            if at == len(lines):
                mended = [*lines[:-1], line.replace(record["previous"].encode(), previous.encode())]
                is_before = newest < at - 1 and roots(mended, {at})[at] not in [claim[2] for claim in claims]
            return "EDITED", at - (is_before and at > 1), f"record {at} names another line as the one before it"
        if record["seq"] < at and not fits:
            return "DUPLICATED" if digest == previous else "INSERTED", record["seq"], f"it stands in line {at}"
        if record["seq"] != at:
            return "EDITED" if fits else "MISSING", at, f"line {at} is record {record['seq']}"
        previous = digest
    return None


def compare(lines, torn, origin, claims, sealed):
    """Return the size of each claim that holds, and what is wrong, the first one first."""
    there, found = roots(lines, {claim[0] for claim in claims}), []
    good = [claim for claim in claims if there.get(claim[0]) == claim[2]]
    newest = max((claim[0] for claim in good), default=-1)
    if fault := first_fault(lines, origin, claims, newest):
        return good, [fault]
    for size, who, _ in [claim for claim in claims if claim[0] <= len(lines) and claim not in good][:1]:
        first = min(max((claim[0] for claim in good if claim[0] < size), default=0) + 1, size) or None
        fault = ("FORKED", None) if who != "seal" and newest >= size else ("REWRITTEN", first)
        found.append((*fault, f"the {who} at {size} has another root"))
    longer = [(size, who) for size, who, _ in claims if size > len(lines)]
    if longer:
        kind = "ROLLED BACK" if all(who == "anchor" for _, who in longer) else "TRUNCATED"
        found.append((kind, len(lines) + 1, f"the {longer[-1][1]} counts {longer[-1][0]} records"))
    if sealed is not None and (len(lines) > sealed or (torn and len(lines) == sealed)):
        found.append(("EXTENDED", sealed + 1, f"the ledger sealed the stream with {sealed} records"))
    elif torn and len(lines) >= max((size for size, _, _ in claims), default=0):
        found.append(("TORN", len(lines) + 1, "the last line has no end; it was never acknowledged"))
    return good, found


class Journal:
    """A directory, its ledger, and what was found: (stream or "", kind, record or None, text)."""

    def __init__(self, directory, keys, anchors):
        self.directory, self.keys, self.anchors, self.found = directory, keys, anchors, []
        self.entries = defaultdict(lambda: {"origin": None, "seals": [], "sizes": set(), "state": "unnamed"})
        self.records, self.signed, self.anchored, self.unanchored = 0, {}, 0, 0

    def verify(self):
        sizes, streams, refused = {}, [], []
        for parent, _, files in os.walk(self.directory, onerror=refused.append):
            for name in (os.path.relpath(os.path.join(parent, name), self.directory) for name in files):
                if name.endswith(".checkpoint"):
                    match = CHECKPOINT_FILE.fullmatch(name) or (name, name, 0)
                    sizes.setdefault(f"{match[1]}.jsonl", []).append(int(match[2]))
                streams += [name] if name.endswith(".jsonl") else []
        for name in sorted(streams, key=lambda name: (name != LEDGER, name)):
            self.stream(name, self.entries[name], sorted(sizes.pop(name, ())))
        self.found += [("", "UNREADABLE", None, str(error)) for error in refused]
        self.found += [("", "STRAY CHECKPOINT", None, f"{name} is not there, its checkpoints are") for name in sizes]
        for name, entry in self.entries.items():
            if entry["state"] in ("announced", "sealed") and not os.path.exists(os.path.join(self.directory, name)):
                self.found.append(("", "MISSING STREAM", None, f"the ledger names {name}, which is gone"))
        if LEDGER not in streams:
            self.found.append(("", "MISSING LEDGER" if streams else "UNREADABLE", None, f"{LEDGER} is not there"))
        elif self.keys and not self.signed[LEDGER]:
            self.found.append(("", "UNSIGNED", None, f"no signed checkpoint vouches for {LEDGER}"))
        self.found += [] if self.keys else [("", "NO KEYS", None, "signatures were not checked")]
        if self.unanchored and not self.anchored:
            self.found.append(("", "UNANCHORED", None, "no checkpoint of this journal has an anchor"))

    def stream(self, name, entry, sizes):
        path, lines, torn, notes, claims, found = os.path.join(self.directory, name), [], b"", [], [], []
        try:
            *lines, torn = read(path).split(b"\n")
            notes = [(size, read(f"{path[:-6]}.{size}.checkpoint", MAX_NOTE)) for size in sizes]
        except OSError as error:
            found.append(("UNREADABLE", None, str(error)))
        gone = [size for size in sorted(entry["sizes"]) if not os.path.lexists(f"{path[:-6]}.{size}.checkpoint")]
        found += [("MISSING CHECKPOINT", None, f"the checkpoint at {size} is gone") for size in gone]
        if name == LEDGER:
            any(map(self.take, map(parse, lines)))
        elif entry["state"] in ("unnamed", "absent"):
            found.append(("UNNAMED STREAM", None, "the ledger does not name it, or says that it never came to be"))
        origin = self.evidence(entry["origin"], notes, lines, claims, found)
        claims = sorted(claims + [(size, "seal", root) for size, root in entry["seals"]], key=lambda claim: claim[0])
        sealed = entry["seals"][-1][0] if entry["state"] in ("sealed", "archived") else None
        good, faults = compare(lines, torn, origin, claims, sealed)
        self.found += [(name, *finding) for finding in [*faults, *found]]
        self.records += len(lines)
        self.signed[name] = sum(who == "checkpoint" for _, who, _ in good)

    def evidence(self, origin, notes, lines, claims, found):
        """Gather what checkpoints and anchor claim of a stream, as (size, who, root); return the stream's name."""

        def claim(who, size, note):
            try:
                named, counted, root = open_note(note, self.keys)
                if counted != size or origin not in (None, named):
                    raise ValueError(f"it is of {named} at {counted}")
                claims.append((size, who, root))
                return named
            except KeyError:
                found.extend([("UNKNOWN KEY", None, f"the {who} at {size} proves nothing")] if self.keys else [])
            except ValueError as error:
                found.append(("BROKEN CHECKPOINT", None, f"the {who} at {size}: {error}"))
            return origin

        for size, note in notes:
            origin = claim("checkpoint", size, note.decode(errors="surrogateescape"))
        origin = origin or ((lines and parse(lines[0])) or {}).get("origin")
        newest = max(claims, default=(None,))[0]
        if self.anchors is not None and origin in self.anchors:
            claim("anchor", self.anchors[origin]["size"], self.anchors[origin]["note"])
            self.anchored += newest is not None and self.anchors[origin]["size"] <= newest
        elif self.anchors is not None:
            self.unanchored += newest is not None
        return origin

    def take(self, record):
        """Take a record of the ledger; one that is not as it should be says nothing."""
        kind, body = (record["kind"], record["body"]) if record else ("", {})
        name, origin, size, root, sizes = map(body.get, ("stream", "origin", "size", "root", "checkpoints"))
        if not isinstance(name, str) or name == LEDGER:
            return
        numbers, entry = [size, *sizes] if isinstance(sizes, list) else [None], self.entries[name]
        is_seal = all(type(one) is int and one >= 0 for one in numbers) and re.fullmatch("[0-9a-f]{64}", str(root))
        if kind == "stream.announced" and isinstance(origin, str) and origin:
            entry.update(state="announced", origin=entry["origin"] or origin)
        elif kind == "stream.sealed" and is_seal:
            entry.update(state="sealed", sizes=set(sizes), seals=[*entry["seals"], (size, bytes.fromhex(root))])
        elif kind == "stream.absent" and not entry["seals"]:
            entry["state"] = "absent"
        elif kind == "stream.archived" and entry["state"] == "sealed":
            entry["state"] = "archived"


def main():
    parser = argparse.ArgumentParser(description="Verify a journal of breakglass.remediation.")
    parser.add_argument("directory")
    parser.add_argument("--key", required=True, help="file of public keys, one C2SP verifier key a line")
    parser.add_argument("--anchors", help="file written by: breakglass audit verify --save-anchors FILE")
    parser.error = lambda message: sys.exit(print(f"verify_journal: {message}", file=sys.stderr) or 3)
    given = parser.parse_args()
    try:
        anchors = json.loads(Path(given.anchors).read_text("utf-8")) if given.anchors else None
        journal = Journal(given.directory, read_keys(given.key), anchors)
    except (OSError, ValueError) as error:
        return print(f"verify_journal: {error}", file=sys.stderr) or 1
    journal.verify()
    bad = [finding for finding in journal.found if finding[1] not in UNCHECKED]
    verdict = "FAILED" if bad else "UNCHECKED" if journal.found else "OK"
    asked = "Anchors were not checked." if anchors is None else "Anchors were checked."
    print(f"{verdict}  {journal.records} records, {sum(journal.signed.values())} signed checkpoints. {asked}")
    for stream, kind, record, text in journal.found:
        print(f"  {stream or 'the journal'}: {f'record {record}: ' if record else ''}{kind}  {ascii(text)[1:-1]}")
    return 2 if bad else 1 if journal.found else 0


if __name__ == "__main__":
    sys.exit(main())
