"""Answers of tasks, brought from the Dask workers that have them.

Not by `Client.gather`: five of its requests are under way at most, several answers share one, and where a worker has just died it,
and after it the scheduler, tries to connect to that one for as long as a connection may take, 30 s as Dask comes. Here each
answer is a request of its own, which can be given up.
"""
import asyncio
import inspect

from distributed.worker import get_data_from_worker

BUSY_SECONDS = 0.05
# Older ones than 2023 let the asker say that nothing need be held back for others.
FREELY = {"max_connections": False} if "max_connections" in inspect.signature(get_data_from_worker).parameters else {}


class Gone(Exception):
    """Nobody has it any more."""


class Fetcher:
    def __init__(self, client):
        self.client = client
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
            said = await get_data_from_worker(self.client.rpc, [key], address, **FREELY)
            if said["status"] == "OK":
                return found(said["data"], key)
            await asyncio.sleep(BUSY_SECONDS)

    async def from_scheduler(self, key):
        """For workers that cannot be reached from here."""
        said = await self.client.scheduler.gather(keys=[key])
        if said["status"] != "OK":
            raise Gone
        return found(said["data"], key)


def found(data, key):
    if key not in data:
        raise Gone
    return data[key]
