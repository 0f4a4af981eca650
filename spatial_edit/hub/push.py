"""A model's folder to the hub, as one commit: exactly the files that a model here has, checked first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from spatial_edit.checkpoints import CONFIG_NAME, verify
from spatial_edit.hub.card import check_card
from spatial_edit.hub.errors import HubError, translated
from spatial_edit.hub.fetch import CARD_NAME, MODEL_NAME, TIMEOUT
from spatial_edit.hub.ids import MAIN, Address, check_repo, parse

OURS = re.compile(
    r"(?:[a-z0-9][a-z0-9_-]*/)?(?:config\.json|model\.json|README\.md|model\.safetensors"
    r"|model\.safetensors\.index\.json|model-\d{5}-of-\d{5}\.safetensors)|metrics\.json|[a-z0-9_-]+\.png"
)
WAIT = 300.0  # seconds for one answer of the hub, or one piece of an upload


def push(
    folder: Path,
    repo: str,
    texts: Mapping[str, str],
    private: bool = False,
    revision: str = "",
) -> Address:
    """Upload a model; returns the address that always means what was uploaded.

    texts: files that the folder may lack (README.md, model.json). A branch that is not there is made. The
    token is that of HF_TOKEN or of a login. HubError or CheckpointError, in one sentence, before anything is
    sent when the name, the card, the configuration or the weights are not in order.
    """
    from huggingface_hub import HfApi, constants, get_token

    check_repo(repo)
    target = parse(f"{repo}@{revision}" if revision else repo)
    if target.pinned:
        raise HubError("a commit cannot be changed: give a branch, or leave --revision away")
    content = _content(folder, texts)
    if constants.HF_HUB_OFFLINE:
        raise HubError(f"HF_HUB_OFFLINE forbids to push to {repo}: unset it")
    if not get_token():
        raise HubError("pushing needs a token with the right to write: set HF_TOKEN")
    api = HfApi()
    with translated(repo), _bounded():
        api.create_repo(repo, private=private, exist_ok=True)
        if revision:
            api.create_branch(repo, branch=revision, exist_ok=True)
        info = api.model_info(repo, revision=revision or MAIN, timeout=TIMEOUT)
        stale = {file.rfilename for file in info.siblings or () if OURS.fullmatch(file.rfilename)} - set(
            content
        )
        commit = api.create_commit(
            repo,
            _operations(content, stale),
            commit_message=f"Upload {folder.name}",
            revision=revision or MAIN,
        )
    return Address(repo, str(commit.oid))


@contextmanager
def _bounded() -> Iterator[None]:
    """The library's client waits for ever by default; within the block it waits WAIT seconds an answer."""
    from huggingface_hub.utils import get_session

    session = get_session()
    before, session.timeout = session.timeout, WAIT
    try:
        yield
    finally:
        session.timeout = before


def _content(folder: Path, texts: Mapping[str, str]) -> dict[str, Path | bytes]:
    """The files to upload by their names in the repository, after all checks."""
    if not folder.is_dir():
        raise HubError(f"there is no folder {folder.name!r} to push")
    networks = [folder, *sorted(path.parent for path in folder.glob(f"*/{CONFIG_NAME}"))]
    for network in networks:
        verify(network)
    content: dict[str, Path | bytes] = {
        str(path.relative_to(folder)): path
        for path in sorted([*folder.glob("*"), *folder.glob("*/*")])
        if _own(folder, path)
        and path.parent in networks
        and OURS.fullmatch(path.relative_to(folder).as_posix())
    }
    content.update({name: text.encode() for name, text in texts.items() if name not in content})
    if missing := {CARD_NAME, MODEL_NAME} - set(content):
        raise HubError(f"{folder.name} lacks {' and '.join(sorted(missing))}: import it again")
    card = content[CARD_NAME]
    check_card(
        card.decode() if isinstance(card, bytes) else card.read_text(encoding="utf-8", errors="replace")
    )
    return content


def _own(folder: Path, path: Path) -> bool:
    """Whether a path is a file of the folder. Of links, those of the hub's cache into its own blobs are."""
    blobs = folder.parent.parent / "blobs"
    return path.is_file() and (not path.is_symlink() or path.resolve().parent == blobs.resolve())


def _operations(content: Mapping[str, Path | bytes], stale: Iterable[str]) -> list:
    """Additions, and deletions of shards that an earlier upload left."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    additions = [
        CommitOperationAdd(name, value if isinstance(value, bytes) else str(value))
        for name, value in content.items()
    ]
    return [*additions, *(CommitOperationDelete(name) for name in sorted(stale))]
