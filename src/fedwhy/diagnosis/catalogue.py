"""Every cause by its code."""

import difflib

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes import clients, data, evaluation, model, privacy, server, training
from fedwhy.errors import ParameterError
from fedwhy.report.wording import listing

GROUPS = (data, model, training, server, evaluation, clients, privacy)
CAUSES: dict[str, Cause] = {cause.code: cause for group in GROUPS for cause in group.CAUSES}
NEAR = 4  # codes that an error about an unknown one suggests


def cause_of(code: str) -> Cause:
    """The cause with this code, in whatever case; raises `ParameterError` with near ones else.

    Near are causes whose code or title has what is given in it, and codes that look alike.
    """
    if cause := CAUSES.get(code.upper()):
        return cause
    holding = [c.code for c in CAUSES.values() if code.lower() in f"{c.code} {c.title}".lower()]
    alike = difflib.get_close_matches(code.upper(), CAUSES, n=NEAR)
    near = [f"{c} ({CAUSES[c].title})" for c in dict.fromkeys([*holding, *alike])]
    hint = f"; did you mean {listing(near[:NEAR])}?" if near else ";"
    raise ParameterError("code", f"there is no {code!r}{hint} `fedwhy explain` lists all")
