#!/usr/bin/env python3
"""Check the folder of a Writ log with nothing of Writ's: log_verify.py FOLDER VKEY

VKEY is the log's verifier key, "name+id+base64" (C2SP signed-note). The files are described in docs/protocol/log.md.
Exit code: 0 everything fits, 1 something does not, 2 wrong usage. Needs `cryptography`, or the openssl command (3.0 or later).
"""
import base64
import hashlib
import os
import subprocess
import sys
import tempfile

FRAME = 10  # u16 length, 8 bytes of the leaf's hash
NOTE_LINES = 5

class Wrong(Exception):
    """What does not fit, for a person."""


def verify_ed25519(public, signature, text):
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return verify_with_openssl(public, signature, text)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def verify_with_openssl(public, signature, text):
    with tempfile.TemporaryDirectory() as at:
        parts = {"key": bytes.fromhex("302a300506032b6570032100") + public, "sig": signature, "text": text}
        for name, value in parts.items():
            with open(os.path.join(at, name), "wb") as out:
                out.write(value)
        command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile sig".split()
        return subprocess.run(command, cwd=at, capture_output=True, check=False).returncode == 0


def parse_vkey(vkey):
    name, key_id, encoded = vkey.split("+", 2)
    blob = base64.b64decode(encoded, validate=True)
    if len(blob) != 33 or blob[0] != 1:
        raise Wrong("the key is not an Ed25519 key")
    if hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4].hex() != key_id:
        raise Wrong("the key does not fit its id")
    return name, bytes.fromhex(key_id), blob[1:]


def parse_note(note, key):
    """The size and root of a signed note by the log."""
    name, key_id, public = key
    head, _, signatures = note.partition(b"\n\n")
    lines = head.decode().split("\n")
    if len(lines) != 3 or lines[0] != name or str(int(lines[1])) != lines[1]:
        raise Wrong("not a tree head of " + name)
    for line in signatures.decode().splitlines():
        dash, signer, encoded = line.split(" ")
        blob = base64.b64decode(encoded, validate=True)
        if dash == "\u2014" and signer == name and blob[:4] == key_id:
            if not verify_ed25519(public, blob[4:], head + b"\n"):
                raise Wrong("the signature is not by the log's key")
            return int(lines[1]), base64.b64decode(lines[2], validate=True)
    raise Wrong("no signature by the log's key")


def read_heads(folder, key):
    with open(os.path.join(folder, "heads"), "rb") as f:
        lines = f.read().splitlines(keepends=True)
    whole = len(lines) // NOTE_LINES * NOTE_LINES  # a last note may be cut short
    heads = []
    for i in range(0, whole, NOTE_LINES):
        try:
            size, root = parse_note(b"".join(lines[i : i + NOTE_LINES]), key)
        except (Wrong, ValueError) as e:
            raise Wrong(f"head {i // NOTE_LINES + 1} in heads: {e}") from e
        if heads and size <= heads[-1][0]:
            raise Wrong(f"head {i // NOTE_LINES + 1} (size {size}) stands behind one of size {heads[-1][0]}")
        heads.append((size, root))
    return heads


def leaf_hashes(folder):
    with open(os.path.join(folder, "journal"), "rb") as f:
        while frame := f.read(FRAME):
            leaf = f.read(int.from_bytes(frame[:2], "big"))
            digest = hashlib.sha256(b"\x00" + leaf).digest()
            if len(frame) < FRAME or frame[2:] != digest[:8]:
                return  # torn, or damaged: the heads tell which
            yield digest


def push(edge, digest):
    """The right edge of the tree: (height, hash), highest first."""
    height = 0
    while edge and edge[-1][0] == height:
        digest = hashlib.sha256(b"\x01" + edge.pop()[1] + digest).digest()
        height += 1
    edge.append((height, digest))


def tree_root(edge):
    if not edge:
        return hashlib.sha256(b"").digest()
    digest = edge[-1][1]
    for _, left in reversed(edge[:-1]):
        digest = hashlib.sha256(b"\x01" + left + digest).digest()
    return digest


def check(folder, vkey):
    key = parse_vkey(vkey)
    with open(os.path.join(folder, "checkpoint"), "rb") as f:
        newest = parse_note(f.read(), key)
    heads = read_heads(folder, key)
    if newest not in heads:
        raise Wrong(f"checkpoint (size {newest[0]}) is not in heads")
    edge, count, good, leaves = [], 0, 0, leaf_hashes(folder)
    for size, root in heads:
        while count < size:
            digest = next(leaves, None)
            if digest is None:
                raise Wrong(f"record {count} is missing or damaged, and a head of size {size} is signed")
            push(edge, digest)
            count += 1
        if tree_root(edge) != root:
            raise Wrong(f"records {good} to {size - 1} do not fit the signed head of size {size}")
        good = size
    rest = sum(1 for _ in leaves)
    return f"{count + rest} records, {len(heads)} signed heads, {rest} records newer than the last head"


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(check(sys.argv[1], sys.argv[2]))
    except (Wrong, ValueError, OSError) as e:
        print(f"the log does not fit: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
