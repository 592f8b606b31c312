"""The built-in world: real mp4 files of instruments with typical looks and sounds, and exact ground truth."""
