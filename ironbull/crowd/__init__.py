"""A large business that never was: tenants, members, orders and money by the hundred thousand.

It is for measuring. Everything fits together as if it had been traded: the books balance, every
charge has its close, every row its tenant. From one seed the same business follows.
"""
