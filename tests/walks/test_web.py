"""The web server as `make run` starts it: pages, files and streams on one port, and its end."""

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from ironbull.management.commands.up import answers, gunicorn_options
from tests.apps.console.streams import logged_in
from tests.factories import UserFactory
from tests.servers import free_port
from tests.walks.running import ROOT, database_url, wait_for

pytestmark = [pytest.mark.walk, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def web():
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", *gunicorn_options(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "DATABASE_URL": database_url()}
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}"), what="the web")
        yield process, port
    finally:
        process.kill()
        process.wait()


def ask(line, path, **headers):
    line.request("GET", path, headers=headers)
    return line.getresponse()


def test_pages_files_and_streams_come_from_one_server_and_who_looks_is_let_go(web):
    process, port = web
    cookie = logged_in(UserFactory(tenant=None, is_superuser=True))["cookie"]
    with (
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as line,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as stream,
    ):
        # One line after another, on the same connection.
        for path, kind in (
            ("/static/ironbull/live.js", "text/javascript"),
            ("/admin/", "text/html"),
            ("/arena/", "text/html"),
        ):
            answer = ask(line, path, Cookie=cookie)
            assert (answer.status, len(answer.read()) > 500) == (200, True), path
            assert answer.headers["content-type"].startswith(kind)

        told = ask(stream, "/admin/", Cookie=cookie, Accept="text/event-stream")
        assert told.headers["content-type"] == "text/event-stream"
        lines = [told.readline() for _ in range(4)]
        assert lines[2].startswith(b"id: ")
        assert b'"waiting"' in lines[3]
        assert ask(line, "/admin/login/").read()

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        told.read()
        # Long before the server gives up waiting for whoever is still connected.
        assert time.monotonic() - began < 2
    process.wait(20)
