"""`kenspeckle serve` as on a network: TLS, keys with limits, pages of other sites, a proxy in front."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Period, Plan
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.settings import load
from kenspeckle.usecases.access.credentials import Created
from kenspeckle.usecases.access.keys import Access
from tests.fakes.certificates import Pair, pair

PAGE = "https://app.example.org"
PLANS = {
    "free": Plan(),
    "slow": Plan(rate=1, burst=3),
    "aws": Plan(rate=4, burst=2),
    "counted": Plan(quota=5, period=Period.DAY),
    "changing": Plan(rate=0.001, burst=1),
}


@dataclass(frozen=True)
class Net:
    """The server, its data and its certificate (the file that it watches, and a copy that clients trust)."""

    server: Launched
    data: Path
    settings: dict[str, str]
    pair: Pair
    trusted: Path
    keys: dict[str, Created]

    def client(self, name: str | None = "free", **more: Any) -> httpx.Client:
        headers = {"x-api-key": self.keys[name].api_key} if name else {}
        context = ssl.create_default_context(cafile=self.trusted)
        transport = httpx.HTTPTransport(verify=context, **more)
        return httpx.Client(base_url=self.server.url, headers=headers, transport=transport, timeout=20)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    folder = tmp_path_factory.mktemp("net")
    data, made = folder / "data", pair(folder, "server")
    trusted = Path(shutil.copy(made.certificate, folder / "trusted.pem"))
    own = load({"data_dir": data}, environ={})
    with (
        closing(SqlCatalog.open(own.catalog)) as catalog,
        closing(Access(catalog, MasterKey.of(own))) as access,
    ):
        keys = {name: access.create(name, ["admin"], aws=True, plan=plan) for name, plan in PLANS.items()}
    settings = {
        "KENSPECKLE_TLS_CERT": str(made.certificate),
        "KENSPECKLE_TLS_KEY": str(made.key),
        "KENSPECKLE_CORS_ORIGINS": PAGE,
        "KENSPECKLE_TRUSTED_PROXIES": "127.0.0.2",
    }
    with launch(data, settings=settings) as server:
        yield Net(server, data, settings, made, trusted, keys)


def until(done: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_more_than_the_rate_is_429_and_says_when(net: Net) -> None:
    with net.client("slow") as client:
        answers = [client.get("/v1/info") for _ in range(5)]
        assert [one.status_code for one in answers[:3]] == [200, 200, 200]
        assert answers[0].headers["ratelimit-policy"] == '"rate";q=3;w=3'
        assert [one.headers["ratelimit"] for one in answers[:3]] == [
            '"rate";r=2;t=1', '"rate";r=1;t=2', '"rate";r=0;t=3',
        ]  # fmt: skip
        refused = answers[4]
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        assert "1 requests a second, 3 at once" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "1"
        assert re.fullmatch(r'"rate";r=0;t=1', refused.headers["ratelimit"])
        time.sleep(1.1)
        assert client.get("/v1/info").status_code == 200
        assert "ratelimit" not in client.get("/healthz").headers
    with net.client("free") as client:
        assert "ratelimit" not in client.get("/v1/info").headers
    assert until(lambda: any('"status":429' in line and net.keys["slow"].key.key_id in line for line in net.server.log))


def test_a_limit_is_changed_while_the_server_runs(net: Net) -> None:
    path = f"/v1/keys/{net.keys['changing'].key.key_id}"
    with net.client() as admin, net.client("changing") as client:
        assert client.get("/v1/info").status_code == 200
        assert client.get("/v1/info").status_code == 429
        changed = admin.patch(path, json={"rate": 50, "burst": 20, "quota": "100/week"})
        assert changed.status_code == 200
        assert {name: changed.json()[name] for name in ("rate", "burst", "quota")} == {
            "rate": 50.0, "burst": 20, "quota": "100/week",
        }  # fmt: skip
        assert until(lambda: client.get("/v1/info").status_code == 200, 2)
        assert '"week";q=100;w=604800' in client.get("/v1/info").headers["ratelimit-policy"]
        assert until(lambda: admin.get(path).json()["used"] >= 1, 3)
        assert admin.patch(path, json={"rate": "none", "quota": "none"}).json()["rate"] is None
        assert admin.patch(path, json={"rate": 0}).status_code == 422
        assert admin.patch("/v1/keys/key-none", json={"rate": 1}).status_code == 404


def rekognition(net: Net, attempts: int) -> Any:
    key = net.keys["aws"]
    return boto3.client(
        "rekognition",
        region_name="us-east-1",
        endpoint_url=net.server.url,
        verify=str(net.trusted),
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )


def test_boto3_is_throttled_and_its_retries_get_through(net: Net) -> None:
    impatient = rekognition(net, 1)
    with pytest.raises(ClientError) as caught:
        _ = [impatient.list_collections() for _ in range(4)]
    answer = caught.value.response
    assert answer["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["retry-after"] == "1"
    assert headers["ratelimit"] == '"rate";r=0;t=1'
    patient = rekognition(net, 8)
    answers = [patient.list_collections()["ResponseMetadata"] for _ in range(6)]
    assert sum(one["RetryAttempts"] for one in answers) > 0
    assert {one["HTTPStatusCode"] for one in answers} == {200}


def test_tls_is_told_to_browsers_and_plain_text_gets_nothing(net: Net) -> None:
    with net.client() as client:
        answer = client.get("/v1/info")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    with pytest.raises(httpx.HTTPError):
        httpx.get(net.server.url.replace("https:", "http:") + "/healthz")


def served_serial(net: Net) -> int:
    port = int(net.server.url.rsplit(":", 1)[1])
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode()).serial_number


def test_a_renewed_certificate_without_a_dropped_connection(net: Net, tmp_path: Path) -> None:
    new = pair(tmp_path, "renewed")
    with net.client() as client:
        assert client.get("/v1/info").status_code == 200
        assert served_serial(net) == net.pair.serial
        new.certificate.replace(net.pair.certificate)
        assert until(lambda: any("is not used" in line for line in net.server.log))
        assert served_serial(net) == net.pair.serial
        new.key.replace(net.pair.key)
        assert until(lambda: served_serial(net) == new.serial)
        assert client.get("/v1/info").status_code == 200  # a new connection would not trust the new certificate
    shutil.copy(net.pair.certificate, net.trusted)


def test_pages_of_listed_origins_only(net: Net) -> None:
    asks = {"access-control-request-method": "PUT", "access-control-request-headers": "x-api-key,x-amz-meta-source"}
    with net.client(None) as client:
        preflight = client.options("/v1/search", headers={"origin": PAGE, **asks})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == asks["access-control-request-headers"]
        assert "Origin" in preflight.headers["vary"]
        assert "access-control-allow-credentials" not in preflight.headers
        for origin in ("https://evil.example.org", f"{PAGE}.evil.org", "null"):
            refused = client.options("/v1/search", headers={"origin": origin, **asks})
            assert refused.status_code == 400
            assert "access-control-allow-origin" not in refused.headers
        answer = client.get("/v1/info", headers={"origin": PAGE})
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "retry-after" in answer.headers["access-control-expose-headers"]
        stranger = client.get("/v1/info", headers={"origin": "https://evil.example.org"})
        assert "access-control-allow-origin" not in stranger.headers


def logged(net: Net, request_id: str) -> dict[str, Any]:
    def line() -> str | None:
        return next((one for one in list(net.server.log) if request_id in one and '"route"' in one), None)

    assert until(lambda: line() is not None)
    found: dict[str, Any] = json.loads(line() or "")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_a_client_is_who_a_trusted_proxy_says(net: Net) -> None:
    said = {"x-forwarded-for": "203.0.113.9, 198.51.100.4", "x-forwarded-proto": "http"}
    for peer, client, request_id in (
        ("127.0.0.1", "127.0.0.1", "spoofed"),
        ("127.0.0.2", "198.51.100.4", "proxied"),
    ):
        with net.client(local_address=peer) as http:
            answer = http.get("/v1/info", headers={**said, "x-request-id": request_id})
            assert answer.status_code == 200
        assert logged(net, request_id)["client"] == client
        # The proxy's word on the scheme is taken too: what came to it in plain text may not promise TLS.
        assert ("strict-transport-security" in answer.headers) == (request_id == "spoofed")


def test_a_quota_survives_kill_9(net: Net) -> None:
    with net.client("counted") as client:
        assert [client.get("/v1/info").status_code for _ in range(3)] == [200] * 3
        time.sleep(1.5)
    net.server.process.kill()
    net.server.process.wait()
    with (
        launch(net.data, settings=net.settings) as server,
        httpx.Client(base_url=server.url, verify=ssl.create_default_context(cafile=net.trusted), timeout=20) as client,
    ):
        headers = {"x-api-key": net.keys["counted"].api_key}
        answers = [client.get("/v1/info", headers=headers) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 429, 429]
        assert "quota of 5 requests a day" in answers[2].json()["detail"]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 86400


def test_a_pair_that_can_not_be_used_is_said_at_the_start(net: Net, tmp_path: Path) -> None:
    other = pair(tmp_path, "other")
    wrong = net.settings | {"KENSPECKLE_TLS_KEY": str(other.key)}
    with (
        pytest.raises(CommandFailed, match="is not that of the first certificate"),
        launch(net.data, settings=wrong),
    ):
        pytest.fail("the server started")
