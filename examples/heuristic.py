"""A hand-written scheduler, the square-root rule, and how far from the certified optimum it is.

python examples/heuristic.py [preset]

Near delay 0 every second costs a head A B of its benefit B exp(-A T). What takes a/x seconds with x of a resource that costs p
each then loses A B a/x + p x, least at x = sqrt(A B a / p): CPU and uplink of every head follow at once, without a solver.
"""

import sys

import numpy as np

import twingap
from twingap.opt.local_equations import training_work, upload_time, weakest_peer
from twingap.opt.rates import spectral_efficiency
from twingap.rl.observation import Observation


def square_root_rule(observation: Observation) -> twingap.Decision:
    """Absolute amounts [env, ...]; where they exceed a budget, a capacity or the true CPU, twingap scales them down."""
    local, global_ = observation.twin.local, observation.twin.global_
    return twingap.Decision(_heads(local), _committees(global_))


def _heads(part):
    per_second = part.decay * part.benefit
    price = part.spectrum_cost * part.subchannel_hz
    upload = upload_time(part, np.ones_like(part.cpu_max_hz))
    multicast = 1.0 / np.sqrt(spectral_efficiency(weakest_peer(part)))
    return twingap.LocalDecision(
        uplink=np.sqrt(per_second * upload / price),
        cpu_hz=np.sqrt(per_second * training_work(part) / part.cpu_cost),
        # All heads wait for the mean multicast time, which a total is best spent on like this.
        multicast=0.6 * part.subchannels_max * multicast / multicast.sum(axis=-1, keepdims=True),
    )


def _committees(part):
    real = part.layout.is_delegate
    # Every AP goes to the manager that it reaches best; who finds it full is moved.
    rates = spectral_efficiency(part.sinr_access)
    access = rates.argmax(axis=-2)
    request = np.sqrt(np.take_along_axis(part.block_bits[..., None] / rates, access[..., None, :], axis=-2)[..., 0, :])
    weakest = np.where(part.layout.is_link, spectral_efficiency(part.sinr_peer), np.inf).min(axis=-1)
    relay = np.sqrt(np.where(real, part.block_bits[..., None] / weakest, 0.0))
    total = request.sum(axis=-1) + relay.sum(axis=(-2, -1))
    each = part.subchannels_max / total
    # Delegates verify side by side: equal times t, with the t that balances A B t against cpu_cost * cycles / t.
    cycles = part.cycles.sum(axis=-1, keepdims=True)
    seconds = np.sqrt(part.cpu_cost * cycles / (part.decay * part.benefit))
    return twingap.GlobalDecision(
        access=access,
        request=request * each[..., None],
        cpu_hz=np.broadcast_to(part.cycles / seconds, part.cpu_max_hz.shape),
        multicast=relay * each[..., None, None],
    )


def main(preset: str = "tiny") -> twingap.GapReport:
    policies = {"square_root_rule": square_root_rule} | {name: name for name in ("certainty_equivalent", "oracle", "static")}
    report = twingap.measure_gap(policies, preset=preset, sigma=[0.0, 0.1], epochs=20, episode_length=5)
    table = report.anatomy().table.query("part == 'sum'")
    print(table[["policy", "sigma", "gap", "slack", "twin", "own"]].to_string(index=False))
    return report


if __name__ == "__main__":
    main(*sys.argv[1:])
