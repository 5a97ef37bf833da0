"""What every workload is made of: contenders in turns, samples, tables of them, and targets."""
import dataclasses
import statistics
import sys
import threading
import time


@dataclasses.dataclass
class Contender:
    """One way to do a workload's work. `run` gives the sample: seconds, as a rule."""
    name: str
    run: object
    most: int = 0  # samples at most, of one that takes long and is far from the others; 0: one a round
    samples: list = dataclasses.field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def least(self):
        return min(self.samples)

    @property
    def spread(self):
        """The range of the samples in parts of the median."""
        return (max(self.samples) - min(self.samples)) / self.median


def in_turns(contenders, rounds, budget=120):
    """One sample of each contender a round, every second round backwards, which evens out a drift of the machine.
    No further round is begun that would pass the budget of seconds."""
    start = time.perf_counter()
    for number in range(rounds):
        begun = time.perf_counter()
        for contender in contenders[::-1 if number % 2 else 1]:
            if not contender.most or len(contender.samples) < contender.most:
                contender.samples.append(contender.run())
        now = time.perf_counter()
        if now - start + (now - begun) > budget:
            break
    return contenders


class Beside:
    """What goes on beside a with-block: `work` until `over` is set. What fails there fails the block, which would
    otherwise measure what it does not say."""

    def __init__(self):
        self.over, self.fault = threading.Event(), None
        self.thread = threading.Thread(target=self._guarded)

    def _guarded(self):
        try:
            self.work()
        except Exception as fault:  # any: it is told in the other thread
            self.fault = fault

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if self.fault and kind is None:
            raise SystemExit(f"{type(self).__name__}: {self.fault}")


def paired_ratio(one, other):
    """Ratios of the samples of the same rounds: what slowed down both does not count. Median, least, most."""
    ratios = sorted(a / b for a, b in zip(one.samples, other.samples))
    return statistics.median(ratios), ratios[0], ratios[-1]


# ---- what a workload gives --------------------------------------------------------------------------

@dataclasses.dataclass
class Target:
    """A figure to reach, and what was measured. `reached` is None for what is only told."""
    workload: str
    wanted: str
    measured: str
    reached: object


@dataclasses.dataclass
class Table:
    title: str
    head: list
    rows: list  # of lists of texts


@dataclasses.dataclass
class Section:
    key: str
    title: str
    text: list = dataclasses.field(default_factory=list)  # paragraphs
    tables: list = dataclasses.field(default_factory=list)
    targets: list = dataclasses.field(default_factory=list)
    charts: dict = dataclasses.field(default_factory=dict)  # file name -> SVG
    data: dict = dataclasses.field(default_factory=dict)    # for --json


def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(f"{abs(value):e}".split("e")[1]))
    return f"{value:,.{digits}f}"


def seconds(value):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{number(value / size)} {unit}"
    return f"{number(value / 1e-9)} ns"


def samples_table(title, contenders, reference, items=0, item="row"):
    """Median, least and spread of each, and how many times as long as the reference each one took."""
    head = ["", "median", "least", "spread", "samples"] + ([f"ns a {item}"] if items else []) + [f"× {reference.name}"]
    rows = []
    for one in contenders:
        row = [one.name, seconds(one.median), seconds(one.least), f"{one.spread:.0%}", str(len(one.samples))]
        if items:
            row.append(number(one.median / items * 1e9))
        rows.append(row + [number(one.median / reference.median)])
    return Table(title, head, rows)


def samples_data(contenders):
    return {one.name: one.samples for one in contenders}


def say(text):
    print(text, file=sys.stderr, flush=True)
