"""The self part of a charge, shared out along the invitation tree."""
