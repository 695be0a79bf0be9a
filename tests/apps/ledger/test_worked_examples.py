"""A month of Acme that an accountant can check with a pencil, and the cases that were agreed.

Points are USDT, exact to 0.00000001. Nothing below is computed: every figure was worked out
by hand, and the platform has to come to the same ones.
"""

from contextlib import nullcontext

import pytest

from apps.core.errors import Conflict
from apps.ledger.errors import InsufficientPoints
from apps.ledger.verification import first_misfit
from apps.pointcards.services import transfer_cards
from apps.rewards import verification as rewards
from apps.rewards.models import Pool
from apps.strategies.services import resume_subscription
from apps.tenants.models import Policy
from apps.tenants.services import set_policy
from tests.apps.ledger.month import Month, number, table, told_balances, told_statement
from tests.apps.pointcards.trader import close, follower
from tests.apps.rewards.shop import K, Shop, held, settle


def test_a_month_of_acme(db):
    month = Month()

    # --- The people. Root is Acme's own member; a market node takes part in level differences.
    month.joins("""
        name    inviter  level  node  holding
        alice   root     S3     yes   2,000
        bob     alice    S1     yes   1,000
        carol   bob      S0     no    0
        dave    root     S0     no    0
    """)

    # --- The first week: cards are issued, sold, given, and handed on along a line.
    month.moves("""
        from      to     card  amount
        platform  acme   self  10,000
        platform  acme   gift   2,000
        acme      carol  self   3,500
        acme      alice  self     500
        acme      alice  gift     100
        acme      bob    self     100
        acme      bob    gift     300
        acme      dave   gift      50
        alice     bob    self      30
        bob       alice  gift      25
    """)
    assert month.balances() == told_balances("""
               self   gift   reward  held  tech  retained  issued   spent  pool  paid  fees
        acme   5,900  1,550  –       –     –     –         -12,000  0      0     0     0
        root   0      0      0       0     0     0         –        –      –     –     –
        alice  470    125    0       0     –     –         –        –      –     –     –
        bob    130    275    0       0     –     –         –        –      –     –     –
        carol  3,500  0      0       0     –     –         –        –      –     –     –
        dave   0      50     0       0     –     –         –        –      –     –     –
    """)

    # Acme charges 30 % on each profitable close, whatever it cost and whatever was lost before.
    # Self cards pay first, then gift; what they cannot cover is only written down.
    month.settles("""
        who    profit  fee  entry   on      due    self   gift  short
        carol  10,000  12   8       10,000  3,000  3,000  0     0
        carol    -400   1   0       –       –      –      –     –
        dave    1,000   0   0        1,000    300      0    50    250
    """)
    # The self part is the pool: a tenth is the tech team's, a fifth the network's, the rest stays.
    # Of the network's 600: Bob invited Carol, and holds 1,000 (a quarter). Bob is S1 (20 %),
    # Alice above him S3 (40 %, of which 20 % are his). Nobody above Carol is of her level.
    month.shares(
        "carol",
        """
        tech_team        root   300
        direct           bob    150
        level_diff       bob    120
        level_diff       alice  120
        peer_undist      root    60
        network_undist   root   150
        platform_retain  root  2100
        """,
    )
    # Dave's charge took gift points only. They are spent, and there is nothing to share out.
    assert month.status("dave") == "active"

    # --- The second week: charged is what is left after fees, and who cannot pay pauses.
    set_policy(tenant=month.tenant, charge_basis=Policy.Basis.NET_OF_FEES, pauses_on_shortfall=True)
    # Bob pays 4.50 when he buys three. One of them bears 1.50, the other two bear 3.00.
    closes = month.trades(
        "bob",
        """
        does   quantity  price  fee
        buys   3         100    4.50
        sells  1         148    1.00
        sells  2         130    2.00
        """,
    )
    month.settles(
        """
        who    profit  fee  entry  on     due    self   gift  short
        bob    48      1    1.50   45.50  13.65  13.65  0     0
        bob    60      2    3.00   55     16.50  16.50  0     0
        """,
        *closes,
    )
    month.shares(
        "bob",
        """
        tech_team        root    1.65
        direct           alice   0.825
        level_diff       alice   1.32
        peer_undist      root    0.33
        network_undist   root    0.825
        platform_retain  root   11.55
        """,
    )
    month.settles("""
        who    profit  fee  entry  on  due    self  gift  short
        carol    1     2    1       0   0     0     0      0
        dave   100     1    1      98  29.40  0     0     29.40
    """)
    # Dave opens nothing more, and cannot go on by himself; new cards let him go on.
    assert month.status("dave") == "paused"
    with pytest.raises(Conflict, match="topped up"):
        resume_subscription(subscription=month.following["dave"])
    month.moves("""
        from  to    card  amount
        acme  dave  self  20
    """)
    assert month.status("dave") == "active"
    month.settles("""
        who   profit  fee  entry  on  due  self  gift  short
        dave  50      0    0      50  15   15    0     0
    """)
    month.shares(
        "dave",
        """
        tech_team        root   1.50
        direct_undist    root   0.75
        peer_undist      root   0.30
        network_undist   root   1.95
        platform_retain  root  10.50
        """,
    )

    # --- The third week: a loss is earned back before anything is charged again.
    # Alice has earned 190, then 86, then 162: nothing above 190. With 212 it is 22 more.
    set_policy(tenant=month.tenant, charge_basis=Policy.Basis.HIGH_WATER)
    month.settles("""
        who    profit       fee  entry  on           due         self        gift  short
        alice  200          6    4      190          57          57          0     0
        alice  -100         4    0      0            0           0           0     0
        alice  80           2    2      0            0           0           0     0
        alice  50           0    0      22           6.60        6.60        0     0
        carol  33.33333333  0    0      33.33333333  9.99999999  9.99999999  0     0
    """)
    # Every share is cut down to whole units; what the cutting leaves over is the platform's.
    month.shares(
        "carol",
        """
        tech_team        root   0.99999999
        direct           bob    0.49999999
        level_diff       bob    0.39999999
        level_diff       alice  0.39999999
        peer_undist      root   0.19999999
        network_undist   root   0.49999999
        platform_retain  root   7.00000005
        """,
    )

    # --- The last week: rewards are paid out, with a fee of 5 % in whole cents.
    month.withdraws("""
        who    asks   becomes    fee   payout
        bob    100    completed  5.00  95.00
        bob    50.10  rejected   2.50  47.60
        alice  60     approved   3.00  57.00
        root   99.99  completed  5.00  94.99
    """)

    # --- The end of the month: every account there is, and all of them together are zero.
    assert month.balances() == told_balances("""
               self          gift   reward        held  tech          retained
        acme   5,880         1,550  –             –     –             –
        root   0             0      128.54049998  0     311.87499999  2,183.12500005
        alice  406.40        125    64.31949999   60    –             –
        bob    99.85         275    170.89999998  0     –             –
        carol  490.00000001  0      0             0     –             –
        dave   5             0      0             0     –             –
    """) | told_balances("""
               issued   spent  pool  paid    fees
        acme   -12,000  50     0     189.99  10
    """)
    assert sum(month.balances().values()) == 0
    assert list(month.statement("bob", "self")) == told_statement("""
        recharge        100.00  100.00
        card_transfer    30.00  130.00
        charge          -13.65  116.35
        charge          -16.50   99.85
    """)
    assert list(month.statement("bob", "reward")) == told_statement("""
        reward    150.00        150.00
        reward    120.00        270.00
        reward      0.49999999  270.49999999
        reward      0.39999999  270.89999998
        hold     -100.00        170.89999998
        hold      -50.10        120.79999998
        release    50.10        170.89999998
    """)
    assert (first_misfit(), rewards.first_misfit()) == (None, None)


def pair(cell):
    """Self and gift."""
    return [number(part) for part in cell.split("/")]


@pytest.mark.parametrize(
    "case",
    table("""
        case          profit      cards          due  paid           pool  short       left
        a_self_pays   1,000       500/100        300  300/0          300   0           200/100
        b_self_first  1,000       100/300        300  100/200        100   0           0/100
        c_gift_only   1,000       0/50           300  0/50           –     250         0/0
        d_thirty      100         500/100        30   30/0           30    0           470/100
        to_the_last   100         30/0           30   30/0           30    0           0/0
        a_unit_short  100         0/29.99999999  30   0/29.99999999  –     0.00000001  0/0
        empty_cards   1,000       0/0            300  0/0            –     300         0/0
        a_unit_won    0.00000001  1/1            0    0/0            –     0           1/1
    """),
    ids=lambda case: case["case"],
)
def test_what_a_profit_costs(db, case):
    shop = Shop()
    own, gift = pair(case["cards"])
    row = follower(shop, own=own, gift=gift)
    made = close(row, number(case["profit"]))
    settle([made])
    charge = made.charge
    assert (charge.due, charge.shortfall) == (number(case["due"]), number(case["short"]))
    assert [charge.from_self, charge.from_gift] == pair(case["paid"])
    assert held(row.member.owner, K.SELF, K.GIFT) == pair(case["left"])
    pools = [pool.amount for pool in Pool.objects.of(shop.tenant)]
    assert pools == ([] if case["pool"] == "–" else [number(case["pool"])])


@pytest.mark.parametrize(
    "case",
    table("""
        card  amount  sender  receiver  sender_then  receiver_then
        self  30      100/50  10/20     70/50        40/20
        gift  25      100/80  10/5      100/55       10/30
        self  100     100/50  10/20     0/50         110/20
        self  50      10/5    0/0       refused      refused
        gift  50      10/5    0/0       refused      refused
    """),
    ids=lambda case: f"{case['amount']} {case['card']} of {case['sender']}",
)
def test_what_a_card_transfer_leaves(db, case):
    shop = Shop()
    sender = shop.member(*pair(case["sender"]))
    receiver = shop.member(*pair(case["receiver"]), inviter=sender)
    is_refused = case["sender_then"] == "refused"
    with pytest.raises(InsufficientPoints) if is_refused else nullcontext():
        transfer_cards(
            key="k",
            sender=sender,
            receiver=receiver,
            kind=case["card"],
            amount=number(case["amount"]),
        )
    then = "" if is_refused else "_then"
    for name, member in (("sender", sender), ("receiver", receiver)):
        assert held(member.owner, K.SELF, K.GIFT) == pair(case[f"{name}{then}"])
