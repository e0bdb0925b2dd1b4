#!/usr/bin/python3
"""A whole session with a hub: sign in, find or make a channel, subscribe, post, read it back.

Needs the Debian package python3-websockets. A client in 60 lines, to show the protocol; one for daily
use also refreshes its token, resumes after a lost connection, and retries posts with the same key
(docs/protocol.md; web/sdk does all of it).

    HUB_EMAIL=ann@example.org HUB_PASSWORD=... session.py http://127.0.0.1:8080 'Hello'
"""

import asyncio
import json
import os
import sys
import urllib.request
import uuid

import websockets


def sign_in(base, email, password):
    """The access token of a fresh sign-in."""
    request = urllib.request.Request(
        base + "/api/v1/sign-in",
        data=json.dumps({"email": email, "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["access_token"]


class Session:
    """One WebSocket: commands get replies by id, everything else is a push."""

    def __init__(self, socket):
        self.socket = socket
        self.commands = 0
        self.pushes = []

    async def send(self, **command):
        """Sends one command and waits for its reply."""
        self.commands += 1
        await self.socket.send(json.dumps({"id": self.commands, **command}))
        reply = None
        while reply is None:
            # A WebSocket message holds one or more frames, a line each.
            for frame in map(json.loads, (await self.socket.recv()).splitlines()):
                if frame.get("id") == self.commands:
                    reply = frame
                else:
                    self.pushes.append(frame)
        if "error" in reply:
            raise RuntimeError(reply["error"]["slug"] + ": " + reply["error"]["message"])
        return reply


async def main(base, text):
    token = sign_in(base, os.environ["HUB_EMAIL"], os.environ["HUB_PASSWORD"])
    address = base.replace("http", "ws", 1) + "/ws"
    async with websockets.connect(address, subprotocols=["hub.v1.json"]) as socket:
        session = Session(socket)
        welcome = (await session.send(hello={"token": token, "agent": "session.py"}))["welcome"]
        print("signed in as", welcome["account"], "heartbeat", welcome["heartbeat_ms"], "ms")

        listed = (await session.send(list_channels={}))["channel_list"].get("channels", [])
        channel = next((c for c in listed if c.get("name") == "example" and c.get("joined")), None)
        if channel is None:
            made = await session.send(create_channel={"name": "example", "kind": "OPEN"})
            channel = made["channel"]["channel"]
        await session.send(subscribe={"channel": channel["id"]})

        # Acknowledged means durable: the reply is the place in the channel's log.
        key = str(uuid.uuid4())
        posted = (await session.send(post={"channel": channel["id"], "key": key, "text": text}))["posted"]
        print("posted at", posted["position"]["sequence"])
        # The same key again is the same message, not a second one.
        again = (await session.send(post={"channel": channel["id"], "key": key, "text": text}))["posted"]
        print("a retry got", again["position"]["sequence"], "duplicate", again.get("duplicate", False))

        page = (await session.send(history={"channel": channel["id"], "limit": 5}))["history_page"]
        for event in page["events"]:
            print(event["sequence"], event["kind"], event.get("text", ""))


asyncio.run(main(sys.argv[1].rstrip("/"), sys.argv[2]))
