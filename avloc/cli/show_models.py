"""How the commands about trained models show what they found: calibrate, info, export."""

from typing import TYPE_CHECKING, Any

from avloc.cli.show import say, table
from avloc.cli.show_scores import notes, percent

if TYPE_CHECKING:
    from avloc.engine.calibration import Calibration
    from avloc.verbs.calibrate import Calibrated


def show_calibrated(found: "Calibrated") -> None:
    calibration = found.calibration
    kinds = list(calibration.auroc)
    rows = [[name, *(percent(value[kind]) for kind in kinds)] for name, value in calibration.aurocs.items()]
    where = f"{calibration.data.get('split', '')} of {calibration.data.get('store', '')}"
    table(f"AUROC of own sound against, on {where}, %", ["score", *kinds], rows, right=tuple(range(1, len(kinds) + 1)))
    show_rates(calibration)
    say(
        f"{found.file}: stage {calibration.stage} counts as sounding from {calibration.score} {calibration.threshold:.4g} on"
    )
    if calibration.test is None:
        notes(["these are the clips it was chosen on, so the figures are optimistic; --test SPLIT measures others"])


def show_rates(calibration: "Calibration") -> None:
    """Of the chosen score: on the clips it was chosen on, and on others where there are any."""
    measured: list[tuple[str, dict[str, Any]]] = [("chosen on", calibration.to_json())]
    if calibration.test is not None:
        measured.append((str(calibration.test["split"]), calibration.test))
    rows = [
        [clips, kind, rates["clips"][kind], percent(rates["auroc"][kind]), percent(rates["alarms"][kind])]
        for clips, rates in measured
        for kind in rates["auroc"]
    ]
    title = f"{calibration.score}, threshold {calibration.threshold:.4g} (Youden)"
    table(title, ["clips", "heard with", "n", "AUROC %", "called sounding %"], rows, right=(2, 3, 4))
    for clips, rates in measured:
        say(f"{clips}: {percent(rates['missed'])} % of {rates['clips']['own']} clips with their own sound are missed")
