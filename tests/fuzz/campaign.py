"""Many damaged inputs of one area, and what became of them."""

import random
import time
from contextlib import ExitStack

from tests.fuzz.areas import AREAS
from tests.fuzz.kept import kept_processes
from tests.fuzz.made import Made
from tests.fuzz.outcomes import Tally, attempt, little_memory
from tests.fuzz.reading import damaged

LEAST = 4  # examples of an area


def run_area(made: Made, area: str, examples: int, seed: int) -> Tally:
    """An area's share of all examples; a number and the seed make one again. Few examples take few of the files."""
    share, inputs_of = AREAS[area]
    tally, inputs = Tally(), list(inputs_of(made))
    random.Random(f"{seed}/{area}").shuffle(inputs)
    count = max(round(share * examples), min(len(inputs), LEAST))
    for one in (one for one in inputs[:count] if one.taken):
        one.read()  # whole, it must be read: else nothing of this means anything
    with little_memory(), ExitStack() as cheaper:
        for number in range(count):
            if number == max(LEAST, count // 20):  # until here with processes as commands start them
                cheaper.enter_context(kept_processes())
            chance = random.Random(f"{seed}/{area}/{number}")
            one = inputs[number % len(inputs)]
            attempt(tally, f"seed {seed}, example {number} ({one.path.name})", damaged(one, chance), one.whole)
    return tally


if __name__ == "__main__":
    import sys
    import tempfile
    from pathlib import Path

    from tests.fuzz.made import make_all

    count, start = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        whole = make_all(Path(folder) / "made")
        for name in sys.argv[3:] or AREAS:
            began = time.process_time()
            found = run_area(whole, name, count, start)
            print(
                f"{name}: {found.inputs} inputs, {found.refused} refused, {time.process_time() - began:.1f} s",
                flush=True,
            )
            for line in found.lines():
                print("   ", line, flush=True)
