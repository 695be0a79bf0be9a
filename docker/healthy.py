"""What a container's health check asks: does the web answer, does the broker?

Standard library only, so that the node image can run it too.
"""

import http.client
import os
import socket
import sys
from urllib.parse import urlparse

SECONDS = 4


def web() -> None:
    # As the proxy in front would ask: for a host that is allowed, over TLS.
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    port = int(os.environ.get("PORT", "8000"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {"Host": host.lstrip("."), "X-Forwarded-Proto": "https"}
    connection.request("GET", "/admin/login/", headers=headers)
    status = connection.getresponse().status
    if status >= 400:
        sys.exit(f"the web answers {status}")


def broker() -> None:
    address = urlparse(os.environ["BROKER_URL"])
    if address.scheme == "embedded":
        return
    socket.create_connection((address.hostname, address.port or 6379), timeout=SECONDS).close()


if __name__ == "__main__":
    try:
        {"web": web, "broker": broker}[sys.argv[1]]()
    except OSError as error:
        sys.exit(f"no answer: {error}")
