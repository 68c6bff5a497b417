"""A reconstructed mesh to files that every program reads: OBJ with its texture."""

from pathlib import Path

import cv2

from estimators.mesh import Mesh


def write_mesh(mesh: Mesh, folder: Path) -> Path:
    """Write ``mesh.obj`` (metres), ``mesh.mtl`` and ``texture.png``; files of those names are replaced.

    Args:
        mesh: With a texture.
        folder: Made where it is not there.

    Returns:
        The OBJ file.

    Raises:
        ValueError: A mesh without a texture.
    """
    if mesh.uv is None or mesh.texture is None:
        msg = f"mesh {mesh.name}: expected a texture, got none"
        raise ValueError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "texture.png"), cv2.cvtColor(mesh.texture, cv2.COLOR_RGB2BGR))
    (folder / "mesh.mtl").write_text("newmtl photos\nKd 1 1 1\nmap_Kd texture.png\n")
    lines = ["mtllib mesh.mtl", "usemtl photos"]
    lines += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in mesh.vertices_m]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in mesh.uv]
    lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in mesh.faces + 1]
    path = folder / "mesh.obj"
    path.write_text("\n".join(lines) + "\n")
    return path
