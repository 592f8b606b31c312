"""Small methods whose training draws nothing at random but the batches: on two processes with half the batch they can be one
training. Run by torchrun, this file trains all of them: STORES FOLDER.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from avloc import processes
from avloc.data.loader import Loader
from avloc.data.store import Store
from avloc.data.views import FrameView, LogMel, LogStft, VggishPatches
from avloc.engine.experiment import load_method
from avloc.engine.trainer import fit
from avloc.methods.base import Localizer, Train
from avloc.nn.encoders import Backbone
from avloc.nn.vgg import Vgg
from avloc.nn.vggish import Vggish
from tests.engine.tiny import RATE

FRAME = FrameView(size=24, resize=24, crop=False, augment=False)
STFT, MEL = LogStft(rate=RATE), LogMel(rate=RATE, n_fft=128, hop=80, mels=16)
BACKBONE = Backbone(widths=(8, 16), blocks=(1, 1), strides=(1, 2))
SMALL: dict[str, Any] = {"frame": FRAME, "visual": BACKBONE, "audio": BACKBONE}
MODELS: dict[str, dict[str, Any]] = {
    "coarse_to_fine": {**SMALL, "sound": MEL, "classes": 3},
    "dsol": {**SMALL, "sound": MEL, "clusters": 3, "dim": 8, "pairs": "all", "class_task": False},
    "ez_vsl": {**SMALL, "sound": STFT, "dim": 8, "tau": 0.1},
    "fnac": {**SMALL, "sound": STFT, "dim": 8, "tau": 0.1, "warmup": 1, "frame_dropout": 0.0},
    "hard_way": {**SMALL, "sound": STFT},
    "noprior": {**SMALL, "sound": STFT, "flow": "none", "frozen": False},
    "slavc": {**SMALL, "sound": STFT, "dim": 8, "tau": 0.1, "frame_dropout": 0.0, "frame_momentum": 0.9},
    "sspl": {
        "frame": replace(FRAME, size=20, resize=20),  # 10 x 10 places, as predictive coding needs
        "sound": VggishPatches(seconds=1.0),
        "visual": Vgg(widths=(4, 6), blocks=(1, 1), norms=True),
        "audio": Vggish(widths=(2, 3), blocks=(1, 1), hidden=7, dim=5, norms=True),
        "pcm_cycles": 1,
        "pcm_lr": 1e-3,
        "head_width": 12,
        "head_bottleneck": 4,
        "head_lr": 1e-3,
        "warm_up": 2,
        "warm_up_lr": 1e-2,
    },
    "ssl_alignment": {**SMALL, "sound": STFT, "frame2": FRAME, "sound2": STFT, "neighbours": 3},
    "visual_context": {**SMALL, "sound": STFT, "feature_dropout": 0.0, "deaf": "contrast"},
}
RATES = {"sspl": 16000}  # of those that listen at another rate than the others
APART = "ez_vsl"  # is also trained with contrasts within each process


def small(name: str, number: int = 1) -> Localizer:
    torch.manual_seed(0)
    stages = load_method(name).STAGES
    first = stages[0](**MODELS[name])
    if number == 1:
        return first
    second = stages[1](places=0.5, confidence=0.01)
    second.start_from(first, None)
    return second


STAGES = [(name, 1) for name in sorted(MODELS)] + [("coarse_to_fine", 2)]


def store_of(name: str, stores: Path) -> Store:
    """The tiny store of the rate at which the method listens."""
    return Store.open(stores / f"store{RATES.get(name, RATE)}").split("train")


def trained(name: str, number: int, store: Store, folder: Path, batch_size: int, **settings: Any) -> dict[str, Any]:
    """Weights after two epochs of three steps, and the losses."""
    localizer = small(name, number)
    loader = Loader(store, localizer, torch.device("cpu"))
    # no momentum, no division by the size of gradients: rounding stays rounding
    train = Train(epochs=2, batch_size=batch_size, lr=1e-2, weight_decay=0.0, optimizer="sgd", select="last")
    log = fit(localizer, {"train": loader}, replace(train, **settings), folder, 0, {"method": name, "stage": number})
    return {"weights": dict(localizer.state_dict()), "losses": [entry["loss"] for entry in log]}


def main() -> None:
    processes.join()
    torch.set_num_threads(1)
    stores, folder = Path(sys.argv[1]), Path(sys.argv[2])
    found = {}
    for name, number in STAGES:
        one = f"{name}{number}"
        found[one] = trained(name, number, store_of(name, stores), folder / one, 3, gather=True, sync_bn=True)
    found["apart"] = trained(APART, 1, store_of(APART, stores), folder / "apart", 3, sync_bn=True)
    torch.save(found, folder / f"rank{processes.rank()}.pt")
    processes.leave()


if __name__ == "__main__":
    main()
