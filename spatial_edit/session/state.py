"""Session: the one object that holds a user's state.
 A committed scene is the decoded code: every commit runs edit → encode → decode → render (float32, one
picture), so the link, the history and the API agree bit for bit. A scene made from a seed has an `e` code
and its latent is sampled again from the seed; a parsed scene lies in the store and has an `s` code, with
the edited geometry in the code.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spatial_edit import share
from spatial_edit.edits import History, apply_all, collision_notes, parse_edits
from spatial_edit.layouts import Layout, Scene
from spatial_edit.layouts.codec import scene_from_bytes, scene_to_bytes
from spatial_edit.session.resolve import Lookup, Names, check_fit, resolve, seed_scene
from spatial_edit.session.vary import blend, check_seed, vary
from spatial_edit.share import OtherWeights
from spatial_edit.store import Receipt, Store


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
        seed = check_seed(seed)
        if isinstance(truncation, bool) or not isinstance(truncation, int | float):
            raise ValueError(f"truncation is {str(truncation)[:20]}: it must be a number in [0, 1]")
        truncation = share.round_truncation(truncation)
        generator = self._lookup(model)
        with torch.no_grad():
            scene = seed_scene(generator, seed, truncation)
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
        check_fit(scene, generator)
        scene = replace(scene, layout=share.quantise(scene.layout))
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
        """Apply an edit, or an array of them all or nothing (text or parsed JSON; see edits/ops.py for
        blobs, edits/boxes3d.py for boxes in a room)."""
        if self._frame is None:
            raise ValueError("there is no scene to edit: generate or open one first")
        scene, code = self._frame.scene, self._frame.code
        layout = apply_all(scene.layout, parse_edits(edit_json, scene.layout.kind))
        return self._commit(self._edited_code(scene, code, layout), collision_notes(scene.layout, layout))

    def vary(self, kind: object, seed: object, keep: object = ()) -> Frame:
        """Another room from a seed that keeps a part of this one: "fill" (the elements of `keep` stay),
        "restyle" or "rehouse", see session/vary.py. A parsed scene that is restyled becomes a new entry
        of the store."""
        if self._frame is None:
            raise ValueError("there is no scene to vary: generate or open one first")
        scene, code = self._frame.scene, self._frame.code
        varied = vary(self._lookup(scene.model), scene, kind, seed, keep)
        if share.is_stored(code) and not varied.latent.same(scene.latent):
            return self.adopt(varied)
        return self._commit(self._edited_code(varied, code, varied.layout))

    def blend(self, model: str, first: object, second: object, portion: object) -> Frame:
        """The room at `portion` (0..1) of the way from one seed's to another's, for models with boxes."""
        generator = self._lookup(model)
        return self._commit(share.encode(blend(generator, first, second, portion), generator.spec.number))

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

    def _edited_code(self, scene: Scene, code: str, layout: Layout) -> str:
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
