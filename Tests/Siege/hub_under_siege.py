"""The hub that is attacked, and the least of a client: sockets, frames, HTTP. Shares no code with the hub."""
import base64
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "lantern-moss-quartz-71"
# Refused where the member must not be: no answer for so long counts like a refusal.
PATIENCE_SECONDS = 10


class Refused(Exception):
    """An error, a close frame, or no answer."""


class Hub:
    """A hub on a free port of loopback with two members, who share nothing but the organisation."""

    def __init__(self, binary, *options):
        self.folder = tempfile.mkdtemp(prefix="hub-siege-")
        self.log = open(f"{self.folder}/log", "w+b")
        self.process = subprocess.Popen(
            [binary, "--listen", "127.0.0.1:0", "--data-dir", f"{self.folder}/data", *options], cwd=ROOT,
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.port = int(self.printed(rb"listening on http://[0-9.]+:(\d+)"))
        link = self.printed(rb"/#setup=([\w-]+)").decode()
        owner = self.api("setup", self.person("member", token=link, organisation="Example"))
        invitation = self.api("invitations", {"role": "MEMBER", "uses": 1}, owner["access_token"])
        attacker = self.api("invitations/accept", self.person("attacker", token=invitation["token"]))
        self.member, self.attacker = owner["access_token"], attacker["access_token"]
        self.refresh_token = attacker.get("refresh_token")

    def printed(self, pattern):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(pattern, pathlib.Path(self.log.name).read_bytes())
            if found:
                return found[1]
            time.sleep(0.05)
        raise RuntimeError("the hub does not start:\n" + pathlib.Path(self.log.name).read_text(errors="replace"))

    @staticmethod
    def person(name, **more):
        return {"email": f"{name}@example.org", "password": PASSWORD, "first_name": name, "last_name": "Example",
                **more}

    def api(self, path, body, token=None):
        status, answer = request(self.port, "POST", f"/api/v1/{path}", body, token)
        if status not in (200, 201):
            raise Refused(f"{path}: {status} {answer[:200]}")
        return json.loads(answer)

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10

    def metric(self, name):
        text = request(self.port, "GET", "/metrics")[1].decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def stop(self):
        try:
            self.process.send_signal(signal.SIGTERM)
            return self.process.wait(timeout=60)
        finally:
            self.process.kill()
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def request(port, method, path, body=None, token=None, timeout=PATIENCE_SECONDS):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    fields = {"Content-Type": "application/json"}
    if token:
        fields["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode()
    finally:
        connection.close()


def upgrade(port, compressed=False):
    extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if compressed else ""
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{extension}"
            "Sec-WebSocket-Protocol: hub.v1.json\r\n\r\n").encode()


def frame(payload, opcode=1, compressed=False, final=True):
    """A client's frame, masked with zeros."""
    if compressed:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        payload = (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    first = opcode | (0x80 if final else 0) | (0x40 if compressed else 0)
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65536:
        head = bytes([first, 0xFE]) + struct.pack(">H", size)
    else:
        head = bytes([first, 0xFF]) + struct.pack(">Q", size)
    return head + b"\0\0\0\0" + payload


def command(number, **what):
    return json.dumps({"id": number, **what}, separators=(",", ":")).encode()


class Client:
    """One signed-in session that asks and waits for the answer."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.number = b"", 0
        try:
            self.socket.sendall(upgrade(port))
            while b"\r\n\r\n" not in self.buffer:
                self.more()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise Refused(head.split(b"\r\n")[0].decode())
            self.welcome = self.ask(hello={"token": token})
        except BaseException:
            self.socket.close()
            raise

    def ask(self, **what):
        self.number += 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            self.socket.sendall(frame(command(self.number, **what)))
        except OSError as error:
            raise Refused(str(error)) from None
        while True:
            for answer in self.frames():
                if answer.get("id") == self.number:
                    if "error" in answer:
                        raise Refused(f'{next(iter(what))}: {answer["error"]["slug"]}')
                    return answer
            self.more(deadline - time.monotonic(), next(iter(what)))

    def more(self, seconds=PATIENCE_SECONDS, what="connect"):
        try:
            if not select.select([self.socket], [], [], max(0, seconds))[0]:
                raise Refused(f"{what}: no answer")
            data = self.socket.recv(1 << 18)
        except OSError as error:
            raise Refused(f"{what}: {error}") from None
        if not data:
            raise Refused(f"{what}: connection closed")
        self.buffer += data

    def frames(self):
        """Those that have come whole."""
        found = []
        while len(self.buffer) >= 2:
            size, start = self.buffer[1] & 127, 2
            if size >= 126:
                start = 4 if size == 126 else 10
                if len(self.buffer) < start:
                    break
                size = int.from_bytes(self.buffer[2:start], "big")
            if len(self.buffer) < start + size:
                break
            kind, payload = self.buffer[0] & 15, self.buffer[start:start + size]
            self.buffer = self.buffer[start + size:]
            if kind == 8:
                raise Refused(f"closed with {int.from_bytes(payload[:2], 'big')}")
            if kind == 9:
                self.socket.sendall(frame(payload, opcode=10))
            if kind == 1:
                found += [json.loads(line) for line in payload.split(b"\n") if line]
        return found

    def channel(self, name):
        return self.ask(create_channel={"name": name, "kind": "OPEN"})["channel"]["channel"]["id"]

    def close(self):
        self.socket.close()
