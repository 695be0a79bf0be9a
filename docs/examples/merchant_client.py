"""A client of the Merchant API, in the standard library alone. Take it as it is.

client = MerchantClient("https://ironbull.example", app_key, app_secret)
client.get("/merchant/v2/members", limit=10)
client.post("/merchant/v2/members", email="alice@example.com", password="…")
"""

import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from urllib.parse import parse_qsl, quote, urlencode, urlsplit


def sign(secret, *, method, path, query="", body=b"", timestamp, nonce):
    """HMAC-SHA256, in hex, of six lines: what is asked, and when, and which time it is."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    sorted_query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in pairs)
    body_hash = hashlib.sha256(body).hexdigest()
    lines = [method.upper(), path, sorted_query, body_hash, timestamp, nonce]
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()


class Refused(Exception):
    """The platform said no: `status`, and the body of the answer."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class MerchantClient:
    def __init__(self, address, app_key, app_secret, *, timeout_seconds=30):
        self.address, self.app_key = address.rstrip("/"), app_key
        self.app_secret, self.timeout_seconds = app_secret, timeout_seconds

    def get(self, path, **query):
        return self.ask("GET", path, query=urlencode(query))

    def post(self, path, *, idempotency_key=None, **values):
        """With a key of yours the same request, sent again after a time-out, is done once."""
        key = idempotency_key or secrets.token_hex(16)
        return self.ask("POST", path, values=values, headers={"Idempotency-Key": key})

    def patch(self, path, **values):
        return self.ask("PATCH", path, values=values)

    def delete(self, path):
        return self.ask("DELETE", path)

    def ask(self, method, path, *, query="", values=None, headers=None):
        body = b"" if values is None else json.dumps(values).encode()
        url = urlsplit(f"{self.address}{path}")
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        signature = sign(
            self.app_secret,
            method=method,
            path=url.path,
            query=query,
            body=body,
            timestamp=timestamp,
            nonce=nonce,
        )
        request = urllib.request.Request(
            f"{self.address}{path}" + (f"?{query}" if query else ""),
            data=body or None,
            method=method,
            headers={
                "Content-Type": "application/json",
                "X-App-Key": self.app_key,
                "X-Timestamp": timestamp,
                "X-Nonce": nonce,
                "X-Sign": signature,
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from error
