"""How many examples the property tests try: few for every change, many at night.

The environment variable AUDITWRIGHT_HYPOTHESIS_PROFILE chooses the profile, `ci` (the default) or `nightly`.
A profile takes a multiple of the number that a test gives: `@settings(max_examples=examples(60))`.
"""

import os

from hypothesis import HealthCheck, settings

PROFILES = {"ci": 0.4, "nightly": 20}
"""By profile, how many times its number of examples a test tries."""
PROFILE = os.environ.get("AUDITWRIGHT_HYPOTHESIS_PROFILE") or "ci"

for _name, _factor in PROFILES.items():
    settings.register_profile(
        _name,
        max_examples=round(100 * _factor),
        deadline=None,  # a busy machine is no failure
        # Fixtures are made once for all examples; the tests of this project are written for that.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile(PROFILE)  # an unknown name ends the run with an error


def examples(count: int) -> int:
    """The number of examples under the profile of this run."""
    return max(1, round(count * PROFILES[PROFILE]))
