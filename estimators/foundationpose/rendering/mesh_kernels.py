"""What a pose looks at, for warp's kernels: its camera, its mesh, and where vertices are seen.

Every pose has its own mesh, camera and window: rows of ``tables.Tables``. Corners are placed anew wherever they are
needed: that costs less than keeping them.
"""

import warp as wp

from estimators.foundationpose.rendering.base import FAR_M, NEAR_M
from estimators.foundationpose.rendering.tables import COLORS as PAINT
from estimators.foundationpose.rendering.tables import FACE_COUNT as FACES_OF
from estimators.foundationpose.rendering.tables import FACES, HEIGHT_T, NORMALS, TEXTURE, UV, VERTICES, WIDTH_T
from estimators.foundationpose.rendering.tables import VERTEX_COUNT as VERTICES_OF

wp.set_module_options({"enable_backward": False})

_NEAR, _FAR = wp.constant(NEAR_M), wp.constant(FAR_M)
_VERTICES, _NORMALS, _FACES = wp.constant(VERTICES), wp.constant(NORMALS), wp.constant(FACES)
_UV, _TEXTURE, _PAINT = wp.constant(UV), wp.constant(TEXTURE), wp.constant(PAINT)
_VERTEX_COUNT, _FACE_COUNT = wp.constant(VERTICES_OF), wp.constant(FACES_OF)
_HEIGHT_T, _WIDTH_T = wp.constant(HEIGHT_T), wp.constant(WIDTH_T)


@wp.struct
class Eye:
    """What one pose is looked at with: the camera, and the window that fills the picture."""

    pose: wp.mat44
    K: wp.mat33
    window: wp.vec4
    height: wp.int32
    width: wp.int32


@wp.struct
class Mesh:
    """Where a mesh lies in memory."""

    vertices: wp.uint64
    normals: wp.uint64
    faces: wp.uint64
    uv: wp.uint64
    texture: wp.uint64
    paint: wp.uint64
    vertex_count: wp.int32
    face_count: wp.int32
    texture_height: wp.int32
    texture_width: wp.int32


@wp.func
def eye_of(
    n: wp.int32, poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], windows: wp.array[wp.vec4],
    height: wp.int32, width: wp.int32,
):  # fmt: skip
    """The row of a pose."""
    eye = Eye()
    eye.pose = poses[n]
    eye.K = wp.mat33(cameras[n])
    eye.window = windows[n]
    eye.height = height
    eye.width = width
    return eye


@wp.func
def mesh_of(n: wp.int32, pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32]):
    """The mesh of a pose."""
    mesh = Mesh()
    mesh.vertices = pointers[n, _VERTICES]
    mesh.normals = pointers[n, _NORMALS]
    mesh.faces = pointers[n, _FACES]
    mesh.uv = pointers[n, _UV]
    mesh.texture = pointers[n, _TEXTURE]
    mesh.paint = pointers[n, _PAINT]
    mesh.vertex_count = counts[n, _VERTEX_COUNT]
    mesh.face_count = counts[n, _FACE_COUNT]
    mesh.texture_height = counts[n, _HEIGHT_T]
    mesh.texture_width = counts[n, _WIDTH_T]
    return mesh


@wp.func
def corners(mesh: Mesh, f: wp.int32):
    """The numbers of a face's vertices."""
    faces = wp.array(ptr=mesh.faces, shape=(mesh.face_count, 3), dtype=wp.int32)
    return wp.vec3i(faces[f, 0], faces[f, 1], faces[f, 2])


@wp.func
def placed(mesh: Mesh, eye: Eye, i: wp.int32):
    """A vertex in the camera's frame."""
    vertices = wp.array(ptr=mesh.vertices, shape=(mesh.vertex_count,), dtype=wp.vec3)
    return wp.transform_point(eye.pose, vertices[i])


@wp.func
def lit(mesh: Mesh, eye: Eye, i: wp.int32):
    """How much a vertex faces the camera, 0 to 1."""
    normals = wp.array(ptr=mesh.normals, shape=(mesh.vertex_count,), dtype=wp.vec3)
    facing = wp.transform_vector(eye.pose, normals[i])
    return wp.clamp(-facing[2], 0.0, 1.0)


@wp.func
def on_screen(eye: Eye, point: wp.vec3):
    """Column and row in pixels (rows upwards) and 1/z, which is -1 for what cannot be drawn."""
    if point[2] < _NEAR or point[2] > _FAR:
        return wp.vec3(0.0, 0.0, -1.0)
    w = 1.0 / point[2]
    u = (eye.K[0, 0] * point[0] + eye.K[0, 1] * point[1]) * w + eye.K[0, 2]
    v = eye.K[1, 1] * point[1] * w + eye.K[1, 2]
    x = (u - eye.window[0]) * (float(eye.width) / (eye.window[2] - eye.window[0]))
    y = (eye.window[3] - v) * (float(eye.height) / (eye.window[3] - eye.window[1]))
    return wp.vec3(x, y, w)
