from .annealing import (
    MOVE_KINDS as MOVE_KINDS,
    AnnealingParameters as AnnealingParameters,
    Cache as Cache,
    Chains as Chains,
    annealed as annealed,
    chains_placed as chains_placed,
)
from .construction import insertion_losses as insertion_losses
from .exchanges import Effects as Effects, exchange_effects as exchange_effects
from .expansion import (
    Expansions as Expansions,
    best_expansions as best_expansions,
    grown as grown,
    inputs_spread as inputs_spread,
    outputs as outputs,
)
from .grand_canonical import (
    GROWTH_KINDS as GROWTH_KINDS,
    Growth as Growth,
    GrowthCache as GrowthCache,
    GrowthParameters as GrowthParameters,
    Networks as Networks,
    ensemble_placed as ensemble_placed,
    grown_canonically as grown_canonically,
)
from .memory import check_memory as check_memory, rows_that_fit as rows_that_fit
from .metropolis import Counts as Counts
from .mixtures import Mixture as Mixture, Rows as Rows, mixture as mixture, room_for as room_for, tiled as tiled
from .moves import (
    NEIGHBOURHOODS as NEIGHBOURHOODS,
    Moves as Moves,
    Neighbourhood as Neighbourhood,
    as_moves as as_moves,
    exchanges as exchanges,
    of_segments as of_segments,
    union as union,
)
from .neighbourhood import (
    Way as Way,
    best_way as best_way,
    input_states as input_states,
    kernel_agrees as kernel_agrees,
    path_losses as path_losses,
)
from .network import (
    Pieces as Pieces,
    Problem as Problem,
    first_rows as first_rows,
    split_rows as split_rows,
    to_device as to_device,
)
from .nonlinear_probes import rollout_probe_errors as rollout_probe_errors, unit_probe_errors as unit_probe_errors
from .optimisers import OPTIMISERS as OPTIMISERS
from .paths import Plan as Plan, plan as plan
from .prepending import prepended_losses as prepended_losses, suffix_losses as suffix_losses
from .probe_expansion import Fits as Fits, best_probed as best_probed
from .probing import input_gains as input_gains, partner_gains as partner_gains
from .relaxation import (
    NormalEquations as NormalEquations,
    gauss_newton_step as gauss_newton_step,
    jacobian as jacobian,
    mixed as mixed,
    normal_equations as normal_equations,
)
from .screening import first_order_changes as first_order_changes, predicted_losses as predicted_losses
from .training import (
    Learner as Learner,
    Training as Training,
    dealt as dealt,
    learner as learner,
    trained as trained,
    training_flops as training_flops,
    training_loss as training_loss,
    training_placed as training_placed,
)
