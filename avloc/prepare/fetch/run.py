"""Downloads all clips of a list into a folder, with a report: which clips were downloaded, and why others failed.

The report is also used to resume: each clip adds its line when it is done. At the end the lines are sorted into the
order of the list.
"""

import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from avloc.endings import VIDEOS
from avloc.errors import AvlocError, DataError
from avloc.files import write_text
from avloc.locks import locked
from avloc.naming import some
from avloc.plain_json import plain_json
from avloc.prepare.fetch.lists import Wanted
from avloc.prepare.fetch.yt_dlp import WORK, Fetcher, Outcome
from avloc.progress import Progress
from avloc.walking import visible

logger = logging.getLogger(__name__)

REPORT = "fetch.jsonl"
Row = dict[str, Any]


def fetch_all(
    wanted: Sequence[Wanted], out: Path, jobs: int, timeout: float, format: str, again: bool, progress: Progress
) -> tuple[int, int, int, int, int, Path, dict[str, int]]:
    """(listed, downloaded now, already there, failed, how many of these are worth a retry, report, reasons for failures)."""
    if jobs < 1 or not timeout > 0:
        raise DataError(f"jobs is {jobs} and timeout {timeout}; expected at least 1 and more than 0 s")
    with _locked(out):
        report = out / REPORT
        known = _read(report)
        files = _there(out)
        before = {one.name for one in wanted if one.name in files}
        todo = [one for one in wanted if one.name not in before and (again or not known.get(one.name, {}).get("final"))]
        for one in wanted:
            if one.name in before:
                known[one.name] = _row(one, Outcome(file=files[one.name]))
        if todo:
            _fetch(Fetcher(out, timeout, format), todo, report, known, jobs, progress)
        rows = [known[one.name] for one in wanted]
        listed = {one.name for one in wanted}
        rows += [row for name, row in known.items() if name not in listed]  # of other lists
        write_text(report, "".join(_line(row) for row in rows))
    failed = [known[one.name] for one in wanted if known[one.name]["status"] != "ok"]
    reasons = Counter(row["reason"] for row in failed)
    passing = sum(not row["final"] for row in failed)
    if failed:
        logger.info("%d of %d clips are missing: %s", len(failed), len(wanted), some(row["clip"] for row in failed))
    new = len(wanted) - len(before) - len(failed)
    return len(wanted), new, len(before), len(failed), passing, report, dict(reasons.most_common())


def _fetch(
    fetcher: Fetcher, todo: Sequence[Wanted], report: Path, known: dict[str, Row], jobs: int, progress: Progress
) -> None:
    failed, left = 0, iter(todo)
    with report.open("a", encoding="utf-8") as lines, ThreadPoolExecutor(jobs) as pool:
        under_way: dict[Future[Outcome], Wanted] = {}
        done = 0
        progress(0, len(todo), "")
        try:
            while True:
                while len(under_way) < jobs and (one := next(left, None)) is not None:
                    under_way[pool.submit(fetcher.fetch, one)] = one
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    one = under_way.pop(future)
                    row = known[one.name] = _row(one, _outcome(future, fetcher.out))
                    _append(lines, row)
                    done, failed = done + 1, failed + (row["status"] != "ok")
                    progress(done, len(todo), f"{failed} failed" if failed else "")
        finally:  # after Ctrl-C nothing keeps running in the background
            fetcher.stop()


def _outcome(future: "Future[Outcome]", out: Path) -> Outcome:
    try:
        return future.result()
    except OSError as error:  # a full disk, or the folder was removed
        raise AvlocError(f"{out}: cannot be written ({error.strerror}); free space and run the command again") from None


def _row(wanted: Wanted, outcome: Outcome) -> Row:
    return {
        "clip": wanted.name,
        "id": wanted.id,
        "start": wanted.start,
        "end": wanted.end,
        "status": "ok" if outcome.file else "failed",
        "file": outcome.file,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "final": outcome.final,
        "where": wanted.where,
    }


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _append(lines: IO[str], row: Row) -> None:
    lines.write(_line(row))
    lines.flush()
    os.fsync(lines.fileno())


def _read(report: Path) -> dict[str, Row]:
    """The last line of each clip; an incomplete last line is ignored."""
    try:
        text = report.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{report}: cannot be read ({error.strerror})") from None
    found: dict[str, Row] = {}
    lines = text.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            row = plain_json(line)
            if not isinstance(row["clip"], str) or not isinstance(row["final"], bool) or "reason" not in row:
                raise ValueError
        except (ValueError, TypeError, KeyError):
            if number == len(lines):  # incomplete
                report.write_bytes(text[: len(text) - len(line)])
                break
            raise DataError(
                f"{report}:{number}: not a line written by `avloc data fetch`; remove the file to check all clips again"
            ) from None
        found[row["clip"]] = row
    return found


def _there(out: Path) -> dict[str, str]:
    """Videos by their name without suffix; empty files do not count."""
    with os.scandir(out) as entries:
        files = sorted(entry.name for entry in entries if entry.is_file() and entry.stat().st_size)
    return {os.path.splitext(name)[0]: name for name in files if name.lower().endswith(VIDEOS) and visible(name)}


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One command at a time; what a killed one left behind is removed."""
    with locked(out, ".fetch.lock", "is fetching into this folder"):
        for folder in out.glob(f"{WORK}*"):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        yield
