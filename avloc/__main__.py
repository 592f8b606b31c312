"""`python -m avloc`, and `torchrun -m avloc`."""

from avloc.cli import main

if __name__ == "__main__":
    main()
