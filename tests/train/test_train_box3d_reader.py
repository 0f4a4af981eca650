"""The reader's training: mirrored rooms, what counts as seen, and a few steps that learn."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.data.rooms import INSTANCE, render, sample_rooms
from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.generators.box3d.reader import load_reader
from spatial_edit.generators.box3d.vector import SLOT_NAMES, pack
from spatial_edit.metrics.box_truth import box_truth
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.parse.box3d_labels import label_maps
from spatial_edit.train import box3d_reader_run
from spatial_edit.train.box3d_reader import (
    ReaderPool,
    ReaderRecipe,
    RoomReaderTask,
    mirror,
    only_seen,
    truth_of_pool,
)

SIDE = 32


@pytest.fixture(scope="module")
def pool() -> ReaderPool:
    rooms = sample_rooms(24, 5)
    drawn = render(rooms, SIDE)
    return ReaderPool(drawn.rgb, drawn.instance, box_truth(rooms))


def test_a_mirror_twice_is_the_room(pool: ReaderPool) -> None:
    again, becomes = mirror(mirror(pool.rooms)[0])
    for name, value in pool.rooms._asdict().items():
        assert torch.allclose(getattr(again, name).float(), value.float(), atol=1e-6), name
    assert becomes.shape == (24, len(INSTANCE))


def test_the_mirrored_room_shows_the_mirrored_picture(pool: ReaderPool) -> None:
    mirrored, becomes = mirror(pool.rooms)
    flipped = pool.instances.flip(2).flatten(1).long()
    wanted = becomes.gather(1, flipped).long()
    seen = torch.cat([label_maps(mirrored.at(i), SIDE) for i in range(8)])
    plain = torch.cat([label_maps(pool.rooms.at(i), SIDE) for i in range(8)])
    right = (plain == pool.instances[:8].flatten(1)).float().mean()
    assert float((seen == wanted[:8]).float().mean()) > float(right) - 0.01
    assert float(right) > 0.9


def test_what_is_hidden_need_not_be_read(pool: ReaderPool) -> None:
    seen = only_seen(pool.rooms, pool.instances)
    assert bool((seen.exists <= pool.rooms.exists).all()) and seen.exists.sum() < pool.rooms.exists.sum()
    lamp, table = SLOT_NAMES.index("lamp_l"), SLOT_NAMES.index("nightstand_l")
    assert bool((seen.exists[:, table] | ~seen.exists[:, lamp]).all())


def test_truth_of_a_pool_is_that_of_its_shards() -> None:
    assert torch.equal(pack(truth_of_pool(4, 9))[0], pack(box_truth(sample_rooms(4, 9)))[0])


def test_steps_learn(pool: ReaderPool) -> None:
    task = RoomReaderTask(ReaderRecipe(width=32, batch=12, half_precision=False), pool, Segmenter())
    first = task.metrics()
    losses = [float(task.step(0.0, 100_000)["loss"]) for _ in range(10)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    assert set(first) >= {"held_out_corners", "held_out_presence_accuracy"}
    reader = task.modules["reader"]
    shown = (pool.instances[:2, ::2, ::2].long() - SHELL) % len(INSTANCE)
    assert shown.shape == (2, SIDE // 2, SIDE // 2)
    assert reader.read(torch.zeros(1, 3, SIDE, SIDE)).exists.shape == (1, 26)


def test_the_folder_that_a_run_writes_can_be_read(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box3d_reader_run, "ReaderRecipe", lambda: ReaderRecipe(width=32, batch=4))
    digest = box3d_reader_run.build(0.01, rooms=16, seed=3, folder=tmp_path / "reader", work=tmp_path / "run")
    reader = load_reader(tmp_path / "reader")
    assert len(digest) == 16 and reader.config.token == 32
    assert (tmp_path / "run" / "metrics.jsonl").is_file()
    assert reader.read(torch.zeros(1, 3, 64, 64)).exists.shape == (1, 26)
