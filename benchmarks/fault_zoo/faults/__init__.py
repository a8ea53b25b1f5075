"""Every fault of the zoo, by name."""

from fault_zoo.fault import Fault
from fault_zoo.faults import clients, data, evaluation, labels, model, privacy, server, training

FAULTS: dict[str, Fault] = {
    each.name: each
    for group in (data, labels, model, training, server, evaluation, clients, privacy)
    for each in group.FAULTS
}
