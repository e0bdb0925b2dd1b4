"""Lays siege to a hub: while each attack runs, a member goes on posting, reading history, pinging and opening
sessions, and none of that may be refused. How long it takes is compared with the same without the attack.

Usage: siege.py HUB_BINARY [--seconds 3] [--size 600] [--long] [--before BINARY] [NAME ...]
  --long     5 s for each attack, 10,050 idle sockets, quiet before each attack; fails also where the others' p99 is
             more than 3 times that without the attack, or 50 ms and more
  --before   another binary, attacked in the same way right after each attack on the first, for comparison
`scripts/siege list` names the attacks.
"""
import argparse
import multiprocessing
import resource
import sys
import time

from attacks import ATTACKS, Ground
from hub_under_siege import Client, Hub, Refused

RATIO_MAX, P99_MAX_MILLISECONDS = 3, 50
# Below this, a few of the scheduler's own delays make any ratio.
P99_FLOOR_MILLISECONDS = 5


class Tally:
    def __init__(self):
        self.milliseconds, self.refusals = [], []

    def p(self, share):
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")

    def text(self):
        return f"{len(self.milliseconds):5d} commands  p50 {self.p(0.5):7.1f}  p99 {self.p(0.99):7.1f} ms"


def live(hub, channel, seconds, check=None):
    """What a member does meanwhile, and what came of it."""
    tally, end, turn = Tally(), time.monotonic() + seconds, 0
    client = None
    while time.monotonic() < end:
        turn += 1
        try:
            # A session every half second or so, for who comes in while the hub is attacked.
            if client is None or turn % 10 == 0:
                if client:
                    client.close()
                client = None
                timed(tally, lambda: Client(hub.port, hub.member), lambda made: made)
                client = tally.made
            key = f"{time.monotonic_ns()}"
            timed(tally, lambda: client.ask(post={"channel": channel, "key": key, "text": "still here"}))
            timed(tally, lambda: client.ask(history={"channel": channel, "limit": 20}))
            timed(tally, lambda: client.ask(ping={}))
        except Refused as refusal:
            tally.refusals.append(str(refusal))
            if client:
                client.close()
            client = None
        if check and turn % 8 == 0:
            problem = check(hub)
            if problem:
                tally.refusals.append(problem)
        time.sleep(0.02)
    if client:
        client.close()
    return tally


def timed(tally, action, keep=None):
    began = time.perf_counter()
    made = action()
    tally.milliseconds.append((time.perf_counter() - began) * 1_000)
    if keep:
        tally.made = keep(made)


class Place:
    """A hub, and the two channels of its members."""

    def __init__(self, binary, options):
        self.hub = Hub(binary, *options)
        member = Client(self.hub.port, self.hub.member)
        self.channel = member.channel("quiet")
        for number in range(50):
            member.ask(post={"channel": self.channel, "key": str(number), "text": f"message {number}"})
        attacker = Client(self.hub.port, self.hub.attacker)
        self.target = attacker.channel("attacked")
        for number in range(200):
            attacker.ask(post={"channel": self.target, "key": str(number), "text": "y" * 2_000})
        member.close()
        attacker.close()

    def attacked(self, attack, seconds, size):
        # One after the other, so that an account's rate is not used up by the attack before.
        ground = Ground(self.hub.port, self.hub.attacker, self.hub.refresh_token, self.target,
                        time.monotonic() + seconds + 0.5, size)
        process = multiprocessing.Process(target=attack.run, args=(ground,), daemon=True)
        process.start()
        time.sleep(0.5)
        tally = live(self.hub, self.channel, seconds, attack.check)
        process.join(20)
        if process.is_alive():
            process.kill()
            process.join()
        tally.resident = self.hub.resident_bytes() >> 20
        return tally


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("binary")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--size", type=int)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--before")
    given = parser.parse_intermixed_args()
    if given.binary == "list":
        for attack in ATTACKS:
            print(f"{attack.name:20} {attack.sentence}")
        return 0
    known = {attack.name: attack for attack in ATTACKS}
    for name in given.names:
        if name not in known:
            parser.error(f"no attack {name}; `siege.py list` names them")
    chosen = [known[name] for name in given.names] or ATTACKS
    seconds = given.seconds or (5 if given.long else 3)
    size = given.size or (10_050 if given.long else 600)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(size + 1_000, limit[1]), limit[1]))
    options = [] if size > 10_000 else ["--connections-unwelcomed-max", str(size * 3 // 4)]
    places = [Place(given.binary, options)] + ([Place(given.before, options)] if given.before else [])
    multiprocessing.set_start_method("fork")
    passed, failed = 0, 0
    quiet = live(places[0].hub, places[0].channel, seconds)
    print(f"{'quiet':20} {quiet.text()}", flush=True)
    try:
        for attack in chosen:
            if given.long:
                quiet = live(places[0].hub, places[0].channel, seconds)
                print(f"{'quiet':20} {quiet.text()}", flush=True)
            tally = places[0].attacked(attack, seconds, size)
            problems = [f"{len(tally.refusals)} refused: {tally.refusals[0]}"] if tally.refusals else []
            slow = tally.p(0.99) > RATIO_MAX * max(quiet.p(0.99), P99_FLOOR_MILLISECONDS)
            if given.long and (slow or tally.p(0.99) >= P99_MAX_MILLISECONDS):
                problems.append("p99")
            failed, passed = failed + bool(problems), passed + (not problems)
            print(f"{attack.name:20} {tally.text()}  {tally.resident:4d} MB  {'; '.join(problems) or 'ok'}", flush=True)
            for place in places[1:]:
                tally = place.attacked(attack, seconds, size)
                told = f"{len(tally.refusals)} refused: {tally.refusals[0]}" if tally.refusals else ""
                print(f"{'  before':20} {tally.text()}  {tally.resident:4d} MB  {told}", flush=True)
    finally:
        status = [place.hub.stop() for place in places]
    if status[0] != 0:
        failed += 1
        print(f"the hub ended with {status[0]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
