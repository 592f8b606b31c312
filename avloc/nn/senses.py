"""What can stand as a method's frame encoder and as its sound encoder, as configurations give them."""

from avloc.nn.encoders import Backbone
from avloc.nn.tagger import Tagger
from avloc.nn.timm_encoder import Timm

Eyes = Backbone | Timm
Ears = Backbone | Tagger
