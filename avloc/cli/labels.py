"""`avloc pseudo-labels`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from avloc.cli.show import Json, guarded, print_json, progress


def register(app: typer.Typer) -> None:
    app.command("pseudo-labels", rich_help_panel="Data")(pseudo_labels)


File = Path | None


@guarded
def pseudo_labels(
    store: Annotated[Path, typer.Option(help="A prepared store.")],
    split: Annotated[str, typer.Option(help="Which of its splits.")],
    name: Annotated[str, typer.Option(help="What the labels are called: data.labels of a configuration.")],
    tags: Annotated[bool, typer.Option("--tags", help="From the store's own labels.")] = False,
    scores: Annotated[File, typer.Option(help="Scores of sounds: .csv (id,CLASS,...), .npz, or .npy in order.")] = None,
    run: Annotated[File, typer.Option(help="From the clusters of this run.")] = None,
    frame_scores: Annotated[File, typer.Option(help="Scores of frames, if they have other ones.")] = None,
    tagger: Annotated[File, typer.Option(help="Hear with this audio tagger, mobilecrnn_v2.pth.")] = None,
    classifier: Annotated[
        str | None,
        typer.Option(help="See with a ResNet-18 or 34 of torchvision: a file, or `imagenet` to download ResNet-18."),
    ] = None,
    sound_mapping: Annotated[File, typer.Option(help="Categories of the tagger's classes: .npy or .csv.")] = None,
    frame_mapping: Annotated[File, typer.Option(help="Categories of the classifier's classes: .npy or .csv.")] = None,
    image_scores: Annotated[
        Literal["softmax", "logits"], typer.Option(help="What of the classifier a category sums up.")
    ] = "softmax",
    proposals: Annotated[File, typer.Option(help="A detector's boxes of each frame: .npz, .json or Roi.h5.")] = None,
    device: Annotated[str, typer.Option(help="Where networks run: auto, cpu or cuda.")] = "auto",
    batch_size: Annotated[int, typer.Option(help="Clips, or frames, at a time.")] = 32,
    json: Json = False,
) -> None:
    """Say for each clip which classes are heard and seen, for methods that learn categories first."""
    from avloc import pseudo_labels as write

    with progress("pseudo-labels") as shown:
        found = write(
            store, split, name, tags, scores, run, frame_scores, tagger, classifier, sound_mapping, frame_mapping,
            image_scores, proposals, device, batch_size, shown,
        )  # fmt: skip
    if json:
        print_json(found)
        return
    boxes = f"; {found.proposals} proposals a frame" if found.proposals else ""
    print(
        f"{found.file}: {found.clips} clips, {len(found.classes)} classes ({', '.join(found.classes)}), "
        f"{found.sound:.1f} heard and {found.frame:.1f} seen a clip{boxes}"
    )
