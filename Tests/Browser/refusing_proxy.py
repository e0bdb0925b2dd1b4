"""A network that breaks WebSockets: hands every connection on to the hub, but those that begin with a request
for /ws. These it answers as such networks' proxies do, with 403."""
import asyncio
import contextlib


class RefusingProxy:
    def __init__(self):
        self.refused = 0
        self.port = None
        self.origin = None
        self._server = None
        self._tasks = set()

    async def start(self, hub_port):
        async def serve(reader, writer):
            task = asyncio.current_task()
            self._tasks.add(task)
            try:
                await self._serve(reader, writer, hub_port)
            finally:
                self._tasks.discard(task)
                writer.close()

        self._server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader, writer, hub_port):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readuntil(b"\r\n")
            if first.startswith(b"GET /ws"):
                self.refused += 1
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                return
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", hub_port)
            hub_writer.write(first)
            ends = [asyncio.create_task(_copy(reader, hub_writer)), asyncio.create_task(_copy(hub_reader, writer))]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            hub_writer.close()

    async def close(self):
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()


async def _copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
