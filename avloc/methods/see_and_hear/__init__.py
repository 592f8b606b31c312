"""See and hear: a tagger's scores times a classifier's probabilities, without any training. Ours.

It is the class activation baseline of Qian et al., ECCV 2020, with current networks: YAMNet (Hershey et al., ICASSP 2017;
AudioSet, Gemmeke et al., ICASSP 2017), an ImageNet classifier applied at each position, and YuNet (Wu et al., 2023) for faces.
"""

from avloc.methods.see_and_hear.method import SeeAndHear

STAGES = (SeeAndHear,)

__all__ = ["STAGES", "SeeAndHear"]
