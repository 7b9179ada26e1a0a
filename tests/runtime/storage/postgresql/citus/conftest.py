"""Tests of what a Citus cluster has and one server has not; collected only with a coordinator's URL."""

from tests.support.citus import coordinator

collect_ignore_glob = [] if coordinator() else ["test_*.py"]
