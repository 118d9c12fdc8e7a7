"""Messages of the kubelet's gRPC services, generated from the .proto files beside this one.

Made at the root of the project, with grpcio-tools (the second line keeps strict type checks off generated code):
``python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. adapters/kubelet/pb/*.proto``
``sed -i '1i # mypy: ignore-errors' adapters/kubelet/pb/*.pyi``
"""
