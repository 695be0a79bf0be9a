"""What changes is told to all who look: each sees their own, and nobody waits for another."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from apps.console import selectors
from apps.core import live
from apps.core.models import RefusedMessage
from apps.orders.models import Order
from apps.tenants.models import Login, Tenant, User
from apps.tenants.services import end_login
from tests.apps.console.streams import ask, logged_in, play, streams, watching  # noqa: F401
from tests.factories import OrderFactory, TenantFactory, UserFactory

DASHBOARD, ORDERS = "/admin/", "/admin/orders/order/"
pytestmark = pytest.mark.usefixtures("streams")


def refused_message():
    RefusedMessage.objects.create(
        queue="centre.reports", digest=f"{RefusedMessage.objects.count():064x}", reason="a test's"
    )


def owner():
    return UserFactory(tenant=None, is_superuser=True, role=User.Role.OWNER)


def staff(tenant):
    return UserFactory(tenant=tenant, role=User.Role.STAFF)


def live_now(stream):
    return len(stream.events) > 0


def test_fifty_viewers_are_told_of_what_was_read_once(monkeypatch):
    logins = [logged_in(owner()) for _ in range(5)]
    read, whole = [], selectors.at_work
    monkeypatch.setattr(selectors, "at_work", lambda *about: read.append(1) or whole(*about))

    async def story():
        async with AsyncExitStack() as stack:
            viewers = await asyncio.gather(
                *(
                    stack.enter_async_context(watching(DASHBOARD, logins[number % 5]))
                    for number in range(50)
                )
            )
            for one in viewers:
                await one.until(live_now)
            seen = [len(one.events) for one in viewers]
            await asyncio.to_thread(refused_message)
            for one, number in zip(viewers, seen, strict=True):
                await one.until(lambda stream, number=number: "waiting" in stream.parts(number))
            assert all("core/refusedmessage" in one.parts()["waiting"] for one in viewers)
            # What has not changed was told once.
            assert all(
                "days" not in one.parts(number) for one, number in zip(viewers, seen, strict=True)
            )

    play(story())
    # By the first ones at the door, and then in steps for all of them together.
    assert len(read) < 50


def test_nobody_is_told_of_another_tenants_orders():
    order, acme = OrderFactory(), TenantFactory()
    ours, theirs = logged_in(staff(acme)), logged_in(staff(order.tenant))
    platform = logged_in(owner())

    def fill():
        Order.objects.across_tenants().filter(pk=order.pk).update(client_order_id="only-theirs")

    async def story():
        async with (
            watching(ORDERS, ours) as one,
            watching(ORDERS, theirs) as other,
            watching(ORDERS, platform) as all_,
        ):
            for viewer in (one, other, all_):
                await viewer.until(live_now)
            await asyncio.to_thread(fill)
            for viewer in (other, all_):
                await viewer.until(lambda one: "only-theirs" in one.parts()["rows"])
            await asyncio.sleep(0.3)
            assert "only-theirs" not in str(one.events)
            assert "csrfmiddlewaretoken" not in str(all_.events)

    play(story())


@pytest.mark.parametrize("change", ["logout", "role", "suspended", "right"])
def test_who_may_not_look_any_more_is_let_go(change):
    tenant = TenantFactory()
    user = staff(tenant)
    if change in ("role", "right"):
        role = User.Role.OPERATOR if change == "role" else User.Role.CUSTOM
        user = UserFactory(tenant=None, role=role)
    cookie = logged_in(user)
    other = logged_in(staff(TenantFactory()))

    def happen():
        if change == "logout":
            end_login(login=Login.objects.get(user=user, ended_at=None), now=timezone.now())
        elif change == "role":
            User.objects.filter(pk=user.pk).update(role=User.Role.SUPPORT)
        elif change == "suspended":
            Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.SUSPENDED)
        else:
            user.user_permissions.set(Permission.objects.all()[:1])

    async def story():
        async with watching(DASHBOARD, cookie) as one, watching(DASHBOARD, other) as stays:
            await one.until(live_now)
            await stays.until(live_now)
            await asyncio.to_thread(happen)
            await one.until(lambda stream: stream.has_ended)
            assert not stays.has_ended

    play(story())


def test_a_stranger_is_led_to_the_login():
    async def story():
        async with watching(DASHBOARD, {}) as one:
            assert one.status == 302

    play(story())


def test_who_comes_back_is_told_what_they_have_not_seen():
    cookie = logged_in(owner())

    async def story():
        async with watching(DASHBOARD, cookie) as one:
            await one.until(live_now)
        seen = one.events[-1][0]
        async with watching(DASHBOARD, cookie, **{"last-event-id": seen}) as again:
            await asyncio.to_thread(refused_message)
            await again.until(live_now)
            assert set(again.events[0][1]["parts"]) < set(one.parts())
        async with watching(DASHBOARD, cookie, **{"last-event-id": "long-ago"}) as late:
            await late.until(live_now)
            assert set(late.events[0][1]["parts"]) == set(one.parts())

    play(story())


def test_a_slow_viewer_holds_up_nobody_and_is_let_go(monkeypatch):
    monkeypatch.setattr(live, "SLOWEST_SECONDS", 1.5)
    cookie = logged_in(owner())

    async def story():
        async with watching(DASHBOARD, cookie) as slow, watching(DASHBOARD, cookie) as quick:
            await quick.until(live_now)
            await slow.until(live_now)
            slow.reads.clear()
            for _message in range(3):
                seen = len(quick.events)
                await asyncio.to_thread(refused_message)
                await quick.until(lambda stream, seen=seen: "waiting" in stream.parts(seen))
            await slow.until(lambda stream: stream.has_ended)
            assert not quick.has_ended

    play(story())


def test_a_stream_is_compressed_once_for_whoever_takes_it_so():
    cookie = logged_in(owner())

    async def story():
        async with (
            watching(DASHBOARD, cookie, **{"accept-encoding": "gzip, br"}) as packed,
            watching(DASHBOARD, cookie) as plain,
        ):
            for stream in (packed, plain):
                await stream.until(live_now)
            await asyncio.to_thread(refused_message)
            for stream in (packed, plain):
                await stream.until(lambda one: "core/refusedmessage" in one.parts()["waiting"])
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.parts() == plain.parts()

    play(story())


def test_the_arena_is_told_to_whoever_looks_and_not_at_any_number_of_places(monkeypatch):
    monkeypatch.setattr(live, "MOST_PUBLIC", 2)

    async def story():
        async with watching("/arena/", {}) as one, watching("/arena/?tab=trades", {}):
            await one.until(live_now)
            assert {"prices", "board", "list"} <= set(one.parts())
            async with watching("/arena/?tab=conversations", {}) as third:
                assert third.status == 503

    play(story())


def test_one_login_has_so_many_streams(monkeypatch):
    monkeypatch.setattr(live, "MOST_OF_LOGIN", 1)
    cookie = logged_in(owner())

    async def story():
        async with watching(DASHBOARD, cookie), watching(DASHBOARD, cookie) as second:
            assert second.status == 503

    play(story())


def test_what_has_no_live_parts_is_no_stream():
    cookie = logged_in(owner())
    told = play(
        ask(
            "GET",
            reverse("admin:tenants_tenant_changelist"),
            cookie | {"accept": "text/event-stream"},
        )
    )
    assert told[1]["content-type"].startswith("text/html")


def test_a_server_without_streams_says_so(client):
    client.force_login(owner())
    assert client.get(DASHBOARD, headers={"Accept": "text/event-stream"}).status_code == 204


def test_the_server_lets_everybody_go_when_it_stops(streams):  # noqa: F811
    cookie = logged_in(owner())

    async def story():
        async with watching(DASHBOARD, cookie) as one:
            await one.until(live_now)
            streams.end()
            await one.until(lambda stream: stream.has_ended)

    play(story())
