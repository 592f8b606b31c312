"""The suffixes of media files, in lower case: one list for everything that looks for files or compares their names."""

VIDEOS = (
    ".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".flv", ".ts", ".m2ts", ".mts", ".3gp", ".3g2",
    ".wmv", ".asf", ".ogv", ".mxf", ".vob", ".f4v",
)  # fmt: skip
SOUNDS = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mp3", ".aac", ".aiff", ".aif", ".wma", ".mka", ".ac3", ".au",
    ".caf", ".amr",
)  # fmt: skip
STILLS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
#: of files about one clip, named after it: a heat map, a mask, boxes
OF_A_CLIP = (".npy", ".npz", ".xml")

_ALL = frozenset((*VIDEOS, *SOUNDS, *STILLS, *OF_A_CLIP))


def split_ending(name: str) -> tuple[str, str]:
    """(name without the suffix of a media file, that suffix as written); "" for any other name."""
    stem, dot, ending = name.rpartition(".")
    known = stem and not stem.endswith("/") and f".{ending.lower()}" in _ALL
    return (stem, dot + ending) if known else (name, "")


def bare(name: str) -> str:
    """The name of a clip without the suffix of its media; a line of DSOL's lists, NAME.flac NAME.mp4, is one name."""
    first, _, second = name.partition(" ")
    if second and bare(first) == bare(second) not in (first, second):
        return bare(first)
    return split_ending(name)[0]
