"""A client of 4M Edge in one file, with Python's standard library alone (3.9 and newer).

    python3 fourm.py scene-1.png depth > depth.png
"""

import base64
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid


class Problem(Exception):
    """What the server refuses (RFC 9457): `code`, `detail`, and `errors` with the pointers of wrong fields."""

    def __init__(self, status, answer, retry_after=None):
        self.status = status
        self.code = answer.get("code", "internal")
        self.detail = answer.get("detail", "HTTP %d" % status)
        self.errors = answer.get("errors", [])
        self.retryable = answer.get("retryable", status >= 500)
        self.retry_after = retry_after
        super().__init__("%s: %s" % (self.code, self.detail))


def data_url(data, content_type="application/octet-stream"):
    """Bytes as an input of a request."""
    return "data:%s;base64,%s" % (content_type, base64.b64encode(data).decode())


def read_data_url(url):
    """The bytes of a file of an output."""
    return base64.b64decode(url.split(",", 1)[1])


class Client:
    def __init__(self, base_url="http://127.0.0.1:8787", api_key=None, retries=2, timeout=300):
        self.base_url = base_url.rstrip("/")
        self.api_key = api_key
        self.retries = retries
        self.timeout = timeout

    def call(self, method, path, body=None, accept="application/json", headers=None):
        """The bytes of an answer. What may succeed later is tried again, and is done and charged once."""
        headers = {"Accept": accept, **(headers or {})}
        if self.api_key:
            headers["Authorization"] = "Bearer " + self.api_key
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
            # The same in each try: a server that has done it answers what it answered then.
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for tried in range(self.retries + 1):
            request = urllib.request.Request(
                self.base_url + path, data=data, headers=headers, method=method
            )
            wait = random.uniform(0, min(8, 0.5 * 2**tried))
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return answer.read()
            except urllib.error.HTTPError as error:
                problem = _problem_of(error)
                if not problem.retryable or tried == self.retries:
                    raise problem from None
                wait += problem.retry_after or 0
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if tried == self.retries:
                    raise
            time.sleep(wait)

    def json(self, method, path, body=None, headers=None):
        return json.loads(self.call(method, path, body, headers=headers))

    def models(self):
        return self.json("GET", "/v1/models")["models"]

    def generate(self, inputs, targets, **settings):
        """Any inputs -> any targets; `settings` are the other fields of the request."""
        return self.json("POST", "/v1/generate", {"inputs": inputs, "targets": targets, **settings})

    def generate_file(self, inputs, target, accept="image/png", **settings):
        """The bytes of one output."""
        body = {"inputs": inputs, "targets": [target], **settings}
        return self.call("POST", "/v1/generate", body, accept)

    def embed(self, **request):
        return self.json("POST", "/v1/embed", request)

    def submit(self, inputs, targets, **settings):
        """The same as a job, which goes on whether or not anybody waits for it."""
        body = {"inputs": inputs, "targets": targets, **settings}
        return self.json("POST", "/v1/generate", body, {"Prefer": "respond-async"})

    def wait(self, job_id, seconds=300):
        """The result of a job. Raises RuntimeError where it failed or was canceled, TimeoutError."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            job = self.json("GET", "/v1/jobs/" + job_id)
            if job["status"] == "succeeded":
                return job["result"]
            if job["status"] in ("failed", "canceled"):
                raise RuntimeError("the job %s: %s" % (job["status"], job.get("error")))
            time.sleep(0.5)
        raise TimeoutError("the job is not done after %d s" % seconds)


def _problem_of(error):
    try:
        answer = json.loads(error.read())
    except ValueError:
        answer = {}
    after = error.headers.get("Retry-After", "")
    return Problem(error.code, answer, int(after) if after.isdigit() else None)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: fourm.py PICTURE TARGET > FILE")
    path, target = sys.argv[1:]
    client = Client(os.environ.get("FOURM_URL", "http://127.0.0.1:8787"), os.environ.get("FOURM_KEY"))
    with open(path, "rb") as file:
        rgb = data_url(file.read())
    sys.stdout.buffer.write(client.generate_file({"rgb": rgb}, target))


if __name__ == "__main__":
    main()
