"""Everything that a node loads, loaded: what node processes are forked from."""

import workers.heartbeat
import workers.state
import workers.tasks  # noqa: F401
