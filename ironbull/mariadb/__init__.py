"""Django's own backend for MySQL and MariaDB, two trips to the server a transaction shorter."""
