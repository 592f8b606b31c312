"""Everything that makes a store. A module here is a data set: `avloc prepare NAME` runs the function prepare_NAME of NAME.py.

The folders hold what data sets share: media (decoding by time), parts (listing and cutting), layouts (of published programs),
pool (processes), writing (the store on disk).
"""
