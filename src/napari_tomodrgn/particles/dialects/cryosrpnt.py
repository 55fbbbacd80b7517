"""cryoSRPNT's simulated image series: the columns of Warp's, without micrograph name and coordinates."""

from napari_tomodrgn.particles.dialects.base import Dialect
from napari_tomodrgn.particles.dialects.warp import IMAGE_SERIES, read
from napari_tomodrgn.particles.forward_model import ForwardModel

DIALECT = Dialect(
    name="cryosrpnt",
    forward_model=ForwardModel(1, "none", "after", "300kv", "dark", "keep", "none"),
    needs=IMAGE_SERIES,
    excludes=("rlnTomoName", "rlnMicrographName", "rlnCoordinateX"),
    read=read,
)
