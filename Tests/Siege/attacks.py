"""What strangers and one member can do to a hub, one object each. Everything is bounded: sockets, bytes per second,
and time. Each runs in a process of its own and speaks to loopback only.
"""
import dataclasses
import json
import secrets
import select
import socket
import time

from hub_under_siege import Client, Refused, command, frame, request, upgrade

BYTES_PER_SECOND = 1_000_000


@dataclasses.dataclass
class Ground:
    """What an attack has to work with."""
    port: int
    token: str  # the attacking member's
    refresh_token: str
    channel: str  # of the attacker, with some messages in it
    until: float  # by time.monotonic()
    size: int  # how many idle sockets and the like

    def goes_on(self):
        return time.monotonic() < self.until


class Flood:
    """So many sockets that send the same bytes again and again, together at most so many per second, read what
    comes back unless they are `deaf`, and come back when they are thrown out."""

    def __init__(self, ground, sockets, opening, payload, bytes_per_second=BYTES_PER_SECOND, deaf=False):
        self.ground, self.opening, self.payload, self.deaf = ground, opening, payload, deaf
        self.rate, self.links, self.count = bytes_per_second, {}, sockets
        self.sent, self.began = 0, time.monotonic()

    def run(self):
        while self.ground.goes_on():
            self.fill()
            allowed = (time.monotonic() - self.began + 0.02) * self.rate - self.sent
            writers = self.links if allowed > 0 else {}
            readers = {} if self.deaf else self.links
            readable, writable, _ = select.select(list(readers), list(writers), [], 0.01)
            for link in readable:
                self.drain(link)
            for link in writable:
                if link in self.links:
                    self.send(link)
            if not readable and not writable:
                time.sleep(0.001)
        for link in self.links:
            link.close()

    def fill(self):
        for _ in range(min(self.count - len(self.links), 4)):
            link = connect(self.ground.port)
            if link:
                self.links[link] = b""
                self.sent += 500
                self.push(link, self.opening() if callable(self.opening) else self.opening)

    def send(self, link):
        payload = self.payload() if callable(self.payload) else self.payload
        self.push(link, self.links[link] or payload)

    def push(self, link, data):
        try:
            count = link.send(data[:65536])
            self.sent += count
            self.links[link] = data[count:]
        except BlockingIOError:
            self.links[link] = data
        except OSError:
            self.lose(link)

    def drain(self, link):
        try:
            if not link.recv(1 << 20):
                self.lose(link)
        except BlockingIOError:
            pass
        except OSError:
            self.lose(link)

    def lose(self, link):
        self.links.pop(link, None)
        link.close()


def connect(port):
    link = socket.socket()
    link.settimeout(2)
    try:
        link.connect(("127.0.0.1", port))
    except OSError:
        link.close()
        return None
    link.setblocking(False)
    return link


def padded(number, size):
    """A ping whose unknown member is escapes all through: little on the wire, the most work to read."""
    return command(number, ping={}, x="A").replace(b'"A"', b'"' + b"\\u0041" * ((size - 40) // 6) + b'"')


def hello(ground):
    return frame(command(1, hello={"token": ground.token}))


def compressed(sockets):
    def run(ground):
        text = frame(padded(1, 65_000), compressed=True)
        Flood(ground, sockets, upgrade(ground.port, compressed=True), text * 40).run()
    return run


def duplicates(sockets):
    def run(ground):
        Flood(ground, sockets, upgrade(ground.port), frame(command(1, ping={})) * 500).run()
    return run


def new_ids(ground):
    numbers = iter(range(1, 1 << 30))
    def texts():
        return b"".join(frame(padded(next(numbers), 60_000), compressed=True) for _ in range(4))
    Flood(ground, 23, upgrade(ground.port, compressed=True), texts, 580_000).run()


def large_texts(ground):
    text = frame(padded(2, 1_000_000), compressed=True)
    Flood(ground, 1, upgrade(ground.port, compressed=True) + hello(ground), text * 8, 500_000).run()


def member_duplicates(ground):
    text = frame(command(2, list_people={})) * 200
    Flood(ground, 5, upgrade(ground.port) + hello(ground), text).run()


def malformed(ground):
    text = frame(b'{"id":1,"ping":{}') * 100
    Flood(ground, 16, upgrade(ground.port), text).run()


def commands(number_of_sockets, per_second, make):
    """A signed-in member's commands, as fast as the account may, over some connections that read everything."""
    def run(ground):
        clients = [Client(ground.port, ground.token) for _ in range(number_of_sockets)]
        began, sent = time.monotonic(), 0
        while ground.goes_on():
            for client in clients:
                due = int((time.monotonic() - began) * per_second) - sent
                if due > 0:
                    burst = min(due, 50)
                    sent += burst
                    data = b""
                    for _ in range(burst):
                        client.number += 1
                        data += frame(command(client.number, **make(ground)))
                    try:
                        client.socket.sendall(data)
                    except OSError:
                        return
            readable = select.select([client.socket for client in clients], [], [], 0.005)[0]
            for link in readable:
                link.recv(1 << 20)
    return run


def post_16k(ground):
    return {"post": {"channel": ground.channel, "key": secrets.token_hex(8), "text": "x" * 16_000}}


def mark_far_ahead(ground):
    return {"mark_read": {"channel": ground.channel, "sequence": str(1 << 40)}}


def history_and_close(ground):
    page = b"".join(frame(command(number, history={"channel": ground.channel, "limit": 200}))
                    for number in range(2, 102))
    while ground.goes_on():
        link = connect(ground.port)
        if link:
            link.setblocking(True)
            try:
                link.sendall(upgrade(ground.port) + hello(ground) + page)
                time.sleep(0.05)
            except OSError:
                pass
            link.close()


def broadcast_to_many(ground):
    readers = [Client(ground.port, ground.token) for _ in range(90)]
    for reader in readers:
        reader.ask(subscribe={"channel": ground.channel})
    text = "x" * 4_000
    began, sent = time.monotonic(), 0
    while ground.goes_on():
        while sent < (time.monotonic() - began) * 200:
            sent += 1
            readers[0].number += 1
            what = {"channel": ground.channel, "text": text}
            readers[0].socket.sendall(frame(command(readers[0].number, broadcast=what)))
        for link in select.select([reader.socket for reader in readers], [], [], 0.005)[0]:
            link.recv(1 << 20)


def http_flood(path, body):
    def run(ground):
        data = json.dumps(body).encode()
        one = (f"POST /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1:{ground.port}\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(data)}\r\n\r\n").encode() + data
        Flood(ground, 16, one, one * 20, 4 * BYTES_PER_SECOND).run()
    return run


def page_flood(ground):
    one = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{ground.port}\r\n\r\n".encode()
    Flood(ground, 16, one, one * 200, 4 * BYTES_PER_SECOND).run()


def unread_pipelining(ground):
    one = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{ground.port}\r\n\r\n".encode()
    Flood(ground, 64, one, one * 200, 4 * BYTES_PER_SECOND, deaf=True).run()


def hold(ground, opening, trickle=b""):
    """Many sockets that say something and then hardly anything; who is thrown out comes back."""
    links = []
    while ground.goes_on():
        for _ in range(min(500, ground.size - len(links))):
            link = connect(ground.port)
            if link:
                links.append(link)
                try:
                    link.sendall(opening)
                except OSError:
                    pass
        alive = []
        for link in links:
            try:
                if link.recv(1 << 16) == b"":
                    link.close()
                    continue
            except BlockingIOError:
                pass
            except OSError:
                link.close()
                continue
            try:
                if trickle:
                    link.send(trickle)
            except OSError:
                pass
            alive.append(link)
        links = alive
        time.sleep(0.2)
    for link in links:
        link.close()


def idle_sockets(ground):
    hold(ground, upgrade(ground.port))


def slow_headers(ground):
    hold(ground, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a")


def unfinished_messages(ground):
    hold(ground, upgrade(ground.port) + frame(b"x" * 60_000, final=False))


def reconnecting(ground):
    """A handshake each, and gone."""
    began, made = time.monotonic(), 0
    while ground.goes_on():
        if made > (time.monotonic() - began) * 500:
            time.sleep(0.002)
            continue
        made += 1
        link = connect(ground.port)
        if link:
            try:
                link.send(upgrade(ground.port) + frame(command(1, hello={"token": "x" * 600})))
            except OSError:
                pass
            link.close()


# Checks that are made while an attack runs, beside the member's commands.
def answers_probes(ground):
    status, body = request(ground.port, "GET", "/healthz", timeout=5)
    return None if status == 200 else f"/healthz says {status} {body[:60]!r}"


@dataclasses.dataclass
class Attack:
    name: str
    sentence: str
    run: object
    check: object = answers_probes


ATTACKS = [
    Attack("compressed-1", "A stranger repeats a compressed text of 150 bytes that becomes 64 KiB.", compressed(1)),
    Attack("compressed-4", "Four strangers do.", compressed(4)),
    Attack("compressed-16", "Sixteen strangers do.", compressed(16)),
    Attack("duplicates-4", "Four strangers repeat one command's id, uncompressed.", duplicates(4)),
    Attack("duplicates-16", "Sixteen strangers do.", duplicates(16)),
    Attack("new-ids", "23 strangers send compressed texts with ever new ids, and reconnect.", new_ids),
    Attack("malformed", "Sixteen strangers send what is no JSON, and reconnect.", malformed),
    Attack("reconnecting", "A stranger makes 500 handshakes a second, each with a forged token.", reconnecting),
    Attack("large-texts", "A member sends compressed texts that become 1 MB.", large_texts),
    Attack("member-duplicates", "A member repeats one command's id over five connections.", member_duplicates),
    Attack("history-and-close", "A member asks for 100 pages of history and closes, again and again.",
           history_and_close),
    Attack("mark-far-ahead", "A member marks as read what is not written yet, 1,000 times a second.",
           commands(5, 1_000, mark_far_ahead)),
    Attack("posts-16k", "A member posts 16 KB texts as fast as it may.", commands(5, 1_000, post_16k)),
    Attack("broadcast-to-90", "A member broadcasts 4 KB to 90 readers, 200 times a second.", broadcast_to_many),
    Attack("refresh", "Strangers ask for new tokens with forged ones.",
           http_flood("refresh", {"refresh_token": "A" * 60})),
    Attack("sign-out", "Strangers sign out with forged tokens.", http_flood("sign-out", {"refresh_token": "A" * 60})),
    Attack("sign-in", "Strangers try passwords.",
           http_flood("sign-in", {"email": "who@example.org", "password": "x" * 20})),
    Attack("pages", "Sixteen strangers load the page again and again.", page_flood),
    Attack("unread-pipelining", "64 strangers send requests and read no answer.", unread_pipelining),
    Attack("slow-headers", "Strangers send a header byte by byte.", slow_headers),
    Attack("idle-sockets", "Strangers open sockets and say no hello.", idle_sockets),
    Attack("unfinished-messages", "Strangers begin messages and do not end them.", unfinished_messages),
]

__all__ = ["ATTACKS", "Attack", "Ground", "Refused"]
