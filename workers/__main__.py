"""`python -m workers` runs the node; `python -m workers make-key …` makes its key file."""

import argparse
import os
import sys

from workers import keys, settings


def main() -> None:
    if len(sys.argv) > 1:
        make_key()
        return
    told = settings.read()
    keys.read_keys(told.node_key_file, node=told.node_code)
    # The app needs the settings to be there, so it comes after they were checked.
    os.execv(  # noqa: S606  (this very Python, and nothing of the user's in its arguments)
        sys.executable,
        [
            *(sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"),
            *("--queues", told.queue, "--hostname", f"{told.node_code}@%h"),
            *("--pool", "threads", "--concurrency", "2", "--loglevel", told.log_level),
            *("--without-mingle", "--without-gossip"),
        ],
    )


def make_key() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Make a node's keys.")
    parser.add_argument("command", choices=["make-key"])
    parser.add_argument("--node", required=True)
    parser.add_argument("--centre-verify", required=True, help="the centre's public key, base64")
    parser.add_argument("--out", required=True, help="the key file to write")
    asked = parser.parse_args()
    sealing, verifying = keys.make_keys(
        asked.out, node=asked.node, centre_verify=asked.centre_verify
    )
    print(f"seal_key={sealing}\nverify_key={verifying}")


if __name__ == "__main__":
    main()
