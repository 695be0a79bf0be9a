"""Alerts from outside: a chart's or a program's word becomes a signal of one strategy."""
