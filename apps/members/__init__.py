"""End users of a tenant: who invited whom, and the level that gives."""
