"""Cards go up and down one line of invitations, like to like, once per key."""

from decimal import Decimal

import pytest

from apps.core.errors import BadInput, KeyReused
from apps.core.models import AuditEntry
from apps.ledger.errors import InsufficientPoints
from apps.ledger.models import Transfer
from apps.members.models import Member
from apps.pointcards.services import transfer_cards
from apps.tenants.models import Event
from apps.tenants.services import suspend_tenant
from tests.apps.rewards.shop import K, Shop, held
from tests.at_once import at_once
from tests.factories import EndpointFactory


@pytest.fixture
def shop(db):
    return Shop()


def cards(*members):
    return [held(member.owner, K.SELF, K.GIFT) for member in members]


def moved():
    return Transfer.objects.across_tenants().count(), AuditEntry.objects.count()


def hand(sender, receiver, amount, kind=K.SELF, key="k"):
    return transfer_cards(
        key=key, sender=sender, receiver=receiver, kind=kind, amount=Decimal(amount)
    )


@pytest.mark.parametrize(
    ("kind", "amount", "before", "after"),
    [
        (K.SELF, "30", [[100, 50], [10, 20]], [[70, 50], [40, 20]]),
        (K.GIFT, "25", [[100, 80], [10, 5]], [[100, 55], [10, 30]]),
        (K.SELF, "100", [[100, 50], [0, 0]], [[0, 50], [100, 0]]),
    ],
)
@pytest.mark.parametrize("downwards", [True, False])
def test_like_goes_to_like(shop, kind, amount, before, after, downwards):
    upper = shop.member(*before[0 if downwards else 1])
    lower = shop.member(*before[1 if downwards else 0], inviter=upper)
    sender, receiver = (upper, lower) if downwards else (lower, upper)
    assert cards(sender, receiver) == before
    made = hand(sender, receiver, amount, kind)
    assert cards(sender, receiver) == after
    assert made.reason == Transfer.Reason.CARD_TRANSFER


@pytest.mark.parametrize("kind", [K.SELF, K.GIFT])
def test_nobody_sends_more_than_there_is_of_a_kind(shop, kind):
    sender = shop.member(10, 5)
    receiver = shop.member(inviter=sender)
    with pytest.raises(InsufficientPoints):
        hand(sender, receiver, 11 if kind == K.SELF else 6, kind)
    assert cards(sender, receiver) == [[10, 5], [0, 0]]


def test_a_line_goes_through_whole_invitations_and_not_through_their_digits(shop):
    one = shop.member(100)
    others = [shop.member() for _ in range(25)]
    # Somebody whose number begins with the sender's digits is no descendant of the sender.
    alike = next((row for row in others if str(row.pk).startswith(str(one.pk))), others[0])
    below = shop.member(inviter=shop.member(inviter=alike))
    for receiver in (alike, below):
        with pytest.raises(BadInput, match="line"):
            hand(one, receiver, 1)
    assert cards(one) == [[100, 0]]


def test_grandparents_and_the_root_are_of_the_line_and_siblings_are_not(shop):
    parent = shop.member()
    child = shop.member(inviter=parent)
    grandchild, sibling = shop.member(100, inviter=child), shop.member(inviter=child)
    hand(grandchild, parent, 10, key="up")
    hand(grandchild, shop.root, 10, key="top")
    with pytest.raises(BadInput) as refused:
        hand(grandchild, sibling, 10, key="aside")
    assert refused.value.context["field"] == "receiver"
    assert cards(grandchild, parent, sibling, shop.root) == [[80, 0], [10, 0], [0, 0], [10, 0]]


def disable(member):
    Member.objects.of(member.tenant).filter(pk=member.pk).update(status="disabled")


@pytest.mark.parametrize(
    ("case", "asked", "field"),
    [
        ("nothing", {"amount": "0"}, "amount"),
        ("less than nothing", {"amount": "-1"}, "amount"),
        ("not a number", {"amount": "NaN"}, "amount"),
        ("no end to it", {"amount": "Infinity"}, "amount"),
        ("finer than a unit", {"amount": "1e-9"}, "amount"),
        ("more than can be counted", {"amount": "1e30"}, "amount"),
        ("points that are no card", {"kind": K.REWARD}, "kind"),
        ("no kind", {"kind": ""}, "kind"),
        ("no key", {"key": ""}, "key"),
        ("too long a key", {"key": "k" * 101}, "key"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(shop, case, asked, field):
    sender = shop.member(100)
    receiver = shop.member(inviter=sender)
    before = moved()
    with pytest.raises(BadInput) as refused:
        hand(sender, receiver, **{"amount": "1"} | asked)
    assert refused.value.context["field"] == field
    assert moved() == before
    assert cards(sender, receiver) == [[100, 0], [0, 0]]


@pytest.mark.parametrize(
    ("case", "to", "told"),
    [
        ("oneself", "sender", "oneself"),
        ("somebody of another line", "stranger", "line"),
        ("another tenant's member", "globex", "not a member"),
        ("a disabled one of another tenant, of whom nothing is told", "disabled", "not a member"),
    ],
)
def test_who_is_no_receiver_is_refused(shop, case, to, told):
    sender = shop.member(100)
    receiver = sender if to == "sender" else (shop if to == "stranger" else Shop("Globex")).member()
    if to == "disabled":
        disable(receiver)
    before = moved()
    with pytest.raises(BadInput, match=told) as refused:
        hand(sender, receiver, 1)
    assert refused.value.context["field"] == "receiver"
    assert moved() == before
    assert cards(sender) == [[100, 0]]


@pytest.mark.parametrize("field", ["sender", "receiver", "tenant"])
def test_who_may_not_act_moves_nothing(shop, field):
    sender = shop.member(100)
    receiver = shop.member(inviter=sender)
    if field == "tenant":
        suspend_tenant(tenant=shop.tenant)
    else:
        disable({"sender": sender, "receiver": receiver}[field])
    before = moved()
    with pytest.raises(BadInput) as refused:
        hand(sender, receiver, 1)
    assert refused.value.context["field"] == field
    assert moved() == before
    assert cards(sender, receiver) == [[100, 0], [0, 0]]


def test_asked_twice_it_moves_once_and_is_told_once(shop):
    EndpointFactory(tenant=shop.tenant)
    sender = shop.member(100)
    receiver = shop.member(inviter=sender)
    made = hand(sender, receiver, 30)
    assert hand(sender, receiver, 30).pk == made.pk
    assert cards(sender, receiver) == [[70, 0], [30, 0]]
    entry = AuditEntry.objects.get(action="cards.transferred")
    assert (entry.subject, entry.after["from"]) == (f"members.member:{receiver.pk}", sender.owner)
    assert [Decimal(told["balance"]) for told in (entry.before, entry.after)] == [0, 30]
    (event,) = Event.objects.of(shop.tenant).filter(name="cards.transferred")
    assert (event.about["transfer"], event.about["amount"]) == (str(made.pk), "30")


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("another amount", {"amount": "31"}),
        ("another kind", {"kind": K.GIFT}),
        ("another way", {"turned": True}),
    ],
)
def test_a_key_is_for_one_thing(shop, case, change):
    sender = shop.member(100, 100)
    receiver = shop.member(50, 50, inviter=sender)
    hand(sender, receiver, 30)
    before = moved()
    asked = {"amount": "30", "sender": sender, "receiver": receiver} | change
    if asked.pop("turned", False):
        asked |= {"sender": receiver, "receiver": sender}
    with pytest.raises(KeyReused):
        hand(**asked)
    assert moved() == before
    assert cards(sender, receiver) == [[70, 100], [80, 50]]


@pytest.mark.django_db(transaction=True)
def test_the_same_wish_many_times_at_once_moves_once():
    shop = Shop()
    sender = shop.member(100)
    receiver = shop.member(inviter=sender)
    answers = at_once(4, lambda: hand(sender, receiver, 60).pk)
    assert len(set(answers)) == 1
    assert cards(sender, receiver) == [[40, 0], [60, 0]]
    assert AuditEntry.objects.filter(action="cards.transferred").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_that_do_not_both_fit():
    shop = Shop()
    sender = shop.member(100)
    receiver = shop.member(inviter=sender)
    answers = at_once(2, lambda key: hand(sender, receiver, 60, key=key), ["a", "b"])
    assert sum(isinstance(answer, Transfer) for answer in answers) == 1
    assert sum(isinstance(answer, InsufficientPoints) for answer in answers) == 1
    assert cards(sender, receiver) == [[40, 0], [60, 0]]
