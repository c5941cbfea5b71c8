"""Whether validation results are meaningful: enough faces, and no near-duplicates of training images."""

from collections.abc import Sequence

from facedet.common.errors import UserError
from facedet.common.parallel import map_ahead
from facedet.data.image import read_image
from facedet.data.inspect.hashing import Fingerprint, fingerprint
from facedet.data.inspect.near import groups_of_near_duplicates
from facedet.data.structures import AnnotatedDataset, Photo

_FEW = 10
_MOST_IMAGES, _MOST_PIXELS = 2_000, 2e9  # of both datasets, to be compared: about 15 seconds on two cores


def warnings_about(train: AnnotatedDataset, val: AnnotatedDataset) -> list[str]:
    """One line for each reason why results on `val` will mislead, with a remedy."""
    lines = []
    shared = shared_images(train.photos, val.photos)
    if shared:
        lines.append(
            f"{len(shared)} of {len(val.photos)} validation images are near-duplicates of training images (first: "
            f"{shared[0].path}), so results will be too good; `facedet data split` keeps such images together"
        )
    with_faces = sum(not photo.ignored.all() for photo in val.photos)
    if with_faces <= _FEW:
        lines.append(
            f"only {with_faces} of the validation images have faces, so results will be rough; `facedet data split` "
            "chooses more"
        )
    return lines


def shared_images(train: Sequence[Photo], val: Sequence[Photo]) -> list[Photo]:
    """The validation images that are near-duplicates of a training image.

    Decodes all images, so large datasets are not compared: nothing is found if both together have more than 2,000
    images or 2 gigapixels.
    """
    photos = [*train, *val]
    if len(photos) > _MOST_IMAGES or sum(photo.width * photo.height for photo in photos) > _MOST_PIXELS:
        return []
    groups = groups_of_near_duplicates(list(map_ahead(_fingerprint, photos)))
    return [photos[k] for group in groups if group[0] < len(train) for k in group if k >= len(train)]


def _fingerprint(photo: Photo) -> Fingerprint | None:
    try:
        return fingerprint(read_image(photo.path))
    except UserError:  # training reports it
        return None
