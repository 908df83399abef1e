"""Mutations: of bytes, of archives below their checksums, of pickles, JSON and text. All follow a seeded generator."""

import io
import json
import pickletools
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Mutate = Callable[[random.Random, bytes], bytes]

NUMBERS = [0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**63 - 1, 2**64 - 1]
NAMES = [
    "", "/etc/passwd", "../../outside", "..", "pieces\\piece_0.pth", "pieces/../piece_0.pth", "a\0b", "a\nb", "\u202egpj",
    "C:\\x", "é" * 200, "x" * 60_000, "pieces/piece_0.pth", "pieces/piece_999999999.pth", "archive/data.pkl",
    "archive/data/0", "other/data.pkl", "archive/byteorder", "weight.npy", "meta.npy", "__MACOSX/x", "d/",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**18, 2**63, 10**400, -(10**400), float("nan"), float("inf"), -float("inf"), 1e308,
    5e-324, "", "x", "NaN", "\0", "\x1b[2J\n\r", "\ud800", "é" * 3000, "</script>", "/etc/passwd", "../../x", "k" * 70_000,
    [], {}, [[]], [1, 2], [None], [-1, 10**30], {"a": {}}, {"": None}, [0] * 5000, {str(k): k for k in range(2000)},
]  # fmt: skip


LARGE = 8 << 20
"""Archives that unpack to more are mutated as they are: packing them again would take longer than reading them."""


def some(rng: random.Random, size: int) -> tuple[int, int]:
    """Return a piece of a text of this size, mostly a short one."""
    at = rng.randrange(size + 1)
    return at, min(size, at + rng.choice([1, 2, 4, 8, 16, 64, 256, rng.randrange(size + 1)]))


def flip(rng: random.Random, data: bytearray, other: bytes) -> None:
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(rng: random.Random, data: bytearray, other: bytes) -> None:
    del data[rng.randrange(len(data)) :]


def behead(rng: random.Random, data: bytearray, other: bytes) -> None:
    del data[: rng.randrange(len(data))]


def cut(rng: random.Random, data: bytearray, other: bytes) -> None:
    a, b = some(rng, len(data))
    del data[a:b]


def duplicate(rng: random.Random, data: bytearray, other: bytes) -> None:
    a, b = some(rng, len(data))
    at = rng.randrange(len(data) + 1)
    data[at:at] = data[a:b] * rng.choice([1, 1, 1, 2, 10, 1000 if b - a < 300 else 1])


def swap(rng: random.Random, data: bytearray, other: bytes) -> None:
    a, b = some(rng, len(data))
    c = rng.randrange(len(data) + 1)
    data[a:b], data[c : c + b - a] = data[c : c + b - a], data[a:b]


def splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    a, b = some(rng, len(other))
    c, d = some(rng, len(data))
    data[c:d] = other[a:b]


def blank(rng: random.Random, data: bytearray, other: bytes) -> None:
    a, b = some(rng, len(data))
    data[a:b] = bytes([rng.choice([0, 0, 255, 34, 48])]) * (b - a)


def noise(rng: random.Random, data: bytearray, other: bytes) -> None:
    a, b = some(rng, min(len(data), 1000))
    data[a:b] = rng.randbytes(b - a)


def number(rng: random.Random, data: bytearray, other: bytes) -> None:
    size = rng.choice([1, 2, 4, 8])
    at = rng.randrange(len(data))
    data[at : at + size] = (rng.choice(NUMBERS) & (1 << 8 * size) - 1).to_bytes(size, rng.choice(["little", "big"]))  # pyright: ignore[reportArgumentType]


BYTEWISE = [flip, flip, truncate, behead, cut, duplicate, swap, splice, blank, noise, number, number]


def mutated(rng: random.Random, data: bytes, other: bytes = b"") -> bytes:
    """Return bytes with one to four mutations; `other` is what they are spliced with."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
        if changed:
            rng.choice(BYTEWISE)(rng, changed, other or data)
    return bytes(changed)


def entries_of(data: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    """Return what is in an archive; nothing where it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return []


def unpacked_size(data: bytes) -> int:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(info.file_size for info in archive.infolist())
    except Exception:
        return 0


def packed(entries: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """Return an archive of entries, with the checksums that they have now."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same name twice
        with zipfile.ZipFile(buffer, "w") as archive:
            for info, data in entries:
                with suppress(ValueError, OverflowError, struct.error):
                    archive.writestr(info, data)
    return buffer.getvalue()


def renamed(info: zipfile.ZipInfo, name: str, method: int | None = None) -> zipfile.ZipInfo:
    new = zipfile.ZipInfo("x")
    new.filename = name or "x"
    new.compress_type = info.compress_type if method is None else method
    return new


def rezipped(inside: Mutate) -> Mutate:
    """Return what mutates an archive: its entries, below their checksums, by `inside`, or what it says of them."""

    def mutate(rng: random.Random, data: bytes) -> bytes:
        entries = entries_of(data) if unpacked_size(data) < LARGE else []
        if not entries:
            return mutated(rng, data)
        for _ in range(rng.choice([1, 1, 2, 3])):
            k = rng.randrange(len(entries))
            info, content = entries[k]
            match rng.randrange(12):
                case 0 | 1 | 2 | 3 | 4:
                    entries[k] = info, inside(rng, content)
                case 5:
                    entries[k] = renamed(info, rng.choice(NAMES)), content
                case 6:
                    entries[k] = renamed(info, info.filename, rng.choice([0, 8, 12, 14])), content
                case 7:
                    entries.insert(rng.randrange(len(entries) + 1), (info, content))
                case 8 if len(entries) > 1:
                    del entries[k]
                case 9:
                    entries[k] = info, data  # the archive within itself
                case 10:
                    size = rng.choice([1 << 16, 1 << 20, 1 << 24]) if rng.random() < 0.3 else 4096
                    filler = rng.choice([b"\0", b"0,", b"a,", b'"\n', b"1\n", content[:40] or b"x"])
                    entries[k] = (
                        renamed(info, info.filename, 8),
                        (content if rng.random() < 0.5 else b"") + filler * (size // len(filler)),
                    )
                case _:
                    a = rng.randrange(len(entries))
                    entries[k], entries[a] = (info, entries[a][1]), (entries[a][0], content)
        changed = packed(entries)
        return told_otherwise(rng, changed) if rng.random() < 0.3 else changed

    return mutate


def told_otherwise(rng: random.Random, data: bytes) -> bytes:
    """Return an archive whose directory says something else than before: flags, methods, sizes, counts, offsets."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 2])):
        mark, fields = rng.choice(
            [
                (b"PK\1\2", [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (38, 4), (42, 4)]),
                (b"PK\3\4", [(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]),
                (b"PK\5\6", [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
            ]
        )
        places = (
            [at for at in range(len(data)) if data.startswith(mark, at)] if len(data) < 20_000 else [data.rfind(mark)]
        )
        if places:
            at, (offset, size) = rng.choice(places), rng.choice(fields)
            old = int.from_bytes(changed[at + offset : at + offset + size], "little")
            new = rng.choice([*NUMBERS, old + 1, old - 1, old ^ 1, 2 * old]) & (1 << 8 * size) - 1
            changed[at + offset : at + offset + size] = new.to_bytes(size, "little")
    return bytes(changed)


def repickled(fragments: list[bytes]) -> Mutate:
    """Return what mutates a pickle opcode by opcode, with fragments of hostile ones."""

    def mutate(rng: random.Random, data: bytes) -> bytes:
        try:
            starts = [at for _, _, at in pickletools.genops(data) if at is not None]
        except Exception:
            return mutated(rng, data)
        parts = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
        for _ in range(rng.choice([1, 1, 2, 4])):
            k = rng.randrange(len(parts))
            match rng.randrange(7):
                case 0:
                    del parts[k]
                case 1:
                    parts.insert(k, parts[rng.randrange(len(parts))])
                case 2:
                    a = rng.randrange(len(parts))
                    parts[k], parts[a] = parts[a], parts[k]
                case 3 | 4:
                    parts.insert(k, rng.choice(fragments))
                case 5:
                    parts[k : k + 1] = parts[k : k + rng.randrange(1, 20)] * rng.choice([2, 3, 50])
                case _:
                    parts[k] = mutated(rng, parts[k])
            if not parts:
                break
        return b"".join(parts)

    return mutate


def rewritten(value: Any, rng: random.Random) -> Any:
    """Return a JSON value with one part of it replaced, removed, repeated or nested."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {other: part for other, part in value.items() if other != key}
        return value | {key: rewritten(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        k = rng.randrange(len(value))
        match rng.randrange(6):
            case 0:
                return value[:k] + value[k + 1 :]
            case 1:
                return value[:k] + [value[k]] * rng.choice([2, 3, 1000])
            case _:
                return [*value[:k], rewritten(value[k], rng), *value[k + 1 :]]
    if rng.random() < 0.15 and isinstance(value, int | float) and abs(value) < 10**300:
        return rng.choice(
            [-value, value + 1, value * 10, float(value) if abs(value) < 1e300 else 0.5, str(value)[:4000]]
        )
    if rng.random() < 0.1:
        for _ in range(rng.choice([1, 20, 400])):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return rng.choice(VALUES)


def rejsoned(rng: random.Random, data: bytes) -> bytes:
    """Return JSON text of another value, or with a bomb in it."""
    value = json.loads(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        value = rewritten(value, rng)
    text = json.dumps(value).encode()
    match rng.randrange(20):
        case 0:
            return text.replace(b"0", b"9" * rng.choice([30, 400, 5000]), 1)
        case 1:
            return text.replace(b"null", rng.choice([b"[", b'{"a":']) * rng.choice([900, 100_000]), 1)
        case 2:
            return text.replace(b"}", b',"format":1e999}', 1)
    return text


def retyped(tokens: list[bytes], separators: bytes) -> Mutate:
    """Return what mutates text token by token: those between `separators` are replaced, repeated, moved or removed."""

    def mutate(rng: random.Random, data: bytes) -> bytes:
        for _ in range(rng.choice([1, 1, 2, 4])):
            places = [at for at, byte in enumerate(data) if byte in separators]
            a = rng.choice([-1, *places])
            b = next((at for at in places if at > a), len(data))
            match rng.randrange(6):
                case 0 | 1 | 2:
                    token = rng.choice(tokens)
                case 3:
                    token = b""
                case 4:
                    token = data[a + 1 : b + 1]
                    token *= min(rng.choice([2, 3, 100, 3000]), 1 + (1 << 20) // (len(token) + 1))
                case _:
                    c = rng.choice([-1, *places])
                    token = data[c + 1 : next((at for at in places if at > c), len(data))]
            data = data[: a + 1] + token + data[b:]
        return data

    return mutate
