"""Reads golden samples with protobuf's own implementation (protoc and python3-protobuf).

  oracle.py probe            succeeds when protoc and the protobuf module are there
  oracle.py check FILE...    every sample means the same in both encodings, and is written as
                             protobuf itself would write it
  oracle.py random COUNT     prints COUNT frames of each direction that protobuf wrote:
                             name, binary in hexadecimal with its length in front, JSON

Authors of other clients can run `check` on files of their own in the form of client.ndjson.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import uuid

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.internal.decoder import _DecodeVarint
from google.protobuf.internal.encoder import _VarintBytes

CONTRACT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/hub.v1.proto")


def load():
    """The message classes of the contract, by name."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", f"--proto_path={os.path.dirname(CONTRACT)}",
                        f"--descriptor_set_out={out.name}", CONTRACT], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(files.file[0])
    factory = message_factory.MessageFactory(pool)
    return {m.name: factory.GetPrototype(pool.FindMessageTypeByName("hub.v1." + m.name))
            for m in files.file[0].message_type}


def framed(message):
    body = message.SerializeToString(deterministic=True)
    return _VarintBytes(len(body)) + body


def as_json(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def check(files):
    types = load()
    count = 0
    failures = []
    for name in files:
        frame_type = types["ClientFrame" if name.startswith("client") else "ServerFrame"]
        for line in open(name, encoding="utf-8"):
            sample = json.loads(line)
            count += 1

            def expect(condition, what):
                if not condition:
                    failures.append(f"{name} {sample['name']}: {what}")

            binary = bytes.fromhex(sample["proto"])
            text = json.dumps(sample["json"])
            from_json = json_format.Parse(text, frame_type())
            # Written by protobuf again: equal only if lengths, numbers and order are right and
            # nothing is in it that the contract does not know.
            expect(framed(from_json) == binary, "the binary form is not what protobuf writes")
            length, start = _DecodeVarint(binary, 0)
            expect(length == len(binary) - start, "the length in front is wrong")
            from_binary = frame_type.FromString(binary[start:])
            expect(from_binary == from_json, "the two encodings mean different things")
            expect(len(from_binary.ListFields()) == len(sample["json"]), "fields are missing")
            expect(as_json(from_binary) == sample["json"], "the JSON is not what protobuf writes")
    for failure in failures:
        print(failure)
    print(f"{count} samples agree" if not failures else f"{len(failures)} of {count} samples fail")
    return 1 if failures else 0


IDS = {"channel", "account", "session", "organisation", "id", "event", "sender", "subject",
       "accounts", "parties"}
TEXTS = ["", "x", "Grüße", "世界", "👩‍👩‍👧", "\"\\/\b\f\n\r\t", "\x00\x1f\x7f\u2028", "a" * 200]


def scalar(field, rng):
    if field.enum_type:
        return rng.choice([v.number for v in field.enum_type.values if v.number])
    if field.type == field.TYPE_STRING:
        return str(uuid.UUID(int=rng.getrandbits(128))) if field.name in IDS else rng.choice(TEXTS)
    if field.type == field.TYPE_BOOL:
        return rng.random() < 0.5
    if field.name in ("at_ms", "token_expires_at_ms", "server_time_ms"):
        return rng.choice([0, 1, 1767225600123, 2**63 - 1])
    if field.type == field.TYPE_UINT64:
        return rng.choice([0, 1, 127, 128, 2**32, 2**53, 2**53 + 1, 2**64 - 1])
    return rng.choice([0, 1, 127, 128, 65535, 2**31 - 1, 2**32 - 1])


def fill(message, rng):
    """Every field gets a value; those that may be absent are absent in a third of all cases."""
    for field in message.DESCRIPTOR.fields:
        if field.label == field.LABEL_REPEATED:
            for _ in range(rng.randrange(4)):
                if field.message_type:
                    fill(getattr(message, field.name).add(), rng)
                else:
                    getattr(message, field.name).append(scalar(field, rng))
        elif field.name in ("after", "gap", "subject") and rng.random() < 0.33:
            continue
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), rng)
        else:
            setattr(message, field.name, scalar(field, rng))
            # The code decides which slug there is, and whether a number is known.
            if field.name == "code":
                message.code = 4001 if message.DESCRIPTOR.name == "Closing" else 302


def print_random(count):
    rng = random.Random(7)
    types = load()
    for name in ("ClientFrame", "ServerFrame"):
        alternatives = [f for f in types[name].DESCRIPTOR.fields if f.name != "id"]
        for index in range(count):
            frame = types[name]()
            frame.id = rng.choice([1, 127, 128, 2**31 - 1])
            body = getattr(frame, alternatives[index % len(alternatives)].name)
            body.SetInParent()
            fill(body, rng)
            text = json_format.MessageToJson(
                frame, indent=None, preserving_proto_field_name=True,
                including_default_value_fields=index % 2 == 1, ensure_ascii=index % 3 == 0)
            print(name, framed(frame).hex(), text, sep="\t")
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        load()
    elif sys.argv[1] == "check":
        sys.exit(check(sys.argv[2:]))
    elif sys.argv[1] == "random":
        sys.exit(print_random(int(sys.argv[2])))
