"""What `bench.fanout` measures, and what it measures beside it."""
