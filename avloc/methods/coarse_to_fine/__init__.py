"""Coarse-to-fine: first which categories are seen and heard, then which positions sound, category by category.

Qian, Hu, Dinkel, Wu, Xu, Lin, *Multiple Sound Sources Localization from Coarse to Fine*, ECCV 2020, arXiv 2007.06355;
reference shvdiwnkozbw/Multi-Source-Sound-Localization @de67ce3, its simplified version.
"""

from avloc.methods.base import Published
from avloc.methods.coarse_to_fine.published import arguments_of, import_state
from avloc.methods.coarse_to_fine.stage_one import StageOne
from avloc.methods.coarse_to_fine.stage_two import StageTwo

STAGES = (StageOne, StageTwo)
PUBLISHED = Published("coarse_to_fine_flickr", arguments_of, import_state)

__all__ = ["PUBLISHED", "STAGES", "StageOne", "StageTwo", "arguments_of", "import_state"]
