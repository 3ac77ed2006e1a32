"""Apache Kafka in KRaft mode on this machine's Java: one node, its data kept in the state folder.

The jars come from Maven, once, into a cache. Owns the node's settings and its format; its topics
are made after every start, where missing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from services.ground.topics import TopicPlan
from services.local.broker import Broker, KafkaProfile
from services.local.faults import StartFailed
from services.local.ports import LOOPBACK
from services.local.process import ProcessSpec, Supervised, scrubbed_environment
from services.local.state import StateFolder
from services.local.topics import create_topics

POM: Final = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "pom.xml"
_OLDEST_JAVA: Final = 17
_READY_TIMEOUT_S: Final = 60.0
# Session time-outs are short, since a killed node waits for its old session to expire.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
"""


@contextlib.asynccontextmanager
async def running(state: Path, prefix: str = "recourse.") -> AsyncIterator[Broker]:
    """A broker with all topics, ready; stopped on leaving, its data stays. Raises StartFailed."""
    missing = missing_tools()
    if missing is not None:
        raise StartFailed(missing)
    folder = StateFolder(state)
    jars = await asyncio.to_thread(_jars)
    home = folder.path / "kafka-apache"
    home.mkdir(exist_ok=True)
    port = _configure(home, folder)
    await asyncio.to_thread(_format_once, home, jars)
    bootstrap = f"{LOOPBACK}:{port}"
    plan = TopicPlan(prefix, KafkaProfile.APACHE.partitions)
    process = Supervised(_spec(folder, home, jars), lambda: create_topics(bootstrap, plan))
    try:
        await process.start()
        await process.wait_ready(_READY_TIMEOUT_S)
        yield Broker(bootstrap, KafkaProfile.APACHE, process)
    finally:
        await process.stop()


def missing_tools() -> str | None:
    """Why Apache Kafka cannot run here; None when Java 17+, Maven and the pom are there."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return f"Apache Kafka needs Java {_OLDEST_JAVA}+ and Maven: `{tool}` is not on the PATH"
    if not POM.exists():
        return f"Apache Kafka needs a checkout of Recourse: there is no {POM}"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    release = java_release(said.stderr)
    if release < _OLDEST_JAVA:
        return f"Apache Kafka needs Java {_OLDEST_JAVA}+: `java` is release {release}"
    return None


def java_release(version_text: str) -> int:
    """The feature release that `java -version` names (8 for "1.8.0"); 0 when it names none."""
    match = re.search(r'version "(?:1\.)?(\d+)', version_text)
    return int(match[1]) if match else 0


def _jars() -> Path:
    """The folder of jars, resolved by Maven on first use of this pom."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars = caches / "recourse" / "kafka" / digest
    if jars.exists():
        return jars
    fresh = jars.with_name(f"{digest}.{os.getpid()}")
    fresh.mkdir(parents=True)
    _run(
        *("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"),
        *("-DincludeScope=runtime", f"-DoutputDirectory={fresh}"),
    )
    try:
        fresh.rename(jars)
    except OSError:
        # Another stack resolved them meanwhile.
        shutil.rmtree(fresh)
    return jars


def _configure(home: Path, folder: StateFolder) -> int:
    """Write the node's settings; returns the broker's port."""
    ports = folder.ports()
    port, controller = ports.port("kafka"), ports.port("kafka-controller")
    settings = _PROPERTIES.format(
        host=LOOPBACK, port=port, controller=controller, data=home / "data"
    )
    (home / "server.properties").write_text(settings)
    return port


def _format_once(home: Path, jars: Path) -> None:
    if (home / "data" / "meta.properties").exists():
        return
    # Never with a leading dash, which the tool would take for an option.
    cluster = "R" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    properties = str(home / "server.properties")
    _run(
        *("java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{jars}/*"),
        *("kafka.tools.StorageTool", "format", "--standalone", "-c", properties, "-t", cluster),
    )


def _spec(folder: StateFolder, home: Path, jars: Path) -> ProcessSpec:
    return ProcessSpec(
        name="kafka",
        command=lambda: [
            *("java", "-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
            *("-Djava.awt.headless=true", "-cp", f"{jars}/*"),
            *("kafka.Kafka", str(home / "server.properties")),
        ],
        environment=scrubbed_environment(),
        log_file=folder.logs / "kafka.log",
        stop_timeout_s=2.5,
    )


def _run(*command: str) -> None:
    """Run a tool to its end; what it cannot do is a StartFailed with what it said."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = (ended.stdout + ended.stderr).strip()[-2000:]
        raise StartFailed(f"`{command[0]}` failed with {ended.returncode}:\n{said}")
