"""Pages: the dashboard and the trace. No models, no rules."""
