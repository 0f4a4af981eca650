"""From a code to its scene and model, and a live picture of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit import share
from spatial_edit.edits import arrange
from spatial_edit.generators.contract import Generator
from spatial_edit.generators.imported import is_added
from spatial_edit.layouts import Blobs, Boxes3D, Scene
from spatial_edit.layouts.codec import scene_from_bytes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.kinds_codec import Plain
from spatial_edit.session.appearances import seed_scene, with_palettes
from spatial_edit.session.picture import draw
from spatial_edit.session.shortcut import read_shortcut
from spatial_edit.share import CodeError, OtherWeights, SharedScene, UnknownModel
from spatial_edit.store import Cache, Store

Lookup = Callable[[str], Generator]  # model name → loaded model
Names = Callable[[int], str]  # model number → model name

CACHED_SCENES = 32
STORED_SECONDS = 20.0  # a deleted or expired entry is forgotten after this

# (store, id) → what the entry holds: a scene, or a code that was too long for a link
_stored: Cache[Scene | str] = Cache(CACHED_SCENES, STORED_SECONDS)


def resolve(
    lookup: Lookup, store: Store, code: str, *, names: Names | None = None, today: bool = False
) -> tuple[Scene, Generator]:
    """The scene of a code, and its model.

    CodeError (a ValueError) for a code that cannot be opened, StoreError for an entry that is not there.
    OtherWeights when the model's weights have changed since; with `today` the layout is then given today's
    model and a latent from its seed.
    """
    code = expand(store, code)
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
        scene = seed_scene(generator, shared.seed, shared.truncation, shared.layout)
    scene = with_palettes(generator, replace(scene, guard=shared.guard))
    check_fit(scene, generator)
    return scene, generator


def expand(store: Store, code: str) -> str:
    """The code that the store keeps for a short one, see shortcut.py; any other code as it is."""
    if not (isinstance(code, str) and share.is_stored(code)):
        return code
    stored = share.decode_stored(code)
    kept = _entry(store, stored.entry)
    if not isinstance(kept, str):
        return code
    again = share.is_stored(kept) and isinstance(_entry(store, share.decode_stored(kept).entry), str)
    if again or stored.layout is not None or stored.guard is not None:
        raise _astray()
    return kept


def _entry(store: Store, entry: str) -> Scene | str:
    def read() -> Scene | str:
        data = store.get(entry)
        return read_shortcut(data) or scene_from_bytes(data)

    return _stored.get((store, entry), read)


def _stored_scene(lookup: Lookup, store: Store, code: str) -> tuple[SharedScene, Generator, Scene]:
    stored = share.decode_stored(code)
    scene = _entry(store, stored.entry)
    if not isinstance(scene, Scene):
        raise _astray()
    if stored.layout is not None:
        scene = replace(scene, layout=stored.layout)
    generator = lookup(scene.model)
    return replace(as_shared(scene, generator), guard=stored.guard), generator, scene


def as_shared(scene: Scene, generator: Generator) -> SharedScene:
    """What a code would say of the scene, without its guard."""
    layout, latent = share.quantise(scene.layout), scene.latent
    truncation = share.round_truncation(latent.truncation)
    return SharedScene(generator.spec.number, scene.weights[:8], latent.seed, truncation, layout)


def _astray() -> CodeError:
    return CodeError("this link leads to another link: copy it again from where you got it")


def _name(number: int, names: Names | None) -> str:
    if names is None:
        from spatial_edit.generators.registry import by_number

        def names(n: int) -> str:
            return by_number(n).name

    try:
        return names(number)
    except (KeyError, ValueError) as error:
        what = "add that model first" if is_added(number) else "update the program"
        raise UnknownModel(
            f"this link is for model number {number}, which is not installed here: {what}"
        ) from error


def check_fit(scene: Scene, generator: Generator) -> None:
    """CodeError when the layout is not of the model's kind, has more elements than it takes or names rows
    that the latent lacks."""
    layout = scene.layout
    if layout.kind != generator.spec.kind:
        raise CodeError(
            f"this link holds {_kind(layout.kind)}, {generator.spec.name} draws "
            f"{_kind(generator.spec.kind)}: copy it again, whole"
        )
    if isinstance(layout, Blobs | Boxes3D | Plain):
        _check_elements(layout, scene, generator)
    if scene.guard is not None:
        if share.is_bare(layout):
            raise CodeError("a picture without a layout has nothing to protect: copy the link again, whole")
        check_fit(replace(scene, layout=scene.guard.layout, guard=None, delta=()), generator)
    if scene.delta:
        from spatial_edit.parse.delta import Tunable, check_delta

        if isinstance(generator, Tunable):
            check_delta(generator, scene.delta)


def _check_elements(layout: Blobs | Boxes3D | Plain, scene: Scene, generator: Generator) -> None:
    if len(layout) > generator.spec.max_elements:
        raise CodeError(
            f"the layout has {len(layout)} elements, {generator.spec.name} takes at most "
            f"{generator.spec.max_elements}: remove some"
        )
    if max(rows_named(layout), default=0) >= len(scene.latent.rows):
        raise CodeError("this link names an appearance that its scene does not have: copy it again, whole")
    _check_looks(layout, generator)


def _kind(kind: str) -> str:
    return f"a layout of kind {kind!r}" if kind else "a picture without a layout"


def rows_named(layout: Blobs | Boxes3D | Plain) -> tuple[int, ...]:
    """Every row that the layout names, of its own scene and of others."""
    if isinstance(layout, Plain):
        return ()
    sources = layout.sources if isinstance(layout, Blobs) else ()
    return (*layout.rows, *(source.row for source in sources if source is not None))


def _check_looks(layout: Blobs | Boxes3D | Plain, generator: Generator) -> None:
    """CodeError when the layout asks for a look that the model does not know to draw."""
    if isinstance(layout, Heatmaps):
        looks = any(seed is not None for seed in layout.looks)
        wanted = {"appearance": layout.appearance is not None, "replace": looks}
    elif isinstance(layout, Blobs):
        wanted = _looks_of_blobs(layout)
    else:
        return
    for op, asked in wanted.items():
        if asked and op not in generator.spec.edits:
            raise CodeError(f"{generator.spec.name} does not know the edit {op!r}: choose another model")


def _looks_of_blobs(layout: Blobs) -> dict[str, bool]:
    """The ops that make what the layout shows, and whether it does."""
    return {
        "opacity": any(opacity < 1 for opacity in layout.opacities),
        "restyle": any(source is not None for source in layout.sources),
        "recolour": any(colour is not None for colour in layout.colours),
        "background": layout.backdrop is not None,
        "surface": any(colour is not None for colour in layout.surfaces),
    }


@torch.no_grad()
def render_live(
    lookup: Lookup, store: Store, code: str, elements: object, *, names: Names | None = None
) -> Tensor:
    """The preview (3, H, W) of a code's scene with other geometry, in the middle of a drag; writes no
    history.

    elements: for blobs those of edits/place.py in depth order, farthest first; for boxes in a room the
    document of edits/boxes3d_arrange.py. Checked like an edit. Safe from several threads. Errors: as
    `resolve`, and EditError.
    """
    scene, generator = resolve(lookup, store, code, names=names)
    changed = replace(scene, layout=share.quantise(arrange(scene.layout, elements)))
    check_fit(changed, generator)
    return draw(generator, changed, preview=True)


def delete_stored(store: Store, code: str, key: str) -> None:
    """Delete the store entry that an `s` code names; StoreError for a wrong key."""
    entry = share.decode_stored(code).entry
    store.delete(entry, key)
    _stored.drop((store, entry))
