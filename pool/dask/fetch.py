"""Answers of tasks, brought from the Dask workers that have them.

Not by `Client.gather`: five of its requests are under way at most, several answers share one, and where a worker has just died it,
and after it the scheduler, tries to connect to that one for as long as a connection may take, 30 s as Dask comes. Here each
answer is a request of its own, which can be given up.
"""
import asyncio
import inspect

from distributed.worker import get_data_from_worker

MOST = 64  # requests at once; Dask's pool has 512 connections, and what else asks scheduler and workers needs some of them
BUSY_SECONDS = 0.05
# Older ones than 2023 let the asker say that nothing need be held back for others.
FREELY = {"max_connections": False} if "max_connections" in inspect.signature(get_data_from_worker).parameters else {}


class Gone(Exception):
    """Nobody has it any more."""


class Connections:
    """Dask's pool of connections for somebody who may be cancelled: one that is made for nobody goes back to the pool, which
    would count it as used for ever."""

    def __init__(self, pool):
        self.pool, self.serializers, self.deserializers = pool, pool.serializers, pool.deserializers
        self.reuse = pool.reuse

    async def connect(self, address):
        making = asyncio.ensure_future(self.pool.connect(address))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(
                lambda made: made.cancelled() or made.exception() or self.pool.reuse(address, made.result()))
            raise


class Fetcher:
    def __init__(self, client):
        self.client, self.connections = client, Connections(client.rpc)
        self.slots = asyncio.Semaphore(MOST)
        self.keys, self.question = [], None  # that is about to be asked

    async def holders(self, key):
        """The addresses of the workers that have it. What is asked at the same time is asked at once."""
        if self.question is None:
            self.question = asyncio.ensure_future(self.ask())
        self.keys.append(key)
        return (await asyncio.shield(self.question))[key]

    async def ask(self):
        keys, self.keys, self.question = self.keys, [], None
        return await self.client.scheduler.who_has(keys=keys)

    async def from_worker(self, key, address):
        while True:
            async with self.slots:
                said = await get_data_from_worker(self.connections, [key], address, **FREELY)
            if said["status"] == "OK":
                return found(said["data"], key)
            await asyncio.sleep(BUSY_SECONDS)

    async def from_scheduler(self, key):
        """For workers that cannot be reached from here."""
        while True:
            try:
                async with self.slots:
                    # Not cancelled with this: so no connection to the scheduler is lost.
                    said = await asyncio.shield(asyncio.ensure_future(self.client.scheduler.gather(keys=[key])))
            except KeyError:  # in the scheduler: 2022.12 does not expect that a worker may say that it is busy
                await asyncio.sleep(BUSY_SECONDS)
                continue
            if said["status"] != "OK":
                raise Gone
            return found(said["data"], key)


def found(data, key):
    if key not in data:
        raise Gone
    return data[key]
