"""A hub of one's own for a test: a free port, a fresh data folder, `kill -9` and restart."""
import asyncio
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


# How many commands and connections a test makes in a second is the machine's doing.
LIFTED = {f"HUB_{rate}_PER_SECOND": "0" for rate in ("COMMANDS", "ACCOUNT_COMMANDS", "CONNECTIONS", "PINGS")}


class HubProcess:
    def __init__(self, binary, log_path):
        self.binary = str(pathlib.Path(binary).resolve())
        self.folder = tempfile.mkdtemp(prefix="hub-test-data-")
        self.port = _free_port()
        self.direct = f"http://127.0.0.1:{self.port}"
        # Where browsers reach it; a test may put something in between.
        self.origin = self.direct
        self._log_path = pathlib.Path(log_path)
        self._log = open(self._log_path, "wb")
        self._process = None

    async def start(self):
        """Starts the hub and waits until it serves."""
        # Cookies are bound to a host, so both people reach it by the address that it prints.
        self._process = subprocess.Popen(
            [self.binary, "--data-dir", self.folder, "--listen", f"127.0.0.1:{self.port}",
             "--public-url", self.origin, "--web-dir", str(ROOT / "web")],
            env=dict(os.environ, **LIFTED), stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, cwd=ROOT)
        await self._until("the hub to serve", self._serves)

    async def set_up_link(self):
        """The link for the first owner, as printed."""
        return await self._until("a set-up link", lambda: (found := re.search(
            rb"https?://\S+/#setup=[A-Za-z0-9_.~-]+", self._log_path.read_bytes())) and found[0].decode())

    def kill(self):
        """Ends it as a power cut would."""
        if self._process and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def close(self):
        self.kill()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serves(self):
        try:
            with urllib.request.urlopen(f"{self.direct}/", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            raise
        except OSError:
            return False

    async def _until(self, what, look, seconds=120):
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            value = await loop.run_in_executor(None, look)
            if value:
                return value
            if self._process.poll() is not None:
                break
            await asyncio.sleep(0.05)
        tail = self._log_path.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"waited in vain for {what}; the hub says:\n{tail}")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
