#!/usr/bin/python3 -B
"""Stands for the bridge to a Dask cluster (--dask-python), for what the page shows of one: it tells of workers and takes no
work. The scheduler's port says which cluster: 1 one that is there, 2 one that is away and names no page of the web,
3 one whose second worker leaves after half a second."""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import bridge_frames as frames  # noqa: E402

WORKERS = [frames.worker(0, 4, b"tcp://far-1:1", b"far-1", b"one", 8 << 30),
           frames.worker(1, 2, b"tcp://far-2:1", b"far-2", b"two", 0),
           frames.worker(2, 2, b"tcp://far-3:1", b"far-3", b"three", 8 << 30,
                         b"this Dask worker finds no program `colonnade`: install it in its PATH, or name it in COLONNADE_BIN")]


def tell(scheduler):
    away = scheduler.endswith(b":2")
    workers = WORKERS
    while True:
        if away:
            frames.tell_state([], scheduler, b"javascript:alert(1)", b"no answer from the scheduler")
        else:
            frames.tell_state(workers, scheduler, b"http://127.0.0.1:1/status")
        time.sleep(0.5)
        if scheduler.endswith(b":3"):
            workers = [WORKERS[0], WORKERS[2]]


threading.Thread(target=tell, args=(frames.greeting().scheduler,), daemon=True).start()
while True:
    frames.frame()
