"""Addresses of three networks, right and wrong; the vectors are those that the networks publish."""

import pytest

from apps.core.errors import BadInput
from apps.rewards.addresses import checked_address, checked_hash, checksummed

# From the text of EIP-55, and two contracts of Tether.
ETHEREUM = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0xdAC17F958D2ee523a2206206994597C13D831ec7",
]
TRON = ["TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TLa2f6VPqDgRE67v1736s7bJ8Ray5wYjU7"]


@pytest.mark.parametrize("address", ETHEREUM)
@pytest.mark.parametrize("network", ["ERC20", "BEP20"])
def test_a_published_ethereum_address_is_one(network, address):
    assert checked_address(network=network, address=f" {address}\n") == address
    assert checksummed(address.lower()) == address


@pytest.mark.parametrize("address", TRON)
def test_a_published_tron_address_is_one(address):
    assert checked_address(network="TRC20", address=address) == address


@pytest.mark.parametrize("address", TRON)
def test_one_wrong_letter_of_a_tron_address_is_found(address):
    for place in range(1, len(address)):
        other = "2" if address[place] != "2" else "3"
        with pytest.raises(BadInput):
            checked_address(network="TRC20", address=address[:place] + other + address[place + 1 :])


@pytest.mark.parametrize("address", ETHEREUM[4:])
def test_one_letter_of_another_case_is_found(address):
    for place, letter in enumerate(address[2:], 2):
        if letter.isalpha():
            wrong = address[:place] + letter.swapcase() + address[place + 1 :]
            with pytest.raises(BadInput):
                checked_address(network="ERC20", address=wrong)


@pytest.mark.parametrize(
    ("case", "network", "address", "field"),
    [
        ("Tron's on Ethereum", "ERC20", TRON[0], "address"),
        ("Ethereum's on Tron", "TRC20", ETHEREUM[0], "address"),
        ("nothing", "TRC20", "", "address"),
        ("too short", "ERC20", ETHEREUM[0][:-1], "address"),
        ("too long", "ERC20", ETHEREUM[0] + "0", "address"),
        ("without its 0x", "ERC20", ETHEREUM[0][2:], "address"),
        ("not hexadecimal", "BEP20", ETHEREUM[0][:-1] + "g", "address"),
        ("all small, so nothing is checked", "ERC20", ETHEREUM[4].lower(), "address"),
        ("all large, so nothing is checked", "ERC20", "0x" + ETHEREUM[4][2:].upper(), "address"),
        ("a letter that base58 has not", "TRC20", TRON[0][:-1] + "0", "address"),
        ("other digits than ours", "ERC20", "0x" + "٣" * 40, "address"),
        ("nobody's, of zeros", "ERC20", "0x" + "0" * 40, "address"),
        ("nobody's on Tron", "TRC20", "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "address"),
        ("another network", "SOL", TRON[0], "network"),
        ("no network", "", TRON[0], "network"),
    ],
)
def test_what_is_no_address_is_refused(case, network, address, field):
    with pytest.raises(BadInput) as refused:
        checked_address(network=network, address=address)
    assert refused.value.context["field"] == field


@pytest.mark.parametrize(
    ("network", "tx_hash", "is_one"),
    [
        ("TRC20", "ab" * 32, True),
        ("TRC20", "0x" + "ab" * 32, False),
        ("TRC20", "٣" * 64, False),
        ("ERC20", "0x" + "ab" * 32, True),
        ("ERC20", "ab" * 32, False),
        ("BEP20", "0x" + "ab" * 31, False),
        ("BEP20", "", False),
    ],
)
def test_a_payment_is_named_as_its_network_names_it(network, tx_hash, is_one):
    if is_one:
        assert checked_hash(network=network, tx_hash=tx_hash) == tx_hash
    else:
        with pytest.raises(BadInput):
            checked_hash(network=network, tx_hash=tx_hash)
