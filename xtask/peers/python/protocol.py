"""The common part of all workloads: the command line, the measurements, the output."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

try:
    import uvloop
except ImportError:
    uvloop = None

Outcome = dict[str, Any]
Main = Callable[[int], Coroutine[Any, Any, Outcome]]

USAGE = "usage: peers.py list | peers.py run WORKLOAD SUBJECT ITEMS"


class Subject(NamedTuple):
    """An implementation of a workload: a coroutine function of the items, and its runner."""

    workload: str
    name: str
    main: Main
    run: Callable[..., Outcome]


def on_asyncio(workload: str, how: str, main: Main) -> list[Subject]:
    """Return the subject on asyncio's own loop."""
    return [Subject(workload, f"asyncio {how}", main, asyncio.run)]


def on_both_loops(workload: str, how: str, main: Main) -> list[Subject]:
    """Return the subject on asyncio's own loop and, if uvloop is installed, on uvloop's loop."""
    subjects = on_asyncio(workload, how, main)
    if uvloop:
        subjects.append(Subject(workload, f"uvloop {how}", main, uvloop.run))
    return subjects


class Stopwatch:
    """A stopwatch that starts at its creation."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def ms(self) -> float:
        return (time.perf_counter() - self._start) * 1000


def memory_kib(field: str) -> int | None:
    """Return a memory field of /proc/self/status, if the system has the file and the field."""
    try:
        with open("/proc/self/status") as status:
            found = re.search(rf"^{field}:\s+(\d+) kB$", status.read(), re.MULTILINE)
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None


def outcome(answer: int, **units: float | None) -> Outcome:
    """Return the line of a run, without the units that could not be measured."""
    known = {unit: value for unit, value in units.items() if value is not None}
    return {"answer": str(answer), **known}


def main(args: Sequence[str], subjects: Sequence[Subject]) -> int:
    """Carry out the request of the command line and return the exit status."""
    match args:
        case ["list"]:
            for subject in subjects:
                print(subject.workload, subject.name, sep="\t")
            return 0
        case ["run", workload, name, items]:
            if not items.isdecimal() or int(items) == 0:
                return refuse(f"ITEMS is {items!r}, want a whole number of at least 1")
            for subject in subjects:
                if (subject.workload, subject.name) == (workload, name):
                    print(json.dumps(subject.run(subject.main(int(items)))))
                    return 0
            return refuse(f"no subject {name!r} of {workload!r}; see `peers.py list`")
        case _:
            return refuse(USAGE)


def refuse(why: str) -> int:
    """Print in one line the problem of the arguments."""
    print(f"peers.py: {why}", file=sys.stderr)
    return 2
