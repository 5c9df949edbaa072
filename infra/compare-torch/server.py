"""A 4M Edge worker and edge with one checkpoint in two precisions, and the rows of `rows.py` as requests to it."""

import base64
import io
import json
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image
from reference import picture_pixels
from rows import CAPTION, TEMPERATURE, TOP_P, Row

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 300
NAMES = {"tok_depth@224": "depth", "tok_normal@224": "normal", "tok_semseg@224": "semseg", "tok_rgb@224": "rgb"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def export(source: Path, models: Path, precision: str) -> None:
    out = models / precision
    if out.exists():
        return
    models.mkdir(parents=True, exist_ok=True)
    command = ["node", "dist/worker/export/cli.js", str(source), str(out), "--name", precision, "--precision", precision]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def data_url(number: int) -> str:
    """The picture, with one of its pixels as the number says: features have no seed, and would be answered from the store."""
    file = io.BytesIO()
    pixels = picture_pixels()
    pixels[0, 0] = [number % 256, number // 256 % 256, number // 65536 % 256]
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


class Server:
    """Its processes end with `close`."""

    def __init__(self, models: Path, data: Path, threads: int):
        secret = secrets.token_hex(32)
        worker, edge = free_port(), free_port()
        self.url = f"http://127.0.0.1:{edge}"
        log = open(data / "server.log", "w")

        def start(script: str, **settings: str) -> subprocess.Popen:
            environment = {**os.environ, "FOURM_WORKER_SECRET": secret, **settings}
            return subprocess.Popen(["node", script], cwd=ROOT, env=environment, stdout=log, stderr=log)

        self.worker = start(
            "dist/worker/main.js",
            FOURM_WORKER_PORT=str(worker),
            FOURM_MODELS_DIR=str(models),
            FOURM_THREADS=str(threads),
        )
        self.edge = start(
            "dist/edge/node.js",
            PORT=str(edge),
            FOURM_WORKERS=f"http://127.0.0.1:{worker}",
            FOURM_STORE="disk",
            FOURM_STORE_DIR=str(data / "store"),
        )
        self.seed = int(time.time())
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        end = time.time() + READY_SECONDS
        while time.time() < end:
            if any(process.poll() is not None for process in (self.worker, self.edge)):
                raise SystemExit("the server ended early: see server.log")
            try:
                if urllib.request.urlopen(f"{self.url}/readyz").status == 200:
                    return
            except OSError:
                time.sleep(0.3)
        raise SystemExit("the server was not ready in time: see server.log")

    def answer(self, row: Row, precision: str) -> dict:
        self.seed += 1
        inputs = {"rgb": data_url(self.seed)} if row.source == "rgb" else {"caption": CAPTION}
        if row.scheme == "encoder":
            return self.timed("/v1/embed", {"model": precision, "inputs": inputs, "features": "mean"})
        settings = {"scheme": row.scheme}
        if row.tokens:
            settings |= {"max_tokens": row.tokens, "temperature": 0}
        else:
            settings |= {
                "steps": row.steps,
                "token_schedule": "cosine",
                "temperature": TEMPERATURE,
                "temperature_schedule": "constant",
                "top_p": TOP_P,
                "guidance_scale": row.guidance,
            }
        body = {
            "model": precision,
            "inputs": inputs,
            "targets": [{"modality": NAMES.get(name, name), **settings} for name in row.targets],
            "chained": False,
            "outputs": "tokens",
            "seed": self.seed,
        }
        return self.timed("/v1/generate", body)

    def timed(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        started, processor = time.perf_counter(), self.processor_seconds()
        try:
            with urllib.request.urlopen(request) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as problem:
            raise SystemExit(f"{path}: {problem.read().decode()}") from problem
        seconds, processor = time.perf_counter() - started, self.processor_seconds() - processor
        return {"seconds": seconds, "processor": processor, "tokens": answer["usage"].get("generated_tokens", 0)}

    def processor_seconds(self) -> float:
        """Processor time that the worker has used, in all its threads; 0 where the system does not say."""
        status = Path(f"/proc/{self.worker.pid}/stat")
        if not status.exists():
            return 0
        fields = status.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """The worker's largest memory so far, of both precisions; 0 where the system does not say."""
        status = Path(f"/proc/{self.worker.pid}/status")
        if not status.exists():
            return 0
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024

    def close(self) -> None:
        for process in (self.edge, self.worker):
            process.terminate()
        for process in (self.edge, self.worker):
            process.wait()
