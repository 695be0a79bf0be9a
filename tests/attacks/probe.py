"""Exploration: every call of the three faces, one strange value in one place at a time."""
import json, re, sys
from decimal import Decimal
from urllib.parse import urlencode, quote
import pytest, msgspec
from django.db import transaction, connection
from django.urls import URLPattern, get_resolver
from tests.apps.merchant.shop import Shop, signed
from tests.apps.platform.desk import Desk
from tests.apps.platform.test_isolation import CALLS
from tests.apps.merchant.conftest import nothing_remembered  # noqa
from apps.merchant.v1 import face as v1
from apps.merchant.v2 import face as v2
from apps.rewards.services import request_withdrawal
from apps.venues.services import bind_account
from apps.members.models import Member
from tests.factories import *

pytestmark = pytest.mark.django_db

NASTY = ["", " ", "0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1e30", "1e-9", "1E+999999", "1e99999999999999999999", "1e-99999999999999999999","1_000", "１", "٣", "true", "9"*30, "9"*5000, "x"*300, "é"*120, "x"*70000, "a\x00b", "\ud800".encode("utf-8","surrogatepass").decode("latin1"), "😀", "%", "\\", "'", "\"", "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "99999999999999999999", "1.5", "-0", "00", "[]", "{}", "\u202e", "\uffff", "id", "-id", "csv", "xlsx","\n", "a@b.co\r\nX: y", str(2**63), str(2**63-1), str(2**64)]
JSONS = [None, True, False, 0, -1, 1.5, 1e308, 2**63, 2**64, 10**400, [], {}, [[]], {"a": 1}, "NaN", "sNaN", "1e30", "1e99999999999999999999", "", "a\x00b", "x"*300, "x"*70000, "😀"*40, "\uffff", "１", ["x"], [None], "0001-01-01T00:00:00+14:00", 1e-9, "1_000", "Infinity"]

KNOWN = {"email":"alice@example.com","from_email":"root","to_email":"alice@example.com","password":"12345678","amount":"1","type":"1","kind":"self","exchange":"paper","venue":"paper","api_key":"abcd","api_secret":"efgh","wallet_address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","is_node":"1","capital":"100","name":"X","scopes":["read"],"role":"staff","username":"newuser","reason":"because","tx_hash":"0"*64,"status":"disabled","charge_rate":"0.3"}

def seen(client, method, path, body=b"", ctype="application/json", headers=None):
    try:
        with transaction.atomic():
            answer = client.generic(method, path, body, content_type=ctype, headers=headers or {})
            if getattr(answer, "streaming", False):
                b"".join(answer.streaming_content)
            transaction.set_rollback(True)
    except Exception as e:
        return 599, repr(e)[:200]
    return answer.status_code, (answer.content[:300] if not answer.streaming else b"")

def setup():
    shop = Shop()
    mid = shop.member()
    member = Member.objects.of(shop.tenant).get(pk=mid)
    acc = bind_account(member=member, venue="paper")
    offer = shop.offer()
    return shop, member, acc, offer

def valid(call, ctx, fields):
    shop, member, acc, offer = ctx
    ids = {"member_id": member.pk, "to_member_id": member.pk, "account_id": acc.pk, "strategy_id": offer.strategy_id if "v2" not in call.path else offer.pk, "for_tenant": shop.tenant.pk, "tenant_strategy_id": offer.pk, "venue_account_id": acc.pk, "inviter_id": member.inviter_id, "id": member.pk}
    out = {}
    for f in fields:
        if f.required or f.name in ("email","amount","kind"):
            out[f.name] = ids.get(f.name, KNOWN.get(f.name, "1"))
    return out

def run(face, label):
    ctx = setup()
    shop = ctx[0]
    shop.http.raise_request_exception = False
    desk = Desk()
    desk.http.raise_request_exception = False
    bad = {}
    n = 0
    for call in face.calls:
        fields = msgspec.structs.fields(call.asked)
        base = valid(call, ctx, fields)
        places = re.findall(r"<(\w+):(\w+)>", call.path)
        path = "/" + call.path
        for kind, name in places:
            path = path.replace(f"<{kind}:{name}>", str(base.get(name, 1)) if kind != "uuid" else "00000000-0000-7000-8000-000000000000")
        def go(method, p, query="", body=b"", ctype="application/json"):
            if label == "platform":
                h = desk.headers
            else:
                h = signed(shop.app_key.key, shop.secret, method, p, query=query, body=body)
            return seen(shop.http if label != "platform" else desk.http, method, p + ("?" + query if query else ""), body, ctype, h)
        names = [f.name for f in fields if f.name not in {n for _, n in places}]
        for name in names:
            if call.method == "GET":
                for v in NASTY:
                    q = urlencode({k: x for k, x in base.items() if k in names} | {name: v})
                    s, b = go("GET", path, q)
                    n += 1
                    if s >= 500 or (s == 400 and b[:1] != b"{"):
                        bad.setdefault((call.method, call.path, name, s), []).append((v[:30], b[:150] if not s==599 else b))
            else:
                for v in [*NASTY, *JSONS]:
                    body = json.dumps({k: x for k, x in base.items() if k in names} | {name: v}).encode()
                    s, b = go(call.method, path, body=body)
                    n += 1
                    if s >= 500 or (s == 400 and b[:1] != b"{"):
                        bad.setdefault((call.method, call.path, name, s), []).append((str(v)[:30], b[:150]))
                if label == "merchant":
                    for v in NASTY:
                        body = urlencode({k: x for k, x in base.items() if k in names and isinstance(x, (str,int))} | {name: v}).encode()
                        s, b = go(call.method, path, body=body, ctype="application/x-www-form-urlencoded")
                        n += 1
                        if s >= 500 or (s == 400 and b[:1] != b"{"):
                            bad.setdefault((call.method, call.path, name, "form", s), []).append((str(v)[:30], b[:150]))
    with open(f"/tmp/hostile_probe_{label}_{connection.vendor}.txt", "w") as f:
        f.write(f"{n} requests\n")
        for k, v in bad.items():
            f.write(f"{k}\n" + "".join(f"     {x}\n" for x in v))
    print(n, len(bad))

def test_v1(): run(v1, "merchant")
def test_v2(): run(v2, "merchant-v2")
def test_platform():
    from apps.platform.urls import face
    run(face, "platform")
