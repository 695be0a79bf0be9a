"""Prepaid credit: sold, given, charged on realised profit."""
