"""Where a webhook must not go."""

import socket

import pytest

from apps.core.errors import BadInput
from apps.tenants.targets import Unreachable, checked_target, post, resolved

REFUSED = [
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00::1]/",
    "https://0/",
    "https://0.0.0.0/",
    "https://169.254.169.254/",
    "https://100.64.0.1/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://172.16.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://localhost/",
    "https://localhost./",
    "https://127.0.0.1./",
    "https://user@example.com/",
    "https://example.com#@127.0.0.1/",
    "http://example.com/",
    "ftp://example.com/",
    "https://example.com:22/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://example.com/\r\nX: y",
    "https://１２７.0.0.1/",
    "https://[2001:0:7f00:1::]/",
    "https://198.18.0.1/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https:///x",
    "https://",
    "gopher://example.com/",
    "https://192.0.2.1/",
    "https://[::]/",
    "https://192.0.0.1/",
    "https://[::127.0.0.1]/",
    "https://[ff02::1]/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_refused(url):
    with pytest.raises(BadInput):
        checked_target(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.1",
        "①②⑦.0.0.1".encode("idna").decode() if 0 else "127.000.000.001",
        "10.1",
        "0x0a.0x01",
    ],
)
def test_what_the_system_reads_as_an_address_is_not_reached(host):
    try:
        target = checked_target(f"https://{host}/")
    except BadInput:
        return
    with pytest.raises(Unreachable):
        resolved(target, may_be_private=False)


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%eth0"],
        ["2002:a00:1::"],
        ["64:ff9b::a00:1"],
    ],
)
def test_a_name_that_leads_inside(addresses, monkeypatch):
    def told(host, port, **_):
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port))
            for a in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", told)
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("connected"))
    with pytest.raises(Unreachable):
        post("https://example.com/", headers={}, body=b"")
