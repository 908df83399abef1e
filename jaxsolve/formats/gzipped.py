"""Host: gzip files that may be hostile."""

import zlib

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.limits import Limits

MAGIC = b"\x1f\x8b"


def gunzip(data: bytes, name: str, limits: Limits, *, part: int = 1 << 20) -> bytes:
    """Return what a gzip file holds, unpacked so many bytes at a time; `PuzzleError` if it is damaged or a bomb."""
    most = min(limits.file_bytes, max(limits.free_bytes, limits.inflation * len(data)))
    unpacked, size, rest = list[bytes](), 0, data
    try:
        while rest:  # one member after the other
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                chunk = member.decompress(rest, part)
                unpacked.append(chunk)
                size += len(chunk)
                if size > most:
                    raise PuzzleError(f"{name}: {len(data)} bytes unpack to {size} or more: taken for an archive bomb")
                rest = member.unconsumed_tail
                if not chunk and not rest and not member.eof:
                    raise PuzzleError(f"{name}: a gzip file that ends too early")
            rest = member.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise PuzzleError(f"{name}: a damaged gzip file ({error})") from error
    return b"".join(unpacked)
