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
from spatial_edit.edits import History, collision_notes
from spatial_edit.generators.contract import Generator, Painter, Paints
from spatial_edit.layouts import Scene
from spatial_edit.layouts.codec import scene_from_bytes, scene_to_bytes
from spatial_edit.session.appearances import seed_scene
from spatial_edit.session.draft import read_items, revise
from spatial_edit.session.drag import DragStep, drag_scene, read_drag
from spatial_edit.session.labels import VARIATIONS, label_of
from spatial_edit.session.picture import draw
from spatial_edit.session.resolve import Lookup, Names, as_shared, check_fit, expand, resolve
from spatial_edit.session.scene_ops import Studio
from spatial_edit.session.vary import blend, check_seed, vary
from spatial_edit.share import OtherWeights
from spatial_edit.store import Receipt, Store

_OPENED = {"seed": "Link", "photo": "Photo", "drag": "Drag"}  # what a scene that was opened is called


@dataclass(frozen=True, eq=False)
class Frame:
    """A committed state: its picture (3, H, W) in [-1, 1], its scene, its code, and what the user should
    know."""

    image: Tensor
    scene: Scene
    code: str
    notes: tuple[str, ...] = ()
    label: str = ""
    paints: Paints | None = None  # None for a model that does not tell


@dataclass(frozen=True, eq=False)
class Step:
    """A state in the history, without its picture: drawing it again gives the same pixels. `label` says in a
    few words how it came about."""

    scene: Scene
    code: str
    notes: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Timeline:
    """The history as a strip shows it: all steps in order, which one is present, and the tips left behind."""

    steps: tuple[Step, ...]
    present: int
    branches: tuple[Step, ...]


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

    @property
    def timeline(self) -> Timeline:
        """All steps; `present` is -1 before the first."""
        history = self._history
        return Timeline(history.steps, len(history.past) - (history.present is None), history.branches)

    def generate(self, model: str, seed: int, truncation: float = 0.0) -> Frame:
        """The scene of a seed (0 .. 2**32 - 1) at a truncation (0 = none, 1 = the mean)."""
        seed = check_seed(seed)
        if isinstance(truncation, bool) or not isinstance(truncation, int | float):
            raise ValueError(f"truncation is {str(truncation)[:20]}: it must be a number in [0, 1]")
        truncation = share.round_truncation(truncation)
        generator = self._lookup(model)
        with torch.no_grad():
            scene = seed_scene(generator, seed, truncation)
        return self._commit(share.encode(scene, generator.spec.number), label=f"Seed {seed}")

    def open(self, code: str, *, today: bool = False) -> Frame:
        """The scene of a code. `today`: a code made with other weights opens as its layout with today's
        model."""
        code = expand(self.store, code.strip() if isinstance(code, str) else code)
        try:
            return self._commit(self._canonical(code))
        except OtherWeights as error:
            if not today:
                raise
            with torch.no_grad():
                scene, generator = resolve(self._lookup, self.store, code, names=self._names, today=True)
            what = "seed" if share.is_bare(scene.layout) else "layout"
            note = f"made with other weights ({error.shared.weights}): this is its {what} with today's model"
            return self._commit(share.encode(scene, generator.spec.number), (note,), "Link, today's model")

    def adopt(self, scene: Scene, *, label: str = "Photo", notes: tuple[str, ...] = ()) -> Frame:
        """A scene whose latent comes from no seed (parsed, dragged) goes to the store and becomes the
        present; `receipt` then holds its deletion key."""
        generator = self._lookup(scene.model)
        check_fit(scene, generator)
        share.check_weights(as_shared(scene, generator), generator.weights, scene.model)
        scene = replace(scene, layout=share.quantise(scene.layout), guard=None)
        data = scene_to_bytes(scene)
        with torch.no_grad():
            generator.render(scene_from_bytes(data))  # what cannot be drawn is not stored
        receipt = self.store.put_with_key(data)
        if not self.store.persistent:
            notes = (*notes, "this link lasts until the program restarts: no store is set up")
        frame = self._commit(share.encode_stored(receipt.id), notes, label)
        self.receipt = receipt
        return frame

    def keep_drag(self, scene: Scene, note: str = "") -> Frame:
        """What a drag of the present scene ended with becomes the present: one step, however long it took."""
        if self._frame is None or self._frame.scene.model != scene.model:
            raise ValueError("the scene has changed since this drag began: drag again")
        return self.adopt(scene, label="Drag", notes=(note,) if note else ())

    def drag(
        self,
        points: object,
        mask: object = None,
        options: object = None,
        *,
        watch: Callable[[DragStep], None] | None = None,
        keep_going: Callable[[], bool] | None = None,
    ) -> Frame:
        """Drag handles to their targets and commit where that ended, its best state when it failed; the
        frame's notes say so. See session/drag.py for what may be asked; `watch` is told every step."""
        if self._frame is None:
            raise ValueError("there is no scene to drag: generate or open one first")
        asked, scene = read_drag(points, mask, options), self._frame.scene
        last = drag_scene(self._lookup(scene.model), scene, asked, watch, keep_going)
        assert last.scene is not None  # drag_scene gives no other
        return self.keep_drag(last.scene, last.note)

    def edit(self, edit_json: object) -> Frame:
        """Apply an edit, or an array of them all or nothing (text or parsed JSON; see edits/ops.py for
        blobs, edits/boxes3d.py for boxes in a room, session/scene_ops.py for ops on the whole scene)."""
        if self._frame is None:
            raise ValueError("there is no scene to edit: generate or open one first")
        scene, code = self._frame.scene, self._frame.code
        generator = self._lookup(scene.model)
        items = read_items(edit_json)
        with torch.no_grad():
            changed = revise(Studio(generator, self._scene_of), scene, items)
        layout = changed.scene.layout
        notes = (*changed.notes, *collision_notes(scene.layout, layout))
        label = label_of(items, scene.layout, layout, generator.spec)
        return self._commit(self._edited_code(changed.scene, code), notes, label)

    def vary(self, kind: object, seed: object, keep: object = ()) -> Frame:
        """Another room from a seed that keeps a part of this one: "fill" (the elements of `keep` stay),
        "restyle" or "rehouse", see session/vary.py. A parsed scene that is restyled becomes a new entry
        of the store."""
        if self._frame is None:
            raise ValueError("there is no scene to vary: generate or open one first")
        scene, code = self._frame.scene, self._frame.code
        varied = vary(self._lookup(scene.model), scene, kind, seed, keep)
        if share.is_stored(code) and not varied.latent.same(scene.latent):
            if scene.guard is not None:
                raise ValueError("a part of this photo is protected: take the mask off before you restyle it")
            return self.adopt(varied)
        return self._commit(self._edited_code(varied, code), label=VARIATIONS[str(kind)])

    def blend(self, model: str, first: object, second: object, portion: object) -> Frame:
        """The room at `portion` (0..1) of the way from one seed's to another's."""
        generator = self._lookup(model)
        scene = blend(generator, first, second, portion)
        label = f"Between seeds {first} and {second}"
        return self._commit(share.encode(scene, generator.spec.number), label=label)

    def undo(self) -> Frame:
        """One step back, the same picture bit for bit; ValueError when there is none."""
        return self._go(self._history.undo())

    def redo(self) -> Frame:
        """One step forward again; ValueError when there is none."""
        return self._go(self._history.redo())

    def goto(self, index: int) -> Frame:
        """The step at a place of `timeline.steps` becomes the present; those after it stay to be redone."""
        return self._go(self._history.goto(index))

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
        layout = None if stored.layout.same(scene.layout) else stored.layout
        return share.encode_stored(stored.entry, layout, stored.guard)

    def _scene_of(self, code: str) -> Scene:
        """The scene of a code, without opening it."""
        return resolve(self._lookup, self.store, code.strip(), names=self._names)[0]

    def _edited_code(self, scene: Scene, code: str) -> str:
        if share.is_stored(code):
            entry = share.decode_stored(code).entry
            return self._canonical(share.encode_stored(entry, scene.layout, scene.guard))
        return share.encode(scene, self._lookup(scene.model).spec.number)

    def _commit(self, code: str, notes: tuple[str, ...] = (), label: str = "") -> Frame:
        """Decode, draw, and only then remember."""
        with torch.no_grad():
            scene, generator = resolve(self._lookup, self.store, code, names=self._names)
            scene, label = self._thrifty(scene), label or _OPENED[scene.provenance.kind]
            frame = _frame(generator, Step(scene, code, notes, label))
        self._history = self._history.commit(Step(scene, code, notes, label))
        self._frame = frame
        return frame

    def _thrifty(self, scene: Scene) -> Scene:
        """The scene with the adapted weights of the present one where they are equal: an entry of the store
        is read again after a while, and 200 steps would each keep megabytes of their own."""
        old = () if self._frame is None else self._frame.scene.delta
        pairs = zip(scene.delta, old, strict=False)
        same = len(scene.delta) == len(old) and all(a == b and torch.equal(v, w) for (a, v), (b, w) in pairs)
        return replace(scene, delta=old) if same else scene

    def _go(self, history: History[Step]) -> Frame:
        step = history.present
        if step is None:
            raise ValueError("there is no scene yet: generate or open one first")
        with torch.no_grad():
            frame = _frame(self._lookup(step.scene.model), step)
        self._history, self._frame = history, frame
        return frame


def _frame(generator: Generator, step: Step) -> Frame:
    """The step with its picture."""
    image = draw(generator, step.scene)
    paints = generator.paints(step.scene) if isinstance(generator, Painter) else None
    return Frame(image, step.scene, step.code, step.notes, step.label, paints)
