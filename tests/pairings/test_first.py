from tests.pairings.conftest import Armoury, Pair
def test_story(armoury: Armoury, pair: Pair) -> None:
    armoury.active(pair)
    print(armoury.events(pair))
    assert armoury.state(pair) == ("active", None)
