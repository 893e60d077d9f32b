#!/usr/bin/env python3
"""Check evidence from a Birthshare ledger, offline: a pack (.zip) or an export (.jsonl, .jsonl.gz).

It needs Python 3.11 alone, no network, nothing of the authority's. It follows RFC 8032 (Ed25519), SEC 1
(ECDSA), RFC 9162 (Merkle proofs), c2sp.org/signed-note, c2sp.org/tlog-cosignature, PROTOCOL.sshsig and
PROTOCOL.u2f (passkeys); SSH keys of other kinds are left to ssh-keygen, where it is installed. It stops at
the first thing that is WRONG, and says unsure where nobody here could tell. Exit code: 0 where nothing is
wrong, 1 where something is, 2 for wrong use.
"""

import argparse
import base64
import gzip
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter, defaultdict, namedtuple
from functools import partial, reduce
from pathlib import Path

MOST, MOST_LINE = 128 << 20, 4 << 20  # bytes that are read of a pack, and of one line of an export
Key = namedtuple("Key", "name id public")


class Wrong(Exception):
    """Something does not hold; says what, in words and codes and without values."""


def need(holds: object, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)


# --- Ed25519: RFC 8032, section 5.1 ---------------------------------------------------------------
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)


def add(p: tuple, q: tuple) -> tuple:
    """The sum of two points in extended coordinates (section 5.1.4), which may be the same point."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: tuple, total: tuple = (0, 1, 1, 0), add=add) -> tuple:
    for bit in f"{scalar:b}":
        total = add(total, total)
        total = add(total, point) if bit == "1" else total
    return total


def point_of(encoded: bytes) -> tuple:
    """The point with this encoding (section 5.1.3); Wrong where it is not the one way to write one."""
    y, sign = int.from_bytes(encoded, "little") % 2**255, int.from_bytes(encoded, "little") >> 255
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x if v * x * x % P == u else x * ROOT_OF_MINUS_1 % P
    good = len(encoded) == 32 and y < P and v * x * x % P == u and (x or not sign)
    need(good, "a key or signature is not a point of the curve in its one encoding")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Section 5.1.7, without the cofactor. Keys of small order, and what is not canonical, sign nothing."""
    key, r, s = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(s % ORDER, point_of(bytes([88, *31 * [102]]))), add(r, times(k, key))
    same = all((left[axis] * right[2] - right[axis] * left[2]) % P == 0 for axis in (0, 1))
    return same and len(signature) == 64 and s < ORDER and times(8, key)[0] != 0


# --- ECDSA with the curve P-256 and SHA-256: SEC 1, section 4.1.4; a point is (x, y), or () for none ---
Q, N = 2**256 - 2**224 + 2**192 + 2**96 - 1, 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = bytes.fromhex(
    "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"
)


def plus(p: tuple, q: tuple) -> tuple:
    """The sum of two points (section 2.2.1), which may be the same point."""
    if not p or not q or p == (q[0], -q[1] % Q):
        return () if p and q else p or q
    over, under = (3 * p[0] ** 2 - 3, 2 * p[1]) if p == q else (q[1] - p[1], q[0] - p[0])
    slope = over * pow(under, -1, Q) % Q
    x = (slope**2 - p[0] - q[0]) % Q
    return x, (slope * (p[0] - x) - p[1]) % Q


def p256_point(encoded: bytes) -> tuple:
    x, y = (int.from_bytes(encoded[at : at + 32], "big") for at in (1, 33))
    good = len(encoded) == 65 and encoded[0] == 4 and max(x, y) < Q and (x**3 - 3 * x + B - y**2) % Q == 0
    need(good, "a passkey is not a point of its curve")
    return x, y


def is_ecdsa(public: bytes, digest: bytes, r: int, s: int) -> bool:
    if not (0 < r < N and 0 < s < N):
        return False
    w = pow(s, -1, N)
    first = times(int.from_bytes(digest, "big") * w % N, p256_point(BASE), (), plus)
    both = plus(first, times(r * w % N, p256_point(public), (), plus))
    return bool(both) and both[0] % N == r


# --- signed notes and Merkle proofs ---------------------------------------------------------------
STATEMENT = re.compile(r"([!-*,-~]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n\Z")
SIGNATURE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})\Z")


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def read_key(text: str, kind: int) -> Key:
    """A verifier key, of a ledger (1) or a witness (4); for anything else it is said what is wrong."""
    found = re.fullmatch(r"([^+]*)\+([^+]*)\+([A-Za-z0-9+/]{44})", text.strip())
    name, key_id, key = (found[1], found[2], base64.b64decode(found[3])) if found else ("", "", b"\0")
    if (key[0], sha256(name.encode(), b"\n", key)[:4].hex()) != (kind, key_id):
        raise argparse.ArgumentTypeError("not such a key; copy its line again, whole and unaltered")
    return Key(name, bytes.fromhex(key_id), key[1:])


def signed_by(note: str, key: Key) -> tuple[str, list[bytes]]:
    """A note's text and what stands there as signatures of this key, not looked at yet."""
    text, between, lines = note.rpartition("\n\n")
    found = [SIGNATURE.match(line) for line in lines[:-1].split("\n")]
    need(between and lines.endswith("\n") and all(found), "what should be a checkpoint is not a signed note")
    raw = [base64.b64decode(one[2], validate=True) for one in found if one[1] == key.name]
    return text + "\n", [one[4:] for one in raw if one[:4] == key.id]


def read_checkpoint(note: str, key: Key) -> tuple[int, bytes]:
    """How many entries the ledger had and what their Merkle root was, as its key signed it."""
    text, signatures = signed_by(note, key)
    good = signatures and all(is_signed(key.public, text.encode(), one) for one in signatures)
    stated = STATEMENT.match(text)
    need(good and stated and stated[1] == key.name, "a checkpoint is not signed with the key that you gave")
    return int(stated[2]), base64.b64decode(stated[3])


def countersigned(note: str, key: Key) -> int:
    """Up to which entry a witness countersigned, by this note; 0 where it did not."""
    text, signatures = signed_by(note, key)
    for one in signatures:
        message = f"cosignature/v1\ntime {int.from_bytes(one[:8], 'big')}\n{text}".encode()
        need(is_signed(key.public, message, one[8:]), f"{key.name}'s countersignature is not genuine")
    return int(text.split("\n")[1]) if signatures else 0


def climb(place: int, last: int, start: bytes, proof: str) -> tuple[bytes, bytes]:
    """The root of the tree that ends at `place`, and of that which ends at `last` (RFC 9162, section 2.1)."""
    first = second = start
    for one in (bytes.fromhex(proof[at : at + 64]) for at in range(0, len(proof), 64)):
        need(last, "a proof is too long")
        if place & 1 or place == last:
            first, second = sha256(b"\1", one, first), sha256(b"\1", one, second)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            second = sha256(b"\1", second, one)
        place, last = place >> 1, last >> 1
    return first, second if last == 0 else b""


def need_goes_on(old: tuple[int, bytes], new: tuple[int, bytes], proof: str) -> None:
    """The ledger that is `new` (size and root) must begin with the one that was `old`."""
    place, last, good = old[0] - 1, new[0] - 1, not proof and old in (new, (0, sha256()))
    while place > 0 and place & 1:
        place, last = place >> 1, last >> 1
    path = proof if old[0] & (old[0] - 1) else old[1].hex() + proof  # a power of two is a subtree itself
    if 0 < old[0] < new[0]:
        good = climb(place, last, bytes.fromhex(path[:64]), path[64:]) == (old[1], new[1])
    need(good, f"the ledger of {new[0]} entries does not go on from the one of {old[0]}")


# --- signatures of people (SSHSIG) ----------------------------------------------------------------
PURPOSE, MAGIC = b"agreement@birthshare", b"SSHSIG"
OPTIONS = r'(?:[a-z-]+(?:="[^"]*")?(?:,|(?=\s)))+'
SIGNER = re.compile(rf"([^#\s]\S*)\s+({OPTIONS}\s+)?((?:sk-)?(?:ssh|ecdsa)-\S+)\s+([\w+/]+=*)(?:\s|\Z)")
ARMOUR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?\Z")


def strings_of(blob: bytes) -> list[bytes]:
    end = 4 + int.from_bytes(blob[:4], "big")
    need(end <= len(blob), "a signature is cut short")
    return [blob[4:end], *(strings_of(blob[end:]) if blob[end:] else [])]


PASSKEY, IN_BROWSER = b"sk-ecdsa-sha2-nistp256@openssh.com", b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
PAGE = re.compile(rb"(https?)://([a-z0-9.-]+)(?::[0-9]+)?")


def is_by_passkey(key: list[bytes], message: bytes, raw: bytes) -> bool:
    """A passkey's signature in a browser: by a person who unlocked it, on a page of the host it is for."""
    end = 8 + len(IN_BROWSER) + int.from_bytes(raw[4 + len(IN_BROWSER) :][:4], "big")
    (_, numbers), flags, (curve, point, host) = strings_of(raw[:end]), raw[end], key
    origin, said, extensions = strings_of(raw[end + 5 :])
    page = PAGE.fullmatch(origin)
    challenge = base64.urlsafe_b64encode(message).rstrip(b"=")
    good = said.startswith(b'{"type":"webauthn.get","challenge":"%s","origin":"%s"' % (challenge, origin))
    good &= bool(page) and page[2] == host and (page[1] == b"https" or host == b"localhost")
    good &= json.loads(said).get("crossOrigin", False) is False and curve == b"nistp256"
    good &= flags & 0x45 == 5 and bool(flags & 0x80) == bool(extensions)  # there and unlocked; no key with it
    r, s = (int.from_bytes(one, "big", signed=True) for one in strings_of(numbers))
    signed = sha256(sha256(host), raw[end : end + 5], extensions, sha256(said))
    return good and is_ecdsa(point, signed, r, s)


def may_sign(line: str, who: str, public: bytes, at: str) -> bool:
    """Whether a line of allowed_signers lets this key sign agreements for that person at that time."""
    match = SIGNER.match(line)
    if not match or base64.b64decode(match[4]) != public or who not in match[1].strip('"').split(","):
        return False
    said = {"namespaces": PURPOSE.decode()} | dict(re.findall(r'([a-z-]+)(?:="([^"]*)")?', match[2] or ""))
    moment = re.sub("[^0-9]", "", at)[:14]  # YYYYMMDDhhmmss, UTC
    begins, ends = (said.pop(name, "").rstrip("Z").ljust(14, "0") for name in ("valid-after", "valid-before"))
    in_time = begins <= moment and (int(ends) == 0 or moment <= ends)
    return in_time and PURPOSE.decode() in said.pop("namespaces").split(",") and not said


def is_signed_by(who: str, content: bytes, armoured: str, at: str, signers: str) -> bool:
    """The person must have signed the agreement; False where this computer cannot tell."""
    match = ARMOUR.match(armoured)
    blob = base64.b64decode(match[1]) if match else b""
    public, namespace, reserved, hash_name, raw = strings_of(blob[10:])
    good = blob[:10] == MAGIC + b"\0\0\0\1" and namespace == PURPOSE
    need(good, f"{who}'s signature is not an SSH signature on an agreement")
    allowed = any(may_sign(line, who, public, at) for line in signers.splitlines())
    need(allowed, f"{who}'s signature is by a key that they were not allowed to use then")
    kind, *key = strings_of(public)
    digest = hashlib.new({b"sha256": "sha256", b"sha512": "sha512"}[hash_name], content).digest()
    strings = (len(one).to_bytes(4, "big") + one for one in (namespace, reserved, hash_name, digest))
    message = MAGIC + b"".join(strings)
    if kind == b"ssh-ed25519":
        [same_kind, signature] = strings_of(raw)
        good = same_kind == kind and is_signed(*key, message, signature)
    elif kind == PASSKEY and raw[4:].startswith(IN_BROWSER):
        good = is_by_passkey(key, message, raw)
    elif not shutil.which("ssh-keygen"):
        return False
    else:
        with tempfile.TemporaryDirectory() as folder:
            signer, signature = Path(folder, "signer"), Path(folder, "signature")
            signer.write_text(f"{who} {kind.decode()} {base64.b64encode(public).decode()}\n")
            signature.write_text(armoured)
            command = ["ssh-keygen", "-Y", "verify", "-f", signer, "-I", who, "-n", PURPOSE, "-s", signature]
            good = not subprocess.run(command, input=content, capture_output=True, timeout=30).returncode
    need(good, f"{who}'s signature is not genuine")
    return True


# --- what the entries say, and whether it fits together -------------------------------------------
ENDS, HEARD = {"delivered", "permit_annulled"}, ("collected", "acknowledged", "destruction_attested")
RULES = (  # kind of entry, what it names, what must have been recorded of that before, and what must not
    ("permit", "pack", "release_approved", {"release_refused"}),
    ("permit", "terms", "decided", {"agreement_suspended"}),
    ("publishing", "pack", "", {"release_refused"}),
    *((one, "list", "", ENDS) for one in ("publishing", "permit_annulled")),
    ("delivered", "list", "publishing", {"delivered"}),  # annulled on its way, it may still arrive
    *((one, "list", "delivered", set()) for one in (*HEARD, "file_removed")),
)


class Evidence:
    """What was given: files, notes, roots by size, and entries, each held against those before it."""

    def __init__(self) -> None:
        self.files, self.notes, self.roots, self.whole = {}, [], {0: sha256()}, True
        self.last, self.counts, self.lists, self.read, self.opened = 0, Counter(), {}, {}, 0
        self.said, self.signed, self.decided = defaultdict(set), defaultdict(list), {}
        self.stated = {"README.txt", "evidence.json", "allowed_signers", "ledger.vkey"}  # and digests

    def take(self, entry: dict) -> None:
        one = entry["body"] | {name: entry[name] for name in ("seq", "kind", "month", "at")}
        seq, kind, number = one["seq"], one["kind"], one.get("permit") or one.get("of")
        where, leave = f"entry {seq} ({kind}):", self.lists.get(number, {})
        need(seq > self.last, f"{where} it does not come after the one before it")
        self.last, self.counts[kind] = seq, self.counts[kind] + 1
        same = all(one.get(name, leave.get(name)) == leave.get(name) for name in ("agreement", "recipient"))
        need(not number or leave and same, f"{where} the permit or notice that it is about is not shown")
        if kind == "disclosure":
            leave["shown"] += 1
            return
        need(kind != "delivered" or one["sha256"] == leave["sealed_sha256"], f"{where} other than permitted")
        terms = one.get("agreement"), one.get("version")
        about = {"list": number, "pack": one.get("pack_sha256", leave.get("pack_sha256")), "terms": terms}
        for _, name, needed, never in (rule for rule in RULES if rule[0] == kind):
            said = self.said[about[name]]
            need(not needed or needed in said, f"{where} no {needed} is shown before it")
            need(not never & said, f"{where} {' and '.join(never & said)} came before it")
        for thing in about.values():
            self.said[thing].add(kind)
        if kind in ("permit", "notice"):
            digest = self.decided.get((one["month"], terms))
            signed = [other for other in self.signed[terms] if other["digest"] == digest]
            need(signed or kind == "notice", f"{where} nobody had signed what it was decided under")
            self.lists[seq] = one | {"shown": 0, "signed": signed, "digest": digest}
            self.said[seq] |= {"delivered"} if one.get("told_by") else set()
        elif kind == "agreement_signed":
            self.signed[terms].append(one)
            self.stated |= {one["digest"], one["signature_sha256"]}
        elif kind == "decided":
            self.decided[one["month"], terms] = one["digest"]
        elif kind == "validated":
            self.read[one["month"], one["supplier"]] = one["rows"], one["rows"] - one["accepted"]
        elif kind == "balanced":
            sent = {other["agreement"]: {} for other in self.lists.values() if other["month"] == one["month"]}
            for agreement, books in (sent | one["books"]).items():
                need(self.balances(one["month"], agreement, books), f"{where} {agreement} does not balance")

    def balances(self, month: str, agreement: str, books: dict) -> bool:
        lists = [one for one in self.lists.values() if (one["month"], one["agreement"]) == (month, agreement)]
        sent = sum(one["children"] for one in lists if self.said[one["seq"]] & ENDS == {"delivered"})
        good = sum(book["shared"] for book in books.values()) == sent
        for supplier, book in books.items():
            good &= (book["received"], book["quarantined"]) == self.read[month, supplier]
            good &= min(book.values()) >= 0 and sum(book.values()) == 2 * book["received"]  # all the others
        return good

    def check_agreement(self, one: dict, signers: str) -> int:
        """A permit's agreement must be signed in every role; how many signatures nobody here can check."""
        stem, where = f"agreements/{one['agreement']}.v{one['version']}", f"entry {one['seq']} (permit):"
        text, signed, unsure = self.files.get(f"{stem}.yaml", b""), {}, 0
        need(sha256(text).hex() == one["digest"], f"{where} the agreement that was used is not in the pack")
        for other in one["signed"]:
            signature = self.files.get(f"{stem}.{other['role']}.sig", b"")
            if other["signature_sha256"] == sha256(signature).hex():
                signed[other["role"]] = who = other["principal"]
                unsure += not is_signed_by(who, text, signature.decode(), other["at"], signers)
        wanted = re.search(r"^approvers:\s*(\[[^\]]*\]|(?:\n\s*- .*)+)", text.decode(), re.M)
        roles = set(re.findall(r"[\[,-]\s*[\"']?([a-z_]+)", wanted[1])) if wanted else set()
        need(roles and roles <= signed.keys(), f"{where} its agreement is not signed in every role")
        need(len(roles) < 2 or len({*map(signed.get, roles)}) > 1, f"{where} one person signed in every role")
        return unsure

    def read_pack(self, file: Path, key: Key, wanted: set[int], left: int = MOST) -> None:
        with zipfile.ZipFile(file) as pack:
            for name in pack.namelist():
                need(name not in self.files and left > 0, "the pack has a file twice, or is too large")
                self.files[name] = pack.open(name).read(left)
                left -= len(self.files[name])
        said = json.loads(self.files["evidence.json"], object_pairs_hook=once)
        newest = read_checkpoint(said["checkpoint"], key)
        need(said["format"] == "birthshare-evidence/1", "this program does not know packs of this form")
        self.notes = [said["checkpoint"], *(one["note"] for one in said["held"])]
        for one in said["held"]:
            need_goes_on(older := read_checkpoint(one["note"], key), newest, one["proof"])
            self.roots |= [older]
        for one in said["entries"]:
            self.opened += need_entry(one, *newest)
            self.take(one)
        self.roots, self.whole = self.roots | dict([newest]), said["about"] == "month"
        for name, text in self.files.items():
            need({name, sha256(text).hex()} & self.stated, "the pack has a file that no entry speaks of")

    def read_export(self, file: Path, key: Key, wanted: set[int]) -> None:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            self.notes = [json.loads(lines.readline(MOST_LINE), object_pairs_hook=once)["checkpoint"]]
            (size, root), nodes = read_checkpoint(self.notes[0], key), []
            for seq, line in enumerate(iter(partial(lines.readline, MOST_LINE), b"")):
                self.take(json.loads(line, object_pairs_hook=once))
                node, left = sha256(b"\0", line[:-1]), seq
                while left & 1:
                    node, left = sha256(b"\1", nodes.pop(), node), left >> 1
                nodes.append(node)
                if seq + 1 in wanted | {size}:
                    self.roots[seq + 1] = reduce(lambda node, left: sha256(b"\1", left, node), nodes[::-1])
        same = (max(self.roots), self.last, self.roots.get(size)) == (size, size, root)
        need(same, "these are not all the entries that the checkpoint covers, as they were recorded")


def once(pairs: list) -> dict:
    need(len(dict(pairs)) == len(pairs), "a name stands twice in what should be one object")
    return dict(pairs)


def need_entry(one: dict, size: int, root: bytes) -> bool:
    said = {name: one[name] for name in ("at", "body", "kind", "month", "seq")}
    leaf = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    found = 0 < one["seq"] <= size and climb(one["seq"] - 1, size - 1, sha256(b"\0", leaf), one["proof"])[1]
    need(found == root, f"entry {one['seq']} does not stand in the ledger as it is shown")
    if "opening" in one:
        salt, text = bytes.fromhex(one["opening"]["salt"]), one["opening"]["said"].encode()
        same = hmac.digest(salt, text, "sha256").hex() == one["body"].get("commitment")
        need(same, f"entry {one['seq']} is about somebody else than its opening says")
    return "opening" in one


def examine(args: argparse.Namespace):
    """What holds, line by line; ends with Wrong at the first thing that does not."""
    given, notes = Evidence(), [file.read_text("utf-8") for file in args.held]
    held = [read_checkpoint(json.loads(it)["checkpoint"] if it[:1] == "{" else it, args.key) for it in notes]
    read = given.read_pack if zipfile.is_zipfile(args.evidence) else given.read_export
    read(args.evidence, args.key, {size for size, _ in held})
    shown = f"{given.counts.total()} are shown as recorded, {given.opened} opened"
    yield "ok", f"{args.key.name} has {max(given.roots)} entries; {shown}"
    for file, (size, root) in zip(args.held, held, strict=True):
        same = given.roots.get(size) == root
        need(same, f"nothing shows that it goes on from the checkpoint in {file.name}, of {size} entries")
        yield "ok", f"it goes on from the checkpoint in {file.name}, of {size} entries"
    for witness in args.witness:
        last = max(countersigned(note, witness) for note in given.notes)
        need(last, f"{witness.name} countersigned none of the checkpoints")
        yield "ok", f"{witness.name} countersigned it up to entry {last}"
    permits = [one for one in given.lists.values() if one["kind"] == "permit"]
    for one in permits:
        good = 0 <= one["children"] - one["shown"] <= (0 if given.whole else one["children"])
        need(good, f"entry {one['seq']} (permit): {one['shown']} disclosures for {one['children']} children")
    counts = ", ".join(f"{kind} {many}" for kind, many in sorted(given.counts.items()))
    yield "ok", f"what they say fits together: {counts or 'nothing is said'}"
    if given.files:
        signers = args.signers.read_text("utf-8") if args.signers else given.files["allowed_signers"].decode()
        unsure = sum(given.check_agreement(one, signers) for one in permits)
        yield "ok", f"lists under agreements that were signed in every role: {len(permits)}"
        told = "that you gave" if args.signers else "that the pack names, which only you can tell (--signers)"
        told = f"persons' keys are those {told}; signatures that need ssh-keygen: {unsure}"
        yield "unsure" if unsure or not args.signers else "ok", told
    if args.remember:
        args.remember.write_text(given.notes[0], "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check evidence from a Birthshare ledger, offline.")
    key, witness, option = partial(read_key, kind=1), partial(read_key, kind=4), parser.add_argument
    option("evidence", type=Path, help="a pack (.zip) or an export (.jsonl, .jsonl.gz)")
    option("--key", type=key, required=True, help="the ledger's key, which you got in another way")
    option("--witness", type=witness, action="append", default=[], help="who must have countersigned")
    option("--held", type=Path, action="append", default=[], help="a checkpoint or manifest that you kept")
    option("--remember", type=Path, help="a file for the newest checkpoint, for the next time")
    option("--signers", type=Path, help="the approvers' keys (allowed_signers) as you know them")
    option("--json", action="store_true", help="answer with one JSON object")
    args, lines = parser.parse_args(), []
    args.held += [file for file in [args.remember] if file and file.exists()]
    if not all(file.is_file() for file in [args.evidence, *args.held, *filter(None, [args.signers])]):
        parser.error("a file that you name is not there")
    try:
        lines.extend(examine(args))
    except Exception as error:  # whatever it is: what cannot be read proves nothing
        unread = f"something is not written as it should be ({type(error).__name__})"
        lines.append(("WRONG", str(error) if isinstance(error, Wrong) else unread))
    text = "\n".join(f"{mark:7}" + "".join(filter(str.isprintable, words)) for mark, words in lines)
    print(json.dumps({"wrong": lines[-1][0] == "WRONG", "lines": lines}) if args.json else text)
    return int(lines[-1][0] == "WRONG")


if __name__ == "__main__":
    sys.exit(main())
