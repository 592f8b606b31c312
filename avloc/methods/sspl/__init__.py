"""SSPL: self-supervised predictive learning of sound source localization, with and without predictive coding.

Song et al., CVPR 2022, arXiv 2203.13412; reference zjsong/SSPL @d1af4c7, both of its programs.
"""

from avloc.methods.base import Published
from avloc.methods.sspl.method import Sspl
from avloc.methods.sspl.published import FILES, arguments_of, import_state

STAGES = (Sspl,)
PUBLISHED = Published("sspl_flickr_144k", arguments_of, import_state, files=FILES)

__all__ = ["PUBLISHED", "STAGES", "Sspl", "arguments_of", "import_state"]
