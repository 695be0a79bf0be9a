"""Secrets at rest open in their own place only, and are sealed anew under a new key."""

import base64
import io
import secrets

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.core import rotation, sealed
from apps.core.fields import SealedField
from apps.core.sealed import CannotOpen, is_current, is_sealed, reseal, seal, unseal
from apps.venues.models import VenueAccount
from apps.venues.services import bind_account
from tests.factories import MemberFactory, VenueAccountFactory

HERE = "venue_account:1:paper:futures"


@pytest.fixture
def new_key(settings):
    """Call it, and a new key stands before the others, as an operator would put it."""

    def put():
        settings.SEAL_KEYS = [secrets.token_bytes(32), *settings.SEAL_KEYS]

    return put


def binding_of(account):
    return f"venue_account:{account.member_id}:{account.venue}:{account.label}"


def opened(account):
    account.refresh_from_db()
    return unseal(account.credentials, binding=binding_of(account))


def rotate_keys(**options):
    out = io.StringIO()
    call_command("rotate_keys", stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("secret", ["", "canary-secret", "密钥", "a" * 5000])
def test_opens_where_it_belongs(secret):
    text = seal(secret, binding=HERE)
    assert unseal(text, binding=HERE) == secret
    assert is_sealed(text)
    assert is_current(text)
    assert not secret or secret not in text


def test_the_same_secret_is_never_sealed_alike():
    assert seal("x", binding=HERE) != seal("x", binding=HERE)


@pytest.mark.parametrize("elsewhere", ["", HERE + "2", "venue_account:2:paper:futures"])
def test_does_not_open_elsewhere(elsewhere):
    with pytest.raises(CannotOpen):
        unseal(seal("secret", binding=HERE), binding=elsewhere)


def test_does_not_open_when_any_character_was_changed():
    # Eight letters: the text ends without padding, so that every character counts.
    text = seal("8letters", binding=HERE)
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(CannotOpen):
            unseal(text[:place] + other + text[place + 1 :], binding=HERE)


@pytest.mark.parametrize("text", ["", "s1", "s1..", "s1.x.y", "s2.x.y", "secret", "s1.é.é"])
def test_what_is_not_sealed_does_not_open(text):
    with pytest.raises(CannotOpen):
        unseal(text, binding=HERE)


def test_a_truncated_secret_does_not_open():
    mark, key, body = seal("secret", binding=HERE).split(".")
    raw = base64.b64decode(body)
    for length in range(len(raw)):
        with pytest.raises(CannotOpen):
            unseal(f"{mark}.{key}.{base64.b64encode(raw[:length]).decode()}", binding=HERE)


def test_an_older_key_still_opens_and_resealing_moves_to_the_newest(new_key, settings):
    old = seal("secret", binding=HERE)
    new_key()
    assert unseal(old, binding=HERE) == "secret"
    assert not is_current(old)
    fresh = reseal(old, binding=HERE)
    assert is_current(fresh)
    settings.SEAL_KEYS = settings.SEAL_KEYS[:1]
    assert unseal(fresh, binding=HERE) == "secret"
    with pytest.raises(CannotOpen, match="does not have"):
        unseal(old, binding=HERE)


def test_a_refusal_tells_nothing_of_the_secret():
    with pytest.raises(CannotOpen) as refusal:
        unseal(seal("canary-secret", binding=HERE), binding="x")
    assert "canary" not in str(refusal.value)


@pytest.mark.django_db
def test_an_unsealed_secret_is_never_saved():
    account = VenueAccountFactory()
    kept = account.credentials
    account.credentials = "plain-secret"
    with pytest.raises(ValidationError, match="not sealed"), transaction.atomic():
        account.save()
    with pytest.raises(ValidationError), transaction.atomic():
        VenueAccount.objects.of(account.tenant).update(credentials="plain-secret")
    account.refresh_from_db()
    assert account.credentials == kept


def test_every_sealed_field_names_its_binding():
    found = rotation.sealed_fields()
    assert (VenueAccount, VenueAccount._meta.get_field("credentials")) in found
    assert all(column.binding for _model, column in found)
    (error,) = [error for error in nameless(SealedField()).check() if error.id == "core.E001"]
    assert "binding" in error.msg


def nameless(field):
    field.set_attributes_from_name("secret")
    field.model = VenueAccount
    return field


@pytest.mark.django_db
@pytest.mark.parametrize("batch", [1, 2, 500])
def test_rotation_seals_every_row_anew_and_changes_no_secret(new_key, settings, batch):
    accounts = [VenueAccountFactory() for _ in range(5)]
    accounts.append(
        bind_account(
            member=MemberFactory(), venue="paper", api_key="key-of-bob", api_secret="secret-of-bob"
        )
    )
    before = [opened(account) for account in accounts]
    new_key()
    out = rotate_keys(batch=batch)
    assert "venues.VenueAccount.credentials: 6 sealed anew" in out
    assert "0 left" in out
    settings.SEAL_KEYS = settings.SEAL_KEYS[:1]
    assert [opened(account) for account in accounts] == before
    assert all(is_current(account.credentials) for account in accounts)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_rotation_of_no_rows_at_a_time_is_refused(batch):
    with pytest.raises(CommandError, match="--batch"):
        rotate_keys(batch=batch)


@pytest.mark.django_db
def test_rotating_twice_writes_once(new_key):
    account = VenueAccountFactory()
    new_key()
    rotate_keys()
    account.refresh_from_db()
    text = account.credentials
    assert "0 sealed anew" in rotate_keys()
    account.refresh_from_db()
    assert account.credentials == text


@pytest.mark.django_db
def test_a_rotation_cut_short_goes_on_where_it_stopped(new_key):
    accounts = [VenueAccountFactory() for _ in range(5)]
    new_key()
    model, column = next(pair for pair in rotation.sealed_fields() if pair[0] is VenueAccount)
    steps = rotation.rotate(model, column, batch=2)
    assert next(steps).resealed == 2
    steps.close()
    assert rotation.due(model, column).count() == 3
    assert "3 sealed anew" in rotate_keys()
    for account in accounts:
        account.refresh_from_db()
        assert is_current(account.credentials)


@pytest.mark.django_db
def test_a_forgotten_secret_is_passed_over(new_key):
    VenueAccountFactory(credentials="", key_hint="")
    new_key()
    assert "0 sealed anew" in rotate_keys()


@pytest.mark.django_db
def test_rows_that_no_key_opens_are_named_and_the_others_are_sealed(new_key):
    good, stolen = VenueAccountFactory(), VenueAccountFactory()
    VenueAccount.objects.of(stolen.tenant).update(credentials=good.credentials)
    new_key()
    with pytest.raises(CommandError, match=rf"opens rows {stolen.pk}$"):
        rotate_keys()
    good.refresh_from_db()
    stolen.refresh_from_db()
    assert is_current(good.credentials)
    assert not is_current(stolen.credentials)


@pytest.mark.django_db
def test_a_secret_replaced_meanwhile_is_not_overwritten(new_key, monkeypatch):
    account = VenueAccountFactory()
    new_key()
    theirs = seal("replaced", binding=binding_of(account))

    def replaced_meanwhile(text, *, binding):
        VenueAccount.objects.of(account.tenant).update(credentials=theirs)
        return seal("stale", binding=binding)

    monkeypatch.setattr(sealed, "reseal", replaced_meanwhile)
    out = rotate_keys()
    assert "1 replaced meanwhile, 0 left" in out
    assert opened(account) == "replaced"
