"""The doors for merchants' own servers: signed, counted, in the published words and in REST."""
