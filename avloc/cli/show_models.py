"""Shows the results of commands about trained models: calibrate, info, export."""

from typing import TYPE_CHECKING, Any

from avloc.cli.show import say, table
from avloc.cli.show_scores import notes, percent

if TYPE_CHECKING:
    from avloc.engine.calibration import Calibration
    from avloc.verbs.calibrate import Calibrated
    from avloc.verbs.export import ModelFile
    from avloc.verbs.info import Info


def show_calibrated(found: "Calibrated") -> None:
    calibration = found.calibration
    kinds = list(calibration.auroc)
    rows = [[name, *(percent(value[kind]) for kind in kinds)] for name, value in calibration.aurocs.items()]
    where = f"{calibration.data.get('split', '')} of {calibration.data.get('store', '')}"
    say(f"{where}: AUROC of a clip's own sound against others, %")
    table("", ["score", *kinds], rows, right=tuple(range(1, len(kinds) + 1)))
    show_rates(calibration)
    say(
        f"{found.file}: stage {calibration.stage} counts as sounding if {calibration.score} is at least "
        f"{calibration.threshold:.4g}"
    )
    if calibration.test is None:
        notes(
            [
                "the threshold was chosen on these clips, so the figures are optimistic; --test SPLIT measures it on others"
            ]
        )


def show_rates(calibration: "Calibration") -> None:
    """Of the chosen score: on the clips it was chosen on, and on others if there are any."""
    measured: list[tuple[str, dict[str, Any]]] = [("chosen on", calibration.to_json())]
    if calibration.test is not None:
        measured.append((str(calibration.test["split"]), calibration.test))
    rows = [
        [clips, kind, rates["clips"][kind], percent(rates["auroc"][kind]), percent(rates["alarms"][kind])]
        for clips, rates in measured
        for kind in rates["auroc"]
    ]
    title = f"{calibration.score}, threshold {calibration.threshold:.4g} (Youden)"
    table(title, ["clips", "sound", "n", "AUROC %", "counted as sounding %"], rows, right=(2, 3, 4))
    for clips, rates in measured:
        say(f"{clips}: {percent(rates['missed'])} % of {rates['clips']['own']} clips with their own sound are missed")


def show_info(found: "Info") -> None:
    """One key and value per line, in YAML syntax."""
    from avloc.config import dump

    say(f"{found.path}: {found.kind}")
    say(dump(found.about), end="")
    for name, about in found.files.items():
        say(f"\n{name}")
        say(dump(about), end="")
    if found.config is not None:
        say("\nconfiguration")
        say(dump(found.config), end="")


def show_exported(found: "ModelFile") -> None:
    shapes = ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in found.inputs.items())
    say(f"{found.file}: {found.method} stage {found.stage} as {found.format}, {found.bytes / 1e6:.1f} MB")
    if shapes and found.format != "safetensors":
        say(f"inputs: {shapes}")
    if found.difference is not None:
        say(f"checked on {found.clips} clips: maps differ by at most {found.difference:.1g} of their largest value")
