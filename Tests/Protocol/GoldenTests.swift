// The golden samples: one line for every sample, with the frame in both encodings, for this hub and for
// the authors of other clients. `scripts/golden` writes them anew; these tests compare byte for byte.
//
//     {"name":"ping","proto":"0408032200","json":{"id":3,"ping":{}}}
//
// `proto` is in hexadecimal, with the length in front, as a binary WebSocket message has it. The same
// frames, one and many in a message, are what fuzzing begins with.

import Glibc
import Model
import Testing
import Wire

@Suite struct GoldenTests {
    static let isWriting = getenv("HUB_GOLDEN").map { String(cString: $0) } == "write"

    @Test func client() throws {
        try check("client.ndjson", Samples.client.map { sample in
            line(sample.name) { ProtocolCodec.append(sample.frame, $0, to: &$1) }
        })
        try writeSeeds("client", selector: "0", Samples.client) { ProtocolCodec.append($0, $1, to: &$2, isFirst: $3) }
    }

    @Test func server() throws {
        try check("server.ndjson", Samples.server.map { sample in
            line(sample.name) { ProtocolCodec.append(sample.frame, $0, to: &$1) }
        })
        try writeSeeds("server", selector: "1", Samples.server) { ProtocolCodec.append($0, $1, to: &$2, isFirst: $3) }
    }

    /// The first byte tells the fuzz targets which side reads. Each frame alone, and all in one message.
    private func writeSeeds<Frame>(
        _ side: String, selector: Unicode.Scalar, _ samples: [Sample<Frame>],
        _ append: (Frame, Encoding, inout [UInt8], Bool) -> Void
    ) throws {
        guard Self.isWriting else { return }
        for (encoding, target) in [(Encoding.json, "JSONCommandsFuzz"), (.proto, "ProtoCommandsFuzz")] {
            var all = [UInt8(ascii: selector)]
            for (number, sample) in samples.enumerated() {
                var one = [UInt8(ascii: selector)]
                append(sample.frame, encoding, &one, true)
                append(sample.frame, encoding, &all, number == 0)
                try Files.write(one, to: "../Fuzz/Corpus/\(target)/\(side)-\(number)")
            }
            try Files.write(all, to: "../Fuzz/Corpus/\(target)/\(side)")
        }
    }

    private func line(_ name: String, _ append: (Encoding, inout [UInt8]) -> Void) -> String {
        var json: [UInt8] = []
        var proto: [UInt8] = []
        append(.json, &json)
        append(.proto, &proto)
        let hex = hexadecimal(proto)
        return #"{"name":"\#(name)","proto":"\#(hex)","json":\#(String(decoding: json, as: UTF8.self))}"#
    }

    private func check(_ name: String, _ lines: [String]) throws {
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        if Self.isWriting { try Files.write(text, to: "Golden/\(name)") }
        let isSame = try Files.read("Golden/\(name)") == text
        #expect(isSame, "\(name) differs: look at the change, then run scripts/golden")
    }
}

func hexadecimal(_ bytes: [UInt8], separator: String = "") -> Substring {
    Substring(bytes.map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined(separator: separator))
}

/// docs/hub.v1.proto is read by protobuf's own implementation, which must understand the samples.
@Suite struct ContractTests {
    /// Every alternative of both frames has a sample under its name and its number.
    @Test func everyMessageHasASample() throws {
        let contract = try Files.text("../../docs/hub.v1.proto")
        let client = try alternatives(of: "ClientFrame", in: contract)
        let server = try alternatives(of: "ServerFrame", in: contract)
        #expect(client.count == 23)
        #expect(server.count == 23)
        #expect(client == sampled(Samples.client.map { ($0.name, $0.frame.id) }) { index, bytes in
            ProtocolCodec.append(Samples.client[index].frame, .proto, to: &bytes)
        })
        #expect(server == sampled(Samples.server.map { ($0.name, $0.frame.id) }) { index, bytes in
            ProtocolCodec.append(Samples.server[index].frame, .proto, to: &bytes)
        })
    }

    private func alternatives(of message: String, in contract: String) throws -> [String: UInt64] {
        let body = try #require(contract.firstMatch(
            of: try Regex("message \(message) \\{([^}]*)\\}", as: (Substring, Substring).self))).output.1
        var numbers: [String: UInt64] = [:]
        for field in body.matches(of: /[A-Z]\w+ (\w+) = (\d+);/) {
            numbers[String(field.output.1)] = UInt64(field.output.2)
        }
        return numbers
    }

    /// The number behind the length and the id of a frame.
    private func sampled(
        _ names: [(String, UInt32)], _ append: (Int, inout [UInt8]) -> Void
    ) -> [String: UInt64] {
        var numbers: [String: UInt64] = [:]
        for (index, (name, id)) in names.enumerated() {
            var bytes: [UInt8] = []
            append(index, &bytes)
            var at = 0
            func varint() -> UInt64 {
                var value: UInt64 = 0
                var shift: UInt64 = 0
                repeat {
                    value |= UInt64(bytes[at] & 0x7F) << shift
                    shift += 7
                    at += 1
                } while bytes[at - 1] >= 0x80
                return value
            }
            _ = varint()
            if id != 0 { _ = (varint(), varint()) }
            numbers[String(name.prefix { $0 != "-" })] = varint() >> 3
        }
        return numbers
    }

    @Test(.enabled(if: Oracle.isInstalled, "needs protoc and python3-protobuf"))
    func protobufUnderstandsEverySample() throws {
        let (status, output) = try Oracle.run("check client.ndjson server.ndjson")
        #expect(status == 0, "\(output)")
        let count = Samples.client.count + Samples.server.count
        #expect(output.contains("\(count) samples agree"), "\(output)")
    }

    /// What protobuf writes, at random, is read the same from both encodings.
    @Test(.enabled(if: Oracle.isInstalled, "needs protoc and python3-protobuf"))
    func whatProtobufWritesIsRead() throws {
        let (status, output) = try Oracle.run("random 400")
        #expect(status == 0)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 800)
        for line in lines {
            let parts = line.split(separator: "\t", maxSplits: 2)
            let json = Array(parts[2].utf8)
            let proto = bytes(hex: parts[1])
            if parts[0] == "ClientFrame" {
                let frame = try #require(try clientFrames(proto, .proto).first?.get(), "\(line)")
                #expect(clientFrames(json, .json) == [.success(frame)], "\(line)")
                var written: [UInt8] = []
                ProtocolCodec.append(frame, .proto, to: &written)
                #expect(written == proto, "\(line)")
            } else {
                let frame = try #require(try serverFrames(proto, .proto).first?.get(), "\(line)")
                #expect(serverFrames(json, .json) == [.success(frame)], "\(line)")
            }
        }
    }

    private func bytes(hex: Substring) -> [UInt8] {
        let digits = hex.utf8.map { UInt8($0 < 0x40 ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
