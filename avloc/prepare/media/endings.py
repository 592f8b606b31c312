"""The endings of media files, in lower case."""

PICTURES = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".flv", ".ts", ".3gp", ".wmv")
SOUNDS = (".wav", ".flac", ".ogg", ".m4a", ".mp3")
STILLS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
