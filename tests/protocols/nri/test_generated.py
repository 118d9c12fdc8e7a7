"""The committed protobuf code is what the committed .proto files say."""

from __future__ import annotations

from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parents[3]
PROTOS = ("adapters/nri/pb/nri.proto", "adapters/nri/pb/ttrpc.proto")


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    includes = [f"-I{ROOT}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    assert protoc.main(["protoc", *includes, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", *PROTOS]) == 0
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2.py*"))
    assert len(made) == 2 * len(PROTOS)
    for name in made:
        assert _code(tmp_path / name) == _code(ROOT / name), f"{name} is not what the .proto says: see its README"


def _code(path: Path) -> list[str]:
    """The lines that do not depend on the compiler's version."""
    lines = path.read_text().splitlines()
    if "_runtime_version.Domain.PUBLIC," in (line.strip() for line in lines):
        start = lines.index("_runtime_version.ValidateProtobufRuntimeVersion(")
        del lines[start : lines.index(")", start) + 1]
    return [line for line in lines if not line.startswith("# Protobuf Python Version")]
