"""A small WebDriver BiDi driver: one class for Firefox (spoken to directly) and Chromium (by way of
chromedriver). It clicks and types as a person does and waits for conditions, never for time to pass.
Needs firefox-esr, chromium, chromium-driver and python3-websockets of Debian."""
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

import websockets

# What a page reports besides its console: refused resources and errors that nobody caught.
WATCH = """() => {
  addEventListener('securitypolicyviolation', (event) => console.error(
    `CSP: ${event.violatedDirective} refused ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
}"""

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Backspace": "\ue003", "Tab": "\ue004", "Shift": "\ue008",
        "Control": "\ue009", "Alt": "\ue00a", "ArrowUp": "\ue013", "ArrowDown": "\ue015"}


# Visible, and containing the text where one is given.
SHOWS = """((element, text) => element.checkVisibility({visibilityProperty: true})
  && (text === null || element.textContent.includes(text)))"""


class BrowserError(Exception):
    """The browser refused a command, a script threw, or a condition did not come true."""


class Browser:
    """One browser with one page. Start it with `launch`."""

    def __init__(self, name, process, socket, folder):
        self.name = name
        self.console = []
        self._process = process
        self._socket = socket
        self._folder = folder
        self._waiting = {}
        self._last_id = 0
        self._context = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def launch(cls, name):
        """`name` is "firefox" or "chromium"."""
        folder = tempfile.mkdtemp(prefix=f"hub-test-{name}-")
        start = {"firefox": _start_firefox, "chromium": _start_chromium}[name]
        process = None
        try:
            process, socket = await start(folder)
            browser = cls(name, process, socket, folder)
            await browser._prepare()
            return browser
        except BaseException:
            if process:
                _end(process)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    async def _prepare(self):
        if self.name == "firefox":
            await self.command("session.new", {"capabilities": {"alwaysMatch": {}}})
        await self.command("session.subscribe", {"events": ["log.entryAdded"]})
        await self.command("script.addPreloadScript", {"functionDeclaration": WATCH})
        # A page of its own: in the first one, Firefox's address bar holds the focus for ever.
        self._context = (await self.command("browsingContext.create", {"type": "tab"}))["context"]
        await self.command("browsingContext.activate", {"context": self._context})
        await self.size(1280, 800)

    async def close(self):
        """Ends the browser and everything that it started."""
        self._reader.cancel()
        with contextlib.suppress(Exception):
            await self._socket.close()
        await asyncio.get_running_loop().run_in_executor(None, _end, self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    # ------------------------------------------------------------ the page

    async def go(self, url):
        await self.command("browsingContext.navigate",
                           {"context": self._context, "url": url, "wait": "complete"})
        await self.command("browsingContext.activate", {"context": self._context})

    async def reload(self):
        await self.command("browsingContext.reload", {"context": self._context, "wait": "complete"})

    async def size(self, width, height):
        await self.command("browsingContext.setViewport", {
            "context": self._context, "viewport": {"width": width, "height": height}})

    async def screenshot(self, path):
        shot = await self.command("browsingContext.captureScreenshot", {"context": self._context})
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    async def evaluate(self, function, *arguments):
        """Calls a JavaScript function in the page; arguments and result are JSON."""
        answer = await self.command("script.callFunction", {
            "functionDeclaration":
                f"async (given) => JSON.stringify(await ({function})(...JSON.parse(given)) ?? null)",
            "arguments": [{"type": "string", "value": json.dumps(arguments)}],
            "target": {"context": self._context}, "awaitPromise": True})
        if answer["type"] != "success":
            raise BrowserError(f"{self.name}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"])

    async def until(self, what, function, *arguments, seconds=60):
        """Waits until the function gives something true, and returns that."""
        answer = await self.evaluate(f"""(milliseconds, ...given) => new Promise((resolve, reject) => {{
          const look = () => {{ try {{ return ({function})(...given); }} catch {{ return null; }} }};
          const end = (act, value) => {{ clearInterval(again); clearTimeout(late); seen.disconnect(); act(value); }};
          const check = () => {{ const value = look(); if (value) end(resolve, value); }};
          const seen = new MutationObserver(check);
          seen.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
          const again = setInterval(check, 50);
          const late = setTimeout(() => end(resolve, null), milliseconds);
          check();
        }})""", int(seconds * 1000), *arguments)
        if not answer:
            raise BrowserError(f"{self.name}: waited {seconds} s in vain for {what}")
        return answer

    async def see(self, selector, text=None, seconds=60):
        """Waits until an element is visible that matches and contains the text."""
        what = selector if text is None else f"{selector} with “{text}”"
        await self.until(what, f"""(selector, text) =>
          [...document.querySelectorAll(selector)].some((element) => {SHOWS}(element, text))""",
                         selector, text, seconds=seconds)

    async def gone(self, selector, seconds=60):
        """Waits until nothing visible matches."""
        await self.until(f"the end of {selector}", f"""(selector) =>
          ![...document.querySelectorAll(selector)].some((element) => {SHOWS}(element, null))""",
                         selector, seconds=seconds)

    async def texts(self, selector):
        return await self.evaluate(
            "(selector) => [...document.querySelectorAll(selector)].map((element) => element.textContent)",
            selector)

    @contextlib.asynccontextmanager
    async def hidden(self):
        """Another tab is in front for a while."""
        other = await self.command("browsingContext.create", {"type": "tab"})
        try:
            await self.command("browsingContext.activate", {"context": other["context"]})
            await self.until("being hidden", "() => document.visibilityState === 'hidden'")
            yield
        finally:
            await self.command("browsingContext.close", {"context": other["context"]})
            await self.command("browsingContext.activate", {"context": self._context})

    @contextlib.asynccontextmanager
    async def second_page(self):
        """Within, this is another tab of the same browser; at the end it is closed."""
        first = self._context
        self._context = (await self.command("browsingContext.create", {"type": "tab"}))["context"]
        try:
            await self.size(1280, 800)
            yield
        finally:
            await self.command("browsingContext.close", {"context": self._context})
            self._context = first
            await self.command("browsingContext.activate", {"context": self._context})

    # ------------------------------------------------------------ hands

    async def click(self, selector, text=None, seconds=60):
        """Clicks the middle of the first visible element that matches, once it can be hit."""
        what = selector if text is None else f"{selector} with “{text}”"
        point = await self.until(f"{what} to click", f"(selector, text) => {{ const shows = {SHOWS};" + """
          const element = [...document.querySelectorAll(selector)].find((one) => shows(one, text));
          if (!element) return null;
          element.scrollIntoView({block: 'nearest'});
          const box = element.getBoundingClientRect();
          const x = Math.floor(box.x + box.width / 2), y = Math.floor(box.y + box.height / 2);
          const hit = document.elementFromPoint(x, y);
          return hit && (element.contains(hit) || hit.contains(element)) ? [x, y] : null;
        }""", selector, text, seconds=seconds)
        await self._perform({"type": "pointer", "id": "mouse", "actions": [
            {"type": "pointerMove", "x": point[0], "y": point[1], "origin": "viewport"},
            {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]})

    async def type(self, text):
        """Types into what has the focus."""
        actions = []
        for character in text:
            actions += [{"type": "keyDown", "value": character}, {"type": "keyUp", "value": character}]
        await self._perform({"type": "key", "id": "keyboard", "actions": actions})

    async def press(self, *names):
        """Presses keys together, as in press("Control", "k")."""
        keys = [KEYS.get(name, name) for name in names]
        await self._perform({"type": "key", "id": "keyboard", "actions":
                            [{"type": "keyDown", "value": key} for key in keys]
                            + [{"type": "keyUp", "value": key} for key in reversed(keys)]})

    async def fill(self, selector, text):
        """Clicks into a field and types."""
        await self.click(selector)
        await self.type(text)

    async def _perform(self, source):
        await self.command("input.performActions", {"context": self._context, "actions": [source]})

    # ------------------------------------------------------------ the wire

    async def command(self, method, params, seconds=60):
        self._last_id += 1
        answer = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = answer
        await self._socket.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
        reply = await asyncio.wait_for(answer, seconds)
        if reply["type"] == "error":
            raise BrowserError(f"{self.name}: {method}: {reply['error']}: {reply['message']}")
        return reply["result"]

    async def _read(self):
        try:
            async for text in self._socket:
                message = json.loads(text)
                if message.get("id") in self._waiting:
                    self._waiting.pop(message["id"]).set_result(message)
                elif message.get("method") == "log.entryAdded":
                    entry = message["params"]
                    self.console.append((entry["level"], entry.get("text") or ""))
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(BrowserError(f"{self.name} is gone"))


async def _start_firefox(folder):
    profile = pathlib.Path(folder, "profile")
    profile.mkdir()
    # Headless windows never get the focus of a window system; this makes the page believe that it has it.
    (profile / "user.js").write_text('user_pref("focusmanager.testmode", true);\n')
    log = open(pathlib.Path(folder, "log"), "w+b")
    process = subprocess.Popen(
        ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile),
         "--remote-debugging-port", "0"],
        stdout=log, stderr=log, start_new_session=True)
    address = await _printed(process, log.name, rb"WebDriver BiDi listening on (ws://\S+)")
    return process, await websockets.connect(address + "/session", max_size=None, ping_interval=None)


async def _start_chromium(folder):
    log = open(pathlib.Path(folder, "log"), "w+b")
    process = subprocess.Popen(["chromedriver", "--port=0"], stdout=log, stderr=log, start_new_session=True)
    port = await _printed(process, log.name, rb"started successfully on port (\d+)")
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 f"--user-data-dir={folder}/profile"]
    body = {"capabilities": {"alwaysMatch": {
        "webSocketUrl": True, "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": arguments}}}}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/session", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        reply = await asyncio.get_running_loop().run_in_executor(
            None, lambda: json.load(urllib.request.urlopen(request, timeout=60)))
        address = reply["value"]["capabilities"]["webSocketUrl"]
        return process, await websockets.connect(address, max_size=None, ping_interval=None)
    except BaseException:
        _end(process)
        raise


async def _printed(process, path, pattern, seconds=60):
    """The first group of what the process prints, once it does."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        found = re.search(pattern, pathlib.Path(path).read_bytes())
        if found:
            return found[1].decode()
        if process.poll() is not None:
            break
        await asyncio.sleep(0.05)
    _end(process)
    raise BrowserError(f"{process.args[0]} did not start:\n{pathlib.Path(path).read_text(errors='replace')[-2000:]}")


def _end(process):
    """Ends the process with all of its own session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)
