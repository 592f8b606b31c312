"""The commands that work in a run: train, cluster, match, evaluate, visualize."""

from pathlib import Path
from typing import Annotated, Any

import typer

from avloc.cli.show import Json, guarded, print_json, progress, say, table
from avloc.cli.tools import import_weights

Config = Annotated[Path | None, typer.Option(help="A YAML configuration; `avloc recipes` lists those that come along.")]
RunOption = Annotated[
    Path | None,
    typer.Option(help="The run's folder; default: runs/<configuration's name>, or the run last started here."),
]
Set = Annotated[
    list[str] | None, typer.Option(help="KEY=VALUE over the configuration, as stage1.train.lr=3e-4; may be repeated.")
]


def register(app: typer.Typer) -> None:
    for name, command in (
        ("train-stage1", train_stage1),
        ("cluster", cluster),
        ("match-clusters", match_clusters),
        ("train-stage2", train_stage2),
        ("visualize", visualize),
        ("predict", predict),
        ("import-weights", import_weights),
    ):
        app.command(name, rich_help_panel="Runs")(guarded(command))


def train_stage1(config: Config = None, run: RunOption = None, set: Set = None, json: Json = False) -> None:
    """Train the first stage of the configured method; run it again to go on after an interruption."""
    from avloc import train_stage1

    with progress("train-stage1") as shown:
        trained = train_stage1(config, run, set or (), shown)
    _show_trained(trained, json)


def train_stage2(config: Config = None, run: RunOption = None, set: Set = None, json: Json = False) -> None:
    """Train the second stage from the run's first stage, and from its clusters where the method has any."""
    from avloc import train_stage2

    with progress("train-stage2") as shown:
        trained = train_stage2(config, run, set or (), shown)
    _show_trained(trained, json)


def _show_trained(trained: Any, json: bool) -> None:
    if json:
        print_json(trained)
        return
    rows = []
    for phase, entry in trained.last.items():
        judged = "  ".join(f"{name} {value:.3f}" for name, value in entry["validation"].items())
        rows.append([phase, entry["epoch"], f"{entry['loss']:.4f}", judged, trained.weights[phase]])
    table("", ["phase", "epoch", "loss", "validation", "weights"], rows, right=(1, 2))
    say(f"{trained.run}: stage {trained.stage}, {trained.epochs} epochs in {trained.seconds:.0f} s")


def cluster(
    config: Config = None,
    run: RunOption = None,
    set: Set = None,
    as_trained: Annotated[
        bool | None,
        typer.Option(help="Take the clustering that stage one itself trained with; default: as configured."),
    ] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option(
            help="Take this object dictionary, a .npy file (K, C) such as the authors', instead of clustering."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Cluster the objects of the training clips into the dictionary that stage two reads."""
    from avloc import cluster

    found = cluster(config, run, set or (), as_trained, dictionary)
    if json:
        print_json(found)
        return
    quality = "" if found.nmi is None else f", NMI {found.nmi:.3f} and purity {found.purity:.3f} with the true classes"
    say(f"{found.run}: {found.clips} clips in {found.clusters} clusters of {', '.join(map(str, found.sizes))}{quality}")


def match_clusters(
    config: Config = None,
    run: RunOption = None,
    set: Set = None,
    random_draws: Annotated[
        int | None,
        typer.Option(help="Search by so many random draws, as the authors do; 0 is exact. Default: as configured."),
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="Exit with status 1 unless the match is one-to-one without doubts.")
    ] = False,
    json: Json = False,
) -> None:
    """Say which cluster is which class, for the class-aware scores; training never sees it."""
    from avloc import match_clusters

    matched = match_clusters(config, run, set or (), random_draws)
    if json:
        print_json(matched)
    else:
        rows = [[name, ", ".join(map(str, clusters))] for name, clusters in matched.classes.items()]
        table("", ["class", "clusters"], rows)
        say(f"{matched.run}: agreement {matched.score:.3f} of {len(matched.classes)}, purity {matched.purity:.3f}")
        for doubt in matched.doubts:
            say(f"please check: {doubt}")
    if strict and matched.doubts:
        raise typer.Exit(1)


def visualize(
    config: Config = None,
    run: RunOption = None,
    set: Set = None,
    sets: Annotated[list[str] | None, typer.Option(help="Draw this test set alone; may be repeated.")] = None,
    clips: Annotated[int, typer.Option(help="Clips drawn of each test set.", min=1)] = 8,
    json: Json = False,
) -> None:
    """Draw a run: maps, clusters, training curves, and a page that shows them with sound."""
    from avloc import visualize

    with progress("visualize") as shown:
        drawn = visualize(config, run, set or (), sets or None, clips, shown)
    if json:
        print_json(drawn)
        return
    for figure in drawn.figures:
        say(figure)
    say(f"open {drawn.report}")


def predict(
    store: Annotated[Path, typer.Option(help="A prepared store, with boxes or without.")],
    config: Config = None,
    run: RunOption = None,
    set: Set = None,
    split: Annotated[str, typer.Option(help="Which of its splits.")] = "all",
    stage: Annotated[int | None, typer.Option(help="Whose maps; default: the last stage's.")] = None,
    videos: Annotated[int, typer.Option(help="How many videos are drawn.")] = 8,
    out: Annotated[Path | None, typer.Option(help="A folder; default: the run's predictions.")] = None,
    own_sound: Annotated[
        bool, typer.Option("--own-sound", help="Hear each frame with its part of the clip's sound.")
    ] = False,
    json: Json = False,
) -> None:
    """Say where the sound comes from in any prepared videos: heat maps as a file and as strips of pictures."""
    from avloc import predict

    with progress("predict") as shown:
        found = predict(store, config, run, set or (), split, stage, videos, out, own_sound, shown)
    if json:
        print_json(found)
        return
    say(f"{found.predictions}: {found.frames} frames of {found.clips} clips; when and where: {found.table}")
    say(f"open {found.strips}")
