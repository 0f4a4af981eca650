"""Uploads: many files at once. How many are taken, the names that they travel under, and the table and the
zip of what became of them.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

MAX_BATCH = 200


def max_batch() -> int:
    """How many photos are taken at once: SPATIAL_EDIT_MAX_BATCH, 200 unless set; ValueError when it is no
    number."""
    text = os.environ.get("SPATIAL_EDIT_MAX_BATCH", str(MAX_BATCH))
    if not (text.isdecimal() and len(text) <= 7 and int(text) >= 1):
        raise ValueError(f"SPATIAL_EDIT_MAX_BATCH is {text[:20]!r}: set it to a whole number above 0")
    return int(text)


def left_out(most: int) -> str:
    """The reason given for a photo beyond the first `most`."""
    return f"left out: at most {most} photos are taken at once"


def safe_stem(name: str) -> str:
    """A file name's stem that is harmless in a path and in an archive."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem).strip("-.")[:40] or "photo"


def to_csv(header: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as text; cells that a spreadsheet would take for a formula are quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def join_tables(column: str, tables: Iterable[tuple[str, str]]) -> str:
    """Tables with the same header, each the text of `to_csv`, as one: a first column names where a line is
    from. Cells that were quoted stay so. "" without tables."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for place, (name, table) in enumerate(tables):
        header, *rows = csv.reader(io.StringIO(table))
        if place == 0:
            writer.writerow([column, *header])
        writer.writerows([[_cell(name), *row] for row in rows])
    return text.getvalue()


def write_zip(path: Path, fill: Callable[[zipfile.ZipFile], None]) -> None:
    """A zip that `fill` fills, whole or not at all; OSError when it cannot be written."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
            fill(bundle)  # stored: PNG and JPEG do not shrink further
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cell(value: object) -> object:
    """A spreadsheet takes a text that starts like this for a formula; a negative number stays a number."""
    if not isinstance(value, str) or value[:1] not in ("=", "+", "-", "@", "\t", "\r"):
        return value
    return value if re.fullmatch(r"[+-]\d+(\.\d*)?", value) else f"'{value}"
