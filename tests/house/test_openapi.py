"""The documents that are kept with the code are those that the code makes."""

import pytest

from apps.core.management.commands.write_openapi import documents

DOCUMENTS = documents()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_is_true(path):
    assert path.read_text() == DOCUMENTS[path], "run manage.py write_openapi"
