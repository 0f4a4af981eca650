"""Settings in a file that were an OmegaConf tree, looked up in the inert records that stand for it.

A container (DictConfig, ListConfig) has the state {"_content": its nodes by name or number, "_parent": the
container that holds it, ..}, a value (AnyNode, IntegerNode, ..) has {"_val": the value, "_parent": ..}. Files
keep references between values as text: "${model.dim}" is looked up from the root of the tree, which is found
through the parents; "${.dim}" beside the value itself, "${..dim}" one level further up. References that call
something ("${oc.env:HOME}") are never followed. Only what is asked for is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spatial_edit.foreign.content import ForeignError, Record

MISSING = "???"  # how OmegaConf says that a value must still be given
MAX_STEPS = 1000  # nodes looked at for one setting, references and parents included
MAX_FOLLOWED = 20  # references from one to the next
_REFERENCE = re.compile(r"\$\{([^{}:$]{1,1000})\}")  # longer ones are no reference
Setting = int | float | bool | str | None


class NoSetting(LookupError):
    """There is no such setting in the file, or it is not a plain value."""


def setting(settings: object, path: str) -> Setting:
    """The plain value at "generator.size_in" of a mapping that may hold OmegaConf trees.

    NoSetting when there is none; ForeignError for references that run in a circle.
    """
    search = _Search()
    value = search.resolved(search.walk(settings, path.split(".")))
    if not isinstance(value, int | float | bool | str | None) or value == MISSING:
        raise NoSetting(path)
    return value


class _Search:
    """One look-up, and how many nodes it has seen. trail: the references that are being followed."""

    def __init__(self) -> None:
        self.steps = 0

    def walk(self, node: object, names: list[str], trail: tuple[int, ...] = ()) -> object:
        """The node below another one."""
        for name in names:
            self._step()
            content = _content(self.resolved(node, trail))
            if isinstance(content, Mapping) and name in content:
                node = content[name]
            elif isinstance(content, list | tuple) and name.isdecimal() and int(name[:9]) < len(content):
                node = content[int(name[:9])]
            else:
                raise NoSetting(name)
        return node

    def resolved(self, node: object, trail: tuple[int, ...] = ()) -> object:
        """What a node says, its references followed: a plain value, or a container."""
        said = _said(node)
        match = _REFERENCE.fullmatch(said) if isinstance(said, str) else None
        if match is None:
            return said
        if not isinstance(node, Record):
            raise NoSetting(match[0])
        if id(node) in trail or len(trail) >= MAX_FOLLOWED:
            raise _circle()
        trail = (*trail, id(node))
        return self.resolved(self._referred(node, match[1].strip(), trail), trail)

    def _referred(self, node: Record, reference: str, trail: tuple[int, ...]) -> object:
        up = len(reference) - len(reference.lstrip("."))
        names = re.sub(r"\[([^\[\]]*)\]", r".\1", reference[up:]).split(".")
        start: object = node
        if up == 0:
            while (parent := _parent(start)) is not None:
                self._step()
                start = parent
        for _ in range(up):
            self._step()
            start = _parent(start)
            if start is None:
                raise NoSetting(reference)
        return self.walk(start, [name for name in names if name], trail)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _circle()


def _said(node: object) -> object:
    """A node's own value, or the nodes of a container, or the reference that one of both is."""
    if not isinstance(node, Record):
        return node
    value = node.attribute("_val")
    return node.attribute("_content") if value is None else value


def _content(said: object) -> Mapping | list | tuple | None:
    """The nodes of a container by name or number; None for a plain value."""
    return said if isinstance(said, Mapping | list | tuple) else None


def _parent(node: object) -> object:
    return node.attribute("_parent") if isinstance(node, Record) else None


def _circle() -> ForeignError:
    return ForeignError("the settings in the file refer to each other in a circle: the file is damaged")
