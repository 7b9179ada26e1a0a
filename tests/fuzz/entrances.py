"""The table of all entrances."""

from tests.fuzz.campaign import Entrance
from tests.fuzz.entrances_reading import READING, VIEWS
from tests.fuzz.entrances_recording import RECORDING
from tests.fuzz.entrances_setup import SETUP
from tests.fuzz.entrances_web import WEB

ENTRANCES: tuple[Entrance, ...] = (*RECORDING, *READING, VIEWS, *SETUP, *WEB)
BY_NAME = {entrance.name: entrance for entrance in ENTRANCES}
