"""Execution hosts: their keys, their heartbeats, whether they live."""
