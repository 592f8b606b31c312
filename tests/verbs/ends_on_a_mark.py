"""Stands in for a library that ends its process on a damaged file: one that has an attribute `mark`."""

import os
import signal

import h5py

_File = h5py.File


def opened(*arguments, **options):
    file = _File(*arguments, **options)
    if "mark" in file.attrs:
        os.kill(os.getpid(), signal.SIGBUS)
    return file


h5py.File = opened  # type: ignore[misc]
