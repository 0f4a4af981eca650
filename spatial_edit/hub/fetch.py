"""A model from the hub: the files that a model here has, of one commit, in the hub's own cache.

What is listed is looked at first (names, sizes), then fetched by exact names: config.json, model.json,
README.md and safetensors, of the model and of its encoder; nothing else of the repository. A branch or tag is
resolved to its commit; the commit is what is recorded. A commit that lies in the cache needs no network.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spatial_edit.checkpoints import CONFIG_NAME, INDEX_NAME, MAX_CONFIG_BYTES, MAX_INDEX_BYTES, weight_files
from spatial_edit.hub.errors import HubError, Unreachable, translated
from spatial_edit.hub.ids import COMMIT, MAIN, Address
from spatial_edit.safetensors_header import CheckpointError, few

MODEL_NAME = "model.json"
CARD_NAME = "README.md"
PARTS = ("encoder",)  # sub-folders of networks that a model needs
FILES = re.compile(
    rf"(?:(?:{'|'.join(PARTS)})/)?(?:config\.json|model\.json|README\.md|model\.safetensors"
    r"|model\.safetensors\.index\.json|model-\d{5}-of-\d{5}\.safetensors)"
)
MAX_WEIGHT_BYTES = 10_000_000_000  # of all files together
MAX_FILES = 1000
LIMITS = {
    CONFIG_NAME: MAX_CONFIG_BYTES,
    MODEL_NAME: 1_000_000,
    CARD_NAME: 1_000_000,
    INDEX_NAME: MAX_INDEX_BYTES,
}
TIMEOUT = 20.0  # seconds for one answer


@dataclass(frozen=True)
class Snapshot:
    """A model's files on this computer. note: a sentence for the user, or ""."""

    repo: str
    commit: str
    folder: Path
    note: str = ""

    @property
    def address(self) -> Address:
        """The address that always means these files."""
        return Address(self.repo, self.commit)


def fetch(address: Address) -> Snapshot:
    """The model's files; HubError, in one sentence, when they cannot be had or are not a model of ours."""
    from huggingface_hub import constants

    if address.pinned and (folder := _whole(address.repo, address.revision)):
        return Snapshot(address.repo, address.revision, folder)
    if constants.HF_HUB_OFFLINE:
        return _cached(
            address, f"{address} is not on this computer, and HF_HUB_OFFLINE forbids to fetch it: unset it"
        )
    try:
        with translated(str(address)):
            commit, sizes = _listing(address)
    except Unreachable as error:
        return _cached(address, str(error))
    if folder := _whole(address.repo, commit):
        _remember(address, commit)
        return Snapshot(address.repo, commit, folder, _moving(address, commit))
    wanted = _wanted(address, sizes)
    with translated(str(address)):
        folder = _download(address.repo, commit, wanted)
    _remember(address, commit)
    for name in wanted:
        if (size := (folder / name).stat().st_size) != sizes[name]:
            raise HubError(f"{name} of {address} has {size} bytes, the hub lists {sizes[name]}: try again")
    return Snapshot(address.repo, commit, folder, _moving(address, commit))


def discard(folder: Path) -> None:
    """Take a snapshot's files out of the cache: what is wrong with them is fetched anew the next time."""
    for path in (folder / CONFIG_NAME, *folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")):
        blob = path.resolve()
        path.unlink(missing_ok=True)
        if blob.parent == (folder.parents[1] / "blobs").resolve():
            blob.unlink(missing_ok=True)


def _listing(address: Address) -> tuple[str, dict[str, int]]:
    """The commit, and the size of every file in it."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(
        address.repo, revision=address.revision or MAIN, timeout=TIMEOUT, files_metadata=True
    )
    commit = str(info.sha)
    if not COMMIT.fullmatch(commit) or (address.pinned and commit != address.revision):
        raise HubError(f"the hub names no commit for {address}: try again later")
    return commit, {file.rfilename: int(file.size or 0) for file in info.siblings or ()}


def _wanted(address: Address, sizes: Mapping[str, int]) -> list[str]:
    """The files to fetch, config.json last: where it is, all are. HubError when they are no model of ours."""
    wanted = [name for name in sizes if FILES.fullmatch(name)]
    weights = [name for name in wanted if name.endswith(".safetensors") and "/" not in name]
    if not weights:
        others = [n for n in sizes if n.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".pickle"))]
        held = f"only {few(others)}" if others else "none"
        raise HubError(
            f"{address} has no safetensors weights of a model here ({held}): nothing else is loaded"
        )
    if missing := {CONFIG_NAME, MODEL_NAME} - set(wanted):
        raise HubError(f"{address} is not a model of this program: it lacks {few(missing)}")
    if len(wanted) > MAX_FILES:
        raise HubError(f"{address} has {len(wanted)} files of weights, at most {MAX_FILES} are fetched")
    # a card that is empty or a book is left where it is: nothing depends on it
    wanted = [n for n in wanted if not n.endswith(CARD_NAME) or 0 < sizes[n] <= LIMITS[CARD_NAME]]
    for name in wanted:
        limit = LIMITS.get(name.rpartition("/")[2], MAX_WEIGHT_BYTES)
        if not 0 < sizes[name] <= limit:
            raise HubError(f"{name} of {address} has {sizes[name]} bytes, from 1 to {limit} are allowed")
    total = sum(sizes[name] for name in wanted)
    if total > MAX_WEIGHT_BYTES:
        raise HubError(
            f"{address} has {total / 1e9:.1f} GB of weights, at most {MAX_WEIGHT_BYTES / 1e9:g} are fetched"
        )
    _check_space(address, total)
    return sorted(wanted, key=lambda name: (name == CONFIG_NAME, name))


def _check_space(address: Address, needed: int) -> None:
    folder = _cache()
    while not folder.exists():
        folder = folder.parent
    if (free := shutil.disk_usage(folder).free) < needed * 1.02 + 1e6:
        raise HubError(
            f"{address} needs {needed / 1e6:.0f} MB, {folder} has {free / 1e6:.0f} MB free: make room, or "
            "set HF_HOME to a folder on another disk"
        )


def _download(repo: str, commit: str, names: Iterable[str]) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    for name in names:
        hf_hub_download(repo, name, revision=commit, etag_timeout=TIMEOUT)
    return _snapshot(repo, commit)


def _cached(address: Address, sentence: str) -> Snapshot:
    """What was fetched earlier for this branch, tag or commit; HubError(sentence) when nothing was."""
    commit = address.revision
    if not address.pinned:
        try:
            commit = _reference(address).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            commit = ""
    if COMMIT.fullmatch(commit) and (folder := _whole(address.repo, commit)):
        note = f"the hub was not asked: {Address(address.repo, commit)} was fetched earlier and is used"
        return Snapshot(address.repo, commit, folder, note)
    raise Unreachable(sentence)


def _moving(address: Address, commit: str) -> str:
    if address.pinned:
        return ""
    branch = address.revision or MAIN
    return f"{branch} of {address.repo} is now {commit}: write @{commit} to get the same weights every time"


def _whole(repo: str, commit: str) -> Path | None:
    """The commit's folder in the cache when all its files are there."""
    folder = _snapshot(repo, commit)
    try:
        names = [CONFIG_NAME, MODEL_NAME, *weight_files(folder)]
    except CheckpointError:
        return None
    return folder if all((folder / name).is_file() for name in names) else None


def _remember(address: Address, commit: str) -> None:
    """The cache's own note of which commit a branch or tag was, for when there is no network."""
    if address.pinned:
        return
    path = _reference(address)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(commit, encoding="ascii")
        temporary.replace(path)
    except OSError:  # a cache that is read-only still serves
        temporary.unlink(missing_ok=True)


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def _repository(repo: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return _cache() / repo_folder_name(repo_id=repo, repo_type="model")


def _reference(address: Address) -> Path:
    return _repository(address.repo) / "refs" / (address.revision or MAIN)


def _snapshot(repo: str, commit: str) -> Path:
    return _repository(repo) / "snapshots" / commit
