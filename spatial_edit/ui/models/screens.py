"""What the Models tab's events write to: the models in every list, and what the editor shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from spatial_edit.session.adding import Adding
from spatial_edit.session.model_table import model_rows
from spatial_edit.ui import context as shared
from spatial_edit.ui.context import Context
from spatial_edit.ui.edit_tab import EditTab
from spatial_edit.ui.models.permission import Permission
from spatial_edit.ui.models.table import table_value
from spatial_edit.ui.scenes import answer


@dataclass(frozen=True)
class ModelsTab:
    """What the tab's events write to."""

    context: Context
    edit: EditTab
    parse_model: gr.Dropdown
    table: gr.HTML
    outcome: gr.HTML
    permission: Permission
    adding: Adding

    @property
    def everywhere(self) -> list[Any]:
        """Outputs of what changes the models, in the order of `screen`."""
        return [*self.edit.scene, self.parse_model, self.table, self.outcome]

    def screen(self, scene: list[Any] | None, told: dict[str, object] | None) -> list[Any]:
        """The models as they are now, in every list. scene: what the editor shows from now on."""
        context = self.context
        if scene is None:
            scene = [gr.skip()] * len(self.edit.scene)
            scene[2] = gr.Dropdown(choices=shared.model_choices(context))
        table = gr.HTML(value=table_value(model_rows(), self.permission.allowed))
        parse = gr.Dropdown(choices=shared.parsing_choices(context))
        return [*scene, parse, table, gr.skip() if told is None else gr.HTML(value=told)]


def opened(context: Context, token: str, name: str) -> list[Any]:
    """A first picture of the model, in the editor."""
    seat = context.seats.take(token)
    with seat.lock:
        return answer(context, seat, seat.session.generate(name, shared.first_seed(name)), "open")
