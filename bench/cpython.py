"""The notebook's functions, and the ways in which CPython can run them."""
import concurrent.futures
import contextlib
import functools
import hashlib
import multiprocessing
import threading
import time

PARTS = 8  # chunks that rows are cut into, whatever runs them: one thing changes at a time


# ---- the notebook's functions ------------------------------------------------------------------

def long_io(i, seconds):
    """Waits, as for a disk or a server."""
    time.sleep(seconds)
    return i * 2


def long_comp(i, iterations):
    """Computes in the interpreter, and holds its lock all the while."""
    x = i
    for y in range(iterations):
        x = (x - y) ** 2 if x % 2 == 0 else (x + y) ** 0.5
    return x


def func(a, b, c, d):
    """Of numbers, of arrays and of whole columns."""
    return (a - b) / (c + d) ** 2


def calc_hash(*values):
    return hashlib.md5("_".join(map(str, values)).encode()).hexdigest()


# ---- ways to run them in CPython -----------------------------------------------------------------
# Each takes a function and one list of arguments for each of its parameters, and gives the list of results.

def serial_loop(function, *columns):
    results = []
    for arguments in zip(*columns):
        results.append(function(*arguments))
    return results


def serial_map(function, *columns):
    return list(map(function, *columns))


def part_bounds(rows, parts):
    """Where to cut `rows` into at most `parts` pieces."""
    size = -(-rows // parts)
    return [(first, min(first + size, rows)) for first in range(0, rows, size)]


def bare_threads(function, *columns, workers):
    """threading.Thread as a beginner uses it: each thread fills its places in a list that all share."""
    results = [None] * len(columns[0])

    def fill(first, end):
        for at in range(first, end):
            results[at] = function(*(column[at] for column in columns))

    threads = [threading.Thread(target=fill, args=bounds) for bounds in part_bounds(len(results), workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def thread_pool_map(pool, function, *columns):
    """A future for each call."""
    return list(pool.map(function, *columns))


def thread_pool_parts(pool, function, *columns):
    """ThreadPoolExecutor.map ignores `chunksize`, so many small calls are cut by hand."""
    bounds = part_bounds(len(columns[0]), PARTS)
    futures = [pool.submit(serial_map, function, *(column[first:end] for column in columns)) for first, end in bounds]
    return [result for future in futures for result in future.result()]


def process_pool_map(pool, function, *columns):
    """ProcessPoolExecutor.map: one call a task, or PARTS tasks if there are many rows."""
    return list(pool.map(function, *columns, chunksize=chunk_size(len(columns[0]))))


def multiprocessing_map(pool, function, *columns):
    return pool.starmap(function, zip(*columns), chunksize=chunk_size(len(columns[0])))


def chunk_size(calls):
    return 1 if calls <= PARTS * PARTS else -(-calls // PARTS)


def warm_up(pool):
    """Makes a pool start all its workers: executors start one only when a task waits."""
    if isinstance(pool, concurrent.futures.Executor):
        list(pool.map(time.sleep, [0.05] * pool._max_workers))


POOLS = {
    "ThreadPoolExecutor": concurrent.futures.ThreadPoolExecutor,
    "multiprocessing.Pool": multiprocessing.Pool,
    "ProcessPoolExecutor": concurrent.futures.ProcessPoolExecutor,
}


def in_fresh_pool(make, use, workers, *work):
    """Starting the pool is inside the time; ending it is not."""
    with contextlib.ExitStack() as stack:
        start = time.perf_counter()
        result = use(stack.enter_context(make(workers)), *work)
        return result, [time.perf_counter() - start], None


def in_warm_pool(make, use, workers, *work):
    """No pool outlives its case: other cases fork, and should find no threads."""
    with make(workers) as pool:
        warm_up(pool)
        return timed(functools.partial(use, pool, *work))


def timed(call):
    """A run in this process: the result, one sample, and no time over HTTP."""
    start = time.perf_counter()
    result = call()
    return result, [time.perf_counter() - start], None
