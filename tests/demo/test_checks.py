import socket

import pytest

from shopllm_rasa.demo.checks import HOST, Port, check_packages, check_ports, check_project
from shopllm_rasa.errors import DemoError


def port(number, variable="RASA_PORT"):
    return Port(number, "the Rasa server", variable, "--rasa-port")


@pytest.fixture
def used_port():
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_named_with_what_changes_it(used_port):
    with pytest.raises(DemoError) as caught:
        check_ports([port(used_port)])
    message = str(caught.value)
    assert f"Port {used_port} for the Rasa server is already in use" in message
    assert "RASA_PORT" in message
    assert "\n" not in message


def test_free_ports_pass(used_port):
    with socket.create_server((HOST, 0)) as server:
        free = server.getsockname()[1]
    check_ports([port(free)])


def test_a_port_whose_connection_was_just_closed_is_free():
    with socket.create_server((HOST, 0)) as server:
        number = server.getsockname()[1]
        with socket.create_connection((HOST, number), timeout=2):
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first waits in TIME_WAIT
    check_ports([port(number)])


def test_two_servers_cannot_share_a_port():
    with pytest.raises(DemoError, match="both the Rasa server and the web page; set WEB_PORT"):
        check_ports([port(5005), Port(5005, "the web page", "WEB_PORT", "--web-port")])


def test_missing_packages_come_with_the_command_that_installs_them():
    with pytest.raises(DemoError) as caught:
        check_packages(["json", "no_such_package_a", "no_such_package_b"])
    assert str(caught.value) == (
        "no_such_package_a and no_such_package_b are not installed, which the demo needs; "
        "install with: pip install 'shopllm-rasa[bot,actions]'"
    )


def test_a_folder_that_is_not_the_bots_is_refused(tmp_path):
    (tmp_path / "config.yml").touch()
    (tmp_path / "data").mkdir()
    with pytest.raises(DemoError, match=r"has no endpoints.yml, credentials.yml, domain/, actions/; run the demo in"):
        check_project(tmp_path)
