"""The catalogue: every algorithm with what it remedies and what its clients keep."""

from collections.abc import Callable
from typing import NamedTuple

from fedwhy.algorithms.afl import afl
from fedwhy.algorithms.algorithm import Algorithm
from fedwhy.algorithms.apfl import apfl
from fedwhy.algorithms.cfl import cfl
from fedwhy.algorithms.ditto import ditto
from fedwhy.algorithms.fedadagrad import fedadagrad
from fedwhy.algorithms.fedadam import fedadam
from fedwhy.algorithms.fedala import fedala
from fedwhy.algorithms.fedasync import fedasync
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.fedavgm import fedavgm
from fedwhy.algorithms.fedbn import fedbn
from fedwhy.algorithms.fedbuff import fedbuff
from fedwhy.algorithms.fedcm import fedcm
from fedwhy.algorithms.feddc import feddc
from fedwhy.algorithms.feddyn import feddyn
from fedwhy.algorithms.fedexp import fedexp
from fedwhy.algorithms.fedlin import fedlin
from fedwhy.algorithms.fednova import fednova
from fedwhy.algorithms.fedper import fedper
from fedwhy.algorithms.fedprox import fedprox
from fedwhy.algorithms.fedrep import fedrep
from fedwhy.algorithms.fedsgd import fedsgd
from fedwhy.algorithms.fedyogi import fedyogi
from fedwhy.algorithms.fixbn import fixbn
from fedwhy.algorithms.ifca import ifca
from fedwhy.algorithms.lg_fedavg import lg_fedavg
from fedwhy.algorithms.mime import mime, mimelite
from fedwhy.algorithms.moon import moon
from fedwhy.algorithms.perfedavg import perfedavg
from fedwhy.algorithms.pfedme import pfedme
from fedwhy.algorithms.qffl import qffl
from fedwhy.algorithms.scaffold import scaffold


class Entry(NamedTuple):
    """An algorithm: the function that builds it, what it remedies, what its clients keep."""

    build: Callable[..., Algorithm]
    remedies: str
    keeps: str = "nothing"


CATALOGUE = (
    Entry(fedsgd, "drift, by not training locally: one exact gradient a round"),
    Entry(fedavg, "many rounds: clients train locally in between"),
    Entry(fedavgm, "updates that swing from round to round: momentum at the server"),
    Entry(fedprox, "drift: clients are held near the global model"),
    Entry(fedadagrad, "parameters that learn at different speeds: adaptive steps at the server"),
    Entry(fedadam, "parameters that learn at different speeds: adaptive steps at the server"),
    Entry(fedyogi, "parameters that learn at different speeds: adaptive steps at the server"),
    Entry(fedexp, "many rounds: a server step that grows where updates disagree"),
    Entry(fedasync, "waiting for slow clients: every report moves the model at once"),
    Entry(fedbuff, "waiting for slow clients: the server steps after every few reports"),
    Entry(scaffold, "drift: control variates correct every gradient", keeps="a control variate"),
    Entry(fednova, "uneven numbers of local steps: updates are normalised by them"),
    Entry(feddyn, "drift: a linear term bends each client's loss", keeps="a gradient"),
    Entry(feddc, "drift: kept apart, and added to what is sent", keeps="its drift and last update"),
    Entry(fedcm, "drift: every local step goes partly along the global momentum"),
    Entry(fedlin, "drift: gradients exchanged first correct every local one", keeps="a gradient"),
    Entry(mime, "drift and noisy batches: local steps mimic a central optimizer's"),
    Entry(mimelite, "drift of adaptive optimizers: their statistics are the server's"),
    Entry(fixbn, "batches of clients that differ: statistics of all, fixed after some rounds"),
    Entry(moon, "drift of representations: held near the global ones", keeps="its last model"),
    Entry(qffl, "clients that the model serves badly: high losses count more", keeps="its loss"),
    Entry(afl, "clients that the model serves badly: the worst mixture of clients counts"),
    Entry(ditto, "one model for all: each client trains its own near it", keeps="its own model"),
    Entry(pfedme, "one model for all: Moreau envelopes", keeps="its own model"),
    Entry(perfedavg, "one model for all: it adapts in a step", keeps="its adapted model"),
    Entry(apfl, "one model for all: mixed with each client's own", keeps="its own model, alpha"),
    Entry(
        fedala,
        "one model for all: clients begin from a mixture of old and new",
        keeps="its own model, mixing weights",
    ),
    Entry(ifca, "clients of several kinds: k models, each takes its best", keeps="its cluster"),
    Entry(cfl, "clients of several kinds: splits them by their updates", keeps="its place"),
    Entry(fedper, "clients that need different answers: own last layers", keeps="its last layer"),
    Entry(fedrep, "clients that need different answers: own heads, fitted first", keeps="its head"),
    Entry(lg_fedavg, "clients that see differently: own lower layers", keeps="its lower layers"),
    Entry(fedbn, "features that differ: own normalisation", keeps="its normalisation layers"),
)

ALGORITHMS = {entry.build.__name__: entry.build for entry in CATALOGUE}
