"""SSPL: self-supervised predictive learning of sound source localization, with and without predictive coding.

Song et al., CVPR 2022, arXiv 2203.13412; reference zjsong/SSPL @d1af4c7, both of its programs.
"""

from avloc.methods.sspl.method import Sspl
from avloc.methods.sspl.published import FILES, arguments_of, import_state

STAGES = (Sspl,)
CONFIG = "sspl_flickr_144k"  # whose data an imported run takes

__all__ = ["FILES", "STAGES", "Sspl", "arguments_of", "import_state"]
