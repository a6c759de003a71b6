"""Faults that files suffer: bytes flipped, lost, doubled, of another file; values of another type, deep, huge, gone, twice."""

import copy
import json
import random

HUGE = [10**30, -(10**400), 1e308, -1e308, 5e-324, -0.0, 0, 1, -1, 2**63]
OTHERS = [None, True, False, "", "x", "NaN", "\u202e", [], {}, [[]], [1, [2, {"a": None}]], {"a": 1}, *HUGE]


def damaged(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """The bytes with one to three faults; other: what may be mixed in."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        at, length = rng.randrange(max(1, len(data))), rng.choice([1, 1, 2, 8, 50, 1000])
        kind = rng.randrange(8)
        if kind <= 1 and data:
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        elif kind == 2:
            data = data[:at]
        elif kind == 3:
            data = data[:at] + data[at + length :]
        elif kind == 4:
            data = data[:at] + data[at : at + length] + data[at:]
        elif kind == 5:
            there = rng.randrange(max(1, len(other)))
            data = rng.choice(
                [other, data[:at] + other[there : there + length] + data[at + length :], other[:there] + data[at:]]
            )
        elif kind == 6:
            depth = rng.choice([3, 100, 3000])
            data = data[:at] + rng.choice([b"[" * depth, b'{"a":' * depth, b"- " * depth]) + data[at:]
        else:
            data = data[:at] + rng.choice([b"\x00", b"\xff", b"\xef\xbb\xbf", b"9" * 5000, b"1e999", b"NaN", b"\r"]) + data[at:]
    return data


def places(content: object, here: tuple = ()) -> list[tuple]:
    """Paths of all values inside, the whole included."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [here, *(path for key, each in inside for path in places(each, (*here, key)))]


def swapped(content: object, rng: random.Random) -> object:
    """JSON content with one to three values replaced, removed, moved, doubled or nested deeply, and keys renamed or added."""
    content = json.loads(json.dumps(content))
    for _ in range(rng.choice([1, 1, 2, 3])):
        *way, last = rng.choice(places(content)[1:] or [(0,)])
        holder = content
        for step in way:
            holder = holder[step]
        if not isinstance(holder, (dict, list)) or not holder:
            return content
        kind = rng.randrange(7)
        if kind <= 2:
            holder[last] = copy.deepcopy(rng.choice(OTHERS))
        elif kind == 3:
            del holder[last]
        elif kind == 4:
            deep = holder[last]
            for _ in range(rng.choice([1, 60, 300])):
                deep = rng.choice([[deep], {"a": deep}])
            holder[last] = deep
        elif kind == 5 and isinstance(holder, list):
            holder.insert(last, holder[last])
        elif kind == 5:
            holder[rng.choice(["x_note", "extra", ""])] = holder.pop(last)
        else:
            holder[last] = json.loads(json.dumps(rng.choice([content, holder])))
    return content
