"""The scenarios as they stand in the files beside this one: a file's stem is its scenario's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from drwatch.core.finding import Condition
from drwatch.lab.disk import Under
from drwatch.lab.faults import FAULTS
from drwatch.lab.flavour import Need
from drwatch.lab.scenario import Act, Crash, Expect, Scenario, Topology
from drwatch.lab.simulated_week import IN_MEMORY

DISKS = {under.name.lower(): under for under in Under}


class BadScenario(ValueError):
    """A file that is no scenario; the text says which, where and what was expected, and is for whoever wrote it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Act(_Part):
    at: float = Field(ge=0)
    strike: str | None = None
    mend: str | None = None

    @model_validator(mode="after")
    def _one_known_fault(self) -> _Act:
        if (self.strike is None) == (self.mend is None):
            raise ValueError("expected either strike or mend")
        if self.fault not in FAULTS and self.fault not in IN_MEMORY:
            raise ValueError(f"no fault is called {self.fault!r}")
        return self

    @property
    def fault(self) -> str:
        return self.strike or self.mend or ""


class _Expect(_Part):
    page: Condition | None = None
    resolved: Condition | None = None
    within: float = Field(gt=0)
    after: float = Field(0.0, ge=0)
    at_most: int = Field(1, ge=1)
    says: str = ""

    @model_validator(mode="after")
    def _one_page(self) -> _Expect:
        if (self.page is None) == (self.resolved is None):
            raise ValueError("expected either page or resolved")
        if self.after >= self.within:
            raise ValueError("expected after to be less than within")
        return self

    @property
    def told(self) -> Expect:
        condition = self.page or self.resolved
        assert condition is not None
        return Expect(condition, self.within, self.resolved is not None, self.at_most, self.says, self.after)


class _File(_Part):
    """The keys are those of ``Scenario``, which says what they mean."""

    sentence: str
    faults: tuple[_Act, ...] = ()
    expect: tuple[_Expect, ...] = ()
    settings: Mapping[str, Any] = Field(default_factory=dict)
    watch: float = Field(3.0, gt=0)
    rate: float = Field(50.0, ge=0)
    may: tuple[Condition, ...] = ()
    history: tuple[Condition, ...] = ()
    mends: bool = True
    turned_away: bool = False
    small_disk: str | None = None
    needs: tuple[Need, ...] = ()
    begins: AwareDatetime | None = None
    maintenance: float | None = Field(None, ge=60)
    topology: Topology = Topology.PAIR
    crash: Crash | None = None


def read(path: Path) -> Scenario:
    """One file. BadScenario for one that is none."""
    try:
        file = _File.model_validate(YAML(typ="safe").load(path))
        disk = None if file.small_disk is None else DISKS[file.small_disk]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BadScenario(f"{path.name}: {place}: {first['msg']}") from error
    except KeyError as error:
        raise BadScenario(f"{path.name}: small_disk: expected one of {', '.join(DISKS)}, not {error}") from error
    except YAMLError as error:
        raise BadScenario(f"{path.name} is no YAML: {error}") from error
    struck = [FAULTS[act.fault] for act in file.faults if act.fault in FAULTS]
    needs = dict.fromkeys((*file.needs, *(need for fault in struck for need in fault.needs)))
    return Scenario(
        name=path.stem,
        sentence=file.sentence,
        acts=tuple(Act(act.at, act.fault, act.mend is not None) for act in file.faults),
        expect=tuple(expect.told for expect in file.expect),
        settings=file.settings,
        watch=file.watch,
        rate=file.rate,
        may=file.may,
        history=file.history,
        mends=file.mends,
        turned_away=file.turned_away,
        small_disk=disk,
        needs=tuple(needs),
        begins=file.begins,
        maintenance=file.maintenance,
        topology=file.topology,
        crash=file.crash,
    )


def _beside(folder: Path) -> dict[str, Scenario]:
    return {path.stem: read(path) for path in sorted(folder.glob("*.yaml"))}


SCENARIOS = _beside(Path(__file__).parent)
SIMULATED = _beside(Path(__file__).parent / "simulated")
"""Those that need a clock of their own: played in memory only."""
