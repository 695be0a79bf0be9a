"""`python -m workers` runs the node; `… join …` makes its keys, to be confirmed at the centre."""

import argparse
import base64
import os
import sys

from engine import envelope
from workers import keys, settings

JOINED = """{made}
fingerprint={fingerprint}

At the centre:

    manage.py node join {node} --code {code} --seal-key {sealing} --verify-key {verifying}

Whoever confirms the node there has to be told this fingerprint, from this screen."""


def main() -> None:
    if len(sys.argv) > 1:
        make_keys(read_arguments())
        return
    told = settings.read()
    keys.read_keys(told.node_key_file, node=told.node_code)
    # The app needs the settings to be there, so it comes after they were checked.
    command = node_command(told.node_code, log_level=told.log_level)
    os.execv(sys.executable, command)  # noqa: S606  (nothing of the user's in its arguments)


def node_command(code: str, *, log_level: str) -> list[str]:
    """The worker of one node, as its host runs it."""
    return [
        *(sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"),
        *("--queues", f"node.{code}", "--hostname", f"{code}@%h"),
        *("--pool", "threads", "--concurrency", "2", "--loglevel", log_level),
        # Nobody listens to Celery's events of a node, and its broker need not let it send any.
        *("--without-mingle", "--without-gossip", "--without-heartbeat"),
    ]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Make a node's keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    make_key = commands.add_parser("make-key", help="keys for a node that is enrolled by them")
    join = commands.add_parser("join", help="keys for a node that is expected at the centre")
    join.add_argument("--code", required=True, help="the one-time code that the centre made")
    for command in (make_key, join):
        command.add_argument("--node", required=True, help="the node's code at the centre")
        command.add_argument(
            "--centre-verify", required=True, help="the centre's public key, base64"
        )
        command.add_argument("--out", required=True, help="the key file to write")
    return parser.parse_args()


def make_keys(asked: argparse.Namespace) -> None:
    try:
        sealing, verifying = keys.make_keys(
            asked.out, node=asked.node, centre_verify=asked.centre_verify
        )
    except FileExistsError:
        raise SystemExit(
            f"{asked.out} is there already: a key file is never written over"
        ) from None
    except OSError as error:
        raise SystemExit(f"{asked.out} cannot be written: {error.strerror}") from None
    except (ValueError, TypeError):
        raise SystemExit("--centre-verify is not a public key of a centre") from None
    made = f"seal_key={sealing}\nverify_key={verifying}"
    if asked.command == "make-key":
        print(made)
        return
    public = base64.b64decode(sealing), base64.b64decode(verifying)
    print(
        JOINED.format(
            made=made,
            fingerprint=envelope.fingerprint(asked.node, *public),
            node=asked.node,
            code=asked.code,
            sealing=sealing,
            verifying=verifying,
        )
    )


if __name__ == "__main__":
    main()
