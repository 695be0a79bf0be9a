"""Market making: where to quote, and what it would come to."""
