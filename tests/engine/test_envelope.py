"""Nothing that was changed on the way is believed, and nothing unsigned is parsed."""

import base64
import json
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from engine import envelope
from engine.errors import MessageRefused
from engine.messages import MAX_BYTES, Heartbeat, Refusal, Tickets
from tests.engine.tickets import ticket

KEY = SigningKey.generate()
SENT = Tickets(tickets=[ticket()])
TEXT = envelope.sign(SENT, sender="centre", receiver="walk", key=KEY)
HEAD, TAIL = (base64.b64decode(part) for part in TEXT.split("."))


def opened(text, *, receiver="walk", expected=Tickets, key=KEY):
    claimed, payload, signature = envelope.read(text, receiver=receiver)
    return envelope.verify(claimed, payload, signature, key=key.verify_key, expected=expected)


def joined(payload, signature):
    return f"{base64.b64encode(payload).decode()}.{base64.b64encode(signature).decode()}"


def rewritten(key=KEY, **changes):
    """An envelope with other fields, signed again."""
    payload = json.dumps({**json.loads(HEAD), **changes}).encode()
    return joined(payload, key.sign(payload).signature)


def test_what_was_signed_comes_out_as_often_as_it_is_read():
    assert opened(TEXT) == opened(TEXT) == SENT


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@settings(max_examples=400)
@given(st.integers(0, len(HEAD) * 8 - 1))
def test_a_flipped_bit_of_the_payload_is_refused(bit):
    with pytest.raises(MessageRefused):
        opened(joined(flipped(HEAD, bit), TAIL))


@pytest.mark.parametrize("bit", range(64 * 8))
def test_a_flipped_bit_of_the_signature_is_refused(bit):
    with pytest.raises(MessageRefused):
        opened(joined(HEAD, flipped(TAIL, bit)))


def test_every_cut_is_refused():
    for length in range(len(TEXT)):
        with pytest.raises(MessageRefused):
            opened(TEXT[:length])


@settings(max_examples=300)
@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.lists(st.text())))
def test_whatever_else_comes_is_refused_and_nothing_worse(text):
    with pytest.raises(MessageRefused):
        opened(text)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_a_sound_signature_over_nonsense_is_refused(payload):
    with pytest.raises(MessageRefused):
        opened(joined(payload, KEY.sign(payload).signature))


CHANGED = {
    "another version": (partial(rewritten, v=2), "version 2 is not spoken here"),
    "no version": (partial(rewritten, v=None), "not an envelope"),
    "another receiver": (partial(rewritten, receiver="mars"), "the message is for mars"),
    "an unknown kind": (partial(rewritten, kind="pickle"), "does not belong on this queue"),
    "another kind": (partial(rewritten, kind="heartbeat"), "does not belong on this queue"),
    "an unknown field": (partial(rewritten, extra=1), "unknown field `extra`"),
    "a body that is none": (partial(rewritten, body="{"), "unsound"),
    "another key": (partial(rewritten, SigningKey.generate()), "the signature is not centre's"),
    "no signature": (lambda: TEXT.split(".")[0], "carries no signature"),
    "an empty signature": (lambda: joined(HEAD, b""), "carries no signature"),
    "a long signature": (lambda: joined(HEAD, TAIL + b"x"), "carries no signature"),
    "two signatures": (lambda: f"{TEXT}.{TEXT}", "not an envelope"),
    "too large": (lambda: "A" * (2 * MAX_BYTES + 1), "longer than"),
    "nested too deep": (partial(rewritten, body="[" * 60_000), "unsound"),
}


@pytest.mark.parametrize(("make", "reason"), CHANGED.values(), ids=CHANGED)
def test_a_changed_envelope_is_refused_with_its_reason(make, reason):
    with pytest.raises(MessageRefused, match=reason):
        opened(make())


def test_a_kind_is_only_taken_where_it_belongs():
    beat = Heartbeat(version="1", clock_ms=0, running=0)
    text = envelope.sign(beat, sender="walk", receiver="centre", key=KEY)
    assert opened(text, receiver="centre", expected=Heartbeat) == beat
    with pytest.raises(MessageRefused, match="does not belong"):
        opened(text, receiver="centre", expected=Refusal)


def test_every_message_has_a_name_of_its_own():
    again = envelope.sign(SENT, sender="centre", receiver="walk", key=KEY)
    ids = {envelope.read(text, receiver="walk")[0].message_id for text in (TEXT, again)}
    assert len(ids) == 2


NODE = PrivateKey.generate()


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_a_secret_opens_for_its_node_alone(secret):
    sealed = envelope.seal(secret, to=bytes(NODE.public_key))
    assert envelope.unseal(sealed, key=NODE) == secret
    with pytest.raises(MessageRefused, match="not sealed to this node"):
        envelope.unseal(sealed, key=PrivateKey.generate())


SEALED = base64.b64decode(envelope.seal(b"canary-secret", to=bytes(NODE.public_key)))


@pytest.mark.parametrize("bit", range(len(SEALED) * 8))
def test_a_flipped_bit_of_a_sealed_secret_is_refused_without_quoting_it(bit):
    changed = base64.b64encode(flipped(SEALED, bit)).decode()
    with pytest.raises(MessageRefused) as refused:
        envelope.unseal(changed, key=NODE)
    assert "canary" not in repr(refused.value) + repr(refused.value.context)


@pytest.mark.parametrize("sealed", ["", "*", "AAAA", "é", "A" * 100])
def test_what_is_no_sealed_secret_is_refused(sealed):
    with pytest.raises(MessageRefused):
        envelope.unseal(sealed, key=NODE)


codes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,20}", fullmatch=True)


@given(codes, codes, st.integers(0, 1000))
def test_a_client_order_id_suits_every_venue(account, ticket_id, generation):
    made = envelope.client_order_id(account=account, ticket_id=ticket_id, generation=generation)
    assert made.isascii()
    assert made.isalnum()
    assert len(made) <= 28
    assert made[0] != "t"
    again = envelope.client_order_id(account=account, ticket_id=ticket_id, generation=generation)
    assert made == again


def test_accounts_tickets_and_generations_share_no_client_order_id():
    made = {
        envelope.client_order_id(account=str(account), ticket_id=str(number), generation=try_)
        for account in range(30)
        for number in range(30)
        for try_ in range(5)
    }
    assert len(made) == 30 * 30 * 5
