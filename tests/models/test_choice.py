"""Which model answers: chosen, tried on a share, taken back; what a kill leaves."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import InvalidRequest, ModelError, ModelFileError, ModelNotReady
from myna.models.added import added_models, drop, known_models, named, note
from myna.models.choice import (
    CHOICE,
    Choice,
    forget_model,
    gets_canary,
    model_in_use,
    model_of,
    read_choice,
    roll_back,
    share_of,
    try_model,
    use_model,
)
from myna.models.files import model_path, version_of
from myna.models.local import MOST_STARTS, run_server
from myna.models.registry import DEFAULT, Model
from myna.models.rollout import MOST_BROKEN, Rollout
from myna.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, model_url="", model_name="")


def put(settings: Settings, name: str) -> Model:
    """An added model whose file is in place (what is in it does not matter here)."""
    content = b"GGUF " + name.encode()
    model = Model(name, name, "Apache-2.0", 1000, len(content), hashlib.sha256(content).hexdigest())
    path = model_path(settings, model)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    note(settings, model)
    return model


def test_what_is_added_is_known_and_what_is_dropped_is_not(settings: Settings) -> None:
    one, other = put(settings, "one"), put(settings, "other")
    assert added_models(settings) == [one, other]
    assert named(settings, "one") == one
    assert version_of(settings, one) == f"one@{(one.sha256 or '')[:12]}"
    drop(settings, "one")
    assert [model.name for model in known_models(settings)][-1] == "other"
    with pytest.raises(InvalidRequest, match=r"Known models: .*other"):
        named(settings, "one")
    (settings.models_dir / "added.json").write_text("{")
    with pytest.raises(ModelFileError, match="models add"):
        added_models(settings)


def test_going_back_goes_through_all_that_was_before(settings: Settings) -> None:
    for name in ("one", "two", "three"):
        use_model(settings, put(settings, name))
    assert read_choice(settings).earlier == (DEFAULT, "one", "two")
    use_model(settings, named(settings, "one"))
    assert read_choice(settings).earlier == (DEFAULT, "one", "two", "three")
    assert [roll_back(settings).model for _ in range(4)] == ["three", "two", "one", DEFAULT]
    with pytest.raises(InvalidRequest, match="to go back to"):
        roll_back(settings)


def test_a_trial_ends_in_use_or_in_nothing(settings: Settings) -> None:
    one = put(settings, "one")
    try_model(settings, one, 0.1)
    assert model_of(settings, "canary") == one
    assert model_in_use(settings).name == DEFAULT
    assert roll_back(settings).canary == ""
    assert read_choice(settings).earlier == ()
    try_model(settings, one, 0.1)
    use_model(settings, one)
    assert read_choice(settings) == Choice(
        "one", earlier=(DEFAULT,), since=read_choice(settings).since
    )
    with pytest.raises(InvalidRequest, match="in use already"):
        try_model(settings, one, 0.5)
    with pytest.raises(InvalidRequest, match="Choose another one first"):
        forget_model(settings, "one")


def test_the_name_in_the_environment_wins_and_nothing_is_tried(settings: Settings) -> None:
    try_model(settings, put(settings, "one"), 0.5)
    set_by_hand = settings.model_copy(update={"model_name": "one"})
    assert read_choice(set_by_hand) == Choice("one")
    assert read_choice(settings).canary == "one"


def test_the_file_of_one_name_is_still_read(settings: Settings) -> None:
    put(settings, "one")
    (settings.models_dir / "in_use").write_text("one\n")
    assert model_in_use(settings).name == "one"
    use_model(settings, put(settings, "two"))
    assert read_choice(settings).earlier == ("one",)


def test_a_choice_that_cannot_be_read_is_the_default(settings: Settings) -> None:
    settings.models_dir.mkdir()
    for text in ("", "{", "[]", '{"other": 1}'):
        (settings.models_dir / CHOICE).write_text(text)
        assert read_choice(settings) == Choice()
    (settings.models_dir / f".{CHOICE}.new").write_text('{"model"')  # a kill in the midst
    use_model(settings, put(settings, "one"))
    assert read_choice(settings).model == "one"


@given(st.floats(0.02, 0.98))
def test_a_share_is_about_that_share_and_sticks(share: float) -> None:
    choice = Choice(canary="new", share=share)
    askers = [f"chat {number}" for number in range(2000)]
    drawn = [gets_canary(choice, asker) for asker in askers]
    assert abs(sum(drawn) / len(drawn) - share) < 0.05
    assert drawn == [gets_canary(choice, asker) for asker in askers]
    wider = Choice(canary="new", share=min(1.0, share + 0.02))
    assert all(gets_canary(wider, asker) for asker, had in zip(askers, drawn, strict=True) if had)


def test_shares_are_read_as_people_write_them() -> None:
    assert share_of("10%") == share_of("0.1") == pytest.approx(0.1)
    for wrong in ("", "ten", "%"):
        with pytest.raises(InvalidRequest, match="--canary"):
            share_of(wrong)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 3.0])
def test_no_share_and_the_whole_are_refused(settings: Settings, share: float) -> None:
    with pytest.raises(InvalidRequest, match="--canary"):
        try_model(settings, put(settings, "one"), share)


def test_a_model_whose_file_is_gone_is_taken_back_at_its_start(settings: Settings) -> None:
    one, two = put(settings, "one"), put(settings, "two")
    use_model(settings, one)
    try_model(settings, two, 0.5)
    model_path(settings, two).write_bytes(b"something else")
    run_server(settings, "canary")  # returns: there is nothing to be tried any more
    now = read_choice(settings)
    assert (now.model, now.canary) == ("one", "")
    assert "two: " in now.trouble and "SHA-256" in now.trouble
    model_path(settings, one).unlink()
    with pytest.raises(ModelFileError, match=f"models pull {DEFAULT}"):
        run_server(settings)  # which is not here either, and there is none before it
    assert read_choice(settings).model == DEFAULT


def test_a_model_that_never_gets_ready_is_taken_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("myna.models.local._become", lambda *told: started.append(told[2].name))
    monkeypatch.setattr("myna.models.local.os.execv", lambda *told: None)
    use_model(settings, put(settings, "old"))
    use_model(settings, put(settings, "new"))
    monkeypatch.setattr(
        "myna.models.local._become", lambda s, slot, model, path: _leave(started, model.name)
    )
    for _ in range(MOST_STARTS + 1):
        with pytest.raises(SystemExit):
            run_server(settings)
    assert started == [*["new"] * MOST_STARTS, "old"]
    assert read_choice(settings).model == "old"
    assert "never got ready" in read_choice(settings).trouble


def _leave(started: list[str], name: str) -> None:
    started.append(name)
    raise SystemExit(1)


def test_a_new_model_that_breaks_too_often_is_taken_back(settings: Settings) -> None:
    try_model(settings, put(settings, "new"), 0.5)
    rollout, version = Rollout(settings), "new@123"
    for _ in range(10):
        assert not rollout.broken(version, None)
        assert not rollout.broken(version, ModelNotReady("starting"))
    told = [rollout.broken(version, ModelError("broke off")) for _ in range(MOST_BROKEN)]
    assert told == [False] * (MOST_BROKEN - 1) + [True]
    assert rollout.take_back(version)
    assert read_choice(settings).canary == ""
    assert "broke off" in read_choice(settings).trouble
    assert not rollout.take_back(version)


def test_an_old_model_is_not_taken_back(settings: Settings) -> None:
    use_model(settings, put(settings, "one"))
    rollout = Rollout(settings)
    path = settings.models_dir / CHOICE
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"since": time.time() - 25 * 3600}))
    assert not rollout.take_back("one@1")
    path.write_text(json.dumps(told))
    assert rollout.take_back("one@1")
    assert read_choice(settings).model == DEFAULT
