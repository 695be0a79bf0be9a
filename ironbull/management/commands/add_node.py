from pathlib import Path

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject
from apps.nodes.envelopes import centre_verify_key
from apps.nodes.services import enroll_node
from ironbull.installation import enroll

HOW = """On the host of node {code}:

    python -m workers make-key --node {code} --out {code}.json --centre-verify {centre}

It prints two public keys. Then here:

    manage.py add_node {code} --seal-key ... --verify-key ..."""


class Command(HouseCommand):
    help = "Enrol a node. Without keys, says how to make them on its host."
    subject = Subject.NODES
    examples = """
        add_node tokyo-1 --name Tokyo --key-file var/tokyo-1.json
    """

    def add_arguments(self, parser):
        parser.add_argument("code", help="small letters, digits and dashes, as in tokyo-1")
        parser.add_argument("--name", help="what people call it; the code, if left out")
        parser.add_argument("--seal-key", help="the node's public sealing key, base64")
        parser.add_argument("--verify-key", help="the node's public verifying key, base64")
        parser.add_argument(
            "--key-file", type=Path, help="make the keys here instead, for a node on this host"
        )

    def handle(self, *, code, name, seal_key, verify_key, key_file, **options):
        given = bool(seal_key), bool(verify_key), bool(key_file)
        if given == (True, True, False):
            enroll_node(code=code, name=name or code, seal_key=seal_key, verify_key=verify_key)
        elif given == (False, False, True):
            self.make_keys(code, name or code, key_file)
        elif given == (False, False, False):
            self.stdout.write(HOW.format(code=code, centre=centre_verify_key()))
            return
        else:
            raise CommandError("give both public keys, or a key file, or neither")
        self.stdout.write(f"Node {code} is enrolled. Start it there with NODE_CODE={code}.")

    def make_keys(self, code, name, key_file):
        if key_file.exists():
            raise CommandError(f"{key_file} is there already: a key file is never written over")
        enroll(code=code, name=name, file=key_file)
