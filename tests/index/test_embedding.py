"""The embedder's follower: newest and most noted first, once each, and a new model behind the old."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from myna.errors import ModelFileError
from myna.index import embedding, generation
from myna.index.checkpoint import load_checkpoint
from myna.index.embed import Embedder
from myna.index.embedding import EmbedFollower
from myna.index.purge_vectors import PURGE, purge_vectors
from myna.index.search import Searcher
from myna.index.vectors import Kind, PostVectors, VectorReader
from myna.index.vectors.log import HEADER_BYTES
from myna.index.vectors.record import record_type
from tests.index.world import World, make_post


class Fake:
    """Vectors from the letters of a text: quick, and of any length."""

    def __init__(self, name: str = "fake", dimensions: int = 32) -> None:
        self.name = name
        self.dimensions = dimensions
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded.extend(texts)
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for place, letter in enumerate(text):
                row[(ord(letter) * 7 + place) % self.dimensions] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def embed_question(self, text: str) -> np.ndarray:
        return self.embed([text])[0]


def cosines(world: World, uri: str) -> dict[Kind, float]:
    post = world.find(uri)
    assert post is not None
    vectors = world.searcher._meaning.vectors()
    assert vectors is not None
    dimensions = next(iter(vectors.parts.values())).vectors.shape[1]
    return vectors.cosines(np.ones(dimensions, np.float32), post.id)


def follower(world: World, embedder: Embedder, **options: object) -> EmbedFollower:
    return EmbedFollower(world.db, world.folder, embedder, **options)  # type: ignore[arg-type]


def run(world: World, embedder: Embedder, **options: object) -> None:
    one = follower(world, embedder, **options)
    try:
        one.catch_up()
    finally:
        one.close()


def test_the_newest_posts_have_vectors_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "_EMBED_CHANGES", 4)
    world.add(
        *(make_post(str(n), f"post about subject number {n}") for n in range(20)), index=False
    )
    one = follower(world, Fake())
    one.step()
    world.follow(vectors=False)
    assert cosines(world, "19")
    assert not cosines(world, "1")
    assert world.searcher.status().coverage == pytest.approx(0.2)
    world.add(make_post("20", "post about something quite new"), index=False)
    one.step()
    assert cosines(world, "20")
    one.catch_up()
    one.close()
    assert cosines(world, "1")
    assert world.searcher.status().coverage == 1.0


def test_of_what_waits_the_noted_come_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "_EMBED_CHANGES", 4)
    monkeypatch.setattr(generation, "_ENGAGED_AHEAD", 30)
    posts = [make_post(str(n), f"post about subject number {n}") for n in range(40)]
    posts[20] = make_post("20", "many people like this post", likes=5)
    posts[5] = make_post("5", "liked but too old to be looked for", likes=5)
    posts[39] = make_post("39", "an answer to post fifteen", reply_to="15")
    world.add(*posts, index=False)
    fake = Fake()
    one = follower(world, fake)
    one.step()
    assert [text for text in fake.embedded if "\n" not in text] == [
        "many people like this post",
        "post about subject number 15",
    ]
    one.step()
    assert cosines(world, "39")
    assert not cosines(world, "5")
    one.catch_up()
    one.close()
    assert len([text for text in fake.embedded if "\n" not in text]) == 40
    assert world.searcher.status().coverage == 1.0


def test_a_like_does_not_embed_a_post_again(world: World) -> None:
    world.add(make_post("1", "mount the image"), index=False)
    fake = Fake()
    run(world, fake)
    world.add(make_post("1", "mount the image", likes=9), index=False)
    run(world, fake)
    assert fake.embedded == ["mount the image"]
    world.add(make_post("1", "burn the image", likes=9), index=False)
    run(world, fake)
    assert fake.embedded == ["mount the image", "burn the image"]


@pytest.mark.parametrize("running", [True, False])
def test_deleted_vectors_are_in_no_file_after_a_purge(
    world: World, running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "_MAINTAIN_SECONDS", 0.0)
    world.add(
        *(make_post(str(n), f"the secret number {n} is here") for n in range(50)), index=False
    )
    fake = Fake()
    one = follower(world, fake)
    one.catch_up()
    [secret] = [
        path for path in world.folder.glob("vectors-*/*.log") if path.stat().st_size > HEADER_BYTES
    ]
    record = np.frombuffer(secret.read_bytes(), record_type(32), offset=HEADER_BYTES, count=50)[7]
    needle = record["vector"].tobytes()
    assert needle in secret.read_bytes()
    with world.db.begin() as conn:
        uri = conn.exec_driver_sql(
            f"select uri from posts where id = {record['post']}"
        ).scalar_one()
    world.delete(uri, index=False)
    if running:  # the process that follows is asked to do it
        purging = threading.Thread(target=purge_vectors, args=(world.db, world.folder))
        purging.start()
        while purging.is_alive():
            one.step()
        purging.join()
        one.close()
    else:  # the deletion has not been followed yet
        one.close()
        purge_vectors(world.db, world.folder)
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert not any(needle in path.read_bytes() for path in files)
    assert not (world.folder / PURGE).exists()
    world.follow(vectors=False)
    assert world.searcher.status().vectors == 49


def test_a_torn_log_is_mended_without_starting_over(world: World) -> None:
    world.add(*(make_post(str(n), f"post number {n} about disks") for n in range(30)), index=False)
    fake = Fake()
    run(world, fake)
    [path] = world.folder.glob("vectors-*/*.log")
    size = record_type(32).itemsize
    with path.open("r+b") as file:
        file.truncate(HEADER_BYTES + 27 * size - 5)
    again = Fake()
    run(world, again)
    assert len(again.embedded) == 4
    assert len(fake.embedded) == 30
    world.follow(vectors=False)
    assert world.searcher.status().vectors == 30
    assert world.searcher.status().coverage == 1.0


def test_another_embedder_takes_over_when_it_has_come_as_far(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "_EMBED_CHANGES", 4)
    world.add(*(make_post(str(n), f"post number {n} about disks") for n in range(20)), index=False)
    old, new = Fake("old"), Fake("new", dimensions=16)
    run(world, old)
    one = follower(world, new, setting="new", open_other=lambda _: old)
    one.step()
    one.step()
    status = world.searcher.status()
    assert (status.vectors, status.coverage, status.remade) == (20, 1.0, pytest.approx(0.4))
    world.add(make_post("20", "fresh news about floppy disks"), index=False)
    one.step()
    assert "fresh news about floppy disks" in old.embedded
    assert cosines(world, "20")
    one.close()
    one = follower(world, new, setting="new", open_other=lambda _: old)
    one.catch_up()
    one.close()
    status = world.searcher.status()
    assert (status.vectors, status.coverage, status.remade) == (21, 1.0, None)
    assert len(new.embedded) == 21
    found = load_checkpoint(world.folder / "vectors.json")
    assert found is not None
    assert (found.version, found.embedder) == ("2-new", "new")
    assert [path.name for path in world.folder.glob("vectors-*")] == [found.generation]


def test_an_embedder_that_is_gone_cannot_serve_on(world: World) -> None:
    world.add(make_post("1", "post number one about disks"), index=False)
    run(world, Fake("old"))

    def gone(_: str) -> Embedder:
        raise ModelFileError("gone")

    run(world, Fake("new"), open_other=gone)
    found = load_checkpoint(world.folder / "vectors.json")
    assert found is not None
    assert found.version == "2-new"
    assert world.searcher.status().remade is None


def test_a_search_compares_with_the_vectors_that_serve(world: World) -> None:
    """After a change of the setting, the question is embedded by what made the vectors."""
    world.add(make_post("1", "the cat sleeps on a warm mat"))
    searcher = Searcher(world.db, world.folder, embedder=Fake("new"))
    meaning = searcher._meaning.look("a cat on its mat")
    assert meaning is not None
    assert len(meaning.query) == world.embedder.dimensions
    assert meaning.nearest(1)


def test_vectors_of_an_older_layout_are_made_anew(world: World) -> None:
    (world.folder).mkdir(parents=True, exist_ok=True)
    (world.folder / "vectors-1.log").write_bytes(b"MYNAVEC1")
    world.add(make_post("1", "post number one about disks"), index=False)
    run(world, Fake())
    assert not (world.folder / "vectors-1.log").exists()
    assert world.searcher.status().vectors == 1


def test_the_reader_of_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    view = VectorReader(tmp_path).view()
    assert view.posts == 0
    assert view.scan(np.ones(4, np.float32), 5) == []
    assert PostVectors(1, 1).kinds == ()


def test_vectors_wait_while_the_words_are_far_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add(*(make_post(str(n), f"post number {n} about disks") for n in range(8)))
    world.add(*(make_post(str(n), f"post number {n} about it") for n in range(8, 16)), index=False)
    monkeypatch.setattr(embedding, "_MOST_BEHIND", 4)
    fake = Fake()
    one = follower(world, fake, gives_way=True)
    try:
        assert not one.step()
        assert fake.embedded == []
        world.follow(vectors=False)
        one.catch_up()
        assert len(fake.embedded) >= 16
    finally:
        one.close()
