"""What each day came to, counted beforehand: so that a page about years reads hundreds of rows.

The rows themselves stay the truth. Tallies are counted from them again and again, never added to;
what a late change left behind is found, and `manage.py tallies --check` compares all of it.
"""
