"""A node that, without an answer, sends again: the fault that the oracle has to see."""

from engine import execution
from engine.execution import report_of
from workers.app import app

__all__ = ["app"]


def send_again(ticket, *, venue, now_ms, reason=""):
    return report_of(ticket, venue.place(ticket), now_ms)


execution.look_up = send_again
