"""`tf.train.Example` as Google's own protobuf library knows it, to compare with."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

LIST_TYPES = {"bytes": 12, "float": 2, "int64": 3}  # Numbers of FieldDescriptorProto.Type.


def example_class(packed: bool = True) -> Any:
    """The message class, with numbers packed into one field each or not."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"example_{packed}.proto", package=f"p{packed}", syntax="proto3"
    )
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (kind, type_number) in enumerate(LIST_TYPES.items(), 1):
        values = file.message_type.add(name=f"{kind}_list")
        value = values.field.add(name="value", number=1, label=3, type=type_number)
        if kind != "bytes":
            value.options.packed = packed
        name = f".p{packed}.{kind}_list"
        feature.field.add(
            name=f"{kind}_list", number=number, label=1, type=11, type_name=name, oneof_index=0
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=1, type=9)
    entry.field.add(name="value", number=2, label=1, type=11, type_name=f".p{packed}.Feature")
    entry_name = f".p{packed}.Features.FeatureEntry"
    features.field.add(name="feature", number=1, label=3, type=11, type_name=entry_name)
    example = file.message_type.add(name="Example")
    name = f".p{packed}.Features"
    example.field.add(name="features", number=1, label=1, type=11, type_name=name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"p{packed}.Example"))


PACKED, UNPACKED = example_class(), example_class(packed=False)


def serialize(features: dict[str, tuple[str, list]], packed: bool = True) -> bytes:
    """An example of `{name: (kind, values)}`."""
    example = (PACKED if packed else UNPACKED)()
    for name, (kind, values) in features.items():
        holder = getattr(example.features.feature[name], f"{kind}_list")
        holder.SetInParent()
        holder.value.extend(values)
    return example.SerializeToString()
