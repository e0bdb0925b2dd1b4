"""A member without a browser: seeds messages, and reads the log that the browsers' pages are compared
with. Speaks the HTTP API and protocol 1 in JSON."""
import asyncio
import json
import urllib.request

import websockets


class Member:
    def __init__(self, origin, signed_in, socket):
        self.origin = origin
        self.token = signed_in["access_token"]
        self.account = signed_in["account"]["id"]
        self._socket = socket
        self._last_id = 0

    @classmethod
    async def accept(cls, origin, token, first, last, email, password):
        """Joins by an invitation and connects."""
        signed_in = await _request(origin, "invitations/accept", {
            "token": token, "email": email, "password": password, "first_name": first, "last_name": last})
        return await cls._connect(origin, signed_in)

    @classmethod
    async def sign_in(cls, origin, email, password):
        return await cls._connect(origin, await _request(
            origin, "sign-in", {"email": email, "password": password}))

    @classmethod
    async def _connect(cls, origin, signed_in):
        socket = await websockets.connect(origin.replace("http", "ws", 1) + "/ws",
                                          subprotocols=["hub.v1.json"], max_size=None)
        member = cls(origin, signed_in, socket)
        await member.call("hello", token=member.token)
        return member

    async def call(self, command, **body):
        """Sends a command and returns its reply; waits where the hub says that it is too fast."""
        while True:
            answer, value = await self._ask(command, body)
            if answer != "error":
                return value
            if not value.get("retryable"):
                raise RuntimeError(f"{command}: {value}")
            await asyncio.sleep(max(value.get("retry_after_ms", 0), 50) / 1000)

    async def _ask(self, command, body):
        self._last_id += 1
        mine = self._last_id
        await self._socket.send(json.dumps({"id": mine, command: body}))
        while True:
            for line in (await asyncio.wait_for(self._socket.recv(), 120)).split("\n"):
                frame = json.loads(line) if line.strip() else {}
                if frame.get("id") == mine:
                    return next((key, value) for key, value in frame.items() if key != "id")

    async def log(self, channel):
        """All messages of a channel as (sequence, newest text), in order."""
        found, after = {}, 0
        while True:
            page = await self.call("history", channel=channel, after=str(after), limit=200)
            events = page.get("events", [])
            for event in events:
                if event["kind"] in ("MESSAGE", "EDITED"):
                    found[int(event.get("target", event["sequence"]))] = event.get("text", "")
            if not events or not page.get("more"):
                return list(found.items())
            after = int(events[-1]["sequence"])

    async def closed(self, seconds=120):
        """Waits until the hub closes the connection; the close code."""
        async def read():
            try:
                while True:
                    await self._socket.recv()
            except websockets.ConnectionClosed as end:
                return end.code
        return await asyncio.wait_for(read(), seconds)

    async def leave(self):
        await self._socket.close()


async def _request(origin, path, body):
    request = urllib.request.Request(f"{origin}/api/v1/{path}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    return await asyncio.get_running_loop().run_in_executor(
        None, lambda: json.load(urllib.request.urlopen(request, timeout=20)))
