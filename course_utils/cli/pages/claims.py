"""Every documented claim beside what was measured: the tables of ``results/README.md``, and README's summary of them."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from course_utils import cases
from course_utils.cases.registry import HEADS
from course_utils.cli.pages.contract import kept
from course_utils.experiments import claims, result_path
from course_utils.experiments.claims import REFUTED, REPRODUCED, VERDICTS, Claim, Finding, Records
from course_utils.experiments.claims.evidence import Holds, Ladder, Measured


@cache
def records() -> Records:
    """The committed results, read once for all tables."""
    return Records()


def table(part: str) -> str:
    """Markdown: the claims of a part, one table a group. Claim, what was documented and by whom, ours, verdict."""
    groups = claims.groups(part)
    lines = []
    for title, group in groups.items():
        if len(groups) > 1:
            lines += [f"#### {title}", ""]
        lines += ["| claim | documented | ours | verdict |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(map(_safe, row(claim, records())))} |" for claim in group]
        lines.append("")
    return "\n".join(lines).rstrip()


def row(claim: Claim, made: Records, *, root: str = "..") -> tuple[str, str, str, str]:
    """The cells of one claim. root: the way from the page to the checkout's root."""
    found = claims.judge(claim, made)
    documented = f"{claim.documented}<br>*{claims.source_of(claim).link}*"
    return claim.what, documented, _ours(claim, found, made, root), verdict(claim, found)


def verdict(claim: Claim, found: Finding) -> str:
    """The verdict in words, why it is not a plainer one, and the rule."""
    words, rule = _words(claim, found), claim.evidence.rule()
    return f"{words}<br>*holds if {rule}*" if rule and found.ours != "–" else words


def _words(claim: Claim, found: Finding) -> str:
    """The verdict, whether it rests on one seed, and why it is not a plainer one."""
    one_seed = ", one seed" if on_one_seed(claim, found) else ""
    return f"**{found.verdict}**{one_seed}" + (f": {found.why}" if found.why else "")


def on_one_seed(claim: Claim, found: Finding) -> bool:
    """Whether a decided claim rests on one seed where the seed plays a part: in what is trained or drawn, not in an exact case."""
    drawn = not isinstance(claim.evidence, Holds) and not _exact(claim)
    return drawn and found.verdict in (REPRODUCED, REFUTED) and len(found.seeds) == 1


def _exact(claim: Claim) -> bool:
    return isinstance(claim.evidence, Measured) and claim.evidence.experiment == "facts"


def _ours(claim: Claim, found: Finding, made: Records, root: str) -> str:
    cells = [found.ours]
    if found.on:
        cells.append(f"*{_made_on(claim, found)}; {found.device}; {_file(claim, root)}*")
    cells += [_case(name, made, root) for name in claim.all_cases]
    return "<br>".join(cells)


def _seeds(seeds: tuple[int, ...]) -> str:
    if max(seeds) > 100:  # drawn freshly
        return f"{len(seeds)} fresh seed{'s' if len(seeds) > 1 else ''}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _made_on(claim: Claim, found: Finding) -> str:
    """What our numbers were made on, and with which seeds, where one plays a part."""
    return found.on if _exact(claim) else f"{found.on}; {_seeds(found.seeds)}"


def _file(claim: Claim, root: str) -> str:
    name = {Measured: lambda e: result_path(e.experiment).name, Ladder: lambda e: result_path("ladder").name}
    name |= {Holds: lambda e: "backends.json"}
    file = name[type(claim.evidence)](claim.evidence)
    return f"[{file}]({root}/results/{file})"


def _case(name: str, made: Records, root: str) -> str:
    case = cases.get(name)
    return (
        f"`{name}`, lesson [{case.lesson[:2]}]({root}/notebooks/{case.lesson}.ipynb): {kept(case, 'tensorflow', made)}"
    )


def _safe(cell: str) -> str:
    """A cell that Markdown takes as one; a number is not broken over lines, neither between its thousands nor before %."""
    return re.sub(r"(?<=\d) (?=%|\d{3}\b)", "\u00a0", cell.replace("|", "\\|").replace("\n", " "))


def counts() -> str:
    """Markdown: how many claims of each part have which verdict, and how many of the verdicts rest on one seed."""
    lines = ["| | " + " | ".join(VERDICTS) + " | claims |", "|---" * (len(VERDICTS) + 2) + "|"]
    found, decided, few = {part: Counter() for part in HEADS}, 0, 0
    for claim in claims.all_claims().values():
        finding = claims.judge(claim, records())
        found[claim.part][finding.verdict] += 1
        decided += finding.verdict in (REPRODUCED, REFUTED)
        few += on_one_seed(claim, finding)
    for part, some in found.items():
        cells = [str(some[word]) for word in VERDICTS]
        lines.append(
            f"| [{HEADS[part]}](results/README.md#{_anchor(HEADS[part])}) | {' | '.join(cells)} | {some.total()} |"
        )
    every = sum(found.values(), Counter())
    lines.append(f"| all | {' | '.join(str(every[word]) for word in VERDICTS)} | {every.total()} |")
    return "\n".join([*lines, "", f"Of the {decided} decided claims {few} rest on one seed; their verdicts say so."])


def _anchor(heading: str) -> str:
    """How GitHub names a heading."""
    return heading.lower().replace(",", "").replace(" ", "-")


def telling() -> str:
    """Markdown: the claims that README prints."""
    lines = ["| claim | documented | ours | verdict |", "|---|---|---|---|"]
    for claim in claims.all_claims().values():
        if claim.telling:
            found = claims.judge(claim, records())
            ours = f"{found.ours}<br>*{_made_on(claim, found)}*" if found.on else found.ours
            cells = (
                claim.what,
                f"{claim.documented}<br>*{claims.source_of(claim).link}*",
                ours,
                _words(claim, found),
            )
            lines.append(f"| {' | '.join(map(_safe, cells))} |")
    return "\n".join(lines)
