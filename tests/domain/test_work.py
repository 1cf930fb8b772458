"""What a kept reason says once the customer is erased."""

import pytest

from app.domain.work import without_foreign_words


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ("The platform refused it: Ann Lee is unknown", "The platform refused it: deleted"),
        (
            "An earlier attempt may have reached the platform, which now says: ann@example.org",
            "An earlier attempt may have reached the platform, which now says: deleted",
        ),
        ("The order is not there any more.", "The order is not there any more."),
        ("", ""),
        (None, None),
    ],
)
def test_the_platforms_words_go_and_ours_stay(reason, left):
    assert without_foreign_words(reason) == left
