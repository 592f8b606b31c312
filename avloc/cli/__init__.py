"""The command line: parse, call the verb of the same name, show its result."""


def main() -> None:
    """The console command `avloc`."""
    import gc
    import os
    import sys

    from avloc.cli.faults import Forgiving, fault_of, open_streams, repeat_if_lost, tell_of_the_end

    open_streams()
    sys.unraisablehook = repeat_if_lost
    if "TORCHELASTIC_RUN_ID" in os.environ:  # one of torchrun's processes
        tell_of_the_end()
    sys.stderr = Forgiving(sys.stderr)
    gc.disable()  # until a command starts: loading modules creates no garbage, and looking for it takes a tenth of the time
    try:
        from avloc.cli.app import app

        app(prog_name="avloc")
    except KeyboardInterrupt:  # raised while the modules were loading
        print("\navloc: interrupted before anything was done", file=sys.stderr)
        sys.exit(130)
    except (ImportError, MemoryError, OSError) as error:
        fault = fault_of(error)
        if isinstance(error, OSError) and error.filename is None:  # --help on a full disk: commands tell their own
            from avloc.cli.show import give_up_stdout

            give_up_stdout()
            fault = f"stdout: cannot be written ({error.strerror})"
        if fault is None:
            raise
        print(f"avloc: {fault}", file=sys.stderr)
        sys.exit(2)
    except (KeyError, ValueError):
        if "_AVLOC_COMPLETE" not in os.environ:  # which only the completion of a shell sets
            raise
        print("avloc: COMP_WORDS or COMP_CWORD is not as a shell sets it; unset _AVLOC_COMPLETE", file=sys.stderr)
        sys.exit(2)
