"""How large a picture on a mesh may be, for everybody who reads meshes."""

import warnings

MOST_TEXTURE_PX = 8192 * 8192
"""Pixels; decoded that is 200 MB. A file of some kB can claim any number."""


def limit_textures() -> None:
    """Make Pillow, and so trimesh, refuse larger pictures in this process before memory is taken for them.

    A mesh with such a picture is read without it.
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_TEXTURE_PX // 2  # Pillow refuses twice of it, and warns from there on
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
