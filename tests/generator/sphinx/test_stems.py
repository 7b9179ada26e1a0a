"""The stems of words in the index of the site's search."""

import pytest
from sphinx.search.en import SearchEnglish

from auditwright_generator.sphinx.stems import RememberingEnglish


@pytest.mark.parametrize("word", ["Keys", "created", "deployment", "api_key_created", "naïve", ""])
def test_a_stem_is_that_of_sphinx_each_time(word: str) -> None:
    english = RememberingEnglish({})
    assert english.stem(word) == english.stem(word) == SearchEnglish({}).stem(word)


def test_a_stem_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    english = RememberingEnglish({})
    first = english.stem("deployments")
    monkeypatch.setattr(english, "stemmer", None)
    assert english.stem("deployments") == first == "deploy"
