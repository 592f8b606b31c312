"""Everything that makes a store. A module here is a data set: `avloc prepare NAME` runs the function prepare_NAME of NAME.py.

The folders have what several data sets use: media (decoding by time), parts (listing and cutting), layouts (of
published programs), pool (processes), writing (the store on disk).
"""
