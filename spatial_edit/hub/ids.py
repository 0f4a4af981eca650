"""hf:owner/name@revision: the address of a model on the hub, checked before the network hears of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spatial_edit.hub.errors import HubError

PREFIX = "hf:"
MAIN = "main"
COMMIT = re.compile(r"[0-9a-f]{40}")
# the hub's own rules: letters, digits, "-", "_", "."; at most 96; no "--", no "..", nothing odd at the ends
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(f"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]{0,98}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Address:
    """A model on the hub. revision: a branch, a tag or a commit; "" when none was said."""

    repo: str  # "owner/name"
    revision: str = ""

    @property
    def pinned(self) -> bool:
        """Whether the revision is a whole commit, which always means the same files."""
        return COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def is_address(text: str) -> bool:
    """Whether a model's name means the hub."""
    return text.startswith(PREFIX)


def parse(text: str) -> Address:
    """HubError unless the text is hf:owner/name or hf:owner/name@revision."""
    repo, at, revision = text.removeprefix(PREFIX).partition("@")
    check_repo(repo)
    odd = ("..", "//", "/.", ".lock", "--")
    if at and (not _REVISION.fullmatch(revision) or any(part in revision for part in odd)):
        raise HubError(f"{revision[:60]!r} is no branch, tag or commit: write {PREFIX}owner/name@revision")
    return Address(repo, revision)


def check_repo(repo: str) -> None:
    """HubError unless the text is owner/name, as the hub allows it."""
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo or repo.endswith((".git", ".ipynb")):
        raise HubError(
            f"{repo[:60]!r} is no model on the hub: write {PREFIX}owner/name or {PREFIX}owner/name@revision"
        )
