"""The types of frame encoder and sound encoder that a configuration can select."""

from avloc.nn.encoders import Backbone
from avloc.nn.tagger import Tagger
from avloc.nn.timm_encoder import Timm

Eyes = Backbone | Timm
Ears = Backbone | Tagger
