"""What a network's page costs in a browser: when it is painted first, and how long a frame takes while it moves.

python -m tests.benchmarks.bench_drawing [NETWORK ...]    (needs Chromium; milliseconds, of a window of 1200 x 900)
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from tempfile import TemporaryDirectory
from typing import Any

import speczoo
from speczoo.drawing.files import Drawing

NETWORKS = ("cifar_resnet1202", "densenet201", "googlenet", "unet")
GOALS = "goals: painted within 1000 ms, a frame within 34 ms"
#: Runs in the page: what it measures goes to the server that the page came from.
PROBE = """
const frames = (count, act) => new Promise((done) => {
  const times = [];
  let last = performance.now();
  function frame() {
    const now = performance.now();
    times.push(now - last);
    last = now;
    if (times.length > count) done(times.slice(1).sort((a, b) => a - b));
    else { act(times.length); requestAnimationFrame(frame); }
  }
  requestAnimationFrame(frame);
});
const told = (times) => [times[times.length >> 1], times[times.length - 1]];
addEventListener("load", () => setTimeout(async () => {
  const found = { painted: performance.getEntriesByType("paint").at(-1).startTime };
  found.moving = told(await frames(60, () => { at.y -= 5; move(); }));
  const start = performance.now();
  BUTTONS.unfold();
  await frames(1, () => {});
  found.unfolded = performance.now() - start;
  found.elements = stage.querySelectorAll("*").length;
  found["moving unfolded"] = told(await frames(60, () => { at.y -= 40; move(); }));
  found["zooming unfolded"] = told(await frames(60, (k) => zoom(k % 2 ? 1.1 : 1 / 1.1, 400, 300)));
  fetch("/", { method: "POST", body: JSON.stringify(found) });
}, 300));
"""


def measured(page: str) -> dict[str, Any]:
    """Return what the probe finds in a page."""
    found: dict[str, Any] = {}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode() if self.path == "/" else b"")

        def do_POST(self) -> None:
            found.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium is not None
    with HTTPServer(("127.0.0.1", 0), Server) as server, TemporaryDirectory() as profile:
        asked = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", "--remote-debugging-port=0"]
        address = f"http://127.0.0.1:{server.server_port}/"
        running = subprocess.Popen(
            [chromium, *asked, f"--user-data-dir={profile}", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server.timeout = 60
        while not found and running.poll() is None:
            server.handle_request()
        running.terminate()
        running.wait()
    return found


def main(*names: str) -> None:
    for name in names or NETWORKS:
        page = Drawing(speczoo.graph(name)).text("html")
        found = measured(page.replace("</html>", f"<script>{PROBE}</script></html>"))
        shown = (
            f"{what} {' / '.join(f'{number:.0f}' for number in (value if isinstance(value, list) else [value]))}"
            for what, value in found.items()
        )
        print(f"{name:<17} {', '.join(shown)} ({GOALS})")


if __name__ == "__main__":
    main(*sys.argv[1:])
