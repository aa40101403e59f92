"""The public names of the package: this list is the only one; ``__init__.py`` reads it."""

from fit_avatar.avatar import Avatar as Avatar
from fit_avatar.body import load_body as load_body
from fit_avatar.energies import Term as Term
from fit_avatar.energies import energy as energy
from fit_avatar.fitting import Schedule as Schedule
from fit_avatar.fitting import preset as preset
from fit_avatar.scripting import fit_capture as fit_capture
from fit_avatar.scripting import fit_images as fit_images
from fit_avatar.scripting import fit_video as fit_video
from fit_avatar.scripting import track_video as track_video
from fit_avatar.solvers import solve as solve

__all__: list[str]
__version__: str
