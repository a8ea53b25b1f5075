"""Which pieces have a meaning in a row: chains without one are refused, with the reason."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from jax.typing import ArrayLike

from fedwhy.aggregators.aggregator import Aggregator, nothing
from fedwhy.aggregators.link import Link
from fedwhy.errors import ParameterError


def noise_of(links: Sequence[Link]) -> Link | None:
    """The link that adds noise to the aggregate; None without one."""
    return next((link for link in links if link.traits.noisy and not link.privacy), None)


def norm_of_unpacked(links: Sequence[Link]) -> Callable[[Sequence[Any]], ArrayLike] | None:
    """The norm to which the server clips what it has unpacked, of links' states; None for none.

    It does so where noise on the aggregate rests on a norm, and a link packs: what is unpacked may
    be longer than what was clipped.
    """
    if noise_of(links) is None or not any(link.traits.packs for link in links):
        return None
    clipping = [(number, link.most) for number, link in enumerate(links) if link.most]
    if not clipping:
        return None
    number, most = clipping[-1]
    return lambda states: most(states[number])


def check_meaning(links: Sequence[Link], rule: Aggregator) -> None:
    """Raises `ParameterError` where the pieces have no meaning in this order."""
    check_privacy(links, rule)
    bounded = False
    for number, link in enumerate(links):
        if link.traits.noisy and not (bounded or link.privacy):
            raise ParameterError(
                "chain",
                f"{link.name} hides a client only where its part is bounded: put clip(...) before",
            )
        if link.traits.noisy and rule.traits.counts:
            raise ParameterError(
                "chain",
                f"after {link.name}, weights would tell what noise should hide, clients' numbers "
                f'of examples; take {rule.name}("uniform")',
            )
        if link.traits.packs and number + 1 < len(links):
            raise ParameterError(
                "chain",
                f"{link.name} makes the update small for its way, so {links[number + 1].name} "
                "would undo it; let it come last, before the rule",
            )
        if link.traits.packs and rule.traits.hides:
            raise ParameterError(
                "chain", f"what {link.name} packs cannot be summed as it is by {rule.name}"
            )
        bounded = link.traits.bounds or (bounded and link.enrol is nothing)
    central, clipped = noise_of(links), norm_of_unpacked(links) is not None
    longer = [link for link in links if link.traits.packs and not clipped]
    longer += [link for link in links if link.traits.carries and not link.traits.packs]
    longer += [rule] if rule.traits.packs or rule.traits.carries else []  # A chain of its own.
    if central and longer:
        raise ParameterError(
            "chain",
            f"what {longer[0].name} makes of a clipped update may be longer than clip(...) allows, "
            f"so {central.name} would hide too little; take one of them, or local_noise() first",
        )
    if central and (rule.stacks or rule.traits.alike):
        raise ParameterError(
            "chain",
            f"{central.name} hides a client in a mean; how far one moves what {rule.name} makes of "
            'all messages is not known. Take mean("uniform"), or local_noise()',
        )
    if central and not (bounded or clipped):
        raise ParameterError(
            "chain",
            f"after clip(...), a link adds what a client has kept from earlier rounds, so that "
            f"nothing bounds what {central.name} should hide; clip after it",
        )


def check_privacy(links: Sequence[Link], rule: Aggregator) -> None:
    """Raises `ParameterError` where a guarantee of privacy would not hold."""
    private = [piece for piece in (*links, rule) if piece.privacy]
    if len(private) > 1:
        names = " and ".join(piece.name for piece in private)
        raise ParameterError("chain", f"{names} each give a guarantee of their own; take one")
    if not private:
        return
    hiding = private[0]
    instead = (
        "(a clipping norm that moves privately is private_mean(clip=AdaptiveClip()))"
        if hiding is rule
        else f"or put it after {hiding.name}"
    )
    for link in takewhile(lambda link: link is not hiding, links):
        if link.init is not nothing:
            raise ParameterError(
                "chain",
                f"{link.name} learns at the server from what clients report, which {hiding.name} "
                f"does not hide; leave it out {instead}",
            )


def check_weighs(wrapper: str, aggregator: Aggregator) -> None:
    """Raises `ParameterError` unless the trust that `wrapper` sets can weigh messages.

    It is computed by the server from updates as clients have them, so there must be single ones for
    it to see, and it would tell of them what noise hides; and a rule that counts all messages alike
    has no use for it.
    """
    if aggregator.privacy is not None:
        raise ParameterError(
            "algorithm",
            f"{wrapper} weighs updates by what they are before {aggregator.name} hides them, so "
            "that the guarantee of privacy would not hold; leave one of them out",
        )
    if aggregator.traits.alike:
        raise ParameterError(
            "algorithm",
            f"{aggregator.name} counts all messages alike, so {wrapper} would change nothing; take "
            "a rule that weighs them, such as mean()",
        )
    if aggregator.traits.hides:
        raise ParameterError(
            "algorithm",
            f"{wrapper} weighs each update by what it looks like, and {aggregator.name} shows the "
            "server their sum only; take mean(), or leave one of them out",
        )
    if aggregator.traits.noisy:
        raise ParameterError(
            "algorithm",
            f"{wrapper} weighs updates by what they are before they are bounded, so that weights "
            f"would tell what the noise of {aggregator.name} should hide; leave one of them out",
        )


def check_sees(wrapper: str, aggregator: Aggregator) -> None:
    """`check_weighs`, for trust that is set before the aggregator's attackers change updates."""
    check_weighs(wrapper, aggregator)
    if aggregator.traits.attacked:
        raise ParameterError(
            "algorithm",
            f"{wrapper} scores updates before attackers change them, so that {aggregator.name} "
            "would be judged by updates that nobody sends; take by_agreement or fltrust, or change "
            "the attackers' examples instead, as fw.shifts.LabelFlip does",
        )
