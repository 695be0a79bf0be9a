"""What the checks find in rows: the figure, its subject, and nothing where there is nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apps.market_making.models import Session
from apps.monitoring.checks import CHECKS
from apps.monitoring.services import verify
from apps.orders.models import Brake
from apps.traders.models import Trader
from tests.apps.market_making.desk import Desk
from tests.factories import (
    BrakeFactory,
    CloseFactory,
    NodeFactory,
    SpendingFactory,
    TicketFactory,
    TraderFactory,
    TransferFactory,
    VenueAccountFactory,
    VerificationFactory,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def found(name):
    return {one.subject: one.value for one in CHECKS[name].measure(NOW)}


def ago(**told):
    return NOW - timedelta(**told)


def test_nodes_that_were_heard_tell_their_silence_and_their_clock():
    NodeFactory(code="a", last_heartbeat_at=ago(seconds=90), clock_offset_ms=-1500)
    NodeFactory(code="b", last_heartbeat_at=None)
    NodeFactory(code="c", last_heartbeat_at=ago(seconds=1), status="revoked")
    assert found("node") == {"a": 90}
    assert found("node_clock") == {"a": 1500}


def test_a_venue_counts_the_nodes_that_cannot_reach_it():
    NodeFactory(last_heartbeat_at=ago(seconds=1), venues={"okx": None, "gate": 5})
    NodeFactory(last_heartbeat_at=ago(seconds=1), venues={"okx": None})
    # Whoever is silent says nothing about venues.
    NodeFactory(last_heartbeat_at=ago(seconds=90), venues={"okx": None})
    assert found("venue") == {"okx": 2, "gate": 0}


def test_tickets_without_an_answer_tell_how_old_the_oldest_is():
    assert found("unanswered") == {"tickets": 0}
    TicketFactory(status="unknown", sent_at=ago(seconds=400))
    TicketFactory(status="sent", sent_at=ago(seconds=10))
    TicketFactory(status="parked", sent_at=ago(days=3))
    assert found("unanswered") == {"tickets": 400}
    assert found("parked") == {"tickets": 1}


def test_a_brake_that_stays_on_is_told():
    assert found("brake") == {"opening": 0}
    BrakeFactory(released_at=None, on_key=True)
    Brake.objects.update(created_at=ago(seconds=2000))
    assert found("brake") == {"opening": 2000}


def test_drift_that_a_person_has_cleared_is_none():
    VenueAccountFactory(drift={"BTC/USDT long": ["0.02", "0"]})
    VenueAccountFactory(
        drift={"BTC/USDT long": ["0.02", "0"]}, cleared_drift={"BTC/USDT long": "0.02"}
    )
    assert found("drift") == {"accounts": 1}


def test_closes_that_failed_are_counted():
    CloseFactory(status="failed")
    CloseFactory(status="settled")
    assert found("failed_closes") == {"closes": 1}


def test_the_books_are_counted_through_and_what_does_not_fit_is_told():
    assert found("ledger") == {}
    verify(what="ledger")
    verify(what="audit")
    assert (found("ledger"), found("audit")) == ({"ledger": 0}, {"audit": 0})
    TransferFactory(amount=Decimal(1))  # whose accounts know nothing of it
    verify(what="ledger")
    assert found("ledger") == {"ledger": 1}
    assert next(iter(CHECKS["ledger"].measure(NOW))).told


def test_how_long_ago_they_were_verified_is_told():
    row = VerificationFactory(what="ledger")
    type(row).objects.filter(pk=row.pk).update(created_at=ago(hours=60))
    assert found("unverified") == {"ledger": 60}


def test_a_certificate_tells_its_days_and_one_that_cannot_be_read_has_none(tmp_path, settings):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, ago(days=1), ago(days=-10))
    file = tmp_path / "acme.pem"
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file.write_bytes(pem)
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    settings.WATCHED_CERTIFICATES = [str(file), str(broken)]
    assert found("certificate") == {"acme.pem": 10, "broken.pem": 0}


def test_budgets_of_running_traders_are_told_in_per_cent():
    trader = TraderFactory(status=Trader.Status.RUNNING, budget={"daily_cost": 2.0})
    SpendingFactory(trader=trader, tenant=trader.tenant, day=NOW.date(), cost=Decimal("1.5"))
    TraderFactory(status=Trader.Status.STOPPED, budget={"daily_cost": 2.0})
    assert found("budget") == {trader.code: 75}
    assert found("traders") == {"traders": 0}
    Trader.rows.filter(pk=trader.pk).update(status=Trader.Status.ERROR)
    assert found("traders") == {"traders": 1}


def test_a_maker_that_runs_tells_its_silence(hints):
    desk = Desk()
    desk.run()
    rows = Session.objects.across_tenants()
    rows.update(reported_at=ago(seconds=45))
    assert found("maker_silence") == {f"maker {desk.maker.pk}": 45}
    rows.update(status=Session.Status.HALTED)
    assert found("maker_silence") == {}
