"""A directory of one's own: sound files are strategies, others are named and left out."""

from tests.engine.strategies.test_found import SOUND
from tests.house.test_settings import manage

RULES = (
    "from engine.strategies import strategy_named;"
    "from apps.strategies.services import check_params;"
    "check_params(rule='jump', params={'percent': 2.0});"
    "print(strategy_named('jump').code)"
)


def test_sound_files_are_strategies_and_the_others_are_told_of(tmp_path):
    own = tmp_path / "own"
    own.mkdir(mode=0o755)
    (own / "jump.py").write_text(SOUND)
    (own / "broken.py").write_text("import os\n")
    about = {"STRATEGY_DIRECTORY": str(own), "IRONBULL_VAR": str(tmp_path)}
    checked = manage("check", **about)
    assert checked.returncode == 0
    assert f"{own / 'broken.py'}:1: may not import os" in checked.stderr
    known = manage("shell", "--no-imports", "-c", RULES, **about)
    assert known.stdout.strip().splitlines()[-1] == "jump", known.stderr


def test_a_directory_that_is_not_there_is_told_of(tmp_path):
    gone = tmp_path / "gone"
    checked = manage("check", STRATEGY_DIRECTORY=str(gone), IRONBULL_VAR=str(tmp_path))
    assert f"{gone}:0: there is no such directory" in checked.stderr
