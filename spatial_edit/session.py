"""Session: the one object that holds a user's state.
 A committed scene is the decoded code: every commit runs edit → encode → decode → render (float32, one
picture), so the link, the history and the API agree bit for bit. A scene made from a seed has an `e` code
and its latent is sampled again from the seed; a parsed scene lies in the store and has an `s` code, with
the edited geometry in the code.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spatial_edit import share
from spatial_edit.edits import History, apply_all, parse_edits, parse_elements, place
from spatial_edit.generators.contract import Generator
from spatial_edit.images import Fit, open_photo
from spatial_edit.layouts import Blobs, Latent, Scene
from spatial_edit.layouts.codec import scene_from_bytes, scene_to_bytes
from spatial_edit.share import CodeError, OtherWeights, SharedScene, UnknownModel
from spatial_edit.store import Cache, Receipt, Store

Lookup = Callable[[str], Generator]  # model name → loaded model
Names = Callable[[int], str]  # model number → model name

CACHED_SCENES = 32
STORED_SECONDS = 20.0  # a deleted or expired entry is forgotten after this


@dataclass(frozen=True, eq=False)
class Frame:
    """A committed state: its picture (3, H, W) in [-1, 1], its scene, its code, and what the user should
    know."""

    image: Tensor
    scene: Scene
    code: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Step:
    """A state in the history, without its picture: drawing it again gives the same pixels."""

    scene: Scene
    code: str
    notes: tuple[str, ...] = ()


_latents: Cache[Latent] = Cache(CACHED_SCENES)  # (model, weights, seed, truncation) → latent
_stored: Cache[Scene] = Cache(CACHED_SCENES, STORED_SECONDS)  # (store, id) → scene


def resolve(
    lookup: Lookup, store: Store, code: str, *, names: Names | None = None, today: bool = False
) -> tuple[Scene, Generator]:
    """The scene of a code, and its model.

    CodeError (a ValueError) for a code that cannot be opened, StoreError for an entry that is not there.
    OtherWeights when the model's weights have changed since; with `today` the layout is then given today's
    model and a latent from its seed.
    """
    if isinstance(code, str) and share.is_stored(code):
        shared, generator, scene = _stored_scene(lookup, store, code)
    else:
        shared = share.decode(code)
        generator = lookup(_name(shared.model_number, names))
        scene = None
    try:
        share.check_weights(shared, generator.weights, generator.spec.name)
    except OtherWeights:
        if not today:
            raise
        scene = None
    if scene is None:
        scene = _seed_scene(generator, shared.seed, shared.truncation, shared.layout)
    _check_fit(scene, generator)
    return scene, generator


def _stored_scene(lookup: Lookup, store: Store, code: str) -> tuple[SharedScene, Generator, Scene]:
    stored = share.decode_stored(code)
    scene = _stored.get((store, stored.entry), lambda: scene_from_bytes(store.get(stored.entry)))
    if stored.layout is not None:
        scene = replace(scene, layout=stored.layout)
    generator = lookup(scene.model)
    layout = share.quantise(_blobs(scene))
    latent = scene.latent
    shared = SharedScene(
        generator.spec.number,
        scene.weights[:8],
        latent.seed,
        share.round_truncation(latent.truncation),
        layout,
    )
    return shared, generator, scene


def _seed_scene(generator: Generator, seed: int, truncation: float, layout: Blobs | None = None) -> Scene:
    """The scene of a seed, with the given layout or the sampled one."""
    key = (generator.spec.name, generator.weights, seed, truncation)
    if layout is None:
        scene = generator.sample(seed, truncation)
        _latents.get(key, lambda: scene.latent)
        return scene
    latent = _latents.get(key, lambda: generator.sample(seed, truncation).latent)
    return Scene(generator.spec.name, generator.weights, layout, latent)


def _name(number: int, names: Names | None) -> str:
    if names is None:
        from spatial_edit.generators.registry import by_number

        def names(n: int) -> str:
            return by_number(n).name

    try:
        return names(number)
    except (KeyError, ValueError) as error:
        raise UnknownModel(
            f"this link is for model number {number}, which is not installed here: update the program"
        ) from error


def _blobs(scene: Scene) -> Blobs:
    if not isinstance(scene.layout, Blobs):
        raise CodeError(f"{scene.model} has no blobs to move: choose a model that has them")
    return scene.layout


def _check_fit(scene: Scene, generator: Generator) -> None:
    """CodeError when the layout has more elements than the model takes or names rows that the latent
    lacks."""
    layout = _blobs(scene)
    if len(layout) > generator.spec.max_elements:
        raise CodeError(
            f"the layout has {len(layout)} elements, {generator.spec.name} takes at most "
            f"{generator.spec.max_elements}: remove some"
        )
    if max(layout.rows, default=0) >= len(scene.latent.rows):
        raise CodeError("this link names an appearance that its scene does not have: copy it again, whole")
    if scene.delta:
        from spatial_edit.generators.blobgan.renderer import BlobGenerator
        from spatial_edit.parse.delta import check_delta

        if isinstance(generator, BlobGenerator):
            check_delta(generator, scene.delta)


@torch.no_grad()
def render_live(
    lookup: Lookup, store: Store, code: str, elements: object, *, names: Names | None = None
) -> Tensor:
    """The preview (3, H, W) of a code's scene with other geometry, in the middle of a drag; writes no
    history.

    elements: `{"id", "x", "y", "size", "aspect", "angle", "hidden"}` each, in depth order, farthest first;
    checked like an edit. Safe from several threads. Errors: as `resolve`, and EditError.
    """
    scene, generator = resolve(lookup, store, code, names=names)
    layout = share.quantise(place(_blobs(scene), parse_elements(elements)))
    return generator.render(replace(scene, layout=layout), preview=True)


def delete_stored(store: Store, code: str, key: str) -> None:
    """Delete the store entry that an `s` code names; StoreError for a wrong key."""
    entry = share.decode_stored(code).entry
    store.delete(entry, key)
    _stored.drop((store, entry))


@dataclass(frozen=True, eq=False)
class ParsedUpload:
    """A photo as a committed scene: `original` (3, H, W) is the photo as the model saw it; psnr in dB."""

    frame: Frame
    original: Tensor
    psnr: float
    seconds: float
    notes: tuple[str, ...]
    sha256: str  # of the uploaded file
    receipt: Receipt  # of the store entry: its key deletes it, show it once


def parse_upload(
    lookup: Lookup,
    store: Store,
    data: bytes,
    model: str,
    effort: str,
    fit: Fit = "crop",
    progress: Callable[..., None] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> ParsedUpload:
    """Open, parse and store a photo. PhotoError for what is no photo, ValueError for other bad input.

    progress is told the share done, and what it raises passes through; keep_going returning False ends the
    search early with the best scene so far.
    """
    from spatial_edit.parse import parse_photo

    photo = open_photo(data)
    generator = lookup(model)
    parsed = parse_photo(generator, photo, effort, fit=fit, progress=progress, keep_going=keep_going)
    session = Session(lookup, store, names=lambda number: model)
    frame = session.adopt(parsed.scene)
    assert session.receipt is not None  # adopt has set it
    notes = (*parsed.notes, *frame.notes)
    return ParsedUpload(
        frame, parsed.original, parsed.psnr, parsed.seconds, notes, photo.sha256, session.receipt
    )


class Session:
    """One user's scene and history. `names` (model number → name) is the registry's unless given.

    Every method that returns a Frame either commits it or raises one of the ValueErrors and leaves the
    state as it was.
    """

    def __init__(self, lookup: Lookup, store: Store | None = None, *, names: Names | None = None) -> None:
        self.store = Store() if store is None else store
        self.receipt: Receipt | None = None  # of the last adopted scene: shows the key that deletes it, once
        self._lookup, self._names = lookup, names
        self._history: History[Step] = History()
        self._frame: Frame | None = None

    def __deepcopy__(self, memo: object) -> Session:
        """Models and store are shared, and all else is immutable: a shallow copy is a deep one."""
        return copy(self)

    @property
    def frame(self) -> Frame | None:
        """The present state; None before the first."""
        return self._frame

    @property
    def can_undo(self) -> bool:
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        return self._history.can_redo

    @property
    def branches(self) -> tuple[Step, ...]:
        """The last states of futures that were undone and then left."""
        return self._history.branches

    def generate(self, model: str, seed: int, truncation: float = 0.0) -> Frame:
        """The scene of a seed (0 .. 2**32 - 1) at a truncation (0 = none, 1 = the mean)."""
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise ValueError(f"the seed is {str(seed)[:20]}: it must be a whole number from 0 to 4294967295")
        if isinstance(truncation, bool) or not isinstance(truncation, int | float):
            raise ValueError(f"truncation is {str(truncation)[:20]}: it must be a number in [0, 1]")
        truncation = share.round_truncation(truncation)
        generator = self._lookup(model)
        with torch.no_grad():
            scene = _seed_scene(generator, seed, truncation)
        return self._commit(share.encode(scene, generator.spec.number))

    def open(self, code: str, *, today: bool = False) -> Frame:
        """The scene of a code. `today`: a code made with other weights opens as its layout with today's
        model."""
        code = code.strip() if isinstance(code, str) else code
        try:
            return self._commit(self._canonical(code))
        except OtherWeights as error:
            if not today:
                raise
            with torch.no_grad():
                scene, generator = resolve(self._lookup, self.store, code, names=self._names, today=True)
            note = f"made with other weights ({error.shared.weights}): this is its layout with today's model"
            return self._commit(share.encode(scene, generator.spec.number), (note,))

    def adopt(self, scene: Scene) -> Frame:
        """A parsed scene goes to the store and becomes the present; `receipt` then holds its deletion key."""
        generator = self._lookup(scene.model)
        scene = replace(scene, layout=share.quantise(_blobs(scene)))
        _check_fit(scene, generator)
        data = scene_to_bytes(scene)
        with torch.no_grad():
            generator.render(scene_from_bytes(data))  # what cannot be drawn is not stored
        receipt = self.store.put_with_key(data)
        notes = (
            ()
            if self.store.persistent
            else ("this link lasts until the program restarts: no store is set up",)
        )
        frame = self._commit(share.encode_stored(receipt.id), notes)
        self.receipt = receipt
        return frame

    def edit(self, edit_json: object) -> Frame:
        """Apply an edit, or an array of them all or nothing (text or parsed JSON, see edits/ops.py)."""
        if self._frame is None:
            raise ValueError("there is no scene to edit: generate or open one first")
        scene, code = self._frame.scene, self._frame.code
        layout = apply_all(_blobs(scene), parse_edits(edit_json))
        return self._commit(self._edited_code(scene, code, layout))

    def undo(self) -> Frame:
        """One step back, the same picture bit for bit; ValueError when there is none."""
        return self._go(self._history.undo())

    def redo(self) -> Frame:
        """One step forward again; ValueError when there is none."""
        return self._go(self._history.redo())

    def take_branch(self, index: int) -> Frame:
        """A left-behind state of `branches` as a new step."""
        return self._go(self._history.take_branch(index))

    def _canonical(self, code: str) -> str:
        """A stored scene's code without a layout that is the stored one; any other code as it is."""
        if not (isinstance(code, str) and share.is_stored(code)):
            return code
        stored = share.decode_stored(code)
        if stored.layout is None:
            return code
        scene, _ = resolve(self._lookup, self.store, share.encode_stored(stored.entry), names=self._names)
        return share.encode_stored(stored.entry, None if stored.layout.same(scene.layout) else stored.layout)

    def _edited_code(self, scene: Scene, code: str, layout: Blobs) -> str:
        if share.is_stored(code):
            return self._canonical(share.encode_stored(share.decode_stored(code).entry, layout))
        return share.encode(replace(scene, layout=layout), self._lookup(scene.model).spec.number)

    def _commit(self, code: str, notes: tuple[str, ...] = ()) -> Frame:
        """Decode, draw, and only then remember."""
        with torch.no_grad():
            scene, generator = resolve(self._lookup, self.store, code, names=self._names)
            image = generator.render(scene)
        self._history = self._history.commit(Step(scene, code, notes))
        self._frame = Frame(image, scene, code, notes)
        return self._frame

    def _go(self, history: History[Step]) -> Frame:
        step = history.present
        if step is None:
            raise ValueError("there is no scene yet: generate or open one first")
        with torch.no_grad():
            image = self._lookup(step.scene.model).render(step.scene)
        self._history = history
        self._frame = Frame(image, step.scene, step.code, step.notes)
        return self._frame
