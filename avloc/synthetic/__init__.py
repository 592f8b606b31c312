"""The built-in world: real mp4 files of instruments that look and sound like themselves, with exact truth."""
