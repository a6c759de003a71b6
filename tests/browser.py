"""Headless Chromium, driven over a pipe with the standard library alone: what a page says, asks for and becomes.

Chrome's DevTools protocol: messages are JSON ended by a zero byte, read by the browser from handle 3 and written to handle 4.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = f"no browser ({', '.join(NAMES)}): apt-get install chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-pipe",
)
# Moves the pipes to handles 3 and 4 and becomes the browser.
LAUNCH = """
import fcntl, os, sys
asked, told = (fcntl.fcntl(int(handle), fcntl.F_DUPFD, 10) for handle in sys.argv[1:3])
os.dup2(asked, 3)
os.dup2(told, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser():
    """Path of an installed browser, or None."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


class Browser:
    """A context manager; ``open`` shows pages in it one after the other."""

    def __init__(self, profile, patience=120.0):
        self.profile, self.patience = Path(profile), patience
        self.count, self.buffer, self.session, self.events = 0, b"", None, []

    def __enter__(self):
        asked, self.asks = os.pipe()
        self.hears, told = os.pipe()
        command = [sys.executable, "-c", LAUNCH, str(asked), str(told), find_browser(), *FLAGS]
        command += [f"--user-data-dir={self.profile}", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=(asked, told), **quiet)
        os.close(asked)
        os.close(told)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self.asks)
        os.close(self.hears)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, method, **parameters):
        """Result of a command; events that come before it are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.asks, json.dumps(message).encode() + b"\0")
        return self._until(lambda told: told.get("id") == self.count)

    def open(self, path, width=1280):
        """Show a file and wait until it has loaded."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        if not any(each.get("method") == "Page.loadEventFired" for each in self.events):
            self._until(lambda told: told.get("method") == "Page.loadEventFired")
        # What scripts and the console still have to say comes before the answer.
        self.value("new Promise(done => setTimeout(done, 100))")

    def value(self, expression):
        """What JavaScript answers."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self):
        """Exceptions, console errors and warnings, and what the browser itself logs, since the page was opened."""
        found = []
        for each in self.events:
            method, told = each.get("method"), each.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(told["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(told["args"]))
            elif method == "Log.entryAdded":
                found.append(told["entry"]["text"])
        return found

    def requests(self):
        """Addresses that were asked for since the page was opened, embedded data left out."""
        asked = [each["params"]["request"]["url"] for each in self.events if each.get("method") == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith(("data:", "blob:"))]

    def _until(self, wanted):
        end = time.monotonic() + self.patience
        while True:
            message, found, rest = self.buffer.partition(b"\0")
            if not found:
                ready, _, _ = select.select([self.hears], [], [], max(0.0, end - time.monotonic()))
                assert ready, f"the browser said nothing for {self.patience} s"
                more = os.read(self.hears, 1 << 20)
                assert more, f"the browser ended with {self.process.wait()}"
                self.buffer += more
                continue
            self.buffer = rest
            told = json.loads(message)
            self.events.append(told)
            if wanted(told):
                assert "error" not in told, told["error"]
                return told.get("result", {})
