"""The migrations make exactly the rows that the models describe, from nothing."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_migrating_from_nothing_reached_the_end():
    """The test database was empty before this run: every migration has been applied to it."""
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert executor.loader.detect_conflicts() == {}


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_the_table_has_the_models_columns_and_constraints(model):
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, model._meta.db_table)
        made = connection.introspection.get_constraints(cursor, model._meta.db_table)
    assert {column.name for column in described} == {
        field.column for field in model._meta.concrete_fields
    }
    promised = {rule.name for rule in model._meta.constraints}
    assert promised - set(made) == set()
