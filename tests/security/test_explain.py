"""What a person may do is said in words, every permission of it."""

from app.security.explain import SENTENCES
from app.security.roles import MATRIX


def test_every_permission_of_the_matrix_has_its_sentence_and_no_sentence_is_left_over():
    assert {pair for pairs in MATRIX.values() for pair in pairs} == set(SENTENCES)
