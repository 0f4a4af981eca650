"""Inside the networks, for scenes of heatmaps: the discriminator's attention and the mean of the generator's
features, as small pictures beside the stage."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from spatial_edit.session import resolve
from spatial_edit.session.heat_panels import Panel, attention_panels, feature_panels
from spatial_edit.ui.seeing.maps import a_code
from spatial_edit.ui.seeing.ramps import HEAT, to_picture

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

SIDE = 128  # pixels of a panel
SENTENCES = {
    "attention": "Where the discriminator looks when it judges this picture, at three of its sides.",
    "features": "What each block of the generator puts out, averaged over its channels.",
}


def seen_inside(context: Context, payload: Any) -> dict[str, object]:
    """`{"sentence", "panels": [{"title", "image", "low", "high"}]}` of `{"what": attention or features,
    "code"}`; ValueError when they cannot be made."""
    if not isinstance(payload, dict) or payload.get("what") not in tuple(SENTENCES):
        raise ValueError(f"a panel request needs what ({', '.join(SENTENCES)}) and code: reload the page")
    code = a_code(payload.get("code"))
    scene, generator = resolve(context.lookup, context.store, code, names=context.model_of_number)
    if payload["what"] == "attention":
        panels = attention_panels(generator, scene, SIDE)
    else:
        panels = feature_panels(generator, scene)
    return {"sentence": SENTENCES[payload["what"]], "panels": [_answer(panel) for panel in panels]}


def _answer(panel: Panel) -> dict[str, object]:
    picture = to_picture(panel.values, HEAT)
    if picture.width < SIDE:  # a cell of the map stays a cell
        picture = picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    image = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"title": panel.title, "image": image, "low": panel.low, "high": panel.high}
