"""The loops of average precision that numba compiles: pixels in the order of their scores, and the precision at each."""

import numpy as np

from avloc.scoring.fast.loops import quick

#: the bits of a digit by which keys are sorted
_DIGIT = 12
_RADIX = 2**_DIGIT


@quick("void(int32[::1], boolean[::1], int32[::1])")
def sortable(bits, marked, keys):  # type: ignore[no-untyped-def]
    """Write scores (P,), given as the integers of their bits, to keys (P,): integers in the same order, with the truth
    as the last bit."""
    for place in range(len(bits)):
        sign = bits[place] >> 31
        rising = ((bits[place] & np.int32(0x7FFFFFFF)) ^ sign) - sign
        keys[place] = np.int32((rising & np.int32(-2)) | np.int32(marked[place]))


@quick("boolean(int32[::1], float32, float32, int32[::1])")
def places_between(keys, low, high, places):  # type: ignore[no-untyped-def]
    """Write where the score of each of the keys (P,) lies between low and high to places (P,): a number of two digits, equal or
    rising with the score. False if there is no such place."""
    if not 0 < high - low < np.inf:
        return False
    last, scores = np.float32(_RADIX * _RADIX - 1), places.view(np.float32)
    scale = last / (high - low)
    for pixel in range(len(keys)):
        sign = keys[pixel] >> 31
        places[pixel] = ((keys[pixel] ^ sign) - sign) | (sign & np.int32(-(2**31)))  # the bits of the score
    for pixel in range(len(keys)):
        place = (scores[pixel] - low) * scale
        places[pixel] = np.int32(min(place, last)) if place > 0 else np.int32(0)  # NaN is no place
    return True


@quick("boolean(int32[::1])")
def insertion_sorted(keys):  # type: ignore[no-untyped-def]
    """Sort keys (P,) that are nearly sorted by their score, by insertion; False if that takes too many moves."""
    moves = 0
    for pixel in range(1, len(keys)):
        key, before = keys[pixel], pixel - 1
        while before >= 0 and keys[before] >> 1 > key >> 1:
            keys[before + 1] = keys[before]
            before -= 1
        keys[before + 1] = key
        moves += pixel - 1 - before
        if moves > 4 * len(keys):
            return False
    return True


@quick("boolean(int32[::1], float32, float32, int32[::1], int64[::1])")
def sort_keys(keys, low, high, places, room):  # type: ignore[no-untyped-def]
    """Sort keys (P,) of `sortable` by their score, whatever their truth; False if numpy has to do it.

    low, high: the least and the greatest score. A radix sort by two digits leaves few scores in the wrong order, unless nearly
    all of them are close together. places, room: (P,) to work in.
    """
    if not places_between(keys, low, high, places):
        return False
    starts = np.zeros((2, _RADIX + 1), np.int32)
    for pixel in range(len(keys)):
        starts[0, (places[pixel] & (_RADIX - 1)) + 1] += 1
        starts[1, (places[pixel] >> _DIGIT) + 1] += 1
    for digit in range(_RADIX):
        starts[0, digit + 1] += starts[0, digit]
        starts[1, digit + 1] += starts[1, digit]
    for pixel in range(len(keys)):
        digit = places[pixel] & (_RADIX - 1)
        room[starts[0, digit]] = (np.int64(places[pixel] >> _DIGIT) << 32) | (np.int64(keys[pixel]) & 0xFFFFFFFF)
        starts[0, digit] += 1
    for pixel in range(len(keys)):
        digit = room[pixel] >> 32
        keys[starts[1, digit]] = np.int32(room[pixel])
        starts[1, digit] += 1
    return insertion_sorted(keys)


@quick("int64(int32[::1], int32[::1], float64[::1])")
def precisions(keys, places, ratios):  # type: ignore[no-untyped-def]
    """Write the precision at each marked pixel, by rising score, to the start of `ratios` (P,); return how many there are.

    keys: (P,) of `sortable`, sorted. places: (P + 1,) to work in.
    """
    pixels, amount = len(keys), 0
    for place in range(pixels):
        places[amount] = place
        amount += keys[place] & 1
    for number in range(amount):
        ratios[number] = (amount - number) / (pixels - places[number])
    number = amount - 1
    while number >= 0:  # pixels of one score count together, from the first of them
        first, score = places[number], keys[places[number]] >> 1
        if first > 0 and keys[first - 1] >> 1 == score:
            while first > 0 and keys[first - 1] >> 1 == score:
                first -= 1
            last = number
            while number > 0 and places[number - 1] >= first:
                number -= 1
            for tied in range(number, last + 1):
                ratios[tied] = (amount - number) / (pixels - first)
        number -= 1
    return amount
