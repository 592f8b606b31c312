"""NoPrior: localizing an unknown number of sources in a mixture.

Kim et al., CVPR 2024, arXiv 2403.17420; reference VisualAIKHU/NoPrior_MultiSSL @9910fb1, which builds on
denfed/heartheflow @60ed54d.
"""

from avloc.methods.noprior.method import NoPrior
from avloc.methods.noprior.published import PUBLISHED

STAGES = (NoPrior,)

__all__ = ["PUBLISHED", "STAGES", "NoPrior"]
