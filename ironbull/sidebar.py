"""How the admin looks, and its sidebar, sorted by the job people come to do."""

UNFOLD: dict[str, object] = {"SITE_TITLE": "IronBull", "SITE_HEADER": "IronBull"}
