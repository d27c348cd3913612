"""The deployment record: what is written is on the disk as a whole, in a stable order, and comes back as it was."""

import errno
import json
import os
from pathlib import Path
from unittest import mock

import pytest

from keeper.adapters.deployments import DeploymentRecord, open_record, record_path, slug
from keeper.core.mistakes import ConfigurationError, SetupStopped
from keeper.core.setup.calls import Sent, Status
from keeper.core.units import Hash32
from tests.setup_factories import DEPLOYER, TREASURY

pytestmark = pytest.mark.unit

RAW = b"\x02\xf8signed"


def sent(nonce: int, **fields: object) -> Sent:
    made: dict[str, object] = {
        "step": f"asset {nonce}",
        "label": "list it",
        "signer": DEPLOYER,
        "to": TREASURY,
        "data_hash": Hash32("0x" + "d" * 64),
        "nonce": nonce,
        "hash": Hash32(f"0x{nonce:064x}"),
        "raw": RAW,
    }
    return Sent(**made | fields)  # type: ignore[arg-type]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    mined = sent(2, status=Status.MINED, raw=None, block=7, gas_used=21_000, cost_wei=10**20, created=TREASURY)
    failed = sent(3, status=Status.REVERTED, raw=None, block=7, gas_used=1, cost_wei=1, reason="No: never")
    with open_record(tmp_path, 1, "A Fund") as record:
        assert record.is_new
        record.set_facts(name="A Fund", treasury=TREASURY)
        record.write([failed, sent(1)])
        record.write([mined])
        record.set_section("launch", shares="5")
        record.set_section("launch", done=True)
    again = DeploymentRecord.look(tmp_path, 1, "A Fund")
    assert again.entries() == (sent(1), mined, failed)
    assert again.address("treasury") == TREASURY
    assert again.section("launch") == {"shares": "5", "done": True}
    assert again.section("handover") == {}
    assert not again.is_new


def test_the_file_has_a_stable_order_and_raw_bytes_only_while_they_may_be_needed(tmp_path: Path) -> None:
    with open_record(tmp_path, 31337, "F") as record:
        record.set_section("handover", to=DEPLOYER)
        record.write([sent(1)])
        record.set_facts(chain_id=31337, name="F")
        path = record.path
        assert "raw" in json.loads(path.read_text())["transactions"][0]
        record.write([sent(1, status=Status.MINED, raw=None)])
    document = json.loads(path.read_text())
    assert path == tmp_path / "31337" / "f.json"
    assert list(document) == ["schema", "name", "chain_id", "transactions", "handover"]
    assert "raw" not in document["transactions"][0]
    assert path.read_text().endswith("}\n")


def test_nothing_changed_nothing_written(tmp_path: Path) -> None:
    with open_record(tmp_path, 1, "F") as record:
        record.set_facts(name="F")
        before = record.path.stat().st_ino
        record.set_facts(name="F")
        record.write([])
        assert record.path.stat().st_ino == before
        record.set_facts(genesis=None)
        assert record.path.stat().st_ino != before


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_disk_that_takes_nothing_keeps_the_old_record(tmp_path: Path, broken: str) -> None:
    with open_record(tmp_path, 1, "F") as record:
        record.write([sent(1)])
        before = record.path.read_text()
        full = OSError(errno.ENOSPC, "No space left on device")
        target = "os.fsync" if broken == "fsync" else "pathlib.Path.replace"
        with mock.patch(target, side_effect=full), pytest.raises(SetupStopped, match="nothing more is sent"):
            record.write([sent(2)])
        assert record.path.read_text() == before


def test_bytes_are_on_the_disk_before_it_is_the_record(tmp_path: Path) -> None:
    """fsync of the file, then the rename, then fsync of the folder."""
    order: list[str] = []
    sync, move = os.fsync, Path.replace
    with (
        mock.patch("os.fsync", side_effect=lambda fd: (order.append("fsync"), sync(fd))[1]),
        mock.patch.object(
            Path, "replace", autospec=True, side_effect=lambda a, b: (order.append("rename"), move(a, b))[1]
        ),
        open_record(tmp_path, 1, "F") as record,
    ):
        record.write([sent(1)])
    assert order == ["fsync", "rename", "fsync"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with open_record(tmp_path, 1, "F"):
        with pytest.raises(ConfigurationError, match="another process"), open_record(tmp_path, 1, "F"):
            pass
        with open_record(tmp_path, 1, "G"):
            pass
    with open_record(tmp_path, 1, "F"):
        pass


def test_a_record_that_is_looked_at_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        DeploymentRecord.look(tmp_path, 1, "F").set_facts(name="F")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "[" * 5_000,
        '{"schema": 2}',
        '{"schema": 1, "transactions": [{"step": "x"}]}',
        '{"schema": 1, "treasury": 5}',
        '{"schema": 1, "deployer": "0x12"}',
        '{"schema": 1, "keepers": 5}',
        '{"schema": 1, "keepers": ["foo"]}',
        '{"schema": 1, "deployed_block": "x"}',
        '{"schema": 1, "config": []}',
    ],
)
def test_a_damaged_record_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = record_path(tmp_path, 1, "F")
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ConfigurationError), open_record(tmp_path, 1, "F"):
        pass
    assert path.read_text() == text


def test_a_lock_that_is_a_link_cuts_nothing(tmp_path: Path) -> None:
    path, other = record_path(tmp_path, 1, "F"), tmp_path / "other"
    path.parent.mkdir()
    other.write_text("kept")
    path.with_name(".f.lock").symlink_to(other)
    with open_record(tmp_path, 1, "F"):
        pass
    assert other.read_text() == "kept"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written to"), open_record(tmp_path / "file", 1, "F"):
        pass


def test_names_of_files() -> None:
    assert slug("Large Cap Index") == "large-cap-index"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("指数") != slug("指標")
    assert slug("指数").startswith("fund-")
