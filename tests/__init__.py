"""The tests mirror the tree; `house` reads the source, `walks` tells whole stories."""
