"""What the platform remembers is taken away, as a restarted Redis or another file would."""

from apps.core.memory import PREFIX, FileMemory, Memory


def forget(memory: Memory, beginning: str = "") -> None:
    """Everything whose name begins like this."""
    if isinstance(memory, FileMemory):
        with memory.turn() as pages:
            for name in [key for key, _ in pages.cursor() if key.startswith(beginning.encode())]:
                pages.delete(name)
        return
    for key in memory.redis.scan_iter(f"{PREFIX}{beginning}*"):
        memory.redis.delete(key)
