"""What all parts of the app share: the models, the store, the seats, and how errors are spoken."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

import gradio as gr
from torch import Tensor

from spatial_edit.session import Frame, Lookup, Receipt, Session, Store
from spatial_edit.session.adding import is_added
from spatial_edit.session.drag import drag_refusal
from spatial_edit.ui.canvas import scene_value
from spatial_edit.ui.dragging.runs import Drags
from spatial_edit.ui.models.known import KnownModels
from spatial_edit.ui.serving.seats import Seat, Seats

P = ParamSpec("P")
T = TypeVar("T")
FIRST_SEED = 6
FIRST_SEEDS = {"box3d-rooms": 8}  # a room with much to move, where a model has one
PARSED_KINDS = ("blobs", "boxes3d")  # of layouts that photos can be parsed into
PARSED_FAMILIES = ("stylegan2",)  # and of models without one
UNTIL_RESTART = "Links to this scene work until the app restarts: no store is set up."
MODEL_EVENTS: dict[str, Any] = {
    "concurrency_id": "model",
    "concurrency_limit": 1,
}  # on every event that renders
PARSE_EVENTS: dict[str, Any] = {"concurrency_id": "parse", "concurrency_limit": 1}


class Spec(Protocol):
    """What the app reads of a model's registry row (`generators.contract.ModelSpec`)."""

    @property
    def name(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def family(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def row_names(self) -> tuple[str, ...]: ...
    @property
    def edits(self) -> tuple[str, ...]: ...


class ParsedPhoto(Protocol):
    """What `session.parse_upload` gives: the committed scene, the photo as the model saw it (3, H, W), and
    figures.
    """

    @property
    def frame(self) -> Frame: ...
    @property
    def original(self) -> Tensor: ...
    @property
    def psnr(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def receipt(self) -> Receipt: ...


Parse = Callable[..., ParsedPhoto]  # (lookup, store, data, model, effort, fit, progress)


@dataclass(frozen=True)
class Context:
    """The parts that handlers need; one an app."""

    lookup: Lookup
    store: Store
    models: Mapping[str, Spec]
    parse: Parse
    seats: Seats
    drags: Drags = field(default_factory=Drags)

    @property
    def first_model(self) -> str:
        return next(iter(self.models), "")

    @property
    def first_kind(self) -> str:
        """The kind of layout of the first model; "" without models."""
        return next((spec.kind for spec in self.models.values()), "")

    @property
    def first_seed(self) -> int:
        """The seed that a page opens with."""
        return first_seed(self.first_model)

    def model_of_number(self, number: int) -> str:
        """Name of the model with this number; KeyError when there is none."""
        for name, spec in self.models.items():
            if spec.number == number:
                return name
        raise KeyError(number)

    def refresh_models(self) -> None:
        """Look again which models there are."""
        if isinstance(self.models, KnownModels):
            self.models.refresh()

    def new_session(self) -> Session:
        return Session(self.lookup, self.store, names=self.model_of_number)

    def row_names(self, model: str) -> Callable[[int], str]:
        """A word for every row of a model's appearance vectors, "" where it has none."""
        spec = self.models.get(model)
        words = spec.row_names if spec is not None else ()
        return lambda row: words[row].replace("_", " ") if row < len(words) else ""

    def edits(self, model: str) -> tuple[str, ...]:
        """The ops of looks and of whole scenes that a model knows; none of one that is gone meanwhile."""
        spec = self.models.get(model)
        return spec.edits if spec is not None else ()

    def classes(self, model: str) -> tuple[str, ...]:
        """What a model's labelled boxes may be: its rows' names."""
        spec = self.models.get(model)
        return spec.row_names if spec is not None else ()

    def no_drag(self, frame: Frame) -> str:
        """Why points of this picture cannot be dragged, "" when they can."""
        try:
            refused = drag_refusal(self.lookup(frame.scene.model), frame.scene)
            return sentence(ValueError(refused)) if refused else ""
        except (ValueError, OSError) as error:  # the model is gone meanwhile
            return sentence(error)

    def show(self, seat: Seat, frame: Frame, why: str, **more: Any) -> dict[str, object]:
        """The canvas's value for a frame of this seat."""
        session, names = seat.session, self.row_names(frame.scene.model)
        if why == "open" and frame.code.startswith("s:") and not self.store.persistent:
            more = {"message": UNTIL_RESTART, **more}
        return scene_value(
            frame,
            names,
            why=why,
            edits=self.edits(frame.scene.model),
            classes=self.classes(frame.scene.model),
            timeline=session.timeline,
            can_undo=session.can_undo,
            can_redo=session.can_redo,
            no_drag=self.no_drag(frame),
            **more,
        )


def first_seed(model: str) -> int:
    """The seed that a page opens with, of the model that it opens with."""
    return FIRST_SEEDS.get(model, FIRST_SEED)


def model_choices(context: Context) -> list[tuple[str, str]]:
    """(title, name) of every model, for a dropdown; that of an added one begins with its name."""
    return _choices(context.models)


def parsing_choices(context: Context) -> list[tuple[str, str]]:
    """The same of those that photos can be parsed with."""
    return _choices({name: spec for name, spec in context.models.items() if can_parse(spec)})


def can_parse(spec: Spec) -> bool:
    """Whether photos can be parsed with such a model."""
    return spec.kind in PARSED_KINDS or spec.family in PARSED_FAMILIES


def _choices(models: Mapping[str, Spec]) -> list[tuple[str, str]]:
    return [
        (f"{name} · {spec.title}" if is_added(spec.number) else spec.title, name)
        for name, spec in models.items()
    ]


def sentence(error: ValueError | OSError) -> str:
    """What to tell a person; file names of the server are left out."""
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        reason = error.strerror or type(error).__name__
        return f"The server could not read or write a file ({reason}): try again later."
    text = str(error).strip() or "That did not work."
    first = text.split()[0]
    if not set("./:@_") & set(first[:-1]):  # the name of a file or an address stays as it is
        text = text[0].upper() + text[1:]
    return text + ("" if text.endswith((".", "!", "?")) else ".")


def spoken(handler: Callable[P, T]) -> Callable[P, T]:
    """The handler with its ValueErrors and OSErrors told to the client as `gr.Error`, without a trace in
    the log.
    """

    @functools.wraps(handler)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return handler(*args, **kwargs)
        except (ValueError, OSError) as error:
            raise gr.Error(sentence(error), print_exception=False) from error

    return told


def whole(value: object, what: str) -> int:
    """A whole number from a field that may hold 7, 7.0, "7" or nothing; ValueError otherwise."""
    number = _whole(value)
    if number is None:
        raise ValueError(f"{what} is {str(value)[:20]!r}: it must be a whole number")
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and len(value) <= 20:
        digits = value.strip()
        return int(digits) if digits.isdecimal() else None
    return None


def known_model(context: Context, name: object) -> str:
    """The name of a model that is here; ValueError otherwise."""
    if not isinstance(name, str) or name not in context.models:
        known = list(context.models)
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        raise ValueError(f"there is no model {str(name)[:40]!r}: use one of {', '.join(known[:5])}{more}")
    return name


def parsing_model(context: Context, name: object) -> str:
    """The name of a model that photos can be parsed with; ValueError otherwise."""
    known = known_model(context, name)
    able = [other for other, spec in context.models.items() if can_parse(spec)]
    if known not in able:
        raise ValueError(f"photos cannot be parsed with {known}: use {' or '.join(able) or 'another model'}")
    return known


def space_url() -> str:
    """The page of this Space, for links that outlive its frame; "" elsewhere."""
    space = os.environ.get("SPACE_ID", "")
    return f"https://huggingface.co/spaces/{space}" if space else ""
