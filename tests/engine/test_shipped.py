"""A configuration whose store is not there names the command that makes it."""

import pytest

import avloc
from avloc.engine.shipped import config_path, configs_folder, making_command
from avloc.errors import AvlocError


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("slavc_vggsound_144k", "avloc prepare vggsound --source DIR --splits train_144k --splits vggss --short start"),
        ("ez_vsl_composed", "avloc prepare compose --pictures DIR --sounds DIR --train-anew"),
        ("ez_vsl_synthetic", "avloc demo"),
    ],
)
def test_the_command_of_a_configuration_is_named_where_its_store_is_missing(name, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AvlocError) as refused:
        avloc.train_stage1(name)
    assert str(refused.value).endswith(f"no store here (no store.json); {name}.yaml needs `{command}`")


def test_another_store_of_the_user_is_not_made_by_that_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AvlocError, match=r"^data/mine: no store here.*avloc prepare --help"):
        avloc.train_stage1("slavc_vggsound_144k", set=["stage1.data.store=data/mine"])


def test_a_command_that_reads_the_store_is_not_said_to_make_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AvlocError, match=r"^data/music: no store here.*avloc prepare --help"):
        avloc.train_stage1("dsol_music_synthetic")


def test_most_configurations_name_their_command():
    commands = {path.stem: making_command(path) for path in configs_folder().glob("*.yaml")}
    assert sum(map(bool, commands.values())) > 0.8 * len(commands), sorted(n for n, c in commands.items() if not c)
    assert making_command(config_path(configs_folder() / "fnac_synthetic.yaml")) == "avloc demo"
