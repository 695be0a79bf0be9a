"""What a backtest came to, for people: figures, parts, intervals, pages, and files to keep."""

from engine.report.bootstrap import Interval
from engine.report.files import from_json, to_json, trades_csv, trades_parquet
from engine.report.html import POLICY
from engine.report.page import html_page
from engine.report.report import Report, report_of
from engine.report.search_page import search_page, walk_page

__all__ = [
    "POLICY",
    "Interval",
    "Report",
    "from_json",
    "html_page",
    "report_of",
    "search_page",
    "to_json",
    "trades_csv",
    "trades_parquet",
    "walk_page",
]
