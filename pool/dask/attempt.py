"""One way of a task through Dask: what is sent, and how it may fail."""
import asyncio
import pickle
import time

import cloudpickle
import distributed

from remote import GONE

LOST, BROKEN = 1, 2  # why a task failed
AGAIN = "when it happens again"


def why(error):
    return str(error) or type(error).__name__


class Function:
    """One of remote.py's, pickled once and not for each task."""

    def __init__(self, function):
        self.function, self.pickled = function, cloudpickle.dumps(function)

    def __call__(self, *arguments):
        return self.function(*arguments)

    def __reduce_ex__(self, protocol):
        return pickle.loads, (self.pickled,)


class Carried:
    """Bytes that Dask pickles without copying them, if it can."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return (memoryview, (pickle.PickleBuffer(self.data),)) if protocol >= 5 else (bytes, (bytes(self.data),))

    def __sizeof__(self):
        return len(self.data)


class Attempt:
    """One way of a task through Dask."""

    def __init__(self, task, targets):
        self.task, self.targets = task, targets
        self.began = time.monotonic_ns()
        self.place = None  # the worker that it was last seen at
        self.source = None  # the worker that its answer is fetched from
        self.waited = 0  # in the scheduler, and at workers that it was taken from again
        self.cut = asyncio.get_running_loop().create_future()  # why it is not waited for any more

    def abandon(self, reason):
        if not self.cut.done():
            self.cut.set_result(reason)

    def bereft(self):
        """Its answer was made, and nobody has it any more."""
        text = f"its answer was lost with {self.source}" if self.source else "Dask has dropped its answer"
        return Failure(text, counted=AGAIN, place=self.source)


class Failure(Exception):
    """An attempt's. `counted`: against the task's retries; `AGAIN` for an answer that was made and lost, which is bad luck, or
    what that answer does to workers. `place`: a worker better avoided."""

    def __init__(self, text, counted=True, place=None, kind=LOST):
        super().__init__(text)
        self.text, self.counted, self.place, self.kind = text, counted, place, kind


def of_dask(error):
    """What a Dask task ended with."""
    if isinstance(error, RuntimeError) and len(error.args) == 2:  # run_morsel's own
        # A worker that has no plugin, or that of a connection that was lost, gets the present one's.
        return Failure(f"{error.args[0]} ({error.args[1]})", counted=error.args[0] != GONE, place=error.args[1])
    if isinstance(error, distributed.KilledWorker):
        return Failure(f"the Dask workers that had it died: {why(error)}", place=getattr(error.last_worker, "address", None))
    return Failure(f"Dask failed: {type(error).__name__}: {why(error)}", kind=BROKEN)
