"""What `import avloc` offers, for type checkers and editors; at run time `__getattr__` imports each when it is first used."""

from avloc.data.clip import Clip as Clip
from avloc.data.loader import Batch as Batch
from avloc.data.store import Store as Store
from avloc.data.views import FrameView as FrameView
from avloc.data.views import LogMel as LogMel
from avloc.data.views import LogStft as LogStft
from avloc.data.views import VggishPatches as VggishPatches
from avloc.data.views import Waveform as Waveform
from avloc.engine.run import Run as Run
from avloc.errors import AvlocError as AvlocError
from avloc.methods.base import Localizer as Localizer
from avloc.methods.base import Phase as Phase
from avloc.methods.base import Train as Train
from avloc.prepare.audioset_instrument import prepare_audioset_instrument as prepare_audioset_instrument
from avloc.prepare.ave import prepare_ave as prepare_ave
from avloc.prepare.folder import prepare_folder as prepare_folder
from avloc.prepare.import_ import prepare_import as prepare_import
from avloc.prepare.music import prepare_music as prepare_music
from avloc.prepare.music_synthetic import prepare_music_synthetic as prepare_music_synthetic
from avloc.prepare.soundnet_flickr import prepare_soundnet_flickr as prepare_soundnet_flickr
from avloc.prepare.synthetic import prepare_synthetic as prepare_synthetic
from avloc.prepare.vggsound import prepare_vggsound as prepare_vggsound
from avloc.verbs.benchmarks import benchmarks as benchmarks
from avloc.verbs.cluster import cluster as cluster
from avloc.verbs.compare import compare as compare
from avloc.verbs.data_check import data_check as data_check
from avloc.verbs.data_merge import data_merge as data_merge
from avloc.verbs.data_show import data_show as data_show
from avloc.verbs.demo import demo as demo
from avloc.verbs.evaluate import evaluate as evaluate
from avloc.verbs.evaluate_predictions import evaluate_predictions as evaluate_predictions
from avloc.verbs.import_weights import import_weights as import_weights
from avloc.verbs.leaderboard import leaderboard as leaderboard
from avloc.verbs.match_clusters import match_clusters as match_clusters
from avloc.verbs.predict import predict as predict
from avloc.verbs.pseudo_labels import pseudo_labels as pseudo_labels
from avloc.verbs.recipes import recipes as recipes
from avloc.verbs.train_stage1 import train_stage1 as train_stage1
from avloc.verbs.train_stage2 import train_stage2 as train_stage2
from avloc.verbs.visualize import visualize as visualize
from avloc.verbs.weights_fetch import weights_fetch as weights_fetch
from avloc.verbs.weights_list import weights_list as weights_list
from avloc.verbs.weights_path import weights_path as weights_path

__version__: str
