"""A slow and far network before the hub: a connection takes a round trip to open, every byte half a round trip to
arrive, and all connections together share so many bytes a second."""
import asyncio
import contextlib


class SlowNetwork:
    def __init__(self, round_trip, bytes_per_second):
        self.round_trip, self.rate = round_trip, bytes_per_second
        self.requests = 0
        self.origin = None
        self._free_at = 0.0
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
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer, hub_port):
        with contextlib.suppress(OSError):
            # The handshake: nothing that the browser sends is under way before.
            await asyncio.sleep(self.round_trip)
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", hub_port)
            ends = [asyncio.create_task(self._copy(reader, hub_writer, False)),
                    asyncio.create_task(self._copy(hub_reader, writer, True))]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(ends, timeout=self.round_trip)
            for end in ends:
                end.cancel()
            hub_writer.close()

    async def _copy(self, reader, writer, is_down):
        """Hands on in order, each piece when it would have arrived."""
        loop = asyncio.get_running_loop()
        due = asyncio.Queue()

        async def deliver():
            with contextlib.suppress(OSError):
                while (entry := await due.get()) is not None:
                    await asyncio.sleep(max(0.0, entry[0] - loop.time()))
                    writer.write(entry[1])
                    await writer.drain()

        delivery = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(1460):
                    sent = loop.time()
                    if is_down:
                        self._free_at = max(sent, self._free_at) + len(data) / self.rate
                        sent = self._free_at
                    elif data.startswith((b"GET ", b"POST ")):
                        self.requests += 1
                    due.put_nowait((sent + self.round_trip / 2, data))
            due.put_nowait(None)
            await delivery
        finally:
            delivery.cancel()

    async def close(self):
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
