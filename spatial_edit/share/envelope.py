"""The envelope of a code: base64url around bytes that end in their CRC32."""

from __future__ import annotations

import base64
import re
import zlib

MAX_CODE = 4096


class CodeError(ValueError):
    """A code that cannot be opened or made; the message is one sentence for the user."""


def seal(body: bytes, salt: bytes = b"") -> str:
    """The text of a body (base64url, no padding) and the CRC32 of the salt and the body."""
    sealed = body + zlib.crc32(salt + body).to_bytes(4, "big")
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(code: str, salt: bytes = b"") -> bytes:
    """The body, at least one byte; CodeError unless the text is intact and canonical."""
    check_length(code)
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,}", code) or len(code) % 4 == 1:
        raise damaged()
    sealed = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    body = sealed[:-4]
    if zlib.crc32(salt + body).to_bytes(4, "big") != sealed[-4:] or seal(body, salt) != code:
        raise damaged()
    return body


def check_length(code: str) -> None:
    """CodeError for what is no text, or too long to be a code."""
    if not isinstance(code, str):
        raise CodeError(f"a link's code must be a text, not {type(code).__name__}")
    if len(code) > MAX_CODE:
        raise CodeError(
            f"this link is too long ({len(code)} characters, at most {MAX_CODE} are read): copy it again"
        )


def damaged() -> CodeError:
    """The error for a code that is not exactly what was made."""
    return CodeError("this link is damaged: copy it again from where you got it, whole")


class Reader:
    """Reads bytes from the front; CodeError when they end too early, or later than they should."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        self._at += count
        if self._at > len(self._data):
            raise damaged()
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        """The next byte as a number."""
        return self.take(1)[0]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    def finish(self) -> None:
        """CodeError unless all was read."""
        if self._at != len(self._data):
            raise damaged()
