"""The contenders of bench/making.py, one file each."""
