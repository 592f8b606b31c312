import io

import numpy as np
from PIL import Image

from avloc.drawing.choose import Choice
from avloc.drawing.cycles import cycles_panel, nodes_panel
from avloc.drawing.moments import Moment


def moment(name: str) -> Moment:
    return Moment(
        choice=Choice(name, "best", 0.5),
        clip=name,
        frame=np.full((16, 16, 3), 90, np.uint8),
        boxes=np.zeros((0, 4), np.float32),
        labels=np.zeros(0, np.int64),
        sounding=np.zeros(0, bool),
        heard=(),
        classes=("harp",),
        maps={},
        assignment=None,
        waveform=np.zeros(8, np.int16),
        rate=8,
    )


def test_a_row_for_each_frame_and_a_picture_for_each_cycle():
    def size(frames: int, cycles: int) -> tuple[int, int]:
        maps = np.random.default_rng(0).normal(size=(frames, cycles, 4, 4))
        drawn = cycles_panel("solo", [moment(f"c{n}") for n in range(frames)], maps)
        return Image.open(io.BytesIO(drawn)).size

    (narrow, low), (wide, _), (_, high) = size(1, 3), size(1, 5), size(2, 3)
    # matplotlib may round a width in inches by a pixel
    assert abs(wide - narrow - 2 * (256 + 10)) <= 1 and high - low > 256


def test_nodes_stand_eight_in_a_row():
    def size(nodes: int) -> tuple[int, int]:
        maps = np.random.default_rng(0).normal(size=(1, nodes, 4, 4))
        return Image.open(io.BytesIO(nodes_panel("solo", [moment("c")], maps))).size

    (few, low), (wide, same), (again, high) = size(6), size(8), size(16)
    assert wide - few == 2 * (160 + 10) and low == same and again == wide and high - same > 160


def test_the_pictures_of_a_row_share_one_scale():
    """A map that is low everywhere stays dark beside one that is high."""
    maps = np.stack([np.zeros((4, 4)), np.ones((4, 4))])[None]
    drawn = np.asarray(Image.open(io.BytesIO(cycles_panel("solo", [moment("c")], maps))).convert("L")).astype(float)
    below = drawn[-32 - 200 - 40 : -32 - 40]  # within the pictures
    left, right = below[:, 60:200].mean(), below[:, 330:470].mean()
    assert right > left + 40
