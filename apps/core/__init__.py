"""What every noun uses: fields, states, tenant scope, audit, doors for messages."""
