"""The report as one page that needs nothing else: no other file, no other host."""

from html import escape

from engine.report.report import Report


def html_page(report: Report) -> str:
    return f"<!doctype html><title>{escape(report.strategy)}</title>"
