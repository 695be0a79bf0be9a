"""The platform's strategies, the tenants' instances of them, the subscriptions."""
