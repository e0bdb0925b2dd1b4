#!/usr/bin/python3
"""Drives two people through the hub in real browsers, kill -9 included, and leaves screenshots to look at.

Usage: Tests/Browser/run.py --hub PATH_TO_BINARY [--screenshots DIR] [--ada BROWSER] [--bea BROWSER]
       [--only websockets|streams]
"""
import argparse
import asyncio
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bidi import Browser  # noqa: E402
from hub_process import HubProcess  # noqa: E402
from refusing_proxy import RefusingProxy  # noqa: E402
from scenario import Scenario  # noqa: E402


async def run(options):
    folder = pathlib.Path(options.screenshots)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    passed = failed = 0
    for name, steps in (("websockets", Scenario.STEPS), ("streams", Scenario.STREAM_STEPS)):
        if options.only in (None, name):
            print(f"over {name}", flush=True)
            counts = await play(options, folder, name, steps)
            passed, failed = passed + counts[0], failed + counts[1]
    print(f"{passed} passed, {failed} failed", flush=True)
    return failed == 0


async def play(options, folder, kind, steps):
    """Takes the steps with a hub and browsers of their own; how many passed, and failed."""
    taken = 0

    async def shoot(browser, name):
        nonlocal taken
        taken += 1
        await browser.screenshot(folder / f"{kind} {taken:02} {name}.png")

    hub = HubProcess(options.hub, folder / f"hub {kind}.log")
    proxy = None
    if kind == "streams":
        proxy = RefusingProxy()
        await proxy.start(hub.port)
        hub.origin = proxy.origin
    ada, bea, started = None, None, []
    passed = failed = 0
    try:
        started = await asyncio.gather(hub.start(), Browser.launch(options.ada), Browser.launch(options.bea),
                                       return_exceptions=True)
        for outcome in started:
            if isinstance(outcome, BaseException):
                raise outcome
        _, ada, bea = started
        scenario = Scenario(hub, ada, bea, shoot, proxy)
        for step in steps:
            name = step.__name__.replace("_", " ")
            begun = time.monotonic()
            try:
                await asyncio.wait_for(step(scenario), 600)
                passed += 1
                print(f"  ok      {name} ({time.monotonic() - begun:.1f} s)", flush=True)
            except Exception:
                # What follows builds on this step.
                failed += 1
                print(f"  FAILED  {name}\n{traceback.format_exc()}", flush=True)
                await dump(folder, kind, ada, bea)
                break
    except Exception:
        failed += 1
        traceback.print_exc()
    finally:
        for outcome in started:
            if isinstance(outcome, Browser):
                await outcome.close()
        if proxy:
            await proxy.close()
        hub.close()
    return passed, failed


async def dump(folder, kind, *browsers):
    """What one needs to understand a failure."""
    for browser in browsers:
        try:
            await browser.screenshot(folder / f"failure {browser.name}.png")
            print(f"  {browser.name}'s screen: {folder}/failure {browser.name}.png")
        except Exception as error:
            print(f"  no screenshot of {browser.name}: {error}")
        for level, text in browser.console[-20:]:
            print(f"  {browser.name} console {level}: {text}")
    print(f"  the hub's log: {folder}/hub {kind}.log")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", required=True, help="the hub's binary")
    parser.add_argument("--screenshots", default="Tests/Browser/screenshots", help="where to put them")
    parser.add_argument("--ada", default="chromium", choices=("chromium", "firefox"))
    parser.add_argument("--bea", default="firefox", choices=("chromium", "firefox"))
    parser.add_argument("--only", choices=("websockets", "streams"), help="one of the two ways to the hub")
    sys.exit(0 if asyncio.run(run(parser.parse_args())) else 1)


main()
