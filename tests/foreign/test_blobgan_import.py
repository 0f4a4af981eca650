"""From a BlobGAN file to an edited picture and a parsed photo: import, registry, session, encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spatial_edit.foreign.content import ForeignError
from spatial_edit.foreign.writer import import_file
from spatial_edit.generators import registry
from spatial_edit.images import open_photo, to_png_bytes
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.parse import parse_photo
from spatial_edit.seeds import normals
from spatial_edit.session import Session
from spatial_edit.store import Store
from tests.foreign.lightning_file import SECRETS, model_state, write

DATA = Path(__file__).resolve().parents[1] / "data" / "parity" / "blobgan"
OUTPUTS = 7 * 57 + 6 * 6  # (K + 1)(1 + phi + psi) + 6 K


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder for added models with the recorded network in it."""
    folder = tmp_path / "models"
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(folder))
    state = model_state(load_file(DATA / "generator_64.safetensors"), {})
    file = write(tmp_path / "bedrooms.ckpt", state)
    torch.save(torch.zeros(1, 64), tmp_path / "bedrooms_mean_latent.pt")
    import_file(file)
    return folder


def encoder_file(folder: Path, outputs: int) -> Path:
    channels = dict.fromkeys((4, 8, 16, 32, 64), 8)
    state = Discriminator(64, channels, group=0, outputs=outputs).state_dict()
    return write(folder / f"bedrooms_{outputs}_invert.ckpt", {f"inverter.{n}": t for n, t in state.items()})


def test_imported_models_are_edited_and_their_links_open(models):
    generator = registry.load("bedrooms")
    assert generator.spec.kind == "blobs" and len(generator.spec.row_names) == 6
    scene = generator.sample(5)
    z, *noise = normals(5, [(1, 48), *[(1, 1, r, r) for r in generator.model.generator.noise_sides]])
    with torch.no_grad():
        published = generator.model(z, noise).clamp(-1, 1)[0]
    assert (generator.render(scene) - published).abs().max() < 1e-4
    session = Session(registry.load, Store())
    frame = session.generate("bedrooms", 5)
    number = frame.scene.layout.ids[-1]
    moved = session.edit({"op": "move", "target": number, "dx": -0.1, "dy": 0.05})
    assert not torch.equal(moved.image, frame.image) and f"blob {number}" in moved.label
    again = Session(registry.load, Store()).open(moved.code)
    assert torch.equal(again.image, moved.image)


def test_nothing_of_the_owner_is_kept(models):
    written = b"".join(path.read_bytes() for path in models.rglob("*") if path.is_file())
    assert not [secret for secret in SECRETS if secret.encode() in written]


def test_an_encoder_belongs_to_its_model(models, tmp_path):
    generator = registry.load("bedrooms")
    photo = open_photo(to_png_bytes(generator.render(generator.sample(3))))
    with pytest.raises(ValueError, match="--onto bedrooms"):
        parse_photo(generator, photo, "encode")
    with pytest.raises(ForeignError, match="belongs to another model"):
        import_file(encoder_file(tmp_path, OUTPUTS + 1), onto="bedrooms")
    assert not (models / "bedrooms" / "encoder").exists()
    import_file(encoder_file(tmp_path, OUTPUTS), onto="bedrooms")
    parsed = parse_photo(registry.load("bedrooms"), photo, "encode")
    assert parsed.scene.layout.kind == "blobs" and parsed.scene.weights == generator.weights
