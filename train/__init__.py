"""How the network learns."""

import detector  # noqa: F401  (before mmdet)
