"""The generated messages are those of the .proto files beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from adapters.kubelet.pb import dra_v1_pb2, dra_v1beta1_pb2, health_v1_pb2, health_v1alpha1_pb2, registration_pb2

TOP = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "module",
    [dra_v1_pb2, dra_v1beta1_pb2, health_v1_pb2, health_v1alpha1_pb2, registration_pb2],
    ids=lambda module: module.DESCRIPTOR.name,
)
def test_generated_code_is_up_to_date(module: Any, tmp_path: Path) -> None:
    name, out = module.DESCRIPTOR.name, tmp_path / "descriptors"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--descriptor_set_out={out}", name]
    subprocess.run(command, cwd=TOP, check=True, timeout=60)
    (made,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    generated = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
    for message in (*made.message_type, *generated.message_type):
        _clear_json_names(message)
    assert generated == made


def test_forking_support_of_grpc_is_off() -> None:
    code = "import adapters.kubelet.plugin, os; print(os.environ['GRPC_ENABLE_FORK_SUPPORT'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0\n"


def _clear_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        _clear_json_names(nested)
