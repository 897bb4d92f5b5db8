"""What all tests share: reproducible hypothesis runs and the place of the real rollouts."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real rollouts; tests that need it skip, with the reason, where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real rollouts are not here: {folder}")
    return folder
