"""Protobuf messages of ttrpc and NRI, generated from the .proto files beside (see README)."""
