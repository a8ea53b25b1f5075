"""Every cause by its code."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes import clients, data, evaluation, model, privacy, server, training

CAUSES: dict[str, Cause] = {
    cause.code: cause
    for group in (data, model, training, server, evaluation, clients, privacy)
    for cause in group.CAUSES
}
