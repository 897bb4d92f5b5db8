"""JSON and TOML documents: what a strict reader would not take is refused, named and at once."""

import os
import socket

import pytest

from clear_opt.io import (
    TableError,
    check_input,
    parse_json,
    parse_toml,
    read_bytes,
    read_json,
    read_records,
    read_toml,
)


def refused(read, *arguments, **options):
    with pytest.raises(TableError) as caught:
        read(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert "; " in message, "no remedy"
    return message


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        (nested(101), ["nests more than 100"]),
        ("[" * 100_000, ["nests more than 100"]),
        ('{"a":' * 100_000, ["nests more than 100"]),
        ('{"a": 1, "b": 2, "a": 1}', ["key 'a' twice"]),
        ('[{"x": {"inner": 1, "inner": 1}}]', ["key 'inner' twice"]),
        ("1" * 5000, ["more digits"]),
        ("[1e400]", ["beyond float64: 1e400"]),
        ('{"a": 1,}', ["JSON", "column 9"]),
        ('{"a": 1,\n"b" 2}', ["JSON", "line 2", "column 5"]),
        ("", ["JSON"]),
    ],
)
def test_json_that_means_nothing_certain_is_refused(text, fragments):
    message = refused(parse_json, text, path="x.json")
    assert all(fragment in message for fragment in ["x.json", *fragments])


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("a = " + nested(101), ["nests more than 100"]),
        ("a = " + "[" * 100_000, ["nests more than 100"]),
        (".".join("a" * 100_000) + " = 1", ["nests more than 100"]),
        ("[" + ".".join(['"a b"'] * 100_000) + "]", ["nests more than 100"]),
        ("a = 1\nb = 2\na = 3", ["line 3", "a = 3"]),
        ("[a]\n[b]\n[a]", ["line 3", "[a]"]),
        ("a = {b = 1, b = 2}", ["line 1", "'b'"]),
        ("a = " + "1" * 5000, ["more digits"]),
        ("a = -1e999", ["beyond float64: -1e999"]),
        ("a = 2024-13-45", ["line 1", "TOML"]),
    ],
)
def test_toml_that_means_nothing_certain_is_refused(text, fragments):
    message = refused(parse_toml, text, path="x.toml")
    assert all(fragment in message for fragment in ["x.toml", *fragments])


def test_what_is_sound_is_read_as_python_reads_it():
    assert parse_json(nested(100), path="x.json") is not None
    assert parse_json('{"a": [1, 2.5, null, -Infinity]}', path="x") == {
        "a": [1, 2.5, None, -float("inf")]
    }
    assert parse_json(str(10**400), path="x") == 10**400
    assert parse_toml("a.b = 1_000.5\nc = inf", path="x") == {"a": {"b": 1000.5}, "c": float("inf")}


def test_a_key_that_a_row_has_twice_is_named_with_the_line(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text('{"query_id": "a"}\n\n{"query_id": "b", "text": "x", "text": "y"}\n')
    message = refused(read_records, path)
    assert "row 2 (line 3)" in message
    assert "key 'text' twice" in message


@pytest.mark.parametrize("read", [check_input, read_bytes, read_json, read_toml, read_records])
@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_only_regular_files_are_opened(tmp_path, read, ending):
    pipe, link, folder = (tmp_path / f"{name}{ending}" for name in ("pipe", "link", "folder"))
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    folder.mkdir()
    assert "pipe" in refused(read, pipe)
    assert "device" in refused(read, link)
    assert "folder" in refused(read, folder)
    assert "check the path" in refused(read, tmp_path / f"none{ending}")
    assert "check the path" in refused(read, f"null\0{ending}")
    assert "check the path" in refused(read, tmp_path / f"{'l' * 260}{ending}")
    assert "check the path" in refused(read, pipe / f"below{ending}")


def test_a_socket_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.jsonl")
        assert "socket" in refused(read_records, "s.jsonl")


def test_a_file_beyond_a_sane_size_is_not_read(tmp_path):
    path = tmp_path / "sparse.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert "1,099,511,627,776 bytes" in refused(read_json, path)
    assert read_bytes(__file__, largest=10**6).startswith(b'"""')
