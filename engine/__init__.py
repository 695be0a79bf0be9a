"""The pure core: candles in; intents, orders, positions and decisions out.

Nothing here knows Django, Celery or the business database, and only
`engine.venues` may reach a network.
"""
