"""What a backtest came to, for people: figures, parts, intervals, a page, and files to keep."""

from engine.report.bootstrap import Interval
from engine.report.files import from_json, to_json, trades_csv, trades_parquet
from engine.report.page import html_page
from engine.report.report import Report, report_of

__all__ = [
    "Interval",
    "Report",
    "from_json",
    "html_page",
    "report_of",
    "to_json",
    "trades_csv",
    "trades_parquet",
]
