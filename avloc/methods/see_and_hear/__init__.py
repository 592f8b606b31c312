"""See and hear: what a tagger hears times what a classifier sees, without any training. Ours.

It is the class activation baseline of Qian et al., ECCV 2020, with today's networks: YAMNet (Hershey et al., ICASSP 2017;
AudioSet, Gemmeke et al., ICASSP 2017), an ImageNet classifier asked at each place, and YuNet (Wu et al., 2023) for faces.
"""

from avloc.methods.see_and_hear.method import SeeAndHear

STAGES = (SeeAndHear,)

__all__ = ["STAGES", "SeeAndHear"]
