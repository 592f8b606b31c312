"""DSOL: discriminative sounding objects localization via self-supervised audiovisual matching.

Hu et al., NeurIPS 2020, arXiv 2010.05466; reference DTaoo/Discriminative-Sounding-Objects-Localization @7f40207. Stage
one learns from solo clips which positions of a frame belong to its sound, alternating with a classification of objects
found by clustering; stage two gets several objects at once and learns which of them sound.
"""

from avloc.methods.base import Published
from avloc.methods.dsol.published import arguments_of, import_state
from avloc.methods.dsol.stage_one import StageOne
from avloc.methods.dsol.stage_two import StageTwo

STAGES = (StageOne, StageTwo)
PUBLISHED = Published("dsol_music", arguments_of, import_state)

__all__ = ["PUBLISHED", "STAGES", "StageOne", "StageTwo", "arguments_of", "import_state"]
