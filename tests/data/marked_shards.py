"""Stands in for a library that ends or hangs its process on a damaged file: one with an attribute `mark`."""

import os
import signal
import time

import h5py


class Marked(h5py.File):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        mark = self.attrs.get("mark")
        if mark == "ends":
            os.kill(os.getpid(), signal.SIGBUS)
        if mark == "hangs":
            time.sleep(10**6)


h5py.File = Marked  # type: ignore[misc]
