"""What the machine lacks is told in one line with what to lower; bugs of avloc keep their traceback."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avloc.cli import main
from avloc.cli.faults import Forgiving, fault_of
from avloc.cli.show import guarded, of_worker
from tests.commands import invoke


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "this machine is out of memory; lower train.batch_size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "this machine is out of memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "the GPU is out of memory"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "the GPU is out of memory"),
        (OSError(errno.EMFILE, "x", "/a/b"), "/a/b: Too many open files; raise the limit of open files"),
        (RuntimeError("unable to open shared memory object: Too many open files (24)"), "Too many open files"),
        (OSError(errno.ENOSPC, "x"), "No space left on device; free space"),
        (PermissionError(errno.EACCES, "x", "/a"), "/a: Permission denied; the file itself may be fine"),
        (OSError(errno.ENAMETOOLONG, "x", "/a"), "/a: File name too long; give another path"),
        (OSError(errno.EFBIG, "x", "/a"), "/a: File too large; raise the limit of file sizes"),
        (RuntimeError("DataLoader worker (pid 3) exited unexpectedly"), "a process that reads clips was killed"),
        (RuntimeError("can't start new thread"), "cannot start another process"),
        (RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer"), "another process of this command"),
        (ImportError("x.so: failed to map segment from shared object"), "this machine is out of memory: the libraries"),
    ],
)
def test_a_fault_of_the_machine_is_one_line(error, told):
    found = fault_of(error)
    assert found is not None and told in found and "\n" not in found


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyError("y"), RuntimeError("shape mismatch"), FileNotFoundError(2, "x"), ImportError("no soxr")],
)
def test_any_other_error_is_a_bug(error):
    assert fault_of(error) is None


def test_a_command_ends_in_the_line_with_status_2(capsys):
    @guarded
    def command() -> None:
        raise MemoryError

    with pytest.raises(Exception) as error:
        command()
    assert getattr(error.value, "exit_code", None) == 2
    assert capsys.readouterr().err.startswith("avloc: this machine is out of memory")


def test_a_library_that_cannot_be_loaded_ends_the_program_in_one_line(capsys, monkeypatch):
    def fail(prog_name):
        raise ImportError("x.so: failed to map segment from shared object")

    monkeypatch.setattr("gc.disable", lambda: None)
    monkeypatch.setattr("avloc.cli.app.app", fail)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2 and capsys.readouterr().err.startswith("avloc: this machine is out of memory")


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_stream_that_fails_is_forgiven(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Forgiving(Full()))
    print("progress", file=sys.stderr)
    assert not sys.stderr.isatty()


def test_the_error_of_a_process_of_the_loader_is_its_last_line():
    told = "Caught DataError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  File\n"
    assert of_worker(told + "avloc.errors.DataError: a.h5: broken; again\n") == "a.h5: broken; again"
    assert of_worker("a.h5: broken") == "a.h5: broken"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_fault_and_no_file_gets_its_number(tmp_path, closed):
    code = (
        "from avloc.cli.faults import open_streams; open_streams(); file = open('f', 'w'); print(1); "
        "file.write(str(file.fileno()))"
    )
    line = f'{sys.executable} -c "{code}" {closed}'
    found = subprocess.run(line, shell=True, capture_output=True, cwd=tmp_path, check=False)
    assert (found.returncode, found.stderr) == (0, b"") and int((tmp_path / "f").read_text()) > 2


def test_a_current_folder_that_was_removed_is_one_line(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError) as error:
        Path.cwd()
    assert fault_of(error.value) == (
        "the current folder was removed; change to another one (cd), and repeat the command there"
    )
    monkeypatch.chdir(tmp_path)
    assert fault_of(error.value) is None


def test_help_on_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "avloc", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (found.returncode, found.stderr) == (
        2,
        "avloc: stdout: cannot be written (No space left on device)\n",
    )


@pytest.mark.parametrize("width", [0, 1, 5])
def test_a_terminal_without_width_shows_the_benchmarks(width):
    found = invoke("benchmarks", width=width, terminal=True)
    assert found.exit_code == 0 and "vggss" in found.stdout


LOST = """
import sys, time
from avloc.cli.faults import repeat_if_lost
sys.unraisablehook = repeat_if_lost
class Interrupted:
    def __init__(self, error):
        self.error = error
    def __del__(self):
        raise self.error
Interrupted(ValueError("another one"))
Interrupted(KeyboardInterrupt())
try:
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_that_a_library_lost_comes_again():
    found = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=25, check=True)
    assert found.stdout == "interrupted\n"
    assert found.stderr.count("Exception ignored") == 1 and "another one" in found.stderr
