"""One module a command, with one function of the same name: what `avloc X` does, callable as `avloc.X`."""
