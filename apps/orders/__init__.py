"""From a signal to orders at venues: planning, dispatch, reports, reconciling."""
